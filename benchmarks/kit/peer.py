"""The peer of the till's benchmark, set up on the same database with as many cards and as many web processes."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from peers.fastapi_orm import Base
from sqlalchemy import create_engine

from kit import stack
from kit.seed import Programme
from kit.stack import BENCHMARKS, Stack, Web


def prepare(running: Stack, programme: Programme) -> None:
    """Make the peer's tables and copy the programme's members and cards into them."""
    engine = create_engine(_url(running))
    Base.metadata.create_all(engine)
    engine.dispose()
    with running.owner() as owner:
        owner.execute(
            "INSERT INTO peer_member (id, name, balance) SELECT id, first_name, 0 FROM member WHERE program_id = %s",
            [programme.id],
        )
        owner.execute(
            "INSERT INTO peer_card (id, member_id, token_hash) SELECT id, member_id, token_hash FROM card"
            " WHERE program_id = %s",
            [programme.id],
        )


@contextmanager
def serving(running: Stack, *, workers: int | None) -> Iterator[Web]:
    """Serve the peer by granian too, which is faster than what most people would serve it by."""
    # The peer knows nothing of our settings: it reads one variable, as its like do.
    os.environ["PEER_DATABASE_URL"] = _url(running)  # noqa: TID251
    try:
        with stack.web(
            running, "fastapi_orm:make_application", folder=BENCHMARKS / "peers", interface="asgi", workers=workers,
            options=("--factory",),
        ) as web:  # fmt: skip
            yield web
    finally:
        del os.environ["PEER_DATABASE_URL"]  # noqa: TID251


def _url(running: Stack) -> str:
    return running.server.url.replace("postgresql://", "postgresql+psycopg://")
