-- Made for the benchmark alone: what `separate.sql` does, within the database.
CREATE OR REPLACE FUNCTION bench_scan(
    in_program uuid, in_token_hash bytea, in_scope text, in_key text, in_amount bigint, in_receipt text, in_store uuid,
    in_partner uuid, in_api_key uuid, in_rule_set uuid, in_purse uuid, in_points bigint, in_rule uuid, in_version uuid,
    in_steps jsonb, in_fact jsonb, in_fingerprint bytea, in_answer text
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    found_version bigint;
    found_card record;
    held record;
    found_account record;
    found_name text;
    found_vouchers text;
    new_activity uuid := uuidv7();
    new_entry uuid := uuidv7();
BEGIN
    PERFORM set_config('assidu.program_id', in_program::text, true);
    SELECT p.config_version INTO found_version FROM program p WHERE p.id = in_program;
    SELECT c.id, c.number, c.status, c.totp_key_sealed, c.member_id INTO STRICT found_card
    FROM card c WHERE c.program_id = in_program AND c.token_hash = in_token_hash;
    FOR held IN
        SELECT a.id, a.purse_id, a.balance, a.pending, a.debt, a.sequence, a.next_expiry_at
        FROM account a WHERE a.program_id = in_program AND a.member_id = found_card.member_id
        ORDER BY a.id FOR UPDATE
    LOOP
        IF held.purse_id = in_purse THEN
            found_account := held;
        END IF;
    END LOOP;
    PERFORM k.fingerprint, k.status, k.answer FROM idempotency_key k
    WHERE k.program_id = in_program AND k.scope = in_scope AND k.key = in_key;
    SELECT m.first_name INTO found_name FROM member m WHERE m.program_id = in_program AND m.id = found_card.member_id;
    SELECT json_agg(v)::text INTO found_vouchers FROM (
        SELECT o.id, o.reward_id, o.name, o.code_sealed, o.valid_until FROM voucher o
        WHERE o.program_id = in_program AND o.member_id = found_card.member_id AND o.status = 'issued'
          AND (o.valid_until IS NULL OR o.valid_until > now())
        ORDER BY o.id DESC LIMIT 20
    ) v;
    INSERT INTO activity (
        program_id, id, member_id, card_id, kind, occurred_at, recorded_at, amount, receipt, store_id, partner_id,
        api_key_id, offline, rule_set_id
    ) VALUES (
        in_program, new_activity, found_card.member_id, found_card.id, 'purchase', now(), now(), in_amount, in_receipt,
        in_store, in_partner, in_api_key, false, in_rule_set
    );
    UPDATE account a
    SET balance = a.balance + in_points, sequence = a.sequence + 1, earned_total = a.earned_total + in_points
    WHERE a.program_id = in_program AND a.id = found_account.id;
    INSERT INTO entry (
        program_id, id, account_id, sequence, kind, amount, balance_after, occurred_at, recorded_at, activity_id,
        rule_id, rule_version_id, partner_id, store_id, api_key_id, steps
    ) VALUES (
        in_program, new_entry, found_account.id, found_account.sequence + 1, 'earn', in_points,
        found_account.balance + in_points, now(), now(), new_activity, in_rule, in_version, in_partner, in_store,
        in_api_key, in_steps
    );
    INSERT INTO lot (
        program_id, id, account_id, entry_id, amount, remaining, available_from, expires_at, partner_id
    ) VALUES (in_program, uuidv7(), found_account.id, new_entry, in_points, in_points, now(), NULL, in_partner);
    INSERT INTO event (program_id, id, kind, member_id, recorded_at, lease_until, attempts, data)
    VALUES (in_program, uuidv7(), 'activity.recorded', found_card.member_id, now(), now(), 0, in_fact);
    INSERT INTO idempotency_key (program_id, scope, key, fingerprint, recorded_at, status, answer, permanent)
    VALUES (in_program, in_scope, in_key, in_fingerprint, now(), 201, in_answer, true);
END $$;
