package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/gapwise/gapwise/internal/query"
)

// exported lists what is exported of each kind of fact: the table and its data as
// a named tuple, which the server writes as JSON with its types. What may be
// absent is null there, or an empty list, and is left out.
var exported = []struct{ kind, table, values, names string }{
	{"answer", "answers",
		"item, score, graded_by, points, nullIf(response, ''), nullIf(attempt, 0), nullIf(confidence, 0), nullIf(duration_ms, 0), nullIf(session, '')",
		"item String, score Float64, graded_by String, points Array(String), response Nullable(String), attempt Nullable(UInt32), " +
			"confidence Nullable(UInt8), duration_ms Nullable(UInt32), session Nullable(String)"},
	{"void", "voids", "lower(hex(target)), nullIf(reason, '')", "event String, reason Nullable(String)"},
	{"tick", "ticks", "item, ticked", "item String, ticked Bool"},
	{"session", "sessions", "session, nullIf(chapter, ''), started, nullIf(active_ms, -1) / 1000",
		"session String, chapter Nullable(String), started Bool, active_seconds Nullable(Float64)"},
	{"membership", "memberships", "cohort, joined, nullIf(target, '')", "cohort String, joined Bool, target Nullable(String)"},
	{"steering", "steerings",
		"topic, toString(action), if(toUnixTimestamp64Micro(until) = 0, NULL, formatDateTime(until, '%Y-%m-%dT%H:%i:%S.%fZ', 'UTC')), nullIf(note, '')",
		"topic String, action String, until Nullable(String), note Nullable(String)"},
}

// Export lists all events of a learner since a time, ascending by sequence.
func (s *Store) Export(ctx context.Context, facts uint32, learner string, since time.Time, seq uint64) ([]query.ExportedEvent, error) {
	var text string
	var args []any
	for _, e := range exported {
		if text != "" {
			text += " UNION ALL "
		}
		text += fmt.Sprintf(`SELECT seq, lower(hex(key)) AS key, '%s' AS kind, toString(source) AS source, time, stored,
  toJSONString(CAST(tuple(%s), 'Tuple(%s)')) AS data
FROM %s WHERE generation = ? AND learner = ? AND seq <= ? AND time >= fromUnixTimestamp64Micro(?, 'UTC') LIMIT 1 BY seq`,
			e.kind, e.values, e.names, e.table)
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
