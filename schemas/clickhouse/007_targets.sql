-- The level that a learner prepares for, told by an event of joining; empty where it
-- told none. It is the learner's in every cohort: that of the highest sequence holds.
ALTER TABLE memberships ADD COLUMN IF NOT EXISTS target LowCardinality(String);
