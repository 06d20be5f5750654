"""Use cases of devices: where a customer's pushes go. An address belongs to the person who signed in last.

One sign-in is one phone: an address that replaces another there (Firebase gives a new token, or an installation id in a
token's place) replaces it here. A device that was not heard of for a month is stale: it is still sent to, since a phone
that is seldom opened still shows pushes, and shown as stale. After 270 days Firebase lets the address expire, and so do
we (Firebase, "Best practices for registration token management").
"""

from datetime import timedelta
from typing import Any
from uuid import UUID
from zoneinfo import available_timezones

from sqlalchemy import delete, func, select, update

from app import clock, ids
from app.db import Session
from app.errors import NotFoundError, invalid_field
from app.models import Customer, CustomerSession, Device

STALE_AFTER = timedelta(days=30)
GONE_AFTER = timedelta(days=270)
HEARD_ANEW_AFTER = timedelta(days=1)
"""A refreshed sign-in notes that the phone is there, once a day at most."""


def register(
    session: Session,
    customer_id: UUID,
    *,
    session_id: UUID | None,
    platform: str,
    token: str | None = None,
    fid: str | None = None,
    app_version: str | None = None,
    locale: str | None = None,
    timezone: str | None = None,
) -> tuple[Device, bool]:
    """Note where the customer can be reached; return the device and whether it is new.

    The device is bound to the sign-in and ends with it. Whoever held the address before on the same phone loses it:
    nobody reads another person's offers. Raises InvalidError unless exactly one of `token` (an FCM registration token)
    and `fid` (a Firebase installation id) is given, and for a zone that nobody knows.
    """
    address, address_kind = _address(token, fid)
    if timezone is not None and timezone not in available_timezones():
        raise invalid_field("#/timezone", "Not a time zone of the IANA database, such as Europe/Paris.")
    # Two sign-ins on one phone, one after the other: without the lock both would find the address free.
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"device/{address}", 0))))
    session.execute(select(func.release_address(address, customer_id)))
    device = session.scalars(
        select(Device).where(Device.address == address, Device.customer_id == customer_id)
    ).one_or_none()
    if session_id is not None:
        others = (Device.customer_id == customer_id) & (Device.session_id == session_id) & (Device.address != address)
        session.execute(delete(Device).where(others))
    is_new = device is None
    values: dict[str, Any] = {
        "session_id": session_id, "address_kind": address_kind, "platform": platform, "app_version": app_version,
        "locale": locale, "timezone": timezone, "last_contact_at": clock.now(),
    }  # fmt: skip
    if device is None:
        device = Device(customer_id=customer_id, address=address, **values)
        session.add(device)
    for name, value in values.items():
        setattr(device, name, value)
    session.flush()
    return device, is_new


def hold_sign_in(session: Session, session_id: UUID) -> bool:
    """Keep a sign-in from ending until the transaction is over; return False when it has ended.

    A request is known to come from somebody for a few seconds after they signed out, and may be on its way meanwhile: a
    phone that is noted behind the sign-out would get pushes of whoever left it.
    """
    query = select(CustomerSession.id).where(CustomerSession.id == session_id, CustomerSession.revoked_at.is_(None))
    return session.scalar(query.with_for_update(read=True)) is not None


def speaks_for(session: Session, customer_id: UUID, locale: str | None, *, token: str | None, fid: str | None) -> bool:
    """Say whether a phone that is about to be registered brings its owner's language.

    It does where the owner chose none, or speaks what this very phone spoke until now: who changes the phone's language
    reads offers in it. Who chose another in the app keeps that.
    """
    if locale is None:
        return False
    known = session.execute(
        select(Customer.locale, Device.locale)
        .outerjoin(Device, (Device.customer_id == Customer.id) & (Device.address == _address(token, fid)[0]))
        .where(Customer.id == customer_id)
    ).one()
    return known[0] != locale and known[0] in {None, known[1]}


def heard_of(session: Session, customer_id: UUID, session_id: UUID) -> None:
    """Note that the phone of a sign-in is in use: its app just refreshed it."""
    now = clock.now()
    session.execute(
        update(Device)
        .where(
            Device.customer_id == customer_id,
            Device.session_id == session_id,
            Device.last_contact_at < now - HEARD_ANEW_AFTER,
        )
        .values(last_contact_at=now)
    )


def is_stale(device: Device) -> bool:
    """Say whether nothing was heard of the device for a month."""
    return device.last_contact_at < clock.now() - STALE_AFTER


def of_customer(session: Session, customer_id: UUID) -> list[Device]:
    """Return the customer's devices, the latest first."""
    query = select(Device).where(Device.customer_id == customer_id).order_by(Device.last_contact_at.desc(), Device.id)
    return list(session.scalars(query.limit(100)))


def forget(session: Session, customer_id: UUID, device_id: UUID) -> None:
    """Send nothing to the device any more; raise NotFoundError for anybody else's."""
    query = select(Device).where(Device.id == device_id, Device.customer_id == customer_id)
    device = session.scalars(query).one_or_none()
    if device is None:
        raise NotFoundError("No such device of yours.", device=ids.show("device", device_id))
    session.delete(device)


def _address(token: str | None, fid: str | None) -> tuple[str, str]:
    if token is not None and fid is None:
        return token, "token"
    if fid is not None and token is None:
        return fid, "fid"
    raise invalid_field("#/token", "Send one of token and fid.")
