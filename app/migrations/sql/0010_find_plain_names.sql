-- Names that were there before the trigger, five thousand members a transaction, in the order of their keys. Row-level
-- security holds the tables' owner too, who sees all members as one of our worker role.
DO $$
DECLARE
    last_program uuid := '00000000-0000-0000-0000-000000000000';
    last_member uuid := '00000000-0000-0000-0000-000000000000';
BEGIN
    LOOP
        WITH batch AS (
            SELECT program_id, id FROM member
            WHERE (program_id, id) > (last_program, last_member) ORDER BY program_id, id LIMIT 5000
        ), filled AS (
            UPDATE member m
            SET first_name_plain = plain_name(m.first_name), last_name_plain = plain_name(m.last_name)
            FROM batch b WHERE m.program_id = b.program_id AND m.id = b.id
        )
        SELECT b.program_id, b.id INTO last_program, last_member FROM batch b
        ORDER BY b.program_id DESC, b.id DESC LIMIT 1;
        EXIT WHEN last_member IS NULL;
        COMMIT;
    END LOOP;
END $$;

DROP INDEX CONCURRENTLY IF EXISTS ix_member_program_id_first_name_plain;

CREATE INDEX CONCURRENTLY ix_member_program_id_first_name_plain ON member (program_id, first_name_plain);

DROP INDEX CONCURRENTLY IF EXISTS ix_member_program_id_last_name_plain;

CREATE INDEX CONCURRENTLY ix_member_program_id_last_name_plain ON member (program_id, last_name_plain);
