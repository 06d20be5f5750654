"""Typefaces of drawn cards, in WOFF2 by script; what they are and whose is in `LICENSE-*`."""
