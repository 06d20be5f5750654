-- Tables that grow with every scan are partitioned by month on their UUIDv7 id: the id's first 48 bits are
-- milliseconds since 1970 (RFC 9562 §5.7), so a month is a range of ids and the primary key needs no second column.

CREATE FUNCTION uuid_from_instant(instant timestamptz) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT (lpad(to_hex((extract(epoch FROM instant) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid
$$;

-- Makes the partitions from this month to `months_ahead` later; what exists stays. Runs as the tables' owner, so
-- that the worker, which owns nothing, can call it.
CREATE FUNCTION ensure_partitions(from_instant timestamptz, months_ahead integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    parent text;
    month timestamp;
    made integer := 0;
    partition text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('assidu.ensure_partitions'));
    FOREACH parent IN ARRAY ARRAY['activity', 'entry', 'lot', 'event'] LOOP
        FOR step IN 0 .. months_ahead LOOP
            month := date_trunc('month', from_instant AT TIME ZONE 'UTC') + make_interval(months => step);
            partition := parent || to_char(month, '_YYYY_MM');
            IF to_regclass(partition) IS NULL THEN
                EXECUTE format(
                    'CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)',
                    partition, parent,
                    uuid_from_instant(month AT TIME ZONE 'UTC'),
                    uuid_from_instant((month + interval '1 month') AT TIME ZONE 'UTC')
                );
                made := made + 1;
            END IF;
        END LOOP;
    END LOOP;
    RETURN made;
END $$;

CREATE TABLE activity_default PARTITION OF activity DEFAULT;
CREATE TABLE entry_default PARTITION OF entry DEFAULT;
CREATE TABLE lot_default PARTITION OF lot DEFAULT;
CREATE TABLE event_default PARTITION OF event DEFAULT;

SELECT ensure_partitions(now(), 3);
