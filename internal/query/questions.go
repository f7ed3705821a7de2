package query

import (
	"github.com/gapwise/gapwise/internal/catalog"
	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/mastery"
	"github.com/gapwise/gapwise/internal/project"
)

// questions sum up how the members of a cohort answered each item at their first
// attempt, against what the model expected of each of them just then. Members are
// added ascending by id.
type questions struct {
	model   *project.LensModel
	catalog *catalog.Catalog
	items   []question // in the order of the model's items
}

// question sums up first attempts at one item: score y, expected chance P.
type question struct {
	surprise
	n                int
	score            float64 // Σy
	expected         float64 // ΣP
	pairs            pairs   // of P and y
	bySelf, byOthers graded
	choices          map[string]int // in wrong first attempts, by id
	takers           []taker
}

// surprise sums up how answers came out against what was expected.
type surprise struct {
	residual    float64 // R = Σ(y-P)
	information float64 // H = ΣP(1-P), the variance of R where the model is right
}

func (s *surprise) add(r, h float64) {
	s.residual += r
	s.information += h
}

// graded sums up the residuals of first attempts by who graded them.
type graded struct {
	n           int
	sum, square float64
}

func (g *graded) add(r float64) {
	g.n++
	g.sum += r
	g.square += float64(r * r)
}

func (g *graded) mean() float64 { return g.sum / float64(g.n) }

// taker is a learner who gave a choice at the first attempt.
type taker struct {
	ability  float32 // after all answers
	expected float32 // P, before the answer
	choice   int32   // in the catalog's order
	right    bool    // as it was graded
}

func newQuestions(course *project.Course) *questions {
	model := &course.Lenses[project.ByConcern]
	return &questions{model: model, catalog: course.Catalog, items: make([]question, len(model.Items))}
}

// add folds a member's whole history up to a sequence. Responses are those of the
// first attempts, by item.
func (q *questions) add(h *project.History, seq uint64, responses map[string]string) error {
	var choosers []*question
	known, err := q.model.Replay(h, seq, func(g project.Given, i int, state *mastery.State, fold func() mastery.Step) {
		right, wrong := state.Item(i)
		step, item := fold(), &q.items[i]
		if right > 0 || wrong > 0 {
			return // no first attempt
		}
		item.add(g, step)
		if item.choose(q.catalog, g, step, responses[g.Item]) {
			choosers = append(choosers, item)
		}
	})
	if err != nil {
		return err
	}
	for _, item := range choosers { // the ability is known now
		item.takers[len(item.takers)-1].ability = float32(known.State.A)
	}
	return nil
}

func (it *question) add(g project.Given, step mastery.Step) {
	it.n++
	it.score += g.Score
	it.expected += step.P
	it.surprise.add(step.R, step.P*(1-step.P))
	it.pairs.add(step.P, g.Score)
	if g.GradedBy == event.GradedBySelf {
		it.bySelf.add(step.R)
	} else {
		it.byOthers.add(step.R)
	}
}

// choose counts the choice that was given; false where the response is none of the
// item's choices.
func (it *question) choose(course *catalog.Catalog, g project.Given, step mastery.Step, response string) bool {
	if response == "" {
		return false
	}
	known, _ := course.Item(g.Item)
	for i, choice := range known.Choices {
		if choice.ID != response {
			continue
		}
		it.takers = append(it.takers, taker{expected: float32(step.P), choice: int32(i), right: g.Score == 1})
		if g.Score < 1 {
			if it.choices == nil {
				it.choices = map[string]int{}
			}
			it.choices[response]++
		}
		return true
	}
	return false
}
