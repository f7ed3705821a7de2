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
