"""Effects, one file a kind."""
