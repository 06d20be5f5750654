"""`/program/wallet-credentials`: what a programme signs passes and speaks to Apple and Google with."""

from typing import Any

from marshmallow import fields, validate

from api import scopes
from api.fields import Body, Id, Instant, Secret, Text
from api.operation import Blueprint, Call
from app import ids
from app.services import audits, wallet_credentials
from wallet import handing

blp = Blueprint(
    "wallet credentials", __name__, url_prefix="/v1", description="What a programme's passes are signed with"
)

WALLETS = ("apple", "google")
_FILE_MAX = 65_536
_EXAMPLE = {
    "platform": "apple",
    "certificate": "-----BEGIN CERTIFICATE-----\n…\n-----END CERTIFICATE-----\n",
    "private_key": "-----BEGIN PRIVATE KEY-----\n…\n-----END PRIVATE KEY-----\n",
}


class WalletCredentialsIn(Body):
    """What Apple or Google gave to the programme's owner.

    For Apple: `certificate` and `private_key`, or both in one `p12`; PEM as it is, other files in base 64. `password`
    is the key's or the file's. `intermediate` is needed for an authority that we do not know. With `apns_key` and
    `apns_key_id` phones are told under a team's key. For Google: `issuer_id` and `service_account`.
    """

    platform = fields.String(required=True, validate=validate.OneOf(WALLETS))
    # As they come from disks: lines may end as on Windows, which texts for people may not.
    certificate = Secret(high=_FILE_MAX, metadata={"description": "Of the Pass Type ID; PEM, or DER in base 64"})
    private_key = Secret(high=_FILE_MAX)
    p12 = Secret(high=_FILE_MAX, metadata={"description": "Certificate and key as Keychain Access exports them"})
    password = Secret()
    intermediate = Secret(high=_FILE_MAX)
    apns_key = Secret(high=_FILE_MAX, metadata={"description": "The text of a `.p8` file"})
    apns_key_id = Text(high=20)
    issuer_id = Text(high=20, metadata={"description": "Of the Google Pay & Wallet console: digits"})
    service_account = fields.Dict(metadata={"description": "The account's JSON file, as Google Cloud gives it"})


class WalletCredential(Body):
    """A credential that is in use. Keys are shown to nobody."""

    id = Id("wallet_credential", required=True)
    platform = fields.String(required=True)
    facts = fields.Dict(
        required=True,
        metadata={
            "description": "What it says of itself: pass type, team, organisation; issuer, the account's address"
        },
    )
    created_at = Instant(required=True)
    not_after = Instant(metadata={"description": "When it ends by itself"})
    warnings = fields.List(
        fields.String(), required=True, metadata={"description": "Sentences for the owner, from 30 days before its end"}
    )


class WalletCredentials(Body):
    """All credentials in use, the newest of each platform first: that one signs."""

    data = fields.List(fields.Nested(WalletCredential), required=True)


class WalletQuery(Body):
    """`?platform=`."""

    platform = fields.String(required=True, validate=validate.OneOf(WALLETS))


@blp.operation(
    "GET", "/program/wallet-credentials", scopes=scopes.OWNER, summary="List what passes are signed with",
    answer=WalletCredentials(),
)  # fmt: skip
def list_wallet_credentials(call: Call) -> Any:
    """List the credentials in use, with what they say of themselves and when they end; never their keys."""
    return {"data": wallet_credentials.listed(call.session)}


@blp.operation(
    "PUT", "/program/wallet-credentials", scopes=scopes.OWNER, summary="Set what passes are signed with",
    key="ignored", body=WalletCredentialsIn(), answer=WalletCredential(), example=_EXAMPLE,
)  # fmt: skip
def put_wallet_credentials(call: Call) -> Any:
    """Keep a credential for a wallet; it signs from now on.

    It is checked whole (that it can be read, its chain, purpose, end, and that certificate and key are a pair), kept
    encrypted, and its keys are never shown again. The one before of the same pass type stays beside it, for phones that
    know it; an older one is forgotten.
    """
    given = dict(call.body)
    platform = handing.platform_of(given.pop("platform"))
    row = handing.set_up(call.session, call.database, platform, given)
    _note(call, "putWalletCredentials", ids.show("wallet_credential", row.id), platform.kind)
    return wallet_credentials.shown(row)


@blp.operation(
    "DELETE", "/program/wallet-credentials", scopes=scopes.OWNER, summary="Stop making passes for a wallet",
    key="ignored", query=WalletQuery(), status=204, problems=[404],
)  # fmt: skip
def delete_wallet_credentials(call: Call) -> None:
    """Forget a wallet's credentials: no pass of it is made any more, and those in phones stay as they are."""
    platform = call.query["platform"]
    wallet_credentials.retire(call.session, platform=platform)
    _note(call, "deleteWalletCredentials", platform, platform)


def _note(call: Call, action: str, subject: str, platform: str) -> None:
    audits.record(
        call.session, action=action, subject=subject, staff_id=call.principal.staff_id,
        api_key_id=call.principal.api_key_id, data={"platform": platform},
    )  # fmt: skip
