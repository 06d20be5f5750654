-- The tables, as app/models describes them; `alembic check` holds the two together.

CREATE TABLE activity (
    member_id UUID NOT NULL,
    kind TEXT NOT NULL,
    occurred_at TIMESTAMP WITH TIME ZONE NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    amount BIGINT,
    items JSONB,
    data JSONB,
    receipt TEXT,
    card_id UUID,
    store_id UUID,
    partner_id UUID,
    staff_id UUID,
    api_key_id UUID,
    offline BOOLEAN NOT NULL,
    external_id TEXT,
    reverses_activity_id UUID,
    reason TEXT,
    rule_set_id UUID,
    program_id UUID NOT NULL,
    id UUID NOT NULL,
    CONSTRAINT pk_activity PRIMARY KEY (program_id, id),
    CONSTRAINT ck_activity_amount CHECK (amount IS NULL OR amount >= 0)
) PARTITION BY RANGE (id);

CREATE INDEX ix_activity_member_id_id ON activity (member_id, id);

CREATE INDEX ix_activity_reverses_activity_id ON activity (reverses_activity_id) WHERE reverses_activity_id IS NOT NULL;

CREATE TABLE attempt (
    bucket BYTEA NOT NULL,
    window_starts_at TIMESTAMP WITH TIME ZONE NOT NULL,
    count BIGINT NOT NULL,
    CONSTRAINT pk_attempt PRIMARY KEY (bucket, window_starts_at)
);

CREATE TABLE customer (
    email TEXT,
    phone TEXT,
    first_name TEXT,
    last_name TEXT,
    locale TEXT,
    timezone TEXT,
    erased_at TIMESTAMP WITH TIME ZONE,
    id UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_customer PRIMARY KEY (id),
    CONSTRAINT uq_customer_email UNIQUE (email),
    CONSTRAINT uq_customer_phone UNIQUE (phone)
);

CREATE TABLE customer_code (
    contact_hash BYTEA NOT NULL,
    code_hash TEXT NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    tries BIGINT NOT NULL,
    used_at TIMESTAMP WITH TIME ZONE,
    id UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_customer_code PRIMARY KEY (id)
);

CREATE INDEX ix_customer_code_contact_hash_id ON customer_code (contact_hash, id);

CREATE TABLE event (
    kind TEXT NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    lease_until TIMESTAMP WITH TIME ZONE NOT NULL,
    data JSONB NOT NULL,
    member_id UUID,
    attempts BIGINT NOT NULL,
    handled_at TIMESTAMP WITH TIME ZONE,
    problem TEXT,
    program_id UUID NOT NULL,
    id UUID NOT NULL,
    CONSTRAINT pk_event PRIMARY KEY (program_id, id)
) PARTITION BY RANGE (id);

CREATE INDEX ix_event_due ON event (lease_until, id) WHERE handled_at IS NULL;

CREATE TABLE idempotency_key (
    program_id UUID NOT NULL,
    scope TEXT NOT NULL,
    key TEXT NOT NULL,
    fingerprint BYTEA NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    status BIGINT NOT NULL,
    answer TEXT,
    permanent BOOLEAN NOT NULL,
    CONSTRAINT pk_idempotency_key PRIMARY KEY (program_id, scope, key)
);

CREATE INDEX ix_idempotency_key_recorded_at ON idempotency_key (recorded_at) WHERE answer IS NOT NULL;

CREATE TABLE program (
    name TEXT NOT NULL,
    slug TEXT NOT NULL,
    currency TEXT NOT NULL,
    timezone TEXT NOT NULL,
    locale TEXT NOT NULL,
    locales JSONB NOT NULL,
    brand JSONB NOT NULL,
    card_design JSONB NOT NULL,
    redeem_with TEXT NOT NULL,
    redemptions_frozen_at TIMESTAMP WITH TIME ZONE,
    config_version BIGINT NOT NULL,
    id UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_program PRIMARY KEY (id),
    CONSTRAINT uq_program_slug UNIQUE (slug),
    CONSTRAINT ck_program_redeem_with CHECK (redeem_with IN ('rotating', 'any'))
);

CREATE TABLE allocation (
    entry_id UUID NOT NULL,
    lot_id UUID NOT NULL,
    part SMALLINT NOT NULL,
    amount BIGINT NOT NULL,
    program_id UUID NOT NULL,
    CONSTRAINT pk_allocation PRIMARY KEY (entry_id, lot_id, part),
    CONSTRAINT fk_allocation_program_id FOREIGN KEY(program_id) REFERENCES program (id)
);

CREATE INDEX ix_allocation_lot_id ON allocation (lot_id);

CREATE TABLE audit_entry (
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    staff_id UUID,
    api_key_id UUID,
    data JSONB NOT NULL,
    id UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    program_id UUID NOT NULL,
    CONSTRAINT pk_audit_entry PRIMARY KEY (id),
    CONSTRAINT fk_audit_entry_program_id FOREIGN KEY(program_id) REFERENCES program (id)
);

CREATE INDEX ix_audit_entry_program_id_id ON audit_entry (program_id, id);

CREATE TABLE code_use (
    card_id UUID NOT NULL,
    period BIGINT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    program_id UUID NOT NULL,
    CONSTRAINT pk_code_use PRIMARY KEY (card_id, period),
    CONSTRAINT fk_code_use_program_id FOREIGN KEY(program_id) REFERENCES program (id)
);

CREATE INDEX ix_code_use_created_at ON code_use (created_at);

CREATE TABLE customer_session (
    customer_id UUID NOT NULL,
    id UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    access_hash BYTEA NOT NULL,
    access_expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    refresh_hash BYTEA NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    previous_refresh_hash BYTEA,
    rotated_at TIMESTAMP WITH TIME ZONE,
    revoked_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_customer_session PRIMARY KEY (id),
    CONSTRAINT uq_customer_session_access_hash UNIQUE (access_hash),
    CONSTRAINT uq_customer_session_refresh_hash UNIQUE (refresh_hash),
    CONSTRAINT fk_customer_session_customer_id FOREIGN KEY(customer_id) REFERENCES customer (id)
);

CREATE INDEX ix_customer_session_customer_id ON customer_session (customer_id);

CREATE TABLE device (
    customer_id UUID NOT NULL,
    address TEXT NOT NULL,
    platform TEXT NOT NULL,
    last_contact_at TIMESTAMP WITH TIME ZONE NOT NULL,
    address_kind TEXT NOT NULL,
    session_id UUID,
    app_version TEXT,
    locale TEXT,
    timezone TEXT,
    id UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_device PRIMARY KEY (id),
    CONSTRAINT uq_device_address UNIQUE (address),
    CONSTRAINT ck_device_address_kind CHECK (address_kind IN ('fid', 'token')),
    CONSTRAINT ck_device_platform CHECK (platform IN ('ios', 'android', 'web')),
    CONSTRAINT fk_device_customer_id FOREIGN KEY(customer_id) REFERENCES customer (id)
);

CREATE INDEX ix_device_customer_id ON device (customer_id);

CREATE TABLE member (
    joined_at TIMESTAMP WITH TIME ZONE NOT NULL,
    customer_id UUID,
    email TEXT,
    phone TEXT,
    first_name TEXT,
    last_name TEXT,
    birth_on DATE,
    locale TEXT,
    external_id TEXT,
    first_name_folded TEXT COLLATE "C" GENERATED ALWAYS AS (lower(first_name)) STORED,
    last_name_folded TEXT COLLATE "C" GENERATED ALWAYS AS (lower(last_name)) STORED,
    id UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    program_id UUID NOT NULL,
    CONSTRAINT pk_member PRIMARY KEY (id),
    CONSTRAINT uq_member_program_id_id UNIQUE (program_id, id),
    CONSTRAINT uq_member_program_id_email UNIQUE (program_id, email),
    CONSTRAINT uq_member_program_id_phone UNIQUE (program_id, phone),
    CONSTRAINT uq_member_program_id_external_id UNIQUE (program_id, external_id),
    CONSTRAINT uq_member_program_id_customer_id UNIQUE (program_id, customer_id),
    CONSTRAINT fk_member_customer_id FOREIGN KEY(customer_id) REFERENCES customer (id),
    CONSTRAINT fk_member_program_id FOREIGN KEY(program_id) REFERENCES program (id)
);

CREATE INDEX ix_member_customer_id ON member (customer_id);

CREATE INDEX ix_member_program_id_first_name_folded ON member (program_id, first_name_folded);

CREATE INDEX ix_member_program_id_last_name_folded ON member (program_id, last_name_folded);

CREATE TABLE partner (
    name TEXT NOT NULL,
    archived_at TIMESTAMP WITH TIME ZONE,
    id UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    program_id UUID NOT NULL,
    CONSTRAINT pk_partner PRIMARY KEY (id),
    CONSTRAINT uq_partner_program_id_id UNIQUE (program_id, id),
    CONSTRAINT fk_partner_program_id FOREIGN KEY(program_id) REFERENCES program (id)
);

CREATE TABLE rule (
    name TEXT NOT NULL,
    status TEXT NOT NULL,
    definition JSONB NOT NULL,
    version BIGINT NOT NULL,
    version_id UUID,
    updated_at TIMESTAMP WITH TIME ZONE,
    id UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    program_id UUID NOT NULL,
    CONSTRAINT pk_rule PRIMARY KEY (id),
    CONSTRAINT uq_rule_program_id_id UNIQUE (program_id, id),
    CONSTRAINT ck_rule_status CHECK (status IN ('draft', 'live', 'paused', 'archived')),
    CONSTRAINT fk_rule_program_id FOREIGN KEY(program_id) REFERENCES program (id)
);

CREATE TABLE rule_set_version (
    version_ids JSONB NOT NULL,
    id UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    program_id UUID NOT NULL,
    CONSTRAINT pk_rule_set_version PRIMARY KEY (id),
    CONSTRAINT fk_rule_set_version_program_id FOREIGN KEY(program_id) REFERENCES program (id)
);

CREATE TABLE staff (
    email TEXT NOT NULL,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    totp_key_sealed BYTEA,
    totp_confirmed_at TIMESTAMP WITH TIME ZONE,
    totp_last_period BIGINT,
    locale TEXT,
    archived_at TIMESTAMP WITH TIME ZONE,
    id UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    program_id UUID NOT NULL,
    CONSTRAINT pk_staff PRIMARY KEY (id),
    CONSTRAINT uq_staff_program_id_id UNIQUE (program_id, id),
    CONSTRAINT ck_staff_role CHECK (role IN ('owner', 'marketer', 'cashier')),
    CONSTRAINT fk_staff_program_id FOREIGN KEY(program_id) REFERENCES program (id)
);

CREATE UNIQUE INDEX uq_staff_email ON staff (email) WHERE archived_at IS NULL;

CREATE TABLE card (
    member_id UUID NOT NULL,
    number TEXT NOT NULL,
    token_hash BYTEA NOT NULL,
    token_sealed BYTEA NOT NULL,
    totp_key_sealed BYTEA NOT NULL,
    status TEXT NOT NULL,
    replaced_by_id UUID,
    blocked_reason TEXT,
    id UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    program_id UUID NOT NULL,
    CONSTRAINT pk_card PRIMARY KEY (id),
    CONSTRAINT uq_card_program_id_id UNIQUE (program_id, id),
    CONSTRAINT uq_card_program_id_token_hash UNIQUE (program_id, token_hash),
    CONSTRAINT uq_card_program_id_number UNIQUE (program_id, number),
    CONSTRAINT fk_card_program_id_member_id FOREIGN KEY(program_id, member_id) REFERENCES member (program_id, id),
    CONSTRAINT ck_card_status CHECK (status IN ('active', 'blocked', 'replaced')),
    CONSTRAINT fk_card_program_id FOREIGN KEY(program_id) REFERENCES program (id)
);

CREATE INDEX ix_card_program_id_member_id ON card (program_id, member_id);

CREATE TABLE consent (
    member_id UUID NOT NULL,
    channel TEXT NOT NULL,
    purpose TEXT NOT NULL,
    granted BOOLEAN NOT NULL,
    source TEXT NOT NULL,
    text_version TEXT,
    staff_id UUID,
    id UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    program_id UUID NOT NULL,
    CONSTRAINT pk_consent PRIMARY KEY (id),
    CONSTRAINT fk_consent_program_id_member_id FOREIGN KEY(program_id, member_id) REFERENCES member (program_id, id),
    CONSTRAINT ck_consent_channel CHECK (channel IN ('push', 'email', 'sms', 'wallet')),
    CONSTRAINT ck_consent_purpose CHECK (purpose IN ('offers', 'profiling', 'partners')),
    CONSTRAINT fk_consent_program_id FOREIGN KEY(program_id) REFERENCES program (id)
);

CREATE INDEX ix_consent_program_id_member_id_channel_purpose_id ON consent (program_id, member_id, channel, purpose, id);

CREATE TABLE delivery (
    member_id UUID NOT NULL,
    event_id UUID NOT NULL,
    channel TEXT NOT NULL,
    address TEXT NOT NULL,
    kind TEXT NOT NULL,
    title TEXT NOT NULL,
    body TEXT NOT NULL,
    due_at TIMESTAMP WITH TIME ZONE NOT NULL,
    state TEXT NOT NULL,
    data JSONB NOT NULL,
    device_id UUID,
    attempts BIGINT NOT NULL,
    lease_owner UUID,
    sent_at TIMESTAMP WITH TIME ZONE,
    opened_at TIMESTAMP WITH TIME ZONE,
    provider_id TEXT,
    reason TEXT,
    id UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    program_id UUID NOT NULL,
    CONSTRAINT pk_delivery PRIMARY KEY (id),
    CONSTRAINT uq_delivery_program_id_id UNIQUE (program_id, id),
    CONSTRAINT uq_delivery_program_id_event_id_channel_address UNIQUE (program_id, event_id, channel, address),
    CONSTRAINT fk_delivery_program_id_member_id FOREIGN KEY(program_id, member_id) REFERENCES member (program_id, id),
    CONSTRAINT ck_delivery_state CHECK (state IN ('queued', 'sending', 'sent', 'opened', 'failed', 'skipped', 'unknown')),
    CONSTRAINT fk_delivery_program_id FOREIGN KEY(program_id) REFERENCES program (id)
);

CREATE INDEX ix_delivery_due ON delivery (due_at) WHERE state IN ('queued', 'sending');

CREATE INDEX ix_delivery_program_id_member_id_id ON delivery (program_id, member_id, id);

CREATE TABLE purse (
    code TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    goal BIGINT,
    reward_id UUID,
    partner_id UUID,
    rounding TEXT NOT NULL,
    expiry JSONB NOT NULL,
    on_clawback TEXT NOT NULL,
    hold_days BIGINT NOT NULL,
    locales JSONB NOT NULL,
    archived_at TIMESTAMP WITH TIME ZONE,
    id UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    program_id UUID NOT NULL,
    CONSTRAINT pk_purse PRIMARY KEY (id),
    CONSTRAINT uq_purse_program_id_id UNIQUE (program_id, id),
    CONSTRAINT uq_purse_program_id_code UNIQUE (program_id, code),
    CONSTRAINT fk_purse_program_id_partner_id FOREIGN KEY(program_id, partner_id) REFERENCES partner (program_id, id),
    CONSTRAINT ck_purse_kind CHECK (kind IN ('points', 'stamps', 'money')),
    CONSTRAINT ck_purse_goal CHECK (goal IS NULL OR goal BETWEEN 1 AND 1000),
    CONSTRAINT ck_purse_on_clawback CHECK (on_clawback IN ('debt', 'clamp', 'refuse')),
    CONSTRAINT ck_purse_rounding CHECK (rounding IN ('floor', 'half_even', 'ceil')),
    CONSTRAINT ck_purse_hold_days CHECK (hold_days BETWEEN 0 AND 366),
    CONSTRAINT fk_purse_program_id FOREIGN KEY(program_id) REFERENCES program (id)
);

CREATE TABLE rule_usage (
    rule_id UUID NOT NULL,
    member_id UUID NOT NULL,
    on_day DATE NOT NULL,
    amount BIGINT NOT NULL,
    program_id UUID NOT NULL,
    CONSTRAINT pk_rule_usage PRIMARY KEY (rule_id, member_id, on_day),
    CONSTRAINT fk_rule_usage_program_id_rule_id FOREIGN KEY(program_id, rule_id) REFERENCES rule (program_id, id),
    CONSTRAINT fk_rule_usage_program_id FOREIGN KEY(program_id) REFERENCES program (id)
);

CREATE TABLE rule_version (
    rule_id UUID NOT NULL,
    number BIGINT NOT NULL,
    definition JSONB NOT NULL,
    staff_id UUID,
    id UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    program_id UUID NOT NULL,
    CONSTRAINT pk_rule_version PRIMARY KEY (id),
    CONSTRAINT uq_rule_version_program_id_id UNIQUE (program_id, id),
    CONSTRAINT uq_rule_version_program_id_rule_id_number UNIQUE (program_id, rule_id, number),
    CONSTRAINT fk_rule_version_program_id_rule_id FOREIGN KEY(program_id, rule_id) REFERENCES rule (program_id, id),
    CONSTRAINT fk_rule_version_program_id FOREIGN KEY(program_id) REFERENCES program (id)
);

CREATE TABLE staff_session (
    staff_id UUID NOT NULL,
    id UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    access_hash BYTEA NOT NULL,
    access_expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    refresh_hash BYTEA NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    previous_refresh_hash BYTEA,
    rotated_at TIMESTAMP WITH TIME ZONE,
    revoked_at TIMESTAMP WITH TIME ZONE,
    program_id UUID NOT NULL,
    CONSTRAINT pk_staff_session PRIMARY KEY (id),
    CONSTRAINT uq_staff_session_access_hash UNIQUE (access_hash),
    CONSTRAINT uq_staff_session_refresh_hash UNIQUE (refresh_hash),
    CONSTRAINT fk_staff_session_program_id_staff_id FOREIGN KEY(program_id, staff_id) REFERENCES staff (program_id, id),
    CONSTRAINT fk_staff_session_program_id FOREIGN KEY(program_id) REFERENCES program (id)
);

CREATE INDEX ix_staff_session_program_id_staff_id ON staff_session (program_id, staff_id);

CREATE TABLE store (
    name TEXT NOT NULL,
    partner_id UUID NOT NULL,
    kind TEXT NOT NULL,
    address TEXT,
    archived_at TIMESTAMP WITH TIME ZONE,
    id UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    program_id UUID NOT NULL,
    CONSTRAINT pk_store PRIMARY KEY (id),
    CONSTRAINT uq_store_program_id_id UNIQUE (program_id, id),
    CONSTRAINT fk_store_program_id_partner_id FOREIGN KEY(program_id, partner_id) REFERENCES partner (program_id, id),
    CONSTRAINT ck_store_kind CHECK (kind IN ('shop', 'web')),
    CONSTRAINT fk_store_program_id FOREIGN KEY(program_id) REFERENCES program (id)
);

CREATE TABLE account (
    member_id UUID NOT NULL,
    purse_id UUID NOT NULL,
    balance BIGINT NOT NULL,
    pending BIGINT NOT NULL,
    held BIGINT NOT NULL,
    debt BIGINT NOT NULL,
    earned_total BIGINT NOT NULL,
    burnt_total BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    next_expiry_at TIMESTAMP WITH TIME ZONE,
    id UUID NOT NULL,
    program_id UUID NOT NULL,
    CONSTRAINT pk_account PRIMARY KEY (id),
    CONSTRAINT uq_account_program_id_id UNIQUE (program_id, id),
    CONSTRAINT uq_account_program_id_member_id_purse_id UNIQUE (program_id, member_id, purse_id),
    CONSTRAINT fk_account_program_id_member_id FOREIGN KEY(program_id, member_id) REFERENCES member (program_id, id),
    CONSTRAINT fk_account_program_id_purse_id FOREIGN KEY(program_id, purse_id) REFERENCES purse (program_id, id),
    CONSTRAINT ck_account_balance CHECK (balance + debt >= held),
    CONSTRAINT ck_account_debt CHECK (debt >= 0),
    CONSTRAINT ck_account_held CHECK (held >= 0),
    CONSTRAINT ck_account_pending CHECK (pending >= 0),
    CONSTRAINT fk_account_program_id FOREIGN KEY(program_id) REFERENCES program (id)
)
 WITH (fillfactor = 60);

CREATE INDEX ix_account_next_expiry_at ON account (next_expiry_at) WHERE next_expiry_at IS NOT NULL;

CREATE TABLE api_key (
    name TEXT NOT NULL,
    key_hash BYTEA NOT NULL,
    hint TEXT NOT NULL,
    scopes JSONB NOT NULL,
    store_id UUID,
    revoked_at TIMESTAMP WITH TIME ZONE,
    id UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    program_id UUID NOT NULL,
    CONSTRAINT pk_api_key PRIMARY KEY (id),
    CONSTRAINT uq_api_key_program_id_id UNIQUE (program_id, id),
    CONSTRAINT uq_api_key_key_hash UNIQUE (key_hash),
    CONSTRAINT fk_api_key_program_id_store_id FOREIGN KEY(program_id, store_id) REFERENCES store (program_id, id),
    CONSTRAINT fk_api_key_program_id FOREIGN KEY(program_id) REFERENCES program (id)
);

CREATE TABLE reward (
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    purse_id UUID,
    price BIGINT NOT NULL,
    value JSONB NOT NULL,
    stock BIGINT,
    per_member BIGINT,
    valid_days BIGINT,
    min_tier TEXT,
    partner_id UUID,
    locales JSONB NOT NULL,
    status TEXT NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE,
    id UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    program_id UUID NOT NULL,
    CONSTRAINT pk_reward PRIMARY KEY (id),
    CONSTRAINT uq_reward_program_id_id UNIQUE (program_id, id),
    CONSTRAINT fk_reward_program_id_purse_id FOREIGN KEY(program_id, purse_id) REFERENCES purse (program_id, id),
    CONSTRAINT fk_reward_program_id_partner_id FOREIGN KEY(program_id, partner_id) REFERENCES partner (program_id, id),
    CONSTRAINT ck_reward_price CHECK (price >= 0),
    CONSTRAINT ck_reward_stock CHECK (stock IS NULL OR stock >= 0),
    CONSTRAINT ck_reward_status CHECK (status IN ('live', 'paused', 'archived')),
    CONSTRAINT fk_reward_program_id FOREIGN KEY(program_id) REFERENCES program (id)
);

CREATE TABLE staff_store (
    staff_id UUID NOT NULL,
    store_id UUID NOT NULL,
    program_id UUID NOT NULL,
    CONSTRAINT pk_staff_store PRIMARY KEY (staff_id, store_id),
    CONSTRAINT fk_staff_store_program_id_staff_id FOREIGN KEY(program_id, staff_id) REFERENCES staff (program_id, id),
    CONSTRAINT fk_staff_store_program_id_store_id FOREIGN KEY(program_id, store_id) REFERENCES store (program_id, id),
    CONSTRAINT fk_staff_store_program_id FOREIGN KEY(program_id) REFERENCES program (id)
);

CREATE TABLE debt (
    entry_id UUID NOT NULL,
    account_id UUID NOT NULL,
    amount BIGINT NOT NULL,
    remaining BIGINT NOT NULL,
    program_id UUID NOT NULL,
    CONSTRAINT pk_debt PRIMARY KEY (entry_id),
    CONSTRAINT fk_debt_program_id_account_id FOREIGN KEY(program_id, account_id) REFERENCES account (program_id, id),
    CONSTRAINT ck_debt_remaining CHECK (remaining >= 0 AND remaining <= amount),
    CONSTRAINT fk_debt_program_id FOREIGN KEY(program_id) REFERENCES program (id)
);

CREATE INDEX ix_debt_account_id_open ON debt (account_id, entry_id) WHERE remaining > 0;

CREATE TABLE entry (
    account_id UUID NOT NULL,
    sequence BIGINT NOT NULL,
    kind TEXT NOT NULL,
    amount BIGINT NOT NULL,
    balance_after BIGINT NOT NULL,
    occurred_at TIMESTAMP WITH TIME ZONE NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    activity_id UUID,
    rule_id UUID,
    rule_version_id UUID,
    partner_id UUID,
    store_id UUID,
    staff_id UUID,
    api_key_id UUID,
    reverses_entry_id UUID,
    transfer_id UUID,
    reason TEXT,
    steps JSONB,
    program_id UUID NOT NULL,
    id UUID NOT NULL,
    CONSTRAINT pk_entry PRIMARY KEY (program_id, id),
    CONSTRAINT fk_entry_program_id_account_id FOREIGN KEY(program_id, account_id) REFERENCES account (program_id, id),
    CONSTRAINT ck_entry_kind CHECK (kind IN ('earn', 'burn', 'expire', 'adjust', 'transfer', 'reverse')),
    CONSTRAINT ck_entry_amount CHECK (amount <> 0)
) PARTITION BY RANGE (id);

CREATE INDEX ix_entry_account_id_sequence ON entry (account_id, sequence);

CREATE INDEX ix_entry_activity_id ON entry (activity_id) WHERE activity_id IS NOT NULL;

CREATE TABLE hold (
    account_id UUID NOT NULL,
    amount BIGINT NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    state TEXT NOT NULL,
    store_id UUID,
    entry_id UUID,
    id UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    program_id UUID NOT NULL,
    CONSTRAINT pk_hold PRIMARY KEY (id),
    CONSTRAINT uq_hold_program_id_id UNIQUE (program_id, id),
    CONSTRAINT fk_hold_program_id_account_id FOREIGN KEY(program_id, account_id) REFERENCES account (program_id, id),
    CONSTRAINT ck_hold_state CHECK (state IN ('held', 'captured', 'voided', 'expired')),
    CONSTRAINT ck_hold_amount CHECK (amount > 0),
    CONSTRAINT fk_hold_program_id FOREIGN KEY(program_id) REFERENCES program (id)
);

CREATE INDEX ix_hold_account_id ON hold (account_id);

CREATE INDEX ix_hold_due ON hold (expires_at) WHERE state = 'held';

CREATE TABLE lot (
    account_id UUID NOT NULL,
    entry_id UUID NOT NULL,
    amount BIGINT NOT NULL,
    remaining BIGINT NOT NULL,
    available_from TIMESTAMP WITH TIME ZONE NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE,
    partner_id UUID,
    funded_cost BIGINT,
    program_id UUID NOT NULL,
    id UUID NOT NULL,
    CONSTRAINT pk_lot PRIMARY KEY (program_id, id),
    CONSTRAINT fk_lot_program_id_account_id FOREIGN KEY(program_id, account_id) REFERENCES account (program_id, id),
    CONSTRAINT ck_lot_remaining CHECK (remaining >= 0 AND remaining <= amount)
) PARTITION BY RANGE (id);

CREATE INDEX ix_lot_account_id_open ON lot (account_id, expires_at, id) WHERE remaining > 0;

CREATE INDEX ix_lot_entry_id ON lot (entry_id);

CREATE TABLE pending_grant (
    account_id UUID NOT NULL,
    activity_id UUID NOT NULL,
    amount BIGINT NOT NULL,
    occurred_at TIMESTAMP WITH TIME ZONE NOT NULL,
    confirms_at TIMESTAMP WITH TIME ZONE,
    state TEXT NOT NULL,
    cancelled BIGINT NOT NULL,
    entry_id UUID,
    rule_id UUID,
    rule_version_id UUID,
    partner_id UUID,
    store_id UUID,
    steps JSONB,
    id UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    program_id UUID NOT NULL,
    CONSTRAINT pk_pending_grant PRIMARY KEY (id),
    CONSTRAINT fk_pending_grant_program_id_account_id FOREIGN KEY(program_id, account_id) REFERENCES account (program_id, id),
    CONSTRAINT ck_pending_grant_state CHECK (state IN ('pending', 'confirmed', 'cancelled')),
    CONSTRAINT ck_pending_grant_cancelled CHECK (cancelled >= 0 AND cancelled <= amount),
    CONSTRAINT fk_pending_grant_program_id FOREIGN KEY(program_id) REFERENCES program (id)
);

CREATE INDEX ix_pending_grant_account_id ON pending_grant (account_id);

CREATE INDEX ix_pending_grant_activity_id ON pending_grant (activity_id);

CREATE INDEX ix_pending_grant_due ON pending_grant (confirms_at) WHERE state = 'pending';

CREATE TABLE voucher (
    member_id UUID NOT NULL,
    reward_id UUID NOT NULL,
    name TEXT NOT NULL,
    code_hash BYTEA NOT NULL,
    code_sealed BYTEA NOT NULL,
    issued_at TIMESTAMP WITH TIME ZONE NOT NULL,
    status TEXT NOT NULL,
    valid_until TIMESTAMP WITH TIME ZONE,
    activity_id UUID,
    entry_id UUID,
    used_at TIMESTAMP WITH TIME ZONE,
    used_store_id UUID,
    used_staff_id UUID,
    used_api_key_id UUID,
    void_reason TEXT,
    id UUID NOT NULL,
    program_id UUID NOT NULL,
    CONSTRAINT pk_voucher PRIMARY KEY (id),
    CONSTRAINT uq_voucher_program_id_id UNIQUE (program_id, id),
    CONSTRAINT uq_voucher_program_id_code_hash UNIQUE (program_id, code_hash),
    CONSTRAINT fk_voucher_program_id_member_id FOREIGN KEY(program_id, member_id) REFERENCES member (program_id, id),
    CONSTRAINT fk_voucher_program_id_reward_id FOREIGN KEY(program_id, reward_id) REFERENCES reward (program_id, id),
    CONSTRAINT ck_voucher_status CHECK (status IN ('issued', 'used', 'expired', 'void')),
    CONSTRAINT fk_voucher_program_id FOREIGN KEY(program_id) REFERENCES program (id)
);

CREATE INDEX ix_voucher_activity_id ON voucher (activity_id) WHERE activity_id IS NOT NULL;

CREATE INDEX ix_voucher_due ON voucher (valid_until) WHERE status = 'issued';

CREATE INDEX ix_voucher_program_id_member_id_id ON voucher (program_id, member_id, id);

ALTER TABLE purse ADD CONSTRAINT fk_purse_program_id_reward_id FOREIGN KEY(program_id, reward_id) REFERENCES reward (program_id, id);
