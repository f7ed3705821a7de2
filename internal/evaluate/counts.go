package evaluate

import (
	"math"

	"github.com/gapwise/gapwise/internal/mastery"
)

func betaMethod() method {
	m := method{name: "beta", about: "running accuracy on the topic, (right + 2g)/(n + 2), g the mean score"}
	m.fit = func(s *Set, train [][]mastery.Answer) (predictor, error) { return newBeta(s, meanScore(train), 1), nil }
	m.online = func(s *Set) (predictor, error) { return newBeta(s, 0.5, 1), nil }
	return m
}

// decays is the grid of what an answer still counts after the next one on its topic.
var decays = []float64{0.8, 0.9, 0.95, 0.98}

func betaDecayMethod() method {
	m := method{name: "beta decay", about: "the same, an answer counting less with each later one: factor .8, .9, .95 or .98, chosen on the training answers (online: .9)"}
	m.fit = func(s *Set, train [][]mastery.Answer) (predictor, error) {
		best, least := predictor(nil), math.Inf(1)
		for _, decay := range decays {
			if loss := trainingLoss(newBeta(s, meanScore(train), decay), train); loss < least {
				best, least = newBeta(s, meanScore(train), decay), loss
			}
		}
		return best, nil
	}
	m.online = func(s *Set) (predictor, error) { return newBeta(s, 0.5, 0.9), nil }
	return m
}

// trainingLoss is the squared error along the training answers. Users are
// numbered anew there.
func trainingLoss(p predictor, train [][]mastery.Answer) float64 {
	sum := 0.0
	for u, answers := range train {
		for _, a := range answers {
			r := a.Score - p.answer(u, a)
			sum += r * r
		}
	}
	return sum
}

// beta keeps counts by learner and topic.
type beta struct {
	set   *Set
	mean  float64
	decay float64
	count perUser[[]tally]
}

type tally struct{ right, n float64 }

func newBeta(s *Set, mean, decay float64) *beta {
	return &beta{s, mean, decay, newPerUser(s, func() *[]tally {
		list := make([]tally, s.Course.Topics)
		return &list
	})}
}

func (b *beta) predict(user int, a mastery.Answer) float64 {
	return b.set.meanOver(a.Item, func(k int) float64 { return b.topic(user, k, a.Time) })
}

func (b *beta) answer(user int, a mastery.Answer) float64 {
	predicted := b.predict(user, a)
	for _, t := range b.set.topics(a.Item) {
		c := &(*b.count.of(user))[t.Topic]
		c.right, c.n = b.decay*c.right+a.Score, b.decay*c.n+1
	}
	return predicted
}

func (b *beta) topic(user, topic int, _ int64) float64 {
	c := (*b.count.of(user))[topic]
	return (c.right + 2*b.mean) / (c.n + 2)
}

func itemMeanMethod() method {
	m := method{name: "item mean", about: "(Σy + 5g)/(n + 5) of the item over other learners, g the mean score"}
	m.fit = func(s *Set, train [][]mastery.Answer) (predictor, error) {
		p := newItemMean(s)
		for u, answers := range train {
			for _, a := range answers {
				p.answer(u, a)
			}
		}
		p.frozen = true
		return p, nil
	}
	m.online = func(s *Set) (predictor, error) { return newItemMean(s), nil }
	return m
}

// itemMean knows items and no learners.
type itemMean struct {
	set    *Set
	all    tally
	items  []tally
	topics []tally
	frozen bool
}

func newItemMean(s *Set) *itemMean {
	return &itemMean{set: s, items: make([]tally, len(s.Course.Items)), topics: make([]tally, s.Course.Topics)}
}

func (m *itemMean) mean(t tally) float64 {
	return (t.right + 5*(m.all.right+1)/(m.all.n+2)) / (t.n + 5)
}

func (m *itemMean) answer(_ int, a mastery.Answer) float64 {
	predicted := m.mean(m.items[a.Item])
	if m.frozen {
		return predicted
	}
	add := func(t *tally) { t.right, t.n = t.right+a.Score, t.n+1 }
	add(&m.all)
	add(&m.items[a.Item])
	for _, t := range m.set.topics(a.Item) {
		add(&m.topics[t.Topic])
	}
	return predicted
}

func (m *itemMean) topic(_, topic int, _ int64) float64 { return m.mean(m.topics[topic]) }
