"""Rotating the secret key: both keys work meanwhile, everything is sealed anew, and the older one is done with."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient
from sqlalchemy import LargeBinary, make_url, select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session as PlainSession

from api.app import create_app
from api.cli import cli
from app import clock, crypto, ids, migrations
from app.codes import offline
from app.config import Settings
from app.crypto import Keyring
from app.db import Database, Session
from app.errors import NotFoundError
from app.models import Base, Card
from app.services import mails, my_cards, one_time_codes, passwords, resealing, sign_ins, tokens, unsubscribes
from app.services.unsubscribes import Subscription
from tests.world import make_world
from tests.world_full import Full, make_full
from tests.world_signing import new_address
from tests.world_till import Till, make_guest

OLD, NEW = crypto.new_secret_key(), crypto.new_secret_key()


def test_every_sealed_column_of_the_models_is_walked() -> None:
    sealed = {
        f"{table.name}.{column.name}"
        for table in Base.metadata.tables.values()
        for column in table.columns
        if isinstance(column.type, LargeBinary) and "sealed" in column.name
    }

    assert {column.title for column in resealing.columns()} == sealed
    assert len(sealed) >= 10


def test_a_server_with_both_keys_reads_what_either_made_and_signs_in_as_before(old: Full, both: Database) -> None:
    till = till_of(both, old)

    answer = till.scan(make_guest(replace(old.cafe, world=replace(old.world, database=both))))

    assert answer.status_code == 201, answer.json
    with both.transaction(old.world.program_id) as session:
        card = session.get_one(Card, (old.ids["card"],))
        assert both.keyring.unseal(card.token_sealed, context=card.id.bytes)
    assert psycopg.connect(both.conninfo("worker")).close() is None


def test_the_key_is_rotated_and_the_older_one_is_needed_no_more(old: Full, rotating: Settings, both: Database) -> None:
    fill(both, old.world.database.keyring)
    environment = environment_of(rotating)

    before = CliRunner().invoke(cli, ["secret", "rotate", "--check"], env=environment)
    done = CliRunner().invoke(cli, ["secret", "rotate"], env=environment)
    after = CliRunner().invoke(cli, ["secret", "rotate", "--check"], env=environment_of(only_new(rotating)))
    repeated = CliRunner().invoke(cli, ["secret", "rotate"], env=environment)

    assert before.exit_code == 1, before.output
    assert (done.exit_code, after.exit_code, repeated.exit_code) == (0, 0, 0), done.output + after.output
    assert " 0 values" not in done.output
    assert ", 0 sealed anew" not in done.output
    assert repeated.output.count(", 0 sealed anew") == len(resealing.columns())
    alone = Database(only_new(rotating))
    assert {plain for _, plain in opened(alone)} == {"a secret"}
    assert till_of(alone, old).balance(make_guest(in_(alone, old)), old.cafe.stamps) == 0
    alone.dispose()


def test_who_knows_the_older_key_only_is_let_in_no_more(old: Full, rotating: Settings, both: Database) -> None:
    migrations.renew_passwords(both)
    stranger = Database(replace(rotating, secret_key=OLD, secret_key_fallbacks=""))

    with pytest.raises(OperationalError), stranger.transaction(old.world.program_id) as session:
        session.scalar(select(Card.id).limit(1))
    stranger.dispose()
    # Who knows both finds the new password at the next connection.
    with both.transaction(old.world.program_id) as session:
        assert session.scalar(select(Card.id).limit(1)) is not None
    assert psycopg.connect(both.conninfo("worker")).close() is None


def test_a_walk_that_was_broken_off_goes_on(old: Full, both: Database, rotating: Settings) -> None:
    for _ in range(5):
        make_guest(old.cafe)
    fill(both, old.world.database.keyring)
    (column,) = [one for one in resealing.columns() if one.title == "card.token_sealed"]

    class Breaking(Database):
        batches = 0

        def transaction(self, *given: Any, **named: Any) -> AbstractContextManager[Session]:
            self.batches += 1
            if self.batches > 2:
                raise ConnectionError
            return super().transaction(*given, **named)

    broken = Breaking(rotating)
    with pytest.raises(ConnectionError):
        resealing.walk(broken, column, writes=True, batch=2)
    broken.dispose()
    rest = resealing.walk(both, column, writes=True, batch=2)
    last = resealing.walk(both, column, writes=True, batch=2)

    assert rest.old == rest.values - 4
    assert (last.old, last.values, last.unreadable) == (0, rest.values, 0)


def test_what_somebody_changed_meanwhile_is_left_as_it_is(old: Full, both: Database) -> None:
    (column,) = [one for one in resealing.columns() if one.title == "card.token_sealed"]
    card_id, program_id = old.ids["card"], old.world.program_id
    with both.transaction(program_id) as session:
        before = session.get_one(Card, (card_id,)).token_sealed

    resealing._write(both, column, [resealing._Change((card_id,), program_id, b"older", b"newer")])

    with both.transaction(program_id) as session:
        assert session.get_one(Card, (card_id,)).token_sealed == before


def test_what_no_key_opens_is_counted_and_left(old: Full, both: Database, rotating: Settings) -> None:
    fill(both, Keyring(crypto.new_secret_key()))

    done = CliRunner().invoke(cli, ["secret", "rotate"], env=environment_of(rotating))
    fill(both, old.world.database.keyring)

    assert done.exit_code == 1
    assert "that no key opens" in done.output
    assert "opened by no key" in done.output


def test_a_secret_that_was_taken_away_is_no_value(old: Full, both: Database) -> None:
    assert old.world.program_id
    (column,) = [one for one in resealing.columns() if one.title == "wallet_credential.sealed"]
    with PlainSession(both.owner) as session:
        session.execute(update(column.model).values(sealed=b""))
        session.commit()

    assert resealing.walk(both, column, writes=True) == resealing.Found(column.title, 0, 0, 0)


def test_without_a_key_to_rotate_from_the_command_says_so(settings: Settings) -> None:
    done = CliRunner().invoke(cli, ["secret", "rotate"], env=environment_of(settings))

    assert done.exit_code == 2
    assert "ASSIDU_SECRET_KEY_FALLBACKS" in done.output


def test_a_sign_in_outlives_the_rotation() -> None:
    both, pair = Keyring(NEW, OLD), tokens.begin(Keyring(OLD), tokens.CUSTOMER, now=clock.now())[0]
    family_id = tokens.family(both, tokens.CUSTOMER, pair.refresh)
    assert family_id is not None

    _, following = tokens.successor(both, tokens.CUSTOMER, family_id, pair.refresh)

    assert tokens.family(Keyring(NEW), tokens.CUSTOMER, following) == family_id
    assert tokens.family(Keyring(NEW), tokens.CUSTOMER, pair.refresh) is None


def test_a_link_in_an_older_mail_unsubscribes() -> None:
    named = Subscription(ids.new_id(), ids.new_id(), "email", "offers")
    token = unsubscribes.Links(Keyring(OLD)).token(named)

    assert unsubscribes.Links(Keyring(NEW, OLD)).read(token) == named
    with pytest.raises(NotFoundError):
        unsubscribes.Links(Keyring(NEW)).read(token)


def test_a_one_time_code_that_is_under_way_signs_in(old: Full, both: Database) -> None:
    contact = one_time_codes.contact(email=new_address())
    keyring = old.world.database.keyring
    with both.transaction(contact_hash=keyring.contact_hash(contact.text)) as session:
        one_time_codes.store(session, code_hash=passwords.make_hash("123456"))

    assert sign_ins.customer(both, contact=contact, code="123456").customer.email == contact.text


def test_an_offline_code_of_either_key_is_believed_by_tills_that_hold_both() -> None:
    held = my_cards.verifying_keys(Keyring(NEW, OLD))
    now = clock.unix_seconds()

    for key in (OLD, NEW):
        signing = my_cards.signing_key(Keyring(key))
        key_id = my_cards.id_of(signing.public_key())
        text = offline.sign(
            signing, key_id=key_id, card_id=ids.new_id(), valid_from=now, window_seconds=60, redeem_max=0
        )
        offline.verify(offline.read_text(text), held, now)
    assert len(held) == 2


def fill(database: Database, keyring: Keyring) -> None:
    """Seal every value there is with a keyring; where a column may be empty, fill it."""
    with PlainSession(database.owner) as session:
        for column in resealing.columns():
            for row in session.scalars(select(column.model)):
                setattr(row, column.name, keyring.seal(b"a secret", context=column.context(row)))
        session.commit()


def opened(database: Database) -> Iterator[tuple[str, str]]:
    """Yield each sealed value's column and what it says."""
    with PlainSession(database.owner) as session:
        for column in resealing.columns():
            for row in session.scalars(select(column.model)):
                sealed = getattr(row, column.name)
                yield column.title, database.keyring.unseal(sealed, context=column.context(row)).decode()


def in_(database: Database, full: Full) -> Any:
    """Return the café as another server sees it."""
    return replace(full.cafe, world=replace(full.world, database=database))


def till_of(database: Database, full: Full) -> Till:
    """Return the café's till at another server."""
    client: FlaskClient = create_app(database.settings, database).test_client()
    return Till(client, full.cafe)


def only_new(settings: Settings) -> Settings:
    """Return the settings after the rotation."""
    return replace(settings, secret_key_fallbacks="")


def environment_of(settings: Settings) -> dict[str, str]:
    """Return the variables of an installation."""
    return {
        "DATABASE_URL": settings.database_url,
        "ASSIDU_DATABASE_ROLE_PREFIX": settings.database_role_prefix,
        "ASSIDU_SECRET_KEY": settings.secret_key,
        "ASSIDU_SECRET_KEY_FALLBACKS": settings.secret_key_fallbacks,
        "ASSIDU_HOME": str(settings.home),
    }


@pytest.fixture
def rotating(settings: Settings) -> Iterator[Settings]:
    """Settings in the middle of a rotation, of a database of its own: a rotation seals all that is there."""
    prefix = f"{settings.database_role_prefix}_rotated"
    with psycopg.connect(settings.database_url, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{prefix}" WITH (FORCE)')
        connection.execute(f'CREATE DATABASE "{prefix}"')
    url = make_url(settings.database_url).set(database=prefix).render_as_string(hide_password=False)
    yield replace(settings, database_url=url, database_role_prefix=prefix, secret_key=NEW, secret_key_fallbacks=OLD)
    with psycopg.connect(settings.database_url, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{prefix}" WITH (FORCE)')


@pytest.fixture
def old(rotating: Settings) -> Iterator[Full]:
    """A programme with something of everything, made by servers that know the older key only."""
    settings = replace(rotating, secret_key=OLD, secret_key_fallbacks="")
    database = Database(settings)
    migrations.migrate(database)
    full = make_full(make_world(database), create_app(settings, database).test_client())
    with database.transaction() as session:
        message = mails.one_time_code(to="ana@example.com", code="123456", locale="fr", minutes=10)
        mails.post(session, database.keyring, message, expires_at=clock.now() + timedelta(minutes=10))
    yield full
    database.dispose()


@pytest.fixture
def both(rotating: Settings, old: Full) -> Iterator[Database]:
    """The database as servers know it in the middle of the rotation."""
    assert old.world.program_id
    database = Database(rotating)
    yield database
    database.dispose()
