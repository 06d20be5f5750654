-- Segments, campaigns and their deliveries, credentials of push projects, and webhooks. Time-limited locks: every change
-- to a table that stands is a new column with a constant default, which rewrites nothing.

ALTER TABLE member ADD COLUMN tags JSONB NOT NULL DEFAULT '[]';
ALTER TABLE member ADD COLUMN fields JSONB NOT NULL DEFAULT '{}';
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

-- One sending of a campaign: the definition as it was, how far its deliveries are made, and its state. A triggered
-- campaign has one run, which stays.
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
-- Made by the million: no foreign keys, three indexes. `assidu verify` looks for orphans.
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
    lease_owner UUID,
    event_id UUID,
    provider_id TEXT,
    sent_at TIMESTAMP WITH TIME ZONE,
    opened_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_campaign_delivery PRIMARY KEY (id),
    CONSTRAINT uq_campaign_delivery_run_id_member_id_channel UNIQUE (run_id, member_id, channel),
    CONSTRAINT ck_campaign_delivery_state CHECK (state IN ('queued', 'sending', 'sent', 'opened', 'failed', 'skipped', 'unknown', 'held_out', 'cancelled'))
) WITH (fillfactor = 80);

CREATE INDEX ix_campaign_delivery_due ON campaign_delivery (run_id, due_at) WHERE state IN ('queued', 'sending');
CREATE INDEX ix_campaign_delivery_program_id_member_id_id ON campaign_delivery (program_id, member_id, id);

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

CREATE INDEX ix_webhook_delivery_due ON webhook_delivery (due_at) WHERE state IN ('queued', 'sending');
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
