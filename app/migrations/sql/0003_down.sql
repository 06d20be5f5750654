DROP FUNCTION customers_cards(uuid[], timestamptz);
DROP FUNCTION balance_left(uuid, uuid, uuid, bigint, bigint, timestamptz);
