"""Conditions on members that become WHERE clauses."""
