"""`/me/devices`: the phones and browsers that a customer's pushes go to."""

import json
from typing import Any
from uuid import UUID

from flask import Response
from marshmallow import fields, validate

from api import scopes
from api.fields import Body, Id, Instant, Text
from api.operation import Blueprint, Call
from api.problems import UnauthenticatedError
from api.resources.members import LOCALE_CHECK
from app.services import customers, devices

blp = Blueprint("devices", __name__, url_prefix="/v1", description="Where a customer's pushes go")

_ADDRESS_MAX = 4096
_PLATFORM = validate.OneOf(["ios", "android", "web"])


class DeviceIn(Body):
    """A device: exactly one of `token` (an FCM registration token) and `fid` (a Firebase installation id)."""

    token = Text(high=_ADDRESS_MAX)
    fid = Text(high=_ADDRESS_MAX)
    platform = fields.String(required=True, validate=_PLATFORM)
    app_version = Text(high=50)
    locale = fields.String(validate=LOCALE_CHECK)
    timezone = Text(high=64, metadata={"example": "Europe/Paris"})


class Device(Body):
    """A device, without its address: whoever holds the address can be sent to."""

    id = Id("device", required=True)
    kind = fields.String(
        required=True, attribute="address_kind", validate=validate.OneOf(["fid", "token"]),
        metadata={"description": "What its address is: a Firebase installation id or a registration token"},
    )  # fmt: skip
    platform = fields.String(required=True, validate=_PLATFORM)
    app_version = fields.String()
    locale = fields.String()
    timezone = fields.String()
    last_contact_at = Instant(required=True)
    stale = fields.Function(
        devices.is_stale,
        required=True,
        metadata={
            "type": "boolean",
            "description": "Not heard of for 30 days: still sent to, and forgotten after 270",
        },
    )
    created_at = Instant(required=True)


class Devices(Body):
    """A customer's devices."""

    data = fields.List(fields.Nested(Device), required=True)


@blp.operation(
    "POST", "/me/devices", scopes=scopes.CUSTOMER, summary="Register my device", status=201, also=200, body=DeviceIn(),
    answer=Device(), example={"token": "fcm-registration-token", "platform": "android", "app_version": "1.4.0"},
)  # fmt: skip
def register_my_device(call: Call) -> Any:
    """Send pushes to this device too: 201 when it is new, 200 when it was known. Do it at each start of the app.

    The address is taken from whoever was signed in on the device before. One sign-in is one device: another address
    replaces the one before. Not heard of for 30 days a device is stale, after 270 it is forgotten. Its `locale` is the
    customer's until they choose another with `PATCH /v1/me`; its `timezone` is the member's clock for quiet hours.
    """
    if call.principal.session_id is not None and not devices.hold_sign_in(call.session, call.principal.session_id):
        raise UnauthenticatedError("You signed out meanwhile; sign in again.")
    given = {name: call.body.get(name) for name in ("locale", "token", "fid")}
    speaks = devices.speaks_for(call.session, call.principal.customer_id, **given)
    device, is_new = devices.register(
        call.session, call.principal.customer_id, session_id=call.principal.session_id, **call.body
    )
    if speaks:
        customers.change(call.database, call.principal.customer_id, values={"locale": device.locale})
    return Response(json.dumps(Device().dump(device)), 201 if is_new else 200, mimetype="application/json")


@blp.operation("GET", "/me/devices", scopes=scopes.CUSTOMER, summary="List my devices", answer=Devices())
def list_my_devices(call: Call) -> Any:
    """List where pushes go, the latest first."""
    return {"data": devices.of_customer(call.session, call.principal.customer_id)}


@blp.operation(
    "DELETE", "/me/devices/<id(device):device_id>", scopes=scopes.CUSTOMER, summary="Remove my device", status=204
)
def remove_my_device(call: Call, device_id: UUID) -> None:
    """Send no pushes to the device any more."""
    devices.forget(call.session, call.principal.customer_id, device_id)
