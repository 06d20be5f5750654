"""Phones at the same instant: many that register, one that comes and leaves, and lists while passes change."""

from collections import Counter

import pytest
from flask import Flask

from app.db import Database
from app.services.pass_registrations import DEVICES_MAX
from tests.concurrency.together import together
from tests.passkit_device import Installed, Phone, Told
from tests.world import World, make_world
from tests.world_passkit import SHARED, change, count_devices, devices_of, issue, make_phone, new_pass_type, through
from tests.world_till import Cafe, make_cafe, make_guest

PHONES = 200
"""The full size, 2,000, is `benchmarks/faults/passkit.py`'s."""
ROUNDS = 15


def test_many_phones_that_register_at_once_are_all_registered(application: Flask, cafe: Cafe) -> None:
    held = [issue(cafe, make_guest(cafe), SHARED) for _ in range(PHONES // 2)]
    pairs = [(make_phone(application.test_client()), one) for one in held for _ in range(2)]

    statuses = together(lambda pair: pair[0].add(pair[1]).status, pairs)

    assert Counter(statuses) == {201: PHONES}
    assert count_devices(cafe, SHARED) == PHONES
    assert {len(devices_of(cafe, one)) for one in held} == {2}


def test_one_phone_that_registers_from_many_threads_is_new_once(application: Flask, cafe: Cafe) -> None:
    for _ in range(ROUNDS):
        held = issue(cafe, make_guest(cafe), SHARED)
        phone = make_phone(application.test_client())

        def register(_: int, phone: Phone = phone, held: Installed = held) -> int:
            return like(application, phone).add(held).status

        assert Counter(together(register, range(8))) == {201: 1, 200: 7}
        assert len(devices_of(cafe, held)) == 1


def test_registering_one_pass_and_leaving_another_at_once_keeps_what_was_registered(
    application: Flask, cafe: Cafe
) -> None:
    for _ in range(ROUNDS):
        old, new = (issue(cafe, make_guest(cafe), SHARED) for _ in range(2))
        phone = make_phone(application.test_client())
        phone.add(old)

        def act(what: str, phone: Phone = phone, old: Installed = old, new: Installed = new) -> Told:
            mine = like(application, phone)
            return mine.delete(old) if what == "leave" else mine.add(new)

        told = together(act, ["leave", "register", "leave", "register"])

        assert {one.status for one in told} <= {200, 201}
        assert (len(devices_of(cafe, old)), len(devices_of(cafe, new))) == (0, 1)
        assert phone.ask(SHARED).json["serialNumbers"] == [new.serial]


def test_many_phones_of_one_pass_leave_no_more_than_it_may_have(application: Flask, cafe: Cafe) -> None:
    held = issue(cafe, make_guest(cafe), SHARED)
    phones = [make_phone(application.test_client()) for _ in range(DEVICES_MAX * 2)]

    statuses = together(lambda phone: phone.add(held).status, phones)

    assert Counter(statuses) == {201: len(phones)}
    assert len(devices_of(cafe, held)) == DEVICES_MAX
    assert count_devices(cafe, SHARED) == DEVICES_MAX


def test_a_phone_that_asks_while_passes_change_misses_none(application: Flask, cafe: Cafe) -> None:
    held = [issue(cafe, make_guest(cafe), new_pass_type())]
    held += [issue(cafe, make_guest(cafe), held[0].pass_type_id) for _ in range(3)]
    phone = make_phone(application.test_client())
    for one in held:
        phone.add(one)
    phone.ask(held[0].pass_type_id)
    heard: Counter[str] = Counter()

    def act(turn: int) -> None:
        if turn % 3:
            change(cafe, held[turn % 4])
        else:
            told = like(application, phone, tags=phone.tags).ask(held[0].pass_type_id)
            heard.update(told.json["serialNumbers"] if told.status == 200 else ())

    together(act, range(60), threads=6)
    told = phone.ask(held[0].pass_type_id)
    heard.update(told.json["serialNumbers"] if told.status == 200 else ())

    assert set(heard) == {one.serial for one in held}
    assert phone.ask(held[0].pass_type_id).status == 204
    assert int(phone.tags[held[0].pass_type_id]) == 40


def like(application: Flask, phone: Phone, **more: object) -> Phone:
    """Return the same phone on another connection."""
    return Phone(
        through(application.test_client()), phone.service, phone.library_id, phone.push_token, phone.passes,
        **more,  # type: ignore[arg-type]
    )  # fmt: skip


@pytest.fixture
def cafe(database: Database) -> Cafe:
    world: World = make_world(database)
    return make_cafe(world)
