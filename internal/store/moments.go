package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/gapwise/gapwise/internal/event"
)

// learnerFacts are the facts that reports rest on. A log that was put back from an archive
// has the times at which its messages were stored first, so times need not ascend: a
// fresh deployment publishes its catalog before it takes what is older. Only of these
// facts it matters that none is in a report of a time before.
var learnerFacts = func() string {
	var others []string
	for _, t := range event.Types() {
		if t.IsSealed() || t.IsPublication() {
			others = append(others, "'"+string(t)+"'")
		}
	}
	return "outcome = 'fact' AND type NOT IN (" + strings.Join(others, ", ") + ")"
}()

// StoredBy returns when the log had stored a sequence and all facts about learners
// before it.
func (s *Store) StoredBy(ctx context.Context, facts uint32, seq uint64) (time.Time, error) {
	own, err := s.StoredAt(ctx, facts, seq)
	if err != nil {
		return own, err
	}
	var before time.Time
	err = s.conn.QueryRow(ctx, "SELECT max(stored) FROM sequences WHERE generation = ? AND seq <= ? AND "+learnerFacts, facts, seq).Scan(&before)
	if err != nil {
		return own, fmt.Errorf("store: find when the facts up to sequence %d were stored: %w", seq, err)
	}
	if before.After(own) {
		return before.UTC(), nil
	}
	return own, nil
}
