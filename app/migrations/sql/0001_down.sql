-- Back to an empty schema, for tests of going down and up again; an operator restores a backup instead.

DO $$
DECLARE
    thing record;
BEGIN
    FOR thing IN
        SELECT format('DROP TABLE IF EXISTS %I CASCADE', c.relname) AS command FROM pg_class c
        WHERE c.relnamespace = '{schema}'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
          AND c.relname <> 'alembic_version'
    LOOP
        EXECUTE thing.command;
    END LOOP;
    FOR thing IN
        SELECT format('DROP FUNCTION IF EXISTS %s CASCADE', p.oid::regprocedure) AS command FROM pg_proc p
        WHERE p.pronamespace = '{schema}'::regnamespace
    LOOP
        EXECUTE thing.command;
    END LOOP;
    FOR thing IN
        SELECT format('DROP TYPE IF EXISTS %I CASCADE', t.typname) AS command FROM pg_type t
        WHERE t.typnamespace = '{schema}'::regnamespace AND t.typname LIKE 'procrastinate%' AND t.typtype IN ('e', 'c')
    LOOP
        EXECUTE thing.command;
    END LOOP;
END $$;
