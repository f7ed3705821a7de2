package store

import (
	"context"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/ext"
	"github.com/ClickHouse/clickhouse-go/v2/lib/column"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/gapwise/gapwise/internal/query"
)

var _ query.Store = (*Store)(nil)

// rows runs a query and scans each row with scan.
func (s *Store) rows(ctx context.Context, what string, scan func(driver.Rows) error, sql string, args ...any) (err error) {
	rows, err := s.conn.Query(ctx, sql, args...)
	if err != nil {
		return fmt.Errorf("store: read %s: %w", what, err)
	}
	defer func() {
		if closed := rows.Close(); err == nil && closed != nil {
			err = fmt.Errorf("store: read %s: %w", what, closed)
		}
	}()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return fmt.Errorf("store: read %s: %w", what, err)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("store: read %s: %w", what, err)
	}
	return nil
}

// beside lets the values travel beside the query as the table wanted, with one
// column v: written into the text, a large cohort is more than a query may be.
func beside[T any](ctx context.Context, kind column.Type, values []T) (context.Context, error) {
	table, err := ext.NewTable("wanted", ext.Column("v", kind))
	if err != nil {
		return ctx, fmt.Errorf("store: send a list: %w", err)
	}
	for _, v := range values {
		if err := table.Append(v); err != nil {
			return ctx, fmt.Errorf("store: send a list: %w", err)
		}
	}
	return clickhouse.Context(ctx, clickhouse.WithExternalTable(table)), nil
}

// valid are the answers of the wanted learners that weren't taken back, each once.
const valid = `SELECT learner, seq, key, time, item, score, response, confidence
FROM answers
WHERE generation = ? AND seq <= ? AND learner IN (SELECT v FROM wanted)
  AND (learner, key) NOT IN (
    SELECT learner, target FROM voids WHERE generation = ? AND seq <= ? AND learner IN (SELECT v FROM wanted))
LIMIT 1 BY learner, seq`

// Answerers lists learners with answers, sorted, after one of them.
func (s *Store) Answerers(ctx context.Context, facts uint32, seq uint64, after string, limit int) ([]string, error) {
	var list []string
	err := s.rows(ctx, "learners with answers", func(r driver.Rows) error {
		var learner string
		err := r.Scan(&learner)
		list = append(list, learner)
		return err
	}, `SELECT learner FROM answers WHERE generation = ? AND learner > ? AND seq <= ?
GROUP BY learner ORDER BY learner LIMIT ? SETTINGS optimize_aggregation_in_order = 1`, facts, after, seq, limit)
	return list, err
}

// Activity sums up what learners did.
func (s *Store) Activity(ctx context.Context, facts uint32, learners []string, seq uint64) (map[string]query.Activity, error) {
	found := make(map[string]query.Activity, len(learners))
	if len(learners) == 0 {
		return found, nil
	}
	ctx, err := beside(ctx, "String", learners)
	if err != nil {
		return nil, err
	}
	err = s.rows(ctx, "activity of learners", func(r driver.Rows) error {
		var learner string
		var n uint64
		var last time.Time
		if err := r.Scan(&learner, &n, &last); err != nil {
			return err
		}
		found[learner] = query.Activity{Answers: int(n), Last: last.UTC()}
		return nil
	}, "SELECT learner, count(), max(time) FROM ("+valid+") GROUP BY learner",
		facts, seq, facts, seq)
	return found, err
}

// Items sums up how learners answered the items, sorted by item. Scores are summed as
// whole numbers: the database adds in the order that it reads in, and a sum of
// fractions would differ in its last bit from one time to the next.
func (s *Store) Items(ctx context.Context, facts uint32, learners []string, seq uint64) ([]query.ItemCount, error) {
	if len(learners) == 0 {
		return nil, nil
	}
	ctx, err := beside(ctx, "String", learners)
	if err != nil {
		return nil, err
	}
	var list []query.ItemCount
	err = s.rows(ctx, "items of a cohort", func(r driver.Rows) error {
		var c query.ItemCount
		var answers, who uint64
		if err := r.Scan(&c.Item, &answers, &who, &c.Score, &c.FirstScore); err != nil {
			return err
		}
		c.Answers, c.Learners = int(answers), int(who)
		list = append(list, c)
		return nil
	}, `SELECT item, sum(answers), count(), toFloat64(sum(total)) / 1e15, toFloat64(sum(first)) / 1e15 FROM (
  SELECT item, learner, count() AS answers, sum(whole) AS total, argMin(toInt128(round(score * 1e15)) AS whole, (time, key)) AS first
  FROM (`+valid+`) GROUP BY item, learner
) GROUP BY item ORDER BY item`,
		facts, seq, facts, seq)
	return list, err
}

// CheckZone returns an error when the database doesn't know a time zone: its list
// may be another than ours.
func (s *Store) CheckZone(ctx context.Context, zone *time.Location) error {
	var day time.Time
	if err := s.conn.QueryRow(ctx, "SELECT toDate32(now64(6, 'UTC'), ?)", zone.String()).Scan(&day); err != nil {
		return fmt.Errorf("store: reports.timezone %q is not usable by the database; choose a zone that both know, such as UTC or Europe/Berlin: %w",
			zone, err)
	}
	return nil
}

// Days sums up what one learner did, by day in a time zone, and how many
// checklist items are ticked now. A session counts on the day it began, or on
// that of its end where only this is known. Its seconds are those that the learner was
// active, as the last event of its end to know them told, or else those from start to end.
func (s *Store) Days(ctx context.Context, facts uint32, learner string, seq uint64, zone *time.Location) ([]query.Day, int, error) {
	var list []query.Day
	var ticked uint64
	one, err := beside(ctx, "String", []string{learner})
	if err != nil {
		return nil, 0, err
	}
	err = s.rows(one, "days of a learner", func(r driver.Rows) error {
		var day time.Time
		var answers, ticks, sessions uint64
		var seconds int64
		if err := r.Scan(&day, &answers, &ticks, &sessions, &seconds); err != nil {
			return err
		}
		list = append(list, query.Day{
			Day: day.Format(time.DateOnly), Answers: int(answers), Ticks: int(ticks), Sessions: int(sessions), Seconds: seconds,
		})
		return nil
	}, `SELECT day, sum(answers), sum(ticks), sum(sessions), intDiv(sum(ms), 1000) FROM (
  SELECT toDate32(time, ?) AS day, 1 AS answers, 0 AS ticks, 0 AS sessions, 0 AS ms FROM (`+valid+`)
  UNION ALL
  SELECT toDate32(time, ?), 0, 1, 0, 0
  FROM (SELECT time, seq FROM ticks WHERE generation = ? AND learner = ? AND seq <= ? AND ticked LIMIT 1 BY seq)
  UNION ALL
  SELECT toDate32(if(starts > 0, begun, ended), ?), 0, 0, 1,
    multiIf(tells > 0, active, starts > 0 AND ends > 0 AND ended > begun, 1000 * dateDiff('second', begun, ended), 0)
  FROM (
    SELECT session, minIf(time, started) AS begun, maxIf(time, NOT started) AS ended, countIf(started) AS starts, countIf(NOT started) AS ends,
      countIf(active_ms >= 0) AS tells, argMaxIf(active_ms, (time, key), active_ms >= 0) AS active
    FROM sessions WHERE generation = ? AND learner = ? AND seq <= ? GROUP BY session
  )
) GROUP BY day ORDER BY day`,
		zone.String(), facts, seq, facts, seq,
		zone.String(), facts, learner, seq,
		zone.String(), facts, learner, seq)
	if err != nil {
		return nil, 0, err
	}
	err = s.conn.QueryRow(ctx, `SELECT countIf(on) FROM (
  SELECT item, argMax(ticked, (time, key)) AS on FROM ticks
  WHERE generation = ? AND learner = ? AND seq <= ? GROUP BY item
)`, facts, learner, seq).Scan(&ticked)
	if err != nil {
		return nil, 0, fmt.Errorf("store: read ticks of a learner: %w", err)
	}
	return list, int(ticked), nil
}

// Details returns what evidence tells beside the fold, by sequence.
func (s *Store) Details(ctx context.Context, facts uint32, learner string, seqs []uint64) (map[uint64]query.Detail, error) {
	found := make(map[uint64]query.Detail, len(seqs))
	if len(seqs) == 0 {
		return found, nil
	}
	ctx, err := beside(ctx, "UInt64", seqs)
	if err != nil {
		return nil, err
	}
	err = s.rows(ctx, "details of answers", func(r driver.Rows) error {
		var seq uint64
		var d query.Detail
		if err := r.Scan(&seq, &d.Source, &d.Stored, &d.GradedBy); err != nil {
			return err
		}
		d.Stored = d.Stored.UTC()
		found[seq] = d
		return nil
	}, `SELECT seq, source, stored, graded_by FROM answers
WHERE generation = ? AND learner = ? AND seq IN (SELECT v FROM wanted) LIMIT 1 BY seq`, facts, learner)
	return found, err
}

// Steerings returns what instructors pinned or excluded for a learner, as it
// stands at a moment.
func (s *Store) Steerings(ctx context.Context, facts uint32, learner string, at query.AsOf) ([]query.Steering, error) {
	var list []query.Steering
	micros := at.Time.UnixMicro()
	err := s.rows(ctx, "pins of a learner", func(r driver.Rows) error {
		var t query.Steering
		var action string
		if err := r.Scan(&t.Topic, &action, &t.Note); err != nil {
			return err
		}
		t.Pinned = action == "pinned"
		list = append(list, t)
		return nil
	}, `SELECT topic, toString(act), note FROM (
  SELECT topic, argMax(action, (time, key)) AS act, argMax(until, (time, key)) AS end, argMax(note, (time, key)) AS note
  FROM steerings
  WHERE generation = ? AND learner = ? AND seq <= ? AND time <= fromUnixTimestamp64Micro(?, 'UTC')
  GROUP BY topic
) WHERE act != 'released' AND (toUnixTimestamp64Micro(end) = 0 OR end > fromUnixTimestamp64Micro(?, 'UTC')) ORDER BY topic`,
		facts, learner, at.Seq, micros, micros)
	return list, err
}

// IsMember reports whether a learner is a member of one of the cohorts now.
func (s *Store) IsMember(ctx context.Context, facts uint32, learner string, cohorts []string, now time.Time) (bool, error) {
	_, member, err := s.Joined(ctx, facts, learner, cohorts, query.AsOf{Seq: ^uint64(0) >> 1, Time: now})
	return member, err
}

// Counts tells what became of the log's messages after one sequence and up to
// another.
func (s *Store) Counts(ctx context.Context, facts uint32, after, upTo uint64) (query.Counts, error) {
	var c query.Counts
	err := s.conn.QueryRow(ctx, `SELECT uniqExact(seq), uniqExactIf(seq, outcome = 'fact'), uniqExactIf(seq, outcome = 'duplicate'),
  uniqExactIf(seq, outcome = 'conflict'), uniqExactIf(seq, outcome = 'dead')
FROM sequences WHERE generation = ? AND seq > ? AND seq <= ?`, facts, after, upTo).
		Scan(&c.Messages, &c.Facts, &c.Duplicates, &c.Conflicts, &c.Dead)
	if err != nil {
		return c, fmt.Errorf("store: count sequences: %w", err)
	}
	err = s.conn.QueryRow(ctx, "SELECT uniqExact(seq) FROM answers WHERE generation = ? AND seq > ? AND seq <= ?", facts, after, upTo).
		Scan(&c.Answers)
	if err != nil {
		return c, fmt.Errorf("store: count answers: %w", err)
	}
	return c, nil
}

// NewLearners counts the learners whose first answer in the log comes after one
// sequence and up to another.
func (s *Store) NewLearners(ctx context.Context, facts uint32, after, upTo uint64) (uint64, error) {
	const active = "SELECT learner FROM answers WHERE generation = ? AND seq > ? AND seq <= ?"
	args := []any{facts, after, upTo}
	where := "generation = ? AND seq > ? AND seq <= ?"
	if after > 0 {
		where += " AND learner NOT IN (SELECT learner FROM answers WHERE generation = ? AND seq <= ? AND learner IN (" + active + "))"
		args = append(args, facts, after, facts, after, upTo)
	}
	var n uint64
	if err := s.conn.QueryRow(ctx, "SELECT uniqExact(learner) FROM answers WHERE "+where, args...).Scan(&n); err != nil {
		return 0, fmt.Errorf("store: count learners: %w", err)
	}
	return n, nil
}
