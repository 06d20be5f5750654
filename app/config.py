"""Settings: every variable that Assidu reads, in one frozen place; a wrong value stops the start with its name."""

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from app.variables import Networks, bounded, key, keys, mail_address, networks, one_of, smtp_url, url


class SettingsError(ValueError):
    """A variable has a value that Assidu cannot work with; the message names it, never its value."""


def _setting(name: str, default: Any, description: str, *, read: Callable[[str], Any] = str) -> Any:
    return field(default=default, metadata={"variable": name, "description": description, "read": read})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What an operator can set. Nothing is needed for the demo, which keeps its own under `ASSIDU_HOME`."""

    home: Path = _setting(  # noqa: RUF009 - it is dataclasses.field
        "ASSIDU_HOME", Path(".assidu"), "Folder of the embedded database, its key and the outbox", read=Path
    )
    database_url: str = _setting(
        "DATABASE_URL",
        "",
        "PostgreSQL 16 or newer, as the role that owns the tables; empty: the embedded server",
        read=url("postgresql", "postgres"),
    )
    database_role_prefix: str = _setting(
        "ASSIDU_DATABASE_ROLE_PREFIX",
        "assidu",
        "Names of the database roles that migrating makes begin with it",
    )
    secret_key: str = _setting(
        "ASSIDU_SECRET_KEY",
        "",
        "Key from which all others are derived; empty: made once in ASSIDU_HOME",
        read=key,
    )
    secret_key_fallbacks: str = _setting(
        "ASSIDU_SECRET_KEY_FALLBACKS",
        "",
        "Other secret keys that are read too, separated by commas, while the secret key is rotated",
        read=keys,
    )
    host: str = _setting("HOST", "127.0.0.1", "Address that the web server listens on")
    port: int = _setting("PORT", 8000, "Port that the web server listens on; 0: any free one", read=bounded(0, 65535))
    base_url: str = _setting(
        "ASSIDU_BASE_URL", "", "Public address, for links in mails and QR codes", read=url("http", "https")
    )
    trusted_proxies: Networks = _setting(  # noqa: RUF009 - it is dataclasses.field
        "ASSIDU_TRUSTED_PROXIES",
        Networks(),
        "Networks whose `X-Forwarded-For` says where a request comes from, separated by commas",
        read=networks,
    )
    web_workers: int = _setting("ASSIDU_WEB_WORKERS", 2, "Web server processes", read=bounded(1, 64))
    web_threads: int = _setting("ASSIDU_WEB_THREADS", 8, "Threads in each of them", read=bounded(1, 256))
    caller_requests_per_minute: int = _setting(
        "ASSIDU_CALLER_REQUESTS_PER_MINUTE",
        30_000,
        "Requests that a web process answers to one API key, staff member or customer a minute",
        read=bounded(1, 10_000_000),
    )
    client_requests_per_minute: int = _setting(
        "ASSIDU_CLIENT_REQUESTS_PER_MINUTE",
        6000,
        "Requests without a valid token that a web process answers to one client address a minute",
        read=bounded(1, 10_000_000),
    )
    offline_scans_per_card: int = _setting(
        "ASSIDU_OFFLINE_SCANS_PER_CARD",
        10,
        "Scans kept while offline that count for one card in a day",
        read=bounded(1, 10_000),
    )
    offline_scans_per_till: int = _setting(
        "ASSIDU_OFFLINE_SCANS_PER_TILL",
        2000,
        "The same of one API key or staff member in one store",
        read=bounded(1, 10_000_000),
    )
    offline_amount_max: int = _setting(
        "ASSIDU_OFFLINE_AMOUNT_MAX",
        100_000,
        "Biggest sale kept while offline that counts by itself, in minor units of the programme's currency",
        read=bounded(1, 10**15),
    )
    offline_hours: int = _setting(
        "ASSIDU_OFFLINE_HOURS", 72, "Hours for which a scan kept while offline counts", read=bounded(1, 720)
    )
    worker_concurrency: int = _setting(
        "ASSIDU_WORKER_CONCURRENCY", 4, "Tasks that a worker runs at once", read=bounded(1, 64)
    )
    worker_metrics_port: int = _setting(
        "ASSIDU_WORKER_METRICS_PORT",
        0,
        "Port of `HOST` on which a worker answers Prometheus; 0: none",
        read=bounded(0, 65535),
    )
    statement_timeout_ms: int = _setting(
        "ASSIDU_STATEMENT_TIMEOUT_MS",
        5000,
        "Longest database statement of a request",
        read=bounded(100, 600_000),
    )
    log_level: str = _setting(
        "ASSIDU_LOG_LEVEL",
        "info",
        "Least severe log line shown",
        read=one_of("debug", "info", "warning", "error"),
    )
    log_format: str = _setting("ASSIDU_LOG_FORMAT", "json", "How log lines look", read=one_of("json", "text"))
    push_channel: str = _setting("ASSIDU_PUSH_CHANNEL", "console", "Where pushes go", read=one_of("console", "push"))
    firebase_credentials: str = _setting(
        "ASSIDU_FIREBASE_CREDENTIALS", "", "File of the Firebase service account, for the push channel"
    )
    firebase_endpoint: str = _setting(
        "ASSIDU_FIREBASE_ENDPOINT",
        "https://fcm.googleapis.com",
        "Address of FCM's HTTP v1 service",
        read=url("https"),
    )
    firebase_ca_file: str = _setting(
        "ASSIDU_FIREBASE_CA_FILE", "", "Certificates to trust there instead of the system's"
    )
    firebase_messages_per_minute: int = _setting(
        "ASSIDU_FIREBASE_MESSAGES_PER_MINUTE",
        570_000,
        "Most pushes that a worker sends a minute through one Firebase project, whose quota is 600,000 for all of them",
        read=bounded(60, 10_000_000),
    )

    apns_endpoint: str = _setting(
        "ASSIDU_APNS_ENDPOINT",
        "https://api.push.apple.com",
        "Address of APNs, which tells iPhones that a pass changed",
        read=url("https"),
    )
    apns_ca_file: str = _setting("ASSIDU_APNS_CA_FILE", "", "Certificates to trust there instead of the system's")
    wallet_authority_file: str = _setting(
        "ASSIDU_WALLET_AUTHORITY_FILE",
        "",
        "Intermediates that may have signed a Pass Type ID certificate in Apple's place, for development",
    )
    google_wallet_endpoint: str = _setting(
        "ASSIDU_GOOGLE_WALLET_ENDPOINT",
        "https://walletobjects.googleapis.com",
        "Address of Google Wallet's REST API; any other than Google's plays its other addresses too",
        read=url("https"),
    )
    google_wallet_ca_file: str = _setting(
        "ASSIDU_GOOGLE_WALLET_CA_FILE", "", "Certificates to trust there instead of the system's"
    )
    google_wallet_requests_per_second: int = _setting(
        "ASSIDU_GOOGLE_WALLET_REQUESTS_PER_SECOND",
        20,
        "Most requests that a worker makes a second there with one project's account; Google allows 20 for all of them",
        read=bounded(1, 1000),
    )

    smtp_url: str = _setting(
        "ASSIDU_SMTP_URL",
        "",
        "Mail server, `smtp://user:password@host:port` (STARTTLS) or `smtps://…`; empty: mails go to the outbox file",
        read=smtp_url,
    )
    smtp_ca_file: str = _setting("ASSIDU_SMTP_CA_FILE", "", "Certificates to trust there instead of the system's")
    smtp_connections: int = _setting(
        "ASSIDU_SMTP_CONNECTIONS", 4, "Connections to it that a worker holds at once", read=bounded(1, 64)
    )
    mail_from: str = _setting(
        "ASSIDU_MAIL_FROM",
        "Assidu <no-reply@localhost>",
        "Who mails are from, and where those that cannot be delivered return to",
        read=mail_address,
    )
    webhook_loopback: str = _setting(
        "ASSIDU_WEBHOOK_LOOPBACK",
        "refused",
        "Whether webhooks may go to this machine itself, also by plain http: `allowed` for development only",
        read=one_of("refused", "allowed"),
    )
    campaign_links: str = _setting(
        "ASSIDU_CAMPAIGN_LINKS",
        "asked",
        "Whether web processes ask a campaign's pictures and links when it is scheduled: `not_asked` where they reach"
        " no Internet",
        read=one_of("asked", "not_asked"),
    )
    events_kept_days: int = _setting(
        "ASSIDU_EVENTS_KEPT_DAYS",
        60,
        "Days for which `GET /v1/events` goes back; handled events are forgotten when their month ended so long ago",
        read=bounded(7, 3660),
    )
    campaigns_kept_days: int = _setting(
        "ASSIDU_CAMPAIGNS_KEPT_DAYS",
        800,
        "Days for which messages of campaigns that are over are listed; their reports stay",
        read=bounded(120, 3660),
    )

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> "Settings":
        """Read the settings from the environment; raise SettingsError naming the first wrong variable."""
        environ = os.environ if environ is None else environ  # noqa: TID251 - the only reader
        values: dict[str, Any] = {}
        for known in fields(cls):
            variable = known.metadata["variable"]
            text = environ.get(variable, "")
            if text == "":
                continue
            try:
                values[known.name] = known.metadata["read"](text)
            except (ValueError, OverflowError) as error:
                raise SettingsError(f"{variable} is not usable: {error}") from None
        return cls(**values)

    def environment(self) -> dict[str, str]:
        """Return this process's environment with these settings in it, for a process that we start."""
        made = dict(os.environ)  # noqa: TID251 - the only reader
        for known in fields(self):
            variable, value = known.metadata["variable"], getattr(self, known.name)
            made.pop(variable, None)
            if value != known.default:
                made[variable] = str(value)
        return made

    @property
    def outbox_file(self) -> Path:
        """Where messages that have no channel yet are kept as lines of JSON."""
        return self.home / "outbox.jsonl"


def reference() -> list[tuple[str, str, str]]:
    """Return (variable, default, description) for each setting, for the documentation and its test."""
    return [
        (known.metadata["variable"], str(known.default), known.metadata["description"]) for known in fields(Settings)
    ]


def metrics_folder() -> str | None:
    """Return where processes keep their figures together (prometheus-client reads the variable itself), or None."""
    return os.environ.get("PROMETHEUS_MULTIPROC_DIR") or None  # noqa: TID251 - the only reader


def keep_metrics_in(folder: Path) -> None:
    """Let this process and those it starts keep their figures together in `folder`, emptied first."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)  # noqa: TID251 - prometheus-client takes it from here only
