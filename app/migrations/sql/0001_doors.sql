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

-- Whose a family of refresh tokens is; asked only after the token proved that we made it.
CREATE FUNCTION staff_session_program(family uuid) RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
    SELECT t.program_id FROM staff_session t WHERE t.id = family
$$;

CREATE FUNCTION authenticate_customer(hash bytea, at_instant timestamptz)
RETURNS TABLE (customer_id uuid, session_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
    SELECT t.customer_id, t.id FROM customer_session t
    WHERE t.access_hash = hash AND t.revoked_at IS NULL AND t.access_expires_at > at_instant
$$;

CREATE FUNCTION customer_session_customer(family uuid) RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
    SELECT t.customer_id FROM customer_session t WHERE t.id = family
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

-- What of an account's lots has run out at an instant, all of them where inactivity ended them. A function of its
-- own, so that its callers' plans need not lock every partition of `lot` to answer for accounts with nothing due.
CREATE FUNCTION run_out(in_program uuid, in_account uuid, at_instant timestamptz, all_of_it boolean) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
        SELECT coalesce(sum(l.remaining), 0)::bigint FROM lot l
        WHERE l.program_id = in_program AND l.account_id = in_account AND l.remaining > 0
          AND (all_of_it OR l.expires_at <= at_instant)
    );
END $$;

-- What a customer's app shows first: every card with its programme, balances and open vouchers, as one document in one
-- round trip. PL/pgSQL, since a connection keeps its plan. Voucher codes leave sealed; what has run out and is not
-- booked yet is taken off, as `app.services.holdings` does.
CREATE FUNCTION my_cards(customer uuid, at_instant timestamptz) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    RETURN (
        SELECT coalesce(json_agg(json_strip_nulls(json_build_object(
            'id', 'crd_' || replace(c.id::text, '-', ''),
            'number', c.number,
            'status', c.status,
            'member', json_build_object(
                'id', 'mbr_' || replace(m.id::text, '-', ''),
                'first_name', m.first_name,
                'joined_at', to_char(m.joined_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
            ),
            'program', json_build_object(
                'id', 'prg_' || replace(p.id::text, '-', ''),
                'name', p.name, 'slug', p.slug, 'currency', p.currency, 'timezone', p.timezone, 'locale', p.locale,
                'brand', p.brand
            ),
            'accounts', (
                SELECT coalesce(json_agg(json_build_object(
                    'id', 'acc_' || replace(a.id::text, '-', ''),
                    'purse_id', 'prs_' || replace(a.purse_id::text, '-', ''),
                    'code', s.code,
                    'name', coalesce(s.locales -> m.locale ->> 'name', s.name),
                    'kind', s.kind,
                    'balance', CASE WHEN a.next_expiry_at <= at_instant
                        THEN a.balance - greatest(
                            run_out(a.program_id, a.id, at_instant, s.expiry ->> 'policy' = 'inactivity') - a.held, 0
                        )
                        ELSE a.balance END,
                    'pending', a.pending,
                    'goal', s.goal
                ) ORDER BY a.purse_id), '[]'::json)
                FROM account a JOIN purse s ON s.program_id = a.program_id AND s.id = a.purse_id
                WHERE a.program_id = m.program_id AND a.member_id = m.id
                  AND (s.archived_at IS NULL OR a.balance <> 0)
            ),
            'vouchers', (
                SELECT coalesce(json_agg(json_build_object(
                    'id', 'vch_' || replace(v.id::text, '-', ''),
                    'reward_id', 'rwd_' || replace(v.reward_id::text, '-', ''),
                    'name', v.name,
                    'status', v.status,
                    'sealed', encode(v.code_sealed, 'hex'),
                    'issued_at', to_char(v.issued_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
                    'valid_until', to_char(v.valid_until AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
                ) ORDER BY v.id DESC), '[]'::json)
                FROM (
                    SELECT * FROM voucher o
                    WHERE o.program_id = m.program_id AND o.member_id = m.id AND o.status = 'issued'
                      AND (o.valid_until IS NULL OR o.valid_until > at_instant)
                    ORDER BY o.id DESC LIMIT 50
                ) v
            )
        )) ORDER BY c.id), '[]'::json)
        FROM member m
        JOIN program p ON p.id = m.program_id
        JOIN card c ON c.program_id = m.program_id AND c.member_id = m.id AND c.status <> 'replaced'
        WHERE m.customer_id = customer
    );
END $$;

-- A customer's messages over all programmes, newest first; only what was sent into the app's own inbox.
CREATE FUNCTION my_inbox(customer uuid, before uuid, rows_max integer)
RETURNS TABLE (
    program_id uuid, program_name text, id uuid, kind text, title text, body text, data jsonb,
    sent_at timestamptz, opened_at timestamptz
)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        SELECT d.program_id, p.name, d.id, d.kind, d.title, d.body, d.data, coalesce(d.sent_at, d.due_at), d.opened_at
        FROM member m
        JOIN program p ON p.id = m.program_id
        CROSS JOIN LATERAL (
            SELECT * FROM delivery o
            WHERE o.program_id = m.program_id AND o.member_id = m.id AND o.channel = 'inbox'
              AND o.state IN ('sent', 'opened') AND (before IS NULL OR o.id < before)
            ORDER BY o.id DESC LIMIT rows_max
        ) d
        WHERE m.customer_id = customer
        ORDER BY d.id DESC LIMIT rows_max;
END $$;

-- Which programme a message to this customer is of; nothing for anybody else's.
CREATE FUNCTION my_delivery(customer uuid, delivery_id uuid) RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
    SELECT d.program_id FROM delivery d
    JOIN member m ON m.program_id = d.program_id AND m.id = d.member_id
    WHERE d.id = delivery_id AND m.customer_id = customer
$$;

-- What a customer allows each programme now.
CREATE FUNCTION my_consents(customer uuid) RETURNS json
LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
    SELECT coalesce(json_agg(json_build_object(
        'card_id', 'crd_' || replace(c.id::text, '-', ''),
        'program', json_build_object('id', 'prg_' || replace(p.id::text, '-', ''), 'name', p.name, 'slug', p.slug),
        'consents', (
            SELECT coalesce(json_agg(json_strip_nulls(json_build_object(
                'channel', s.channel, 'purpose', s.purpose, 'granted', s.granted, 'text_version', s.text_version,
                'source', s.source,
                'recorded_at', to_char(s.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
            )) ORDER BY s.channel, s.purpose), '[]'::json)
            FROM (
                SELECT DISTINCT ON (o.channel, o.purpose) * FROM consent o
                WHERE o.program_id = m.program_id AND o.member_id = m.id
                ORDER BY o.channel, o.purpose, o.id DESC
            ) s
        )
    ) ORDER BY c.id), '[]'::json)
    FROM member m
    JOIN program p ON p.id = m.program_id
    JOIN card c ON c.program_id = m.program_id AND c.member_id = m.id AND c.status <> 'replaced'
    WHERE m.customer_id = customer
$$;

GRANT SELECT ON account, purse, lot, voucher, delivery, consent TO {door};

-- Moves a device's address to the customer who holds the phone now, whoever had it before.
CREATE FUNCTION release_address(device_address text, keeper uuid) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT AS $$
    DELETE FROM device d WHERE d.address = device_address AND d.customer_id <> keeper
$$;

-- Says which migration the schema is at: alembic's own table is the owner's.
CREATE FUNCTION schema_revision() RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
    SELECT v.version_num FROM alembic_version v
$$;

-- Counts one attempt in a bucket's window and returns how many there are now.
CREATE FUNCTION count_attempt(in_bucket bytea, window_start timestamptz) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT AS $$
    INSERT INTO attempt AS a (bucket, window_starts_at, count) VALUES (in_bucket, window_start, 1)
    ON CONFLICT (bucket, window_starts_at) DO UPDATE SET count = a.count + 1
    RETURNING count
$$;

-- Forgets what was counted in a bucket, once who was meant has shown who they are.
CREATE FUNCTION forget_attempts(in_bucket bytea) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT AS $$
    DELETE FROM attempt a WHERE a.bucket = in_bucket
$$;

GRANT SELECT ON alembic_version, api_key, staff, staff_session, staff_store, customer, customer_session, program, member, card TO {door};
GRANT SELECT, DELETE ON device TO {door};
GRANT SELECT, INSERT, UPDATE, DELETE ON attempt TO {door};
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
