-- Whether a customer has a mailbox, asked by a request about its own programme's members alone. No address leaves.
CREATE FUNCTION member_has_mailbox(customer uuid) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER COST 500 SET search_path FROM CURRENT AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM member m JOIN customer c ON c.id = m.customer_id
        WHERE m.program_id = current_program() AND m.customer_id = customer AND c.email IS NOT NULL
    );
END $$;

-- The same of all members at once, for counting.
CREATE FUNCTION customers_with_mailbox() RETURNS SETOF uuid
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER ROWS 10000 SET search_path FROM CURRENT AS $$
BEGIN
    RETURN QUERY
        SELECT c.id FROM member m JOIN customer c ON c.id = m.customer_id
        WHERE m.program_id = current_program() AND c.email IS NOT NULL;
END $$;

GRANT CREATE ON SCHEMA {schema} TO {door};
ALTER FUNCTION member_has_mailbox(uuid) OWNER TO {door};
ALTER FUNCTION customers_with_mailbox() OWNER TO {door};
REVOKE CREATE ON SCHEMA {schema} FROM {door};
REVOKE EXECUTE ON FUNCTION member_has_mailbox(uuid), customers_with_mailbox() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION member_has_mailbox(uuid), customers_with_mailbox() TO {web}, {worker};
