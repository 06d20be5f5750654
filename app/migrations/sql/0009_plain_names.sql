-- Names as people type them who look for somebody: no accents, no capitals, one space for hyphens and apostrophes.
-- `unaccent` is an extension that not every server has, and it is not immutable; this is, so an index may rest on it.
CREATE FUNCTION plain_name(name text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT AS $$
    SELECT btrim(regexp_replace(
        replace(replace(replace(replace(replace(replace(
            translate(
                regexp_replace(normalize(lower(name), NFKD), '[\u0300-\u036f]', '', 'g'),
                'øłđðıħŧ', 'olddiht'
            ),
            'œ', 'oe'), 'æ', 'ae'), 'ß', 'ss'), 'þ', 'th'), 'ĳ', 'ij'), 'ŋ', 'ng'),
        '[\s\u2010-\u2015\u2018\u2019''`´.-]+', ' ', 'g'
    ))
$$;

ALTER TABLE member
    ADD COLUMN first_name_plain TEXT COLLATE "C",
    ADD COLUMN last_name_plain TEXT COLLATE "C";

-- A trigger and no generated columns, which would write the whole table anew under a lock. It serves yesterday's code
-- too.
CREATE FUNCTION keep_plain_names() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.first_name_plain := plain_name(NEW.first_name);
    NEW.last_name_plain := plain_name(NEW.last_name);
    RETURN NEW;
END $$;
CREATE TRIGGER plain_names BEFORE INSERT OR UPDATE OF first_name, last_name ON member
    FOR EACH ROW EXECUTE FUNCTION keep_plain_names();
