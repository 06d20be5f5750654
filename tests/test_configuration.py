"""What an operator can set: each variable is read, handed down, and refused by name when it is wrong."""

from pathlib import Path

import pytest

from app.config import Settings, SettingsError, reference

WRONG = {
    "DATABASE_URL": "mysql://secret@db/assidu",
    "ASSIDU_SECRET_KEY": "c2hvcnQ",
    "PORT": "70000",
    "ASSIDU_BASE_URL": "ftp://secret.example",
    "ASSIDU_WEB_WORKERS": "0",
    "ASSIDU_WEB_THREADS": "many",
    "ASSIDU_WORKER_CONCURRENCY": "-1",
    "ASSIDU_STATEMENT_TIMEOUT_MS": "1e3",
    "ASSIDU_LOG_LEVEL": "loud",
    "ASSIDU_LOG_FORMAT": "xml",
    "ASSIDU_PUSH_CHANNEL": "pigeon",
    "ASSIDU_FIREBASE_ENDPOINT": "http://fcm.example",
}


def test_nothing_needs_to_be_set() -> None:
    assert Settings.from_env({}) == Settings()


def test_an_empty_variable_is_as_good_as_an_absent_one() -> None:
    assert Settings.from_env(dict.fromkeys((variable for variable, _, _ in reference()), "")) == Settings()


@pytest.mark.parametrize(("variable", "value"), WRONG.items())
def test_a_wrong_value_is_refused_by_name_and_not_repeated(variable: str, value: str) -> None:
    with pytest.raises(SettingsError, match=variable) as refused:
        Settings.from_env({variable: value})

    assert value not in str(refused.value)


def test_a_process_that_we_start_has_the_same_settings() -> None:
    settings = Settings(port=8080, web_threads=3, log_format="text", home=Path("elsewhere"))

    assert Settings.from_env(settings.environment()) == settings


def test_one_default_is_never_another_processs_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "9999")

    assert Settings.from_env(Settings().environment()).port == Settings().port
