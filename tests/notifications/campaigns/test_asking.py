"""Asking a campaign's pictures and links: of a real server over TLS, through the guard, and not for long."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.config import Settings
from notifications.campaigns import asking
from notifications.campaigns.asking import Asker
from tests.hostile_urls import HOSTILE
from tests.world_addresses import BIG_PNG, PNG, Page, Site, image
from tests.world_receiver import trapped


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    running = Site(tmp_path)
    yield running
    running.stop()


@pytest.fixture
def asker(site: Site) -> Iterator[Asker]:
    made = site.asker()
    yield made
    made.close()


def definition(*, channels: tuple[str, ...] = ("push",), **words: str) -> dict[str, Any]:
    return {"channels": list(channels), "variants": [{"name": "A", "content": {"fr": words}}]}


def many(field: str, urls: list[str]) -> dict[str, Any]:
    return {
        "channels": ["push"],
        "variants": [{"name": f"V{place}", "content": {"fr": {field: url}}} for place, url in enumerate(urls)],
    }


def found(asker: Asker, **words: Any) -> tuple[str, str | None, int | None]:
    (finding,) = asker.findings(definition(**words))
    return finding.result, finding.reason, finding.status


def test_a_link_that_is_there_is_good(site: Site, asker: Asker) -> None:
    assert found(asker, link=site.url("/offer", Page(200)) + "#now") == ("ok", None, 200)
    assert site.asked == [("HEAD", "/offer")]


@pytest.mark.parametrize("status", [404, 405, 501])
def test_a_server_that_has_no_head_is_asked_as_phones_do(site: Site, asker: Asker, status: int) -> None:
    assert found(asker, link=site.url("/offer", Page(200, head=status, body=b"<p>"))) == ("ok", None, 200)
    assert site.asked == [("HEAD", "/offer"), ("GET", "/offer")]


def test_a_link_that_is_not_there_is_a_problem(site: Site, asker: Asker) -> None:
    assert found(asker, link=site.url("/gone")) == ("problem", "not_there", 404)


def test_redirects_are_followed_to_what_members_would_see(site: Site, asker: Asker) -> None:
    site.url("/last", image())
    assert found(asker, link=site.url("/a", Page(302, location="/gone"))) == ("problem", "not_there", 404)
    assert found(asker, image_url=site.url("/b", Page(301, location="/last"))) == ("ok", None, 200)


def test_a_picture_that_leads_in_circles_is_a_problem_and_a_link_is_not(site: Site, asker: Asker) -> None:
    circle = site.url("/c", Page(302, location="/c"))
    assert found(asker, image_url=circle) == ("problem", "redirect", 302)
    assert found(asker, link=circle) == ("ok", None, 302)
    assert site.asked == [("GET", "/c")] * (asking.HOPS_MAX + 1) + [("HEAD", "/c")] * (asking.HOPS_MAX + 1)


@pytest.mark.parametrize(
    "location", ["cafe-app://offers/1", "http://shop.example.com/", "https://10.0.0.1/", "https://["]
)
def test_a_link_may_lead_into_an_app_or_where_we_do_not_go(site: Site, asker: Asker, location: str) -> None:
    assert found(asker, link=site.url("/app", Page(307, location=location))) == ("ok", None, 307)
    assert found(asker, image_url=site.url("/app", Page(307, location=location))) == ("problem", "redirect", 307)


def test_a_picture_is_good(site: Site, asker: Asker) -> None:
    assert found(asker, image_url=site.url("/a.png", image())) == ("ok", None, 200)
    assert found(asker, image_url=site.url("/b.png", image(told=False))) == ("ok", None, 200)


def test_a_page_in_a_pictures_place_is_a_problem(site: Site, asker: Asker) -> None:
    assert found(asker, image_url=site.url("/a.png", Page(body=b"<html>"))) == ("problem", "not_an_image", 200)
    assert found(asker, image_url=site.url("/b.png", image(b"<html>"))) == ("problem", "not_an_image", 200)


@pytest.mark.parametrize("told", [True, False])
def test_a_picture_that_is_too_big_for_a_notification_is_a_problem(site: Site, asker: Asker, *, told: bool) -> None:
    big = site.url("/big.png", image(BIG_PNG, told=told))
    assert found(asker, image_url=big) == ("problem", "too_big", 200)
    assert found(asker, image_url=big, channels=("email",)) == ("ok", None, 200)


def test_an_address_that_stands_twice_is_asked_once(site: Site, asker: Asker) -> None:
    url = site.url("/a.png", image())
    findings = asker.findings(many("image_url", [url, url, url]))
    assert [one.result for one in findings] == ["ok"] * 3
    assert site.asked == [("GET", "/a.png")]


def test_many_are_asked_side_by_side(site: Site, asker: Asker) -> None:
    together = threading.Barrier(4)
    urls = [site.url(f"/{place}", Page(then=lambda: together.wait(60) and None)) for place in range(4)]
    assert [one.result for one in asker.findings(many("link", urls))] == ["ok"] * 4


def test_more_than_are_asked_at_once_are_a_warning(site: Site, asker: Asker) -> None:
    urls = [site.url(f"/{place}", Page()) for place in range(asking.ASKED_MAX + 1)]
    findings = asker.findings(many("link", urls))
    assert {one.result for one in findings[:-1]} == {"ok"}
    assert (findings[-1].result, findings[-1].reason) == ("warning", "too_many")


def test_who_does_not_answer_is_waited_for_no_longer_than_that(site: Site) -> None:
    never = threading.Event()
    asker = site.asker(seconds=0.5)
    findings = asker.findings(many("link", [site.url(f"/{place}", Page(until=never)) for place in range(20)]))
    never.set()
    asker.close()
    assert {(one.result, one.reason) for one in findings} == {("warning", "timeout")}


def test_a_name_that_is_looked_up_for_ever_is_not_waited_for(site: Site) -> None:
    never = threading.Event()
    asker = site.asker(seconds=0.5, resolve=lambda *_: [] if never.wait(60) else ["127.0.0.1"])
    assert found(asker, link=site.url("/", Page())) == ("warning", "timeout", None)
    never.set()
    asker.close()


def test_who_is_not_trusted_or_not_there_is_a_warning(site: Site) -> None:
    distrustful, lost = site.asker(trust=None), site.asker(resolve=lambda *_: [])
    assert found(distrustful, link=site.url("/", Page())) == ("warning", "tls_failed", None)
    assert found(lost, link=site.url("/", Page())) == ("warning", "name_not_found", None)
    distrustful.close()
    lost.close()


def test_no_hostile_address_is_connected_to() -> None:
    asker = Asker(seconds=60)
    with trapped() as trap:
        urls = [url.format(port=trap.port) for url in HOSTILE]
        findings = [
            one for start in range(0, len(urls), 40) for one in asker.findings(many("link", urls[start : start + 40]))
        ]
        assert trap.connections() == 0
    asker.close()
    assert {one.reason for one in findings} == {"address_refused"}


def test_a_name_whose_address_is_of_this_machine_is_not_connected_to(site: Site) -> None:
    asker = site.asker(loopback=False)
    assert found(asker, image_url=site.url("/a.png", image(PNG))) == ("warning", "address_refused", None)
    asker.close()
    assert site.asked == []


def test_a_redirect_to_this_machine_is_not_followed(site: Site) -> None:
    asker = site.asker(resolve=lambda host, _port: ["127.0.0.1" if host == "shop.example.com" else "10.0.0.1"])
    inside = Page(302, location="https://inside.example.com/secret.png")
    assert found(asker, image_url=site.url("/a.png", inside)) == ("warning", "address_refused", None)
    asker.close()


def test_an_installation_may_turn_it_off(site: Site, settings: Settings) -> None:
    asker = Asker.of(settings)
    assert found(asker, link=site.url("/", Page())) == ("not_asked", "turned_off", None)
    assert site.asked == []
