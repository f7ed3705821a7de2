package query

import (
	"cmp"
	"context"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/gapwise/gapwise/internal/mastery"
	"github.com/gapwise/gapwise/internal/project"
)

// The bounds of what is compared at a time, and of what is listed.
const (
	changeAnswers  = 50_000
	changeLearners = 500
	mostChanged    = 1000
)

// Changes compares the active course with another one, over all learners with
// answers up to now, each measured against the own target.
func (s *Service) Changes(ctx context.Context, to *project.Course, tell func(done, of uint64)) (*StateChanges, error) {
	v, err := s.view(ctx, Moment{})
	if err != nil {
		return nil, err
	}
	c := newChanging(s, v.at, [2]Active{v.Active, {Facts: v.Facts, Course: to}})
	return c.run(ctx, &strides{pace: s.Pace, tell: tell})
}

// changing compares what the reports of two generations say at one moment.
type changing struct {
	service   *Service
	sides     [2]*view // before and after
	topics    [project.NumLenses][]sharedTopic
	snapshots bool // states rest on each generation's snapshots; else on all facts, which gives the same
	inRows    bool // progress counts a learner as so many rows as each has on average, not as one

	cohorts   []*changingCohort
	ofCohorts int

	// What was counted, of learners in ascending order.
	learners  int
	affected  int
	moves     [project.NumLenses]map[[2]mastery.Word]int // states by their words before and after
	changed   []string                                   // the first ones
	movements movements
}

// sharedTopic is a topic of either course, with its place in each; -1: it isn't there.
type sharedTopic struct {
	id, title string
	at        [2]int
}

func newChanging(s *Service, at AsOf, sides [2]Active) *changing {
	c := &changing{service: s, changed: []string{}}
	for side := range sides {
		c.sides[side] = &view{Active: sides[side], at: at}
	}
	for lens := range c.topics {
		c.moves[lens] = map[[2]mastery.Word]int{}
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

// run compares all learners, some at a time. Workers compute what both sides say of
// them; what is counted is added in the learners' order, so that it has the same bits
// whatever the number of workers.
func (c *changing) run(ctx context.Context, p *strides) (*StateChanges, error) {
	total, err := c.service.Store.CountLearners(ctx, c.sides[0].Facts, 0, c.sides[0].at.Seq)
	if err != nil {
		return nil, err
	}
	weight := uint64(1)
	if c.inRows {
		weight += c.sides[0].at.Seq / max(1, total)
	}
	p.expect(weight * total)
	if err := c.readCohorts(ctx); err != nil {
		return nil, err
	}
	group, within := errgroup.WithContext(ctx)
	group.SetLimit(max(1, runtime.GOMAXPROCS(0)/2)) // reports go first
	turn := make(chan struct{})
	close(turn)
	for after, more := "", true; more && within.Err() == nil; {
		var learners []string
		if learners, more, err = c.learnersAfter(within, after); err != nil {
			break
		}
		for some := range slices.Chunk(learners, changeLearners) {
			after = some[len(some)-1]
			mine, next := turn, make(chan struct{})
			turn = next
			group.Go(func() error {
				defer close(next)
				v, err := c.verdicts(within, some, p)
				<-mine
				if err != nil || within.Err() != nil {
					return cmp.Or(err, within.Err())
				}
				c.add(some, v)
				p.step(weight * uint64(len(some)))
				return nil
			})
		}
	}
	if err := cmp.Or(group.Wait(), err, ctx.Err()); err != nil {
		return nil, err
	}
	return c.sum(), nil
}

// learnersAfter lists the next learners with answers on either side.
func (c *changing) learnersAfter(ctx context.Context, after string) ([]string, bool, error) {
	step := cmp.Or(c.service.Step, changeAnswers)
	upTo := c.sides[0].at.Seq
	from, more, err := c.service.Store.LearnersFrom(ctx, c.sides[0].Facts, after, 0, upTo, step)
	if err != nil || c.sameFacts() {
		return from, more, err
	}
	to, moreTo, err := c.service.Store.LearnersFrom(ctx, c.sides[1].Facts, after, 0, upTo, step)
	all := slices.Concat(from, to)
	slices.Sort(all)
	all = slices.Compact(all)
	// What lies behind the end of a list that was cut isn't known of that side yet.
	if more {
		all = upToLearner(all, from[len(from)-1])
	}
	if moreTo {
		all = upToLearner(all, to[len(to)-1])
	}
	return all, more || moreTo, err
}

func upToLearner(sorted []string, last string) []string {
	end, found := slices.BinarySearch(sorted, last)
	if found {
		end++
	}
	return sorted[:end]
}

// add counts some learners, who come after those that were added before.
func (c *changing) add(learners []string, v *verdicts) {
	for i, learner := range learners {
		affected := false
		for lens := range c.topics {
			from, to := v.of(0, lens, i), v.of(1, lens, i)
			for k := range from {
				a, b := &from[k], &to[k]
				if !a.measured && !b.measured {
					continue
				}
				c.moves[lens][[2]mastery.Word{a.word(), b.word()}]++
				affected = affected || a.word() != b.word()
				if a.measured && b.measured && a.Mean != b.Mean {
					c.movements.add(learner, project.Lens(lens), &c.topics[lens][k], a, b)
				}
			}
		}
		c.learners++
		if affected {
			c.affected++
			if len(c.changed) < mostChanged {
				c.changed = append(c.changed, learner)
			}
		}
		for _, cohort := range c.cohorts {
			cohort.add(learner, affected, v, i)
		}
	}
}

// sum returns what was counted.
func (c *changing) sum() *StateChanges {
	s := &StateChanges{
		Learners: c.learners, Affected: c.affected, ChangedLearners: c.changed, Largest: c.movements.largest(),
		Cohorts: []CohortChange{}, OfCohorts: c.ofCohorts,
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
				l.Moves = append(l.Moves, Move{string(both[0]), string(both[1]), states})
			}
		}
		slices.SortFunc(l.Moves, func(a, b Move) int {
			return cmp.Or(b.States-a.States, cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To))
		})
		s.Lenses = append(s.Lenses, l)
	}
	for _, cohort := range c.cohorts {
		s.Cohorts = append(s.Cohorts, c.cohort(cohort))
	}
	return s
}
