"""The number that grows with each change of a programme's set-up, so that processes know what they remember is old."""

from sqlalchemy import update

from app.db import Session
from app.models import Program


def grow(session: Session) -> None:
    """Note that the programme's set-up changes in this transaction."""
    session.flush()
    session.execute(
        update(Program)
        .where(Program.id == session.program)
        .values(config_version=Program.config_version + 1)
        .execution_options(synchronize_session=False)
    )
