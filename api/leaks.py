"""Secrets that come in an address, where proxies, logs and histories would keep them: refused, whatever they open."""

from flask import request
from structlog import get_logger

from api.problems import MalformedError

log = get_logger()

_NAMES = frozenset({"access_token", "api_key", "apikey", "refresh_token"})
_PREFIXES = ("ask_", "ast_", "acu_", "rst_", "rcu_")


class KeyInUrlError(MalformedError):
    """An API key or a token was sent in the query string (OWASP ASVS 5.0, 14.2.1)."""

    slug = "key-in-url"
    title = "Keys do not belong in addresses"


def refuse_secrets_in_url() -> None:
    """Raise KeyInUrlError for a request of the API that carries a secret in its query; the log says that, not which."""
    if not request.query_string or not request.path.startswith("/v1/"):
        return
    for name, value in request.args.items(multi=True):
        if name.lower() in _NAMES or value.startswith(_PREFIXES):
            log.warning("key-in-url", path=request.path)
            raise KeyInUrlError(
                "Send it as `Authorization: Bearer …`, and replace it: what was in an address counts as known."
            )
