package store

import (
	"bytes"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/gapwise/gapwise/internal/embedded/enginetest"
	"github.com/gapwise/gapwise/internal/event/eventtest"
	"github.com/gapwise/gapwise/internal/project"
	"github.com/gapwise/gapwise/schemas"
)

// Every row that an event makes has a table, which writes every column of it, in a form
// in which rows can be compared.
func TestEveryRowHasItsTable(t *testing.T) {
	columns := newFactColumns()
	for typ, raw := range eventtest.Complete(t) {
		var b project.Batch
		project.Rows([]project.Message{{Seq: 7, Stored: time.Unix(1772366400, 0), Sealed: true, Payload: raw}}, func(string) project.HMAC { return project.HMAC{1} }, &b)
		var in []string
		for _, table := range columns.fill(1, &b) {
			for _, column := range table.input {
				if rows := column.Data.Rows(); rows != table.rows() {
					t.Errorf("%s: the column %s of %s has %d values for %d rows: append to it where %[3]s is filled", typ, column.Name, table.name, rows, table.rows())
				}
			}
			if table.rows() > 0 {
				in = append(in, table.name)
			}
			if table.rows() > 0 && !t.Failed() {
				table.appendRow(nil, 0) // panics where a column can't be compared
			}
		}
		if len(in) != 1 {
			t.Errorf("%s has a row in %v, want one table: add its table to factTables", typ, in)
		}
	}
}

// described is a table as the database has it.
type described struct{ engine, sorted, partition, settings string }

// The tables of facts are what factTables says, with what everything relies on that goes
// through them; and no table with rows about learners is outside of it.
func TestFactTablesAreWhole(t *testing.T) {
	db := enginetest.Database(t)
	s, err := Open(t.Context(), Options{Addr: db.Addr, User: db.User, Password: db.Password, Database: db.Database, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	tables, columns := describe(t, s)
	complain := func(table, format string, args ...any) {
		t.Errorf("%s %s: say it in a migration in schemas/clickhouse", table, fmt.Sprintf(format, args...))
	}
	for _, one := range factTables {
		d, exists := tables[one.name]
		if !exists {
			complain(one.name, "is no table")
			continue
		}
		written := &table{name: one.name}
		one.columns(written)
		for _, column := range written.input {
			if _, has := columns[one.name][column.Name]; !has {
				complain(one.name, "has no column %s", column.Name)
			}
		}
		for name, kind := range columns[one.name] {
			if !slices.Contains(strings.Split(written.names(), ", "), name) {
				t.Errorf("%s.%s is written by nobody: add it to %[1]s's columns in factTables", one.name, name)
			}
			if strings.Contains(kind, "Nullable") {
				complain(one.name, "has the Nullable column %s, and the hash of a row with NULL is NULL: give it a value that says not told", name)
			}
		}
		if d.engine != "ReplacingMergeTree" || !strings.HasSuffix(d.sorted, "seq") {
			complain(one.name, "is a %s ordered by (%s), want a ReplacingMergeTree ordered by (…, seq): a batch may be written twice", d.engine, d.sorted)
		}
		if want := "generation"; d.partition != want && !slices.Contains([]string{"answers"}, one.name) {
			complain(one.name, "is partitioned by %q, want %q: generations are dropped as a whole", d.partition, want)
		}
		for _, setting := range []string{"fsync_after_insert = 1", "fsync_part_directory = 1"} {
			if !strings.Contains(d.settings, setting) {
				complain(one.name, "lacks the setting %s: what is committed may not vanish with the power", setting)
			}
		}
		about := columns[one.name]["learner"] != ""
		if about != (one.export != nil) {
			t.Errorf("%s has a column learner: %t, is exported: %t; say in factTables what learners are told of their rows", one.name, about, one.export != nil)
		}
		for _, setting := range []string{"old_parts_lifetime = 5", "min_compressed_bytes_to_fsync_after_merge = 1"} {
			if about && !strings.Contains(d.settings, setting) {
				complain(one.name, "lacks the setting %s: an erased learner's rows are to leave the disk", setting)
			}
		}
	}
	for name := range tables {
		about := columns[name]["learner"] != "" || columns[name]["learner_hmac"] != ""
		if about && !slices.Contains(factTableNames, name) && !slices.Contains(aboutLearners, name) {
			t.Errorf("%s has rows about learners, which neither an erasure nor a verification would find: add it to factTables", name)
		}
	}
	var kinds []string
	for _, one := range factTables {
		if one.export != nil {
			kinds = append(kinds, one.export.kind)
		}
	}
	if told := "kind: {type: string, enum: [" + strings.Join(kinds, ", ") + "]}"; !bytes.Contains(schemas.OpenAPI, []byte(told)) {
		t.Errorf("schemas/openapi.yaml: the kinds of an ExportedEvent are not those of factTables: write %q", told)
	}
	if _, err := s.Export(t.Context(), 1, "nobody", time.Time{}, 1); err != nil {
		t.Errorf("what factTables says of the export is wrong: %v", err)
	}
}

// describe reads what tables and columns the database has.
func describe(t *testing.T, s *Store) (tables map[string]described, columns map[string]map[string]string) {
	t.Helper()
	tables, columns = map[string]described{}, map[string]map[string]string{}
	err := s.rows(t.Context(), "tables", func(r driver.Rows) error {
		var name string
		var d described
		err := r.Scan(&name, &d.engine, &d.sorted, &d.partition, &d.settings)
		tables[name], columns[name] = d, map[string]string{}
		return err
	}, "SELECT name, engine, sorting_key, partition_key, engine_full FROM system.tables WHERE database = currentDatabase()")
	if err != nil {
		t.Fatal(err)
	}
	err = s.rows(t.Context(), "columns", func(r driver.Rows) error {
		var table, name, kind string
		err := r.Scan(&table, &name, &kind)
		columns[table][name] = kind
		return err
	}, "SELECT table, name, type FROM system.columns WHERE database = currentDatabase()")
	if err != nil {
		t.Fatal(err)
	}
	return tables, columns
}
