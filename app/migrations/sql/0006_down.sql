DROP FUNCTION customers_with_mailbox();
DROP FUNCTION member_has_mailbox(uuid);
