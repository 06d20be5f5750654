"""The earning engine: conditions and effects, pure; its law is written in `docs/explanation/rules.md`."""
