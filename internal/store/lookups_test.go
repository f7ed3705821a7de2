package store_test

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/gapwise/gapwise/internal/embedded/enginetest"
	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/project"
	"github.com/gapwise/gapwise/internal/store"
)

// The table of sequences is made anew as migrations leave it, after an interruption too,
// and holds the same rows; a second time nothing is done.
func TestLookUpsAreSharpened(t *testing.T) {
	db := enginetest.Database(t)
	s, err := store.Open(t.Context(), store.Options{
		Addr: db.Addr, User: db.User, Password: db.Password, Database: db.Database, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	conn, err := clickhouse.Open(&clickhouse.Options{
		Addr: []string{db.Addr}, Auth: clickhouse.Auth{Username: db.User, Password: db.Password, Database: db.Database}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	one := func(sql string, into any) {
		t.Helper()
		if err := conn.QueryRow(t.Context(), sql).Scan(into); err != nil {
			t.Fatal(err)
		}
	}
	var b project.Batch
	for seq := uint64(1); seq <= 3000; seq++ {
		b.Answers = append(b.Answers, answered(seq, "ada", "alerting-1", noon, 1))
	}
	write(t, s, &b)
	const rows = "SELECT groupBitXor(sipHash64(*)) FROM (SELECT * FROM sequences LIMIT 1 BY generation, seq)"
	var before, after uint64
	one(rows, &before)
	if err := conn.Exec(t.Context(), "CREATE TABLE sequences_sharpened AS sequences"); err != nil { // as a stopped process leaves it
		t.Fatal(err)
	}

	var first, second string
	for _, id := range []*string{&first, &second} {
		if err := s.SharpenLookUps(t.Context()); err != nil {
			t.Fatal(err)
		}
		one("SELECT toString(uuid) FROM system.tables WHERE database = currentDatabase() AND name = 'sequences'", id)
	}
	if first != second {
		t.Error("the table was made anew twice")
	}
	one(rows, &after)
	if after != before {
		t.Error("the rows of the new table are others")
	}
	var table string
	one("SHOW CREATE TABLE sequences", &table)
	for _, want := range []string{"index_granularity = 512", "max_compress_block_size = 8192", "fsync_after_insert = 1", "min_parts_to_merge_at_once = 8", "'erased' = 5"} {
		if !strings.Contains(table, want) {
			t.Errorf("the new table lacks %q:\n%s", want, table)
		}
	}
	var left uint64
	one("SELECT count() FROM system.tables WHERE database = currentDatabase() AND name = 'sequences_sharpened'", &left)
	if left > 0 {
		t.Error("the old table stays")
	}

	w := s.Writer()
	defer func() { _ = w.Close() }()
	known := b.Answers[41].Key
	seen, err := w.Seen(t.Context(), 1, []event.Key{known, {1, 2, 3}})
	if err != nil || len(seen) != 1 || seen[known].Seq != 42 {
		t.Errorf("a look-up finds %v (%v), want sequence 42", seen, err)
	}
}
