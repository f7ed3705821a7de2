package query

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/gapwise/gapwise/internal/catalog"
	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/project"
	"github.com/gapwise/gapwise/internal/simulate"
)

// answered sums up what a simulated cohort answered; change may change an answer
// before it is given.
func answered(t *testing.T, config simulate.Config, change func(*event.Answer)) *questions {
	t.Helper()
	course := builtin(t)
	run, err := simulate.New(config, course.Catalog)
	if err != nil {
		t.Fatal(err)
	}
	histories := map[string]*project.History{}
	responses := map[string]map[string]string{}
	var learners []string
	seq := uint64(0)
	for e := range run.Events() {
		seq++
		a, ok := e.Data.(*event.Answer)
		if !ok {
			continue
		}
		change(a)
		h := histories[e.Subject]
		if h == nil {
			h = &project.History{Learner: e.Subject}
			histories[e.Subject], responses[e.Subject] = h, map[string]string{}
			learners = append(learners, e.Subject)
		}
		h.Given = append(h.Given, project.Given{
			Seq: seq, Key: event.KeyOf(e.Source, e.ID), Time: e.Time.UnixMicro(), Item: a.Item, Score: a.Score, GradedBy: a.GradedBy,
		})
		if _, again := responses[e.Subject][a.Item]; !again {
			responses[e.Subject][a.Item] = a.Response
		}
	}
	slices.Sort(learners)
	asked := newQuestions(course)
	for _, learner := range learners {
		if err := asked.add(histories[learner], seq, responses[learner]); err != nil {
			t.Fatal(err)
		}
	}
	return asked
}

// builtin is the built-in course with its starting model.
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

// cohortOf configures a cohort of the demo's kind.
func cohortOf(seed uint64, learners int, ability float64) simulate.Config {
	config := simulate.Demo(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))
	config.Seed, config.Learners, config.Events, config.Ability = seed, learners, 330*learners, ability
	return config
}

func honestly(*event.Answer) {}

// flagged lists what is flagged, as "item kind".
func flagged(q *questions) (list []string) {
	for i, flags := range q.flags(q.offsets()) {
		for _, f := range flags {
			list = append(list, q.model.Items[i]+" "+string(f.Kind))
		}
	}
	return list
}

// Simulated learners answer honestly and by another model than the one that judges: over
// twelve cohorts, small and large, weak and strong, each with 150 to 220 questions judged
// by every rule, hardly anything may be flagged. Nor are the questions of the concerns in
// which these cohorts are weak, by which they differ most from what the model expects.
func TestHonestCohortsHardlyFlagAnything(t *testing.T) {
	total, judged := 0, 0
	for seed := range uint64(3) {
		for _, c := range []struct {
			learners int
			ability  float64
		}{{40, 0.7}, {300, 0.7}, {300, -1.5}, {300, 2}} {
			q := answered(t, cohortOf(seed, c.learners, c.ability), honestly)
			found := flagged(q)
			if len(found) > 1 {
				t.Errorf("seed %d, %d learners of ability %v: flagged are %v", seed, c.learners, c.ability, found)
			}
			total += len(found)
			for i := range q.items {
				if q.items[i].n >= difficultyFrom {
					judged++
				}
			}
		}
	}
	if total > 2 || judged < 2000 {
		t.Errorf("%d flags on %d honest questions", total, judged)
	}
}

// A key that marks a wrong choice right is found among all questions, and nothing else is.
func TestAWrongKeyIsFound(t *testing.T) {
	course := builtin(t).Catalog
	for _, id := range []string{"object-level-permission", "errors-right-after-a-release", "deploy-order-provider-consumer"} {
		it, _ := course.Item(id)
		marked := it.Choices[rightChoice(it.Choices)].ID
		truth := it.Choices[(rightChoice(it.Choices)+1)%len(it.Choices)].ID
		q := answered(t, cohortOf(1, 100, 0.7), func(a *event.Answer) {
			switch {
			case a.Item != id:
			case a.Response == marked: // they know, and choose what is true
				a.Response, a.Score = truth, 0
			case a.Response == truth: // they don't, and are tempted by what is marked
				a.Response, a.Score = marked, 1
			}
		})
		found := flagged(q)
		if !slices.Contains(found, id+" wrong_key") || slices.ContainsFunc(found, func(f string) bool { return f[:len(id)] != id }) {
			t.Errorf("with a wrong key of %s, flagged are %v", id, found)
		}
	}
}

// What is broken in another way is found by the rule for it.
func TestBrokenQuestionsAreFoundByTheirRule(t *testing.T) {
	const closed, hard, open = "object-level-permission", "ethics-engagement-metric", "what-does-live-mean"
	for want, broken := range map[string]func(*event.Answer){
		closed + " other_key": func(a *event.Answer) { // the producer's key is another one
			if a.Item == closed {
				a.Score = 1 - a.Score
			}
		},
		hard + " easier": func(a *event.Answer) { // the answer has got round
			if a.Item == hard {
				a.Score = 1
			}
		},
		open + " harder": func(a *event.Answer) { // nobody understands it
			if a.Item == open {
				a.Score = 0
			}
		},
		open + " blurred": func(a *event.Answer) { // who says more gets less
			if a.Item == open {
				a.Score = 1 - a.Score
			}
		},
		open + " grading": func(a *event.Answer) { // the rubric says nothing
			if a.Item == open {
				a.Score = 0.2
				if a.GradedBy == event.GradedBySelf {
					a.Score = 0.9
				}
			}
		},
	} {
		q := answered(t, cohortOf(5, 300, 0.7), broken)
		if found := flagged(q); !slices.Contains(found, want) {
			t.Errorf("%s is not flagged: %v", want, found)
		}
	}
}

// A cohort that gets everything wrong is weak, and its questions aren't broken; one that
// gets a single question wrong has found one that is.
func TestAWeakCohortIsNoBrokenQuestion(t *testing.T) {
	course := builtin(t)
	var ids []string
	for _, it := range course.Catalog.Items {
		if len(it.Choices) > 0 && len(ids) < 30 {
			ids = append(ids, it.ID)
		}
	}
	answers := func(score func(learner, item int) bool) *questions {
		q := newQuestions(course)
		for learner := range 60 {
			h := &project.History{Learner: fmt.Sprintf("l%02d", learner)}
			responses := map[string]string{}
			for n := range ids {
				i := (n + 7*learner) % len(ids) // each in another order
				it, _ := course.Catalog.Item(ids[i])
				choice, right, y := 0, rightChoice(it.Choices), 0.0
				if score(learner, i) {
					choice, y = right, 1
				} else if choice == right {
					choice = 1
				}
				responses[ids[i]] = it.Choices[choice].ID
				seq := uint64(n + 1)
				h.Given = append(h.Given, project.Given{
					Seq: seq, Key: event.KeyOf("test", fmt.Sprint(learner, n)), Time: int64(seq) * 60e6, Item: ids[i], Score: y,
				})
			}
			if err := q.add(h, uint64(len(ids)), responses); err != nil {
				t.Fatal(err)
			}
		}
		return q
	}
	weak := answers(func(int, int) bool { return false })
	if found := flagged(weak); len(found) > 0 {
		t.Errorf("of a cohort that knows nothing, flagged are %v", found)
	}
	offsets := weak.offsets()
	for i, o := range offsets {
		if item := &weak.items[i]; item.n > 0 && item.expectedOf(o) > 0.1 {
			t.Errorf("of a cohort that knows nothing, %.2f were expected to be right at %s", item.expectedOf(o), weak.model.Items[i])
		}
	}
	const broken = 11
	dice := rand.New(rand.NewPCG(3, 4))
	normal := answers(func(_, item int) bool { return item != broken && dice.Float64() < 0.7 })
	found := flagged(normal)
	slices.Sort(found)
	if want := []string{ids[broken] + " harder", ids[broken] + " wrong_key"}; !slices.Equal(found, want) {
		t.Errorf("of a cohort that gets all but one right mostly, flagged are %v; want %v", found, want)
	}
}
