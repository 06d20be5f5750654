-- Reports of large campaigns, counted and kept: see app/models/report.py.
CREATE TABLE campaign_report (
    program_id UUID NOT NULL,
    subject_id UUID NOT NULL,
    campaign_id UUID NOT NULL,
    counted_at TIMESTAMP WITH TIME ZONE NOT NULL,
    asked_at TIMESTAMP WITH TIME ZONE NOT NULL,
    stale_at TIMESTAMP WITH TIME ZONE NOT NULL,
    document JSONB NOT NULL,
    CONSTRAINT pk_campaign_report PRIMARY KEY (program_id, subject_id),
    CONSTRAINT fk_campaign_report_program_id FOREIGN KEY (program_id) REFERENCES program (id),
    CONSTRAINT fk_campaign_report_program_id_campaign_id FOREIGN KEY (program_id, campaign_id)
        REFERENCES campaign (program_id, id)
);

CREATE INDEX ix_campaign_report_stale_at ON campaign_report (stale_at);

ALTER TABLE campaign_report ENABLE ROW LEVEL SECURITY;
ALTER TABLE campaign_report FORCE ROW LEVEL SECURITY;
CREATE POLICY door ON campaign_report TO {door} USING (true);
CREATE POLICY worker ON campaign_report TO {worker} USING (true);
CREATE POLICY tenant ON campaign_report TO {web} USING (program_id = current_program());
GRANT SELECT, INSERT, UPDATE ON campaign_report TO {web}, {worker};
