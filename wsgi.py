"""The WSGI entry point."""

from api.app import create_app
from app.config import Settings

application = create_app(Settings.from_env())
