package evaluate

import "github.com/gapwise/gapwise/internal/mastery"

// Name is what our model is called in tables.
const Name = "gapwise"

func ours() method {
	return method{
		name:   Name,
		about:  "the model of reports: package mastery",
		fit:    func(s *Set, train [][]mastery.Answer) (predictor, error) { return fitGapwise(s, train) },
		online: func(s *Set) (predictor, error) { return onlineGapwise(s) },
	}
}

func fitGapwise(s *Set, train [][]mastery.Answer) (*gapwise, error) {
	start, err := mastery.Default(s.Course)
	if err != nil {
		return nil, err
	}
	m, err := mastery.Fit(start, train, nil)
	if err != nil {
		return nil, err
	}
	return newGapwise(s, m), nil
}

func onlineGapwise(s *Set) (*gapwise, error) {
	start, err := mastery.Default(s.Course)
	if err != nil {
		return nil, err
	}
	g := newGapwise(s, start)
	g.online = mastery.NewFilter()
	return g, nil
}

// gapwise is the model of reports.
type gapwise struct {
	*mastery.Model
	states perUser[mastery.State]
	online *mastery.Filter // nil: parameters are frozen
}

func newGapwise(s *Set, m *mastery.Model) *gapwise {
	return &gapwise{Model: m, states: newPerUser(s, m.NewState)}
}

func (g *gapwise) answer(user int, a mastery.Answer) float64 {
	step := g.Update(g.states.of(user), a)
	if g.online != nil {
		g.online.Learn(g.Model, a.Item, step)
	}
	return step.P
}

func (g *gapwise) topic(user, topic int, now int64) float64 {
	return g.Mastery(g.states.of(user), topic, now).Mean
}
