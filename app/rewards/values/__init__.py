"""Kinds of rewards, one file a kind."""
