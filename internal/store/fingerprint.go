package store

import (
	"context"
	"fmt"
	"strings"
)

// Fingerprint hashes what a generation of facts holds: each table's rows, one a
// sequence, without the generation. Equal logs give equal fingerprints, whatever
// was written twice on the way.
func (s *Store) Fingerprint(ctx context.Context, facts uint32) (string, error) {
	var parts []string
	for _, name := range factTableNames {
		var rows, hash uint64
		err := s.conn.QueryRow(ctx, `SELECT count(), groupBitXor(sipHash64(*)) FROM (
  SELECT * EXCEPT generation FROM `+name+` WHERE generation = ? LIMIT 1 BY seq
)`, facts).Scan(&rows, &hash)
		if err != nil {
			return "", fmt.Errorf("store: hash %s: %w", name, err)
		}
		parts = append(parts, fmt.Sprintf("%s %d rows %016x", name, rows, hash))
	}
	return strings.Join(parts, "; "), nil
}

// SnapshotFingerprint hashes the snapshots of a derived generation.
func (s *Store) SnapshotFingerprint(ctx context.Context, derived uint32) (string, error) {
	var rows, hash uint64
	err := s.conn.QueryRow(ctx, `SELECT count(), groupBitXor(sipHash64(*)) FROM (
  SELECT * EXCEPT generation FROM states WHERE generation = ? LIMIT 1 BY learner, lens, seq
)`, derived).Scan(&rows, &hash)
	if err != nil {
		return "", fmt.Errorf("store: hash snapshots: %w", err)
	}
	return fmt.Sprintf("states %d rows %016x", rows, hash), nil
}

// WeekFingerprint hashes the weeks of cohorts that readers of a derived generation
// see: those of each cohort's highest sequence.
func (s *Store) WeekFingerprint(ctx context.Context, derived uint32) (string, error) {
	var rows, hash uint64
	err := s.conn.QueryRow(ctx, `SELECT count(), groupBitXor(sipHash64(*)) FROM (
  SELECT * EXCEPT generation FROM cohort_weeks
  WHERE generation = ? AND (cohort, seq) IN (SELECT cohort, max(seq) FROM cohort_weeks WHERE generation = ? GROUP BY cohort)
  LIMIT 1 BY cohort, lens, topic, week
)`, derived, derived).Scan(&rows, &hash)
	if err != nil {
		return "", fmt.Errorf("store: hash the weeks of cohorts: %w", err)
	}
	return fmt.Sprintf("cohort_weeks %d rows %016x", rows, hash), nil
}
