"""The application: Flask, the API's nouns, request ids, limits and metrics, put together."""

import importlib
import pkgutil
import re
from typing import Any

import flask
import structlog
from flask import Flask, Response, g, request
from werkzeug.exceptions import NotFound
from werkzeug.routing import BaseConverter

import api.resources
from api import endings, limits, metrics, openapi
from api.fields import names_of_properties
from api.guessing import Guesses
from api.leaks import refuse_secrets_in_url
from api.metering import Meters
from api.operation import BODY_MAX_BYTES, Blueprint, Edge, declared_operations
from api.principal import Authenticator
from api.problems import Api
from app import ids
from app.config import Settings
from app.db import Database
from app.errors import NotFoundError
from app.services.config import ConfigCache
from app.services.hot_scans import RuleSets
from app.services.my_cards import CardReader
from notifications.campaigns.asking import Asker

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")


class IdConverter(BaseConverter):
    """A public id in a path, read as a UUID: `<id(store):store_id>`.

    A word of letters and hyphens is never an id but the name of another path: so `DELETE /v1/staff/me` is a method that
    is not allowed, not a staff member who is not found.
    """

    regex = "[^/]*[^/a-z-][^/]*"

    def __init__(self, url_map: Any, kind: str) -> None:
        super().__init__(url_map)
        self.kind = kind

    def to_python(self, value: str) -> Any:
        """Return the UUID; a wrong prefix is a 404 that says so."""
        try:
            return ids.parse(self.kind, value)
        except NotFoundError as error:
            # While a route is looked for, Flask's error handlers are told of HTTP exceptions only.
            raise NotFound(error.detail) from error

    def to_url(self, value: Any) -> str:
        """Return the public form."""
        return ids.show(self.kind, value)


def create_app(settings: Settings, database: Database | None = None) -> Flask:
    """Return the application for `settings`; connections are made when first needed."""
    app = Flask("assidu", static_folder=None)
    app.url_map.strict_slashes = True
    app.url_map.converters["id"] = IdConverter
    app.config.update(
        API_TITLE="Assidu",
        API_VERSION="v1",
        OPENAPI_VERSION="3.1.0",
        OPENAPI_URL_PREFIX="/",
        OPENAPI_JSON_PATH="openapi.json",
        MAX_CONTENT_LENGTH=BODY_MAX_BYTES,
        API_SPEC_OPTIONS=_SPEC,
    )
    database = database or Database(settings)
    configs = ConfigCache(database)
    app.extensions["assidu"] = Edge(
        database=database,
        authenticate=Authenticator(database),
        configs=configs,
        card_reader=CardReader(database, configs),
        rule_sets=RuleSets(database),
        meters=Meters(
            callers_per_minute=settings.caller_requests_per_minute,
            clients_per_minute=settings.client_requests_per_minute,
        ),
        guesses=Guesses(database),
        asker=Asker.of(settings),
    )
    rest = Api(app)
    rest.register_converter(IdConverter, _id_schema)
    openapi.teach(rest.ma_plugin)
    rest.ma_plugin.converter.add_attribute_function(names_of_properties)
    for found in pkgutil.iter_modules(api.resources.__path__):
        module = importlib.import_module(f"api.resources.{found.name}")
        blueprint = getattr(module, "blp", None)
        for name, schema in getattr(module, "COMPONENTS", {}).items():
            rest.spec.components.schema(name, schema)
        if isinstance(blueprint, Blueprint):
            rest.register_blueprint(blueprint)
        elif isinstance(blueprint, flask.Blueprint):
            # Pages for people, which are no part of the API and its document.
            app.register_blueprint(blueprint)
    declared_operations(app)
    metrics.watch(app)
    app.before_request(_begin)
    app.before_request(refuse_secrets_in_url)
    app.after_request(limits.write_headers)
    app.after_request(_finish)
    app.teardown_request(endings.end)
    return app


def _id_schema(converter: IdConverter) -> dict[str, Any]:
    prefix = ids.PREFIXES[converter.kind]
    return {"type": "string", "pattern": f"^{prefix}_[0-9a-f]{{32}}$", "description": f"Id: `{prefix}_…`"}


def _begin() -> None:
    given = request.headers.get("Request-Id", "")
    g.request_id = given if _REQUEST_ID.fullmatch(given) else ids.new_id().hex
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=g.request_id)


def _finish(response: Response) -> Response:
    response.headers["Request-Id"] = g.get("request_id", "")
    response.headers["X-Content-Type-Options"] = "nosniff"
    if request.path.startswith("/v1"):
        response.headers.setdefault("Cache-Control", "no-store")
    return response


_SPEC = {
    "info": {
        "description": "Loyalty programmes: cards, stamps, points, rewards and offers. Amounts are whole numbers:"
        " points, stamps, or minor units of the programme's currency. Every error is a problem document (RFC 9457)."
        " `RateLimit` and `RateLimit-Policy` (IETF draft) say in each answer where the caller stands.",
        "license": {"name": "MIT", "identifier": "MIT"},
    },
    "components": {
        "securitySchemes": {
            "staff": {
                "type": "http",
                "scheme": "bearer",
                "description": "Access token from `POST /v1/auth/token`",
            },
            "api_key": {"type": "http", "scheme": "bearer", "description": "API key, `ask_live_…`"},
            "customer": {
                "type": "http",
                "scheme": "bearer",
                "description": "Access token from `POST /v1/customers/sessions`",
            },
        }
    },
}
