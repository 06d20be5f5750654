"""Google's token endpoint, as far as a service account uses it: a signed assertion in, an access token out."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import jwt
from cryptography.hazmat.primitives import serialization

from app import clock, ids
from wire.stand_in.answers import Answer, json_answer

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"
GOOGLE_AUDIENCE = "https://oauth2.googleapis.com/token"


class TokenEndpoint:
    """Checks assertions of the service accounts that it knows and remembers the tokens that it gave.

    An assertion has to ask for one of `scopes` at least: with another token the service would not serve.
    """

    def __init__(self, account: dict[str, Any], *, token_lifetime_seconds: int, scopes: Collection[str]) -> None:
        private_key = serialization.load_pem_private_key(account["private_key"].encode(), password=None)
        self._public_key = private_key.public_key()
        self._account = account
        self._scopes = frozenset(scopes)
        self._projects = {account["client_email"]: account["project_id"]}
        self.token_lifetime_seconds = token_lifetime_seconds
        self.requests = 0
        self._expiries: dict[str, tuple[datetime, str]] = {}

    def add(self, account: dict[str, Any]) -> None:
        """Know another account, with the same key, of another project."""
        self._projects[account["client_email"]] = account["project_id"]

    def answer(self, body: bytes) -> Answer:
        """Answer `POST /token`."""
        self.requests += 1
        form = {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
        if form.get("grant_type") != GRANT_TYPE:
            return _refusal("unsupported_grant_type", f"only {GRANT_TYPE}")
        try:
            claims = jwt.decode(
                form.get("assertion", ""),
                self._public_key,  # type: ignore[arg-type]  # an RSA key: `service_account` made it
                algorithms=["RS256"],
                audience=[GOOGLE_AUDIENCE, self._account["token_uri"]],
                issuer=list(self._projects),
                options={"require": ["iat", "exp", "iss", "aud"]},
            )
        except jwt.InvalidTokenError as error:
            return _refusal("invalid_grant", f"Invalid JWT: {error}")
        if not self._scopes.intersection(str(claims.get("scope", "")).split()):
            return _refusal("invalid_scope", "none of the scopes that this service asks for")
        token = "ya29.stand-in." + ids.secret_text()
        expires_at = clock.now() + timedelta(seconds=self.token_lifetime_seconds)
        self._expiries[token] = (expires_at, self._projects[claims["iss"]])
        return json_answer(
            200, {"access_token": token, "expires_in": self.token_lifetime_seconds, "token_type": "Bearer"}
        )

    def accepts(self, authorization: str, project_id: str = "") -> bool:
        """Tell whether an Authorization header holds a token that is valid now, for the project if one is named."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or token not in self._expiries:
            return False
        expires_at, project = self._expiries[token]
        return clock.now() < expires_at and project_id in {"", project}

    def revoke_all(self) -> None:
        """Accept none of the tokens given so far."""
        self._expiries.clear()


def _refusal(error: str, description: str) -> Answer:
    return json_answer(400, {"error": error, "error_description": description})
