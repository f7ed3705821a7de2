package evaluate

import (
	"math"

	"github.com/gapwise/gapwise/internal/mastery"
)

// eloGrid are the a and b of K = a/(1 + b·n) that are tried.
var eloGrid = [][2]float64{{0.4, 0.02}, {0.4, 0.05}, {0.8, 0.05}, {0.8, 0.1}, {1.2, 0.05}, {1.8, 0.05}, {1.8, 0.1}}

func eloMethod() method {
	m := method{name: "elo", about: "σ(θ - b), K = a/(1 + b·n) by learner and by item, (a, b) of a grid of seven, chosen on the training answers (online: .8, .05)"}
	m.fit = func(s *Set, train [][]mastery.Answer) (predictor, error) {
		best, least := (*elo)(nil), math.Inf(1)
		for _, k := range eloGrid {
			e := newElo(s, k)
			if loss := trainingLoss(e, train); loss < least {
				best, least = e, loss
			}
		}
		best.freeze(s)
		return best, nil
	}
	m.online = func(s *Set) (predictor, error) { return newElo(s, [2]float64{0.8, 0.05}), nil }
	return m
}

type rating struct{ value, n float64 }

// elo rates learners and items against each other.
type elo struct {
	set      *Set
	k        [2]float64
	learners perUser[rating]
	items    []rating
	topics   []tally // of the items' ratings, by answers
	frozen   bool
}

func newElo(s *Set, k [2]float64) *elo {
	return &elo{set: s, k: k, learners: newPerUser(s, func() *rating { return &rating{} }),
		items: make([]rating, len(s.Course.Items)), topics: make([]tally, s.Course.Topics)}
}

// freeze keeps the items and forgets the learners.
func (e *elo) freeze(s *Set) {
	e.frozen = true
	e.learners = newPerUser(s, func() *rating { return &rating{} })
	e.topics = make([]tally, s.Course.Topics)
	for i, item := range e.items {
		for _, t := range s.topics(i) {
			e.topics[t.Topic].right += item.value * item.n
			e.topics[t.Topic].n += item.n
		}
	}
}

func (e *elo) answer(user int, a mastery.Answer) float64 {
	predicted := logistic(e.learners.of(user).value - e.items[a.Item].value)
	r := a.Score - predicted
	move := func(of *rating, r float64) {
		of.value += e.k[0] / (1 + e.k[1]*of.n) * r
		of.n++
	}
	move(e.learners.of(user), r)
	if !e.frozen {
		move(&e.items[a.Item], -r)
	}
	return predicted
}

func (e *elo) topic(user, topic int, _ int64) float64 {
	t := e.topics[topic]
	return logistic(e.learners.of(user).value - t.right/(t.n+5))
}

func logistic(z float64) float64 { return 1 / (1 + math.Exp(-z)) }
