package store

import (
	"context"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/gapwise/gapwise/internal/query"
)

// membership is how each learner stands to each cohort at a moment. Words are
// what was joined and left in the order of event time and key; a member has been
// one since the first join after the last leave, whatever is joined again.
const membership = `SELECT cohort, learner, arraySort(groupArray((time, key, joined))) AS words, words[-1].3 AS member,
  words[arrayLastIndex(word -> NOT word.3, words) + 1].1 AS since
FROM memberships
WHERE generation = ? AND seq <= ? AND time <= fromUnixTimestamp64Micro(?, 'UTC')`

// Cohorts lists cohorts with the number of members, sorted by id.
func (s *Store) Cohorts(ctx context.Context, facts uint32, at query.AsOf) ([]query.CohortSummary, error) {
	var list []query.CohortSummary
	err := s.rows(ctx, "cohorts", func(r driver.Rows) error {
		var c query.CohortSummary
		var n uint64
		if err := r.Scan(&c.ID, &n); err != nil {
			return err
		}
		c.Learners = int(n)
		list = append(list, c)
		return nil
	}, "SELECT cohort, countIf(member) FROM ("+membership+" GROUP BY cohort, learner) GROUP BY cohort ORDER BY cohort",
		facts, at.Seq, at.Time.UnixMicro())
	return list, err
}

// Members lists a cohort's members at a moment, sorted by learner.
func (s *Store) Members(ctx context.Context, facts uint32, cohort string, at query.AsOf) ([]query.Member, error) {
	var list []query.Member
	err := s.rows(ctx, "members of a cohort", func(r driver.Rows) error {
		var m query.Member
		if err := r.Scan(&m.Learner, &m.Joined); err != nil {
			return err
		}
		m.Joined = m.Joined.UTC()
		list = append(list, m)
		return nil
	}, "SELECT learner, since FROM ("+membership+" AND cohort = ? GROUP BY cohort, learner) WHERE member ORDER BY learner",
		facts, at.Seq, at.Time.UnixMicro(), cohort)
	return list, err
}

// CohortsOf returns of which cohorts each of the learners is a member, sorted.
func (s *Store) CohortsOf(ctx context.Context, facts uint32, learners []string, at query.AsOf) (map[string][]string, error) {
	found := map[string][]string{}
	if len(learners) == 0 {
		return found, nil
	}
	ctx, err := beside(ctx, "String", learners)
	if err != nil {
		return nil, err
	}
	err = s.rows(ctx, "cohorts of learners", func(r driver.Rows) error {
		var learner, cohort string
		err := r.Scan(&learner, &cohort)
		found[learner] = append(found[learner], cohort)
		return err
	}, "SELECT learner, cohort FROM ("+membership+" AND learner IN (SELECT v FROM wanted) GROUP BY cohort, learner) WHERE member ORDER BY learner, cohort",
		facts, at.Seq, at.Time.UnixMicro())
	return found, err
}

// Joined returns since when a learner is a member of one of the cohorts.
func (s *Store) Joined(ctx context.Context, facts uint32, learner string, cohorts []string, at query.AsOf) (time.Time, bool, error) {
	var since time.Time
	if len(cohorts) == 0 {
		return since, false, nil
	}
	ctx, err := beside(ctx, "String", cohorts)
	if err != nil {
		return since, false, err
	}
	found := false
	err = s.rows(ctx, "memberships of a learner", func(r driver.Rows) error {
		found = true
		return r.Scan(&since)
	}, "SELECT since FROM ("+membership+" AND cohort IN (SELECT v FROM wanted) AND learner = ? GROUP BY cohort, learner) WHERE member ORDER BY since LIMIT 1",
		facts, at.Seq, at.Time.UnixMicro(), learner)
	return since.UTC(), found, err
}

// Targets returns the level that each of the learners prepares for, of those who told
// one: that of the highest sequence, whatever cohort it was told to.
func (s *Store) Targets(ctx context.Context, facts uint32, learners []string, seq uint64) (map[string]string, error) {
	found := map[string]string{}
	if len(learners) == 0 {
		return found, nil
	}
	ctx, err := beside(ctx, "String", learners)
	if err != nil {
		return nil, err
	}
	err = s.rows(ctx, "targets of learners", func(r driver.Rows) error {
		var learner, target string
		err := r.Scan(&learner, &target)
		found[learner] = target
		return err
	}, `SELECT learner, toString(argMax(target, seq)) FROM memberships
WHERE generation = ? AND seq <= ? AND target != '' AND learner IN (SELECT v FROM wanted) GROUP BY learner`, facts, seq)
	return found, err
}
