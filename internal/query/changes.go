package query

import (
	"cmp"
	"context"
	"math"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/gapwise/gapwise/internal/mastery"
	"github.com/gapwise/gapwise/internal/project"
)

// The bounds of what is compared at a time, and of what is listed.
const (
	changeAnswers   = 50_000
	changeLearners  = 500
	mostChanged     = 1000
	mostMovements   = 20
	mostCohorts     = 100
	mostTopicChange = 10
)

// Changes compares the active course with another one, over all learners with
// answers up to now, each measured against the own target.
func (s *Service) Changes(ctx context.Context, to *project.Course, tell func(done, of uint64)) (*StateChanges, error) {
	v, err := s.view(ctx, Moment{})
	if err != nil {
		return nil, err
	}
	p := &strides{pace: s.Pace, tell: tell}
	return s.changes(ctx, v.at, [2]Active{v.Active, {Facts: v.Facts, Course: to}}, p)
}

// changes compares what reports of two generations say at one moment.
func (s *Service) changes(ctx context.Context, at AsOf, sides [2]Active, p *strides) (*StateChanges, error) {
	c := newChanging(s, at, sides)
	total, err := s.Store.CountLearners(ctx, sides[0].Facts, 0, at.Seq)
	if err != nil {
		return nil, err
	}
	p.expect(total)
	group, within := errgroup.WithContext(ctx)
	group.SetLimit(workers())
	for after, more := "", true; more && within.Err() == nil; {
		var learners []string
		if learners, more, err = c.learnersAfter(within, after); err != nil {
			break
		}
		if len(learners) > 0 {
			after = learners[len(learners)-1]
			group.Go(func() error { return c.compare(within, learners, p) })
		}
	}
	if err := cmp.Or(group.Wait(), err, ctx.Err()); err != nil {
		return nil, err
	}
	sum := c.sum()
	sum.Cohorts, sum.OfCohorts, err = c.cohorts(ctx, p)
	return sum, err
}

// workers is how many parts are compared at the same time: reports go first.
func workers() int { return max(1, runtime.GOMAXPROCS(0)/2) }

// changing compares the states that two generations give at one moment.
type changing struct {
	service *Service
	sides   [2]*view // before and after
	topics  [project.NumLenses][]sharedTopic

	mu       sync.Mutex
	learners int
	affected int
	moves    [project.NumLenses]map[[2]string]int // states by their words before and after
	changed  []string                             // learners, in no order
	largest  []Movement                           // in no order
	within   map[string]int                       // cohorts: of their members affected
}

// sharedTopic is a topic of either course, with its place in each; -1: it isn't there.
type sharedTopic struct {
	id, title string
	at        [2]int
}

func newChanging(s *Service, at AsOf, sides [2]Active) *changing {
	c := &changing{service: s, within: map[string]int{}, changed: []string{}, largest: []Movement{}}
	for side := range sides {
		c.sides[side] = &view{Active: sides[side], at: at}
	}
	for lens := range c.topics {
		c.moves[lens] = map[[2]string]int{}
		places := map[string]int{}
		for _, side := range []int{1, 0} { // titles are those of after
			for k := range sides[side].Course.Lenses[lens].Topics {
				topic := &sides[side].Course.Lenses[lens].Topics[k]
				at, known := places[topic.ID]
				if !known {
					at = len(c.topics[lens])
					places[topic.ID] = at
					c.topics[lens] = append(c.topics[lens], sharedTopic{id: topic.ID, title: topic.Title, at: [2]int{-1, -1}})
				}
				c.topics[lens][at].at[side] = k
			}
		}
	}
	return c
}

// sameFacts reports whether both sides rest on the same facts.
func (c *changing) sameFacts() bool { return c.sides[0].Facts == c.sides[1].Facts }

// learnersAfter lists the next learners with answers on either side.
func (c *changing) learnersAfter(ctx context.Context, after string) ([]string, bool, error) {
	step := c.service.Step
	if step == 0 {
		step = changeAnswers
	}
	from, more, err := c.service.Store.LearnersFrom(ctx, c.sides[0].Facts, after, 0, c.sides[0].at.Seq, step)
	if err != nil || c.sameFacts() {
		return from, more, err
	}
	to, moreTo, err := c.service.Store.LearnersFrom(ctx, c.sides[1].Facts, after, 0, c.sides[1].at.Seq, step)
	// What lies behind the end of a list that was cut isn't known of that side yet.
	all := append(slices.Clone(from), to...)
	slices.Sort(all)
	all = slices.Compact(all)
	for _, cut := range []struct {
		list []string
		more bool
	}{{from, more}, {to, moreTo}} {
		if cut.more {
			end, _ := slices.BinarySearch(all, cut.list[len(cut.list)-1])
			all = all[:min(len(all), end+1)]
		}
	}
	return all, more || moreTo, err
}

// judged is what a report says of a learner in a topic.
type judged struct {
	word     string
	mean     float64
	measured bool
}

// judge writes down what a state says of each topic.
func (c *changing) judge(into []judged, lens project.Lens, side int, state *mastery.State, target mastery.Target) {
	v := c.sides[side]
	model := &v.Course.Lenses[lens]
	for i, topic := range c.topics[lens] {
		if topic.at[side] < 0 {
			continue
		}
		if _, measured := state.Topic(topic.at[side]); measured {
			e := model.MasteryAgainst(state, topic.at[side], target, v.now())
			into[i] = judged{string(e.Word()), e.Mean, true}
		}
	}
}

// verdicts are what reports say of some learners: by side and lens the learners' topics,
// one after the other.
type verdicts [2][project.NumLenses][]judged

// of returns one learner's topics.
func (v *verdicts) of(side, lens, learner, learners int) []judged {
	list := v[side][lens]
	n := len(list) / learners
	return list[learner*n : (learner+1)*n]
}

// compare adds some learners.
func (c *changing) compare(ctx context.Context, learners []string, p *strides) error {
	for some := range slices.Chunk(learners, changeLearners) {
		if err := p.wait(ctx); err != nil {
			return err
		}
		v, err := c.verdicts(ctx, some)
		if err != nil {
			return err
		}
		if err := c.add(ctx, some, v); err != nil {
			return err
		}
		p.step(uint64(len(some)))
	}
	return nil
}

// verdicts computes what both sides say of some learners, as reports do: from the
// snapshots of each generation and the facts since. A course without a generation has
// no snapshots: then whole histories are read once, and folded with both.
func (c *changing) verdicts(ctx context.Context, learners []string) (*verdicts, error) {
	v := new(verdicts)
	var of [2]targets
	for side, view := range c.sides {
		for lens := range c.topics {
			v[side][lens] = make([]judged, len(learners)*len(c.topics[lens]))
		}
		var err error
		if of[side], err = c.service.targets(ctx, view, Measure{}, learners); err != nil {
			return nil, err
		}
	}
	judge := func(side, lens int, learner string, state *mastery.State) {
		if i, found := slices.BinarySearch(learners, learner); found {
			c.judge(v.of(side, lens, i, len(learners)), project.Lens(lens), side, state, of[side].of(learner))
		}
	}
	if c.sameFacts() && c.sides[1].Derived == 0 {
		q := c.sides[0].query(project.ByConcern, learners) // whole histories are the same in every lens
		q.Whole = true
		return v, c.service.Store.Histories(ctx, q, func(h *project.History) error {
			for side, view := range c.sides {
				for lens := range view.Course.Lenses {
					known, err := view.Course.Lenses[lens].Replay(h, view.at.Seq, nil)
					if err != nil {
						return err
					}
					judge(side, lens, h.Learner, known.State)
				}
			}
			return nil
		})
	}
	for side, view := range c.sides {
		for lens := range view.Course.Lenses {
			q := view.query(project.Lens(lens), learners)
			err := project.States(ctx, c.service.Store, &view.Course.Lenses[lens], q, func(known project.Known) error {
				judge(side, lens, known.Learner, known.State)
				return nil
			})
			if err != nil {
				return nil, err
			}
		}
	}
	return v, nil
}

// add counts some learners.
func (c *changing) add(ctx context.Context, learners []string, v *verdicts) error {
	var changed []string
	c.mu.Lock()
	for i, learner := range learners {
		affected := false
		for lens := range c.topics {
			from, to := v.of(0, lens, i, len(learners)), v.of(1, lens, i, len(learners))
			for k := range from {
				if !from[k].measured && !to[k].measured {
					continue
				}
				c.moves[lens][[2]string{from[k].word, to[k].word}]++
				affected = affected || from[k].word != to[k].word
				if from[k].measured && to[k].measured && from[k].mean != to[k].mean {
					c.move(Movement{
						Learner: learner, By: project.Lens(lens).String(), Topic: c.topics[lens][k].id, Title: c.topics[lens][k].title,
						From: MasteryState{from[k].word, from[k].mean}, To: MasteryState{to[k].word, to[k].mean},
					})
				}
			}
		}
		if affected {
			changed = append(changed, learner)
		}
	}
	c.learners += len(learners)
	c.affected += len(changed)
	if c.changed = append(c.changed, changed...); len(c.changed) > 2*mostChanged {
		slices.Sort(c.changed)
		c.changed = c.changed[:mostChanged]
	}
	c.mu.Unlock()
	return c.addMembers(ctx, changed)
}

// move takes down a movement, unless there are enough larger ones.
func (c *changing) move(m Movement) {
	if c.largest = append(c.largest, m); len(c.largest) >= 50*mostMovements {
		c.largest = largestMovements(c.largest)
	}
}

// largestMovements cuts a list to the largest ones, in an order that doesn't depend on
// the list's.
func largestMovements(list []Movement) []Movement {
	by := func(m *Movement) float64 { return math.Abs(m.To.Mastery - m.From.Mastery) }
	slices.SortFunc(list, func(a, b Movement) int {
		return cmp.Or(cmp.Compare(by(&b), by(&a)), cmp.Compare(a.Learner, b.Learner),
			-cmp.Compare(a.By, b.By), cmp.Compare(a.Topic, b.Topic)) // concerns before chapters
	})
	return list[:min(len(list), mostMovements)]
}

// sum returns what was counted, cohorts aside.
func (c *changing) sum() *StateChanges {
	slices.Sort(c.changed)
	s := &StateChanges{
		Learners: c.learners, Affected: c.affected,
		ChangedLearners: c.changed[:min(len(c.changed), mostChanged)], Largest: largestMovements(c.largest),
	}
	if s.Learners > 0 {
		s.Share = float64(s.Affected) / float64(s.Learners)
	}
	for lens := range c.moves {
		l := LensChange{By: project.Lens(lens).String(), Moves: []Move{}}
		for both, states := range c.moves[lens] {
			l.States += states
			if both[0] != both[1] {
				l.Changed += states
				l.Moves = append(l.Moves, Move{both[0], both[1], states})
			}
		}
		slices.SortFunc(l.Moves, func(a, b Move) int {
			return cmp.Or(b.States-a.States, cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To))
		})
		s.Lenses = append(s.Lenses, l)
	}
	return s
}
