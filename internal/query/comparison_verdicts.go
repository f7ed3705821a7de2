package query

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/gapwise/gapwise/internal/mastery"
	"github.com/gapwise/gapwise/internal/project"
)

// verdict is what a report says of a learner in a topic.
type verdict struct {
	mastery.Estimate
	measured bool // there is an answer on the topic
}

// word is empty where there is no such topic, or no answer in it.
func (v *verdict) word() mastery.Word {
	if !v.measured {
		return ""
	}
	return v.Word()
}

// verdicts are what reports say of some learners: by side and lens the learners' topics,
// shared by both sides, one learner after the other.
type verdicts struct {
	learners int
	list     [2][project.NumLenses][]verdict
}

// of returns one learner's topics.
func (v *verdicts) of(side, lens, learner int) []verdict {
	n := len(v.list[side][lens]) / v.learners
	return v.list[side][lens][learner*n : (learner+1)*n]
}

// verdicts computes what both sides say of some learners. Whole histories are read once
// where both sides rest on the same facts, and folded with each course.
func (c *changing) verdicts(ctx context.Context, learners []string, p *strides) (*verdicts, error) {
	if err := p.wait(ctx); err != nil {
		return nil, err
	}
	v := &verdicts{learners: len(learners)}
	var of [2]targets
	for side, view := range c.sides {
		for lens := range c.topics {
			v.list[side][lens] = make([]verdict, len(learners)*len(c.topics[lens]))
		}
		if side > 0 && c.sameFacts() {
			of[side] = of[0]
			continue
		}
		var err error
		if of[side], err = c.service.targets(ctx, view, Measure{}, learners); err != nil {
			return nil, err
		}
	}
	judge := func(side int, lens project.Lens, learner string, state *mastery.State) {
		if i, found := slices.BinarySearch(learners, learner); found {
			c.judge(v.of(side, int(lens), i), side, lens, state, of[side].of(learner))
		}
	}
	switch {
	case c.snapshots:
		return v, c.readStates(ctx, learners, judge)
	case c.sameFacts():
		return v, c.fold(ctx, learners, []int{0, 1}, judge)
	}
	return v, cmp.Or(c.fold(ctx, learners, []int{0}, judge), c.fold(ctx, learners, []int{1}, judge))
}

// judge writes down what a state says of each topic.
func (c *changing) judge(into []verdict, side int, lens project.Lens, state *mastery.State, target mastery.Target) {
	v := c.sides[side]
	model := &v.Course.Lenses[lens]
	for i, topic := range c.topics[lens] {
		k := topic.at[side]
		if k < 0 {
			continue
		}
		if _, measured := state.Topic(k); measured {
			into[i] = verdict{model.MasteryAgainst(state, k, target, v.now()), true}
		}
	}
}

// fold folds the learners' whole histories with the course of each of the sides, which
// rest on the same facts.
func (c *changing) fold(ctx context.Context, learners []string, sides []int, judge func(int, project.Lens, string, *mastery.State)) error {
	q := c.sides[sides[0]].query(project.ByConcern, learners) // whole histories are the same in every lens
	q.Whole = true
	return c.service.Store.Histories(ctx, q, func(h *project.History) error {
		for _, side := range sides {
			for lens := range project.Lens(project.NumLenses) {
				known, err := c.sides[side].Course.Lenses[lens].Replay(h, q.Seq, nil)
				if err != nil {
					return err
				}
				judge(side, lens, h.Learner, known.State)
			}
		}
		return nil
	})
}

// readStates computes states as reports do: from the snapshots of each generation and
// the facts since.
func (c *changing) readStates(ctx context.Context, learners []string, judge func(int, project.Lens, string, *mastery.State)) error {
	for side, view := range c.sides {
		for lens := range project.Lens(project.NumLenses) {
			err := project.States(ctx, c.service.Store, &view.Course.Lenses[lens], view.query(lens, learners), func(known project.Known) error {
				judge(side, lens, known.Learner, known.State)
				return nil
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// mostMovements is how many movements are listed.
const mostMovements = 20

// movements keep the largest movements of those that are added in any order.
type movements struct {
	list  []Movement
	least float64 // when it was cut: smaller ones are none of the largest
}

func (m *movements) add(learner string, lens project.Lens, topic *sharedTopic, from, to *verdict) {
	if math.Abs(to.Mean-from.Mean) < m.least {
		return
	}
	m.list = append(m.list, Movement{
		Learner: learner, By: lens.String(), Topic: topic.id, Title: topic.title,
		From: MasteryState{string(from.word()), from.Mean}, To: MasteryState{string(to.word()), to.Mean},
	})
	if len(m.list) >= 10*mostMovements {
		m.cut()
		m.least = m.list[len(m.list)-1].size()
	}
}

// cut cuts the list to the largest ones. Equal ones are in the order of their ids, those
// by concern first.
func (m *movements) cut() {
	slices.SortFunc(m.list, func(a, b Movement) int {
		return cmp.Or(cmp.Compare(b.size(), a.size()), cmp.Compare(a.Learner, b.Learner),
			cmp.Compare(b.By, a.By), cmp.Compare(a.Topic, b.Topic))
	})
	m.list = m.list[:min(len(m.list), mostMovements)]
}

func (m *movements) largest() []Movement {
	m.cut()
	return nonNil(m.list)
}

func (m *Movement) size() float64 { return math.Abs(m.To.Mastery - m.From.Mastery) }
