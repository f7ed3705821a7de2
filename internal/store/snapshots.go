package store

import (
	"context"
	"fmt"

	"github.com/ClickHouse/ch-go"
	"github.com/ClickHouse/ch-go/proto"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/mastery"
	"github.com/gapwise/gapwise/internal/project"
)

var _ project.SnapshotStore = (*Store)(nil)

// stateColumns are the columns of states: the same for writing and reading.
type stateColumns struct {
	learner  *proto.ColStr
	hmac     *proto.ColFixedStr16
	seq      *proto.ColUInt64
	facts    *proto.ColUInt32
	unmapped *proto.ColUInt32
	lastTime *proto.ColInt64
	lastKey  *proto.ColFixedStr16
	ability  *proto.ColFloat64
	variance *proto.ColFloat64
	form     *proto.ColFloat64
	last     *proto.ColInt64
	answers  *proto.ColUInt32

	counts [5]*proto.ColArr[uint32] // topic, topic_answers, topic_self, topic_first; item
	times  *proto.ColArr[int64]
	floats [10]*proto.ColArr[float64] // eight of topics, two of items
}

// The names of the array columns, in the order of stateColumns.
var (
	countColumns = [5]string{"topic", "topic_answers", "topic_self", "topic_first", "item"}
	floatColumns = [10]string{
		"topic_skill", "topic_variance", "topic_first_right", "topic_right", "topic_expected",
		"topic_weight", "topic_trend", "topic_trend_weight", "item_right", "item_wrong",
	}
)

func newStateColumns(t *table) *stateColumns {
	c := &stateColumns{
		learner:  add(t, "learner", new(proto.ColStr)),
		hmac:     add(t, "learner_hmac", new(proto.ColFixedStr16)),
		seq:      add(t, "seq", new(proto.ColUInt64)),
		facts:    add(t, "facts", new(proto.ColUInt32)),
		unmapped: add(t, "unmapped", new(proto.ColUInt32)),
		lastTime: add(t, "last_time", new(proto.ColInt64)),
		lastKey:  add(t, "last_key", new(proto.ColFixedStr16)),
		ability:  add(t, "ability", new(proto.ColFloat64)),
		variance: add(t, "variance", new(proto.ColFloat64)),
		form:     add(t, "form", new(proto.ColFloat64)),
		last:     add(t, "last", new(proto.ColInt64)),
		answers:  add(t, "answers", new(proto.ColUInt32)),
	}
	for i, name := range countColumns {
		c.counts[i] = add(t, name, proto.NewArrUInt32())
	}
	c.times = add(t, "topic_last", proto.NewArrInt64())
	for i, name := range floatColumns {
		c.floats[i] = add(t, name, proto.NewArrFloat64())
	}
	return c
}

// arrays lists a snapshot's slices in the order of the array columns.
func arrays(s *mastery.Snapshot) (counts [5]*[]uint32, floats [10]*[]float64) {
	counts = [5]*[]uint32{&s.Topic, &s.TopicN, &s.Self, &s.First, &s.Item}
	floats = [10]*[]float64{
		&s.S, &s.VS, &s.FirstRight, &s.Right, &s.Expected, &s.Weight, &s.TrendSum, &s.TrendWeight, &s.ItemRight, &s.ItemWrong,
	}
	return counts, floats
}

func (c *stateColumns) append(s *project.Snapshot) {
	c.learner.Append(s.Learner)
	c.hmac.Append(s.HMAC)
	c.seq.Append(s.Seq)
	c.facts.Append(s.Facts)
	c.unmapped.Append(s.Unmapped)
	c.lastTime.Append(s.LastTime)
	c.lastKey.Append(s.LastKey)
	c.ability.Append(s.State.A)
	c.variance.Append(s.State.VA)
	c.form.Append(s.State.Form)
	c.last.Append(s.State.Last)
	c.answers.Append(s.State.N)
	counts, floats := arrays(&s.State)
	for i := range counts {
		c.counts[i].Append(*counts[i])
	}
	c.times.Append(s.State.TopicLast)
	for i := range floats {
		c.floats[i].Append(*floats[i])
	}
}

func (c *stateColumns) row(i int, lens project.Lens) *project.Snapshot {
	s := &project.Snapshot{
		Learner: c.learner.Row(i), HMAC: c.hmac.Row(i), Lens: lens, Seq: c.seq.Row(i),
		Facts: c.facts.Row(i), Unmapped: c.unmapped.Row(i),
		LastTime: c.lastTime.Row(i), LastKey: event.Key(c.lastKey.Row(i)),
		State: mastery.Snapshot{
			A: c.ability.Row(i), VA: c.variance.Row(i), Form: c.form.Row(i), Last: c.last.Row(i), N: c.answers.Row(i),
		},
	}
	counts, floats := arrays(&s.State)
	for j := range counts {
		*counts[j] = c.counts[j].Row(i)
	}
	s.State.TopicLast = c.times.Row(i)
	for j := range floats {
		*floats[j] = c.floats[j].Row(i)
	}
	return s
}

// Snapshots reads the latest snapshot of every learner at or before a sequence.
func (s *Store) Snapshots(ctx context.Context, q project.HistoryQuery) (map[string]*project.Snapshot, error) {
	var t table
	columns := newStateColumns(&t)
	found := map[string]*project.Snapshot{}
	err := s.query(ctx, wanted(q.Learners, nil), ch.Query{
		Body: `SELECT ` + t.names() + ` FROM states
WHERE generation = {generation:UInt32} AND lens = {lens:String} AND (learner, seq) IN (
  SELECT learner, max(seq) FROM states
  WHERE generation = {generation:UInt32} AND lens = {lens:String} AND seq <= {seq:UInt64}
    AND learner IN (SELECT learner FROM wanted)
  GROUP BY learner)`,
		Parameters: []proto.Parameter{
			number("generation", uint64(q.Derived)), parameter("lens", q.Lens.String()), number("seq", q.Seq),
		},
		Result: t.output,
		OnResult: func(context.Context, proto.Block) error {
			for i := range columns.seq.Rows() {
				snapshot := columns.row(i, q.Lens)
				found[snapshot.Learner] = snapshot
			}
			return nil
		},
	})
	if err != nil {
		return nil, fmt.Errorf("store: read the snapshots of %d learners: %w", len(q.Learners), err)
	}
	return found, nil
}

// WriteSnapshots stores snapshots of one derived generation.
func (s *Store) WriteSnapshots(ctx context.Context, derived uint32, snapshots []project.Snapshot) error {
	if len(snapshots) == 0 {
		return nil
	}
	t := table{name: "states"}
	columns := newStateColumns(&t)
	generation := add(&t, "generation", new(proto.ColUInt32))
	lens := add(&t, "lens", new(proto.ColEnum))
	for i := range snapshots {
		columns.append(&snapshots[i])
		generation.Append(derived)
		lens.Append(snapshots[i].Lens.String())
	}
	if err := s.do(ctx, ch.Query{Body: t.input.Into(t.name), Input: t.input}); err != nil {
		return fmt.Errorf("store: write %d snapshots: %w", len(snapshots), err)
	}
	return nil
}

// SnapshotFloor returns up to which sequence snapshots are complete.
func (s *Store) SnapshotFloor(ctx context.Context, derived uint32) (uint64, error) {
	var floor uint64
	err := s.conn.QueryRow(ctx, "SELECT max(floor) FROM state_floors WHERE generation = ?", derived).Scan(&floor)
	if err != nil {
		return 0, fmt.Errorf("store: read the snapshot floor of generation %d: %w", derived, err)
	}
	return floor, nil
}

// SetSnapshotFloor stores that snapshots are complete up to a sequence.
func (s *Store) SetSnapshotFloor(ctx context.Context, derived uint32, floor uint64) error {
	if err := s.conn.Exec(ctx, "INSERT INTO state_floors (generation, floor) VALUES (?, ?)", derived, floor); err != nil {
		return fmt.Errorf("store: write the snapshot floor of generation %d: %w", derived, err)
	}
	return nil
}

// SnapshotCount returns how many snapshots a derived generation has.
func (s *Store) SnapshotCount(ctx context.Context, derived uint32) (uint64, error) {
	var n uint64
	err := s.conn.QueryRow(ctx, "SELECT uniqExact(learner, lens, seq) FROM states WHERE generation = ?", derived).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("store: count the snapshots of generation %d: %w", derived, err)
	}
	return n, nil
}

// LearnersDue returns the learners whose number of answers reached a multiple after
// one sequence and up to another, sorted. Learners are read in the order of the sort
// key, one after the other, so what it takes doesn't grow with their number.
func (s *Store) LearnersDue(ctx context.Context, q project.DueQuery) ([]project.Due, error) {
	var list []project.Due
	collect := func(r driver.Rows) error {
		var one project.Due
		err := r.Scan(&one.Learner, &one.Snapshots)
		list = append(list, one)
		return err
	}
	const (
		due = `SELECT learner, toUInt64(intDiv(uniqExact(seq) AS n, ?) - intDiv(n - uniqExactIf(seq, seq > ?), ?)) AS due FROM answers
WHERE generation = ? AND learner > ? AND seq <= ?`
		active = ` AND learner IN (SELECT DISTINCT learner FROM answers WHERE generation = ? AND seq > ? AND seq <= ?)`
		sorted = ` GROUP BY learner HAVING due > 0 ORDER BY learner LIMIT ? SETTINGS optimize_aggregation_in_order = 1`
		what   = "learners due for a snapshot"
	)
	args := []any{q.Every, q.After, q.Every, q.Facts, q.From, q.UpTo}
	if q.After == 0 { // everybody was active after that
		return list, s.rows(ctx, what, collect, due+sorted, append(args, q.Limit)...)
	}
	return list, s.rows(ctx, what, collect, due+active+sorted, append(args, q.Facts, q.After, q.UpTo, q.Limit)...)
}

// CountDue returns about how many learners have at least so many answers up to a
// sequence: an answer that is stored twice counts twice.
func (s *Store) CountDue(ctx context.Context, facts uint32, upTo, least uint64) (uint64, error) {
	var n uint64
	err := s.conn.QueryRow(ctx, `SELECT count() FROM (
  SELECT learner FROM answers WHERE generation = ? AND seq <= ? GROUP BY learner HAVING count() >= ?
  SETTINGS optimize_aggregation_in_order = 1
)`, facts, upTo, least).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("store: count learners due for a snapshot: %w", err)
	}
	return n, nil
}
