"""Conditions about a member, one file a kind."""
