package store

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/gapwise/gapwise/schemas"
)

// migrate applies, in the order of their numbers, the migrations that the
// database does not have yet. Two starts at the same time are harmless: every
// statement is idempotent.
func (s *Store) migrate(ctx context.Context) error {
	const table = `CREATE TABLE IF NOT EXISTS migrations
(
    name    String,
    applied DateTime64(6, 'UTC') DEFAULT now64(6)
)
ENGINE = ReplacingMergeTree
ORDER BY name`
	if err := s.conn.Exec(ctx, table); err != nil {
		return err
	}
	var applied []string
	if err := s.conn.QueryRow(ctx, "SELECT groupUniqArray(name) FROM migrations").Scan(&applied); err != nil {
		return err
	}
	files, err := fs.Glob(schemas.ClickHouse, "clickhouse/*.sql")
	if err != nil {
		return err
	}
	known := make(map[string]bool)
	for _, file := range files {
		known[path.Base(file)] = true
	}
	done := make(map[string]bool)
	for _, name := range applied {
		done[name] = true
		if !known[name] {
			return fmt.Errorf("it was made by a newer gapwise (migration %s): start that one, or use another database", name)
		}
	}
	for _, file := range files {
		name := path.Base(file)
		if done[name] {
			continue
		}
		if err := s.apply(ctx, file, name); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		s.log.InfoContext(ctx, "applied a migration", "migration", name)
	}
	return nil
}

func (s *Store) apply(ctx context.Context, file, name string) error {
	text, err := fs.ReadFile(schemas.ClickHouse, file)
	if err != nil {
		return err
	}
	for statement := range strings.SplitSeq(string(text), ";\n") {
		if strings.TrimSpace(statement) == "" {
			continue
		}
		if err := s.conn.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return s.conn.Exec(ctx, "INSERT INTO migrations (name) VALUES (?)", name)
}
