"""The client speaks to Google's REST API: tokens, batches, the rate, and everything that can fail on the way."""

import threading
import time
from contextlib import closing

import pytest

from tests.wallet.platforms.google.samples import CARD, CLASS_ID, ISSUER_ID, TOTP_KEY
from wallet.platforms.google import client
from wallet.platforms.google.accounts import Account
from wallet.platforms.google.batches import Request
from wallet.platforms.google.classes import loyalty_class
from wallet.platforms.google.client import GoogleWallet
from wallet.platforms.google.objects import loyalty_object
from wallet.platforms.google.pacing import WINDOW_SECONDS, Window
from wallet.stand_in import google_errors as errors
from wallet.stand_in.google import GoogleStandIn
from wire.stand_in.answers import Answer

CLASS = loyalty_class(CARD, class_id=CLASS_ID, logo_url="https://cafe.example/logo.png")


def objects(count: int) -> list[Request]:
    return [
        client.insert(
            "loyaltyObject",
            loyalty_object(CARD, object_id=f"{ISSUER_ID}.card-{place}", class_id=CLASS_ID, totp_key=TOTP_KEY),
        )
        for place in range(count)
    ]


def outcomes(wallet: GoogleWallet, *requests: Request, patience_seconds: float = 0) -> list[tuple[str, str | None]]:
    return [(one.outcome, one.reason) for one in wallet.send(requests, patience_seconds=patience_seconds)]


def test_a_class_and_many_objects_are_made_in_two_exchanges(wallet: GoogleWallet, google: GoogleStandIn) -> None:
    assert outcomes(wallet, client.insert("loyaltyClass", CLASS)) == [("done", None)]
    assert outcomes(wallet, *objects(20)) == [("done", None)] * 20

    assert len(google.objects) == 20
    assert google.classes[CLASS_ID]["reviewStatus"] == "APPROVED"
    assert (google.tokens.requests, google.connections_opened) == (1, 2)


def test_what_a_server_says_of_a_resource_comes_back(wallet: GoogleWallet) -> None:
    wallet.send([client.insert("loyaltyClass", CLASS), *objects(1)])

    (verdict,) = wallet.send([client.get("loyaltyObject", f"{ISSUER_ID}.card-0")])

    assert verdict.resource is not None
    assert (verdict.resource["state"], verdict.resource["hasUsers"]) == ("ACTIVE", False)


def test_each_part_of_a_batch_has_its_own_fate(wallet: GoogleWallet, google: GoogleStandIn) -> None:
    wallet.send([client.insert("loyaltyClass", CLASS), *objects(1)])
    wrong = client.patch("loyaltyObject", {"id": f"{ISSUER_ID}.card-0", "state": "BLOCKED"})
    nobodys = client.patch("loyaltyObject", {"id": f"{ISSUER_ID}.card-9", "state": "ACTIVE"})
    anothers = client.patch("loyaltyObject", {"id": "1234567890.card", "state": "ACTIVE"})

    found = outcomes(wallet, *objects(2), wrong, nobodys, anothers)

    assert found == [
        ("exists", "existingResource"),
        ("done", None),
        ("refused", "invalid"),
        ("missing", "resourceNotFound"),
        ("forbidden", "permissionDenied"),
    ]
    assert google.objects[f"{ISSUER_ID}.card-0"]["state"] == "ACTIVE"


def test_a_token_that_was_taken_back_is_replaced_and_the_work_done(wallet: GoogleWallet, google: GoogleStandIn) -> None:
    wallet.send([client.insert("loyaltyClass", CLASS)])
    google.tokens.revoke_all()

    assert outcomes(wallet, *objects(3)) == [("done", None)] * 3
    assert google.tokens.requests == 2


def test_an_account_that_is_accepted_nowhere_is_not_tried_in_a_circle(
    wallet: GoogleWallet, google: GoogleStandIn
) -> None:
    google.script(*[errors.unauthenticated()] * 9)

    assert outcomes(wallet, objects(1)[0]) == [("retry", "token_refused")]
    assert len(google.requests) == 2
    assert outcomes(wallet, objects(1)[0]) == [("retry", "paused")]


def test_an_account_whose_assertion_is_refused_sends_nothing(google: GoogleStandIn, account: Account) -> None:
    other = account.document | {"client_email": "x@else.iam.gserviceaccount.com"}  # type: ignore[operator]
    stranger = Account(
        issuer_id=ISSUER_ID, client_email="x", project_id="p", key_id=None, key=account.key, document=other
    )
    with closing(GoogleWallet(stranger.tokens(google.ca_file), endpoint=google.url, ca_file=google.ca_file)) as wallet:
        assert outcomes(wallet, *objects(1)) == [("retry", "credential_refused")]
    assert google.requests == []


@pytest.mark.parametrize(
    "answer", [errors.too_many(), Answer(status=429), Answer(status=403, body=errors.too_many().body)]
)
def test_too_many_requests_pause_the_account(answer: Answer, wallet: GoogleWallet, google: GoogleStandIn) -> None:
    google.script(answer)

    first, second = wallet.send(objects(1), patience_seconds=0), wallet.send(objects(1), patience_seconds=0)

    assert (first[0].outcome, second[0].outcome, second[0].reason) == ("retry", "retry", "paused")
    assert len(google.requests) == 1
    assert 0 < (second[0].retry_after_seconds or 0) <= 1


def test_who_was_too_fast_is_half_as_fast_from_then_on(google: GoogleStandIn, account: Account) -> None:
    window = Window(8)
    google.script(errors.too_many())
    with closing(
        GoogleWallet(account.tokens(google.ca_file), endpoint=google.url, ca_file=google.ca_file, window=window)
    ) as wallet:
        wallet.send(objects(1), patience_seconds=0)

    assert window.per_second == 4


def test_a_server_that_says_when_is_not_asked_before(wallet: GoogleWallet, google: GoogleStandIn) -> None:
    google.script(errors.error(503, "UNAVAILABLE", "later", "backendError", retry_after="30"))

    (first,) = wallet.send(objects(1))
    (second,) = wallet.send(objects(1), patience_seconds=0)

    assert (first.outcome, first.retry_after_seconds) == ("unknown", 30.0)
    assert 29 < (second.retry_after_seconds or 0) <= 30


def test_one_object_that_google_stumbles_over_does_not_stop_the_others(
    wallet: GoogleWallet, google: GoogleStandIn
) -> None:
    wallet.send([client.insert("loyaltyClass", CLASS)])
    google.script(errors.error(500, "INTERNAL", "Internal error", "backendError"))

    assert [one for one, _ in outcomes(wallet, *objects(3))] == ["unknown", "done", "done"]
    assert [one for one, _ in outcomes(wallet, *objects(3))] == ["done", "exists", "exists"]


@pytest.mark.parametrize("wire", ["cut", "midbody"])
def test_an_answer_that_did_not_come_leaves_the_fate_open(
    wire: str, wallet: GoogleWallet, google: GoogleStandIn
) -> None:
    google.script(Answer(wire=wire))  # type: ignore[arg-type]

    assert outcomes(wallet, *objects(1)) == [("unknown", "no_answer")]


def test_a_page_of_a_proxy_is_no_answer_to_a_batch(wallet: GoogleWallet, google: GoogleStandIn) -> None:
    google.interrupt(Answer(status=200, body=b"<html>Welcome to the hotel's Wi-Fi</html>"))

    assert outcomes(wallet, *objects(2)) == [("unknown", "no_answer")] * 2


def test_a_server_that_is_away_was_not_reached(google: GoogleStandIn, account: Account) -> None:
    tokens = account.tokens(google.ca_file)
    tokens.current()
    with closing(GoogleWallet(tokens, endpoint="https://localhost:1", ca_file=google.ca_file)) as wallet:
        assert outcomes(wallet, *objects(2)) == [("retry", "unreachable")] * 2


def test_a_server_that_nobody_vouches_for_is_told_nothing(google: GoogleStandIn, account: Account) -> None:
    with closing(GoogleWallet(account.tokens(google.ca_file), endpoint=google.url)) as wallet:
        assert outcomes(wallet, *objects(1)) == [("retry", "unreachable")]
    assert google.requests == []


def test_what_the_rate_does_not_let_through_now_is_not_sent(google: GoogleStandIn, account: Account) -> None:
    window = Window(5, monotonic=lambda: 1000.0)
    with closing(
        GoogleWallet(account.tokens(google.ca_file), endpoint=google.url, ca_file=google.ca_file, window=window)
    ) as wallet:
        wallet.send([client.insert("loyaltyClass", CLASS)])

        found = wallet.send(objects(7), patience_seconds=0)

    assert [(one.outcome, one.reason) for one in found] == [("done", None)] * 4 + [("retry", "rate")] * 3
    assert [one.retry_after_seconds for one in found[4:]] == [pytest.approx(WINDOW_SECONDS)] * 3
    assert len(google.requests) == 5


def test_what_the_rate_lets_through_soon_is_waited_for(google: GoogleStandIn, account: Account) -> None:
    with closing(
        GoogleWallet(account.tokens(google.ca_file), endpoint=google.url, ca_file=google.ca_file, window=Window(3))
    ) as wallet:
        sent = [client.insert("loyaltyClass", CLASS), *objects(4)]

        assert [one for one, _ in outcomes(wallet, *sent, patience_seconds=60)] == ["done"] * 5


class CountedWindow(Window):
    """Remembers when requests were let through: by its own look at the clock, however long a thread then waits."""

    def __init__(self, per_second: int) -> None:
        super().__init__(per_second, monotonic=self._look)
        self.begun: list[float] = []
        self._mine = threading.local()

    def take(self, wanted: int) -> int:
        count = super().take(wanted)
        self.begun += [self._mine.looked_at] * count
        return count

    def _look(self) -> float:
        self._mine.looked_at = time.monotonic()
        return float(self._mine.looked_at)


def test_threads_that_know_nothing_of_each_other_keep_to_the_rate_together(
    google: GoogleStandIn, account: Account
) -> None:
    window = CountedWindow(20)
    with closing(
        GoogleWallet(account.tokens(google.ca_file), endpoint=google.url, ca_file=google.ca_file, window=window)
    ) as wallet:
        wallet.send([client.insert("loyaltyClass", CLASS)])
        found: list[str] = []
        asked = objects(44)

        def work(first: int) -> None:
            for one in asked[first : first + 11]:
                found.extend(verdict.outcome for verdict in wallet.send([one], patience_seconds=30))

        threads = [threading.Thread(target=work, args=(first,)) for first in (0, 11, 22, 33)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert found == ["done"] * 44
    assert len(window.begun) == 45
    for at in window.begun:
        assert sum(at <= other < at + 1 for other in window.begun) <= 20
