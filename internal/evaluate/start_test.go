package evaluate

import (
	"testing"
	"time"

	"github.com/gapwise/gapwise/internal/catalog"
	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/mastery"
	"github.com/gapwise/gapwise/internal/project"
	"github.com/gapwise/gapwise/internal/simulate"
)

// fold folds a simulated cohort's answers through a lens and returns the states by
// learner, in the order of simulation.Learners.
func fold(simulation *simulate.Simulation, lens *project.LensModel) []*mastery.State {
	states := map[string]*mastery.State{}
	for _, id := range simulation.Learners() {
		states[id] = lens.NewState()
	}
	for e := range simulation.Events() {
		a, isAnswer := e.Data.(*event.Answer)
		if !isAnswer {
			continue
		}
		if item, mapped := lens.Item(a.Item); mapped {
			lens.Update(states[e.Subject], mastery.Answer{Item: item, Score: a.Score, Time: e.Time.UnixMicro()})
		}
	}
	list := make([]*mastery.State, 0, len(states))
	for _, id := range simulation.Learners() {
		list = append(list, states[id])
	}
	return list
}

// startCheck counts, by how many answers a learner's estimate rests on, what the
// starting model says and how true that is.
type startCheck struct {
	n, covered, grey  float64
	calledWeak, truly float64
}

// TestStartingModel is the coverage check of the variances that the built-in course
// starts with, before there is an answer to fit anything to. Learners of three
// cohorts study it: weak ones, strong ones, and one in which three concerns are
// weak for most. They follow another model (package simulate), which knows the true
// chance on a typical item: the 90% intervals must hold it about as often as they
// say, also after one answer. And the report must say something: after five answers
// nearly every cell carries a state, and what is called weak is.
func TestStartingModel(t *testing.T) {
	course := builtin(t)
	lens := &course.Lenses[project.ByConcern]
	to := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	bands := make([]startCheck, len(Bands))
	for _, cohort := range []struct {
		ability float64
		weak    []string
	}{{-0.5, []string{}}, {0.7, nil}, {1.5, []string{}}} {
		simulation, err := simulate.New(simulate.Config{
			Seed: 5, Learners: 150, Prefix: "l-", Source: "test", From: to.AddDate(0, 0, -56), To: to,
			Events: 30_000, Ability: cohort.ability, Weak: cohort.weak,
		}, course.Catalog)
		if err != nil {
			t.Fatal(err)
		}
		for u, state := range fold(simulation, lens) {
			for k := range lens.Topics {
				if e := lens.Mastery(state, k, to.UnixMicro()); e.N > 0 {
					bands[bandOf(int(e.N))].add(e, simulation.Mastery(u, k))
				}
			}
		}
	}
	for i, b := range bands[1:] {
		from := Bands[i+1]
		t.Logf("from %d answers on: %.0f cells, cover %.3f, without a state %.3f, called weak %.0f, truly %.3f",
			from, b.n, b.covered/b.n, b.grey/b.n, b.calledWeak, b.truly/b.calledWeak)
		if cover := b.covered / b.n; cover < 0.85 || cover > 0.96 {
			t.Errorf("from %d answers on 90%% intervals hold the truth in %.3f of %.0f", from, cover, b.n)
		}
		if grey := b.grey / b.n; from >= 3 && grey > 0.1 {
			t.Errorf("from %d answers on %.3f of the cells carry no state", from, grey)
		}
		if b.calledWeak > 0 && b.truly/b.calledWeak < 0.85 {
			t.Errorf("from %d answers on %.3f of those called weak are", from, b.truly/b.calledWeak)
		}
	}
}

func (b *startCheck) add(e mastery.Estimate, truth float64) {
	b.n++
	if truth >= e.Low && truth <= e.High {
		b.covered++
	}
	switch e.Word() {
	case mastery.NotEnoughAnswers:
		b.grey++
	case mastery.Weak, mastery.Rusty:
		b.calledWeak++
		if truth < mastery.WeakBelow {
			b.truly++
		}
	}
}

// TestGreyStart: a learner gives five answers in each concern of the built-in
// course, right and wrong in turns. Most cells carry a state then, in both lenses; a
// course of which nothing is assumed would show grey everywhere.
func TestGreyStart(t *testing.T) {
	course := builtin(t)
	for l := range course.Lenses {
		lens := &course.Lenses[l]
		cautious := cautiousModel(t, lens)
		grey, without, cells := 0, 0, 0
		state, other := lens.NewState(), cautious.NewState()
		now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC).UnixMicro()
		counts := make([]int, len(lens.Topics))
		for i := range lens.Parameters.Items {
			tags := lens.Parameters.Items[i].Tags
			needed := false
			for _, tag := range tags {
				needed = needed || counts[tag.Topic] < 5
			}
			if !needed {
				continue
			}
			for _, tag := range tags {
				counts[tag.Topic]++
			}
			now += 60e6
			a := mastery.Answer{Item: i, Score: float64(i % 2), Time: now}
			lens.Update(state, a)
			cautious.Update(other, a)
		}
		for k := range lens.Topics {
			if counts[k] < 5 {
				continue
			}
			cells++
			if lens.Mastery(state, k, now).Word() == mastery.NotEnoughAnswers {
				grey++
			}
			if cautious.Mastery(other, k, now).Word() == mastery.NotEnoughAnswers {
				without++
			}
		}
		if cells < len(lens.Topics)*3/4 || 10*grey > cells {
			t.Errorf("by %s: %d of %d cells carry no state after five answers", project.Lens(l), grey, cells)
		}
		if 2*without < cells {
			t.Errorf("by %s: without the course's own assumptions only %d of %d cells were grey: the case shows nothing", project.Lens(l), without, cells)
		}
	}
}

// cautiousModel assumes nothing of the course.
func cautiousModel(t *testing.T, lens *project.LensModel) *mastery.Model {
	t.Helper()
	c := mastery.Course{Topics: len(lens.Topics)}
	for _, it := range lens.Parameters.Items {
		c.Items = append(c.Items, mastery.CourseItem{Level: it.Level, Tags: it.Tags, Aside: it.Aside})
	}
	m, err := mastery.Default(c)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func builtin(t *testing.T) *project.Course {
	t.Helper()
	c, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	course, err := project.NewCourse(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	return course
}
