"""`assidu`: the commands of an operator. Each reads the settings, calls one function, and says what came of it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from app.config import Settings, SettingsError
from app.errors import AssiduError

# What a command works with is imported in it: `assidu --help` and a wrong setting answer at once.


class Refusal(click.ClickException):
    """A sentence for the operator instead of a traceback; 2 where the settings or the options are wrong."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.status = exit_code

    @property
    def exit_code(self) -> int:  # type: ignore[override]
        """What click ends the process with."""
        return self.status


class Commands(click.Group):
    """Commands whose expected failures are sentences."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; turn wrong settings, refusals of the domain and an absent database into a sentence."""
        try:
            return super().invoke(ctx)
        except SettingsError as error:
            raise Refusal(str(error), 2) from None
        except AssiduError as error:
            details = [f"{found['pointer']}: {found['detail']}" for found in error.errors]
            raise Refusal("\n  ".join([error.detail, *details]), 2 if details else 1) from None
        except Exception as error:
            from sqlalchemy.exc import OperationalError

            if not isinstance(error, OperationalError):
                raise
            raise Refusal(f"The database does not answer: {str(error.orig).strip()}", 1) from None


@click.group(cls=Commands)
@click.version_option(package_name="assidu")
def cli() -> None:
    """Assidu, a loyalty backend. Settings are environment variables: see docs/reference/configuration.md."""


@cli.command()
@click.option("--check", is_flag=True, help="Run the whole main job against it over HTTP, and stop.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port of the web server, instead of PORT; 0: any free one.")
def demo(check: bool, port: int | None) -> None:  # noqa: FBT001 - click passes options by name
    """Run Assidu with an example programme on this machine."""
    from api.demo import running

    settings = Settings.from_env()
    raise SystemExit(running.run(settings, port=port, checks=check))


@cli.command()
def migrate() -> None:
    """Bring the database's schema up to this version."""
    from api import serving
    from app import migrations
    from app.db import Database

    settings = Settings.from_env()
    with serving.database_running(settings):
        database = Database(settings)
        migrations.migrate(database)
        database.dispose()
    click.echo(f"The schema is at {migrations.head()}.")


@cli.command()
@click.pass_obj
def web(wait: Callable[[], object] | None) -> None:
    """Serve the API and the pages."""
    from api import serving

    settings = Settings.from_env()
    with serving.database_running(settings):
        serving.serve(settings, wait=wait)


@cli.command()
def worker() -> None:
    """Relay the outbox and run tasks; start as many as you like on one database."""
    from api import logs, serving, wallet_wiring
    from notifications import metrics_port
    from notifications import worker as work

    settings = Settings.from_env()
    logs.configure(settings)
    with serving.database_running(settings), metrics_port.served(settings):
        try:
            status = work.main(settings, wallet_wiring.open_parts)
        except (OSError, ValueError) as error:
            raise SettingsError(f"What a worker speaks to is not usable: {error}") from None
    raise SystemExit(status)


@cli.command()
def verify() -> None:
    """Add up every account, lot and allocation again; name what differs and end with 1."""
    from api import serving
    from app.db import Database
    from app.services import verification

    settings = Settings.from_env()
    with serving.database_running(settings):
        database = Database(settings)
        drifts = verification.verify(database)
        database.dispose()
    for drift in drifts:
        place = f"{drift.program} {drift.table} {drift.id}"
        click.echo(f"{place}: {drift.law}: expected {drift.expected}, found {drift.found}", err=True)
    if drifts:
        raise Refusal(f"The books differ in {len(drifts)} places.", 1)
    click.echo("The books add up.")


@cli.command()
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="File to write, instead of showing it.")
def openapi(output: Path | None) -> None:
    """Show the API's OpenAPI 3.1 document."""
    from api.app import create_app
    from app import crypto

    # As it is served; an application that never asks its database needs none.
    settings = Settings(secret_key=crypto.new_secret_key(), database_url="postgresql:///none")
    served = create_app(settings).test_client().get("/openapi.json").get_json()
    text = json.dumps(served, indent=2, ensure_ascii=False) + "\n"
    if output is None:
        click.echo(text, nl=False)
    else:
        output.write_text(text, "utf-8")


@cli.group(invoke_without_command=True)
@click.pass_context
def secret(context: click.Context) -> None:
    """Make a value for ASSIDU_SECRET_KEY; or seal anew what an older one sealed."""
    if context.invoked_subcommand is None:
        from app import crypto

        click.echo(crypto.new_secret_key())


@secret.command()
@click.option("--check", is_flag=True, help="Only count what other keys sealed; end with 1 if there is any.")
def rotate(check: bool) -> None:  # noqa: FBT001 - click passes options by name
    """Seal anew, with ASSIDU_SECRET_KEY, what one of ASSIDU_SECRET_KEY_FALLBACKS sealed. May be repeated."""
    from api import rotating, serving

    settings = Settings.from_env()
    if not check and not settings.secret_key_fallbacks:
        raise SettingsError("ASSIDU_SECRET_KEY_FALLBACKS is not set: there is nothing to rotate from")
    with serving.database_running(settings):
        refusal = rotating.rotate(settings, writes=not check)
    if refusal is not None:
        raise Refusal(refusal, 1)
    click.echo("Everything is sealed with ASSIDU_SECRET_KEY.")


@cli.group()
def program() -> None:
    """Programmes: the tenants."""


@program.command("create")
@click.option("--name", required=True, help="As members read it.")
@click.option("--slug", required=True, help="Its name in addresses: small letters, digits, hyphens.")
@click.option("--currency", default="EUR", show_default=True, help="ISO 4217.")
@click.option("--timezone", default="Europe/Paris", show_default=True, help="Of the IANA database.")
@click.option("--owner-email", required=True, help="Who signs in first.")
def create_program(name: str, slug: str, currency: str, timezone: str, owner_email: str) -> None:
    """Open a programme and let its owner in, with a password that is shown once."""
    from api import opening, serving
    from app.db import Database

    settings = Settings.from_env()
    with serving.database_running(settings):
        database = Database(settings)
        opened = opening.open_program(
            database, name=name, slug=slug, currency=currency, timezone=timezone, owner_email=owner_email
        )
        database.dispose()
    click.echo(f"Programme: {opened.program_id}\nSign in as: {owner_email}\nPassword, shown once: {opened.password}")


@cli.group()
def wallet() -> None:
    """Cards in Apple Wallet and Google Wallet."""


@wallet.command()
@click.option("--program", "slug", help="Only the programme of this slug.")
@click.argument("package", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
def doctor(slug: str | None, package: Path | None) -> None:
    """Say what would stop a pass from opening on a phone, for each programme, or of the .pkpass file PACKAGE.

    Ends with 1 when something was found that stops one.
    """
    from api import doctor

    settings = Settings.from_env()
    if not (doctor.of_file(settings, package) if package else doctor.of_programs(settings, slug)):
        raise Refusal("Not all is well.", 1)


def main(*, wait: Callable[[], object] | None = None) -> None:
    """Run the command line; a web server opens its port when `wait` returns."""
    cli(prog_name="assidu", obj=wait)


if __name__ == "__main__":
    main()
