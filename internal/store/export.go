package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/gapwise/gapwise/internal/query"
)

// Export lists all events of a learner since a time, ascending by sequence.
func (s *Store) Export(ctx context.Context, facts uint32, learner string, since time.Time, seq uint64) ([]query.ExportedEvent, error) {
	var text string
	var args []any
	for _, table := range factTables {
		e := table.export
		if e == nil {
			continue
		}
		if text != "" {
			text += " UNION ALL "
		}
		text += fmt.Sprintf(`SELECT seq, lower(hex(key)) AS key, '%s' AS kind, toString(source) AS source, time, stored,
  toJSONString(CAST(tuple(%s), 'Tuple(%s)')) AS data
FROM %s WHERE generation = ? AND learner = ? AND seq <= ? AND time >= fromUnixTimestamp64Micro(?, 'UTC') LIMIT 1 BY seq`,
			e.kind, e.values, e.types, table.name)
		args = append(args, facts, learner, seq, max(since.UnixMicro(), earliest))
	}
	var list []query.ExportedEvent
	err := s.rows(ctx, "events of a learner", func(r driver.Rows) error {
		var e query.ExportedEvent
		var data string
		if err := r.Scan(&e.Seq, &e.Key, &e.Kind, &e.Source, &e.Time, &e.Stored, &data); err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(data), &e.Data); err != nil {
			return fmt.Errorf("data of sequence %d: %w", e.Seq, err)
		}
		for name, value := range e.Data {
			if values, list := value.([]any); value == nil || list && len(values) == 0 {
				delete(e.Data, name)
			}
		}
		e.Time, e.Stored = e.Time.UTC(), e.Stored.UTC()
		list = append(list, e)
		return nil
	}, "SELECT * FROM ("+text+") ORDER BY seq", args...)
	return list, err
}

// earliest is the first moment that the database can hold, in microseconds.
const earliest = -2208988800000000
