package query

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/mastery"
	"github.com/gapwise/gapwise/internal/project"
)

// drawn is one answer with its prediction.
type drawn struct {
	item int
	by   event.Grader
	p, y float64
}

// guide is the built-in course by concern.
func guide(t *testing.T) *project.LensModel {
	t.Helper()
	return &builtin(t).Lenses[project.ByConcern]
}

// take compares answers, so many of each learner.
func take(model *project.LensModel, most int, learners [][]drawn) *comparison {
	c := newComparison(model, most)
	for i, answers := range learners {
		var hash project.HMAC
		binary.BigEndian.PutUint64(hash[:], uint64(i)*0x9E3779B97F4A7C15)
		c.begin(hash, nil)
		for _, a := range answers {
			c.add(a.item, a.by, a.p, a.y)
		}
		c.end()
	}
	return c
}

// draws makes learners who are right by what is predicted and a little more.
func draws(model *project.LensModel, learners, answers int) [][]drawn {
	random := rand.New(rand.NewPCG(1, 2))
	list := make([][]drawn, learners)
	for i := range list {
		more := 0.1 * random.NormFloat64()
		for range answers {
			p := random.Float64()
			a := drawn{item: random.IntN(len(model.Items)), by: gradersShown[random.IntN(4)], p: p}
			if random.Float64() < p+more {
				a.y = 1
			}
			list[i] = append(list[i], a)
		}
	}
	return list
}

// TestAFullPoolKeepsWholeLearners: with more answers than it may hold, sums are
// those of all, and scores those of some learners with all their answers.
func TestAFullPoolKeepsWholeLearners(t *testing.T) {
	model := guide(t)
	list := draws(model, 64, 50)
	whole, part := take(model, 1<<20, list), take(model, 1000, list)
	all, some := whole.report(), part.report()
	if all.Scored != 3200 || some.Scored > 1000 || some.Scored < 200 || some.Scored%50 != 0 {
		t.Fatalf("scored are %d and %d of 3200 answers", all.Scored, some.Scored)
	}
	if !reflect.DeepEqual(all.All.Difference, some.All.Difference) || some.All.Answers != 3200 || some.All.Learners != 64 {
		t.Errorf("sums depend on what was scored: %+v and %+v", all.All, some.All)
	}
	var kept []mastery.Scored
	mask := uint64(1)<<part.scored.bits - 1
	for i, answers := range list {
		if uint64(i)*0x9E3779B97F4A7C15&mask != 0 {
			continue
		}
		for _, a := range answers {
			kept = append(kept, mastery.Scored{P: a.p, Y: a.y})
		}
	}
	if want := mastery.Score(kept); len(kept) != some.Scored || *some.LogLoss != want.LogLoss || *some.All.AUC != want.AUC {
		t.Errorf("%d answers are kept with log loss %v, want %d with %v", some.Scored, *some.LogLoss, len(kept), want.LogLoss)
	}
	if n := len(part.scored.p); n != len(part.scored.y) || n != len(part.scored.item) || n != len(part.scored.earlier) || n != len(part.scored.grader) {
		t.Error("columns of different lengths")
	}
}

// TestADifferencesIntervalHoldsTheTruth: answers of one learner depend on each
// other, so the interval must be wider than that of as many independent ones. Over
// many draws nine of ten intervals hold what learners really differ by: nothing.
func TestADifferencesIntervalHoldsTheTruth(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	const rounds, learners, answers = 2000, 20, 30
	holds, naive := 0, 0
	for range rounds {
		var a agreement
		for range learners {
			more := 0.15 * (2*random.Float64() - 1)
			for range answers {
				p := 0.3 + 0.4*random.Float64()
				y := 0.0
				if random.Float64() < p+more {
					y = 1
				}
				a.add(p, y)
			}
			a.end()
		}
		d := a.difference()
		if d.Low <= 0 && 0 <= d.High {
			holds++
		}
		if half := z90 * math.Sqrt(a.chance) / float64(a.answers); math.Abs(d.Estimate) <= half {
			naive++
		}
	}
	if share := float64(holds) / rounds; share < 0.86 || share > 0.93 {
		t.Errorf("%.3f of the intervals hold the truth", share)
	}
	if naive > rounds*84/100 {
		t.Errorf("these learners are no test: intervals of independent answers hold the truth in %d of %d rounds", naive, rounds)
	}
}

// TestFewAnswersSayNothing: no state and no score.
func TestFewAnswersSayNothing(t *testing.T) {
	model := guide(t)
	none := take(model, 10, nil).report()
	if none.All.Predicted != nil || none.All.Difference != nil || none.All.State != "not_enough_answers" || none.LogLoss != nil || len(none.Bins) > 0 {
		t.Errorf("of no answers: %+v", none)
	}
	one := take(model, 10, [][]drawn{{{by: event.GradedByPeer, p: .25, y: 1}}}).report()
	if d := one.All.Difference; d.Estimate != .75 || d.High != 1 || math.Abs(.75-d.Low-1.645*math.Sqrt(.1875)) > 1e-12 || *one.All.Predicted != .25 || *one.All.Actual != 1 || one.All.AUC != nil {
		t.Errorf("of one answer: %+v", one.All)
	}
	if one.Graders[3].ID != "peer" || one.Graders[3].Answers != 1 || one.Earlier[0].Answers != 1 || one.Earlier[1].Answers != 0 {
		t.Errorf("one answer by a peer: %+v, %+v", one.Graders, one.Earlier)
	}
	right := make([]drawn, 120)
	for i := range right {
		right[i] = drawn{by: event.GradedByKey, p: .5, y: 1}
	}
	all := take(model, 1000, [][]drawn{right}).report()
	if all.All.AUC != nil || all.All.ECE == nil || all.All.State != Better || all.Earlier[4].Answers != 109 {
		t.Errorf("of right answers only: %+v, %+v", all.All, all.Earlier)
	}
}
