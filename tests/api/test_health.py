"""Health over HTTP."""

from flask.testing import FlaskClient

from api.app import create_app
from app import crypto
from app.config import Settings
from app.db import Database


def test_a_running_process_is_alive(client: FlaskClient) -> None:
    assert client.get("/healthz").json == {"status": "ok"}


def test_a_migrated_database_is_ready(client: FlaskClient) -> None:
    assert client.get("/readyz").status_code == 200


def test_an_absent_database_is_not_ready_but_the_process_is_alive() -> None:
    settings = Settings(
        database_url="postgresql://nobody@127.0.0.1:1/none", secret_key=crypto.new_secret_key(), web_threads=1
    )
    lonely = create_app(settings, Database(settings)).test_client()

    assert lonely.get("/healthz").status_code == 200
    assert lonely.get("/readyz").status_code == 503
    assert lonely.get("/readyz").headers["Retry-After"] == "1"


def test_requests_are_counted_by_operation(client: FlaskClient) -> None:
    client.get("/healthz")

    assert 'assidu_http_requests_total{operation="get_health",status="200"}' in client.get("/metrics").text
