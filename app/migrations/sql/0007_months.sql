-- Drop the months of events that ended by `before_instant` and hold nothing unhandled; return how many. A table that is
-- dropped costs neither the deleting of its rows nor the vacuuming after. Runs as the tables' owner, so that the
-- worker, which owns nothing, can call it; on events alone, since nothing else may be forgotten by the month.
-- Who cannot have the lock at once comes again the next night: whatever waits for it would hold up every scan.
CREATE FUNCTION drop_event_months(before_instant timestamptz) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET lock_timeout = '300ms' SET search_path FROM CURRENT AS $$
DECLARE
    partition text;
    month_end timestamptz;
    waiting boolean;
    dropped integer := 0;
BEGIN
    FOR partition IN
        SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'event'::regclass AND c.relname ~ '^event_\d{4}_\d{2}$'
        ORDER BY c.relname
    LOOP
        month_end := (to_date(right(partition, 7), 'YYYY_MM') + interval '1 month') AT TIME ZONE 'UTC';
        CONTINUE WHEN month_end > before_instant;
        EXECUTE format('SELECT EXISTS (SELECT FROM %I WHERE handled_at IS NULL)', partition) INTO waiting;
        CONTINUE WHEN waiting;
        BEGIN
            -- The parent first, as all others do: then nothing is written between the look and the drop.
            LOCK TABLE event IN ACCESS EXCLUSIVE MODE;
            EXECUTE format('SELECT EXISTS (SELECT FROM %I WHERE handled_at IS NULL)', partition) INTO waiting;
            CONTINUE WHEN waiting;
            EXECUTE format('DROP TABLE %I', partition);
            dropped := dropped + 1;
        EXCEPTION WHEN lock_not_available THEN
            RETURN dropped;
        END;
    END LOOP;
    RETURN dropped;
END $$;

REVOKE EXECUTE ON FUNCTION drop_event_months(timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION drop_event_months(timestamptz) TO {worker};
