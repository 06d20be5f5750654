"""Use cases, on the real database."""
