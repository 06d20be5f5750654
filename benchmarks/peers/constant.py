"""The product with one more operation, which answers a constant: what `reads.py` holds the real ones against."""

import json
from typing import Any

from flask import Response

from api import process, scopes
from api.app import create_app
from api.operation import Blueprint, Call
from app.config import Settings

_TEXT = json.dumps({"data": ["x" * 97] * 20})
"""About as long as the cards of somebody who is in two programmes."""

blp = Blueprint("constants", __name__, url_prefix="/v1", description="For the benchmark alone")


@blp.operation("GET", "/me/constant", scopes=scopes.CUSTOMER, summary="Answer a constant", program="own")
def get_constant(_call: Call) -> Any:
    """Answer the same, whoever asks."""
    return Response(_TEXT, mimetype="application/json")


application = create_app(Settings.from_env())
application.register_blueprint(blp)
process.settle()
