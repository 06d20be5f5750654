"""What one member reads: the campaign's content in their language, with their own words in its places."""

from functools import lru_cache
from typing import NamedTuple

from app import ids
from app.offers import contents, templates
from app.offers.templates import Template
from notifications.campaigns.claiming import Held, Phone
from notifications.campaigns.mailing import Mailing
from notifications.campaigns.plans import Plan
from notifications.channels.protocol import OutgoingMessage


class Page(NamedTuple):
    """What a variant says in one language, cut at its placeholders."""

    locale: str
    title: Template
    body: Template
    link: str | None
    image_url: str | None


class Pages:
    """The contents of one run, chosen once for each variant and list of languages."""

    def __init__(self, plan: Plan, mailing: Mailing) -> None:
        self._plan = plan
        self._mailing = mailing
        self._choose = lru_cache(maxsize=1024)(self._chosen)
        self._about = {
            "kind": "campaign",
            "program_id": ids.show("program", plan.program_id),
            "campaign_id": ids.show("campaign", plan.campaign_id),
        }
        self._label = plan.campaign_id.hex

    def names(self) -> frozenset[str]:
        """Return what the run's texts may ask for."""
        found: set[str] = set()
        for content in self._plan.contents():
            for words in content.values():
                for text in (words.get("title"), words.get("body")):
                    found |= templates.compile_text(text or "").names
        return frozenset(found)

    def locale(self, held: Held) -> str:
        """Return the language in which a member is written to, the programme's when the run says nothing in any."""
        try:
            return self._choose(held.variant, held.locales).locale
        except LookupError:
            return self._plan.program_locale

    def message(
        self, channel: str, held: Held, phone: Phone | None, *, begin_by: float | None = None
    ) -> OutgoingMessage:
        """Return the message to one phone, or to the member by a channel that needs none.

        Raises LookupError when the run says nothing in any language.
        """
        page = self._choose(held.variant, held.locales)
        values = held.values
        unsubscribe_url = self._mailing.unsubscribe_url(held.member_id) if channel == "email" else None
        if unsubscribe_url:
            values = {**values, "unsubscribe_url": unsubscribe_url}
        return OutgoingMessage(
            delivery_id=held.id,
            address=phone.address if phone else self._address(channel, held),
            address_kind="fid" if phone and phone.address_kind == "fid" else "token",
            platform=phone.platform if phone else "android",
            title=page.title.render(values),
            body=page.body.render(values),
            link=page.link,
            image_url=page.image_url,
            data=self._about,
            program_id=self._plan.program_id,
            analytics_label=self._label,
            priority="normal" if channel == "push" else "high",
            begin_by=begin_by,
            locale=page.locale,
            letterhead=self._mailing.letterhead,
            unsubscribe_url=unsubscribe_url,
        )

    def _chosen(self, variant: str | None, locales: tuple[str | None, ...]) -> Page:
        content = {locale: dict(words) for locale, words in self._plan.content(variant).items()}
        locale, words = contents.choose(content, locales)
        title, body = (templates.compile_text(words.get(name) or "") for name in ("title", "body"))
        return Page(locale, title, body, words.get("link"), words.get("image_url"))

    @staticmethod
    def _address(channel: str, held: Held) -> str:
        return (held.mailbox or "") if channel == "email" else ids.show("member", held.member_id)
