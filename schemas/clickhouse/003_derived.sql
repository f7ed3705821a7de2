-- Derived generations: facts of one generation seen through one catalog and one
-- model version. Which one is active is not written here but in the pointer.
CREATE TABLE IF NOT EXISTS generations
(
    generation UInt32,
    facts      UInt32,
    catalog    String,
    model      String,
    created    DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY generation;

-- Every catalog that a generation was ever made with, as it was published.
CREATE TABLE IF NOT EXISTS catalogs
(
    version String,
    course  String,
    content String CODEC(ZSTD),
    created DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY version;

-- The same catalogs row by row, for people who ask in SQL and for dashboards.
CREATE TABLE IF NOT EXISTS catalog_items
(
    version LowCardinality(String),
    item    String,
    kind    LowCardinality(String),
    level   LowCardinality(String),
    lens    Enum8('concern' = 1, 'chapter' = 2),
    topic   LowCardinality(String),
    title   LowCardinality(String),
    weight  Float64
)
ENGINE = ReplacingMergeTree
ORDER BY (version, lens, item, topic);

-- Snapshots of what learners know, one at every 128th fact of a learner and
-- lens, whatever batches the facts came in. A state at any sequence is the
-- latest snapshot before it and the facts since. ORDER BY learner, lens, seq:
-- that look-up. Topics and items are indexes into the generation's catalog, in
-- its order, times are microseconds since 1970. The granules are small because
-- rows are wide.
CREATE TABLE IF NOT EXISTS states
(
    generation   UInt32,
    learner      String,
    learner_hmac FixedString(16),
    lens         Enum8('concern' = 1, 'chapter' = 2),
    seq          UInt64,
    facts        UInt32,
    unmapped     UInt32,
    last_time    Int64,
    last_key     FixedString(16),
    ability      Float64,
    variance     Float64,
    form         Float64,
    last         Int64,
    answers      UInt32,
    topic               Array(UInt32),
    topic_answers       Array(UInt32),
    topic_self          Array(UInt32),
    topic_first         Array(UInt32),
    topic_last          Array(Int64),
    topic_skill         Array(Float64),
    topic_variance      Array(Float64),
    topic_first_right   Array(Float64),
    topic_right         Array(Float64),
    topic_expected      Array(Float64),
    topic_weight        Array(Float64),
    topic_trend         Array(Float64),
    topic_trend_weight  Array(Float64),
    item                Array(UInt32),
    item_right          Array(Float64),
    item_wrong          Array(Float64)
)
ENGINE = ReplacingMergeTree
PARTITION BY generation
ORDER BY (learner, lens, seq)
SETTINGS index_granularity = 256, index_granularity_bytes = 262144;

-- How far snapshots are: they are a shortcut with a floor of its own, below that
-- of the facts.
CREATE TABLE IF NOT EXISTS state_floors
(
    generation UInt32,
    floor      UInt64
)
ENGINE = ReplacingMergeTree(floor)
ORDER BY generation;

-- Weak topics of a cohort at the end of each week, by the same computation as
-- the report, for dashboards. Each computation writes all weeks of a cohort in one
-- insert, with the sequence of the last fact that it knew: readers take the rows of
-- the cohort's highest sequence alone. A week is named by its Monday.
CREATE TABLE IF NOT EXISTS cohort_weeks
(
    generation   UInt32,
    cohort       LowCardinality(String),
    lens         Enum8('concern' = 1, 'chapter' = 2),
    topic        LowCardinality(String),
    title        LowCardinality(String),
    week         Date,
    seq          UInt64,
    learners     UInt32,
    measured     UInt32,
    answers      UInt64,
    share_weak   Float64,
    share_low    Float64,
    share_high   Float64,
    mastery      Float64,
    mastery_low  Float64,
    mastery_high Float64
)
ENGINE = ReplacingMergeTree(seq)
PARTITION BY generation
ORDER BY (cohort, lens, topic, week);
