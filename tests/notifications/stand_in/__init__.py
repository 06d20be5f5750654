"""Tests of the stand-in of Firebase."""
