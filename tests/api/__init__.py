"""The HTTP edge, through HTTP."""
