package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/gapwise/gapwise/internal/erasure"
	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/project"
)

var _ erasure.Tables = (*Store)(nil)

// notErasures leaves out the events by which learners are forgotten: they stay.
const notErasures = "type NOT IN ('" + string(event.LearnerErased) + "', '" + string(event.LearnerForgotten) + "')"

// Requests lists all requests of a generation of facts, ascending.
func (s *Store) Requests(ctx context.Context, facts uint32) ([]erasure.Request, error) {
	var list []erasure.Request
	err := s.rows(ctx, "erasures", func(r driver.Rows) error {
		var key, hmac, letters string
		var one erasure.Request
		if err := r.Scan(&one.Seq, &key, &hmac, &one.ID, &letters, &one.Done); err != nil {
			return err
		}
		copy(one.Key[:], key)
		copy(one.HMAC[:], hmac)
		var err error
		if one.Letters, err = event.ParseRanges(letters); err != nil {
			return fmt.Errorf("sequences of erasure %s: %w", one.ID, err)
		}
		list = append(list, one)
		return nil
	}, `SELECT seq, key, learner_hmac, request, sequences,
  (learner_hmac, request) IN (SELECT learner_hmac, request FROM receipts WHERE generation = ?)
FROM erasures WHERE generation = ? AND learner_hmac != toFixedString('', 16)
ORDER BY seq LIMIT 1 BY seq`, facts, facts)
	return list, err
}

// Left tells what is left of the learners who asked to be forgotten, up to a
// sequence.
func (s *Store) Left(ctx context.Context, facts uint32, requests []erasure.Request, upTo uint64) (map[project.HMAC]erasure.Left, error) {
	left := map[project.HMAC]erasure.Left{}
	const erased = "learner_hmac IN (SELECT learner_hmac FROM erasures WHERE generation = ?) AND learner_hmac != toFixedString('', 16)"
	for _, table := range append(slices.Clone(aboutLearners), "sequences") {
		where := erased
		if table == "sequences" {
			where += " AND " + notErasures
		}
		err := s.rows(ctx, "rows of "+table, func(r driver.Rows) error {
			var hmac string
			var rows uint64
			err := r.Scan(&hmac, &rows)
			l := left[hashOf(hmac)]
			l.Rows += int64(rows)
			left[hashOf(hmac)] = l
			return err
		}, "SELECT learner_hmac, count() FROM "+table+" WHERE "+where+" GROUP BY learner_hmac", facts)
		if err != nil {
			return nil, err
		}
	}
	err := s.rows(ctx, "sequences of erased learners", func(r driver.Rows) error {
		var hmac string
		var seq uint64
		err := r.Scan(&hmac, &seq)
		l := left[hashOf(hmac)]
		l.Sequences = l.Sequences.Add(seq)
		left[hashOf(hmac)] = l
		return err
	}, "SELECT DISTINCT learner_hmac, seq FROM sequences WHERE generation = ? AND seq <= ? AND "+notErasures+" AND "+erased+" ORDER BY seq",
		facts, upTo, facts)
	if err != nil {
		return nil, err
	}
	for _, r := range requests {
		if err := s.addLetters(ctx, r, left); err != nil {
			return nil, err
		}
	}
	return left, nil
}

// brokenLetters are dead letters that can't tell whose they are.
const brokenLetters = "outcome = 'dead' AND learner_hmac = toFixedString('', 16)"

// addLetters adds the dead letters that a request names, of those that can't tell
// whose they are.
func (s *Store) addLetters(ctx context.Context, r erasure.Request, left map[project.HMAC]erasure.Left) error {
	if len(r.Letters) == 0 {
		return nil
	}
	l := left[r.HMAC]
	all := slices.Collect(l.Sequences.All())
	before := len(all)
	err := s.rows(ctx, "dead letters of erased learners", func(rows driver.Rows) error {
		var seq uint64
		err := rows.Scan(&seq)
		all = append(all, seq)
		return err
	}, "SELECT DISTINCT seq FROM sequences WHERE seq IN (?) AND "+brokenLetters, slices.Collect(r.Letters.All())) // of any generation
	if err != nil || len(all) == before {
		return err
	}
	l.Rows += 2 * int64(len(all)-before) // each in sequences and in dead_letters
	slices.Sort(all)
	l.Sequences = nil
	for _, seq := range slices.Compact(all) {
		l.Sequences = l.Sequences.Add(seq)
	}
	left[r.HMAC] = l
	return nil
}

// Delete deletes all rows of a learner, in all generations, those of sequences up
// to one of them only, and the dead letters given. It rewrites the parts that
// hold them.
func (s *Store) Delete(ctx context.Context, learner project.HMAC, letters event.Ranges, upTo uint64) error {
	ctx = clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{
		"mutations_sync": 1, "max_execution_time": 0,
	}))
	mutate := func(table, where string, args ...any) error {
		if err := s.conn.Exec(ctx, "ALTER TABLE "+table+" DELETE WHERE "+where, args...); err != nil {
			return fmt.Errorf("store: erase from %s: %w", table, err)
		}
		return nil
	}
	const mine = "learner_hmac = unhex(?)"
	// Dashboards' weeks are computed anew for the cohorts that the learner was in.
	if err := mutate("cohort_weeks", "cohort IN (SELECT cohort FROM memberships WHERE "+mine+")", learner.String()); err != nil {
		return err
	}
	for _, table := range aboutLearners {
		if table == "dead_letters" {
			continue
		}
		if err := mutate(table, mine, learner.String()); err != nil {
			return err
		}
	}
	// Dead letters and then sequences, from which both are found, last.
	const kept = " AND (generation, seq) NOT IN (SELECT generation, seq FROM sequences WHERE NOT (" + notErasures + "))"
	if err := mutate("dead_letters", mine+kept, learner.String()); err != nil {
		return err
	}
	if len(letters) > 0 {
		list := slices.Collect(letters.All())
		if err := mutate("dead_letters", "learner_hmac = toFixedString('', 16) AND reason != 'conflict' AND seq IN (?)", list); err != nil {
			return err
		}
		if err := mutate("sequences", brokenLetters+" AND seq IN (?)", list); err != nil {
			return err
		}
	}
	return mutate("sequences", mine+" AND seq <= ? AND "+notErasures, learner.String(), upTo)
}

// Rewritten tells apart the times before and after each change of facts that were
// there, by the mutations of their tables.
func (s *Store) Rewritten(ctx context.Context) (string, error) {
	var last string
	err := s.conn.QueryRow(ctx, `SELECT concat(toString(count()), ' ', toString(countIf(is_done)), ' ', max(mutation_id))
FROM system.mutations WHERE database = currentDatabase() AND table IN ('sequences', 'answers')`).Scan(&last)
	if err != nil {
		return "", fmt.Errorf("store: look for rewritten tables: %w", err)
	}
	return last, nil
}

// vanishWithin bounds the wait for parts to leave the disk: old_parts_lifetime is 5
// seconds.
const vanishWithin = time.Minute

// noPartition are partitions that no generation has, by the tables' keys.
var noPartition = map[bool]string{false: "4294967295", true: "4294967295-0"}

// removeOldParts makes the server look for parts of a table that are not in use any
// more. By itself it looks when it has other work, which may be in ten minutes. Of
// the statements that make it look at once, this one changes nothing else: it drops
// a partition that isn't there.
func (s *Store) removeOldParts(ctx context.Context, table string) error {
	bySpan := table == "answers" || table == "sequences"
	if err := s.conn.Exec(ctx, "ALTER TABLE "+table+" DROP PARTITION ID '"+noPartition[bySpan]+"'"); err != nil {
		return fmt.Errorf("store: remove old parts of %s: %w", table, err)
	}
	return nil
}

// Vanished waits until the parts that are no longer in use now have left the disk.
func (s *Store) Vanished(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, vanishWithin)
	defer cancel()
	var now time.Time
	if err := s.conn.QueryRow(ctx, "SELECT now()").Scan(&now); err != nil {
		return fmt.Errorf("store: ask the server's time: %w", err)
	}
	again := time.NewTicker(time.Second)
	defer again.Stop()
	for {
		var tables []string
		err := s.conn.QueryRow(ctx, `SELECT groupUniqArray(table) FROM system.parts
WHERE database = currentDatabase() AND table IN (?) AND NOT active AND remove_time <= ?`,
			append(slices.Clone(aboutLearners), "sequences"), now).Scan(&tables)
		if err != nil {
			return fmt.Errorf("store: look for parts of before: %w", err)
		}
		if len(tables) == 0 {
			return nil
		}
		for _, table := range tables {
			if err := s.removeOldParts(ctx, table); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("store: parts of before of %v are still on the disk: %w", tables, ctx.Err())
		case <-again.C:
		}
	}
}

// Belongings counts what there is of a learner: messages, and rows by table.
func (s *Store) Belongings(ctx context.Context, facts uint32, learner project.HMAC) (messages uint64, rows map[string]uint64, err error) {
	rows = map[string]uint64{}
	for _, table := range append(slices.Clone(aboutLearners), "sequences") {
		where := "learner_hmac = unhex(?)"
		if table == "sequences" {
			where += " AND " + notErasures
		}
		var n uint64
		if err := s.conn.QueryRow(ctx, "SELECT count() FROM "+table+" WHERE "+where, learner.String()).Scan(&n); err != nil {
			return 0, nil, fmt.Errorf("store: count rows of %s: %w", table, err)
		}
		rows[table] = n
	}
	err = s.conn.QueryRow(ctx, "SELECT uniqExact(seq) FROM sequences WHERE generation = ? AND learner_hmac = unhex(?) AND "+notErasures,
		facts, learner.String()).Scan(&messages)
	if err != nil {
		err = fmt.Errorf("store: count messages of a learner: %w", err)
	}
	return messages, rows, err
}

// Mentions lists the dead letters that can't tell whose they are, but hold a text.
func (s *Store) Mentions(ctx context.Context, facts uint32, text string) (event.Ranges, error) {
	var found event.Ranges
	err := s.rows(ctx, "dead letters that mention a learner", func(r driver.Rows) error {
		var seq uint64
		err := r.Scan(&seq)
		found = found.Add(seq)
		return err
	}, `SELECT DISTINCT seq FROM dead_letters
WHERE generation = ? AND learner_hmac = toFixedString('', 16) AND position(raw, ?) > 0 ORDER BY seq`, facts, text)
	return found, err
}

// LearnersOf returns the ids of learners with answers in any generation, by their hashes.
func (s *Store) LearnersOf(ctx context.Context, hashes []project.HMAC) (map[project.HMAC]string, error) {
	found := make(map[project.HMAC]string, len(hashes))
	if len(hashes) == 0 {
		return found, nil
	}
	texts := make([]string, len(hashes))
	for i, h := range hashes {
		texts[i] = h.String()
	}
	ctx, err := beside(ctx, "String", texts)
	if err != nil {
		return nil, err
	}
	err = s.rows(ctx, "learners of hashes", func(r driver.Rows) error {
		var hash, learner string
		err := r.Scan(&hash, &learner)
		found[hashOf(hash)] = learner
		return err
	}, "SELECT learner_hmac, any(learner) FROM answers WHERE learner_hmac IN (SELECT toFixedString(unhex(v), 16) FROM wanted) GROUP BY learner_hmac")
	return found, err
}
