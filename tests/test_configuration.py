"""What an operator can set: each variable is read, handed down, and refused by name when it is wrong."""

from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.config import Settings, SettingsError, reference

WRONG = {
    "ASSIDU_WEBHOOK_LOOPBACK": "perhaps",
    "ASSIDU_EVENTS_KEPT_DAYS": "5",
    "DATABASE_URL": "mysql://secret@db/assidu",
    "ASSIDU_SECRET_KEY": "c2hvcnQ",
    "ASSIDU_SECRET_KEY_FALLBACKS": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE,c2hvcnQ",
    "ASSIDU_CALLER_REQUESTS_PER_MINUTE": "few",
    "ASSIDU_CLIENT_REQUESTS_PER_MINUTE": "none",
    "ASSIDU_OFFLINE_SCANS_PER_CARD": "-5",
    "ASSIDU_OFFLINE_SCANS_PER_TILL": "all",
    "ASSIDU_OFFLINE_AMOUNT_MAX": "12.50",
    "ASSIDU_OFFLINE_HOURS": "721",
    "ASSIDU_WORKER_METRICS_PORT": "65536",
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
    "ASSIDU_TRUSTED_PROXIES": "10.0.0.0/8,proxy.secret.example",
    "ASSIDU_SMTP_URL": "http://user:secret@mail.example",
    "ASSIDU_SMTP_CONNECTIONS": "65",
    "ASSIDU_MAIL_FROM": "not an address",
}


def networks(version: int) -> st.SearchStrategy[IPv4Network | IPv6Network]:
    """Networks of every size but the whole Internet."""
    bits = 32 if version == 4 else 128
    return st.builds(
        lambda address, length: ip_network((address, length), strict=False),
        st.ip_addresses(v=version),
        st.integers(1, bits),
    )


def test_nothing_needs_to_be_set() -> None:
    assert Settings.from_env({}) == Settings()


def test_an_empty_variable_is_as_good_as_an_absent_one() -> None:
    assert Settings.from_env(dict.fromkeys((variable for variable, _, _ in reference()), "")) == Settings()


@pytest.mark.parametrize(("variable", "value"), WRONG.items())
def test_a_wrong_value_is_refused_by_name_and_not_repeated(variable: str, value: str) -> None:
    with pytest.raises(SettingsError, match=variable) as refused:
        Settings.from_env({variable: value})

    assert value not in str(refused.value)


@pytest.mark.parametrize("value", ["10.0.0.1/8", "10.0.0.0/8,", "0.0.0.0/0", "::1,::/0", "10.0.0.0/33", " ", "*"])
def test_proxies_are_networks_and_never_everybody(value: str) -> None:
    with pytest.raises(SettingsError, match="ASSIDU_TRUSTED_PROXIES"):
        Settings.from_env({"ASSIDU_TRUSTED_PROXIES": value})


@given(st.lists(st.one_of(networks(4), networks(6)), min_size=1, max_size=5), st.sampled_from([",", ", ", " ,"]))
def test_trusted_proxies_are_read_as_they_were_meant_and_handed_down(
    meant: list[IPv4Network | IPv6Network], comma: str
) -> None:
    settings = Settings.from_env({"ASSIDU_TRUSTED_PROXIES": comma.join(map(str, meant))})

    assert list(settings.trusted_proxies) == meant
    assert all(network[0] in settings.trusted_proxies for network in meant)
    assert Settings.from_env(settings.environment()) == settings


def test_a_process_that_we_start_has_the_same_settings() -> None:
    settings = Settings(port=8080, web_threads=3, log_format="text", home=Path("elsewhere"))

    assert Settings.from_env(settings.environment()) == settings


def test_one_default_is_never_another_processs_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "9999")

    assert Settings.from_env(Settings().environment()).port == Settings().port
