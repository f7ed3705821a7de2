package query

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/gapwise/gapwise/internal/project"
)

// series is a cohort over the last weeks: its members of now, what they had answered
// by the end of each week, late answers included and answers taken back left out.
type series struct {
	Active
	seq     uint64 // facts up to here
	weeks   []week
	members []string // ascending
	targets targets
	chunk   int // members at a time; 0: 500
}

// week is a week and the moment at which it is looked at.
type week struct {
	monday time.Time // as a date
	end    time.Time // the next Monday's first moment; of the current week now
}

// lastWeeks lists the last n weeks in a time zone, the current one last.
func lastWeeks(now time.Time, zone *time.Location, n int) []week {
	current := monday(now.In(zone))
	list := make([]week, n)
	for i := range list {
		first := current.AddDate(0, 0, 7*(i-n+1))
		list[i] = week{monday: date(first), end: first.AddDate(0, 0, 7)}
	}
	list[n-1].end = now
	return list
}

// gather folds each member's history once a lens, and sums up every topic at the end
// of each week. It returns the sums by week, for each lens asked for.
func (s *series) gather(ctx context.Context, reader project.HistoryReader, lenses ...project.Lens) ([project.NumLenses][]gatherings, error) {
	var gathered [project.NumLenses][]gatherings
	for _, lens := range lenses {
		for range s.weeks {
			gathered[lens] = append(gathered[lens], newGatherings(&s.Course.Lenses[lens]))
		}
	}
	cuts := make([]int64, len(s.weeks))
	for i := range s.weeks {
		cuts[i] = s.weeks[i].end.UnixMicro()
	}
	// A report counts what a clock that is ahead dates later than now.
	cuts[len(cuts)-1] = math.MaxInt64

	fold := func(h *project.History) error {
		for _, lens := range lenses {
			model := &s.Course.Lenses[lens]
			err := model.Timeline(h, s.seq, cuts, func(week int, known project.Known) {
				gathered[lens][week].add(model, known.State, s.targets.of(known.Learner), s.weeks[week].end.UnixMicro())
			})
			if err != nil {
				return err
			}
		}
		return nil
	}
	chunk := s.chunk
	if chunk == 0 {
		chunk = 500
	}
	for some := range slices.Chunk(s.members, chunk) {
		// Whole histories are the same in every lens.
		q := project.HistoryQuery{Facts: s.Facts, Derived: s.Derived, Seq: s.seq, Learners: some, Whole: true}
		if err := reader.Histories(ctx, q, fold); err != nil {
			return gathered, err
		}
	}
	return gathered, nil
}

// monday returns the first moment of a time's week, in the time's own zone.
func monday(t time.Time) time.Time {
	since := (int(t.Weekday()) + 6) % 7
	return time.Date(t.Year(), t.Month(), t.Day()-since, 0, 0, 0, 0, t.Location())
}

// date returns a time's day as midnight UTC.
func date(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
}
