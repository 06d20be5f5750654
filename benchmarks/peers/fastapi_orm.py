"""The bare scan as most people would write it: FastAPI, SQLAlchemy's ORM, psycopg. Compared by `scan.py`.

It verifies no signature of the caller, knows no rules, lots, purses or tenants: it finds the card, checks the key,
writes an activity, an entry and an outbox row, updates the balance and commits.
"""

import hashlib
import os
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, FastAPI, Header, HTTPException
from pydantic import BaseModel, Field
from sqlalchemy import JSON, ForeignKey, Text, create_engine, func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker
from uuid_utils.compat import uuid7


class Base(DeclarativeBase):
    """The peer's own tables."""


class PeerMember(Base):
    """A member with a balance."""

    __tablename__ = "peer_member"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    name: Mapped[str]
    balance: Mapped[int] = mapped_column(default=0)


class PeerCard(Base):
    """A card, found by its token's hash."""

    __tablename__ = "peer_card"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    member_id: Mapped[UUID] = mapped_column(ForeignKey("peer_member.id"), index=True)
    token_hash: Mapped[bytes] = mapped_column(unique=True)


class PeerActivity(Base):
    """What happened."""

    __tablename__ = "peer_activity"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    member_id: Mapped[UUID] = mapped_column(ForeignKey("peer_member.id"), index=True)
    kind: Mapped[str]
    amount: Mapped[int]
    receipt: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class PeerEntry(Base):
    """One movement."""

    __tablename__ = "peer_entry"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    member_id: Mapped[UUID] = mapped_column(ForeignKey("peer_member.id"), index=True)
    activity_id: Mapped[UUID] = mapped_column(ForeignKey("peer_activity.id"), index=True)
    points: Mapped[int]
    balance_after: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class PeerOutbox(Base):
    """A fact to publish."""

    __tablename__ = "peer_outbox"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    kind: Mapped[str]
    data: Mapped[dict[str, Any]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class PeerKey(Base):
    """An idempotency key and the answer that it gave."""

    __tablename__ = "peer_key"

    key: Mapped[str] = mapped_column(Text, primary_key=True)
    answer: Mapped[dict[str, Any]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class MoneyIn(BaseModel):
    """An amount in minor units."""

    amount: int = Field(ge=0)
    currency: str


class ActivityIn(BaseModel):
    """What happened."""

    kind: str
    amount: MoneyIn
    receipt: str | None = None


class ScanIn(BaseModel):
    """A scan."""

    code: str
    store_id: str
    activity: ActivityIn


class ScanOut(BaseModel):
    """What a scan gave."""

    activity_id: UUID
    member_id: UUID
    name: str
    points: int
    balance: int


def make_application() -> FastAPI:
    """Return the application on the database that the environment names."""
    engine = create_engine(os.environ["PEER_DATABASE_URL"], pool_size=16, max_overflow=8)  # noqa: TID251 - no Settings
    make_session = sessionmaker(engine)
    application = FastAPI()

    def session() -> Iterator[Session]:
        with make_session() as made:
            yield made

    @application.post("/v1/scans", status_code=201, response_model=ScanOut)
    def create_scan(
        scan: ScanIn, db: Annotated[Session, Depends(session)], idempotency_key: Annotated[str, Header()]
    ) -> Any:
        return record(db, scan, idempotency_key)

    return application


def record(db: Session, scan: ScanIn, key: str) -> Any:
    """Find the card, write the activity and what it earns, answer."""
    kept = db.get(PeerKey, key)
    if kept is not None:
        return kept.answer
    token_hash = hashlib.sha256(scan.code.removeprefix("A1").encode()).digest()
    card = db.scalars(select(PeerCard).where(PeerCard.token_hash == token_hash)).one_or_none()
    if card is None:
        raise HTTPException(404, "unknown card")
    member = db.scalars(select(PeerMember).where(PeerMember.id == card.member_id).with_for_update()).one()
    points = scan.activity.amount.amount // 100
    activity = PeerActivity(
        member_id=member.id, kind=scan.activity.kind, amount=scan.activity.amount.amount,
        receipt=scan.activity.receipt,
    )  # fmt: skip
    db.add(activity)
    db.flush()
    member.balance += points
    db.add(PeerEntry(member_id=member.id, activity_id=activity.id, points=points, balance_after=member.balance))
    answer = ScanOut(
        activity_id=activity.id, member_id=member.id, name=member.name, points=points, balance=member.balance
    )
    db.add(PeerOutbox(kind="activity.recorded", data={"activity": str(activity.id), "points": points}))
    db.add(PeerKey(key=key, answer=answer.model_dump(mode="json")))
    db.commit()
    return answer
