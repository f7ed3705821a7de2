-- Facts: what decoding the log gave, whatever the catalog says. All fact tables
-- share their first columns. ORDER BY learner first: reports, refolds and
-- erasure read by learner; the sequence last: one row a sequence. Inserts are
-- synced to the disk, before the sequences that commit them. The small
-- granularity keeps a read of one learner's newest facts small.
CREATE TABLE IF NOT EXISTS answers
(
    generation   UInt32,
    seq          UInt64 CODEC(Delta, LZ4),
    key          FixedString(16),
    learner      String,
    learner_hmac FixedString(16),
    source       LowCardinality(String),
    time         DateTime64(6, 'UTC') CODEC(Delta, LZ4),
    stored       DateTime64(6, 'UTC') CODEC(Delta, LZ4),
    item         LowCardinality(String),
    score        Float64,
    graded_by    Enum8('key' = 1, 'self' = 2, 'instructor' = 3, 'peer' = 4),
    points       Array(LowCardinality(String)),
    response     String,
    attempt      UInt32,
    confidence   UInt8,
    duration_ms  UInt32,
    session      String
)
ENGINE = ReplacingMergeTree
PARTITION BY (generation, intDiv(seq, 16777216))
ORDER BY (learner, seq)
SETTINGS index_granularity = 1024, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS voids
(
    generation   UInt32,
    seq          UInt64,
    key          FixedString(16),
    learner      String,
    learner_hmac FixedString(16),
    source       LowCardinality(String),
    time         DateTime64(6, 'UTC'),
    stored       DateTime64(6, 'UTC'),
    target       FixedString(16),
    reason       String
)
ENGINE = ReplacingMergeTree
PARTITION BY generation
ORDER BY (learner, seq)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS ticks
(
    generation   UInt32,
    seq          UInt64,
    key          FixedString(16),
    learner      String,
    learner_hmac FixedString(16),
    source       LowCardinality(String),
    time         DateTime64(6, 'UTC'),
    stored       DateTime64(6, 'UTC'),
    item         LowCardinality(String),
    ticked       Bool
)
ENGINE = ReplacingMergeTree
PARTITION BY generation
ORDER BY (learner, seq)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS sessions
(
    generation   UInt32,
    seq          UInt64,
    key          FixedString(16),
    learner      String,
    learner_hmac FixedString(16),
    source       LowCardinality(String),
    time         DateTime64(6, 'UTC'),
    stored       DateTime64(6, 'UTC'),
    session      String,
    chapter      LowCardinality(String),
    started      Bool
)
ENGINE = ReplacingMergeTree
PARTITION BY generation
ORDER BY (learner, seq)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- Who joined and left which cohort. ORDER BY cohort first: a report begins with
-- the members of one cohort.
CREATE TABLE IF NOT EXISTS memberships
(
    generation   UInt32,
    seq          UInt64,
    key          FixedString(16),
    learner      String,
    learner_hmac FixedString(16),
    source       LowCardinality(String),
    time         DateTime64(6, 'UTC'),
    stored       DateTime64(6, 'UTC'),
    cohort       LowCardinality(String),
    joined       Bool
)
ENGINE = ReplacingMergeTree
PARTITION BY generation
ORDER BY (cohort, learner, seq)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- An instructor's word on a learner's next topics.
CREATE TABLE IF NOT EXISTS steerings
(
    generation   UInt32,
    seq          UInt64,
    key          FixedString(16),
    learner      String,
    learner_hmac FixedString(16),
    source       LowCardinality(String),
    time         DateTime64(6, 'UTC'),
    stored       DateTime64(6, 'UTC'),
    topic        LowCardinality(String),
    action       Enum8('pinned' = 1, 'excluded' = 2, 'released' = 3),
    until        DateTime64(6, 'UTC'),
    note         String
)
ENGINE = ReplacingMergeTree
PARTITION BY generation
ORDER BY (learner, seq)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- Catalogs and models as they were published, and requests to be forgotten.
CREATE TABLE IF NOT EXISTS publications
(
    generation   UInt32,
    seq          UInt64,
    key          FixedString(16),
    learner_hmac FixedString(16),
    source       LowCardinality(String),
    time         DateTime64(6, 'UTC'),
    stored       DateTime64(6, 'UTC'),
    course       LowCardinality(String),
    kind         Enum8('catalog' = 1, 'model' = 2),
    version      String,
    content      String CODEC(ZSTD)
)
ENGINE = ReplacingMergeTree
PARTITION BY generation
ORDER BY seq
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS erasures
(
    generation   UInt32,
    seq          UInt64,
    key          FixedString(16),
    learner_hmac FixedString(16),
    source       LowCardinality(String),
    time         DateTime64(6, 'UTC'),
    stored       DateTime64(6, 'UTC'),
    request      String
)
ENGINE = ReplacingMergeTree
PARTITION BY generation
ORDER BY seq
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
