"""The pages: static files over the public API. `api` serves them; no logic lives here."""
