"""Conditions, one file a kind."""
