"""Tests of webhooks out: real sockets, real signatures."""
