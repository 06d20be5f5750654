"""Vouchers: issued to a member, honoured once, whoever asks twice."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select, update

from app import clock, ids
from app.codes.card_token import new_voucher_code, normalise_voucher_code
from app.codes.grammar import VoucherCode, parse
from app.crypto import Keyring
from app.db import Session
from app.errors import AssiduError, ConflictError, NotFoundError
from app.models import Store, Voucher
from app.services import accounts, events
from app.services.config import RewardConfig


class VoucherUsedError(ConflictError):
    """It was honoured before; `used_at` and `store` say when and where."""

    slug = "voucher-used"
    title = "This voucher was used"


class VoucherExpiredError(ConflictError):
    """Its last day has passed."""

    slug = "voucher-expired"
    title = "This voucher has expired"


class VoucherVoidError(ConflictError):
    """It was withdrawn."""

    slug = "voucher-void"
    title = "This voucher was withdrawn"


class UnknownVoucherError(NotFoundError):
    """No voucher of this programme has the code."""

    slug = "unknown-voucher"
    title = "No such voucher"


def issue(
    session: Session,
    keyring: Keyring,
    *,
    member_id: UUID,
    reward: RewardConfig,
    locale: str | None = None,
    activity_id: UUID | None = None,
    entry_id: UUID | None = None,
) -> Voucher:
    """Give the member a voucher for the reward, valid for the reward's days from now."""
    now = clock.now()
    voucher_id = ids.new_id()
    code = new_voucher_code()
    voucher = Voucher(
        id=voucher_id,
        member_id=member_id,
        reward_id=reward.id,
        name=reward.name_in(locale),
        code_hash=ids.digest(code),
        code_sealed=keyring.seal(code.encode(), context=voucher_id.bytes),
        issued_at=now,
        valid_until=valid_until(reward, now),
        activity_id=activity_id,
        entry_id=entry_id,
    )
    session.add(voucher)
    publish(session, "voucher.issued", voucher)
    return voucher


def valid_until(reward: RewardConfig, issued_at: datetime) -> datetime | None:
    """Return the first instant at which a voucher issued then is no longer honoured."""
    return issued_at + timedelta(days=reward.valid_days) if reward.valid_days else None


def code_of(keyring: Keyring, voucher: Voucher) -> str:
    """Return the voucher's code, to be shown to its member."""
    return keyring.unseal(voucher.code_sealed, context=voucher.id.bytes).decode()


def find(session: Session, code: str) -> Voucher:
    """Return the voucher of a code, bare or as a till scans it; raise UnknownVoucherError.

    One answer for malformed, unknown and foreign codes alike, so that guessing teaches nothing.
    """
    voucher = session.scalars(select(Voucher).where(Voucher.code_hash == ids.digest(_canonical(code)))).one_or_none()
    if voucher is None:
        raise UnknownVoucherError("No voucher here has this code: scan it again, or ask the member to open it again.")
    return voucher


def use(
    session: Session, voucher: Voucher, *, store_id: UUID, staff_id: UUID | None, api_key_id: UUID | None
) -> Voucher:
    """Honour the voucher at a store; the one guarded statement lets one of many tills win."""
    now = clock.now()
    won = session.execute(
        update(Voucher)
        .where(
            Voucher.id == voucher.id,
            Voucher.status == "issued",
            (Voucher.valid_until.is_(None)) | (Voucher.valid_until > now),
        )
        .values(status="used", used_at=now, used_store_id=store_id, used_staff_id=staff_id, used_api_key_id=api_key_id)
        .returning(Voucher.id)
        .execution_options(synchronize_session=False)
    ).one_or_none()
    session.refresh(voucher)
    if won is None:
        raise _refusal(session, voucher)
    publish(session, "voucher.used", voucher, store=ids.show("store", store_id))
    return voucher


def void(session: Session, voucher: Voucher, *, reason: str) -> Voucher:
    """Withdraw a voucher that nobody used; raise for one that is past that."""
    # The member's accounts before the voucher, as everywhere: two that lock both never wait for each other.
    accounts.lock(session, voucher.member_id)
    session.refresh(voucher, with_for_update=True)
    if voucher.status != "issued":
        raise _refusal(session, voucher)
    voucher.status = "void"
    voucher.void_reason = reason
    publish(session, "voucher.void", voucher)
    return voucher


def of_member(session: Session, member_id: UUID, *, limit: int = 20) -> list[Voucher]:
    """Return the member's vouchers that can be used now, newest first."""
    query = (
        select(Voucher)
        .where(
            Voucher.member_id == member_id,
            Voucher.status == "issued",
            (Voucher.valid_until.is_(None)) | (Voucher.valid_until > clock.now()),
        )
        .order_by(Voucher.id.desc())
        .limit(limit)
    )
    return list(session.scalars(query))


def expire_due(session: Session, *, limit: int = 500) -> int:
    """Mark vouchers of this programme whose last day has passed; return how many."""
    query = (
        select(Voucher)
        .where(Voucher.status == "issued", Voucher.valid_until <= clock.now())
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    due = list(session.scalars(query))
    for voucher in due:
        voucher.status = "expired"
        publish(session, "voucher.expired", voucher)
    return len(due)


def publish(session: Session, kind: str, voucher: Voucher, **more: str) -> None:
    """Write the fact about a voucher."""
    data = {
        "voucher": ids.show("voucher", voucher.id),
        "reward": ids.show("reward", voucher.reward_id),
        "name": voucher.name,
        **more,
    }
    events.publish(session, kind=kind, data=data, member_id=voucher.member_id)


def _canonical(text: str) -> str:
    """Return the bare code in its one spelling, or a text that no code equals."""
    try:
        parsed = parse(text)
    except AssiduError:
        parsed = None
    if isinstance(parsed, VoucherCode):
        return parsed.code
    try:
        return normalise_voucher_code(text)
    except AssiduError:
        return ""


def _refusal(session: Session, voucher: Voucher) -> ConflictError:
    if voucher.status == "used" and voucher.used_at is not None:
        store = session.scalars(select(Store).where(Store.id == voucher.used_store_id)).one_or_none()
        place = store.name if store else "a store"
        return VoucherUsedError(
            f"It was used on {voucher.used_at:%Y-%m-%d at %H:%M} UTC at {place}.",
            used_at=voucher.used_at.isoformat().replace("+00:00", "Z"),
            store=place,
        )
    if voucher.status == "void":
        return VoucherVoidError("It was withdrawn and cannot be used.")
    return VoucherExpiredError("Its last day has passed.")
