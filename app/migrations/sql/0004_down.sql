REVOKE DELETE ON device FROM {worker};
DROP TABLE letter;
DROP FUNCTION member_app_locale(uuid);
DROP FUNCTION customers_with_device(text[], timestamptz);
DROP FUNCTION member_has_device(uuid, text[], timestamptz);
DROP FUNCTION my_message(uuid, uuid);
DROP FUNCTION my_messages(uuid, uuid, integer);
DROP FUNCTION release_contacts(uuid, text, uuid[], uuid[]);
DROP FUNCTION reserve_contacts(uuid, text, uuid[], uuid[], timestamptz, integer[], integer[], integer);
DROP FUNCTION contact_stamp(timestamptz);
DROP FUNCTION delivery_id(timestamptz, bigint, text);
DROP FUNCTION split_number(uuid, uuid, integer);
REVOKE DELETE ON event FROM {worker};
DROP TABLE webhook_delivery, webhook, push_credential, journey, member_contact, campaign_delivery, campaign_run, campaign,
    segment_member, segment;
ALTER TABLE program DROP COLUMN campaign_settings;
ALTER TABLE member DROP COLUMN email_gone_at;
ALTER TABLE member DROP COLUMN fields;
ALTER TABLE member DROP COLUMN tags;
