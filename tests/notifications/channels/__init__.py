"""Tests of the channels, over real sockets."""
