"""`/healthz`, `/readyz`, `/metrics`: what an operator and a load balancer ask."""

from typing import Any

from flask import Response
from marshmallow import fields
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from api import metrics, scopes
from api.fields import Body
from api.operation import Blueprint, Call
from api.problems import UnavailableError
from app import migrations

blp = Blueprint("health", __name__, description="Whether it runs, and how")


class Health(Body):
    """That it runs."""

    status = fields.String(required=True)


class SchemaBehindError(UnavailableError):
    """The database's schema is not the one that this code wants."""

    slug = "schema-behind"
    title = "The database must be migrated"


@blp.operation("GET", "/healthz", scopes=scopes.PUBLIC, summary="Is the process alive", answer=Health(), program="own")
def get_health(_call: Call) -> Any:
    """Answer while the process runs, whatever else does not."""
    return {"status": "ok"}


@blp.operation("GET", "/readyz", scopes=scopes.PUBLIC, summary="Can it serve", answer=Health(), program="own")
def get_readiness(call: Call) -> Any:
    """Answer 200 when the database is reachable and its schema is the newest that this code knows or newer, else 503.

    Newer, while an upgrade goes on: migrations only add.
    """
    try:
        with call.database.transaction() as session:
            found = session.scalar(select(func.schema_revision()))
    except SQLAlchemyError:
        raise UnavailableError("The database cannot be reached.", retry_after=1) from None
    if found is None or found < migrations.head():
        raise SchemaBehindError(f"The schema is at {found}, the code wants {migrations.head()}: run `assidu migrate`.")
    return {"status": "ok"}


@blp.operation(
    "GET", "/metrics", scopes=scopes.PUBLIC, summary="Read the figures", program="own", content_type="text/plain"
)
def get_metrics(_call: Call) -> Response:
    """Read requests, their times and the process's figures in Prometheus' text format; no personal data is in them."""
    return metrics.text()
