-- Doors: the only ways to look before a program is known. Each takes something unguessable, or answers with an id
-- alone; each is owned by {door}, which cannot sign in.

CREATE FUNCTION authenticate_api_key(hash bytea)
RETURNS TABLE (program_id uuid, id uuid, scopes jsonb, store_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
    SELECT k.program_id, k.id, k.scopes, k.store_id FROM api_key k WHERE k.key_hash = hash AND k.revoked_at IS NULL
$$;

CREATE FUNCTION authenticate_staff(hash bytea, at_instant timestamptz)
RETURNS TABLE (program_id uuid, id uuid, role text, session_id uuid, store_ids uuid[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
    SELECT s.program_id, s.id, s.role, t.id,
           ARRAY(SELECT w.store_id FROM staff_store w WHERE w.program_id = s.program_id AND w.staff_id = s.id)
    FROM staff_session t JOIN staff s ON s.program_id = t.program_id AND s.id = t.staff_id
    WHERE t.access_hash = hash AND t.revoked_at IS NULL AND t.access_expires_at > at_instant
      AND s.archived_at IS NULL
$$;

CREATE FUNCTION staff_by_email(address text) RETURNS TABLE (program_id uuid, id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
    SELECT s.program_id, s.id FROM staff s WHERE s.email = address AND s.archived_at IS NULL
$$;

CREATE FUNCTION staff_session_by_refresh(hash bytea) RETURNS TABLE (program_id uuid, id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
    SELECT t.program_id, t.id FROM staff_session t WHERE t.refresh_hash = hash OR t.previous_refresh_hash = hash
$$;

CREATE FUNCTION authenticate_customer(hash bytea, at_instant timestamptz)
RETURNS TABLE (customer_id uuid, session_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
    SELECT t.customer_id, t.id FROM customer_session t
    WHERE t.access_hash = hash AND t.revoked_at IS NULL AND t.access_expires_at > at_instant
$$;

CREATE FUNCTION customer_session_by_refresh(hash bytea) RETURNS TABLE (customer_id uuid, id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
    SELECT t.customer_id, t.id FROM customer_session t WHERE t.refresh_hash = hash OR t.previous_refresh_hash = hash
$$;

CREATE FUNCTION customer_by_contact(address text, number text) RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
    SELECT c.id FROM customer c WHERE c.email = address OR c.phone = number
$$;

CREATE FUNCTION program_by_slug(wanted text) RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
    SELECT p.id FROM program p WHERE p.slug = wanted
$$;

CREATE FUNCTION members_by_contact(address text, number text) RETURNS TABLE (program_id uuid, id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
    SELECT m.program_id, m.id FROM member m
    WHERE m.customer_id IS NULL AND ((address IS NOT NULL AND m.email = address) OR (number IS NOT NULL AND m.phone = number))
$$;

CREATE FUNCTION memberships(customer uuid) RETURNS TABLE (program_id uuid, member_id uuid, card_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
    SELECT m.program_id, m.id, c.id FROM member m
    LEFT JOIN card c ON c.program_id = m.program_id AND c.member_id = m.id AND c.status <> 'replaced'
    WHERE m.customer_id = customer
    ORDER BY c.id
$$;

-- Moves a device's address to the customer who holds the phone now, whoever had it before.
CREATE FUNCTION release_address(device_address text, keeper uuid) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT AS $$
    DELETE FROM device d WHERE d.address = device_address AND d.customer_id <> keeper
$$;

-- Counts one attempt in a bucket's window and returns how many there are now.
CREATE FUNCTION count_attempt(in_bucket bytea, window_start timestamptz) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT AS $$
    INSERT INTO attempt AS a (bucket, window_starts_at, count) VALUES (in_bucket, window_start, 1)
    ON CONFLICT (bucket, window_starts_at) DO UPDATE SET count = a.count + 1
    RETURNING count
$$;

GRANT SELECT ON api_key, staff, staff_session, staff_store, customer, customer_session, program, member, card TO {door};
GRANT SELECT, DELETE ON device TO {door};
GRANT SELECT, INSERT, UPDATE ON attempt TO {door};
GRANT CREATE ON SCHEMA {schema} TO {door};

DO $$
DECLARE
    door regprocedure;
BEGIN
    FOR door IN
        SELECT p.oid::regprocedure FROM pg_proc p
        WHERE p.pronamespace = '{schema}'::regnamespace AND p.prosecdef AND p.proname <> 'ensure_partitions'
    LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO {door}', door);
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', door);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO {web}, {worker}', door);
    END LOOP;
END $$;

REVOKE CREATE ON SCHEMA {schema} FROM {door};
REVOKE EXECUTE ON FUNCTION ensure_partitions(timestamptz, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ensure_partitions(timestamptz, integer) TO {worker};
