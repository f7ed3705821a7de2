package store

import (
	"context"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/query"
)

// FirstResponses yields what learners responded at their first attempt at an item, as far
// as that may be the id of a choice.
func (s *Store) FirstResponses(ctx context.Context, facts uint32, learners []string, seq uint64, yield func(query.Response)) error {
	ctx, err := beside(ctx, "String", learners)
	if err != nil {
		return err
	}
	return s.rows(ctx, "responses of learners", func(r driver.Rows) error {
		var response query.Response
		if err := r.Scan(&response.Learner, &response.Item, &response.Response); err != nil {
			return err
		}
		yield(response)
		return nil
	}, `SELECT learner, item, argMin(response, (time, key)) AS first FROM (`+valid+`)
GROUP BY learner, item HAVING first != '' AND length(first) <= ? ORDER BY learner, item`,
		facts, seq, facts, seq, event.MaxID)
}

// Ticks yields the checklist items that learners ever ticked or unticked, as they stand.
func (s *Store) Ticks(ctx context.Context, facts uint32, learners []string, seq uint64, yield func(query.Tick)) error {
	ctx, err := beside(ctx, "String", learners)
	if err != nil {
		return err
	}
	return s.rows(ctx, "ticks of learners", func(r driver.Rows) error {
		var t query.Tick
		if err := r.Scan(&t.Learner, &t.Item, &t.Ticked, &t.Time); err != nil {
			return err
		}
		t.Time = t.Time.UTC()
		yield(t)
		return nil
	}, `SELECT learner, item, argMax(ticked, (time, key)), max(time) FROM ticks
WHERE generation = ? AND seq <= ? AND learner IN (SELECT v FROM wanted) GROUP BY learner, item ORDER BY learner, item`, facts, seq)
}

// Confidences sums up the scores of answers whose learners told how sure they were: in
// the scores' order, so that sums have the same bits however the rows lie.
func (s *Store) Confidences(ctx context.Context, facts uint32, learners []string, seq uint64, yield func(query.Confidence)) error {
	ctx, err := beside(ctx, "String", learners)
	if err != nil {
		return err
	}
	return s.rows(ctx, "confidence of learners", func(r driver.Rows) error {
		var c query.Confidence
		var level uint8
		var answers uint64
		if err := r.Scan(&c.Learner, &c.Item, &level, &answers, &c.Score, &c.Squares); err != nil {
			return err
		}
		c.Level, c.Answers = int(level), int(answers)
		yield(c)
		return nil
	}, `SELECT learner, item, confidence, length(scores), arraySum(scores), arraySum(x -> x * x, scores) FROM (
  SELECT learner, item, confidence, arraySort(groupArray(score)) AS scores FROM (`+valid+`)
  WHERE confidence > 0 GROUP BY learner, item, confidence
) ORDER BY learner, item, confidence`,
		facts, seq, facts, seq)
}
