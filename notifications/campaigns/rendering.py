"""What one member reads: the campaign's content in their language, with their own words in its places."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from app import ids
from app.offers import contents, templates
from app.rewards.kinds import language
from app.rewards.wording import money
from notifications.campaigns.claiming import Held, Phone
from notifications.campaigns.mailing import Mailing
from notifications.campaigns.plans import Plan
from notifications.channels.protocol import OutgoingMessage


class Pages:
    """The contents of one run, chosen once for each variant and list of languages."""

    def __init__(self, plan: Plan, mailing: Mailing) -> None:
        self._plan = plan
        self._mailing = mailing
        self._choose = lru_cache(maxsize=1024)(self._chosen)

    def names(self) -> frozenset[str]:
        """Return what the run's texts may ask for."""
        found: set[str] = set()
        for content in self._plan.contents():
            for words in content.values():
                for text in (words.get("title"), words.get("body")):
                    found |= templates.compile_text(text or "").names
        return frozenset(found)

    def message(self, channel: str, held: Held, phone: Phone | None) -> OutgoingMessage:
        """Return the message to one phone, or to the member by a channel that needs none.

        Raises LookupError when the run says nothing in any language.
        """
        plan = self._plan
        locale, words = self._choose(held.variant, held.locales)
        values = dict(held.values)
        if "money" in values:
            values["money"] = money(int(values["money"]), plan.currency, language(locale))
        about = {
            "kind": "campaign",
            "program_id": ids.show("program", plan.program_id),
            "campaign_id": ids.show("campaign", plan.campaign_id),
        }
        unsubscribe_url = self._mailing.unsubscribe_url(held.member_id) if channel == "email" else None
        if unsubscribe_url:
            values["unsubscribe_url"] = unsubscribe_url
        return OutgoingMessage(
            delivery_id=held.id,
            address=phone.address if phone else self._address(channel, held),
            address_kind="fid" if phone and phone.address_kind == "fid" else "token",
            platform=phone.platform if phone else "android",
            title=templates.compile_text(words.get("title") or "").render(values),
            body=templates.compile_text(words.get("body") or "").render(values),
            link=words.get("link"),
            image_url=words.get("image_url"),
            data=about,
            program_id=plan.program_id,
            analytics_label=plan.campaign_id.hex,
            priority="normal" if channel == "push" else "high",
            locale=locale,
            letterhead=self._mailing.letterhead,
            unsubscribe_url=unsubscribe_url,
        )

    def _chosen(self, variant: str | None, locales: tuple[str | None, ...]) -> tuple[str, Mapping[str, Any]]:
        content = {locale: dict(words) for locale, words in self._plan.content(variant).items()}
        return contents.choose(content, locales)

    @staticmethod
    def _address(channel: str, held: Held) -> str:
        return (held.mailbox or "") if channel == "email" else ids.show("member", held.member_id)
