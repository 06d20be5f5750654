"""Tests of `wallet.platforms.apple`."""
