package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

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

// saveCatalog keeps a catalog; one of its version that is kept already stays as it is.
func (s *Store) saveCatalog(ctx context.Context, c *catalog.Catalog, now time.Time) error {
	if kept, err := s.Catalog(ctx, c.Version); err != nil || kept != nil {
		return err
	}
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

// Answered reports whether a generation of facts holds any answer.
func (s *Store) Answered(ctx context.Context, facts uint32) (bool, error) {
	var n uint64
	if err := s.conn.QueryRow(ctx, "SELECT count() FROM (SELECT 1 FROM answers WHERE generation = ? LIMIT 1)", facts).Scan(&n); err != nil {
		return false, fmt.Errorf("store: look for answers: %w", err)
	}
	return n > 0, nil
}

// CountAnswers tells about how many answers there are up to a sequence: one that is
// stored twice counts twice.
func (s *Store) CountAnswers(ctx context.Context, facts uint32, upTo uint64) (uint64, error) {
	var n uint64
	if err := s.conn.QueryRow(ctx, "SELECT count() FROM answers WHERE generation = ? AND seq <= ?", facts, upTo).Scan(&n); err != nil {
		return 0, fmt.Errorf("store: count answers: %w", err)
	}
	return n, nil
}

// GenerationMade returns when a derived generation was stored first.
func (s *Store) GenerationMade(ctx context.Context, derived uint32) (time.Time, error) {
	var made time.Time
	if err := s.conn.QueryRow(ctx, "SELECT min(created) FROM generations WHERE generation = ?", derived).Scan(&made); err != nil {
		return made, fmt.Errorf("store: read when generation %d was made: %w", derived, err)
	}
	return made.UTC(), nil
}

// LearnerWith returns the learner with answers who has a hash; empty for none.
func (s *Store) LearnerWith(ctx context.Context, facts uint32, learner project.HMAC) (string, error) {
	var id string
	err := s.conn.QueryRow(ctx, "SELECT learner FROM answers WHERE generation = ? AND learner_hmac = unhex(?) LIMIT 1", facts, learner.String()).Scan(&id)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("store: look for a learner by hash: %w", err)
	}
	return id, nil
}

// PublishedCatalog is a catalog that the log holds.
type PublishedCatalog struct {
	Catalog *catalog.Catalog
	Seq     uint64    // of its publication, the last one
	Stored  time.Time // when the log stored that
}

// PublishedCatalogs lists the catalogs that the log holds, as far as they can be read,
// the last published first, of those published after a sequence. Whoever may write to the log may publish anything there: a
// catalog counts when its content is that of its version.
func (s *Store) PublishedCatalogs(ctx context.Context, facts uint32, after uint64) ([]PublishedCatalog, error) {
	var list []PublishedCatalog
	err := s.rows(ctx, "published catalogs", func(r driver.Rows) error {
		var one PublishedCatalog
		var version, content string
		if err := r.Scan(&one.Seq, &one.Stored, &version, &content); err != nil {
			return err
		}
		var err error
		if one.Catalog, err = catalog.Decode([]byte(content)); err != nil || one.Catalog.Version != version {
			return nil //nolint:nilerr // it is no catalog
		}
		list = append(list, one)
		return nil
	}, `SELECT max(seq) AS last, max(stored), version, any(content) FROM publications WHERE generation = ? AND kind = 'catalog' AND seq > ?
GROUP BY version, content ORDER BY last DESC`, facts, after)
	return list, err
}
