-- How many microseconds after a message the log had stored it and all messages about
-- learners before it. A log that was put back from an archive keeps the times of what
-- it holds, which need not ascend; in any other they do, and this is 0.
ALTER TABLE sequences ADD COLUMN IF NOT EXISTS behind UInt64;
