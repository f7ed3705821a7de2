-- Which log a generation of facts was projected from: the broker's moment of
-- creating its stream. It survives the broker's restart and a restored copy of
-- its files; a stream that was deleted and made again has another one, and its
-- sequences mean other events. Written once a generation, before its facts.
CREATE TABLE IF NOT EXISTS origins
(
    generation UInt32,
    created    DateTime64(9, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (generation, created)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
