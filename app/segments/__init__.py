"""Questions about members, each compiled to a WHERE clause: one file a kind."""
