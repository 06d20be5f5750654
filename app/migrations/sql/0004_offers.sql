-- Segments, campaigns and their deliveries, credentials of push projects, and webhooks. Time-limited locks: every change
-- to a table that stands is a new column with a constant default, which rewrites nothing.

ALTER TABLE member ADD COLUMN tags JSONB NOT NULL DEFAULT '[]';
ALTER TABLE member ADD COLUMN fields JSONB NOT NULL DEFAULT '{}';
-- When a mail server said that the member's mailbox is none.
ALTER TABLE member ADD COLUMN email_gone_at TIMESTAMP WITH TIME ZONE;
ALTER TABLE program ADD COLUMN campaign_settings JSONB NOT NULL DEFAULT '{}';

CREATE TABLE segment (
    id UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    program_id UUID NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    "where" JSONB,
    version BIGINT NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE,
    archived_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_segment PRIMARY KEY (id),
    CONSTRAINT uq_segment_program_id_id UNIQUE (program_id, id),
    CONSTRAINT ck_segment_kind CHECK (kind IN ('rule', 'list')),
    CONSTRAINT fk_segment_program_id FOREIGN KEY(program_id) REFERENCES program (id)
);

-- Who is on a static list.
CREATE TABLE segment_member (
    program_id UUID NOT NULL,
    segment_id UUID NOT NULL,
    member_id UUID NOT NULL,
    CONSTRAINT pk_segment_member PRIMARY KEY (segment_id, member_id),
    CONSTRAINT fk_segment_member_program_id_segment_id FOREIGN KEY(program_id, segment_id) REFERENCES segment (program_id, id),
    CONSTRAINT fk_segment_member_program_id_member_id FOREIGN KEY(program_id, member_id) REFERENCES member (program_id, id),
    CONSTRAINT fk_segment_member_program_id FOREIGN KEY(program_id) REFERENCES program (id)
);

CREATE INDEX ix_segment_member_program_id_member_id ON segment_member (program_id, member_id);

-- Who gets what, when, by which channels. `definition` is what the marketer wrote, checked; columns are what engines ask.
CREATE TABLE campaign (
    id UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    program_id UUID NOT NULL,
    name TEXT NOT NULL,
    status TEXT NOT NULL,
    kind TEXT NOT NULL,
    definition JSONB NOT NULL,
    version BIGINT NOT NULL,
    priority BIGINT NOT NULL,
    segment_id UUID,
    next_run_at TIMESTAMP WITH TIME ZONE,
    created_by UUID,
    scheduled_by UUID,
    approved_by UUID,
    approved_version BIGINT,
    authors JSONB DEFAULT '[]' NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_campaign PRIMARY KEY (id),
    CONSTRAINT uq_campaign_program_id_id UNIQUE (program_id, id),
    CONSTRAINT ck_campaign_status CHECK (status IN ('draft', 'awaiting_approval', 'scheduled', 'running', 'paused', 'finished', 'cancelled', 'archived')),
    CONSTRAINT ck_campaign_kind CHECK (kind IN ('once', 'recurring', 'triggered')),
    CONSTRAINT fk_campaign_program_id_segment_id FOREIGN KEY(program_id, segment_id) REFERENCES segment (program_id, id),
    CONSTRAINT fk_campaign_program_id FOREIGN KEY(program_id) REFERENCES program (id)
);

CREATE INDEX ix_campaign_next_run_at ON campaign (next_run_at) WHERE status IN ('scheduled', 'running') AND next_run_at IS NOT NULL;
CREATE INDEX ix_campaign_program_id_id ON campaign (program_id, id);
-- What triggers look for, seconds apart, over all programmes.
CREATE INDEX ix_campaign_listening ON campaign (id) WHERE kind = 'triggered' AND status = 'running';

-- One sending of a campaign: the definition as it was, how far its deliveries are made, and its state. A triggered
-- campaign has one run for each step of its journey, which stays.
CREATE TABLE campaign_run (
    id UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    program_id UUID NOT NULL,
    campaign_id UUID NOT NULL,
    state TEXT NOT NULL,
    starts_at TIMESTAMP WITH TIME ZONE NOT NULL,
    definition JSONB NOT NULL,
    cursor UUID,
    made_at TIMESTAMP WITH TIME ZONE,
    lease_owner UUID,
    lease_until TIMESTAMP WITH TIME ZONE,
    paced_until TIMESTAMP WITH TIME ZONE,
    winner TEXT,
    problem TEXT,
    finished_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_campaign_run PRIMARY KEY (id),
    CONSTRAINT uq_campaign_run_program_id_id UNIQUE (program_id, id),
    CONSTRAINT uq_campaign_run_campaign_id_starts_at UNIQUE (campaign_id, starts_at),
    CONSTRAINT ck_campaign_run_state CHECK (state IN ('making', 'running', 'paused', 'finished', 'cancelled')),
    CONSTRAINT fk_campaign_run_program_id_campaign_id FOREIGN KEY(program_id, campaign_id) REFERENCES campaign (program_id, id),
    CONSTRAINT fk_campaign_run_program_id FOREIGN KEY(program_id) REFERENCES program (id)
);

CREATE INDEX ix_campaign_run_open ON campaign_run (state, starts_at) WHERE state IN ('making', 'running', 'paused');

-- One message of a run to one member by one channel; also who was held out, so that a report adds up to the audience.
-- Made by the million: no foreign keys, few indexes. `assidu verify` looks for orphans.
CREATE TABLE campaign_delivery (
    id UUID NOT NULL,
    program_id UUID NOT NULL,
    run_id UUID NOT NULL,
    campaign_id UUID NOT NULL,
    member_id UUID NOT NULL,
    channel TEXT NOT NULL,
    variant TEXT,
    state TEXT NOT NULL,
    reason TEXT,
    due_at TIMESTAMP WITH TIME ZONE NOT NULL,
    attempts SMALLINT NOT NULL,
    round SMALLINT DEFAULT 0 NOT NULL,
    lease_owner UUID,
    lease_until TIMESTAMP WITH TIME ZONE,
    event_id UUID,
    provider_id TEXT,
    sent_at TIMESTAMP WITH TIME ZONE,
    opened_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_campaign_delivery PRIMARY KEY (id),
    CONSTRAINT uq_campaign_delivery_run_id_member_id_channel_round UNIQUE (run_id, member_id, channel, round),
    CONSTRAINT ck_campaign_delivery_state CHECK (state IN ('queued', 'sent', 'opened', 'failed', 'skipped', 'unknown', 'held_out', 'cancelled'))
) WITH (fillfactor = 80);

CREATE INDEX ix_campaign_delivery_due ON campaign_delivery (run_id, channel, due_at, id) WHERE state = 'queued';
CREATE INDEX ix_campaign_delivery_program_id_member_id_id ON campaign_delivery (program_id, member_id, id);
-- What a marketer lists and counts: one campaign's rows, of one state, newest first. Rows of a state lie together, so
-- that the few that failed are found among a million that did not.
CREATE INDEX ix_campaign_delivery_campaign_id_state_id ON campaign_delivery (campaign_id, state, id);

-- When a member was last written to by a channel, as many instants as the strictest cap needs: a cap holds whichever
-- campaigns claim at once, since they take turns on this row.
CREATE TABLE member_contact (
    program_id UUID NOT NULL,
    member_id UUID NOT NULL,
    channel TEXT NOT NULL,
    times JSONB NOT NULL,
    CONSTRAINT pk_member_contact PRIMARY KEY (program_id, member_id, channel),
    CONSTRAINT fk_member_contact_program_id FOREIGN KEY(program_id) REFERENCES program (id)
);

-- A member on the way through a triggered campaign: what began it, and the step that is due next.
CREATE TABLE journey (
    id UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    program_id UUID NOT NULL,
    campaign_id UUID NOT NULL,
    member_id UUID NOT NULL,
    cause TEXT NOT NULL,
    step BIGINT NOT NULL,
    round SMALLINT NOT NULL,
    due_at TIMESTAMP WITH TIME ZONE NOT NULL,
    lease_until TIMESTAMP WITH TIME ZONE,
    ended_at TIMESTAMP WITH TIME ZONE,
    reason TEXT,
    CONSTRAINT pk_journey PRIMARY KEY (id),
    CONSTRAINT uq_journey_campaign_id_member_id_cause UNIQUE (campaign_id, member_id, cause),
    CONSTRAINT fk_journey_program_id_campaign_id FOREIGN KEY(program_id, campaign_id) REFERENCES campaign (program_id, id),
    CONSTRAINT fk_journey_program_id FOREIGN KEY(program_id) REFERENCES program (id)
);

CREATE INDEX ix_journey_due ON journey (due_at) WHERE ended_at IS NULL;
-- A member is on the way through a campaign once at a time, whatever begins it meanwhile.
CREATE UNIQUE INDEX uq_journey_open ON journey (campaign_id, member_id) WHERE ended_at IS NULL;
CREATE INDEX ix_journey_program_id_member_id ON journey (program_id, member_id);

-- A programme's own Firebase project: the service account, sealed.
CREATE TABLE push_credential (
    program_id UUID NOT NULL,
    project TEXT NOT NULL,
    client_email TEXT NOT NULL,
    sealed BYTEA NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_push_credential PRIMARY KEY (program_id),
    CONSTRAINT fk_push_credential_program_id FOREIGN KEY(program_id) REFERENCES program (id)
);

CREATE TABLE webhook (
    id UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    program_id UUID NOT NULL,
    url TEXT NOT NULL,
    kinds JSONB NOT NULL,
    status TEXT NOT NULL,
    secrets_sealed BYTEA NOT NULL,
    description TEXT,
    disabled_reason TEXT,
    failing_since TIMESTAMP WITH TIME ZONE,
    updated_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_webhook PRIMARY KEY (id),
    CONSTRAINT uq_webhook_program_id_id UNIQUE (program_id, id),
    CONSTRAINT ck_webhook_status CHECK (status IN ('live', 'disabled', 'archived')),
    CONSTRAINT fk_webhook_program_id FOREIGN KEY(program_id) REFERENCES program (id)
);

-- One event to one webhook, with every attempt's outcome in `attempts_log`.
CREATE TABLE webhook_delivery (
    id UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    program_id UUID NOT NULL,
    webhook_id UUID NOT NULL,
    event_id UUID NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    state TEXT NOT NULL,
    due_at TIMESTAMP WITH TIME ZONE NOT NULL,
    attempts BIGINT NOT NULL,
    attempts_log JSONB NOT NULL,
    lease_owner UUID,
    finished_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_webhook_delivery PRIMARY KEY (id),
    CONSTRAINT uq_webhook_delivery_webhook_id_event_id UNIQUE (webhook_id, event_id),
    CONSTRAINT ck_webhook_delivery_state CHECK (state IN ('queued', 'sending', 'delivered', 'failed')),
    CONSTRAINT fk_webhook_delivery_program_id_webhook_id FOREIGN KEY(program_id, webhook_id) REFERENCES webhook (program_id, id),
    CONSTRAINT fk_webhook_delivery_program_id FOREIGN KEY(program_id) REFERENCES program (id)
);

CREATE INDEX ix_webhook_delivery_due ON webhook_delivery (webhook_id, due_at) WHERE state IN ('queued', 'sending');
CREATE INDEX ix_webhook_delivery_program_id_webhook_id_id ON webhook_delivery (program_id, webhook_id, id);

DO $$
DECLARE
    tenant_table text;
BEGIN
    FOREACH tenant_table IN ARRAY ARRAY[
        'segment', 'segment_member', 'campaign', 'campaign_run', 'campaign_delivery', 'member_contact', 'journey',
        'push_credential', 'webhook', 'webhook_delivery'
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

GRANT UPDATE ON segment, campaign, campaign_run, campaign_delivery, member_contact, journey, push_credential, webhook,
    webhook_delivery TO {web};
GRANT DELETE ON segment_member, push_credential TO {web};
GRANT DELETE ON campaign_delivery, webhook_delivery, journey, event TO {worker};

-- The law by which a campaign's members are split, `app/offers/splitting.py` in SQL: 32 bits of a hash, of which `part`
-- says which.
CREATE FUNCTION split_number(campaign uuid, member uuid, part integer) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT ('x' || substr(
        md5(replace(campaign::text, '-', '') || replace(member::text, '-', '')), 8 * part + 1, 8
    ))::bit(32)::bigint
$$;

-- An id of version 7 (RFC 9562 §5.7) from an instant, a place among the rows that are made together, and a hash: rows
-- made together lie together in every index.
CREATE FUNCTION delivery_id(made_at timestamptz, place bigint, seed text) RETURNS uuid
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT (
        lpad(to_hex((extract(epoch FROM made_at) * 1000)::bigint), 12, '0')
        || '7' || lpad(to_hex(place & 4095), 3, '0') || '8' || substr(md5(seed), 1, 15)
    )::uuid
$$;

-- An instant as text that sorts as instants do.
CREATE FUNCTION contact_stamp(at timestamptz) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
$$;

-- Note that members are written to by a channel, unless a cap forbids it; return those who may be. A cap is so many
-- messages in so many seconds. A delivery that holds a place keeps it, however often it asks; rows are locked in the
-- order of members, so that campaigns that ask at once take turns.
CREATE FUNCTION reserve_contacts(
    program uuid, by_channel text, members uuid[], deliveries uuid[], at timestamptz,
    caps_messages integer[], caps_seconds integer[], kept_seconds integer
) RETURNS SETOF uuid
LANGUAGE sql AS $$
    INSERT INTO member_contact AS c (program_id, member_id, channel, times)
    SELECT program, asked.member, by_channel, jsonb_build_array(contact_stamp(at) || ' ' || asked.delivery)
    FROM unnest(members, deliveries) asked (member, delivery)
    ORDER BY asked.member
    ON CONFLICT (program_id, member_id, channel) DO UPDATE SET times = (
        SELECT coalesce(jsonb_agg(t.one ORDER BY t.one), '[]') || excluded.times
        FROM jsonb_array_elements_text(c.times) t (one)
        WHERE t.one > contact_stamp(at - make_interval(secs => kept_seconds))
          AND split_part(t.one, ' ', 2) <> split_part(excluded.times ->> 0, ' ', 2)
    )
    WHERE NOT EXISTS (
        SELECT FROM unnest(caps_messages, caps_seconds) cap (messages, seconds)
        WHERE cap.messages <= (
            SELECT count(*) FROM jsonb_array_elements_text(c.times) t (one)
            WHERE t.one > contact_stamp(at - make_interval(secs => cap.seconds))
              AND split_part(t.one, ' ', 2) <> split_part(excluded.times ->> 0, ' ', 2)
        )
    )
    RETURNING c.member_id
$$;

-- Give back places that deliveries held and did not use.
CREATE FUNCTION release_contacts(program uuid, by_channel text, members uuid[], deliveries uuid[]) RETURNS void
LANGUAGE sql AS $$
    WITH held AS (
        SELECT c.member_id, asked.delivery
        FROM unnest(members, deliveries) asked (member, delivery)
        JOIN member_contact c ON c.program_id = program AND c.member_id = asked.member AND c.channel = by_channel
        ORDER BY c.member_id FOR UPDATE OF c
    )
    UPDATE member_contact c SET times = (
        SELECT coalesce(jsonb_agg(t.one ORDER BY t.one), '[]')
        FROM jsonb_array_elements_text(c.times) t (one)
        WHERE split_part(t.one, ' ', 2) <> held.delivery::text
    )
    FROM held WHERE c.program_id = program AND c.member_id = held.member_id AND c.channel = by_channel
$$;

-- A customer's messages over all programmes, newest first: those of events, and those of campaigns, which have no text
-- yet: `content` is what the campaign says, `names` what it may name.
CREATE FUNCTION my_messages(customer uuid, before uuid, rows_max integer)
RETURNS TABLE (
    program_id uuid, program_name text, id uuid, kind text, title text, body text, data jsonb,
    sent_at timestamptz, opened_at timestamptz, campaign_id uuid, content jsonb, locales text[], names jsonb
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
    SELECT m.program_id, p.name, d.id, d.kind, d.title, d.body, d.data, d.sent_at, d.opened_at, d.campaign_id,
        (
            SELECT said.one -> 'content'
            FROM campaign_run r,
                jsonb_path_query(r.definition, '$.variants[*]') WITH ORDINALITY said (one, place)
            WHERE r.id = d.run_id AND (d.variant IS NULL OR said.one ->> 'name' = d.variant)
            ORDER BY said.place LIMIT 1
        ),
        ARRAY[m.locale, k.locale, p.locale],
        jsonb_build_object(
            'program', p.name, 'currency', p.currency, 'first_name', coalesce(m.first_name, k.first_name),
            'last_name', coalesce(m.last_name, k.last_name),
            'reward', (
                SELECT w.name FROM campaign_run r
                JOIN reward w ON w.program_id = r.program_id AND 'rwd_' || replace(w.id::text, '-', '') = r.definition ->> 'reward_id'
                WHERE r.id = d.run_id
            ),
            'card_number', (
                SELECT c.number FROM card c
                WHERE d.run_id IS NOT NULL AND c.program_id = m.program_id AND c.member_id = m.id AND c.status = 'active'
                ORDER BY c.id DESC LIMIT 1
            )
        ) || coalesce((
            SELECT jsonb_object_agg(held.kind, held.balance)
            FROM (
                SELECT DISTINCT ON (u.kind) u.kind, a.balance
                FROM account a JOIN purse u ON u.program_id = a.program_id AND u.id = a.purse_id
                WHERE d.run_id IS NOT NULL AND a.program_id = m.program_id AND a.member_id = m.id
                  AND u.archived_at IS NULL
                ORDER BY u.kind, u.id
            ) held
        ), '{}')
    FROM member m
    JOIN program p ON p.id = m.program_id
    JOIN customer k ON k.id = m.customer_id
    CROSS JOIN LATERAL (
        (
            SELECT o.id, o.kind, o.title, o.body, o.data, coalesce(o.sent_at, o.due_at), o.opened_at, NULL::uuid, NULL::uuid,
                NULL::text
            FROM delivery o
            WHERE o.program_id = m.program_id AND o.member_id = m.id AND o.channel = 'inbox'
              AND o.state IN ('sent', 'opened') AND (before IS NULL OR o.id < before)
            ORDER BY o.id DESC LIMIT rows_max
        ) UNION ALL (
            SELECT o.id, 'campaign', '', '', '{}', coalesce(o.sent_at, o.due_at), o.opened_at, o.campaign_id, o.run_id,
                o.variant
            FROM campaign_delivery o
            WHERE o.program_id = m.program_id AND o.member_id = m.id AND o.channel = 'inbox'
              AND o.state IN ('sent', 'opened') AND (before IS NULL OR o.id < before)
            ORDER BY o.id DESC LIMIT rows_max
        )
    ) d (id, kind, title, body, data, sent_at, opened_at, campaign_id, run_id, variant)
    WHERE m.customer_id = customer
    ORDER BY d.id DESC LIMIT rows_max
$$;

-- Which programme a message to this customer is of, and whether a campaign's; nothing for anybody else's.
CREATE FUNCTION my_message(customer uuid, message_id uuid) RETURNS TABLE (program_id uuid, of_campaign boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
    SELECT d.program_id, d.of_campaign
    FROM (
        SELECT o.program_id, o.member_id, false FROM delivery o WHERE o.id = message_id
        UNION ALL
        SELECT o.program_id, o.member_id, true FROM campaign_delivery o
        WHERE o.id = message_id AND o.state IN ('sent', 'opened', 'unknown', 'queued')
    ) d (program_id, member_id, of_campaign)
    JOIN member m ON m.program_id = d.program_id AND m.id = d.member_id
    WHERE m.customer_id = customer
$$;

GRANT SELECT ON campaign_delivery, campaign_run, reward TO {door};
GRANT CREATE ON SCHEMA {schema} TO {door};
DO $$
DECLARE
    door regprocedure;
BEGIN
    FOREACH door IN ARRAY ARRAY['my_messages(uuid, uuid, integer)', 'my_message(uuid, uuid)']::regprocedure[] LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO {door}', door);
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', door);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO {web}, {worker}', door);
    END LOOP;
END $$;
REVOKE CREATE ON SCHEMA {schema} FROM {door};

-- Devices and customers are no programme's, so a request asks these doors about its own programme's members alone:
-- whether the app was heard of, and which language it speaks. No address leaves.
CREATE FUNCTION member_has_device(customer uuid, platforms text[], since timestamptz) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER COST 500 SET search_path FROM CURRENT AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM member m JOIN device d ON d.customer_id = m.customer_id
        WHERE m.program_id = current_program() AND m.customer_id = customer AND d.last_contact_at >= since
          AND (platforms IS NULL OR d.platform = ANY (platforms))
    );
END $$;

-- The same of all members at once, for counting.
CREATE FUNCTION customers_with_device(platforms text[], since timestamptz) RETURNS SETOF uuid
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER ROWS 10000 SET search_path FROM CURRENT AS $$
BEGIN
    RETURN QUERY
        SELECT m.customer_id FROM member m
        WHERE m.program_id = current_program() AND EXISTS (
            SELECT FROM device d
            WHERE d.customer_id = m.customer_id AND d.last_contact_at >= since
              AND (platforms IS NULL OR d.platform = ANY (platforms))
        );
END $$;

CREATE FUNCTION member_app_locale(customer uuid) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER COST 500 SET search_path FROM CURRENT AS $$
BEGIN
    RETURN (
        SELECT c.locale FROM member m JOIN customer c ON c.id = m.customer_id
        WHERE m.program_id = current_program() AND m.customer_id = customer
    );
END $$;

CREATE FUNCTION customers_locales() RETURNS TABLE (customer uuid, locale text)
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER ROWS 10000 SET search_path FROM CURRENT AS $$
BEGIN
    RETURN QUERY
        SELECT c.id, c.locale FROM member m JOIN customer c ON c.id = m.customer_id
        WHERE m.program_id = current_program();
END $$;

GRANT CREATE ON SCHEMA {schema} TO {door};
ALTER FUNCTION customers_locales() OWNER TO {door};
ALTER FUNCTION member_has_device(uuid, text[], timestamptz) OWNER TO {door};
ALTER FUNCTION customers_with_device(text[], timestamptz) OWNER TO {door};
ALTER FUNCTION member_app_locale(uuid) OWNER TO {door};
REVOKE CREATE ON SCHEMA {schema} FROM {door};
REVOKE EXECUTE ON FUNCTION member_has_device(uuid, text[], timestamptz), customers_with_device(text[], timestamptz),
    member_app_locale(uuid), customers_locales() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION member_has_device(uuid, text[], timestamptz), customers_with_device(text[], timestamptz),
    member_app_locale(uuid), customers_locales() TO {web}, {worker};

-- Mails of the installation itself to one person, a one-time code say: sealed while they wait, emptied once they went.
-- A request writes them and cannot read them.
CREATE TABLE letter (
    id UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    kind TEXT NOT NULL,
    sealed BYTEA NOT NULL,
    state TEXT NOT NULL,
    due_at TIMESTAMP WITH TIME ZONE NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    attempts BIGINT NOT NULL,
    lease_owner UUID,
    reason TEXT,
    CONSTRAINT pk_letter PRIMARY KEY (id),
    CONSTRAINT ck_letter_state CHECK (state IN ('queued', 'sending', 'sent', 'failed', 'unknown'))
);

CREATE INDEX ix_letter_due ON letter (due_at) WHERE state IN ('queued', 'sending');

ALTER TABLE letter ENABLE ROW LEVEL SECURITY;
ALTER TABLE letter FORCE ROW LEVEL SECURITY;
CREATE POLICY post ON letter FOR INSERT TO {web} WITH CHECK (true);
CREATE POLICY worker ON letter TO {worker} USING (true);
GRANT INSERT ON letter TO {web};
GRANT SELECT, UPDATE, DELETE ON letter TO {worker};

-- Addresses of phones that nobody heard of for so long that they lead nowhere.
GRANT DELETE ON device TO {worker};
