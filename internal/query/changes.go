package query

import (
	"cmp"
	"context"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/gapwise/gapwise/internal/mastery"
	"github.com/gapwise/gapwise/internal/project"
)

// StateChanges says what another course, be it another catalog or another model,
// would change of the states that reports give now: in words, as people read them.
type StateChanges struct {
	Learners int          `json:"learners"` // with answers
	Affected int          `json:"affected"` // of them: some state has another word
	Share    float64      `json:"share"`    // of the learners who are affected; 0 where there are none
	Lenses   []LensChange `json:"lenses"`
}

// LensChange is what changes in one lens.
type LensChange struct {
	By      string `json:"by"`
	States  int    `json:"states"`  // of a learner in a topic with an answer, before or after
	Changed int    `json:"changed"` // of them: another word
	Moves   []Move `json:"moves"`   // the most frequent first
}

// Move counts states that go from one word to another.
type Move struct {
	From   string `json:"from"` // empty: there was no such topic, or no answer in it
	To     string `json:"to"`   // likewise
	States int    `json:"states"`
}

// changeAnswers is of how many answers the learners are compared at a time.
const changeAnswers = 50_000

// Changes compares the active course with another one, over all learners with
// answers up to now, each measured against the own target.
func (s *Service) Changes(ctx context.Context, to *project.Course, tell func(done, of uint64)) (*StateChanges, error) {
	v, err := s.view(ctx, Moment{})
	if err != nil {
		return nil, err
	}
	total, err := s.Store.CountLearners(ctx, v.Facts, 0, v.at.Seq)
	if err != nil {
		return nil, err
	}
	c := &changing{service: s, view: v, to: to, total: total, tell: tell}
	group, within := errgroup.WithContext(ctx)
	group.SetLimit(max(1, runtime.GOMAXPROCS(0)/2))
	for after, more := "", true; more && within.Err() == nil; {
		var learners []string
		if learners, more, err = s.Store.LearnersFrom(within, v.Facts, after, 0, v.at.Seq, changeAnswers); err != nil {
			break
		}
		if len(learners) > 0 {
			after = learners[len(learners)-1]
			group.Go(func() error { return c.compare(within, learners) })
		}
	}
	if err := cmp.Or(group.Wait(), err, ctx.Err()); err != nil {
		return nil, err
	}
	return c.sum(), nil
}

// changing is one run of Changes.
type changing struct {
	service *Service
	view    *view
	to      *project.Course
	total   uint64
	tell    func(done, of uint64)

	mu       sync.Mutex
	learners int
	affected int
	moves    [project.NumLenses]map[[2]string]int // states by their words before and after
}

// compare adds some learners. Each history is read once, and folded anew with both
// courses.
func (c *changing) compare(ctx context.Context, learners []string) error {
	v := c.view
	targets, err := c.service.targets(ctx, v, Measure{}, learners)
	if err != nil {
		return err
	}
	q := v.query(project.ByConcern, learners) // whole histories are the same in every lens
	q.Whole = true
	err = c.service.Store.Histories(ctx, q, func(h *project.History) error {
		var moves [project.NumLenses]map[string][2]string
		for lens := range moves {
			moves[lens] = map[string][2]string{}
			for side, course := range []*project.Course{v.Course, c.to} {
				model := &course.Lenses[lens]
				known, err := model.Replay(h, v.at.Seq, nil)
				if err != nil {
					return err
				}
				words(model, known.State, targets.of(h.Learner), v.now(), func(topic, word string) {
					both := moves[lens][topic]
					both[side] = word
					moves[lens][topic] = both
				})
			}
		}
		c.add(&moves)
		return nil
	})
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.learners += len(learners)
	c.tell(uint64(c.learners), max(c.total, uint64(c.learners)))
	return nil
}

// words tells the word of every topic that the learner has an answer in.
func words(model *project.LensModel, state *mastery.State, target mastery.Target, now int64, tell func(topic, word string)) {
	for k := range model.Topics {
		if _, measured := state.Topic(k); measured {
			tell(model.Topics[k].ID, string(model.MasteryAgainst(state, k, target, now).Word()))
		}
	}
}

// add adds one learner.
func (c *changing) add(moves *[project.NumLenses]map[string][2]string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	affected := false
	for lens := range moves {
		if c.moves[lens] == nil {
			c.moves[lens] = map[[2]string]int{}
		}
		for _, both := range moves[lens] {
			c.moves[lens][both]++
			affected = affected || both[0] != both[1]
		}
	}
	if affected {
		c.affected++
	}
}

func (c *changing) sum() *StateChanges {
	s := &StateChanges{Learners: c.learners, Affected: c.affected}
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
