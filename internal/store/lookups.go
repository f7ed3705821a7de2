package store

import (
	"context"
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// lookUpGranularity is how many sequences lie between two marks of the index by key. The
// keys of new events are anywhere, so each look-up reads one such granule of every part,
// whatever it is that it finds: with the database's 8,192 a few hundred live events read
// millions of keys.
const lookUpGranularity = 512

// sharpened is the table sequences as look-ups want it. A table keeps the granularity that
// it was made with.
var sharpened = []string{
	"DROP TABLE IF EXISTS sequences_sharpened SYNC",
	fmt.Sprintf(`CREATE TABLE sequences_sharpened AS sequences
ENGINE = ReplacingMergeTree
PARTITION BY (generation, intDiv(seq, %d))
ORDER BY (key, seq)
SETTINGS index_granularity = %d, fsync_after_insert = 1, fsync_part_directory = 1,
  old_parts_lifetime = 5, min_compressed_bytes_to_fsync_after_merge = 1, min_parts_to_merge_at_once = 8`, partitionSpan, lookUpGranularity),
	// Compressed blocks are read whole: no larger than a granule of keys.
	"ALTER TABLE sequences_sharpened MODIFY COLUMN key MODIFY SETTING min_compress_block_size = 8192, max_compress_block_size = 8192",
	"INSERT INTO sequences_sharpened SELECT * FROM sequences",
	"EXCHANGE TABLES sequences_sharpened AND sequences",
}

// SharpenLookUps makes the table of sequences anew where it is as migrations leave it, so
// that look-ups of repeats read little of it. Nothing may write sequences meanwhile;
// readers aren't disturbed. Interrupted, it begins anew the next time.
func (s *Store) SharpenLookUps(ctx context.Context) error {
	var sharp bool
	err := s.conn.QueryRow(ctx, `SELECT count() > 0 FROM system.tables
WHERE database = currentDatabase() AND name = 'sequences' AND match(create_table_query, ?)`,
		fmt.Sprintf(`index_granularity = %d\b`, lookUpGranularity)).Scan(&sharp)
	if err != nil {
		return fmt.Errorf("store: read how sequences are kept: %w", err)
	}
	if !sharp {
		ctx := clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{"max_execution_time": 0}))
		for _, statement := range sharpened {
			if err := s.conn.Exec(ctx, statement); err != nil {
				return fmt.Errorf("store: make the table sequences anew: %w", err)
			}
		}
	}
	if err := s.conn.Exec(ctx, "DROP TABLE IF EXISTS sequences_sharpened SYNC"); err != nil {
		return fmt.Errorf("store: drop the table sequences as it was: %w", err)
	}
	return nil
}
