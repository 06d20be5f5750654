-- The SQL work of one scan as separate statements, each prepared: what an application without the hot path sends.
-- \aset keeps the last row: the account in the purse of points, which is the older one.
\set n :step * random(1, :cards) - 1
\set unique_part random(1, 9000000000000000000)
BEGIN;
SELECT set_config('assidu.program_id', :program, true);
SELECT p.config_version FROM program p WHERE p.id = :program;
SELECT c.id AS card_id, c.number, c.status, c.totp_key_sealed, c.member_id FROM card c WHERE c.program_id = :program AND c.token_hash = sha256(:n::text::bytea) \gset
SELECT a.id AS account_id, a.purse_id, a.balance, a.pending, a.debt, a.sequence, a.next_expiry_at FROM account a WHERE a.program_id = :program AND a.member_id = :member_id ORDER BY a.id DESC FOR UPDATE \aset
SELECT k.fingerprint, k.status, k.answer FROM idempotency_key k WHERE k.program_id = :program AND k.scope = :scope AND k.key = lpad(:unique_part::text, 32, '0');
SELECT m.first_name FROM member m WHERE m.program_id = :program AND m.id = :member_id;
SELECT v.id, v.reward_id, v.name, v.code_sealed, v.valid_until FROM voucher v WHERE v.program_id = :program AND v.member_id = :member_id AND v.status = 'issued' AND (v.valid_until IS NULL OR v.valid_until > now()) ORDER BY v.id DESC LIMIT 20;
INSERT INTO activity (program_id, id, member_id, card_id, kind, occurred_at, recorded_at, amount, items, data, receipt, store_id, partner_id, staff_id, api_key_id, offline, rule_set_id) VALUES (:program, uuidv7(), :member_id, :card_id, 'purchase', now(), now(), :amount, NULL, NULL, :receipt, :store, :partner, NULL, :api_key, false, :rule_set) RETURNING id AS activity_id \gset
UPDATE account a SET balance = a.balance + :points, sequence = a.sequence + 1, earned_total = a.earned_total + :points WHERE a.program_id = :program AND a.id = :account_id RETURNING a.balance AS balance_after, a.sequence AS place \gset
INSERT INTO entry (program_id, id, account_id, sequence, kind, amount, balance_after, occurred_at, recorded_at, activity_id, rule_id, rule_version_id, partner_id, store_id, staff_id, api_key_id, steps) VALUES (:program, uuidv7(), :account_id, :place, 'earn', :points, :balance_after, now(), now(), :activity_id, :rule, :version, :partner, :store, NULL, :api_key, :steps) RETURNING id AS entry_id \gset
INSERT INTO lot (program_id, id, account_id, entry_id, amount, remaining, available_from, expires_at, partner_id) VALUES (:program, uuidv7(), :account_id, :entry_id, :points, :points, now(), NULL, :partner);
INSERT INTO event (program_id, id, kind, member_id, recorded_at, lease_until, attempts, data) VALUES (:program, uuidv7(), 'activity.recorded', :member_id, now(), now(), 0, :fact);
INSERT INTO idempotency_key (program_id, scope, key, fingerprint, recorded_at, status, answer, permanent) VALUES (:program, :scope, lpad(:unique_part::text, 32, '0'), decode(:fingerprint, 'hex'), now(), 201, :answer, true);
COMMIT;
