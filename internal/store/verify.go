package store

import (
	"context"
	"fmt"
	"hash/maphash"
	"slices"

	"github.com/ClickHouse/ch-go"
	"github.com/ClickHouse/ch-go/proto"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/project"
)

// Checker compares what the tables hold with what they should. It is for one
// verification, used by one goroutine at a time.
//
// Rows are compared here and not in the server, cell by cell in the form in which
// they travel: what is written and what is read have the same columns, so no type
// of the server's stands between them.
type Checker struct {
	*Store
	facts  factColumns
	log    sequenceTable
	stored []*table // to read into, in the order of expected
	seed   maphash.Seed
	buffer []byte
}

var _ project.VerifyStore = (*Checker)(nil)

// Checker returns a checker for one verification.
func (s *Store) Checker() *Checker {
	return &Checker{
		Store: s, facts: newFactColumns(), log: newSequenceTable(),
		stored: append(newFactColumns().all, newSequenceTable().fill(0, nil)), seed: maphash.MakeSeed(),
	}
}

// expected fills the columns of all tables from a batch.
func (c *Checker) expected(b *project.Batch) []*table {
	return append(slices.Clone(c.facts.fill(0, b)), c.log.fill(0, b.Sequences))
}

// Seen returns the first valid event of every one of the keys that the generation
// holds.
func (c *Checker) Seen(ctx context.Context, facts uint32, keys []event.Key) (map[event.Key]project.Seen, error) {
	return seen(ctx, c.do, facts, keys)
}

// Forgotten returns the sequences whose messages erasures deleted, as their receipts
// say.
func (c *Checker) Forgotten(ctx context.Context, facts uint32) (event.Ranges, error) {
	var sets []event.Ranges
	err := c.rows(ctx, "receipts of erasures", func(r driver.Rows) error {
		var text string
		if err := r.Scan(&text); err != nil {
			return err
		}
		ranges, err := event.ParseRanges(text)
		sets = append(sets, ranges)
		return err
	}, "SELECT sequences FROM receipts WHERE generation = ?", facts)
	return event.Union(sets...), err
}

// Reasons returns why those of the sequences are dead letters that could not be
// decoded.
func (c *Checker) Reasons(ctx context.Context, facts uint32, seqs []uint64) (map[uint64]string, error) {
	reasons := map[uint64]string{}
	if len(seqs) == 0 {
		return reasons, nil
	}
	var seq proto.ColUInt64
	reason := new(proto.ColStr)
	err := c.of(ctx, seqs, ch.Query{
		Body: `SELECT seq, toString(min(reason)) AS reason FROM dead_letters
WHERE generation = {generation:UInt32} AND seq IN (SELECT seq FROM wanted) AND dead_letters.reason != 'conflict' GROUP BY seq`,
		Parameters: []proto.Parameter{number("generation", uint64(facts))},
		Result:     proto.Results{{Name: "seq", Data: &seq}, {Name: "reason", Data: reason}},
		OnResult: func(context.Context, proto.Block) error {
			for i := range seq.Rows() {
				reasons[seq.Row(i)] = reason.Row(i)
			}
			return nil
		},
	})
	if err != nil || len(reasons) == 0 {
		return reasons, err
	}
	// A row there makes no dead letter by itself.
	var dead []uint64
	for seq := range reasons {
		dead = append(dead, seq)
	}
	confirmed := map[uint64]string{}
	err = c.of(ctx, dead, ch.Query{
		Body: `SELECT DISTINCT seq FROM sequences
WHERE generation = {generation:UInt32} AND outcome = 'dead' AND seq IN (SELECT seq FROM wanted)`,
		Parameters: []proto.Parameter{number("generation", uint64(facts))},
		Result:     proto.Results{{Name: "seq", Data: &seq}},
		OnResult: func(context.Context, proto.Block) error {
			for i := range seq.Rows() {
				confirmed[seq.Row(i)] = reasons[seq.Row(i)]
			}
			return nil
		},
	})
	return confirmed, err
}

// of runs a query about the sequences in a table that travels with it.
func (c *Checker) of(ctx context.Context, seqs []uint64, q ch.Query) error {
	wanted := proto.ColUInt64(seqs)
	q.ExternalTable, q.ExternalData = "wanted", proto.Input{{Name: "seq", Data: &wanted}}
	if err := c.do(ctx, q); err != nil {
		return fmt.Errorf("store: look up %d sequences: %w", len(seqs), err)
	}
	return nil
}

// Hash hashes the rows of a batch as Stored hashes those of the tables.
func (c *Checker) Hash(b *project.Batch, yield func(project.RowHash)) {
	for _, t := range c.expected(b) {
		c.hash(t, yield)
	}
}

// Stored hashes the rows of a range of sequences. Each table is read once, in the
// order in which it lies on the disk.
func (c *Checker) Stored(ctx context.Context, facts uint32, from, to uint64, yield func(project.RowHash)) error {
	for _, t := range c.stored {
		err := c.do(ctx, ch.Query{
			Body: `SELECT ` + t.names() + ` FROM ` + t.name + `
WHERE generation = {generation:UInt32} AND seq BETWEEN {from:UInt64} AND {to:UInt64}`,
			Parameters: []proto.Parameter{number("generation", uint64(facts)), number("from", from), number("to", to)},
			Settings:   []ch.Setting{ch.SettingInt("max_threads", 1)}, // reports go first
			Result:     t.output,
			OnResult:   func(context.Context, proto.Block) error { c.hash(t, yield); return nil },
		})
		if err != nil {
			return fmt.Errorf("store: read sequences %d to %d of %s: %w", from, to, t.name, err)
		}
	}
	return nil
}

// hash hashes the rows that a table's columns hold now.
func (c *Checker) hash(t *table, yield func(project.RowHash)) {
	seqs := t.sequences()
	for i := range seqs.Rows() {
		c.buffer = t.appendRow(append(c.buffer[:0], t.name...), i)
		yield(project.RowHash{Table: t.name, Seq: seqs.Row(i), Hash: max(1, maphash.Bytes(c.seed, c.buffer))})
	}
}

// Compare compares the rows of some sequences with those of a batch, column by
// column.
func (c *Checker) Compare(ctx context.Context, facts uint32, seqs []uint64, want *project.Batch) ([]project.Mismatch, error) {
	var found []project.Mismatch
	for i, expected := range c.expected(want) {
		stored := c.stored[i]
		wanted, there := expected.sequences(), stored.sequences()
		d := newDiff(expected, stored, wanted.Rows())
		at := make(map[uint64]int, wanted.Rows())
		for row := range wanted.Rows() {
			at[wanted.Row(row)] = row
		}
		err := c.of(ctx, seqs, ch.Query{
			Body: `SELECT ` + stored.names() + ` FROM ` + stored.name + `
WHERE generation = {generation:UInt32} AND seq IN (SELECT seq FROM wanted) ORDER BY seq`,
			Parameters: []proto.Parameter{number("generation", uint64(facts))},
			Result:     stored.output,
			OnResult: func(context.Context, proto.Block) error {
				for row := range there.Rows() {
					to, ok := at[there.Row(row)]
					if !ok {
						to = -1
					}
					d.compare(to, row)
				}
				return nil
			},
		})
		if err != nil {
			return nil, err
		}
		found = append(found, d.close()...)
	}
	return found, nil
}
