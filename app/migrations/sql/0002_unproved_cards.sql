-- Whether a card was made at a poster under a contact that nobody had proved. A constant default: no row is rewritten,
-- and code that does not know the column goes on writing cards.
ALTER TABLE card ADD COLUMN unproved boolean NOT NULL DEFAULT false;
