DROP TRIGGER plain_names ON member;
DROP FUNCTION keep_plain_names();
ALTER TABLE member DROP COLUMN first_name_plain, DROP COLUMN last_name_plain;
DROP FUNCTION plain_name(text);
