"""What every table shares: typed columns, named constraints, and the program that owns the row."""

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Date, ForeignKey, LargeBinary, MetaData, Text, TypeDecorator, Uuid
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, MappedAsDataclass, mapped_column

from app import clock, ids


class UtcInstant(TypeDecorator[datetime]):
    """An instant: aware in Python, `timestamptz` in the database, UTC when read; naive values are refused."""

    impl = TIMESTAMP(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Refuse a naive instant with ValueError."""
        if value is not None and value.tzinfo is None:
            raise ValueError("a naive datetime is no instant")
        return value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Return the instant in UTC."""
        return value.astimezone(UTC) if value is not None else None


class Base(MappedAsDataclass, DeclarativeBase, kw_only=True, eq=False, repr=False):
    """A table. Rows compare by identity and have no repr, which would put contact data into logs."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy's own declaration
        datetime: UtcInstant,
        date: Date,
        str: Text,
        int: BigInteger,
        bytes: LargeBinary,
        UUID: Uuid,
        dict[str, Any]: JSONB,
        list[str]: JSONB,
        list[dict[str, Any]]: JSONB,
    }


class Identified(MappedAsDataclass, kw_only=True):
    """A row with a time-ordered id of its own."""

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=ids.new_id, kw_only=True)


class Tenant(MappedAsDataclass, kw_only=True):
    """A row of one program. The session stamps it, filters by it, and row-level security holds it."""

    program_id: Mapped[UUID] = mapped_column(ForeignKey("program.id"), init=False, kw_only=True)


class HotTenant(MappedAsDataclass, kw_only=True):
    """A row of one program in a table that grows with every scan.

    Such tables are partitioned by month on their time-ordered id, keyed by (program, id), and refer without a
    foreign key to rows that many scans share: the key-share lock of each check would make them all wait for one row.
    Parents cannot be deleted, and `assidu verify` looks for orphans.
    """

    program_id: Mapped[UUID] = mapped_column(primary_key=True, init=False, kw_only=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=ids.new_id, kw_only=True)


class Recorded(MappedAsDataclass, kw_only=True):
    """A row that remembers when it was written."""

    created_at: Mapped[datetime] = mapped_column(default_factory=clock.now, kw_only=True)


class BulkTenant(MappedAsDataclass, kw_only=True):
    """A row of one program in a table that is filled by the million, with an id of its own and no foreign keys."""

    program_id: Mapped[UUID] = mapped_column(init=False, kw_only=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=ids.new_id, kw_only=True)
