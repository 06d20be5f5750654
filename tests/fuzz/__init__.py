"""Fuzzing of the HTTP edge."""
