"""Tests of what a campaign says and when."""
