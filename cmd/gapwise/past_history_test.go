package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/gapwise/gapwise/internal/catalog"
	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/project"
	"github.com/gapwise/gapwise/internal/replay"
	"github.com/gapwise/gapwise/internal/simulate"
)

// history lists the events of a simulated cohort, some of them late or sent again. Among
// them are scores that add up otherwise in another order, answers taken back, too early
// even, learners who come and go, and what instructors have to say.
func (p *past) history(t *testing.T) []*event.Event {
	t.Helper()
	now := time.Now().UTC().Truncate(time.Microsecond)
	run, err := simulate.New(simulate.Config{
		Seed: 5, Learners: 9, Prefix: "past-", Cohort: "past", Targets: []string{"", "senior", "staff"}, Source: "past",
		From: now.AddDate(0, 0, -40), To: now, Events: 2000, Late: 0.15, Repeats: 0.05,
	}, p.active.Active().Course.Catalog)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 9 {
		p.learners = append(p.learners, fmt.Sprintf("past-%03d", i+1))
	}
	dice := rand.New(rand.NewPCG(16, 4))
	h := &historian{t: t, dice: dice, learners: append([]string{"guest"}, p.learners...), now: now}
	for _, c := range p.active.Active().Course.Catalog.Concerns {
		h.concerns = append(h.concerns, c.ID)
	}
	for e := range run.Events() {
		if a, answer := e.Data.(*event.Answer); answer {
			e = h.answer(e, *a)
		}
		h.events = append(h.events, e)
		switch dice.IntN(40) {
		case 0, 1:
			h.void(e)
		case 2:
			h.comeOrGo()
		case 3:
			h.steer()
		}
	}
	return h.events
}

// historian adds to a simulated history.
type historian struct {
	t                  *testing.T
	dice               *rand.Rand
	learners, concerns []string
	now                time.Time
	events             []*event.Event
}

func (h *historian) add(typ event.Type, subject string, at time.Time, data event.Data) {
	e, err := event.NewTyped(typ, "past", fmt.Sprint("told-", len(h.events)), subject, at, data)
	if err != nil {
		h.t.Fatal(err)
	}
	h.events = append(h.events, e)
}

// answer gives some answers a score between right and wrong, and a confidence.
func (h *historian) answer(e *event.Event, a event.Answer) *event.Event {
	dice := rand.New(rand.NewPCG(uint64(e.Key[0])<<8|uint64(e.Key[1]), uint64(e.Key[2]))) // a repeat stays one
	if dice.IntN(3) == 0 {
		a.Score = float64(dice.IntN(11)) / 10
	}
	if dice.IntN(4) == 0 {
		a.Confidence = 1 + dice.IntN(5)
	}
	return newEvent(h.t, e.Source, e.ID, e.Subject, e.Time, &a)
}

// void takes an answer back: one that came, or the last one before it comes.
func (h *historian) void(e *event.Event) {
	if _, answer := e.Data.(*event.Answer); !answer {
		return
	}
	if h.dice.IntN(4) == 0 {
		h.events = h.events[:len(h.events)-1]
		defer func() { h.events = append(h.events, e) }()
	} else {
		old := h.events[h.dice.IntN(len(h.events))]
		if _, answer := old.Data.(*event.Answer); answer {
			e = old
		}
	}
	h.add(event.AnswerVoided, e.Subject, h.now, &event.Void{Event: e.ID})
}

// comeOrGo lets somebody join the cohort, or leave it.
func (h *historian) comeOrGo() {
	joined := h.dice.IntN(2) == 0
	word := &event.Membership{Cohort: "past", Joined: joined}
	typ := event.CohortLeft
	if joined {
		typ, word.Target = event.CohortJoined, []string{"", "intermediate", "staff"}[h.dice.IntN(3)]
	}
	h.add(typ, h.learners[h.dice.IntN(len(h.learners))], h.now.Add(-time.Duration(h.dice.IntN(600))*time.Second), word)
}

// steer pins a topic, rules it out, or takes that back.
func (h *historian) steer() {
	typ := []event.Type{event.TopicPinned, event.TopicExcluded, event.TopicReleased}[h.dice.IntN(3)]
	h.add(typ, h.learners[h.dice.IntN(len(h.learners))], h.now.Add(-time.Duration(h.dice.IntN(600))*time.Second),
		&event.Steering{Topic: h.concerns[h.dice.IntN(len(h.concerns))]})
}

// taggedAnew is a course in which each third item counts towards the concerns of the item
// before, one concern has another title, and items and concerns come in another order.
func taggedAnew(t *testing.T, c *catalog.Catalog) *project.Course {
	t.Helper()
	text, err := c.Encode()
	if err != nil {
		t.Fatal(err)
	}
	var document map[string]any
	if err := json.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	delete(document, "version")
	concerns, items := document["concerns"].([]any), document["items"].([]any)
	concerns[0].(map[string]any)["title"] = "As It Was Named Then"
	for i := 2; i < len(items); i += 3 {
		items[i].(map[string]any)["concerns"] = items[i-1].(map[string]any)["concerns"]
	}
	slices.Reverse(concerns)
	slices.Reverse(items)
	if text, err = json.Marshal(document); err != nil {
		t.Fatal(err)
	}
	other, err := catalog.Decode(text)
	if err != nil {
		t.Fatal(err)
	}
	course, err := project.NewCourse(other, nil)
	if err != nil {
		t.Fatal(err)
	}
	return course
}

// proposeCourse publishes the course that is tagged anew, and folds it.
func (p *past) proposeCourse(t *testing.T) {
	t.Helper()
	content, err := p.tagged.Catalog.Encode()
	if err != nil {
		t.Fatal(err)
	}
	published, err := event.NewTyped(event.CatalogPublished, "past", "tagged", p.tagged.Catalog.Course, time.Now(),
		&event.Publication{Version: p.tagged.Catalog.Version, Content: string(content)})
	if err != nil {
		t.Fatal(err)
	}
	p.send(t, []*event.Event{published})
	p.settle(t)
	p.orderReplay(t, p.operator, `{"action":"start","catalog":"`+p.tagged.Catalog.Version+`"}`, 202)
	p.replays(t, p.operator, "the other course is folded", func(st *replay.Status) bool { return st.Replay != nil && st.Replay.State == replay.IsReady })
}
