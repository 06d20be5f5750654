"""Use cases: functions, session first, never committing."""
