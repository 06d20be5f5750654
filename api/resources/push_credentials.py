"""`/program/push-credentials`: the Firebase project through which a programme's own app gets its pushes."""

from typing import Any

from marshmallow import fields

from api import scopes
from api.fields import Body, Instant, Secret, Text
from api.operation import Blueprint, Call
from app.services import push_credentials, service_accounts

blp = Blueprint(
    "push credentials", __name__, url_prefix="/v1", description="The Firebase project of a programme's own app"
)

_EXAMPLE = {
    "type": "service_account",
    "project_id": "cafe-assidu-app",
    "private_key_id": "0123456789abcdef0123456789abcdef01234567",
    "private_key": "-----BEGIN PRIVATE KEY-----\n…\n-----END PRIVATE KEY-----\n",
    "client_email": "firebase-adminsdk-abcde@cafe-assidu-app.iam.gserviceaccount.com",
    "client_id": "100000000000000000000",
    "token_uri": service_accounts.TOKEN_URI,
}


class PushCredentialsIn(Body):
    """A service account's JSON file, as the Firebase console gives it."""

    type = Text(required=True)
    project_id = Text(required=True)
    private_key = Secret(required=True, high=10_000)
    client_email = Text(required=True, high=300)
    token_uri = Text(required=True)
    private_key_id = Text()
    client_id = Text()
    auth_uri = Text(metadata={"description": "Not used"})
    auth_provider_x509_cert_url = Text(metadata={"description": "Not used"})
    client_x509_cert_url = Text(high=500, metadata={"description": "Not used"})
    universe_domain = Text(metadata={"description": "Not used"})


class PushCredentials(Body):
    """Which Firebase project sends. The private key is shown to nobody."""

    project = fields.String(required=True)
    client_email = fields.String(required=True)
    updated_at = Instant(required=True)


@blp.operation(
    "GET", "/program/push-credentials", scopes=scopes.OWNER, summary="Say which Firebase project sends",
    answer=PushCredentials(), problems=[404],
)  # fmt: skip
def get_push_credentials(call: Call) -> Any:
    """Say which Firebase project the programme has of its own; 404 when it uses the installation's."""
    return push_credentials.get(call.session)


@blp.operation(
    "PUT", "/program/push-credentials", scopes=scopes.OWNER, summary="Send through a Firebase project of one's own",
    key="ignored", body=PushCredentialsIn(), answer=PushCredentials(), example=_EXAMPLE,
)  # fmt: skip
def put_push_credentials(call: Call) -> Any:
    """Send this programme's pushes through its own Firebase project, in the place of the one before.

    The body is the service account's JSON file. It is checked whole, kept encrypted, and never shown again.
    """
    allowed = push_credentials.token_uris(call.database.settings)
    account = push_credentials.check(call.body, token_uris=allowed)
    return push_credentials.put(call.session, call.database.keyring, account=account)


@blp.operation(
    "DELETE", "/program/push-credentials", scopes=scopes.OWNER, summary="Send through the installation's project",
    key="ignored", status=204, problems=[404],
)  # fmt: skip
def delete_push_credentials(call: Call) -> None:
    """Forget the programme's own Firebase project: its pushes go through the installation's again."""
    push_credentials.remove(call.session)
