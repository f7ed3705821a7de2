package main

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/gapwise/gapwise/internal/catalog"
	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/query"
)

// TestPlanDemo holds that loading completes what is there, at the time at which it
// was begun, and adds nothing to what is complete.
func TestPlanDemo(t *testing.T) {
	course, err := catalog.Load("testdata/course")
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Date(2024, 3, 4, 9, 30, 0, 0, time.UTC)
	whole, err := planDemo(course, nil, begun)
	if err != nil {
		t.Fatal(err)
	}
	members := func(change func(learner string, m *query.MemberSummary) bool) (list []query.MemberSummary) {
		for e := range whole.send() {
			if d, ok := e.Data.(*event.Membership); ok && d.Joined {
				m := query.MemberSummary{Learner: e.Subject, Joined: e.Time, Answers: whole.answers[e.Subject]}
				if change(e.Subject, &m) {
					list = append(list, m)
				}
			}
		}
		return list
	}
	all := slices.Sorted(maps.Keys(whole.answers))
	for _, c := range []struct {
		name    string
		members []query.MemberSummary
		missing []string
	}{
		{"nobody is there", nil, all},
		{"all is there", members(func(string, *query.MemberSummary) bool { return true }), nil},
		{"some have joined, none has answered", members(func(learner string, m *query.MemberSummary) bool {
			m.Answers = 0
			return learner > "demo-020"
		}), all},
		{"one lacks answers, one was removed, a stranger came, one answered more", append(members(func(learner string, m *query.MemberSummary) bool {
			switch learner {
			case "demo-003":
				m.Answers--
			case "demo-005":
				m.Answers++
			}
			return learner != "demo-004"
		}), query.MemberSummary{Learner: "ada", Joined: begun}), []string{"demo-003"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			plan, err := planDemo(course, c.members, begun.AddDate(0, 1, 3))
			if err != nil {
				t.Fatal(err)
			}
			if got := slices.Sorted(maps.Keys(plan.missing)); !slices.Equal(got, c.missing) {
				t.Errorf("missing: %v, want %v", got, c.missing)
			}
			if len(c.members) > 0 && !plan.config.To.Equal(whole.config.To) {
				t.Errorf("it goes on until %s, it was begun until %s", plan.config.To, whole.config.To)
			}
			for e := range plan.send() {
				if !plan.missing[e.Subject] {
					t.Fatalf("%s is sent, of whom nothing is missing", e.Subject)
				}
			}
		})
	}
}
