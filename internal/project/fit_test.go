package project_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/mastery"
	"github.com/gapwise/gapwise/internal/project"
	"github.com/gapwise/gapwise/internal/store"
	"github.com/gapwise/gapwise/internal/stream"
)

// class is a log of a few learners who answer, late and taken back among it, with the
// tables that it gave.
type class struct {
	log    *stream.Log
	store  *store.Store
	course *project.Course
	events []*event.Event // in the log's order
}

func openClass(t *testing.T) *class {
	t.Helper()
	c := &class{log: openLog(t), store: openStore(t), course: deriverOf(t, nil, 0, 0).Course}
	items := c.course.Catalog.Answerable()
	var payloads []string
	for n := range 40 {
		for learner := range 9 {
			minute := n
			if n%7 == 6 {
				minute -= 5 // late
			}
			item := items[(n*5+learner*11)%30]
			answer := answerEvent(fmt.Sprintf("%d-%d", learner, n), fmt.Sprintf("learner-%d", learner), minute, float64((n*3+learner*5+len(item.ID))%4)/3)
			payloads = append(payloads, strings.Replace(answer, `"q1"`, fmt.Sprintf("%q", item.ID), 1))
		}
	}
	payloads = append(payloads, answerEvent("unmapped", "learner-1", 50, 1), void("1-3"), void("2-8"))
	c.add(t, payloads...)
	return c
}

// void takes an answer back.
func void(id string) string {
	return fmt.Sprintf(`{"specversion":"1.0","id":"void-%s","source":"test","subject":"learner-%.1s","time":"2026-01-01T11:00:00Z",`+
		`"type":"study.answer.voided.v1","data":{"event":%q}}`, id, id, id)
}

func (c *class) add(t *testing.T, payloads ...string) {
	t.Helper()
	publish(t, c.log, payloads)
	for _, p := range payloads {
		e, err := event.Decode([]byte(p))
		if err != nil {
			t.Fatal(err)
		}
		c.events = append(c.events, e)
	}
	w := c.store.Writer()
	defer func() { _ = w.Close() }()
	projectAll(t, c.log, c.store, w, 1000)
}

func (c *class) fit(t *testing.T, change func(*project.Fitter)) *project.Fit {
	t.Helper()
	f := &project.Fitter{Store: c.store, Facts: 1, Course: c.course}
	if change != nil {
		change(f)
	}
	fit, err := f.Run(t.Context(), func(project.FitProgress) {})
	if err != nil {
		t.Fatal(err)
	}
	return fit
}

// answers are what a fit should rest on, from the events themselves: by learner, in
// the order of event time and key, without those taken back.
func (c *class) answers(lens project.Lens) map[string][]mastery.Answer {
	taken := map[string]bool{}
	byLearner := map[string][]*event.Event{}
	for _, e := range c.events {
		switch d := e.Data.(type) {
		case *event.Void:
			taken[d.Event] = true
		case *event.Answer:
			byLearner[e.Subject] = append(byLearner[e.Subject], e)
		}
	}
	all := map[string][]mastery.Answer{}
	for learner, events := range byLearner {
		slices.SortFunc(events, func(a, b *event.Event) int { return cmp.Or(a.Time.Compare(b.Time), bytes.Compare(a.Key[:], b.Key[:])) })
		for _, e := range events {
			answer, _ := e.Data.(*event.Answer)
			if item, ok := c.course.Lenses[lens].Item(answer.Item); ok && !taken[e.ID] {
				all[learner] = append(all[learner], mastery.Answer{Item: item, Score: answer.Score, Time: e.Time.UnixMicro()})
			}
		}
	}
	return all
}

// A fit finds what the model's own fit finds in the same answers, however many fits
// run at the same time, and says what it rests on.
func TestAFitIsThatOfTheFacts(t *testing.T) {
	c := openClass(t)
	var told []project.FitProgress
	fitter := &project.Fitter{Store: c.store, Facts: 1, Course: c.course, Workers: 3}
	fit, err := fitter.Run(t.Context(), func(p project.FitProgress) { told = append(told, p) })
	if err != nil {
		t.Fatal(err)
	}
	m := fit.Model
	last := uint64(len(c.events))
	entry, err := c.log.Get(t.Context(), last)
	if err != nil {
		t.Fatal(err)
	}
	want := project.Fitted{Seq: last, Time: entry.Stored.Truncate(time.Microsecond), Answers: 9*40 - 2, Learners: 9}
	if *m.Fitted != want || m.Course != c.course.Catalog.Course || m.Catalog != c.course.Catalog.Version {
		t.Errorf("fitted to %+v of %s, want %+v", *m.Fitted, m.Catalog, want)
	}
	for lens := range project.Lens(project.NumLenses) {
		l, answers := &c.course.Lenses[lens], c.answers(lens)
		var learners [][]mastery.Answer
		for _, list := range answers {
			learners = append(learners, list)
		}
		found, err := mastery.Fit(l.Model, learners, nil)
		if err != nil {
			t.Fatal(err)
		}
		got := m.Lenses.Of(lens)
		if got.Weights != found.Weights || got.ItemVariance != found.ItemVariance {
			t.Errorf("by %s weights %v and variance %v, want %v and %v", lens, got.Weights, got.ItemVariance, found.Weights, found.ItemVariance)
		}
		for i, id := range l.Items {
			if it := found.Items[i]; got.Items[id] != (project.ModelItem{B: it.B, VB: it.VB}) {
				t.Errorf("by %s item %s is %+v, want %v and %v", lens, id, got.Items[id], it.B, it.VB)
			}
		}
		for k, topic := range l.Topics {
			if w, g := found.Topics[k], got.Topics[topic.ID]; g.C != w.C || g.VC != w.VC || g.D != w.D {
				t.Errorf("by %s topic %s is %+v, want %+v", lens, topic.ID, g, w)
			}
		}
	}
	end := told[len(told)-1]
	if told[0].Step != "reading" || end.Step != "fitting" || end.Done != end.Of || end.Of == 0 {
		t.Errorf("progress goes from %+v to %+v", told[0], end)
	}
}

// Equal facts give an equal model: other events after the answers change nothing, an
// answer or a void does.
func TestEqualFactsGiveAnEqualModel(t *testing.T) {
	c := openClass(t)
	first := c.fit(t, func(f *project.Fitter) { f.Workers = 1 })
	text, err := first.Model.Encode()
	if err != nil {
		t.Fatal(err)
	}
	c.add(t, `{"specversion":"1.0","id":"s","source":"test","subject":"learner-1","time":"2026-01-01T11:00:00Z","type":"study.session.started.v1","data":{"session":"s"}}`)
	again := c.fit(t, func(f *project.Fitter) { f.Workers = 4 })
	if other, err := again.Model.Encode(); err != nil || !bytes.Equal(other, text) {
		t.Errorf("models %s and %s of the same answers differ (%v)", first.Model.Version, again.Model.Version, err)
	}
	if a, b := fmt.Sprint(first.Comparison), fmt.Sprint(again.Comparison); !sameComparison(first.Comparison, again.Comparison) {
		t.Errorf("comparisons of the same answers differ:\n%s\n%s", a, b)
	}
	c.add(t, void("5-5"))
	if voided := c.fit(t, nil); voided.Model.Version == first.Model.Version || voided.Model.Fitted.Answers != first.Model.Fitted.Answers-1 {
		t.Errorf("after a void the model is %s, fitted to %+v", voided.Model.Version, *voided.Model.Fitted)
	}
}

func sameComparison(a, b project.Comparison) bool {
	lens := func(a, b project.LensComparison) bool {
		return a.Answers == b.Answers && a.Gain == b.Gain && *a.Proposed.AUC == *b.Proposed.AUC && *a.Active.AUC == *b.Active.AUC &&
			a.Proposed.LogLoss == b.Proposed.LogLoss && a.Active.ECE == b.Active.ECE
	}
	return lens(a.Concern, b.Concern) && lens(a.Chapter, b.Chapter)
}

// What speaks for a model is found on learners that the fits of the comparison didn't
// know: computed here once more, learner by learner.
func TestAComparisonHoldsLearnersOut(t *testing.T) {
	c := openClass(t)
	fit := c.fit(t, nil)
	sample, err := c.store.Sample(t.Context(), 1, uint64(len(c.events)), 1<<40)
	if err != nil {
		t.Fatal(err)
	}
	start, answers := &c.course.Lenses[project.ByConcern], c.answers(project.ByConcern)
	var proposed, active []mastery.Scored
	for u, one := range sample {
		var others [][]mastery.Answer
		for v, other := range sample {
			if v%project.Folds != u%project.Folds {
				others = append(others, answers[other.Learner])
			}
		}
		m, err := mastery.Fit(start.Model, others, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, side := range []struct {
			model *mastery.Model
			list  *[]mastery.Scored
		}{{m, &proposed}, {start.Model, &active}} {
			s := side.model.NewState()
			for _, a := range answers[one.Learner] {
				*side.list = append(*side.list, mastery.Scored{P: side.model.Update(s, a).P, Y: a.Score})
			}
		}
	}
	got := fit.Comparison.Concern
	if fit.Comparison.Against != project.StartingModel || got.Answers != len(proposed) || got.Learners != 9 {
		t.Errorf("compared %d answers of %d learners with %s", got.Answers, got.Learners, fit.Comparison.Against)
	}
	for name, side := range map[string]struct {
		got  project.ModelScores
		list []mastery.Scored
	}{"proposed": {got.Proposed, proposed}, "active": {got.Active, active}} {
		if want := mastery.Score(side.list); side.got.LogLoss != want.LogLoss || *side.got.AUC != want.AUC || side.got.ECE != want.ECE {
			t.Errorf("%s: %+v, want log loss %v, AUC %v, ECE %v", name, side.got, want.LogLoss, want.AUC, want.ECE)
		}
	}
	if gain := got.Active.LogLoss - got.Proposed.LogLoss; math.Abs(got.Gain.Estimate-gain) > 1e-12 || got.Gain.Low >= gain || got.Gain.High <= gain {
		t.Errorf("the gain is %+v, want about %v", got.Gain, gain)
	}
	with, err := project.NewCourse(c.course.Catalog, fit.Model)
	if err != nil {
		t.Fatal(err)
	}
	c.course = with
	second := c.fit(t, nil)
	if second.Model.Version != fit.Model.Version || second.Comparison.Against != fit.Model.Version || second.Comparison.Concern.Active == got.Active {
		t.Errorf("with %s active, the fit is %s against %s", fit.Model.Version, second.Model.Version, second.Comparison.Against)
	}
}

// Memory is bounded by the number of answers: learners are taken in an order that
// depends on their ids alone.
func TestAFitTakesNoMoreAnswersThanItMay(t *testing.T) {
	c := openClass(t)
	for most, learners := range map[uint64]int{1 << 40: 9, 40*9 + 1: 9, 40 * 7: 6, 40*5 + 1: 5} {
		fitted := c.fit(t, func(f *project.Fitter) { f.Most = most }).Model.Fitted
		// One learner has an answer that no topic counts, which may come early or late.
		if d := fitted.Learners - learners; d < 0 || d > 1 || uint64(fitted.Answers) > most {
			t.Errorf("of at most %d answers it takes %d of %d learners", most, fitted.Answers, fitted.Learners)
		}
	}
	for _, most := range []uint64{0, 40 * 4} {
		f := &project.Fitter{Store: c.store, Facts: 1, Course: c.course, Most: most}
		if most == 0 {
			f.Facts = 7 // where nobody has answered
		}
		if _, err := f.Run(t.Context(), func(project.FitProgress) {}); !errors.Is(err, project.ErrTooFew) {
			t.Errorf("at most %d answers: %v", most, err)
		}
	}
}

// A fit ends when the process does.
func TestAFitEndsWithItsContext(t *testing.T) {
	c := openClass(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	f := &project.Fitter{Store: c.store, Facts: 1, Course: c.course}
	fit, err := f.Run(ctx, func(p project.FitProgress) {
		if p.Step == "fitting" {
			stop()
		}
	})
	if fit != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("a fit that was stopped gave %v, %v", fit, err)
	}
}
