"""`assidu secret rotate`: what it does and says, column by column."""

import click

from app import migrations
from app.config import Settings
from app.db import Database
from app.services import resealing


def rotate(settings: Settings, *, writes: bool) -> str | None:
    """Walk every sealed column, seal anew what is to be (if `writes`), and give the database's roles their passwords.

    Returns why other keys are still needed, or None.
    """
    database = Database(settings)
    try:
        found = []
        for column in resealing.columns():
            found.append(resealing.walk(database, column, writes=writes))
            click.echo(_line(found[-1], writes=writes))
        if writes:
            # Last: whoever knows the older key only works until here.
            migrations.renew_passwords(database)
    finally:
        database.dispose()
    if unreadable := sum(one.unreadable for one in found):
        return f"{unreadable} values are opened by no key that is set."
    if not writes and (old := sum(one.old for one in found)):
        return f"{old} values need ASSIDU_SECRET_KEY_FALLBACKS: run `assidu secret rotate`."
    return None


def _line(found: resealing.Found, *, writes: bool) -> str:
    done = "sealed anew" if writes else "of another key"
    unreadable = f", {found.unreadable} that no key opens" if found.unreadable else ""
    return f"{found.column}: {found.values} values, {found.old} {done}{unreadable}"
