package query

import (
	"context"
	"fmt"
	"log/slog"
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
	Last  int           // how many weeks; 0: MaxWeeks
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
	if at.Time, err = w.Store.StoredBy(ctx, active.Facts, floor); err != nil {
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
		if at.Time.Before(current) { // the week's first event was deleted, or an older one was put back
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
	n := w.Last
	if n == 0 {
		n = MaxWeeks
	}
	cohortSeries := series{
		Active: active, seq: at.Seq, weeks: lastWeeks(at.Time, w.Zone, n), members: memberIDs(members), chunk: w.Chunk,
	}
	cohortSeries.targets, err = readTargets(ctx, w.Store, active.Facts, Measure{}, cohortSeries.members, at.Seq)
	if err != nil {
		return err
	}
	gathered, err := cohortSeries.gather(ctx, w.Store, project.ByConcern, project.ByChapter)
	if err != nil {
		return err
	}
	var rows []CohortWeek
	for i := firstMeasured(&gathered); i < n; i++ {
		for lens := range gathered {
			for _, topic := range gathered[lens][i].topics(&active.Course.Lenses[lens], len(members)) {
				rows = append(rows, CohortWeek{By: project.Lens(lens), Week: cohortSeries.weeks[i].monday, Topic: topic})
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
