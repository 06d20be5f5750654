-- The hot path of a scan: one round trip that recognises the card, locks what the member holds and returns all that
-- the rules need; one that writes everything. `app/services/hot_scans.py` is the only caller and decides between the
-- two. Both run as the caller, under row-level security, and tell it the program themselves.

CREATE FUNCTION scan_read(
    in_program uuid, in_token_hash bytea, in_scope text, in_key text, in_now timestamptz
) RETURNS TABLE (
    config_version bigint, card_id uuid, card_number text, card_status text, totp_key_sealed text,
    member_id uuid, first_name text, accounts text, expiring boolean, vouchers text,
    key_fingerprint text, key_status bigint, key_answer text
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    found_member uuid;
BEGIN
    PERFORM set_config('assidu.program_id', in_program::text, true);
    SELECT p.config_version INTO config_version FROM program p WHERE p.id = in_program;
    SELECT c.id, c.number, c.status, encode(c.totp_key_sealed, 'hex'), c.member_id
    INTO card_id, card_number, card_status, totp_key_sealed, found_member
    FROM card c
    WHERE c.program_id = in_program AND c.token_hash = in_token_hash;
    IF found_member IS NULL THEN
        RETURN NEXT;
        RETURN;
    END IF;
    member_id := found_member;
    -- The lock: everything that moves this member's value waits here, in the order of the ids.
    SELECT json_agg(json_build_array(a.id, a.purse_id, a.balance, a.pending, a.debt, a.sequence))::text,
           coalesce(bool_or(a.next_expiry_at <= in_now), false)
    INTO accounts, expiring
    FROM (
        SELECT * FROM account h WHERE h.program_id = in_program AND h.member_id = found_member ORDER BY h.id FOR UPDATE
    ) a;
    -- After the lock, and so after a twin that held it: its key is seen here.
    SELECT encode(k.fingerprint, 'hex'), k.status, k.answer INTO key_fingerprint, key_status, key_answer
    FROM idempotency_key k
    WHERE k.program_id = in_program AND k.scope = in_scope AND k.key = in_key;
    IF key_fingerprint IS NOT NULL THEN
        RETURN NEXT;
        RETURN;
    END IF;
    SELECT m.first_name INTO first_name FROM member m WHERE m.program_id = in_program AND m.id = found_member;
    SELECT json_agg(json_build_array(v.id, v.reward_id, v.name, encode(v.code_sealed, 'hex'), v.valid_until))::text
    INTO vouchers
    FROM (
        SELECT * FROM voucher o
        WHERE o.program_id = in_program AND o.member_id = found_member AND o.status = 'issued'
          AND (o.valid_until IS NULL OR o.valid_until > in_now)
        ORDER BY o.id DESC LIMIT 20
    ) v;
    RETURN NEXT;
END $$;

CREATE FUNCTION scan_write(
    in_program uuid, in_now timestamptz,
    in_activity uuid, in_member uuid, in_card uuid, in_kind text, in_occurred_at timestamptz, in_amount bigint,
    in_items jsonb, in_data jsonb, in_receipt text, in_store uuid, in_partner uuid, in_staff uuid, in_api_key uuid,
    in_offline boolean, in_rule_set uuid,
    in_entries uuid[], in_lots uuid[], in_accounts uuid[], in_amounts bigint[], in_balances bigint[],
    in_sequences bigint[], in_rules uuid[], in_versions uuid[], in_expiries timestamptz[], in_steps jsonb,
    in_event uuid, in_fact jsonb,
    in_scope text, in_key text, in_fingerprint bytea, in_answer text,
    in_period bigint
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO activity (
        program_id, id, member_id, card_id, kind, occurred_at, recorded_at, amount, items, data, receipt,
        store_id, partner_id, staff_id, api_key_id, offline, rule_set_id
    ) VALUES (
        in_program, in_activity, in_member, in_card, in_kind, in_occurred_at, in_now, in_amount, in_items, in_data,
        in_receipt, in_store, in_partner, in_staff, in_api_key, in_offline, in_rule_set
    );
    FOR place IN 1 .. coalesce(array_length(in_entries, 1), 0) LOOP
        UPDATE account a
        SET balance = in_balances[place], sequence = in_sequences[place],
            earned_total = a.earned_total + in_amounts[place],
            next_expiry_at = least(a.next_expiry_at, in_expiries[place])
        WHERE a.program_id = in_program AND a.id = in_accounts[place];
        INSERT INTO entry (
            program_id, id, account_id, sequence, kind, amount, balance_after, occurred_at, recorded_at, activity_id,
            rule_id, rule_version_id, partner_id, store_id, staff_id, api_key_id, steps
        ) VALUES (
            in_program, in_entries[place], in_accounts[place], in_sequences[place], 'earn', in_amounts[place],
            in_balances[place], in_occurred_at, in_now, in_activity, in_rules[place], in_versions[place],
            in_partner, in_store, in_staff, in_api_key, in_steps -> (place - 1)
        );
        INSERT INTO lot (
            program_id, id, account_id, entry_id, amount, remaining, available_from, expires_at, partner_id
        ) VALUES (
            in_program, in_lots[place], in_accounts[place], in_entries[place], in_amounts[place], in_amounts[place],
            in_occurred_at, in_expiries[place], in_partner
        );
    END LOOP;
    INSERT INTO event (program_id, id, kind, member_id, recorded_at, lease_until, attempts, data)
    VALUES (in_program, in_event, 'activity.recorded', in_member, in_now, in_now, 0, in_fact);
    INSERT INTO idempotency_key (program_id, scope, key, fingerprint, recorded_at, status, answer, permanent)
    VALUES (in_program, in_scope, in_key, in_fingerprint, in_now, 201, in_answer, true);
    IF in_period IS NOT NULL THEN
        INSERT INTO code_use (program_id, card_id, period, created_at) VALUES (in_program, in_card, in_period, in_now);
    END IF;
END $$;
