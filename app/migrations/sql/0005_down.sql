DROP FUNCTION note_pass_lines(text[], timestamptz, integer);
DROP FUNCTION wallet_link(bytea);
DROP FUNCTION wallet_device_passes(text, bytea);
DROP FUNCTION wallet_pass(text, text);
DROP TABLE google_nonce, pass_log, pass_link, pass_message, pass_update, pass_registration, pass_device, pass_revision,
    pass, wallet_credential;
