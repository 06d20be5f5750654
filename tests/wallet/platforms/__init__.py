"""Tests of `wallet.platforms`."""
