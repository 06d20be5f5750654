"""Tests of the stand-ins of Apple and Google."""
