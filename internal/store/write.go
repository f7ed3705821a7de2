package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ClickHouse/ch-go"
	"github.com/ClickHouse/ch-go/proto"

	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/project"
)

// partitionSpan is how many sequences share a partition of sequences and
// answers (see schemas/clickhouse/001_log.sql). An insert into one partition is
// stored whole or not at all.
const partitionSpan = 16777216

// Writer writes the rows of batches. It implements [project.Writer] and is used
// by one goroutine at a time, look-ups of repeats aside.
type Writer struct {
	store   *Store
	inserts connection
	lookups connection // of repeats, while a batch is inserted
	facts   factColumns
	log     sequenceTable
	clock   clock
}

var _ project.Writer = (*Writer)(nil)

// Writer returns a writer with connections of its own.
func (s *Store) Writer() *Writer {
	return &Writer{
		store: s, inserts: connection{store: s}, lookups: connection{store: s},
		facts: newFactColumns(), log: newSequenceTable(),
	}
}

// Close closes the writer's connections.
func (w *Writer) Close() error {
	return errors.Join(w.inserts.close(), w.lookups.close())
}

// Floor returns the last committed sequence of a generation, 0 for none. It is
// read from the parts' metadata.
func (w *Writer) Floor(ctx context.Context, generation uint32) (uint64, error) {
	w.clock.latest = nil // another writer may have gone on since
	return w.store.Floor(ctx, generation)
}

// Floor returns the last committed sequence of a generation, 0 for none.
func (s *Store) Floor(ctx context.Context, generation uint32) (uint64, error) {
	var floor uint64
	err := s.conn.QueryRow(ctx, "SELECT max(seq) FROM sequences WHERE generation = ?", generation).Scan(&floor)
	if err != nil {
		return 0, fmt.Errorf("store: read the floor of generation %d: %w", generation, err)
	}
	return floor, nil
}

// Seen returns the first valid event of every one of the keys that the
// generation holds. The keys travel as a table of their own.
func (w *Writer) Seen(ctx context.Context, generation uint32, keys []event.Key) (map[event.Key]project.Seen, error) {
	return seen(ctx, w.lookups.do, generation, keys)
}

func seen(ctx context.Context, do func(context.Context, ch.Query) error, generation uint32, keys []event.Key) (map[event.Key]project.Seen, error) {
	seen := make(map[event.Key]project.Seen, len(keys))
	if len(keys) == 0 {
		return seen, nil
	}
	var wanted proto.ColFixedStr16
	for _, key := range keys {
		wanted.Append(key)
	}
	var (
		key     proto.ColFixedStr16
		content proto.ColFixedStr8
		seq     proto.ColUInt64
	)
	err := do(ctx, ch.Query{
		// Keys first: nearly all are new, and then nothing else is read.
		Body: `SELECT key, seq, content FROM sequences PREWHERE key IN (SELECT key FROM wanted)
WHERE generation = {generation:UInt32} AND outcome = 'fact'`,
		Parameters:    []proto.Parameter{parameter("generation", fmt.Sprint(generation))},
		ExternalTable: "wanted",
		ExternalData:  proto.Input{{Name: "key", Data: &wanted}},
		Result: proto.Results{
			{Name: "key", Data: &key}, {Name: "seq", Data: &seq}, {Name: "content", Data: &content},
		},
		OnResult: func(context.Context, proto.Block) error {
			for i := range seq.Rows() {
				k := event.Key(key.Row(i))
				if first, ok := seen[k]; !ok || seq.Row(i) < first.Seq {
					seen[k] = project.Seen{Seq: seq.Row(i), Content: event.Content(content.Row(i))}
				}
			}
			return nil
		},
	})
	if err != nil {
		return nil, fmt.Errorf("store: look up %d keys: %w", len(keys), err)
	}
	return seen, nil
}

// Keys yields the keys of all sequences of a generation.
func (w *Writer) Keys(ctx context.Context, generation uint32, yield func(event.Key)) error {
	var key proto.ColFixedStr16
	err := w.lookups.do(ctx, ch.Query{
		Body:       "SELECT key FROM sequences WHERE generation = {generation:UInt32}",
		Parameters: []proto.Parameter{parameter("generation", fmt.Sprint(generation))},
		Result:     proto.Results{{Name: "key", Data: &key}},
		OnResult: func(context.Context, proto.Block) error {
			for i := range key.Rows() {
				yield(event.Key(key.Row(i)))
			}
			return nil
		},
	})
	if err != nil {
		return fmt.Errorf("store: read the keys of generation %d: %w", generation, err)
	}
	return nil
}

// Write stores a batch that follows what is stored: facts first, then the sequences that
// commit them.
func (w *Writer) Write(ctx context.Context, generation uint32, b *project.Batch) error {
	if err := w.writeFacts(ctx, generation, b); err != nil {
		return err
	}
	if err := w.clock.start(ctx, w.store, generation, b.Sequences); err != nil {
		return err
	}
	return w.writeSequences(ctx, generation, b.Sequences, func(rows []project.Sequence) error {
		w.clock.follow(rows)
		return nil
	})
}

func (w *Writer) writeFacts(ctx context.Context, generation uint32, b *project.Batch) error {
	for _, t := range w.facts.fill(generation, b) {
		if err := w.insert(ctx, t); err != nil {
			return err
		}
	}
	return nil
}

// writeSequences stores sequences with the times that tell puts into the clock. Those over
// the border of two partitions would be two inserts, of which the second could be stored
// alone; so they are made one after the other.
func (w *Writer) writeSequences(ctx context.Context, generation uint32, rows []project.Sequence, tell func([]project.Sequence) error) error {
	for len(rows) > 0 {
		n, partition := 1, rows[0].Seq/partitionSpan
		for n < len(rows) && rows[n].Seq/partitionSpan == partition {
			n++
		}
		if err := tell(rows[:n]); err != nil {
			return err
		}
		t := w.log.fill(generation, rows[:n])
		timed := table{name: t.name, input: append(slices.Clone(t.input), proto.InputColumn{Name: "behind", Data: &w.clock.behind})}
		if err := w.insert(ctx, &timed); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

func (w *Writer) insert(ctx context.Context, t *table) error {
	if t.rows() == 0 {
		return nil
	}
	err := w.inserts.do(ctx, ch.Query{Body: t.input.Into(t.name), Input: t.input})
	if err != nil {
		return fmt.Errorf("store: insert %d rows into %s: %w", t.rows(), t.name, err)
	}
	return nil
}

// trim drops the server's stack trace from an error.
func trim(err error) error {
	if e, ok := ch.AsException(err); ok {
		message, _, _ := strings.Cut(e.Message, "Stack trace:")
		return fmt.Errorf("%s: %s", e.Name, strings.TrimSpace(message))
	}
	return err
}
