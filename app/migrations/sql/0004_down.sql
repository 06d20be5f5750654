REVOKE DELETE ON event FROM {worker};
DROP TABLE webhook_delivery, webhook, push_credential, journey, member_contact, campaign_delivery, campaign_run, campaign,
    segment_member, segment;
ALTER TABLE program DROP COLUMN campaign_settings;
ALTER TABLE member DROP COLUMN fields;
ALTER TABLE member DROP COLUMN tags;
