"""Health over HTTP."""

from flask.testing import FlaskClient

from api.app import create_app
from app import crypto, migrations
from app.config import Settings
from app.db import Database


def test_a_running_process_is_alive(client: FlaskClient) -> None:
    assert client.get("/healthz").json == {"status": "ok"}


def test_a_migrated_database_is_ready(client: FlaskClient) -> None:
    assert client.get("/readyz").status_code == 200


def test_a_schema_of_a_later_version_is_ready_and_one_of_an_earlier_is_not(
    client: FlaskClient, database: Database
) -> None:
    found = []
    for revision in ("9999", "0001", migrations.head()):
        with database.owner.begin() as connection:
            connection.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{revision}'")  # noqa: S608 - our own
        answer = client.get("/readyz")
        found.append((answer.status_code, answer.json.get("code")))

    assert found == [(200, None), (503, "schema-behind"), (200, None)]


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
