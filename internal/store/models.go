package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/gapwise/gapwise/internal/models"
	"github.com/gapwise/gapwise/internal/project"
)

var _ models.Store = (*Store)(nil)

// LastAnswer returns the last sequence, up to one of them, of an answer or of a
// void, and when the log stored it; 0 for none.
func (s *Store) LastAnswer(ctx context.Context, facts uint32, upTo uint64) (uint64, time.Time, error) {
	var seq uint64
	var stored time.Time
	err := s.conn.QueryRow(ctx, `SELECT seq, stored FROM (
  SELECT seq, stored FROM answers WHERE generation = ? AND seq <= ? ORDER BY seq DESC LIMIT 1
  UNION ALL
  SELECT seq, stored FROM voids WHERE generation = ? AND seq <= ? ORDER BY seq DESC LIMIT 1
) ORDER BY seq DESC LIMIT 1`, facts, upTo, facts, upTo).Scan(&seq, &stored)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, time.Time{}, nil
	}
	if err != nil {
		return 0, time.Time{}, fmt.Errorf("store: look for the last answer: %w", err)
	}
	return seq, stored.UTC(), nil
}

// Sample lists learners with answers up to a sequence in the order of a hash of their
// ids, until they have so many answers in all.
func (s *Store) Sample(ctx context.Context, facts uint32, upTo, answers uint64) ([]project.Answerer, error) {
	var list []project.Answerer
	err := s.rows(ctx, "learners to fit a model to", func(r driver.Rows) error {
		var one project.Answerer
		err := r.Scan(&one.Learner, &one.Answers)
		list = append(list, one)
		return err
	}, `SELECT learner, answers FROM (
  SELECT learner, answers, sum(answers) OVER (ORDER BY sipHash64(learner), learner ROWS UNBOUNDED PRECEDING) AS total FROM (
    SELECT learner, uniqExact(seq) AS answers FROM answers WHERE generation = ? AND seq <= ? GROUP BY learner
    SETTINGS optimize_aggregation_in_order = 1
  )
) WHERE total <= ? ORDER BY sipHash64(learner), learner`, facts, upTo, answers)
	return list, err
}

// Growth tells how many answers there are, about, how many of them up to a sequence,
// and of how many learners.
func (s *Store) Growth(ctx context.Context, facts uint32, before uint64) (models.Growth, error) {
	var g models.Growth
	err := s.conn.QueryRow(ctx, "SELECT count(), countIf(seq <= ?), uniq(learner) FROM answers WHERE generation = ?", before, facts).
		Scan(&g.Answers, &g.Before, &g.Learners)
	if err != nil {
		return g, fmt.Errorf("store: count answers: %w", err)
	}
	return g, nil
}

// SaveModel keeps a model; one that is kept already stays as it is.
func (s *Store) SaveModel(ctx context.Context, r models.Record) error {
	content, err := r.Model.Encode()
	if err != nil {
		return err
	}
	comparison, err := json.Marshal(r.Comparison)
	if err != nil {
		return fmt.Errorf("store: encode the comparison of model %s: %w", r.Model.Version, err)
	}
	var known uint64
	if err := s.conn.QueryRow(ctx, "SELECT count() FROM models WHERE version = ?", r.Model.Version).Scan(&known); err != nil {
		return fmt.Errorf("store: look for model %s: %w", r.Model.Version, err)
	}
	if known > 0 {
		return nil
	}
	err = s.conn.Exec(ctx, "INSERT INTO models (version, course, made, content, comparison, created) VALUES (?, ?, ?, ?, ?, fromUnixTimestamp64Micro(?, 'UTC'))",
		r.Model.Version, r.Model.Course, string(r.Made), string(content), string(comparison), r.Created.UnixMicro())
	if err != nil {
		return fmt.Errorf("store: write model %s: %w", r.Model.Version, err)
	}
	return nil
}

// Models lists the models of a course that are kept, the newest first.
func (s *Store) Models(ctx context.Context, course string) ([]models.Record, error) {
	var list []models.Record
	err := s.rows(ctx, "models", func(r driver.Rows) error {
		var one models.Record
		var made, content, comparison string
		if err := r.Scan(&made, &content, &comparison, &one.Created); err != nil {
			return err
		}
		one.Made, one.Created = models.Made(made), one.Created.UTC()
		var err error
		if one.Model, err = project.DecodeModel([]byte(content)); err != nil {
			return err
		}
		list = append(list, one)
		return json.Unmarshal([]byte(comparison), &list[len(list)-1].Comparison)
	}, `SELECT toString(made), content, comparison, created FROM models WHERE course = ?
ORDER BY created DESC, version LIMIT 1 BY version`, course)
	return list, err
}

// Published lists the models of a course that the log holds, as far as they can be
// read, the newest first.
func (s *Store) Published(ctx context.Context, facts uint32, course string) ([]models.Published, error) {
	return s.published(ctx, "course = ?", facts, course)
}

// published lists publications of models. Whoever may write to the log may publish
// anything there: a model counts when its content is that of its version.
func (s *Store) published(ctx context.Context, where string, facts uint32, value string) ([]models.Published, error) {
	var list []models.Published
	seen := map[string]bool{}
	err := s.rows(ctx, "published models", func(r driver.Rows) error {
		var one models.Published
		var version, content string
		if err := r.Scan(&one.Seq, &version, &content); err != nil {
			return err
		}
		m, err := project.DecodeModel([]byte(content))
		if err != nil || m.Version != version || seen[version] {
			return nil //nolint:nilerr // it is no model
		}
		seen[version] = true
		one.Model = m
		list = append(list, one)
		return nil
	}, "SELECT seq, version, content FROM publications WHERE generation = ? AND kind = 'model' AND "+where+" ORDER BY seq LIMIT 1 BY seq", facts, value)
	slices.Reverse(list)
	return list, err
}

// Publication returns where the log holds a model of that version first; 0 when
// nowhere, as far as it is projected.
func (s *Store) Publication(ctx context.Context, facts uint32, version string) (uint64, error) {
	list, err := s.published(ctx, "version = ?", facts, version)
	if err != nil || len(list) == 0 {
		return 0, err
	}
	return list[0].Seq, nil
}

// Model returns a model that is kept or was published; nil when there is none of that
// version.
func (s *Store) Model(ctx context.Context, facts uint32, version string) (*project.Model, error) {
	var content string
	err := s.conn.QueryRow(ctx, "SELECT content FROM models WHERE version = ? LIMIT 1", version).Scan(&content)
	if errors.Is(err, sql.ErrNoRows) {
		list, err := s.published(ctx, "version = ?", facts, version)
		if err != nil || len(list) == 0 {
			return nil, err
		}
		return list[0].Model, nil
	}
	if err != nil {
		return nil, fmt.Errorf("store: read model %s: %w", version, err)
	}
	m, err := project.DecodeModel([]byte(content))
	if err != nil {
		return nil, fmt.Errorf("store: model %s: %w", version, err)
	}
	return m, nil
}

// Proposal returns the version of the newest model that was fitted here since a
// derived generation was made, and isn't that generation's own; empty for none.
func (s *Store) Proposal(ctx context.Context, course string, derived uint32) (string, error) {
	var version string
	err := s.conn.QueryRow(ctx, `SELECT version FROM models
WHERE course = ? AND made IN ('asked', 'itself') AND created > (SELECT max(created) FROM generations WHERE generation = ?)
  AND version NOT IN (SELECT model FROM generations WHERE generation = ?)
ORDER BY created DESC, version LIMIT 1`, course, derived, derived).Scan(&version)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("store: look for a proposed model: %w", err)
	}
	return version, nil
}
