package query

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"time"

	"github.com/gapwise/gapwise/internal/project"
)

// CohortWeek is one topic of a cohort at the end of a week.
type CohortWeek struct {
	By    project.Lens
	Week  time.Time // its Monday in the reports' time zone, written as midnight UTC
	Topic CohortTopic
}

// WeekStore keeps the weeks of cohorts and knows which cohorts have news.
type WeekStore interface {
	Store
	// CohortNews returns, for every cohort that something happened to after a
	// sequence and up to a moment's, the last such sequence: a member's answer,
	// void or new target, or someone joining or leaving.
	CohortNews(ctx context.Context, facts uint32, after uint64, at AsOf) (map[string]uint64, error)
	// WeekMarks returns up to which sequence the weeks of each cohort are.
	WeekMarks(ctx context.Context, derived uint32) (map[string]uint64, error)
	// WriteWeeks stores all weeks of a cohort as the facts up to a sequence give
	// them: all or none. Readers take those of the highest sequence alone.
	// Storing them again is harmless.
	WriteWeeks(ctx context.Context, derived uint32, cohort string, seq uint64, weeks []CohortWeek) error
}

// Weeks writes what the report of a cohort's weak topics says at the end of each
// of the last weeks, for dashboards: the members of now, what they had answered
// by then, late answers included and answers taken back left out. The current
// week's end is the moment at which the log stored the cohort's last news, so that
// rows follow from facts alone: it may stop anywhere and go on, and a rebuild
// writes the same. Its methods are called by one goroutine.
type Weeks struct {
	Store  WeekStore
	Active func() Active
	Zone   *time.Location // of weeks
	Log    *slog.Logger

	Every time.Duration // between two looks at the facts; 0: a minute
	Last  int           // how many weeks; 0: 26
	Chunk int           // members at a time; 0: 500

	of     Active // the generation that looked is about
	looked uint64 // no cohort has news up to here
}

// workPart bounds how much of the time the roll-up works: one part of these.
const workPart = 10

// Run rolls up until the context ends. Errors are told to the log and tried
// again: no report waits for it.
func (w *Weeks) Run(ctx context.Context) error {
	every := w.Every
	if every == 0 {
		every = time.Minute
	}
	for {
		started := time.Now()
		if err := w.CatchUp(ctx); err != nil && ctx.Err() == nil {
			w.Log.WarnContext(ctx, "weeks of cohorts interrupted, will go on", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(max(every, (workPart-1)*time.Since(started))):
		}
	}
}

// CatchUp writes the weeks of every cohort that has news, or for which a week has
// ended, one cohort after the other.
func (w *Weeks) CatchUp(ctx context.Context) error {
	active := w.Active()
	if active.Facts != w.of.Facts || active.Derived != w.of.Derived {
		w.of, w.looked = active, 0
	}
	floor, err := w.Store.Floor(ctx, active.Facts)
	if err != nil || floor == w.looked {
		return err
	}
	at := AsOf{Seq: floor}
	if at.Time, err = w.Store.StoredAt(ctx, active.Facts, floor); err != nil {
		return err
	}
	due, err := w.due(ctx, active, at)
	if err != nil {
		return err
	}
	for cohort, at := range due {
		if err := w.rollUp(ctx, active, cohort, at); err != nil {
			return fmt.Errorf("weeks of cohort %q up to sequence %d: %w", cohort, at.Seq, err)
		}
	}
	w.looked = floor
	return nil
}

// due returns the cohorts whose weeks are behind, each with the moment to roll it
// up at: that of its last news, or of the first event of a week that began since.
// That follows from the log, whenever this is asked.
func (w *Weeks) due(ctx context.Context, active Active, now AsOf) (map[string]AsOf, error) {
	cohorts, err := w.Store.Cohorts(ctx, active.Facts, now)
	if err != nil {
		return nil, err
	}
	marks, err := w.Store.WeekMarks(ctx, active.Derived)
	if err != nil {
		return nil, err
	}
	after := w.looked
	if after == 0 { // after a start: as far back as the one that is furthest behind
		after = now.Seq
		for _, c := range cohorts {
			after = min(after, marks[c.ID])
		}
	}
	news, err := w.Store.CohortNews(ctx, active.Facts, after, now)
	if err != nil {
		return nil, err
	}
	current := monday(now.Time.In(w.Zone))
	before, err := w.Store.SequenceAt(ctx, active.Facts, current.Add(-time.Microsecond))
	if err != nil {
		return nil, err
	}
	due := map[string]AsOf{}
	for _, c := range cohorts {
		at := AsOf{Seq: max(news[c.ID], before+1)}
		if at.Seq <= marks[c.ID] {
			continue
		}
		if at.Time, err = w.Store.StoredAt(ctx, active.Facts, at.Seq); err != nil {
			return nil, err
		}
		if at.Time.Before(current) { // the week's first event was deleted
			at.Time = current.UTC()
		}
		due[c.ID] = at
	}
	return due, nil
}

// rollUp folds each member's history once and writes the cohort's weeks.
func (w *Weeks) rollUp(ctx context.Context, active Active, cohort string, at AsOf) error {
	members, err := w.Store.Members(ctx, active.Facts, cohort, at)
	if err != nil {
		return err
	}
	targets, err := readTargets(ctx, w.Store, active.Facts, Measure{}, memberIDs(members), at.Seq)
	if err != nil {
		return err
	}
	weeks := w.weeks(at.Time)
	lenses := &active.Course.Lenses
	var gathered [project.NumLenses][]gatherings // by lens and week
	for lens := range gathered {
		for range weeks {
			gathered[lens] = append(gathered[lens], newGatherings(&lenses[lens]))
		}
	}
	cuts := make([]int64, len(weeks))
	for i := range weeks {
		cuts[i] = weeks[i].end.UnixMicro()
	}
	// A report counts what a clock that is ahead dates later than now.
	cuts[len(cuts)-1] = math.MaxInt64

	fold := func(h *project.History) error {
		for lens := range lenses {
			model := &lenses[lens]
			err := model.Timeline(h, at.Seq, cuts, func(week int, known project.Known) {
				gathered[lens][week].add(model, known.State, targets.of(known.Learner), weeks[week].end.UnixMicro())
			})
			if err != nil {
				return err
			}
		}
		return nil
	}
	for some := range slices.Chunk(memberIDs(members), w.chunk()) {
		// Whole histories are the same in every lens.
		q := project.HistoryQuery{Facts: active.Facts, Derived: active.Derived, Seq: at.Seq, Learners: some, Whole: true}
		if err := w.Store.Histories(ctx, q, fold); err != nil {
			return err
		}
	}

	var rows []CohortWeek
	for i := firstMeasured(&gathered); i < len(weeks); i++ {
		for lens := range gathered {
			for _, topic := range gathered[lens][i].topics(&lenses[lens], len(members)) {
				rows = append(rows, CohortWeek{By: project.Lens(lens), Week: weeks[i].monday, Topic: topic})
			}
		}
	}
	return w.Store.WriteWeeks(ctx, active.Derived, cohort, at.Seq, rows)
}

// firstMeasured returns the first week at whose end anybody had answered
// anything; the last one if nobody has.
func firstMeasured(gathered *[project.NumLenses][]gatherings) int {
	last := len(gathered[0]) - 1
	for week := range last {
		for lens := range gathered {
			measured := func(g gathering) bool { return g.all.Measured > 0 }
			if slices.ContainsFunc(gathered[lens][week], measured) {
				return week
			}
		}
	}
	return last
}

// week is a week and the moment at which it is looked at.
type week struct {
	monday time.Time // as a date
	end    time.Time // the next Monday's first moment; of the current week now
}

// weeks lists the last weeks, the current one last.
func (w *Weeks) weeks(now time.Time) []week {
	n := w.Last
	if n == 0 {
		n = 26
	}
	current := monday(now.In(w.Zone))
	list := make([]week, n)
	for i := range list {
		first := current.AddDate(0, 0, 7*(i-n+1))
		list[i] = week{monday: date(first), end: first.AddDate(0, 0, 7)}
	}
	list[n-1].end = now
	return list
}

func (w *Weeks) chunk() int {
	if w.Chunk > 0 {
		return w.Chunk
	}
	return 500
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
