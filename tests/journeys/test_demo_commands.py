"""The `assidu` commands of an operator: what they say and how they end."""

import base64
import json
import re
import subprocess
import sys

import pytest
from flask.testing import FlaskClient

from app import ids
from app.config import Settings
from app.db import Database
from tests.world_signing import somewhere


def run(*arguments: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "api.cli", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.parametrize(
    ("command", "variable", "value"),
    [
        ("demo", "PORT", "eighty"),
        ("migrate", "DATABASE_URL", "mysql://secret@db"),
        ("web", "ASSIDU_SECRET_KEY", "short"),
        ("worker", "ASSIDU_PUSH_CHANNEL", "pigeon"),
        ("verify", "ASSIDU_WEB_THREADS", "0"),
    ],
)
def test_a_wrong_setting_is_named_without_its_value(command: str, variable: str, value: str) -> None:
    done = run(command, environment={variable: value})
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"Error: {variable} is not usable")
    assert "Traceback" not in done.stderr
    assert "secret@" not in done.stderr


def test_a_secret_is_a_key_that_the_settings_take() -> None:
    made = run("secret").stdout.strip()
    assert len(base64.urlsafe_b64decode(made + "==")) == 32
    assert Settings.from_env({"ASSIDU_SECRET_KEY": made}).secret_key == made


def test_the_openapi_document_is_shown_as_it_is_served(client: FlaskClient) -> None:
    done = run("openapi", environment={})
    assert (done.returncode, json.loads(done.stdout)) == (0, client.get("/openapi.json").json)


def test_migrating_again_changes_nothing(settings: Settings, database: Database) -> None:
    assert database  # migrated
    done = run("migrate", environment=settings.environment())
    assert (done.returncode, done.stderr) == (0, "")


def test_a_database_that_is_away_is_a_sentence(settings: Settings) -> None:
    away = settings.environment() | {"DATABASE_URL": "postgresql://somebody:hush@127.0.0.1:9/nothing"}
    done = run("verify", environment=away)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: The database does not answer")
    assert "hush" not in done.stderr
    assert "Traceback" not in done.stderr


def test_an_opened_programme_lets_its_owner_in(settings: Settings, database: Database, client: FlaskClient) -> None:
    assert database  # migrated
    slug, address = f"bar-{ids.new_id().hex}", f"{ids.new_id().hex}@example.com"
    options = ("--name", "Bar", "--slug", slug, "--currency", "CHF", "--timezone", "Europe/Zurich")
    made = run("program", "create", *options, "--owner-email", address, environment=settings.environment())
    assert made.returncode == 0, made.stderr
    password = re.search(r"Password, shown once: (\S+)", made.stdout)
    assert password
    answer = client.post(
        "/v1/auth/token", json={"email": address, "password": password[1]}, environ_overrides=somewhere()
    )
    assert (answer.status_code, answer.json["program"]["currency"]) == (200, "CHF")
    again = run("program", "create", *options, "--owner-email", address, environment=settings.environment())
    assert again.returncode == 2
    assert "#/slug: Is taken." in again.stderr
