-- Cards in the wallets of phones: whom we may speak for at Apple and Google, the passes that were handed out, the
-- devices that hold them, and which passes may have to change. Nothing here is written by a scan.

-- What a programme may sign and speak with. `sealed` holds keys and tokens; `facts` what anybody of the programme may read.
CREATE TABLE wallet_credential (
    id UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    program_id UUID NOT NULL,
    platform TEXT NOT NULL,
    sealed BYTEA NOT NULL,
    facts JSONB NOT NULL,
    status TEXT NOT NULL,
    CONSTRAINT pk_wallet_credential PRIMARY KEY (id),
    CONSTRAINT ck_wallet_credential_platform CHECK (platform IN ('apple', 'google')),
    CONSTRAINT ck_wallet_credential_status CHECK (status IN ('live', 'retired')),
    CONSTRAINT fk_wallet_credential_program_id FOREIGN KEY(program_id) REFERENCES program (id)
);

CREATE INDEX ix_wallet_credential_program_id_platform_id ON wallet_credential (program_id, platform, id);

-- One card, or one voucher, in one wallet. `pass_type_id` is Apple's pass type, or Google's issuer: with the serial it
-- names the pass to the whole world. `changed_at` has whole seconds, as HTTP's dates have, and grows by one at least with
-- each change; `revision` is the programme's counter at the last change, `pushed_revision` the one that its platform was
-- last told of, `handed_revision` the one that was last handed out to somebody.
CREATE TABLE pass (
    id UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    program_id UUID NOT NULL,
    card_id UUID NOT NULL,
    member_id UUID NOT NULL,
    voucher_id UUID,
    platform TEXT NOT NULL,
    pass_type_id TEXT NOT NULL,
    serial TEXT NOT NULL,
    token_sealed BYTEA,
    token_hash BYTEA,
    face_hash BYTEA,
    revision BIGINT NOT NULL,
    pushed_revision BIGINT DEFAULT 0 NOT NULL,
    handed_revision BIGINT DEFAULT 0 NOT NULL,
    changed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    state TEXT NOT NULL,
    google_inserted_at TIMESTAMP WITH TIME ZONE,
    saved_at TIMESTAMP WITH TIME ZONE,
    removed_at TIMESTAMP WITH TIME ZONE,
    last_push_at TIMESTAMP WITH TIME ZONE,
    last_fetch_at TIMESTAMP WITH TIME ZONE,
    last_error TEXT,
    notified_on DATE,
    notified_count SMALLINT NOT NULL,
    CONSTRAINT pk_pass PRIMARY KEY (id),
    CONSTRAINT uq_pass_program_id_id UNIQUE (program_id, id),
    CONSTRAINT uq_pass_pass_type_id_serial UNIQUE (pass_type_id, serial),
    CONSTRAINT ck_pass_platform CHECK (platform IN ('apple', 'google')),
    CONSTRAINT ck_pass_state CHECK (state IN ('active', 'voided', 'removed')),
    CONSTRAINT ck_pass_token CHECK (platform <> 'apple' OR (token_sealed IS NOT NULL AND token_hash IS NOT NULL)),
    CONSTRAINT ck_pass_changed_at CHECK (changed_at = date_trunc('second', changed_at, 'UTC')),
    CONSTRAINT fk_pass_program_id_card_id FOREIGN KEY(program_id, card_id) REFERENCES card (program_id, id),
    CONSTRAINT fk_pass_program_id_member_id FOREIGN KEY(program_id, member_id) REFERENCES member (program_id, id),
    CONSTRAINT fk_pass_program_id_voucher_id FOREIGN KEY(program_id, voucher_id) REFERENCES voucher (program_id, id),
    CONSTRAINT fk_pass_program_id FOREIGN KEY(program_id) REFERENCES program (id)
) WITH (fillfactor = 80);

CREATE UNIQUE INDEX uq_pass_card ON pass (program_id, platform, card_id) WHERE voucher_id IS NULL;
CREATE UNIQUE INDEX uq_pass_voucher ON pass (program_id, platform, voucher_id) WHERE voucher_id IS NOT NULL;
CREATE INDEX ix_pass_program_id_member_id ON pass (program_id, member_id);
CREATE INDEX ix_pass_program_id_card_id ON pass (program_id, card_id);

-- The programme's counter of changes. Who changes passes holds this row until it commits, so that no revision becomes
-- visible after a higher one, and a phone that asks "since 41" misses nothing. The rest says how far a change of the
-- programme's set-up (`program.config_version`) was taken to its passes.
CREATE TABLE pass_revision (
    program_id UUID NOT NULL,
    revision BIGINT NOT NULL,
    swept_version BIGINT DEFAULT 0 NOT NULL,
    sweep_version BIGINT,
    sweep_cursor UUID,
    sweep_due_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_pass_revision PRIMARY KEY (program_id),
    CONSTRAINT fk_pass_revision_program_id FOREIGN KEY(program_id) REFERENCES program (id)
);

-- A phone as Apple's Wallet names itself to us, and where to reach it.
CREATE TABLE pass_device (
    id UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    program_id UUID NOT NULL,
    library_id_hash BYTEA NOT NULL,
    push_token_sealed BYTEA NOT NULL,
    push_token_hash BYTEA NOT NULL,
    pass_type_id TEXT NOT NULL,
    last_seen_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_pass_device PRIMARY KEY (id),
    CONSTRAINT uq_pass_device_program_id_id UNIQUE (program_id, id),
    CONSTRAINT uq_pass_device_library_id_hash_pass_type_id_program_id UNIQUE (library_id_hash, pass_type_id, program_id),
    CONSTRAINT fk_pass_device_program_id FOREIGN KEY(program_id) REFERENCES program (id)
);

CREATE INDEX ix_pass_device_push_token_hash ON pass_device (push_token_hash);
CREATE INDEX ix_pass_device_program_id ON pass_device (program_id);

CREATE TABLE pass_registration (
    program_id UUID NOT NULL,
    device_id UUID NOT NULL,
    pass_id UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_pass_registration PRIMARY KEY (device_id, pass_id),
    CONSTRAINT fk_pass_registration_program_id_device_id FOREIGN KEY(program_id, device_id) REFERENCES pass_device (program_id, id),
    CONSTRAINT fk_pass_registration_program_id_pass_id FOREIGN KEY(program_id, pass_id) REFERENCES pass (program_id, id),
    CONSTRAINT fk_pass_registration_program_id FOREIGN KEY(program_id) REFERENCES program (id)
);

CREATE INDEX ix_pass_registration_pass_id ON pass_registration (pass_id);

-- "This pass's face may have changed": one row a pass, however often it is said. Who claims it puts its lease's end into
-- `due_at`; a mark that comes meanwhile raises `marks`, by which the claimer sees that it is not done. What one person
-- waits for has priority 0, a change of all the programme's passes 1. No foreign keys: they come by the thousand.
CREATE TABLE pass_update (
    pass_id UUID NOT NULL,
    program_id UUID NOT NULL,
    platform TEXT NOT NULL,
    priority SMALLINT DEFAULT 0 NOT NULL,
    due_at TIMESTAMP WITH TIME ZONE NOT NULL,
    attempts SMALLINT DEFAULT 0 NOT NULL,
    lease_owner UUID,
    reason TEXT NOT NULL,
    marks BIGINT DEFAULT 1 NOT NULL,
    marked_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_pass_update PRIMARY KEY (pass_id)
) WITH (fillfactor = 80);

CREATE INDEX ix_pass_update_platform_program_id_priority_due_at ON pass_update (platform, program_id, priority, due_at);

-- What a campaign said on a pass, in each language; the newest shows. `told_at` is when a platform that is told of each
-- message knew of it.
CREATE TABLE pass_message (
    id UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    program_id UUID NOT NULL,
    pass_id UUID NOT NULL,
    text JSONB NOT NULL,
    delivery_id UUID,
    told_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_pass_message PRIMARY KEY (id),
    CONSTRAINT fk_pass_message_program_id_pass_id FOREIGN KEY(program_id, pass_id) REFERENCES pass (program_id, id),
    CONSTRAINT fk_pass_message_program_id FOREIGN KEY(program_id) REFERENCES program (id)
);

CREATE INDEX ix_pass_message_program_id_pass_id_id ON pass_message (program_id, pass_id, id);
CREATE UNIQUE INDEX uq_pass_message_delivery_id ON pass_message (delivery_id, pass_id) WHERE delivery_id IS NOT NULL;

-- Links that hand out a pass once.
CREATE TABLE pass_link (
    token_hash BYTEA NOT NULL,
    program_id UUID NOT NULL,
    card_id UUID NOT NULL,
    platform TEXT NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    used_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_pass_link PRIMARY KEY (token_hash),
    CONSTRAINT ck_pass_link_platform CHECK (platform IN ('apple', 'google')),
    CONSTRAINT fk_pass_link_program_id_card_id FOREIGN KEY(program_id, card_id) REFERENCES card (program_id, id),
    CONSTRAINT fk_pass_link_program_id FOREIGN KEY(program_id) REFERENCES program (id)
);

CREATE INDEX ix_pass_link_expires_at ON pass_link (expires_at);

-- What phones complain of. They say it without saying who they are, so that most lines are no programme's.
CREATE TABLE pass_log (
    id UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    program_id UUID,
    line TEXT NOT NULL,
    CONSTRAINT pk_pass_log PRIMARY KEY (id),
    CONSTRAINT ck_pass_log_line CHECK (length(line) <= 500),
    CONSTRAINT fk_pass_log_program_id FOREIGN KEY(program_id) REFERENCES program (id)
);

CREATE INDEX ix_pass_log_program_id_id ON pass_log (program_id, id);

-- Google's callbacks that were heard already: Google may tell twice.
CREATE TABLE google_nonce (
    nonce TEXT NOT NULL,
    program_id UUID NOT NULL,
    seen_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_google_nonce PRIMARY KEY (program_id, nonce),
    CONSTRAINT fk_google_nonce_program_id FOREIGN KEY(program_id) REFERENCES program (id)
);

CREATE INDEX ix_google_nonce_seen_at ON google_nonce (seen_at);

DO $$
DECLARE
    tenant_table text;
BEGIN
    FOREACH tenant_table IN ARRAY ARRAY[
        'wallet_credential', 'pass', 'pass_revision', 'pass_device', 'pass_registration', 'pass_update', 'pass_message',
        'pass_link', 'pass_log', 'google_nonce'
    ] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', tenant_table);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', tenant_table);
        EXECUTE format('CREATE POLICY door ON %I TO {door} USING (true)', tenant_table);
        EXECUTE format('CREATE POLICY worker ON %I TO {worker} USING (true)', tenant_table);
        EXECUTE format('CREATE POLICY tenant ON %I TO {web} USING (program_id = current_program())', tenant_table);
        EXECUTE format('GRANT SELECT, INSERT ON %I TO {web}', tenant_table);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE ON %I TO {worker}', tenant_table);
    END LOOP;
END $$;

GRANT UPDATE ON wallet_credential, pass, pass_device, pass_registration, pass_update, pass_link TO {web};
GRANT DELETE ON wallet_credential, pass_device, pass_registration TO {web};
GRANT DELETE ON pass_device, pass_registration, pass_update, pass_message, pass_link, pass_log, google_nonce TO {worker};

-- Doors. A phone names a pass, a device or a link, never a programme. What they answer leads nowhere alone: whoever asks
-- for a pass has to show its token, and a device's id and a link's token are unguessable.

CREATE FUNCTION wallet_pass(of_type text, of_serial text)
RETURNS TABLE (program_id uuid, id uuid, token_hash bytea, platform text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
    SELECT p.program_id, p.id, p.token_hash, p.platform FROM pass p
    WHERE p.pass_type_id = of_type AND p.serial = of_serial AND p.state <> 'removed'
$$;

-- All passes of a type that a device is registered for, with their revisions, as one snapshot.
CREATE FUNCTION wallet_device_passes(of_type text, library_id_hash bytea)
RETURNS TABLE (program_id uuid, device_id uuid, serial text, revision bigint, last_seen_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
    SELECT d.program_id, d.id, p.serial, p.revision, d.last_seen_at
    FROM pass_device d
    JOIN pass_registration r ON r.device_id = d.id
    JOIN pass p ON p.program_id = d.program_id AND p.id = r.pass_id
    WHERE d.library_id_hash = wallet_device_passes.library_id_hash AND d.pass_type_id = of_type AND p.state <> 'removed'
    ORDER BY p.revision, p.id
$$;

CREATE FUNCTION wallet_link(hash bytea)
RETURNS TABLE (program_id uuid, card_id uuid, platform text, expires_at timestamptz, used_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
    SELECT l.program_id, l.card_id, l.platform, l.expires_at, l.used_at FROM pass_link l WHERE l.token_hash = hash
$$;

-- Write down what a phone complains of, and keep the newest lines of no programme.
CREATE FUNCTION note_pass_lines(lines text[], at_instant timestamptz, kept integer) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT AS $$
    DELETE FROM pass_log g WHERE g.program_id IS NULL AND g.id <= (
        SELECT o.id FROM pass_log o WHERE o.program_id IS NULL ORDER BY o.id DESC OFFSET kept LIMIT 1
    );
    INSERT INTO pass_log (id, created_at, program_id, line)
    SELECT delivery_id(at_instant, said.place, gen_random_uuid()::text), at_instant, NULL, left(said.line, 500)
    FROM unnest(lines) WITH ORDINALITY said (line, place)
$$;

GRANT SELECT ON pass, pass_device, pass_registration, pass_link TO {door};
GRANT SELECT, INSERT, DELETE ON pass_log TO {door};
GRANT CREATE ON SCHEMA {schema} TO {door};
DO $$
DECLARE
    door regprocedure;
BEGIN
    FOREACH door IN ARRAY ARRAY[
        'wallet_pass(text, text)', 'wallet_device_passes(text, bytea)', 'wallet_link(bytea)',
        'note_pass_lines(text[], timestamptz, integer)'
    ]::regprocedure[] LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO {door}', door);
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', door);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO {web}, {worker}', door);
    END LOOP;
END $$;
REVOKE CREATE ON SCHEMA {schema} FROM {door};
