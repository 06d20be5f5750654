"""A history: millions of past scans, written straight into the tables in the order of time."""

import psycopg

from kit.seed import Programme


def remember(owner: psycopg.Connection, programme: Programme, *, entries: int, members: int, months: int = 12) -> None:
    """Write a history of scans for the members that `enrol` seeded last on this connection, and move their balances.

    Each member has as many entries; ids are in the order of time, spread over the last `months`, in their partitions.
    """
    owner.execute("SELECT ensure_partitions(now() - make_interval(months => %s), %s)", [months + 1, months + 4])
    owner.execute("DROP TABLE IF EXISTS happened")
    owner.execute(
        "CREATE TEMP TABLE happened AS SELECT i, i * 7919 %% %(members)s + 1 AS n, (i - 1) / %(members)s + 1 AS place,"
        " now() + at AS at, uuidv7(at) AS activity_id, uuidv7(at) AS entry_id, uuidv7(at) AS lot_id,"
        " uuidv7(at) AS event_id FROM ("
        "  SELECT i, make_interval(secs => -%(seconds)s * (%(entries)s - i) / %(entries)s) AS at"
        "  FROM generate_series(1::bigint, %(entries)s) i"
        ") made",
        {"members": members, "entries": entries, "seconds": float(months * 30.4 * 86400)},
    )
    owner.execute("ANALYZE happened; ANALYZE seed")
    scan = {"program": programme.id, "store": programme.store_id, "scope": f"scan {programme.store_id.hex}"}
    for statement in _REMEMBER:
        owner.execute(statement, {name: value for name, value in scan.items() if f"%({name})s" in statement})
    owner.execute("DROP TABLE happened")


_REMEMBER = (
    (
        "INSERT INTO activity (program_id, id, member_id, card_id, kind, occurred_at, recorded_at, amount, store_id,"
        " offline) SELECT %(program)s, h.activity_id, s.member_id, s.card_id, 'purchase', h.at, h.at, 1250, %(store)s,"
        " false FROM happened h JOIN seed s USING (n) ORDER BY h.i"
    ),
    (
        "INSERT INTO entry (program_id, id, account_id, sequence, kind, amount, balance_after, occurred_at,"
        " recorded_at, activity_id, store_id) SELECT %(program)s, h.entry_id, s.points_id, h.place, 'earn', 12,"
        " h.place * 12, h.at, h.at, h.activity_id, %(store)s FROM happened h JOIN seed s USING (n) ORDER BY h.i"
    ),
    (
        "INSERT INTO lot (program_id, id, account_id, entry_id, amount, remaining, available_from)"
        " SELECT %(program)s, h.lot_id, s.points_id, h.entry_id, 12, 12, h.at"
        " FROM happened h JOIN seed s USING (n) ORDER BY h.i"
    ),
    # What a relay has handled already.
    (
        "INSERT INTO event (program_id, id, kind, member_id, recorded_at, lease_until, attempts, handled_at, data)"
        " SELECT %(program)s, h.event_id, 'activity.recorded', s.member_id, h.at, h.at, 1, h.at, '{}'"
        " FROM happened h JOIN seed s USING (n) ORDER BY h.i"
    ),
    # Answers are kept for 30 days, keys for ever.
    (
        "INSERT INTO idempotency_key (program_id, scope, key, fingerprint, recorded_at, status, permanent)"
        " SELECT %(program)s, %(scope)s, md5(h.i::text), sha256(h.i::text::bytea), h.at, 201, true FROM happened h"
        " ORDER BY md5(h.i::text)"
    ),
    # The books must add up: verification of a seeded database finds nothing.
    (
        "UPDATE account a SET balance = m.moved * 12, earned_total = m.moved * 12, sequence = m.moved"
        " FROM (SELECT s.points_id, max(h.place) AS moved FROM happened h JOIN seed s USING (n) GROUP BY 1) m"
        " WHERE a.id = m.points_id AND a.program_id = %(program)s"
    ),
)
