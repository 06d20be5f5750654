"""Telling Google of one pass: a conversation of requests and verdicts, many of which are held side by side.

A conversation is a generator: it yields a request, is sent the verdict, and returns what became of the pass. Each can
be begun anew at any time, also when nobody knows how far the last one came: objects are named by us, and a message is
added only where the object has none of its id.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from wallet.platforms import Job, Message, Told
from wallet.platforms.google import classes, client, objects, vouchers, words
from wallet.platforms.google.batches import Request
from wallet.platforms.google.verdicts import Verdict

OBJECT, CLASS = "loyaltyObject", "loyaltyClass"
VOUCHER, VOUCHER_CLASS = "genericObject", "genericClass"
MANAGED: Mapping[str, frozenset[str]] = {
    OBJECT: objects.MANAGED,
    CLASS: classes.MANAGED,
    VOUCHER: vouchers.MANAGED,
    VOUCHER_CLASS: vouchers.CLASS_MANAGED,
}
OWNERS_SECONDS = 600.0
"""How long something is left alone that only the programme's owner can mend."""
ROUNDS_MAX = 4
"""Insert, there already, patch, too many sounds: what two writers of one object can make of it, and one more."""

Conversation: TypeAlias = Generator[Request, Verdict, Told]


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a conversation found: whether anybody has the card, and how many messages made a sound."""

    has_users: bool
    sounded: int = 0


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a write ended without being done."""

    told: Told


@dataclass(frozen=True, kw_only=True)
class Added:
    """How many messages made a sound, and what stopped the rest, if anything did."""

    sounded: int
    ended: Told | None = None


def hold(conversations: Sequence[Conversation], send: Callable[[Sequence[Request]], Sequence[Verdict]]) -> list[Told]:
    """Hold conversations side by side, the next request of each in one batch; answer in order."""
    told: dict[int, Told] = {}
    waiting: dict[int, Request] = {}
    for place, conversation in enumerate(conversations):
        _go_on(place, conversation, None, waiting, told)
    while waiting:
        asked, waiting = waiting, {}
        for (place, _), verdict in zip(asked.items(), send(list(asked.values())), strict=True):
            _go_on(place, conversations[place], verdict, waiting, told)
    return [told[place] for place in range(len(conversations))]


def _go_on(
    place: int,
    conversation: Conversation,
    verdict: Verdict | None,
    waiting: dict[int, Request],
    told: dict[int, Told],
) -> None:
    try:
        waiting[place] = next(conversation) if verdict is None else conversation.send(verdict)
    except StopIteration as end:
        told[place] = end.value


def of_class(document: Mapping[str, Any], *, kind: str = CLASS) -> Conversation:
    """See that a programme's class is what the document says; made when it is not there."""
    written = yield from _write(kind, document, known=True, sounds=False)
    if not isinstance(written, Ended):
        return Told(outcome="sent")
    if written.told.outcome == "refused":
        # Not for the cards' sake: a picture that Google could not fetch, say, which the next try may find.
        return replace(written.told, outcome="retry", retry_after_seconds=OWNERS_SECONDS)
    return written.told


def of_object(
    job: Job, document: Mapping[str, Any], *, kind: str = OBJECT, sounds: bool = False, sounds_left: int = 0
) -> Conversation:
    """See that a pass's object is what the document says, and that the messages written on it are there.

    `sounds`: a changed balance makes the phone sound. `sounds_left` is how many messages still may today.
    """
    known = job.row.google_inserted_at is not None
    resource = yield from _write(kind, document, known=known, sounds=sounds)
    if isinstance(resource, Ended):
        return resource.told
    # Messages are written on cards alone.
    added = yield from _add_messages(job, str(document["id"]), resource, sounds_left)
    found = Found(has_users=bool(resource.get("hasUsers")), sounded=added.sounded)
    return replace(added.ended or Told(outcome="sent"), found=found)


def of_erased(document: Mapping[str, Any], *, kind: str = OBJECT) -> Conversation:
    """Empty the object of somebody who was erased: what is not there need not be."""
    verdict = yield client.replace(kind, document)
    if verdict.outcome in {"done", "missing"}:
        return Told(outcome="sent", found=Found(has_users=False))
    return _told(verdict)


def _write(
    kind: str, document: Mapping[str, Any], *, known: bool, sounds: bool
) -> Generator[Request, Verdict, Mapping[str, Any] | Ended]:
    """Make or change a resource until it is what the document says; return it as Google has it."""
    request = client.patch(kind, _noted(document, sounds=sounds)) if known else client.insert(kind, document)
    verdict = Verdict(outcome="retry", reason="changed_by_others")
    for _ in range(ROUNDS_MAX):
        verdict = yield request
        match verdict.outcome, request.method:
            case "missing", "PATCH":
                request = client.insert(kind, document)
            case "exists", _:
                request = client.patch(kind, _noted(document, sounds=sounds))
            case "over_quota", "PATCH" if sounds:
                sounds = False
                request = client.patch(kind, document)
            case "done", _:
                return (yield from _without_leftovers(kind, document, verdict.resource or {}))
            case _:
                break
    return Ended(told=_told(verdict))


def _noted(document: Mapping[str, Any], *, sounds: bool) -> Mapping[str, Any]:
    # Google forgets it with each change: said once, it holds once.
    return {**document, "notifyPreference": "NOTIFY_ON_UPDATE"} if sounds else document


def _without_leftovers(
    kind: str, document: Mapping[str, Any], resource: Mapping[str, Any]
) -> Generator[Request, Verdict, Mapping[str, Any] | Ended]:
    """Take away what Google still shows and the document does not say, keeping the messages."""
    if not objects.leftovers(document, resource, MANAGED[kind]):
        return resource
    kept = {"messages": silent(resource["messages"])} if resource.get("messages") else {}
    verdict = yield client.replace(kind, {**document, **kept})
    return verdict.resource or {} if verdict.outcome == "done" else Ended(told=_told(verdict))


def _add_messages(
    job: Job, object_id: str, resource: Mapping[str, Any], sounds_left: int
) -> Generator[Request, Verdict, Added]:
    """Add the messages that the object has not."""
    there = list(resource.get("messages") or ())
    known = {each.get("id") for each in there}
    sounded = 0
    for one in job.messages:
        if one.id.hex in known or not any(text.get("body") for text in one.text.values()):
            continue
        if len(there) >= objects.MESSAGES_MAX:
            # The oldest make room; those that stay do not sound again.
            there = silent(there[1 - objects.MESSAGES_MAX :])
            verdict = yield client.patch(OBJECT, {"id": object_id, "messages": there})
            if verdict.outcome != "done":
                return Added(sounded=sounded, ended=_told(verdict))
        sounds = sounded < sounds_left
        verdict = yield _message(job, object_id, one, sounds=sounds)
        if sounds and verdict.outcome == "over_quota":
            sounds, sounds_left = False, 0
            verdict = yield _message(job, object_id, one, sounds=False)
        if verdict.outcome != "done":
            return Added(sounded=sounded, ended=_told(verdict))
        sounded += sounds
        there.append(words.message(job.face, one.id.hex, one.text, sounds=False))
    return Added(sounded=sounded)


def _message(job: Job, object_id: str, one: Message, *, sounds: bool) -> Request:
    return client.add_message(OBJECT, object_id, words.message(job.face, one.id.hex, one.text, sounds=sounds))


def silent(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return messages as they are kept: written again, none makes a sound."""
    return [{**each, "messageType": "TEXT"} for each in messages]


def _told(verdict: Verdict) -> Told:
    outcome = verdict.outcome
    if outcome in {"missing", "exists", "over_quota", "unauthorised"}:
        # Somebody else wrote at the same time, or a class went away: it is seen anew next time.
        return Told(outcome="retry", reason=verdict.reason or outcome, retry_after_seconds=verdict.retry_after_seconds)
    if outcome == "forbidden":
        return Told(outcome="retry", reason=verdict.reason, retry_after_seconds=OWNERS_SECONDS)
    if outcome == "refused":
        return Told(outcome="refused", reason=verdict.reason)
    return Told(
        outcome="unknown" if outcome == "unknown" else "retry",
        reason=verdict.reason,
        retry_after_seconds=verdict.retry_after_seconds,
    )
