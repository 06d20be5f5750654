"""Tests of the earning engine."""
