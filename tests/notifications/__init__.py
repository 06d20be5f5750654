"""Tests of what becomes of events outside the request."""
