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

// A checklist item stands as its last tick by event time left it, whenever it came.
func TestATickStandsAsTheLastByEventTimeLeftIt(t *testing.T) {
	s := open(t)
	at := func(minute int) time.Time { return noon.Add(time.Duration(minute) * time.Minute) }
	tick := func(seq uint64, learner, item string, minute int, ticked bool) project.Tick {
		return project.Tick{Meta: meta(seq, learner, at(minute)), Tick: event.Tick{Item: item, Ticked: ticked}}
	}
	write(t, s, &project.Batch{Ticks: []project.Tick{
		tick(1, "ada", "x", 1, true), tick(2, "ada", "x", 3, false), tick(3, "ada", "x", 2, true), tick(4, "ada", "y", 1, true),
		tick(5, "bob", "x", 1, false), tick(6, "ada", "x", 4, true), tick(7, "eve", "x", 1, true),
	}})
	state := func(learner, item string, minute int, ticked bool) query.Tick {
		return query.Tick{Learner: learner, Item: item, Ticked: ticked, Time: at(minute)}
	}
	for upTo, want := range map[uint64][]query.Tick{
		0: nil,
		1: {state("ada", "x", 1, true)},
		5: {state("ada", "x", 3, false), state("ada", "y", 1, true), state("bob", "x", 1, false)},
		7: {state("ada", "x", 4, true), state("ada", "y", 1, true), state("bob", "x", 1, false)},
	} {
		var got []query.Tick
		err := s.Ticks(t.Context(), 1, []string{"ada", "bob"}, upTo, func(t query.Tick) { got = append(got, t) })
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("ticks up to sequence %d: %v, %v; want %v", upTo, got, err, want)
		}
	}
}

// Confidence is summed up over the answers that hold, and told apart by item and level.
func TestConfidenceIsOfAnswersThatHold(t *testing.T) {
	s := open(t)
	answer := func(seq uint64, learner, item string, confidence int, score float64) project.Answer {
		return project.Answer{
			Meta:   meta(seq, learner, noon),
			Answer: event.Answer{Item: item, GradedBy: event.GradedByKey, Confidence: confidence, Score: score},
		}
	}
	b := &project.Batch{Answers: []project.Answer{
		answer(1, "ada", "q", 5, 1), answer(2, "ada", "q", 5, 0.5), answer(3, "ada", "q", 1, 0), answer(4, "ada", "q", 0, 1),
		answer(5, "ada", "p", 3, 0.25), answer(6, "ada", "p", 3, 1), answer(7, "bob", "q", 2, 1), answer(8, "eve", "q", 2, 1),
	}}
	b.Voids = []project.Void{{Meta: meta(9, "ada", noon), Void: event.Void{Target: b.Answers[5].Key}}}
	write(t, s, b)
	want := []query.Confidence{
		{Learner: "ada", Item: "p", Level: 3, Answers: 1, Score: 0.25, Squares: 0.0625},
		{Learner: "ada", Item: "q", Level: 1, Answers: 1},
		{Learner: "ada", Item: "q", Level: 5, Answers: 2, Score: 1.5, Squares: 1.25},
		{Learner: "bob", Item: "q", Level: 2, Answers: 1, Score: 1, Squares: 1},
	}
	var got []query.Confidence
	err := s.Confidences(t.Context(), 1, []string{"ada", "bob"}, 9, func(c query.Confidence) { got = append(got, c) })
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("confidence is %v, %v; want %v", got, err, want)
	}
	got = nil
	err = s.Confidences(t.Context(), 1, []string{"ada"}, 6, func(c query.Confidence) { got = append(got, c) })
	if err != nil || len(got) != 3 || got[0].Answers != 2 || got[0].Score != 1.25 {
		t.Errorf("before it was taken back, confidence is %v, %v", got, err)
	}
}
