package store_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/project"
	"github.com/gapwise/gapwise/internal/query"
)

// A first response is that of the first answer by event time that holds at the sequence,
// whenever it was stored; what can't be a choice is no response.
func TestAFirstResponseIsThatOfTheFirstAttemptThatHolds(t *testing.T) {
	s := open(t)
	var seq uint64
	answer := func(learner, item, response string, minute int) project.Answer {
		seq++
		return project.Answer{
			Meta:   meta(seq, learner, noon.Add(time.Duration(minute)*time.Minute)),
			Answer: event.Answer{Item: item, GradedBy: event.GradedByKey, Response: response},
		}
	}
	b := &project.Batch{Answers: []project.Answer{
		answer("ada", "q", "second", 2), answer("ada", "q", "first", 1), answer("ada", "q", "late", 0),
		answer("ada", "silent", "", 1), answer("ada", "silent", "said later", 2),
		answer("ada", "essay", strings.Repeat("x", event.MaxID+1), 1), answer("ada", "id", strings.Repeat("y", event.MaxID), 1),
		answer("bob", "q", "his", 9), answer("eve", "q", "not asked for", 1),
	}}
	b.Voids = []project.Void{{Meta: meta(10, "ada", noon), Void: event.Void{Target: b.Answers[2].Key}}}
	write(t, s, b)

	long := query.Response{Learner: "ada", Item: "id", Response: strings.Repeat("y", event.MaxID)}
	for upTo, want := range map[uint64][]query.Response{
		1:  {{Learner: "ada", Item: "q", Response: "second"}},
		2:  {{Learner: "ada", Item: "q", Response: "first"}},
		9:  {long, {Learner: "ada", Item: "q", Response: "late"}, {Learner: "bob", Item: "q", Response: "his"}},
		10: {long, {Learner: "ada", Item: "q", Response: "first"}, {Learner: "bob", Item: "q", Response: "his"}},
	} {
		var got []query.Response
		err := s.FirstResponses(t.Context(), 1, []string{"ada", "bob"}, upTo, func(r query.Response) { got = append(got, r) })
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("first responses up to sequence %d: %v, %v; want %v", upTo, got, err, want)
		}
	}
	if err := s.FirstResponses(t.Context(), 1, nil, seq, func(query.Response) { t.Error("a response of nobody") }); err != nil {
		t.Error(err)
	}
}
