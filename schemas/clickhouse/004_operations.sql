-- What operators and erasures did to the log, as events tell it.
--
-- Receipts of erasures: the sequences that are missing from the log are those
-- listed here, as text such as 7,12-40, and no others.
CREATE TABLE IF NOT EXISTS receipts
(
    generation   UInt32,
    seq          UInt64,
    key          FixedString(16),
    learner_hmac FixedString(16),
    source       LowCardinality(String),
    time         DateTime64(6, 'UTC'),
    stored       DateTime64(6, 'UTC'),
    request      String,
    sequences    String,
    rows         UInt64
)
ENGINE = ReplacingMergeTree
PARTITION BY generation
ORDER BY seq
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- An operator's word on dead letters: decoded again, or taken off the list.
CREATE TABLE IF NOT EXISTS dead_letter_actions
(
    generation   UInt32,
    seq          UInt64,
    key          FixedString(16),
    learner_hmac FixedString(16),
    source       LowCardinality(String),
    time         DateTime64(6, 'UTC'),
    stored       DateTime64(6, 'UTC'),
    target       UInt64,
    action       Enum8('retried' = 1, 'dropped' = 2),
    reason       String
)
ENGINE = ReplacingMergeTree
PARTITION BY generation
ORDER BY (target, seq)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- Dead letters too broken to tell whose they are, that an erasure names.
ALTER TABLE erasures ADD COLUMN IF NOT EXISTS sequences String;

-- A message of an erased learner that came after the erasure: it waits here to be
-- deleted from the log.
ALTER TABLE sequences MODIFY COLUMN outcome
    Enum8('fact' = 1, 'duplicate' = 2, 'conflict' = 3, 'dead' = 4, 'erased' = 5);

-- An erasure rewrites parts. The parts before are to leave the disk within seconds,
-- not minutes, so what replaces them is synced to it first.
ALTER TABLE sequences    MODIFY SETTING old_parts_lifetime = 5, min_compressed_bytes_to_fsync_after_merge = 1;
ALTER TABLE dead_letters MODIFY SETTING old_parts_lifetime = 5, min_compressed_bytes_to_fsync_after_merge = 1;
ALTER TABLE answers      MODIFY SETTING old_parts_lifetime = 5, min_compressed_bytes_to_fsync_after_merge = 1;
ALTER TABLE voids        MODIFY SETTING old_parts_lifetime = 5, min_compressed_bytes_to_fsync_after_merge = 1;
ALTER TABLE ticks        MODIFY SETTING old_parts_lifetime = 5, min_compressed_bytes_to_fsync_after_merge = 1;
ALTER TABLE sessions     MODIFY SETTING old_parts_lifetime = 5, min_compressed_bytes_to_fsync_after_merge = 1;
ALTER TABLE memberships  MODIFY SETTING old_parts_lifetime = 5, min_compressed_bytes_to_fsync_after_merge = 1;
ALTER TABLE steerings    MODIFY SETTING old_parts_lifetime = 5, min_compressed_bytes_to_fsync_after_merge = 1;
ALTER TABLE states       MODIFY SETTING old_parts_lifetime = 5, min_compressed_bytes_to_fsync_after_merge = 1;
