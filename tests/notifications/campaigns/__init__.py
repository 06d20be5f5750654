"""Tests of the campaign engine."""
