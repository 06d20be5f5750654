"""Tests of the kinds of rewards."""
