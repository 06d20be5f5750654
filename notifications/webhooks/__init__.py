"""Webhooks out: events become deliveries, which are claimed under a lease, signed, sent safely, and recorded."""
