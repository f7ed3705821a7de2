package evaluate

import "github.com/gapwise/gapwise/internal/mastery"

// predictor is a model at work. Each learner's answers come in their order.
type predictor interface {
	// answer returns the chance that the answer is right, as seen before it, and then
	// takes it in.
	answer(user int, a mastery.Answer) float64
	// topic returns the chance on a typical item of a topic, at a time.
	topic(user, topic int, now int64) float64
}

// method is a kind of model.
type method struct {
	name  string
	about string
	// fit makes one from other learners' answers, which then stays as it is.
	fit func(s *Set, train [][]mastery.Answer) (predictor, error)
	// online makes one that knows nothing and learns from each answer.
	online func(s *Set) (predictor, error)
}

// methods lists the models, ours first.
func methods() []method {
	return []method{
		ours(), betaMethod(), betaDecayMethod(), bktMethod(), eloMethod(), itemMeanMethod(),
		pfaMethod(), bestLRMethod(), twinMethod(),
	}
}

// perUser holds one value for each user, made when it is first asked for.
type perUser[T any] struct {
	values []*T
	fresh  func() *T
}

func newPerUser[T any](s *Set, fresh func() *T) perUser[T] {
	return perUser[T]{make([]*T, len(s.Users)), fresh}
}

func (p *perUser[T]) of(user int) *T {
	if p.values[user] == nil {
		p.values[user] = p.fresh()
	}
	return p.values[user]
}

// meanOver returns the mean of a topic's value over an item's topics.
func (s *Set) meanOver(item int, value func(topic int) float64) float64 {
	sum := 0.0
	for _, t := range s.topics(item) {
		sum += t.Weight * value(t.Topic)
	}
	return sum
}

// meanScore returns the mean score; .5 of nothing.
func meanScore(train [][]mastery.Answer) float64 {
	sum, n := 0.0, 0.0
	for _, answers := range train {
		for _, a := range answers {
			sum += a.Score
			n++
		}
	}
	return (sum + 1) / (n + 2)
}
