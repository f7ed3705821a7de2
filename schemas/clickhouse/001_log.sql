-- What became of every message of the log. One row a stream sequence and facts
-- generation, written after all other rows of that sequence: it is the commit
-- marker, so a sequence that is here is wholly projected.
--
-- PARTITION BY generation: a generation is dropped as a whole; by 16M sequences:
-- the highest sequence is then known from the parts' metadata without reading,
-- and the newest facts are found without opening the old parts.
-- ORDER BY key, seq: the look-up of repeats reads by key, 50,000 keys a query,
-- the sequence ends every sort key, so that a batch written twice (a stopped
-- writer that wakes) is one row after merges and readers take one row a
-- sequence before them. Inserts are synced to the disk: the highest sequence here
-- is taken for the floor, so nothing below it may vanish with the power.
CREATE TABLE IF NOT EXISTS sequences
(
    generation   UInt32,
    seq          UInt64 CODEC(Delta, LZ4),
    key          FixedString(16) CODEC(NONE),
    content      FixedString(8) CODEC(NONE),
    outcome      Enum8('fact' = 1, 'duplicate' = 2, 'conflict' = 3, 'dead' = 4),
    type         LowCardinality(String),
    learner_hmac FixedString(16),
    stored       DateTime64(6, 'UTC') CODEC(Delta, LZ4)
)
ENGINE = ReplacingMergeTree
PARTITION BY (generation, intDiv(seq, 16777216))
ORDER BY (key, seq)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- Messages that are no facts and why: what could not be decoded, and events
-- that repeat a key with other content.
CREATE TABLE IF NOT EXISTS dead_letters
(
    generation   UInt32,
    seq          UInt64,
    reason       LowCardinality(String),
    detail       String,
    key          FixedString(16),
    learner_hmac FixedString(16),
    subject      LowCardinality(String),
    stored       DateTime64(6, 'UTC'),
    raw          String
)
ENGINE = ReplacingMergeTree
PARTITION BY generation
ORDER BY seq
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
