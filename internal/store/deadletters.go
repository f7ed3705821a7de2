package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/gapwise/gapwise/internal/admin"
	"github.com/gapwise/gapwise/internal/event"
)

var _ admin.Store = (*Store)(nil)

// DeadLetters lists dead letters, ascending.
func (s *Store) DeadLetters(ctx context.Context, facts uint32, filter admin.Filter) ([]admin.DeadLetter, error) {
	const dropped = "seq IN (SELECT target FROM dead_letter_actions WHERE generation = ? AND action = 'dropped')"
	where, args := "generation = ? AND seq > ?", []any{facts, facts, filter.After}
	if filter.Reason != "" {
		where, args = where+" AND reason = ?", append(args, filter.Reason)
	}
	if !filter.Dropped {
		where += " AND NOT dropped"
	}
	var list []admin.DeadLetter
	err := s.rows(ctx, "dead letters", func(r driver.Rows) error {
		var d admin.DeadLetter
		if err := r.Scan(&d.Seq, &d.Reason, &d.Detail, &d.Subject, &d.Stored, &d.Raw, &d.Dropped); err != nil {
			return err
		}
		d.Stored = d.Stored.UTC()
		list = append(list, d)
		return nil
	}, "SELECT seq, reason, detail, subject, stored, raw, "+dropped+" AS dropped FROM dead_letters WHERE "+where+
		" ORDER BY seq LIMIT 1 BY seq LIMIT ?", append(args, filter.Limit)...)
	return list, err
}

// Dropped returns the sequences of the dead letters that were taken off the list.
func (s *Store) Dropped(ctx context.Context, facts uint32) (event.Ranges, error) {
	var all event.Ranges
	err := s.rows(ctx, "dropped dead letters", func(r driver.Rows) error {
		var seq uint64
		err := r.Scan(&seq)
		all = all.Add(seq)
		return err
	}, "SELECT DISTINCT target FROM dead_letter_actions WHERE generation = ? AND action = 'dropped' ORDER BY target", facts)
	return all, err
}

// Outcome tells what became of a sequence; false when it isn't projected.
func (s *Store) Outcome(ctx context.Context, facts uint32, seq uint64) (admin.Outcome, bool, error) {
	found := admin.Outcome{Seq: seq}
	err := s.conn.QueryRow(ctx, "SELECT toString(outcome) FROM sequences WHERE generation = ? AND seq = ? LIMIT 1", facts, seq).Scan(&found.Outcome)
	if errors.Is(err, sql.ErrNoRows) {
		return found, false, nil
	}
	if err != nil {
		return found, false, fmt.Errorf("store: read sequence %d: %w", seq, err)
	}
	letters, err := s.DeadLetters(ctx, facts, admin.Filter{After: seq - 1, Limit: 1, Dropped: true})
	if err == nil && len(letters) > 0 && letters[0].Seq == seq {
		found.DeadLetter = &letters[0]
	}
	return found, true, err
}

// NoDeadLetters returns those of some sequences that are no dead letters.
func (s *Store) NoDeadLetters(ctx context.Context, facts uint32, sequences []uint64) ([]uint64, error) {
	var others []uint64
	err := s.rows(ctx, "dead letters", func(r driver.Rows) error {
		var seq uint64
		err := r.Scan(&seq)
		others = append(others, seq)
		return err
	}, `SELECT arrayJoin(arraySort(arrayDistinct(?::Array(UInt64)))) AS asked
WHERE asked NOT IN (SELECT seq FROM dead_letters WHERE generation = ? AND seq IN (?))`, sequences, facts, sequences)
	return others, err
}

// Erasures lists requests to forget a learner with their receipts, ascending: those
// of one request, or of any where that is empty.
func (s *Store) Erasures(ctx context.Context, facts uint32, request string, after uint64, limit int) ([]admin.Erasure, error) {
	var list []admin.Erasure
	var requests []string
	at := map[string]int{} // of HMAC and request
	err := s.rows(ctx, "erasures", func(r driver.Rows) error {
		e := admin.Erasure{State: admin.Pending, Receipts: []admin.Receipt{}}
		if err := r.Scan(&e.Seq, &e.LearnerHMAC, &e.Request, &e.Requested); err != nil {
			return err
		}
		e.Requested = e.Requested.UTC()
		at[e.LearnerHMAC+e.Request] = len(list)
		list, requests = append(list, e), append(requests, e.Request)
		return nil
	}, `SELECT seq, lower(hex(learner_hmac)), request, time FROM erasures
WHERE generation = ? AND seq > ? AND (? = '' OR request = ?) ORDER BY seq LIMIT 1 BY seq LIMIT ?`, facts, after, request, request, limit)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	err = s.rows(ctx, "receipts", func(r driver.Rows) error {
		var one admin.Receipt
		var hmac, request, sequences string
		var rows uint64
		if err := r.Scan(&one.Seq, &hmac, &request, &one.Time, &sequences, &rows); err != nil {
			return err
		}
		i, known := at[hmac+request]
		if !known {
			return nil
		}
		ranges, err := event.ParseRanges(sequences)
		if err != nil {
			return fmt.Errorf("receipt %d: %w", one.Seq, err)
		}
		one.Time, one.Messages, one.Rows = one.Time.UTC(), ranges.Len(), int64(rows)
		list[i].State, list[i].Receipts = admin.Done, append(list[i].Receipts, one)
		return nil
	}, `SELECT seq, lower(hex(learner_hmac)), request, time, sequences, rows FROM receipts
WHERE generation = ? AND request IN (?) ORDER BY seq LIMIT 1 BY seq`, facts, requests)
	return list, err
}
