"""The WSGI entry point."""

from api import logs, process, warming
from api.app import create_app
from app.config import Settings

settings = Settings.from_env()
logs.configure(settings)
application = create_app(settings)
warming.warm(application)
process.settle()
