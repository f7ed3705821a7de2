package store_test

import (
	"context"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/gapwise/gapwise/internal/catalog"
	"github.com/gapwise/gapwise/internal/embedded/enginetest"
	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/project"
	"github.com/gapwise/gapwise/internal/query"
	"github.com/gapwise/gapwise/internal/store"
)

// weekly is a database with the roll-up of its cohorts' weeks, and the reports.
type weekly struct {
	*store.Store
	conn    driver.Conn
	weeks   *query.Weeks
	reports *query.Service
}

func openWeekly(t *testing.T) *weekly {
	t.Helper()
	db := enginetest.Database(t)
	s, err := store.Open(t.Context(), store.Options{
		Addr: db.Addr, User: db.User, Password: db.Password, Database: db.Database, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	conn, err := clickhouse.Open(db.Options())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	guide, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	course, err := project.NewCourse(guide, nil)
	if err != nil {
		t.Fatal(err)
	}
	zone, err := time.LoadLocation("Pacific/Auckland") // 13 hours ahead: its Mondays begin on our Sundays
	if err != nil {
		t.Fatal(err)
	}
	active := func() query.Active { return query.Active{Facts: 1, Derived: 1, Course: course} }
	return &weekly{
		Store: s, conn: conn,
		weeks: &query.Weeks{Store: s, Active: active, Zone: zone, Log: slog.New(slog.DiscardHandler), Chunk: 2},
		reports: &query.Service{
			Store: s, Generations: query.Only(active()), Now: func() time.Time { return noon.AddDate(1, 0, 0) },
			Lag: func(context.Context, uint64) (time.Duration, error) { return 0, nil }, Zone: zone,
		},
	}
}

// row is what a dashboard reads of a topic at the end of a week.
type row struct {
	Learners, Measured, Answers int
	ShareWeak, Mastery          query.Interval
}

// rows reads a cohort's weeks by lens, as dashboards do, and their sequence.
func (w *weekly) rows(t *testing.T, cohort string) (map[string]map[string]map[string]row, uint64) {
	t.Helper()
	rows, err := w.conn.Query(t.Context(), `SELECT lens, toString(week), topic, seq, learners, measured, answers,
  share_weak, share_low, share_high, mastery, mastery_low, mastery_high
FROM cohort_weeks WHERE generation = 1 AND cohort = ?
  AND seq = (SELECT max(seq) FROM cohort_weeks WHERE generation = 1 AND cohort = ?) LIMIT 1 BY lens, topic, week`, cohort, cohort)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	found, seq := map[string]map[string]map[string]row{"concern": {}, "chapter": {}}, uint64(0)
	for rows.Next() {
		var lens, week, topic string
		var learners, measured uint32
		var answers uint64
		var r row
		if err := rows.Scan(&lens, &week, &topic, &seq, &learners, &measured, &answers,
			&r.ShareWeak.Estimate, &r.ShareWeak.Low, &r.ShareWeak.High, &r.Mastery.Estimate, &r.Mastery.Low, &r.Mastery.High); err != nil {
			t.Fatal(err)
		}
		r.Learners, r.Measured, r.Answers = int(learners), int(measured), int(answers)
		if found[lens][week] == nil {
			found[lens][week] = map[string]row{}
		}
		found[lens][week][topic] = r
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return found, seq
}

// report is the same from the report at a moment.
func (w *weekly) report(t *testing.T, cohort, lens, asOf string) map[string]row {
	t.Helper()
	moment, err := query.ParseMoment(asOf)
	if err != nil {
		t.Fatal(err)
	}
	by, err := project.ParseLens(lens)
	if err != nil {
		t.Fatal(err)
	}
	report, err := w.reports.CohortWeakTopics(t.Context(), cohort, query.Measure{Lens: by}, moment)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]row{}
	for _, topic := range report.Topics {
		r := row{Learners: topic.Learners, Measured: topic.LearnersMeasured, Answers: topic.Answers}
		if topic.ShareWeak != nil {
			r.ShareWeak, r.Mastery = *topic.ShareWeak, *topic.Mastery
		}
		found[topic.ID] = r
	}
	return found
}

func (w *weekly) catchUp(t *testing.T) {
	t.Helper()
	if err := w.weeks.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func join(seq uint64, learner, cohort string) project.Membership {
	return project.Membership{Meta: meta(seq, learner, noon.AddDate(0, -3, 0)), Membership: event.Membership{Cohort: cohort, Joined: true}}
}

func joinFor(seq uint64, learner, cohort, target string) project.Membership {
	m := join(seq, learner, cohort)
	m.Target = target
	return m
}

func answered(seq uint64, learner, item string, at time.Time, score float64) project.Answer {
	return project.Answer{Meta: meta(seq, learner, at), Answer: event.Answer{Item: item, Score: score, GradedBy: event.GradedByKey}}
}

// fiveWeeks are the facts of three members and of someone else, in no order of
// time, some voided, one dated after now.
func fiveWeeks(t *testing.T, w *weekly) *project.Batch {
	t.Helper()
	b := &project.Batch{Memberships: []project.Membership{
		join(1, "ada", "spring"), joinFor(2, "bob", "spring", "senior"), join(3, "eve", "spring"), join(4, "zoe", "autumn"),
	}}
	items := w.weeks.Active().Course.Lenses[project.ByConcern].Items
	learners := []string{"ada", "bob", "eve", "zoe", "nobody-s-member"}
	for seq := uint64(5); seq <= 500; seq++ {
		at := noon.Add(-time.Duration(seq*7919%(35*24*60)) * time.Minute)
		if seq == 77 {
			at = noon.Add(20 * time.Hour) // by a clock that is ahead
		}
		b.Answers = append(b.Answers, answered(seq, learners[seq%5], items[seq*31%uint64(len(items))], at, float64(seq*13%3%2)))
	}
	for seq := uint64(501); seq <= 520; seq++ {
		target := b.Answers[(seq*17)%uint64(len(b.Answers))]
		b.Voids = append(b.Voids, project.Void{Meta: meta(seq, target.Learner, noon), Void: event.Void{Target: target.Key}})
	}
	return b
}

func TestWeeksSayWhatReportsSay(t *testing.T) {
	t.Parallel()
	w := openWeekly(t)
	all := fiveWeeks(t, w)
	const last = 519 // the last void of a member; 520 is about another cohort
	write(t, w.Store, all)
	w.catchUp(t)
	weeks, seq := w.rows(t, "spring")
	if seq != last {
		t.Fatalf("weeks rest on sequence %d, want %d", seq, last)
	}
	mondays := slices.Sorted(maps.Keys(weeks["concern"]))
	// Noon is the 3rd of March in Auckland; 35 days before it was the 27th of January.
	if want := []string{"2026-01-26", "2026-02-02", "2026-02-09", "2026-02-16", "2026-02-23", "2026-03-02"}; !reflect.DeepEqual(mondays, want) {
		t.Fatalf("weeks are %v, want %v", mondays, want)
	}

	for lens := range weeks {
		current := mondays[len(mondays)-1]
		if want := w.report(t, "spring", lens, strconv.Itoa(last)); !reflect.DeepEqual(weeks[lens][current], want) {
			t.Errorf("by %s the current week is %v, the report says %v", lens, weeks[lens][current], want)
		}
	}
	for _, monday := range mondays[:len(mondays)-1] {
		first, err := time.ParseInLocation(time.DateOnly, monday, w.weeks.Zone)
		if err != nil {
			t.Fatal(err)
		}
		end := first.AddDate(0, 0, 7)
		truncated := openWeekly(t)
		facts := &project.Batch{Memberships: all.Memberships, Voids: all.Voids}
		for _, a := range all.Answers {
			if a.Time.Before(end) {
				facts.Answers = append(facts.Answers, a)
			}
		}
		write(t, truncated.Store, facts)
		asOf := query.AsOf{Seq: last, Time: end.UTC()}.String()
		for lens := range weeks {
			if want := truncated.report(t, "spring", lens, asOf); !reflect.DeepEqual(weeks[lens][monday], want) {
				t.Errorf("by %s the week of %s is %v, a report that knew no more says %v", lens, monday, weeks[lens][monday], want)
			}
		}
	}
}

// Only cohorts with news are computed again, after a restart too.
func TestWeeksFollowNews(t *testing.T) {
	t.Parallel()
	w := openWeekly(t)
	write(t, w.Store, fiveWeeks(t, w))
	w.catchUp(t)
	seqs := func() map[string]uint64 {
		marks, err := w.WeekMarks(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		return marks
	}
	item := w.weeks.Active().Course.Lenses[project.ByConcern].Items[0]
	for _, step := range []struct {
		what  string
		facts *project.Batch
		want  map[string]uint64
	}{
		{"nothing", nil, map[string]uint64{"spring": 519, "autumn": 520}},
		{"an answer of no member", &project.Batch{Answers: []project.Answer{answered(521, "nobody-s-member", item, noon, 1)}},
			map[string]uint64{"spring": 519, "autumn": 520}},
		{"a restart", nil, map[string]uint64{"spring": 519, "autumn": 520}},
		{"a member's answer", &project.Batch{Answers: []project.Answer{answered(522, "ada", item, noon, 1)}},
			map[string]uint64{"spring": 522, "autumn": 520}},
		{"a member's void", &project.Batch{Voids: []project.Void{{Meta: meta(523, "zoe", noon), Void: event.Void{Target: meta(8, "zoe", noon).Key}}}},
			map[string]uint64{"spring": 522, "autumn": 523}},
		{"a new member of a new cohort", &project.Batch{Memberships: []project.Membership{join(524, "zoe", "winter")}},
			map[string]uint64{"spring": 522, "autumn": 523, "winter": 524}},
		{"a member with no answers", &project.Batch{Memberships: []project.Membership{join(525, "new", "empty")}},
			map[string]uint64{"spring": 522, "autumn": 523, "winter": 524, "empty": 525}},
		{"a member's new target, told to another cohort", &project.Batch{Memberships: []project.Membership{joinFor(526, "eve", "winter", "staff")}},
			map[string]uint64{"spring": 526, "autumn": 523, "winter": 526, "empty": 525}},
	} {
		if step.facts != nil {
			write(t, w.Store, step.facts)
		}
		if step.what == "a restart" {
			w.weeks = &query.Weeks{Store: w.Store, Active: w.weeks.Active, Zone: w.weeks.Zone, Log: w.weeks.Log}
		}
		w.catchUp(t)
		if got := seqs(); !reflect.DeepEqual(got, step.want) {
			t.Fatalf("after %s weeks rest on %v, want %v", step.what, got, step.want)
		}
	}
	weeks, _ := w.rows(t, "empty")
	if len(weeks["concern"]) != 1 || len(weeks["chapter"]) != 1 {
		t.Errorf("a cohort without answers has %d weeks, want the current one", len(weeks["concern"]))
	}

	w.checkAtOnce(t, 2)

	// A week that ends is written for all: its moment is no longer the last fact's.
	later := answered(527, "nobody-s-member", item, noon.AddDate(0, 0, 8), 1)
	later.Stored = noon.AddDate(0, 0, 8)
	write(t, w.Store, &project.Batch{Answers: []project.Answer{later}})
	w.catchUp(t)
	if got, want := seqs(), map[string]uint64{"spring": 527, "autumn": 527, "winter": 527, "empty": 527}; !reflect.DeepEqual(got, want) {
		t.Errorf("after a week's end weeks rest on %v, want %v", got, want)
	}
	w.checkAtOnce(t, 3)
}

// checkAtOnce holds the weeks to what a rebuild gets that computes them all at
// once, in a generation of its own.
func (w *weekly) checkAtOnce(t *testing.T, derived uint32) {
	t.Helper()
	bySteps, err := w.WeekFingerprint(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	active := w.weeks.Active()
	active.Derived = derived
	rebuilt := &query.Weeks{Store: w.Store, Active: func() query.Active { return active }, Zone: w.weeks.Zone, Log: w.weeks.Log}
	if err := rebuilt.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	if atOnce, err := w.WeekFingerprint(t.Context(), derived); err != nil || atOnce != bySteps {
		t.Errorf("written step by step %s, at once %s, %v", bySteps, atOnce, err)
	}
}
