"""The transport beneath every provider."""
