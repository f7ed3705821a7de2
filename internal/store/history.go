package store

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/ClickHouse/ch-go"
	"github.com/ClickHouse/ch-go/chpool"
	"github.com/ClickHouse/ch-go/proto"

	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/project"
)

// Histories reads facts back, learner by learner, each from its latest snapshot
// on. See [project.HistoryReader].
func (s *Store) Histories(ctx context.Context, q project.HistoryQuery, yield func(*project.History) error) error {
	if len(q.Learners) == 0 {
		return nil
	}
	bases := map[string]*project.Snapshot{}
	if !q.Whole {
		var err error
		if bases, err = s.Snapshots(ctx, q); err != nil {
			return err
		}
	}
	taken, err := s.taken(ctx, q)
	if err != nil {
		return err
	}
	// Learners with a snapshot and nothing after it have a history, too.
	pending := q.Learners
	upTo := func(end int) error {
		for _, learner := range pending[:end] {
			if base := bases[learner]; base != nil {
				if err := yield(&project.History{Learner: learner, HMAC: base.HMAC, Base: base, Taken: taken[learner]}); err != nil {
					return err
				}
			}
		}
		pending = pending[end:]
		return nil
	}
	emit := func(h *project.History) error {
		at, found := slices.BinarySearch(pending, h.Learner)
		if err := upTo(at); err != nil || !found {
			return err
		}
		pending = pending[1:]
		return yield(h)
	}
	if err := s.given(ctx, q, bases, taken, emit); err != nil {
		return err
	}
	return upTo(len(pending))
}

// graders are what the column graded_by stands for, by its numbers.
var graders = [...]event.Grader{
	1: event.GradedByKey, 2: event.GradedBySelf, 3: event.GradedByInstructor, 4: event.GradedByPeer,
}

// given streams the answers of the learners in the order of learner and
// sequence, one a sequence, and emits each learner with answers after its base.
func (s *Store) given(ctx context.Context, q project.HistoryQuery, bases map[string]*project.Snapshot,
	taken map[string][]project.Taken, emit func(*project.History) error,
) error {
	var (
		learner = new(proto.ColStr)
		hmac    proto.ColFixedStr16
		seq     proto.ColUInt64
		key     proto.ColFixedStr16
		at      proto.ColInt64
		item    = new(proto.ColStr).LowCardinality()
		score   proto.ColFloat64
		grader  proto.ColInt8
	)
	var current *project.History
	read := func(context.Context, proto.Block) error {
		for i := range seq.Rows() {
			if current == nil || string(learner.RowBytes(i)) != current.Learner {
				if current != nil {
					if err := emit(current); err != nil {
						return err
					}
				}
				id := learner.Row(i)
				current = &project.History{Learner: id, HMAC: project.HMAC(hmac.Row(i)), Base: bases[id], Taken: taken[id]}
			}
			n := seq.Row(i)
			if last := len(current.Given) - 1; last >= 0 && current.Given[last].Seq == n {
				continue // written twice, not merged yet
			}
			current.Given = append(current.Given, project.Given{
				Seq: n, Key: event.Key(key.Row(i)), Time: at.Row(i), Item: item.Row(i), Score: score.Row(i), GradedBy: graders[grader.Row(i)],
			})
		}
		return nil
	}
	err := s.query(ctx, wanted(q.Learners, bases), ch.Query{
		// What a snapshot knows is left out before the other columns are read: a join would do so after.
		Body: `WITH (SELECT (groupArray(learner), groupArray(after)) FROM wanted) AS bases
SELECT learner, learner_hmac, seq, key, toUnixTimestamp64Micro(time) AS at, item, score, toInt8(graded_by) AS grader
FROM answers
PREWHERE learner IN (SELECT learner FROM wanted) AND seq > transform(learner, bases.1, bases.2, toUInt64(0)) AND seq <= {seq:UInt64}
WHERE generation = {generation:UInt32}
ORDER BY learner, seq`,
		Parameters: []proto.Parameter{number("generation", uint64(q.Facts)), number("seq", q.Seq)},
		Result: proto.Results{
			{Name: "learner", Data: learner}, {Name: "learner_hmac", Data: &hmac}, {Name: "seq", Data: &seq},
			{Name: "key", Data: &key}, {Name: "at", Data: &at}, {Name: "item", Data: item},
			{Name: "score", Data: &score}, {Name: "grader", Data: &grader},
		},
		OnResult: read,
	})
	if err != nil {
		return fmt.Errorf("store: read the answers of %d learners: %w", len(q.Learners), err)
	}
	if current != nil {
		return emit(current)
	}
	return nil
}

// wanted is the table that travels with a query: whose rows are asked for, and
// after which sequence, which is that of their snapshot.
func wanted(learners []string, bases map[string]*project.Snapshot) proto.Input {
	id, after := new(proto.ColStr), new(proto.ColUInt64)
	for _, learner := range learners {
		id.Append(learner)
		if base := bases[learner]; base != nil {
			after.Append(base.Seq)
		} else {
			after.Append(0)
		}
	}
	return proto.Input{{Name: "learner", Data: id}, {Name: "after", Data: after}}
}

// taken reads which answers of the learners were taken back.
func (s *Store) taken(ctx context.Context, q project.HistoryQuery) (map[string][]project.Taken, error) {
	var (
		learner = new(proto.ColStr)
		seq     proto.ColUInt64
		target  proto.ColFixedStr16
	)
	taken := map[string][]project.Taken{}
	err := s.query(ctx, wanted(q.Learners, nil), ch.Query{
		Body: `SELECT learner, seq, target FROM voids
WHERE generation = {generation:UInt32} AND seq <= {seq:UInt64} AND learner IN (SELECT learner FROM wanted)
ORDER BY learner, seq`,
		Parameters: []proto.Parameter{number("generation", uint64(q.Facts)), number("seq", q.Seq)},
		Result: proto.Results{
			{Name: "learner", Data: learner}, {Name: "seq", Data: &seq}, {Name: "target", Data: &target},
		},
		OnResult: func(context.Context, proto.Block) error {
			for i := range seq.Rows() {
				id := learner.Row(i)
				list := taken[id]
				if n := len(list); n > 0 && list[n-1].Seq == seq.Row(i) {
					continue
				}
				taken[id] = append(list, project.Taken{Seq: seq.Row(i), Target: event.Key(target.Row(i))})
			}
			return nil
		},
	})
	if err != nil {
		return nil, fmt.Errorf("store: read the voids of %d learners: %w", len(q.Learners), err)
	}
	return taken, nil
}

// query runs a query about the learners in a table that travels with it.
func (s *Store) query(ctx context.Context, wanted proto.Input, q ch.Query) error {
	q.ExternalTable, q.ExternalData = "wanted", wanted
	q.Settings = append(q.Settings, ch.SettingInt("max_threads", 1)) // learners are shared out among the cores already
	return s.do(ctx, q)
}

// do runs a query on a connection of the pool, which is given up after an error:
// what is still on its way there belongs to this query.
func (s *Store) do(ctx context.Context, q ch.Query) error {
	client, err := s.acquire(ctx)
	if err != nil {
		return fmt.Errorf("connect to ClickHouse at %s: %w", s.options.Addr, err)
	}
	if err := client.Do(ctx, q); err != nil {
		_ = client.Close()
		return trim(err)
	}
	client.Release()
	return nil
}

// acquire takes a connection that works. After a restart of the server all idle
// ones are dead, which is no reason to fail a report each.
func (s *Store) acquire(ctx context.Context) (*chpool.Client, error) {
	for spare := columnConns; ; spare-- {
		client, err := s.pool.Acquire(ctx)
		if err != nil {
			return nil, err
		}
		if err = client.Ping(ctx); err == nil {
			return client, nil
		}
		_ = client.Close()
		if spare == 0 || ctx.Err() != nil {
			return nil, err
		}
	}
}

func number(name string, value uint64) proto.Parameter {
	return parameter(name, strconv.FormatUint(value, 10))
}
