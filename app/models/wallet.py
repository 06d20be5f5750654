"""Wallet: what we may speak with at Apple and Google, passes that were handed out, the devices that hold them."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, SmallInteger, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, Identified, Recorded, Tenant


class WalletCredential(Identified, Recorded, Tenant, Base, kw_only=True):
    """What a programme signs and speaks with on one `platform`; keys and tokens are sealed and never come back.

    `facts` may be read: pass type, team, organisation, when the certificate ends; issuer, the account's address.
    Several may be live at once, while certificates change; the newest signs.
    """

    __tablename__ = "wallet_credential"
    __table_args__ = (
        CheckConstraint("platform IN ('apple', 'google')", name="platform"),
        CheckConstraint("status IN ('live', 'retired')", name="status"),
        Index(None, "program_id", "platform", "id"),
    )

    platform: Mapped[str]
    sealed: Mapped[bytes]
    facts: Mapped[dict[str, Any]]
    status: Mapped[str] = mapped_column(default="live")


class Pass(Identified, Recorded, Tenant, Base, kw_only=True):
    """One card (or one voucher, where `voucher_id` is set) in one wallet.

    `pass_type_id` is Apple's pass type, or Google's issuer; with `serial` it names the pass to the whole world.
    `token_*` is Apple's authentication token, sealed and hashed. `face_hash` is the digest of the face that was last
    shown. `changed_at` has whole seconds, as HTTP's dates have, and each change moves it by a second at least.
    `revision` is the programme's counter at the last change, `pushed_revision` the one that the platform was last told
    of, `handed_revision` the one that was last handed out to somebody. `notified_count` messages of the day
    `notified_on` made the phone sound.
    """

    __tablename__ = "pass"
    __table_args__ = (
        UniqueConstraint("program_id", "id"),
        UniqueConstraint("pass_type_id", "serial"),
        ForeignKeyConstraint(["program_id", "card_id"], ["card.program_id", "card.id"]),
        ForeignKeyConstraint(["program_id", "member_id"], ["member.program_id", "member.id"]),
        ForeignKeyConstraint(["program_id", "voucher_id"], ["voucher.program_id", "voucher.id"]),
        CheckConstraint("platform IN ('apple', 'google')", name="platform"),
        CheckConstraint("state IN ('active', 'voided', 'removed')", name="state"),
        CheckConstraint(
            "platform <> 'apple' OR (token_sealed IS NOT NULL AND token_hash IS NOT NULL)", name="token"
        ),
        CheckConstraint("changed_at = date_trunc('second', changed_at, 'UTC')", name="changed_at"),
        Index(
            "uq_pass_card", "program_id", "platform", "card_id", unique=True, postgresql_where="voucher_id IS NULL"
        ),
        Index(
            "uq_pass_voucher", "program_id", "platform", "voucher_id", unique=True,
            postgresql_where="voucher_id IS NOT NULL",
        ),
        Index(None, "program_id", "member_id"),
        Index(None, "program_id", "card_id"),
    )  # fmt: skip

    card_id: Mapped[UUID]
    member_id: Mapped[UUID]
    platform: Mapped[str]
    pass_type_id: Mapped[str]
    serial: Mapped[str]
    changed_at: Mapped[datetime]
    voucher_id: Mapped[UUID | None] = mapped_column(default=None)
    token_sealed: Mapped[bytes | None] = mapped_column(default=None)
    token_hash: Mapped[bytes | None] = mapped_column(default=None)
    face_hash: Mapped[bytes | None] = mapped_column(default=None)
    revision: Mapped[int] = mapped_column(default=0)
    pushed_revision: Mapped[int] = mapped_column(default=0, server_default="0")
    handed_revision: Mapped[int] = mapped_column(default=0, server_default="0")
    state: Mapped[str] = mapped_column(default="active")
    google_inserted_at: Mapped[datetime | None] = mapped_column(default=None)
    saved_at: Mapped[datetime | None] = mapped_column(default=None)
    removed_at: Mapped[datetime | None] = mapped_column(default=None)
    last_push_at: Mapped[datetime | None] = mapped_column(default=None)
    last_fetch_at: Mapped[datetime | None] = mapped_column(default=None)
    last_error: Mapped[str | None] = mapped_column(default=None)
    notified_on: Mapped[date | None] = mapped_column(default=None)
    notified_count: Mapped[int] = mapped_column(SmallInteger, default=0)


class PassRevision(Tenant, Base, kw_only=True):
    """The programme's counter of changes to its passes: held by who changes them until it commits.

    `swept_version` is the `program.config_version` that all its passes were looked at with; while they are looked at
    with a newer one, `sweep_version` is that, `sweep_cursor` the last pass marked, `sweep_due_at` when to go on.
    """

    __tablename__ = "pass_revision"

    program_id: Mapped[UUID] = mapped_column(ForeignKey("program.id"), init=False, primary_key=True)
    revision: Mapped[int] = mapped_column(default=0)
    swept_version: Mapped[int] = mapped_column(default=0, server_default="0")
    sweep_version: Mapped[int | None] = mapped_column(default=None)
    sweep_cursor: Mapped[UUID | None] = mapped_column(default=None)
    sweep_due_at: Mapped[datetime | None] = mapped_column(default=None)


class PassDevice(Identified, Recorded, Tenant, Base, kw_only=True):
    """A phone, by the id that Apple's Wallet gives itself (hashed: it is a secret), and where pushes reach it."""

    __tablename__ = "pass_device"
    __table_args__ = (
        UniqueConstraint("program_id", "id"),
        UniqueConstraint("library_id_hash", "pass_type_id", "program_id"),
        Index(None, "push_token_hash"),
        Index(None, "program_id"),
    )

    library_id_hash: Mapped[bytes]
    push_token_sealed: Mapped[bytes]
    push_token_hash: Mapped[bytes]
    pass_type_id: Mapped[str]
    last_seen_at: Mapped[datetime]


class PassRegistration(Recorded, Tenant, Base, kw_only=True):
    """A device that wants to hear of a pass's changes."""

    __tablename__ = "pass_registration"
    __table_args__ = (
        ForeignKeyConstraint(["program_id", "device_id"], ["pass_device.program_id", "pass_device.id"]),
        ForeignKeyConstraint(["program_id", "pass_id"], ["pass.program_id", "pass.id"]),
        Index(None, "pass_id"),
    )

    device_id: Mapped[UUID] = mapped_column(primary_key=True)
    pass_id: Mapped[UUID] = mapped_column(primary_key=True)


class PassUpdate(Tenant, Base, kw_only=True):
    """A pass whose face may have changed: one row, however often it is said.

    Whoever claims it sets `lease_owner` and puts the lease's end into `due_at`; a mark that comes meanwhile raises
    `marks`. `priority` is 0 for what one person waits for, 1 for a change of all the programme's passes.
    """

    __tablename__ = "pass_update"
    __table_args__ = (Index(None, "platform", "program_id", "priority", "due_at"),)

    program_id: Mapped[UUID] = mapped_column(init=False)
    pass_id: Mapped[UUID] = mapped_column(primary_key=True)
    platform: Mapped[str]
    due_at: Mapped[datetime]
    reason: Mapped[str]
    marked_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(SmallInteger, default=0, server_default="0")
    lease_owner: Mapped[UUID | None] = mapped_column(default=None)
    priority: Mapped[int] = mapped_column(SmallInteger, default=0, server_default="0")
    marks: Mapped[int] = mapped_column(default=1, server_default="1")


class PassMessage(Identified, Recorded, Tenant, Base, kw_only=True):
    """What a campaign said on a pass, by language; the newest shows.

    `told_at` is when a platform that is told of each message (Google) knew of it.
    """

    __tablename__ = "pass_message"
    __table_args__ = (
        ForeignKeyConstraint(["program_id", "pass_id"], ["pass.program_id", "pass.id"]),
        Index(None, "program_id", "pass_id", "id"),
        Index(
            "uq_pass_message_delivery_id", "delivery_id", "pass_id", unique=True,
            postgresql_where="delivery_id IS NOT NULL",
        ),
    )  # fmt: skip

    pass_id: Mapped[UUID]
    text: Mapped[dict[str, Any]]
    delivery_id: Mapped[UUID | None] = mapped_column(default=None)
    told_at: Mapped[datetime | None] = mapped_column(default=None)


class PassLink(Tenant, Base, kw_only=True):
    """A link that hands out a pass once; whoever holds its token may use it until `expires_at`."""

    __tablename__ = "pass_link"
    __table_args__ = (
        ForeignKeyConstraint(["program_id", "card_id"], ["card.program_id", "card.id"]),
        CheckConstraint("platform IN ('apple', 'google')", name="platform"),
        Index(None, "expires_at"),
    )

    token_hash: Mapped[bytes] = mapped_column(primary_key=True)
    card_id: Mapped[UUID]
    platform: Mapped[str]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None] = mapped_column(default=None)


class PassLog(Identified, Recorded, Base, kw_only=True):
    """A line that a phone complained with. Phones do not say whose they are: `program_id` is mostly absent.

    No `Tenant`, whose rows are always somebody's: who reads it names the programme.
    """

    __tablename__ = "pass_log"
    __table_args__ = (CheckConstraint("length(line) <= 500", name="line"), Index(None, "program_id", "id"))

    line: Mapped[str]
    program_id: Mapped[UUID | None] = mapped_column(ForeignKey("program.id"), default=None)


class GoogleNonce(Tenant, Base, kw_only=True):
    """A callback of Google's that was heard already: Google may tell twice."""

    __tablename__ = "google_nonce"
    __table_args__ = (Index(None, "seen_at"),)

    program_id: Mapped[UUID] = mapped_column(ForeignKey("program.id"), init=False, primary_key=True)
    nonce: Mapped[str] = mapped_column(primary_key=True)
    seen_at: Mapped[datetime]
