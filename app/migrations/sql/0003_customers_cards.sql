-- What an account still holds at an instant when something of it has run out that no job has booked yet.
CREATE FUNCTION balance_left(
    in_program uuid, in_account uuid, in_purse uuid, balance bigint, held bigint, at_instant timestamptz
) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN balance - greatest(run_out(in_program, in_account, at_instant, (
        SELECT s.expiry ->> 'policy' = 'inactivity' FROM purse s WHERE s.program_id = in_program AND s.id = in_purse
    )) - held, 0);
END $$;

-- The successor of `my_cards`, for customers who ask at the same time: only what changes with them, since the names of
-- programmes and purses are what web processes remember. One record a card (ASCII 30), in no order; its fields (31);
-- lists of accounts and vouchers (29, 28). JSON escapes control characters, so no text can hold one.
-- `app.services.card_texts` reads it.
CREATE FUNCTION customers_cards(customers uuid[], at_instant timestamptz) RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    RETURN (
        SELECT string_agg(concat_ws(chr(31),
            m.customer_id, p.id, p.config_version, coalesce(m.locale, ''), c.id, c.number, c.status, m.id,
            to_char(m.joined_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
            coalesce(to_json(m.first_name)::text, ''),
            coalesce((
                SELECT string_agg(concat_ws(chr(28),
                    a.purse_id, a.id,
                    CASE WHEN a.next_expiry_at <= at_instant
                        THEN balance_left(a.program_id, a.id, a.purse_id, a.balance, a.held, at_instant)
                        ELSE a.balance END,
                    a.pending
                ), chr(29))
                FROM account a WHERE a.program_id = m.program_id AND a.member_id = m.id
            ), ''),
            coalesce((
                SELECT string_agg(concat_ws(chr(28),
                    v.id, v.reward_id, to_json(v.name), encode(v.code_sealed, 'hex'),
                    to_char(v.issued_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
                    to_char(v.valid_until AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
                ), chr(29))
                FROM voucher v
                WHERE v.program_id = m.program_id AND v.member_id = m.id AND v.status = 'issued'
                  AND (v.valid_until IS NULL OR v.valid_until > at_instant)
            ), '')
        ), chr(30))
        FROM member m
        JOIN program p ON p.id = m.program_id
        JOIN card c ON c.program_id = m.program_id AND c.member_id = m.id AND c.status <> 'replaced'
        WHERE m.customer_id = ANY (customers)
    );
END $$;

GRANT CREATE ON SCHEMA {schema} TO {door};
ALTER FUNCTION customers_cards(uuid[], timestamptz) OWNER TO {door};
REVOKE CREATE ON SCHEMA {schema} FROM {door};
REVOKE EXECUTE ON FUNCTION customers_cards(uuid[], timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION customers_cards(uuid[], timestamptz) TO {web}, {worker};
