"""Tests of conditions about members."""
