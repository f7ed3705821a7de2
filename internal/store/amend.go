package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/project"
)

// Erased returns the learners to be forgotten, with the sequence of the first
// request.
func (s *Store) Erased(ctx context.Context, facts uint32) (map[project.HMAC]uint64, error) {
	erased := map[project.HMAC]uint64{}
	err := s.rows(ctx, "erasures", func(r driver.Rows) error {
		var hmac string
		var seq uint64
		err := r.Scan(&hmac, &seq)
		erased[hashOf(hmac)] = seq
		return err
	}, `SELECT learner_hmac, min(seq) FROM erasures
WHERE generation = ? AND learner_hmac != toFixedString('', 16) GROUP BY learner_hmac`, facts)
	return erased, err
}

// Erased returns the learners to be forgotten, with the sequence of the first
// request.
func (w *Writer) Erased(ctx context.Context, generation uint32) (map[project.HMAC]uint64, error) {
	return w.store.Erased(ctx, generation)
}

const sequenceColumns = "seq, key, content, toString(outcome), type, learner_hmac, stored"

func scanSequence(scan func(...any) error) (project.Sequence, error) {
	var (
		s                       project.Sequence
		key, content, kind, who string
		outcome                 string
	)
	if err := scan(&s.Seq, &key, &content, &outcome, &kind, &who, &s.Stored); err != nil {
		return s, err
	}
	copy(s.Key[:], key)
	copy(s.Content[:], content)
	s.Outcome, s.Type, s.HMAC, s.Stored = project.Outcome(outcome), event.Type(kind), hashOf(who), s.Stored.UTC()
	return s, nil
}

// Sequence returns what became of a sequence; false when that isn't known. While
// an amendment is under way that is what it is to replace.
func (w *Writer) Sequence(ctx context.Context, generation uint32, seq uint64) (project.Sequence, bool, error) {
	row := w.store.conn.QueryRow(ctx, "SELECT "+sequenceColumns+` FROM sequences WHERE generation = ? AND seq = ?
ORDER BY outcome IN ('dead', 'conflict') DESC LIMIT 1`, generation, seq)
	found, err := scanSequence(row.Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return found, false, nil
	}
	if err != nil {
		return found, false, fmt.Errorf("store: read sequence %d: %w", seq, err)
	}
	return found, true, nil
}

// Keyed returns what became of the sequences with a key, ascending. While an
// amendment is under way a sequence may be there twice.
func (w *Writer) Keyed(ctx context.Context, generation uint32, key event.Key) ([]project.Sequence, error) {
	var list []project.Sequence
	err := w.store.rows(ctx, "the events of a key", func(r driver.Rows) error {
		found, err := scanSequence(r.Scan)
		list = append(list, found)
		return err
	}, "SELECT "+sequenceColumns+` FROM sequences WHERE generation = ? AND key = unhex(?)
ORDER BY seq LIMIT 1 BY seq, outcome`, generation, key.String())
	return list, err
}

// Amend replaces what became of some sequences. What is to be comes first and
// what was goes last, so that an interrupted amendment is seen as one to be done
// again, and no sequence is ever missing.
func (w *Writer) Amend(ctx context.Context, generation uint32, a *project.Amendment) error {
	if err := w.writeFacts(ctx, generation, &a.Batch); err != nil {
		return err
	}
	err := w.writeSequences(ctx, generation, a.Sequences, func(rows []project.Sequence) error {
		return w.clock.keep(ctx, w.store, generation, rows)
	})
	if err != nil {
		return err
	}
	now := make(map[uint64]project.Outcome, len(a.Sequences))
	for _, s := range a.Sequences {
		now[s.Seq] = s.Outcome
	}
	var noFacts, noLetters, conflicts []uint64
	var learners []string
	first := ^uint64(0)
	for _, was := range a.Was {
		if was.Outcome == project.Fact {
			noFacts = append(noFacts, was.Seq)
		}
		switch now[was.Seq] {
		case project.Conflict:
			conflicts = append(conflicts, was.Seq)
		case project.Fact, project.Duplicate:
			noLetters = append(noLetters, was.Seq)
		}
		first = min(first, was.Seq)
	}
	for _, s := range a.Sequences {
		learners = append(learners, s.HMAC.String())
	}
	for _, table := range factsOnly {
		if err := w.store.delete(ctx, table, "generation = ? AND seq IN (?)", generation, noFacts); err != nil {
			return err
		}
	}
	// Snapshots that knew nothing of the change; the deriver makes them anew.
	const derived = "generation IN (SELECT generation FROM generations WHERE facts = ?)"
	if err := w.store.delete(ctx, "states", derived+" AND seq >= ? AND lower(hex(learner_hmac)) IN (?)", generation, first, learners); err != nil {
		return err
	}
	err = w.store.delete(ctx, "cohort_weeks",
		"cohort IN (SELECT cohort FROM memberships WHERE lower(hex(learner_hmac)) IN (?))", learners)
	if err != nil {
		return err
	}
	if err := w.store.delete(ctx, "dead_letters", "generation = ? AND seq IN (?)", generation, noLetters); err != nil {
		return err
	}
	if err := w.store.delete(ctx, "dead_letters", "generation = ? AND seq IN (?) AND reason != 'conflict'", generation, conflicts); err != nil {
		return err
	}
	for _, was := range a.Was {
		err := w.store.delete(ctx, "sequences", "generation = ? AND seq IN (?) AND outcome = ?", generation, []uint64{was.Seq}, string(was.Outcome))
		if err != nil {
			return err
		}
	}
	return nil
}

// delete deletes rows of a table, and returns when they are gone for readers. An
// empty list asks for nothing.
func (s *Store) delete(ctx context.Context, table, where string, args ...any) error {
	for _, arg := range args {
		switch list := arg.(type) {
		case []uint64:
			if len(list) == 0 {
				return nil
			}
		case []string:
			if len(list) == 0 {
				return nil
			}
		}
	}
	if err := s.conn.Exec(ctx, "DELETE FROM "+table+" WHERE "+where, args...); err != nil {
		return fmt.Errorf("store: delete from %s: %w", table, err)
	}
	return nil
}

func hashOf(s string) (h project.HMAC) {
	copy(h[:], s)
	return h
}

// Amended returns the learners of whom earlier facts were amended by events after
// one sequence and up to another, with the first sequence amended.
func (s *Store) Amended(ctx context.Context, facts uint32, after, upTo uint64) (map[string]uint64, error) {
	amended := map[string]uint64{}
	err := s.rows(ctx, "retried dead letters", func(r driver.Rows) error {
		var learner string
		var first uint64
		err := r.Scan(&learner, &first)
		amended[learner] = first
		return err
	}, `WITH retried AS (
  SELECT DISTINCT target FROM dead_letter_actions WHERE generation = ? AND action = 'retried' AND seq > ? AND seq <= ?
), keyed AS (
  SELECT seq AS target, key FROM sequences
  WHERE generation = ? AND seq IN (SELECT target FROM retried) AND key != toFixedString('', 16)
), affected AS (
  SELECT learner_hmac, min(target) AS first FROM sequences INNER JOIN keyed USING key
  WHERE generation = ? AND key IN (SELECT key FROM keyed) GROUP BY learner_hmac
)
SELECT learner, min(affected.first) FROM answers INNER JOIN affected USING learner_hmac
WHERE generation = ? AND learner_hmac IN (SELECT learner_hmac FROM affected)
GROUP BY learner`, facts, after, upTo, facts, facts, facts)
	return amended, err
}

// DropSnapshots deletes a learner's snapshots from a sequence on.
func (s *Store) DropSnapshots(ctx context.Context, derived uint32, learner string, from uint64) error {
	return s.delete(ctx, "states", "generation = ? AND learner = ? AND seq >= ?", derived, learner, from)
}
