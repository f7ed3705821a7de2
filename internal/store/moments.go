package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/ClickHouse/ch-go/proto"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/project"
	"github.com/gapwise/gapwise/internal/query"
)

// A log that was put back from an archive has the times at which its messages were stored
// first, so times need not ascend: a fresh deployment publishes its catalog before it
// takes what is older. Only of messages about learners it matters that none is in a report
// of a time before. So each sequence is stored with what it is behind the times: how long
// after its own the last of those before it was stored.

// knownBy is when the log had stored a sequence and all messages about learners before it.
const knownBy = "addMicroseconds(stored, behind)"

// isGapwises reports whether a type is of what Gapwise itself publishes: reports about
// learners may rest on what was published later.
func isGapwises(t event.Type) bool { return t.IsSealed() || t.IsPublication() }

// StoredBy returns when the log had stored a sequence and all messages about learners
// before it; where that sequence was deleted, of the last one before it; the Unix epoch
// where there is none.
func (s *Store) StoredBy(ctx context.Context, facts uint32, seq uint64) (time.Time, error) {
	return s.timeOf(ctx, knownBy, facts, seq)
}

// StoredAt returns when the log stored a sequence, or the last one before it
// where it was deleted; the Unix epoch where there is none.
func (s *Store) StoredAt(ctx context.Context, facts uint32, seq uint64) (time.Time, error) {
	return s.timeOf(ctx, "stored", facts, seq)
}

func (s *Store) timeOf(ctx context.Context, what string, facts uint32, seq uint64) (time.Time, error) {
	var t time.Time
	var rows uint64
	// One sequence is looked for only in the parts that span it.
	err := s.conn.QueryRow(ctx, "SELECT any("+what+"), count() FROM sequences WHERE generation = ? AND seq = ?", facts, seq).Scan(&t, &rows)
	if err == nil && rows == 0 {
		err = s.conn.QueryRow(ctx, "SELECT argMax("+what+", seq) FROM sequences WHERE generation = ? AND seq <= ?", facts, seq).Scan(&t)
	}
	if err != nil {
		return t, fmt.Errorf("store: find when sequence %d was stored: %w", seq, err)
	}
	return t.UTC(), nil
}

// SequenceAt returns the last sequence that the log had stored by then, before the
// first message about a learner that it stored later; 0 for none.
func (s *Store) SequenceAt(ctx context.Context, facts uint32, t time.Time) (uint64, error) {
	var seq uint64
	err := s.conn.QueryRow(ctx, "SELECT max(seq) FROM sequences WHERE generation = ? AND "+knownBy+" <= fromUnixTimestamp64Micro(?, 'UTC')",
		facts, t.UnixMicro()).Scan(&seq)
	if err != nil {
		return 0, fmt.Errorf("store: find the sequence at %s: %w", t, err)
	}
	return seq, nil
}

// Head returns the last sequence of a generation and when the log stored it; 0 and the
// Unix epoch where there is none.
func (s *Store) Head(ctx context.Context, facts uint32) (query.AsOf, error) {
	at := query.AsOf{Time: time.Unix(0, 0).UTC()}
	err := s.rows(ctx, "the last sequence", func(r driver.Rows) error {
		err := r.Scan(&at.Seq, &at.Time)
		at.Time = at.Time.UTC()
		return err
	}, `SELECT seq, stored FROM sequences
WHERE generation = ? AND seq = (SELECT max(seq) FROM sequences WHERE generation = ?) LIMIT 1`, facts, facts)
	return at, err
}

// A clock follows the times of what one writer writes, in the order of the log.
type clock struct {
	generation uint32
	latest     *time.Time // of the messages about learners so far; nil: to be read
	last       uint64     // sequence
	behind     proto.ColUInt64
}

// follow fills the column of how much sequences are behind.
func (c *clock) follow(rows []project.Sequence) {
	c.behind.Reset()
	for i := range rows {
		if rows[i].Stored.After(*c.latest) && !isGapwises(rows[i].Type) {
			*c.latest = rows[i].Stored
		}
		c.behind.Append(uint64(max(0, c.latest.UnixMicro()-rows[i].Stored.UnixMicro())))
	}
	c.last = rows[len(rows)-1].Seq
}

// start reads how late the log is before some sequences, unless that is known. A batch
// may be written again.
func (c *clock) start(ctx context.Context, s *Store, generation uint32, rows []project.Sequence) error {
	if len(rows) == 0 || c.latest != nil && c.generation == generation && c.last < rows[0].Seq {
		return nil
	}
	var ours []string
	for _, t := range event.Types() {
		if isGapwises(t) {
			ours = append(ours, "'"+string(t)+"'")
		}
	}
	var latest time.Time
	err := s.conn.QueryRow(ctx, "SELECT max(stored) FROM sequences WHERE generation = ? AND seq < ? AND type NOT IN ("+strings.Join(ours, ", ")+")",
		generation, rows[0].Seq).Scan(&latest)
	if err != nil {
		return fmt.Errorf("store: find when the messages before sequence %d were stored: %w", rows[0].Seq, err)
	}
	c.generation, c.latest = generation, &latest
	return nil
}

// keep fills the column of how much sequences are behind with what is stored of them.
func (c *clock) keep(ctx context.Context, s *Store, generation uint32, rows []project.Sequence) error {
	seqs := make([]uint64, len(rows))
	for i := range rows {
		seqs[i] = rows[i].Seq
	}
	stored := map[uint64]uint64{}
	err := s.rows(ctx, "how much sequences are behind", func(r driver.Rows) error {
		var seq, behind uint64
		err := r.Scan(&seq, &behind)
		stored[seq] = behind
		return err
	}, "SELECT seq, max(behind) FROM sequences WHERE generation = ? AND seq IN (?) GROUP BY seq", generation, seqs)
	c.behind.Reset()
	for _, seq := range seqs {
		c.behind.Append(stored[seq])
	}
	return err
}
