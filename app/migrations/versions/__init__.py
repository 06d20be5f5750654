"""Migrations, numbered."""
