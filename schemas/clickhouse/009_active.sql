-- How long the learner was really active in a session that ended; -1 where the event
-- didn't tell: it is of the type's first version, or its client can't know. No column of
-- facts is Nullable: hashing a row with NULL in it gives NULL, and the row would be
-- overlooked where tables are compared.
ALTER TABLE sessions ADD COLUMN IF NOT EXISTS active_ms Int32 DEFAULT -1;
