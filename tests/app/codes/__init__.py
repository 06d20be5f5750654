"""Tests of what a till scans."""
