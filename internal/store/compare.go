package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/gapwise/gapwise/internal/query"
)

// comparedRows is about how many rows of both generations are compared at a time: it
// bounds the memory of a comparison in the server. Rows of states are wide.
const (
	comparedRows   = 1 << 18
	comparedStates = 1 << 13
)

// compared says how the rows of a table are compared: in parts of its sort key, so
// that each part reads little more than its own rows.
type compared struct {
	table string
	by    string   // learner, key or seq: what parts are ranges of
	among []string // what tells rows apart that share a sequence
	whole string   // the columns that are hashed
	rows  int      // at a time
}

// comparedFacts returns how each table of facts is compared. Those about learners are
// sorted by them, memberships aside.
func comparedFacts() []compared {
	list := []compared{
		{table: "sequences", by: "key", whole: "* EXCEPT (generation, behind)"},    // behind tells of messages before, which may be gone
		{table: "dead_letters", by: "seq", whole: "* EXCEPT (generation, detail)"}, // the words of an explanation may change with the version
	}
	for _, t := range factTables {
		c := compared{table: t.name, by: "seq"}
		if t.export != nil && t.name != "memberships" {
			c.by = "learner"
		}
		list = append(list, c)
	}
	for i := range list {
		list[i].rows, list[i].whole = comparedRows, cmp.Or(list[i].whole, "* EXCEPT (generation)")
	}
	return list
}

// comparedRange is a part of a table; its condition holds for no row of another part.
type comparedRange struct {
	where string
	args  []any
}

// careful are the settings of queries that read whole tables beside live traffic: one
// thread each, so that reports and projection go first.
func careful(ctx context.Context) context.Context {
	return clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{"max_threads": 1, "max_execution_time": 0}))
}

// CompareFacts compares all tables of two generations of facts up to a sequence.
func (s *Store) CompareFacts(ctx context.Context, from, to uint32, upTo uint64, step func(rows uint64) error) ([]query.TableComparison, error) {
	var list []query.TableComparison
	for _, c := range comparedFacts() {
		one, err := s.compare(ctx, c, from, to, upTo, step)
		if err != nil {
			return nil, err
		}
		list = append(list, one)
	}
	return list, nil
}

// CompareSnapshots compares the snapshots of two derived generations up to a
// sequence: whole, or only where they lie.
func (s *Store) CompareSnapshots(ctx context.Context, from, to uint32, upTo uint64, places bool, step func(rows uint64) error) (query.TableComparison, error) {
	c := compared{table: "states", by: "learner", among: []string{"lens"}, whole: "* EXCEPT (generation)", rows: comparedStates}
	if places {
		c.whole, c.rows = "learner, learner_hmac, lens, seq, facts, last_time, last_key", comparedRows
	}
	t, err := s.compare(ctx, c, from, to, upTo, func(rows uint64) error { return step(rows * snapshotRows(places)) })
	if places {
		t.Part = query.PartPlaces
	}
	return t, err
}

// compare compares the logical rows of a table, part by part. A row that is stored
// twice with different content equals none that isn't.
func (s *Store) compare(ctx context.Context, c compared, from, to uint32, upTo uint64, step func(rows uint64) error) (query.TableComparison, error) {
	t := query.TableComparison{Table: c.table, UpTo: upTo}
	identity := strings.Join(append([]string{"seq"}, c.among...), ", ")
	var hashes [2]uint64
	body := `SELECT countIf(a > 0), countIf(b > 0), groupBitXorIf(ha, a > 0), groupBitXorIf(hb, b > 0),
  countIf(a = 0 OR b = 0 OR ha != hb), minIf(seq, a = 0 OR b = 0 OR ha != hb), sum(a + b)
FROM (
  SELECT seq, countIf(generation = ?) AS a, countIf(generation = ?) AS b,
    minIf(h, generation = ?) AS la, maxIf(h, generation = ?) AS ma, if(la = ma, ma, sipHash64(la, ma)) AS ha,
    minIf(h, generation = ?) AS lb, maxIf(h, generation = ?) AS mb, if(lb = mb, mb, sipHash64(lb, mb)) AS hb
  FROM (
    SELECT generation, ` + identity + `, sipHash64(` + c.whole + `) AS h FROM ` + c.table + `
    WHERE generation IN (?, ?) AND seq <= ? AND `
	err := s.ranges(ctx, c, from, to, upTo, func(r comparedRange) error {
		args := append([]any{from, to, from, from, to, to, from, to, upTo}, r.args...)
		var rows [2]uint64
		var differing, first, read uint64
		var part [2]uint64
		err := s.conn.QueryRow(careful(ctx), body+r.where+") GROUP BY "+identity+")", args...).
			Scan(&rows[0], &rows[1], &part[0], &part[1], &differing, &first, &read)
		if err != nil {
			return fmt.Errorf("store: compare %s: %w", c.table, err)
		}
		t.From.Rows += rows[0]
		t.To.Rows += rows[1]
		hashes[0] ^= part[0]
		hashes[1] ^= part[1]
		t.Differing += differing
		if differing > 0 && (t.First == 0 || first < t.First) {
			t.First = first
		}
		return step(read)
	})
	t.From.Hash, t.To.Hash = fmt.Sprintf("%016x", hashes[0]), fmt.Sprintf("%016x", hashes[1])
	t.Equal = t.Differing == 0
	return t, err
}

// ranges yields the parts of a table, each with about so many rows of both
// generations as are compared at a time.
func (s *Store) ranges(ctx context.Context, c compared, from, to uint32, upTo uint64, yield func(comparedRange) error) error {
	switch c.by {
	case "learner":
		return s.learnerRanges(ctx, c, from, to, yield)
	case "key":
		return s.keyRanges(ctx, c, from, to, yield)
	}
	for after := uint64(0); after < upTo; after += uint64(c.rows) {
		if err := yield(comparedRange{"seq > ? AND seq <= ?", []any{after, after + uint64(c.rows)}}); err != nil {
			return err
		}
	}
	return nil
}

// learnerRanges reads each range's end from the sort key.
func (s *Store) learnerRanges(ctx context.Context, c compared, from, to uint32, yield func(comparedRange) error) error {
	for after, more := "", true; more; {
		var ends []string
		err := s.conn.QueryRow(careful(ctx), `SELECT groupArray(learner) FROM (
  SELECT learner FROM `+c.table+` WHERE generation IN (?, ?) AND learner > ? ORDER BY learner LIMIT 1 OFFSET ?
)`, from, to, after, c.rows).Scan(&ends)
		if err != nil {
			return fmt.Errorf("store: divide %s: %w", c.table, err)
		}
		r := comparedRange{"learner > ?", []any{after}}
		if more = len(ends) > 0; more {
			after = ends[0]
			r.where, r.args = r.where+" AND learner <= ?", append(r.args, after)
		}
		if err := yield(r); err != nil {
			return err
		}
	}
	return nil
}

// keyRanges divides keys evenly, as hashes are; messages without one are in the first
// part.
func (s *Store) keyRanges(ctx context.Context, c compared, from, to uint32, yield func(comparedRange) error) error {
	rows, err := s.countRows(ctx, c.table, from, to)
	if err != nil {
		return err
	}
	const prefixes = 1 << 16
	parts := min(prefixes, rows/uint64(c.rows)+1)
	at := func(i uint64) string { return fmt.Sprintf("%04x%028x", i*prefixes/parts, 0) }
	for i := range parts {
		r := comparedRange{"key >= unhex(?)", []any{at(i)}}
		if i < parts-1 {
			r.where, r.args = r.where+" AND key < unhex(?)", append(r.args, at(i+1))
		}
		if err := yield(r); err != nil {
			return err
		}
	}
	return nil
}

// countRows counts the rows of two generations, as they are stored.
func (s *Store) countRows(ctx context.Context, table string, from, to uint32) (uint64, error) {
	var rows uint64
	if err := s.conn.QueryRow(ctx, "SELECT count() FROM "+table+" WHERE generation IN (?, ?)", from, to).Scan(&rows); err != nil {
		return 0, fmt.Errorf("store: count the rows of %s: %w", table, err)
	}
	return rows, nil
}

// RowsToCompare returns about how many rows comparing two generations of facts reads.
func (s *Store) RowsToCompare(ctx context.Context, from, to uint32) (uint64, error) {
	total, tables := uint64(0), []string{"sequences"} // for the ledger
	if from != to {
		tables = append(tables, factTableNames...)
	}
	for _, table := range tables {
		rows, err := s.countRows(ctx, table, from, to)
		if err != nil {
			return 0, err
		}
		total += rows
	}
	return total, nil
}

// SnapshotsToCompare is RowsToCompare for two derived generations; a snapshot counts as
// so many rows as take as long.
func (s *Store) SnapshotsToCompare(ctx context.Context, from, to uint32, places bool) (uint64, error) {
	rows, err := s.countRows(ctx, "states", from, to)
	return rows * snapshotRows(places), err
}

// snapshotRows is how many rows take as long as a snapshot: all of it, or its place.
func snapshotRows(places bool) uint64 {
	if places {
		return 1
	}
	return comparedRows / comparedStates
}

// ComparedLedger tells what became of the log's messages in a generation of facts up
// to a sequence.
func (s *Store) ComparedLedger(ctx context.Context, facts uint32, upTo uint64, step func(rows uint64) error) (query.ComparedLedger, error) {
	l := query.ComparedLedger{Messages: upTo}
	var sum [2]uint64
	var present uint64
	c := compared{table: "sequences", rows: comparedRows}
	err := s.keyRanges(ctx, c, facts, facts, func(r comparedRange) error {
		var part [2]uint64
		var n [6]uint64
		err := s.conn.QueryRow(careful(ctx), `SELECT countIf(o = 'fact'), countIf(o = 'duplicate'), countIf(o = 'conflict'), countIf(o = 'dead'), countIf(o = 'erased'),
  groupBitXorIf(reinterpretAsUInt64(reverse(substring(k, 1, 8))), o = 'fact'), groupBitXorIf(reinterpretAsUInt64(reverse(substring(k, 9, 8))), o = 'fact'), sum(n)
FROM (SELECT seq, max(outcome) AS o, toString(max(key)) AS k, count() AS n FROM sequences WHERE generation = ? AND seq <= ? AND `+r.where+` GROUP BY seq)`,
			append([]any{facts, upTo}, r.args...)...).
			Scan(&n[0], &n[1], &n[2], &n[3], &n[4], &part[0], &part[1], &n[5])
		if err != nil {
			return fmt.Errorf("store: sum up the ledger of generation %d: %w", facts, err)
		}
		l.Rows += n[0]
		l.Duplicates += n[1]
		l.Conflicts += n[2]
		l.DeadLetters += n[3]
		l.Erased += n[4]
		present += n[0] + n[1] + n[2] + n[3] + n[4]
		sum[0] ^= part[0]
		sum[1] ^= part[1]
		return step(n[5])
	})
	if err != nil {
		return l, err
	}
	l.Checksum = fmt.Sprintf("%016x%016x", sum[0], sum[1])
	gone, err := s.gone(ctx, facts, upTo)
	if err != nil {
		return l, err
	}
	l.Erased += gone
	l.Missing = upTo - min(upTo, present+gone)
	return l, nil
}

// gone counts the sequences that receipts of erasures name and that aren't there.
func (s *Store) gone(ctx context.Context, facts uint32, upTo uint64) (uint64, error) {
	forgotten, err := s.Checker().Forgotten(ctx, facts)
	if err != nil {
		return 0, err
	}
	gone := uint64(0)
	for some := range slices.Chunk(slices.Collect(forgotten.All()), comparedRows) {
		some = slices.DeleteFunc(some, func(seq uint64) bool { return seq > upTo })
		if len(some) == 0 {
			continue
		}
		wanted, err := beside(ctx, "UInt64", some)
		if err != nil {
			return 0, err
		}
		var there uint64
		err = s.conn.QueryRow(wanted, "SELECT uniqExact(seq) FROM sequences WHERE generation = ? AND seq IN (SELECT v FROM wanted)", facts).Scan(&there)
		if err != nil {
			return 0, fmt.Errorf("store: look for erased sequences: %w", err)
		}
		gone += uint64(len(some)) - there
	}
	return gone, nil
}

// LastAmendment returns the sequence of the last event that changed rows before it:
// a dead letter retried, or a learner erased; 0 for none.
func (s *Store) LastAmendment(ctx context.Context, facts uint32) (uint64, error) {
	var last uint64
	err := s.conn.QueryRow(ctx, `SELECT greatest(
  (SELECT max(seq) FROM dead_letter_actions WHERE generation = ? AND action = 'retried'),
  (SELECT max(seq) FROM erasures WHERE generation = ?), (SELECT max(seq) FROM receipts WHERE generation = ?))`,
		facts, facts, facts).Scan(&last)
	if err != nil {
		return 0, fmt.Errorf("store: look for the last amendment: %w", err)
	}
	return last, nil
}

// Rewriting tells apart the times before and after each change of rows that were
// there, and whether one is under way.
func (s *Store) Rewriting(ctx context.Context) (mark string, busy bool, err error) {
	err = s.conn.QueryRow(ctx, `SELECT concat(toString(count()), ' ', toString(countIf(is_done)), ' ', max(mutation_id)), countIf(NOT is_done) > 0
FROM system.mutations WHERE database = currentDatabase() AND table IN (?)`, append([]string{"states"}, factTableNames...)).Scan(&mark, &busy)
	if err != nil {
		return "", false, fmt.Errorf("store: look for rewritten tables: %w", err)
	}
	return mark, busy, nil
}
