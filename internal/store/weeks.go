package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/gapwise/gapwise/internal/query"
)

var _ query.WeekStore = (*Store)(nil)

// CohortNews returns, for every cohort that something happened to after a
// sequence and up to a moment's, the last such sequence.
func (s *Store) CohortNews(ctx context.Context, facts uint32, after uint64, at query.AsOf) (map[string]uint64, error) {
	news := map[string]uint64{}
	err := s.rows(ctx, "news of cohorts", func(r driver.Rows) error {
		var cohort string
		var seq uint64
		if err := r.Scan(&cohort, &seq); err != nil {
			return err
		}
		news[cohort] = seq
		return nil
	}, `SELECT cohort, max(last) FROM (
  SELECT cohort, seq AS last FROM memberships WHERE generation = ? AND seq > ? AND seq <= ?
  UNION ALL
  SELECT cohort, last FROM (SELECT cohort, learner FROM (`+membership+` GROUP BY cohort, learner) WHERE member) AS members
  INNER JOIN (
    SELECT learner, max(seq) AS last FROM (
      SELECT learner, seq FROM answers WHERE generation = ? AND seq > ? AND seq <= ?
      UNION ALL
      SELECT learner, seq FROM voids WHERE generation = ? AND seq > ? AND seq <= ?
      UNION ALL
      SELECT learner, seq FROM memberships WHERE generation = ? AND seq > ? AND seq <= ? AND target != ''
    ) GROUP BY learner
  ) AS active USING learner
) GROUP BY cohort`,
		facts, after, at.Seq,
		facts, at.Seq, at.Time.UnixMicro(),
		facts, after, at.Seq, facts, after, at.Seq, facts, after, at.Seq)
	return news, err
}

// WeekMarks returns up to which sequence the weeks of each cohort are.
func (s *Store) WeekMarks(ctx context.Context, derived uint32) (map[string]uint64, error) {
	marks := map[string]uint64{}
	err := s.rows(ctx, "how far the weeks of cohorts are", func(r driver.Rows) error {
		var cohort string
		var seq uint64
		err := r.Scan(&cohort, &seq)
		marks[cohort] = seq
		return err
	}, "SELECT cohort, max(seq) FROM cohort_weeks WHERE generation = ? GROUP BY cohort", derived)
	return marks, err
}

// WriteWeeks stores all weeks of a cohort as the facts up to a sequence give
// them. They are one block of one partition, so all or none are stored.
func (s *Store) WriteWeeks(ctx context.Context, derived uint32, cohort string, seq uint64, weeks []query.CohortWeek) error {
	batch, err := s.conn.PrepareBatch(ctx, `INSERT INTO cohort_weeks (generation, cohort, lens, topic, title, week, seq,
  learners, measured, answers, share_weak, share_low, share_high, mastery, mastery_low, mastery_high)`)
	if err != nil {
		return fmt.Errorf("store: write the weeks of a cohort: %w", err)
	}
	for i := range weeks {
		w, t := &weeks[i], &weeks[i].Topic
		var share, mastery query.Interval // of a topic that nobody is measured in: 0, and measured says so
		if t.LearnersMeasured > 0 {
			share, mastery = *t.ShareWeak, *t.Mastery
		}
		err = errors.Join(err, batch.Append(derived, cohort, w.By.String(), t.ID, t.Title, w.Week, seq,
			uint32(t.Learners), uint32(t.LearnersMeasured), uint64(t.Answers),
			share.Estimate, share.Low, share.High, mastery.Estimate, mastery.Low, mastery.High))
	}
	if err := errors.Join(err, batch.Send()); err != nil {
		return fmt.Errorf("store: write %d rows of a cohort's weeks: %w", len(weeks), err)
	}
	return nil
}
