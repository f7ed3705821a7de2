package evaluate

import (
	"math"

	"github.com/gapwise/gapwise/internal/mastery"
)

func twinMethod() method {
	m := method{name: "twin", about: "order-free: observed against expected by topic, as reports quote beside the estimate"}
	m.fit = func(s *Set, train [][]mastery.Answer) (predictor, error) {
		g, err := fitGapwise(s, train)
		return &twin{g, s}, err
	}
	m.online = func(s *Set) (predictor, error) {
		g, err := onlineGapwise(s)
		return &twin{g, s}, err
	}
	return m
}

// twin shifts what is expected of someone without answers by what this learner
// got on the topic beyond it.
type twin struct {
	*gapwise
	set *Set
}

func (t *twin) effect(user, topic int, now int64) float64 {
	k, _ := t.states.of(user).Topic(topic)
	return k.Observed(now).Effect
}

func (t *twin) answer(user int, a mastery.Answer) float64 {
	p := t.Predict(t.NewState(), a.Item, mastery.NoTime).P
	predicted := logistic(math.Log(p/(1-p)) + t.set.meanOver(a.Item, func(k int) float64 { return t.effect(user, k, a.Time) }))
	t.gapwise.answer(user, a)
	return predicted
}

func (t *twin) topic(user, topic int, now int64) float64 {
	m := t.Mastery(t.NewState(), topic, mastery.NoTime).Mean
	return logistic(math.Log(m/(1-m)) + t.effect(user, topic, now))
}
