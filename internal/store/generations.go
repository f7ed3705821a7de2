package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/gapwise/gapwise/internal/catalog"
	"github.com/gapwise/gapwise/internal/project"
)

// Generation returns a derived generation; false when the database has none of
// that number.
func (s *Store) Generation(ctx context.Context, derived uint32) (project.Generation, bool, error) {
	g := project.Generation{Derived: derived}
	err := s.conn.QueryRow(ctx,
		"SELECT facts, catalog, model FROM generations WHERE generation = ? ORDER BY created DESC LIMIT 1", derived).
		Scan(&g.Facts, &g.Catalog, &g.Model)
	if errors.Is(err, sql.ErrNoRows) {
		return g, false, nil
	}
	if err != nil {
		return g, false, fmt.Errorf("store: read generation %d: %w", derived, err)
	}
	return g, true, nil
}

// LastGeneration returns the highest number that any generation, of facts or
// derived, has in the database; 0 for none.
func (s *Store) LastGeneration(ctx context.Context) (uint32, error) {
	var last uint32
	if err := s.conn.QueryRow(ctx, "SELECT greatest(max(generation), max(facts)) FROM generations").Scan(&last); err != nil {
		return 0, fmt.Errorf("store: read the last generation: %w", err)
	}
	return last, nil
}

// SaveGeneration stores a derived generation and the catalog that it sees facts
// through. Storing it again is harmless.
func (s *Store) SaveGeneration(ctx context.Context, g project.Generation, c *catalog.Catalog, now time.Time) error {
	if err := s.saveCatalog(ctx, c, now); err != nil {
		return fmt.Errorf("store: write catalog %s: %w", c.Version, err)
	}
	err := s.conn.Exec(ctx, "INSERT INTO generations (generation, facts, catalog, model, created) VALUES (?, ?, ?, ?, fromUnixTimestamp64Micro(?, 'UTC'))",
		g.Derived, g.Facts, g.Catalog, g.Model, now.UnixMicro())
	if err != nil {
		return fmt.Errorf("store: write generation %d: %w", g.Derived, err)
	}
	return nil
}

func (s *Store) saveCatalog(ctx context.Context, c *catalog.Catalog, now time.Time) error {
	content, err := c.Encode()
	if err != nil {
		return err
	}
	batch, err := s.conn.PrepareBatch(ctx, "INSERT INTO catalog_items (version, item, kind, level, lens, topic, title, weight)")
	if err != nil {
		return err
	}
	for i := range c.Items {
		it := &c.Items[i]
		for _, w := range it.Concerns {
			concern, _ := c.Concern(w.ID)
			err = errors.Join(err, batch.Append(c.Version, it.ID, string(it.Kind), string(it.Level), "concern", w.ID, concern.Title, w.Weight))
		}
		for _, id := range it.Chapters {
			chapter, _ := c.Chapter(id)
			err = errors.Join(err, batch.Append(c.Version, it.ID, string(it.Kind), string(it.Level), "chapter", id, chapter.Title, 1/float64(len(it.Chapters))))
		}
	}
	if err := errors.Join(err, batch.Send()); err != nil {
		return err
	}
	// Last: a catalog that is here is there row by row, too.
	return s.conn.Exec(ctx, "INSERT INTO catalogs (version, course, content, created) VALUES (?, ?, ?, fromUnixTimestamp64Micro(?, 'UTC'))",
		c.Version, c.Course, string(content), now.UnixMicro())
}

// Catalog returns a catalog that a generation was made with; nil when the
// database doesn't have it.
func (s *Store) Catalog(ctx context.Context, version string) (*catalog.Catalog, error) {
	var content string
	err := s.conn.QueryRow(ctx, "SELECT content FROM catalogs WHERE version = ? LIMIT 1", version).Scan(&content)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("store: read catalog %s: %w", version, err)
	}
	c, err := catalog.Decode([]byte(content))
	if err != nil {
		return nil, fmt.Errorf("store: catalog %s: %w", version, err)
	}
	return c, nil
}

// derivedTables hold what derives from facts, by generation.
var derivedTables = []string{"states", "cohort_weeks"}

// DropDerived deletes the snapshots and weeks of all derived generations but some.
// Nothing but time is lost: they follow from the facts.
func (s *Store) DropDerived(ctx context.Context, except ...uint32) error {
	// First: where snapshots are missing nothing may say that they are complete.
	if err := s.delete(ctx, "state_floors", "generation NOT IN (?)", except); err != nil {
		return err
	}
	for _, table := range derivedTables {
		var partitions []string
		err := s.conn.QueryRow(ctx, `SELECT groupUniqArray(partition_id) FROM system.parts
WHERE database = currentDatabase() AND table = ? AND active`, table).Scan(&partitions)
		if err != nil {
			return fmt.Errorf("store: list the generations of %s: %w", table, err)
		}
		for _, id := range partitions { // it is the generation's number
			number, err := strconv.ParseUint(id, 10, 32)
			if err != nil || slices.Contains(except, uint32(number)) {
				continue
			}
			drop := clickhouse.Context(ctx, clickhouse.WithParameters(clickhouse.Parameters{"id": id}))
			if err := s.conn.Exec(drop, "ALTER TABLE "+table+" DROP PARTITION ID {id:String}"); err != nil {
				return fmt.Errorf("store: drop generation %s of %s: %w", id, table, err)
			}
		}
	}
	return nil
}

// Answered reports whether a generation of facts holds any answer.
func (s *Store) Answered(ctx context.Context, facts uint32) (bool, error) {
	var n uint64
	if err := s.conn.QueryRow(ctx, "SELECT count() FROM (SELECT 1 FROM answers WHERE generation = ? LIMIT 1)", facts).Scan(&n); err != nil {
		return false, fmt.Errorf("store: look for answers: %w", err)
	}
	return n > 0, nil
}
