package store_test

import (
	"testing"
	"time"

	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/httpserver"
	"github.com/gapwise/gapwise/internal/project"
	"github.com/gapwise/gapwise/internal/query"
	"github.com/gapwise/gapwise/internal/store"
)

// A fresh deployment publishes its catalog, then takes what another log stored before;
// later it takes what a third one stored in between.
func TestAMomentInALogThatWasPutBack(t *testing.T) {
	s := open(t)
	at := func(seq uint64, minutes int) project.Meta {
		m := meta(seq, "ada", noon)
		m.Stored = noon.Add(time.Duration(minutes) * time.Minute)
		return m
	}
	answer := func(seq uint64, minutes int) project.Answer {
		return project.Answer{Meta: at(seq, minutes), Answer: event.Answer{Item: "x", GradedBy: event.GradedByKey}}
	}
	write(t, s, &project.Batch{
		Publications: []project.Publication{{Meta: at(1, 60), Kind: "catalog"}},
		Answers:      []project.Answer{answer(2, 1), answer(3, 2), answer(4, 3)},
	})
	write(t, s, &project.Batch{Answers: []project.Answer{answer(5, 61)}})
	write(t, s, &project.Batch{Answers: []project.Answer{answer(6, 4)}}) // by a writer that began anew
	amendSeventh(t, s, answer(7, 5))
	reports := service(t, s, noon.Add(2*time.Hour))
	instructor := httpserver.WithPrincipal(t.Context(), httpserver.Principal{Role: httpserver.RoleInstructor})
	for _, c := range []struct {
		asked, want string
		answers     int
	}{
		{"", "7@2026-03-02T14:00:00Z", 6},
		{"2026-03-02T12:00:30Z", "0@2026-03-02T12:00:30Z", 0},
		{"2026-03-02T12:02:30Z", "3@2026-03-02T12:02:30Z", 2},
		{"2026-03-02T12:30:00Z", "4@2026-03-02T12:30:00Z", 3}, // what was put back late isn't in what was known by then
		{"2026-03-02T13:00:30Z", "4@2026-03-02T13:00:30Z", 3},
		{"2026-03-02T13:01:00Z", "7@2026-03-02T13:01:00Z", 6},
		{"1", "1@2026-03-02T13:00:00Z", 0},
		{"3", "3@2026-03-02T12:02:00Z", 2},
		{"6", "6@2026-03-02T13:01:00Z", 5}, // the fact before it was stored then
		{"6@2026-03-02T12:30:00Z", "", 0},
		{"7", "7@2026-03-02T13:01:00Z", 6},
	} {
		moment, err := query.ParseMoment(c.asked)
		if err != nil {
			t.Fatal(err)
		}
		report, err := reports.Progress(instructor, "ada", moment)
		if c.want == "" {
			if !refused(err) {
				t.Errorf("as_of=%s is not refused: %v", c.asked, err)
			}
			continue
		}
		if err != nil || report.AsOf.String() != c.want || report.Answers != c.answers {
			t.Errorf("as_of=%s is %+v, %v, want %d answers as of %s", c.asked, report, err, c.answers, c.want)
		}
	}
}

// amendSeventh makes a fact of a dead letter.
func amendSeventh(t *testing.T, s *store.Store, a project.Answer) {
	t.Helper()
	w := s.Writer()
	defer func() { _ = w.Close() }()
	was := project.Sequence{Seq: a.Seq, Key: a.Key, Outcome: project.Dead, Stored: a.Stored}
	now := was
	now.Outcome, now.Type = project.Fact, event.AnswerSubmitted
	if err := w.Write(t.Context(), 1, &project.Batch{Sequences: []project.Sequence{was}}); err != nil {
		t.Fatal(err)
	}
	err := w.Amend(t.Context(), 1, &project.Amendment{
		Batch: project.Batch{Answers: []project.Answer{a}, Sequences: []project.Sequence{now}}, Was: []project.Sequence{was},
	})
	if err != nil {
		t.Fatal(err)
	}
}
