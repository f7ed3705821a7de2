-- Models that an operator may publish, each as a document whose version follows from
-- its content: fits to this deployment's answers, asked for or made by itself, with
-- how well they predict against the model that was active then; documents made
-- elsewhere; and models that a generation was made with, read from the log. What was
-- published is in the log as well; a fit that was not can be made again.
CREATE TABLE IF NOT EXISTS models
(
    version    String,
    course     String,
    made       Enum8('asked' = 1, 'itself' = 2, 'file' = 3, 'log' = 4),
    content    String CODEC(ZSTD),
    comparison String,
    created    DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY version;
