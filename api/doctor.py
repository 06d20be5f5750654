"""`assidu wallet doctor`, as it is read in a terminal."""

from pathlib import Path

import click

from api import serving
from app.config import Settings, SettingsError
from app.db import Database
from wallet import doctor


def of_programs(settings: Settings, slug: str | None) -> bool:
    """Print what is found of each programme's passes; return whether all is well."""
    with serving.database_running(settings):
        database = Database(settings)
        try:
            examined = list(doctor.examine(database, slug=slug))
        finally:
            database.dispose()
    if not examined:
        click.echo(f"The programme {slug} has no credentials for a wallet." if slug else "No programme has any.")
        return slug is None
    for one in examined:
        _print(f"{one.program}, {one.platform}", one.complaints)
    return not any(one.complaints for one in examined)


def of_file(settings: Settings, package: Path) -> bool:
    """Print what is wrong with a `.pkpass` file; return whether phones open it."""
    try:
        complaints, opens = doctor.examine_file(settings, package)
    except ValueError as error:
        raise SettingsError(str(error)) from None
    _print(package.name, complaints)
    return opens


def _print(whose: str, complaints: list[str]) -> None:
    click.echo(f"{whose}: " + ("all is well" if not complaints else ""))
    for complaint in complaints:
        click.echo(f"  - {complaint}")
