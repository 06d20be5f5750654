"""Programmes and cards to measure on: the set-up through the product's own rows, the thousands straight into tables."""

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg

from app import clock, ids
from app.codes import card_token, totp
from app.codes.grammar import static_code
from app.crypto import Keyring
from app.db import Database, Session
from app.models import ApiKey, Customer, CustomerSession, Partner, Program, Purse, Reward, Rule, RuleVersion, Store
from app.services import config_versions
from app.services import members as enrolling


@dataclass(frozen=True, kw_only=True)
class Programme:
    """A café: a point for each euro, a ten-coffee card, a till that may scan."""

    id: UUID
    store_id: UUID
    till_key: str
    points_id: UUID
    stamps_id: UUID


def make_programme(database: Database, *, rules: int = 1) -> Programme:
    """Make a programme with `rules` live rules of which a purchase of 12.50 EUR satisfies one."""
    program_id = ids.new_id()
    with database.transaction(program_id) as session:
        session.add(
            Program(
                id=program_id, name="Café", slug=f"cafe-{program_id.hex[-12:]}", currency="EUR",
                timezone="Europe/Paris", locale="fr", locales=["fr", "en"],
            )
        )  # fmt: skip
        session.flush()
        partner = Partner(name="Café")
        session.add(partner)
        session.flush()
        store = Store(name="Bastille", partner_id=partner.id)
        key = f"ask_live_{ids.secret_text()}"
        points = Purse(code="points", name="Points", kind="points")
        coffee = Reward(name="Café offert", kind="free_item", value={"name": "Café"})
        session.add_all([store, points, coffee])
        session.add(ApiKey(name="Till", key_hash=ids.digest(key), hint=key[-4:], scopes=["till"]))
        session.flush()
        stamps = Purse(code="stamps", name="Dix cafés", kind="stamps", goal=10, reward_id=coffee.id)
        session.add(stamps)
        session.flush()
        _make_rule(session, "A point for each euro", ids.show("purse", points.id), [])
        for place in range(1, rules):
            _make_rule(session, f"Rule {place}", ids.show("purse", points.id), _unmet(place))
        config_versions.grow(session)
        return Programme(
            id=program_id, store_id=store.id, till_key=key, points_id=points.id, stamps_id=stamps.id
        )  # fmt: skip


def _make_rule(session: Session, name: str, purse: str, conditions: list[dict[str, Any]]) -> None:
    definition = {
        "name": name,
        "when": {"activity": "purchase"},
        "conditions": conditions,
        "effects": [{"kind": "points_per_amount", "purse_id": purse, "points": 1, "per": 100}],
        "status": "live",
    }
    rule = Rule(name=name, status="live", definition=definition, version=1)
    session.add(rule)
    session.flush()
    version = RuleVersion(rule_id=rule.id, number=1, definition=definition)
    session.add(version)
    session.flush()
    rule.version_id = version.id


def _unmet(place: int) -> list[dict[str, Any]]:
    # Live, for purchases, and each asked: the kinds of condition that need nothing of the member's past, in turn.
    kinds: list[dict[str, Any]] = [
        {"kind": "minimum_amount", "minimum": 100_000 + place},
        {"kind": "store", "store_ids": [ids.show("store", ids.new_id())]},
        {"kind": "partner", "partner_ids": [ids.show("partner", ids.new_id())]},
        {"kind": "product", "categories": [f"category-{place}"]},
    ]
    return [kinds[place % len(kinds)]]


def enrol(
    owner: psycopg.Connection, keyring: Keyring, programme: Programme, *, members: int, live: int, years: float = 0.25
) -> list[str]:
    """Enrol `members`, each with a card and an account in each purse; return the static codes of `live` of them.

    The others are as large, but their tokens are known to SQL alone: that of member n is the text of n, hashed. Ids
    are spread over the last `years`, as if people had joined one after the other. The live ones are spread over all.
    """
    owner.execute("DROP TABLE IF EXISTS seed")
    owner.execute(
        "CREATE TEMP TABLE seed AS SELECT n, uuidv7(at) AS member_id, uuidv7(at) AS card_id,"
        " uuidv7(at) AS points_id, uuidv7(at) AS stamps_id, now() + at AS joined_at FROM ("
        "  SELECT n, make_interval(secs => -%(seconds)s * (%(members)s - n) / %(members)s) AS at"
        "  FROM generate_series(1, %(members)s) n"
        ") made",
        {"members": members, "seconds": float(years * 365 * 86400)},
    )
    owner.execute("ALTER TABLE seed ADD PRIMARY KEY (n)")
    step = members // live if live else 1
    codes = _make_tokens(owner, keyring, [step * (place + 1) for place in range(live)])
    values = {"program": programme.id, "points": programme.points_id, "stamps": programme.stamps_id}
    for statement in _ENROL:
        owner.execute(statement, {name: value for name, value in values.items() if f"%({name})s" in statement})
    return codes


def _make_tokens(owner: psycopg.Connection, keyring: Keyring, places: list[int]) -> list[str]:
    owner.execute("DROP TABLE IF EXISTS token")
    owner.execute("CREATE TEMP TABLE token (n int PRIMARY KEY, hash bytea, sealed bytea, totp_sealed bytea)")
    cards: dict[int, UUID] = dict(owner.execute("SELECT n, card_id FROM seed WHERE n = ANY(%s)", [places]).fetchall())
    codes = []
    with owner.cursor().copy("COPY token FROM STDIN (FORMAT binary)") as copy:
        copy.set_types(["int4", "bytea", "bytea", "bytea"])
        for n in places:
            token = card_token.new_card_token()
            context = cards[n].bytes
            sealed = keyring.seal(token.encode(), context=context)
            copy.write_row((n, ids.digest(token), sealed, keyring.seal(totp.new_key(), context=context)))
            codes.append(static_code(token))
    return codes


_ENROL = (
    (
        "INSERT INTO member (id, program_id, created_at, joined_at, first_name)"
        " SELECT member_id, %(program)s, joined_at, joined_at, 'Ada' FROM seed ORDER BY n"
    ),
    # The Luhn digit of a real number is left out: tills do not read the number.
    (
        "INSERT INTO card"
        " (id, program_id, created_at, member_id, number, token_hash, token_sealed, totp_key_sealed, status)"
        " SELECT s.card_id, %(program)s, s.joined_at, s.member_id,"
        "  rtrim(regexp_replace(lpad((9000000000000000 + s.n)::text, 16, '0'), '(....)', '\\1 ', 'g')),"
        "  coalesce(t.hash, sha256(s.n::text::bytea)),"
        "  coalesce(t.sealed, substr(decode(repeat(md5(s.n::text), 3), 'hex'), 1, 45)),"
        "  coalesce(t.totp_sealed, decode(repeat(md5(s.n::text), 3), 'hex')), 'active'"
        " FROM seed s LEFT JOIN token t USING (n) ORDER BY s.n"
    ),
    (
        "INSERT INTO account"
        " (id, program_id, member_id, purse_id, balance, pending, held, debt, earned_total, burnt_total, sequence)"
        " SELECT a.id, %(program)s, s.member_id, a.purse, 0, 0, 0, 0, 0, 0, 0 FROM seed s,"
        " LATERAL (VALUES (s.points_id, %(points)s::uuid), (s.stamps_id, %(stamps)s::uuid)) a (id, purse)"
        " ORDER BY s.n, a.id"
    ),
)


@dataclass(frozen=True, kw_only=True)
class Written:
    """One scan as the product wrote it: what a yardstick writes too, byte for byte where it can."""

    values: dict[str, str]


def written(owner: psycopg.Connection, programme: Programme) -> Written:
    """Return the parts of the programme's last scan that a till's next scan would repeat."""
    row = owner.execute(
        "SELECT i.scope, i.key, encode(i.fingerprint, 'hex'), i.answer, e.steps, v.data,"
        " e.rule_id, e.rule_version_id, a.rule_set_id, a.store_id, a.partner_id, a.api_key_id, a.receipt, a.amount,"
        " e.amount"
        " FROM activity a JOIN entry e ON e.activity_id = a.id AND e.program_id = a.program_id"
        " JOIN event v ON v.program_id = a.program_id AND v.kind = 'activity.recorded'"
        " JOIN idempotency_key i ON i.program_id = a.program_id AND i.scope LIKE 'scan %%'"
        " WHERE a.program_id = %s ORDER BY a.id DESC, v.id DESC, i.recorded_at DESC LIMIT 1",
        [programme.id],
    ).fetchone()
    assert row is not None
    names = ("scope", "key", "fingerprint", "answer", "steps", "fact", "rule", "version", "rule_set", "store",
             "partner", "api_key", "receipt", "amount", "points")  # fmt: skip
    return Written(values={name: _text(value) for name, value in zip(names, row, strict=True)})


def _text(value: Any) -> str:
    if isinstance(value, dict | list):
        return json.dumps(value)
    return "" if value is None else str(value)


def sign_in(database: Database, programmes: list[Programme], *, customers: int) -> list[str]:
    """Make customers who are members of each programme and signed in; return their access tokens."""
    tokens = []
    for place in range(customers):
        token = f"acu_{ids.secret_text()}"
        tokens.append(token)
        customer_id = ids.new_id()
        with database.transaction(customer_id=customer_id) as session:
            session.add(Customer(id=customer_id, email=f"ada-{place}-{customer_id.hex}@example.org", first_name="Ada"))
            session.flush()
            later = clock.now() + timedelta(days=30)
            session.add(
                CustomerSession(
                    customer_id=customer_id, access_hash=ids.digest(token), access_expires_at=later,
                    refresh_hash=ids.secret_bytes(32), expires_at=later,
                )
            )  # fmt: skip
        for programme in programmes:
            with database.transaction(programme.id) as session:
                enrolling.enrol(
                    session, database.keyring, source="benchmark", customer_id=customer_id, first_name="Ada"
                )
    return tokens
