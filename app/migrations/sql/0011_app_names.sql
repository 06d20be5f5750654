-- Campaigns call members by the name that they gave in the app, where the programme knows none of its own. A preview says
-- what they will read: of members of the request's own programme only, as `member_app_locale` does of their language.
CREATE FUNCTION member_app_names(customer uuid) RETURNS TABLE (first_name text, last_name text)
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER ROWS 1 SET search_path FROM CURRENT AS $$
BEGIN
    RETURN QUERY
        SELECT c.first_name, c.last_name FROM member m JOIN customer c ON c.id = m.customer_id
        WHERE m.program_id = current_program() AND m.customer_id = customer;
END $$;

GRANT CREATE ON SCHEMA {schema} TO {door};
ALTER FUNCTION member_app_names(uuid) OWNER TO {door};
REVOKE CREATE ON SCHEMA {schema} FROM {door};
REVOKE EXECUTE ON FUNCTION member_app_names(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION member_app_names(uuid) TO {web};
