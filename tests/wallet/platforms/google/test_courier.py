"""The courier brings passes up to date, whatever Google knew before and however far the last try came."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from app import clock, ids
from app.config import Settings
from tests.wallet.platforms.google.samples import (
    CARD,
    CLASS_ID,
    ISSUER_ID,
    PROGRAM_ID,
    card,
    make_job,
    make_message,
    make_pass,
    with_points,
)
from wallet.platforms import Credential, Job, Told
from wallet.platforms.google.courier import GoogleCourier
from wallet.platforms.google.platform import GooglePlatform
from wallet.stand_in import google_errors as errors
from wallet.stand_in.google import GoogleStandIn
from wire.stand_in.answers import Answer


@pytest.fixture
def courier(settings: Settings) -> Iterator[GoogleCourier]:
    made = GoogleCourier(settings)
    yield made
    made.close()


@pytest.fixture
def credentials(google: GoogleStandIn, settings: Settings) -> list[Credential]:
    checked = GooglePlatform().check(settings, google.upload, clock.now())
    return [Credential(id=ids.new_id(), program_id=PROGRAM_ID, facts=checked.facts, secret=checked.secret)]


@pytest.fixture
def deliver(courier: GoogleCourier, credentials: list[Credential]) -> Any:
    def deliver(*jobs: Job) -> list[Told]:
        return courier.deliver(PROGRAM_ID, credentials, jobs)

    return deliver


def id_of(job: Job) -> str:
    return f"{ISSUER_ID}.{job.row.serial}"


def inserted(job: Job) -> Job:
    """The same pass, once it is written down that Google has it."""
    job.row.google_inserted_at = clock.now()
    return job


def again(job: Job, **values: Any) -> Job:
    return make_job(row=inserted(job).row, **values)


def test_a_batch_of_passes_costs_the_class_and_one_exchange(deliver: Any, google: GoogleStandIn) -> None:
    jobs = [make_job() for _ in range(20)]

    told = deliver(*jobs)

    assert [one.outcome for one in told] == ["sent"] * 20
    assert google.requests[:2] == [f"PATCH loyaltyClass/{CLASS_ID}", "POST loyaltyClass"]
    assert google.requests[2:] == ["POST loyaltyObject"] * 20
    assert set(google.objects) == {id_of(job) for job in jobs}
    # One for tokens, one for all the rest.
    assert google.connections_opened == 2


def test_a_change_is_one_request_that_names_the_object(deliver: Any, google: GoogleStandIn) -> None:
    job = make_job()
    deliver(job)
    google.requests.clear()

    deliver(again(job, face=with_points(1260)))

    assert google.requests == [f"PATCH loyaltyObject/{id_of(job)}"]
    assert google.objects[id_of(job)]["loyaltyPoints"]["balance"] == {"int": 1260}


def test_the_class_is_told_again_when_the_design_changes(deliver: Any, google: GoogleStandIn) -> None:
    job = make_job()
    deliver(job)
    google.requests.clear()

    deliver(again(job, face=card(links=())))

    assert google.requests[0] == f"PATCH loyaltyClass/{CLASS_ID}"
    # PATCH takes nothing away: what is no longer said is replaced.
    assert google.requests[1] == f"PUT loyaltyClass/{CLASS_ID}"
    assert "linksModuleData" not in google.classes[CLASS_ID]


def test_what_the_card_no_longer_shows_goes_from_googles_too(deliver: Any, google: GoogleStandIn) -> None:
    job = make_job(messages=[make_message()])
    deliver(job)

    told = deliver(again(job, face=card(voided=True, barcode_text=None, barcode_caption=None, expires_at=None)))

    kept = google.objects[id_of(job)]
    assert [one.outcome for one in told] == ["sent"]
    assert kept["state"] == "INACTIVE"
    assert kept.keys().isdisjoint({"rotatingBarcode", "validTimeInterval"})
    assert [one["messageType"] for one in kept["messages"]] == ["TEXT"]


def test_a_blocked_card_is_put_back_when_it_is_unblocked(deliver: Any, google: GoogleStandIn) -> None:
    job = make_job()
    deliver(job)
    deliver(again(job, face=card(voided=True, barcode_text=None, barcode_caption=None)))

    deliver(again(job))

    assert google.objects[id_of(job)]["state"] == "ACTIVE"
    assert google.shown_code(id_of(job), 1_790_000_000).startswith("A20123456789ABCDEFG:")


def test_nothing_of_a_removed_pass_stays(deliver: Any, google: GoogleStandIn) -> None:
    job = make_job(messages=[make_message()])
    deliver(job)
    job.row.state = "removed"

    assert deliver(job)[0].outcome == "sent"

    kept = google.objects[id_of(job)]
    assert (kept["state"], set(kept)) == ("EXPIRED", {"id", "classId", "state", "hasUsers"})


def test_a_removed_pass_that_google_never_had_is_no_trouble(deliver: Any) -> None:
    assert deliver(make_job(row=make_pass(state="removed")))[0].outcome == "sent"


def test_a_pass_that_was_inserted_by_a_worker_that_died_is_patched(deliver: Any, google: GoogleStandIn) -> None:
    job = make_job()
    deliver(job)

    assert deliver(make_job(face=with_points(7), row=job.row))[0].outcome == "sent"
    assert google.objects[id_of(job)]["loyaltyPoints"]["balance"] == {"int": 7}


def test_a_pass_that_google_lost_is_inserted_anew(deliver: Any, google: GoogleStandIn) -> None:
    job = make_job()
    deliver(job)
    google.objects.clear()

    assert deliver(inserted(job))[0].outcome == "sent"
    assert id_of(job) in google.objects


def test_a_class_that_google_lost_is_told_again_at_the_next_try(deliver: Any, google: GoogleStandIn) -> None:
    deliver(make_job())
    google.classes.clear()
    job = make_job()

    first, second = deliver(job), deliver(job)

    assert (first[0].outcome, first[0].reason) == ("retry", "classNotFound")
    assert second[0].outcome == "sent"


def test_a_class_that_google_refuses_is_tried_again_and_not_by_every_card(deliver: Any, google: GoogleStandIn) -> None:
    google.script(errors.invalid("programLogo: cannot be fetched"))

    told = deliver(make_job(), make_job())

    assert [(one.outcome, one.reason, one.retry_after_seconds) for one in told] == [("retry", "invalid", 600.0)] * 2
    assert google.objects == {}
    assert [one.outcome for one in deliver(make_job())] == ["sent"]


def test_an_issuer_that_has_not_let_the_account_in_is_left_alone_for_a_while(
    deliver: Any, google: GoogleStandIn
) -> None:
    google.script(errors.forbidden())

    (told,) = deliver(make_job())

    assert (told.outcome, told.reason, told.retry_after_seconds) == ("retry", "permissionDenied", 600.0)
    # Others speak with the same account for other issuers: nobody else waits.
    assert [one.outcome for one in deliver(make_job())] == ["sent"]


def test_one_pass_that_is_refused_stops_no_other(deliver: Any, google: GoogleStandIn) -> None:
    deliver(make_job())
    google.script(errors.invalid("something new"))

    told = deliver(make_job(), make_job())

    assert [one.outcome for one in told] == ["refused", "sent"]


def test_a_changed_balance_sounds_only_when_something_happened(deliver: Any, google: GoogleStandIn) -> None:
    silent, loud = make_job(), make_job()
    deliver(silent, loud)
    google.bodies.clear()

    deliver(again(silent, face=with_points(1)), again(loud, face=with_points(1), sounds=True))

    assert [body.get("notifyPreference") for body in google.bodies] == [None, "NOTIFY_ON_UPDATE"]


def test_a_pass_that_may_not_sound_any_more_changes_in_silence(deliver: Any, google: GoogleStandIn) -> None:
    job = make_job()
    deliver(job)
    google.script(errors.notified_enough())

    assert deliver(again(job, face=with_points(2), sounds=True))[0].outcome == "sent"
    assert google.objects[id_of(job)]["loyaltyPoints"]["balance"] == {"int": 2}


def kinds(google: GoogleStandIn, job: Job) -> list[str]:
    return [one["messageType"] for one in google.objects[id_of(job)].get("messages", ())]


def test_three_messages_a_day_sound_and_the_rest_come_silently(deliver: Any, google: GoogleStandIn) -> None:
    job = make_job(messages=[make_message(str(place)) for place in range(5)])

    told = deliver(job)

    assert kinds(google, job) == ["TEXT_AND_NOTIFY"] * 3 + ["TEXT"] * 2
    assert (told[0].outcome, told[0].found.sounded) == ("sent", 3)
    assert google.refused[429] == 0  # ours to keep, not Google's to refuse


def test_what_sounded_today_is_counted_in(deliver: Any, google: GoogleStandIn) -> None:
    today, yesterday = clock.now().date(), clock.now().date().replace(year=2020)
    used = make_job(row=make_pass(notified_on=today, notified_count=2), messages=[make_message(), make_message()])
    old = make_job(row=make_pass(notified_on=yesterday, notified_count=3), messages=[make_message()])

    deliver(used, old)

    assert (kinds(google, used), kinds(google, old)) == (["TEXT_AND_NOTIFY", "TEXT"], ["TEXT_AND_NOTIFY"])


def test_a_limit_that_google_counts_otherwise_is_believed(deliver: Any, google: GoogleStandIn) -> None:
    """Three yesterday evening are three of today's for Google, whose day is the last 24 hours."""
    before = make_job(messages=[make_message(str(place)) for place in range(3)])
    deliver(before)

    told = deliver(again(before, messages=[make_message("3"), make_message("4")]))

    assert [one.outcome for one in told] == ["sent"]
    assert kinds(google, before) == ["TEXT_AND_NOTIFY"] * 3 + ["TEXT"] * 2
    assert google.refused[429] == 1


def test_a_message_whose_answer_was_lost_is_not_there_twice(deliver: Any, google: GoogleStandIn) -> None:
    one = make_message()
    job = make_job(messages=[one])
    deliver(job)

    told = deliver(again(job, messages=[one]))

    assert told[0].outcome == "sent"
    assert [each["id"] for each in google.objects[id_of(job)]["messages"]] == [one.id.hex]


def test_the_eleventh_message_makes_room_for_itself(deliver: Any, google: GoogleStandIn) -> None:
    texts = [make_message(str(place)) for place in range(13)]
    job = make_job(messages=texts)

    assert deliver(job)[0].outcome == "sent"

    there = google.objects[id_of(job)]["messages"]
    assert [one["body"] for one in there] == [str(place) for place in range(3, 13)]
    assert {one["messageType"] for one in there} == {"TEXT"}


def test_sounds_that_were_made_are_counted_though_the_rest_failed(deliver: Any, google: GoogleStandIn) -> None:
    deliver(make_job())
    job = make_job(messages=[make_message("1"), make_message("2")])
    google.answer_after(2, errors.error(503, "UNAVAILABLE", "later", "backendError"))

    (told,) = deliver(job)

    assert (told.outcome, told.found.sounded) == ("unknown", 1)


def test_an_empty_message_is_none(deliver: Any, google: GoogleStandIn) -> None:
    job = make_job(messages=[make_message("")])

    assert deliver(job)[0].outcome == "sent"
    assert kinds(google, job) == []


def test_passes_of_an_issuer_that_we_may_not_speak_for_are_refused(deliver: Any) -> None:
    row = make_pass()
    row.pass_type_id = "1234567890"

    told = deliver(make_job(row=row), make_job())

    assert [(one.outcome, one.reason) for one in told] == [("refused", "issuer_without_credentials"), ("sent", None)]


def test_everybody_is_told_to_come_back_when_google_is_away(deliver: Any, google: GoogleStandIn) -> None:
    google.interrupt(Answer(status=503, headers={"retry-after": "30"}))

    told = deliver(make_job(), make_job())

    assert [one.outcome for one in told] == ["unknown"] * 2
    assert [one.reason for one in deliver(make_job())] == ["paused"]


def test_programmes_are_told_of_side_by_side(
    courier: GoogleCourier, credentials: list[Credential], google: GoogleStandIn
) -> None:
    told: list[str] = []

    def work() -> None:
        program_id = ids.new_id()
        jobs = [make_job() for _ in range(10)]
        told.extend(one.outcome for one in courier.deliver(program_id, credentials, jobs))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert told == ["sent"] * 40
    assert (len(google.classes), google.tokens.requests) == (4, 1)


def test_nothing_that_is_sent_is_wrong_in_googles_eyes(deliver: Any, google: GoogleStandIn) -> None:
    for face in (CARD, card(logo_url=None), card(strip_style="image", strip_url="https://cafe.example/strip.png")):
        assert deliver(make_job(face=face, messages=[make_message("Bonjour", en="Hello")]))[0].outcome == "sent"
    assert google.refused[400] == 0
