package store_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/gapwise/gapwise/internal/catalog"
	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/httpserver"
	"github.com/gapwise/gapwise/internal/project"
	"github.com/gapwise/gapwise/internal/query"
	"github.com/gapwise/gapwise/internal/store"
)

// service answers reports about a store, at a time, in the first generation.
func service(t *testing.T, s *store.Store, now time.Time) *query.Service {
	t.Helper()
	guide, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	course, err := project.NewCourse(guide, nil)
	if err != nil {
		t.Fatal(err)
	}
	return &query.Service{
		Store:       query.Remember(s),
		Generations: query.Only{Facts: 1, Derived: 1, Course: course},
		Lag:         func(context.Context, uint64) (time.Duration, error) { return 0, nil },
		Last:        func(ctx context.Context) (uint64, error) { return s.Floor(ctx, 1) },
		Now:         func() time.Time { return now }, Zone: time.UTC,
	}
}

// refused reports whether an error is the caller's fault.
func refused(err error) bool {
	var problem *httpserver.Problem
	return errors.As(err, &problem) && problem.Status == http.StatusBadRequest
}

func TestAMomentHoldsWhatWasStoredByThen(t *testing.T) {
	s := open(t)
	var b project.Batch
	for seq := uint64(1); seq <= 4; seq++ { // stored a second apart, the first at noon + 1 s
		b.Answers = append(b.Answers, project.Answer{Meta: meta(seq, "ada", noon), Answer: event.Answer{Item: "x", GradedBy: event.GradedByKey}})
	}
	write(t, s, &b)
	instructor := httpserver.WithPrincipal(t.Context(), httpserver.Principal{Role: httpserver.RoleInstructor})
	for _, c := range []struct {
		asked string
		ahead time.Duration // of our clock before the log's last fact
		want  string        // empty: refused
	}{
		{"", time.Hour, "4@2026-03-02T13:00:04Z"},
		{"", -time.Hour, "4@2026-03-02T12:00:04Z"}, // the log's clock is ahead
		{"4@2026-03-02T12:00:04Z", -time.Hour, "4@2026-03-02T12:00:04Z"},
		{"4@2026-03-02T12:00:05Z", -time.Hour, ""},
		{"4@2026-03-02T12:00:05Z", time.Hour, "4@2026-03-02T12:00:05Z"},
		{"4@2026-03-02T12:00:03Z", time.Hour, ""}, // stored after that
		{"2@2026-03-02T12:00:02Z", time.Hour, "2@2026-03-02T12:00:02Z"},
		{"2@2026-03-02T12:00:03.5Z", time.Hour, "2@2026-03-02T12:00:03.5Z"},
		{"2", time.Hour, "2@2026-03-02T12:00:02Z"},
		{"2026-03-02T12:00:03.5Z", time.Hour, "3@2026-03-02T12:00:03.5Z"},
		{"2026-03-02T12:00:00Z", time.Hour, "0@2026-03-02T12:00:00Z"},
		{"0", time.Hour, "0@1970-01-01T00:00:00Z"},
		{"0@2026-03-02T12:00:03Z", time.Hour, "0@2026-03-02T12:00:03Z"},
		{"0@1960-01-01T00:00:00Z", time.Hour, "0@1960-01-01T00:00:00Z"},
		{"5", time.Hour, ""},
		{"5@2026-03-02T12:00:06Z", time.Hour, ""},
		{"2026-03-02T13:00:05Z", time.Hour, ""},
	} {
		moment, err := query.ParseMoment(c.asked)
		if err != nil {
			t.Fatal(err)
		}
		reports := service(t, s, noon.Add(4*time.Second+c.ahead))
		report, err := reports.Progress(instructor, "ada", moment)
		if c.want == "" {
			if !refused(err) {
				t.Errorf("as_of=%s is not refused: %v", c.asked, err)
			}
			continue
		}
		if err != nil || report.AsOf.String() != c.want {
			t.Errorf("as_of=%s is %v, %v, want %s", c.asked, report, err, c.want)
			continue
		}
		if report.Answers != int(report.AsOf.Seq) {
			t.Errorf("as_of=%s has %d answers", c.asked, report.Answers)
		}
		if echo, err := query.ParseMoment(c.want); err != nil {
			t.Error(err)
		} else if again, err := reports.Progress(instructor, "ada", echo); err != nil || again.AsOf != report.AsOf {
			t.Errorf("as_of=%s echoed is %v, %v", c.want, again, err)
		}
	}
}

// Who reads by no membership may look at all facts from any time, to see what is
// forgotten since.
func TestAnOperatorLooksFromAnyTime(t *testing.T) {
	s := open(t)
	write(t, s, &project.Batch{Answers: []project.Answer{
		{Meta: meta(1, "ada", noon), Answer: event.Answer{Item: "x", GradedBy: event.GradedByKey}}}})
	moment, err := query.ParseMoment("1@2026-03-02T12:00:00Z")
	if err != nil {
		t.Fatal(err)
	}
	reports := service(t, s, noon.Add(time.Hour))
	for role, want := range map[httpserver.Role]bool{
		httpserver.RoleOperator: true, httpserver.RoleLearner: true, httpserver.RoleInstructor: false,
	} {
		ctx := httpserver.WithPrincipal(t.Context(), httpserver.Principal{Role: role, Learner: "ada"})
		if _, err := reports.Progress(ctx, "ada", moment); refused(err) == want {
			t.Errorf("a report to the %s of what was stored later: %v", role, err)
		}
	}
}

// Evidence says of every answer whether it was taken back, and a report which ones
// the catalog doesn't have.
func TestAnswersToUnknownItemsAreToldApart(t *testing.T) {
	s := open(t)
	reports := service(t, s, noon.Add(time.Hour))
	known := reports.Active().Course.Catalog.Items[0].ID
	var b project.Batch
	for i, item := range []string{"dropped", known, "dropped", known} {
		b.Answers = append(b.Answers, project.Answer{
			Meta: meta(uint64(i+1), "ada", noon), Answer: event.Answer{Item: item, Score: 1, GradedBy: event.GradedByKey}})
	}
	for i := range 2 { // the first of each
		b.Voids = append(b.Voids, project.Void{
			Meta: meta(uint64(i+5), "ada", noon), Void: event.Void{Target: b.Answers[i].Key}})
	}
	write(t, s, &b)
	for item, seq := range map[string]uint64{"dropped": 1, known: 2} {
		evidence, err := reports.Evidence(t.Context(), "ada", query.EvidenceFilter{Item: item, Limit: 10}, query.Moment{})
		if err != nil || len(evidence.Events) != 2 {
			t.Fatalf("evidence of %s: %+v, %v", item, evidence, err)
		}
		for _, e := range evidence.Events {
			if e.Voided != (e.Seq == seq) || (e.Predicted != nil) != (e.Seq == 4) {
				t.Errorf("evidence of %s: %+v", item, e)
			}
		}
	}
	for _, lens := range []project.Lens{project.ByConcern, project.ByChapter} {
		report, err := reports.LearnerWeakTopics(t.Context(), "ada", query.Measure{Lens: lens}, query.Moment{})
		if err != nil || report.Unmapped != 1 || report.Answers != 2 {
			t.Errorf("by %s: %d answers, %d unmapped, %v", lens, report.Answers, report.Unmapped, err)
		}
	}
}

// Counts that are added up are those of one count.
func TestCountsAreAddedUp(t *testing.T) {
	s := open(t)
	reports := service(t, s, noon.Add(time.Hour))
	seq := uint64(0)
	for round, learners := range [][]string{{"ada", "bob"}, {}, {"ada"}, {"bob", "eve", "eve"}, {"fay"}} {
		var b project.Batch
		for _, learner := range learners {
			seq++
			b.Answers = append(b.Answers, project.Answer{
				Meta: meta(seq, learner, noon), Answer: event.Answer{Item: "x", GradedBy: event.GradedByKey}})
		}
		w := s.Writer()
		for _, a := range b.Answers {
			b.Sequences = append(b.Sequences, project.Sequence{
				Seq: a.Seq, Key: a.Key, Outcome: project.Fact, Type: event.AnswerSubmitted, Stored: a.Stored})
		}
		for range 2 { // repeats count once
			if err := w.Write(t.Context(), 1, &b); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		got, err := reports.Projections(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		fresh, err := service(t, s, noon.Add(time.Hour)).Projections(t.Context())
		if err != nil || got.Counts != fresh.Counts || got.Counts.Answers != seq {
			t.Errorf("round %d: counts are %+v, %v, want %+v", round, got.Counts, err, fresh.Counts)
		}
	}
	remembered := query.Remember(s)
	for _, floor := range []uint64{5, 2, 7, 3} { // of requests that overtake each other
		got, err := remembered.Counts(t.Context(), 1, 0, floor)
		learners, err2 := remembered.NewLearners(t.Context(), 1, 0, floor)
		want, err3 := s.NewLearners(t.Context(), 1, 0, floor)
		if got.Answers != floor || learners != want {
			t.Errorf("up to %d there are %d answers of %d learners, want %d of %d: %v", floor, got.Answers, learners, floor, want,
				fmt.Sprint(err, err2, err3))
		}
	}
}
