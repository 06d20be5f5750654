"""Test sends: a campaign as it stands, to a few named people, before anybody else sees it.

A test is a run of its own for each variant, whose definition says `test: true`: the engine drains it like any other,
and no report counts it. Members are written to by those of the campaign's channels that reach them and that they
allow; at once, since they were named for it: quiet hours, windows, caps and rates are for those who did not ask. Staff
get a mail of the installation's own, whatever the channels are, filled for somebody made up: they are no members, and
no consent of theirs is needed.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from app import clock, ids, parameters
from app.db import Database, Session
from app.errors import ConflictError, NotFoundError, invalid_field
from app.models import Campaign, CampaignDelivery, CampaignRun, Member, Program, Staff
from app.offers import contents, definitions, templates
from app.parameters import Errors
from app.services import campaigns, mails, member_values, programs, reachability, segments

TO_MAX = 20
PER_DAY_MAX = 200
"""Messages of all tests of a programme in a day: a test is no way around an approval."""
MAIL_LIVES = timedelta(hours=6)
TESTABLE = ("draft", "awaiting_approval", "scheduled", "running", "paused")


class TestLimitError(ConflictError):
    """The programme sent enough tests today; `limit` says how many messages may be."""

    slug = "campaign-test-limit"
    title = "Enough tests for today"


def send(
    session: Session, database: Database, campaign: Campaign, *, to: Sequence[str], variant: str | None = None
) -> list[dict[str, Any]]:
    """Send a held campaign's variants, or one, to staff and members by their public ids; return what goes to whom.

    The answer has `{to, variant, channel, state, reason?}` for each. Raises InvalidError, CampaignNotReadyError for a
    campaign that says nothing yet, CampaignStateError, and TestLimitError.
    """
    people = _people(session, to)
    campaigns.need_status(campaign, TESTABLE, "tested")
    program = programs.get(session)
    _check_content(campaign, program)
    variants = [one for one in campaign.definition["variants"] if variant in {None, one["name"]}]
    if not variants:
        raise invalid_field("#/variant", "No such variant in this campaign.")
    members = _channels(session, campaign.definition, [id_ for kind, id_ in people if kind == "member"])
    staff = list(session.scalars(select(Staff).where(Staff.id.in_([id_ for kind, id_ in people if kind == "staff"]))))
    messages = len(staff) + sum(len(channels) for channels in members.values())
    _check_limit(session, len(variants) * messages)
    sent: list[dict[str, Any]] = []
    for index, one in enumerate(variants):
        run = _begin(session, campaign, index, messages)
        sent += [_deliver(session, run, one, id_, *found) for id_, told in members.items() for found in told.items()]
        sent += [_mail(session, database, program, one, person) for person in staff]
        if not any(row["state"] == "queued" and row["to"].startswith("mbr_") for row in sent):
            run.state, run.finished_at = "finished", clock.now()
    session.flush()
    return sent


def _check_content(campaign: Campaign, program: Program) -> None:
    """A test may go out without its schedule, and before every language is written."""
    found = definitions.gaps(campaign.definition, locales=(), now=clock.now(), zone=program.timezone)
    errors = [error for error in found if not error["pointer"].startswith("#/schedule")]
    if errors:
        raise campaigns.CampaignNotReadyError(f"{errors[0]['pointer']} {errors[0]['detail']}", errors=errors)


def _people(session: Session, to: Sequence[str]) -> list[tuple[str, UUID]]:
    """Return the kind and id of each person, once; raise InvalidError about who is not of the programme."""
    wanted = _wanted(to)
    asked = [id_ for _kind, id_ in wanted]
    members = session.scalars(select(Member.id).where(Member.id.in_(asked)))
    staff = session.scalars(select(Staff.id).where(Staff.id.in_(asked), Staff.archived_at.is_(None)))
    known = {("member", id_) for id_ in members} | {("staff", id_) for id_ in staff}
    errors: Errors = [
        {"pointer": f"#/to/{index}", "detail": f"is no {person[0]} of this programme"}
        for index, person in enumerate(wanted)
        if person not in known
    ]
    parameters.refuse(errors)
    return list(dict.fromkeys(wanted))


def _channels(
    session: Session, definition: Mapping[str, Any], member_ids: Sequence[UUID]
) -> dict[UUID, dict[str, str | None]]:
    """Return for each member the channels, and why one does not reach them; None where it does."""
    context, purpose = segments.context_of(session), str(definition.get("purpose", "offers"))
    channels = list(definition["channels"])
    asked = [reachability.why_not(context, channel, purpose=purpose).label(channel) for channel in channels]
    query = select(Member.id, *asked).where(Member.id.in_(member_ids)).order_by(Member.id)
    return {row[0]: dict(zip(channels, row[1:], strict=True)) for row in session.execute(query)}


def _wanted(to: Sequence[str]) -> list[tuple[str, UUID]]:
    """Return the kind and id of each person as named; raise InvalidError about what is no id of either kind."""
    prefixes = {ids.PREFIXES[kind]: kind for kind in ("staff", "member")}
    found: list[tuple[str, UUID]] = []
    errors: Errors = []
    for index, text in enumerate(to):
        kind = prefixes.get(text.partition("_")[0], "member")
        try:
            found.append((kind, ids.parse(kind, text)))
        except NotFoundError:
            errors.append({"pointer": f"#/to/{index}", "detail": "must be the id of a member or of staff"})
    parameters.refuse(errors)
    return found


def _check_limit(session: Session, more: int) -> None:
    """Count under the programme's own lock, so that two tests at once are counted both."""
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"{session.program}/campaign-tests", 0))))
    since = clock.now() - timedelta(days=1)
    sent = select(func.sum(CampaignRun.definition["test_messages"].as_integer())).where(
        CampaignRun.created_at > since, CampaignRun.definition["test"].is_not(None)
    )
    if int(session.scalar(sent) or 0) + more > PER_DAY_MAX:
        raise TestLimitError(f"At most {PER_DAY_MAX} test messages in a day.", limit=PER_DAY_MAX)


def _begin(session: Session, campaign: Campaign, index: int, messages: int) -> CampaignRun:
    run = CampaignRun(
        campaign_id=campaign.id, starts_at=_free_instant(session, campaign, index), state="running",
        made_at=clock.now(), definition=campaign.definition | {"test": True, "test_messages": messages},
    )  # fmt: skip
    session.add(run)
    session.flush()
    return run


def _deliver(
    session: Session, run: CampaignRun, variant: Mapping[str, Any], member_id: UUID, channel: str, reason: str | None
) -> dict[str, Any]:
    said = {"channel": channel, "variant": variant["name"], "state": "skipped" if reason else "queued"}
    row = CampaignDelivery(
        run_id=run.id, campaign_id=run.campaign_id, member_id=member_id, due_at=clock.now(), reason=reason, **said
    )
    session.add(row)
    return {"to": ids.show("member", member_id), "reason": reason, **said}


def _mail(
    session: Session, database: Database, program: Program, variant: Mapping[str, Any], person: Staff
) -> dict[str, Any]:
    locale, words = contents.choose(variant["content"], [person.locale, program.locale])
    values = member_values.MADE_UP | {"program": program.name}
    title = templates.compile_text(words["title"]).render(values)
    text = templates.compile_text(words["body"]).render(values)
    message = {
        "kind": "campaign_test", "to": person.email, "subject": f"[Test {variant['name']}] {title}", "title": title,
        "text": "\n\n".join([text, *([words["link"]] if words.get("link") else [])]), "locale": locale,
    }  # fmt: skip
    if database.settings.smtp_url:
        mails.post(session, database.keyring, message, expires_at=clock.now() + MAIL_LIVES)
    else:
        mails.Postbox(database.settings.outbox_file).append(message)
    return {"to": ids.show("staff", person.id), "channel": "email", "variant": variant["name"], "state": "queued"}


def _free_instant(session: Session, campaign: Campaign, index: int) -> datetime:
    """Return an instant at which no run of the campaign starts: a microsecond apart is enough."""
    latest = session.scalar(select(func.max(CampaignRun.starts_at)).where(CampaignRun.campaign_id == campaign.id))
    now = clock.now() + timedelta(microseconds=index)
    return now if latest is None or latest < now else latest + timedelta(microseconds=1)
