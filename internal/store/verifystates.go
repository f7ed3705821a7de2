package store

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ClickHouse/ch-go"
	"github.com/ClickHouse/ch-go/proto"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/gapwise/gapwise/internal/project"
)

// mostLearners is how many learners are listed at a time.
const mostLearners = 2000

// CountLearners returns about how many learners have answers in a range.
func (s *Store) CountLearners(ctx context.Context, facts uint32, from, upTo uint64) (uint64, error) {
	var n uint64
	err := s.conn.QueryRow(ctx, "SELECT uniq(learner) FROM answers WHERE generation = ? AND seq BETWEEN ? AND ?", facts, from, upTo).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("store: count learners: %w", err)
	}
	return n, nil
}

// LearnersFrom lists learners with answers in a range of sequences, sorted, after
// one of them. They are read in the order of the sort key, so a list ends where
// its limit is reached.
func (s *Store) LearnersFrom(ctx context.Context, facts uint32, after string, from, upTo, answers uint64) ([]string, bool, error) {
	var learners []string
	var sum uint64
	more := false
	err := s.rows(ctx, "learners with answers", func(r driver.Rows) error {
		var learner string
		var n uint64
		if err := r.Scan(&learner, &n); err != nil {
			return err
		}
		if sum >= answers || len(learners) == mostLearners {
			more = true
			return nil
		}
		learners, sum = append(learners, learner), sum+n
		return nil
	}, `SELECT learner, count() FROM answers WHERE generation = ? AND learner > ? AND seq <= ?
GROUP BY learner HAVING max(seq) >= ? ORDER BY learner LIMIT ?
SETTINGS optimize_aggregation_in_order = 1`, facts, after, upTo, from, mostLearners+1)
	return learners, more, err
}

// CompareStates compares the snapshots of a span of learners with those that should
// be there.
func (c *Checker) CompareStates(ctx context.Context, span project.StateSpan, want []project.Snapshot) ([]project.Mismatch, uint64, error) {
	expected, stored := table{name: "states"}, table{name: "states"}
	columns, read := newStateColumns(&expected), newStateColumns(&stored)
	for i := range want {
		columns.append(&want[i])
	}
	place := func(learner string, seq uint64) int {
		i, found := slices.BinarySearchFunc(want, seq, func(s project.Snapshot, seq uint64) int {
			if c := strings.Compare(s.Learner, learner); c != 0 {
				return c
			}
			return compareUint(s.Seq, seq)
		})
		if !found {
			return -1
		}
		return i
	}
	d := newDiff(&expected, &stored, len(want))
	err := c.do(ctx, ch.Query{
		Body: `SELECT ` + stored.names() + ` FROM states
WHERE generation = {generation:UInt32} AND lens = {lens:String} AND learner > {after:String}
  AND (learner <= {last:String} OR {last:String} = '') AND seq BETWEEN {from:UInt64} AND {upto:UInt64}
ORDER BY learner, lens, seq`,
		Parameters: []proto.Parameter{
			number("generation", uint64(span.Derived)), parameter("lens", span.Lens.String()),
			parameter("after", span.After), parameter("last", span.Last), number("from", span.From), number("upto", span.UpTo),
		},
		Result: stored.output,
		OnResult: func(context.Context, proto.Block) error {
			for row := range read.seq.Rows() {
				learner := read.learner.Row(row)
				if !span.Except(learner) {
					d.compare(place(learner, read.seq.Row(row)), row)
				}
			}
			return nil
		},
	})
	if err != nil {
		return nil, 0, fmt.Errorf("store: read snapshots by %s: %w", span.Lens, err)
	}
	found := d.close()
	for i := range found {
		found[i].What += " (state by " + span.Lens.String() + ")"
	}
	return found, d.doubles, nil
}
