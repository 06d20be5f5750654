"""The database: table base, sessions, engines."""

from app.db.engine import Database
from app.db.session import Session

__all__ = ["Database", "Session"]
