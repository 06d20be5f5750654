"""What the engine counts, for Prometheus. Labels are few and never personal."""

from prometheus_client import Counter

UPDATES = Counter("assidu_pass_updates", "Passes that were looked at, by what came of it", ["platform", "outcome"])
"""`outcome`: unchanged, or what telling the platform came to: sent, refused, retry, unknown."""
