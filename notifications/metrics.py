"""What the worker counts, for Prometheus. Labels are few and never personal."""

from prometheus_client import Counter

EVENTS = Counter("assidu_events", "Events that the relay took from the outbox", ["kind", "outcome"])
"""`outcome`: handled, failed (will be tried again), parked (given up)."""
DELIVERIES = Counter("assidu_deliveries", "Deliveries by what became of them", ["channel", "outcome"])
"""`outcome`: a state of a delivery, or `again` where it was put back to be sent later."""
JOBS = Counter("assidu_jobs", "Periodic jobs that ran", ["job", "outcome"])
"""`outcome`: done, failed."""
WEBHOOKS = Counter("assidu_webhook_attempts", "Attempts to deliver events to webhooks", ["outcome"])
"""`outcome`: delivered, failed."""
