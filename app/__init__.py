"""The domain: knows no HTTP, no Firebase, no Apple."""
