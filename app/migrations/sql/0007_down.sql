DROP FUNCTION drop_event_months(timestamptz);
