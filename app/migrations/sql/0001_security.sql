-- Three roles beside the owner: {web} serves requests and may touch one program at a time; {worker} finds work
-- across programs and reads everything; {door} signs nobody in and owns the few functions that must look across
-- programs before a program is known. Row-level security is forced, so that the owner is held by it too.

-- Who the transaction works for, set by the session for its transaction only; absent, nothing is visible.
CREATE FUNCTION current_program() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT nullif(current_setting('assidu.program_id', true), '')::uuid
$$;

CREATE FUNCTION current_customer() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT nullif(current_setting('assidu.customer_id', true), '')::uuid
$$;

GRANT USAGE ON SCHEMA {schema} TO {web}, {worker}, {door};

DO $$
DECLARE
    tenant_table text;
BEGIN
    FOR tenant_table IN
        SELECT c.relname FROM pg_class c
        WHERE c.relnamespace = '{schema}'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
          AND c.relname <> 'alembic_version'
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', tenant_table);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', tenant_table);
        EXECUTE format('CREATE POLICY door ON %I TO {door} USING (true)', tenant_table);
        EXECUTE format('CREATE POLICY worker ON %I TO {worker} USING (true)', tenant_table);
        EXECUTE format('GRANT SELECT ON %I TO {worker}', tenant_table);
        IF EXISTS (
            SELECT FROM pg_attribute a
            WHERE a.attrelid = tenant_table::regclass AND a.attname = 'program_id' AND NOT a.attisdropped
        ) THEN
            EXECUTE format(
                'CREATE POLICY tenant ON %I TO {web} USING (program_id = current_program())', tenant_table
            );
            EXECUTE format('GRANT SELECT, INSERT ON %I TO {web}', tenant_table);
        END IF;
    END LOOP;
END $$;

CREATE POLICY tenant ON program TO {web} USING (id = current_program());
CREATE POLICY own ON customer TO {web} USING (id = current_customer());
CREATE POLICY own ON customer_session TO {web} USING (customer_id = current_customer());
CREATE POLICY own ON device TO {web} USING (customer_id = current_customer());
CREATE POLICY own ON customer_code TO {web}
    USING (contact_hash = decode(current_setting('assidu.contact_hash', true), 'hex'));

GRANT SELECT, INSERT, UPDATE ON program, customer, customer_session, device, customer_code TO {web};
GRANT DELETE ON device TO {web};

-- What may change. Nothing here lets an entry, an activity, a rule's version or the audit log change, and no parent
-- of a ledger row can be deleted.
GRANT UPDATE ON partner, store, staff, staff_session, api_key, member, card, purse, account, lot, debt, pending_grant, hold,
    rule, rule_usage, reward, voucher, delivery, event, idempotency_key TO {web};
GRANT DELETE ON staff_store, code_use, idempotency_key TO {web};
GRANT UPDATE ON event, delivery, idempotency_key TO {worker};
GRANT DELETE ON idempotency_key, code_use, attempt, customer_code, customer_session, staff_session TO {worker};

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON entry FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON activity FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON allocation FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON rule_version FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON audit_entry FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON consent FOR EACH ROW EXECUTE FUNCTION refuse_change();
