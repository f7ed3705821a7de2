package evaluate

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/optimize"

	"github.com/gapwise/gapwise/internal/mastery"
)

func pfaMethod() method {
	return logisticMethod("pfa", "performance factors analysis (Pavlik et al. 2009): by topic an intercept and weights of the counts right and wrong", pfaFeatures)
}

func bestLRMethod() method {
	return logisticMethod("best-lr", "logistic regression on item, topic, and logs of the counts right and wrong by topic, item and in all (Gervet et al. 2020)", bestLRFeatures)
}

// logisticMethod is a logistic regression on some features with a unit Gaussian
// prior on each weight: fitted by L-BFGS, or online by Adagrad.
func logisticMethod(name, about string, layout func(s *Set) features) method {
	return method{
		name: name, about: about,
		fit: func(s *Set, train [][]mastery.Answer) (predictor, error) {
			l := newRegression(s, layout(s))
			if err := l.fit(train); err != nil {
				return nil, fmt.Errorf("fit %s: %w", name, err)
			}
			return l, nil
		},
		online: func(s *Set) (predictor, error) {
			l := newRegression(s, layout(s))
			l.squares = make([]float64, l.size)
			return l, nil
		},
	}
}

// feature is one that isn't 0.
type feature struct {
	at    int
	value float64
}

// features lays out a regression's weights and fills a row.
type features struct {
	size int
	// row appends the features of an answer to an item. An item of -1 stands for
	// a typical one of the topics.
	row func(row []feature, c *history, item int, topics []mastery.Tag) []feature
	// items is where the items' weights are; -1 for none.
	items int
}

// history counts one learner's answers.
type history struct {
	all    tally
	topics []tally
	items  map[int]*tally
}

func (h *history) item(i int) tally {
	if t := h.items[i]; t != nil {
		return *t
	}
	return tally{}
}

func (h *history) add(s *Set, a mastery.Answer) {
	count := func(t *tally) { t.right, t.n = t.right+a.Score, t.n+1 }
	count(&h.all)
	if h.items[a.Item] == nil {
		h.items[a.Item] = &tally{}
	}
	count(h.items[a.Item])
	for _, t := range s.topics(a.Item) {
		count(&h.topics[t.Topic])
	}
}

func (t tally) wrong() float64 { return t.n - t.right }

func pfaFeatures(s *Set) features {
	return features{
		size: 1 + 3*s.Course.Topics, items: -1,
		row: func(row []feature, c *history, _ int, topics []mastery.Tag) []feature {
			row = append(row, feature{0, 1})
			for _, t := range topics {
				at, n := 1+3*t.Topic, c.topics[t.Topic]
				row = append(row, feature{at, 1}, feature{at + 1, n.right}, feature{at + 2, n.wrong()})
			}
			return row
		},
	}
}

func bestLRFeatures(s *Set) features {
	topics, items := 5, 5+3*s.Course.Topics
	return features{
		size: items + len(s.Course.Items), items: items,
		row: func(row []feature, c *history, item int, tags []mastery.Tag) []feature {
			row = append(row, feature{0, 1}, feature{1, math.Log1p(c.all.right)}, feature{2, math.Log1p(c.all.wrong())})
			if item >= 0 {
				n := c.item(item)
				row = append(row, feature{items + item, 1}, feature{3, math.Log1p(n.right)}, feature{4, math.Log1p(n.wrong())})
			}
			for _, t := range tags {
				at, n := topics+3*t.Topic, c.topics[t.Topic]
				row = append(row, feature{at, 1}, feature{at + 1, math.Log1p(n.right)}, feature{at + 2, math.Log1p(n.wrong())})
			}
			return row
		},
	}
}

// regression is a logistic regression at work.
type regression struct {
	features
	set     *Set
	weights []float64
	users   perUser[history]
	squares []float64 // of the gradients, for Adagrad; nil: frozen
	scratch []feature
	typical []float64 // by topic: the mean item weight over the training answers
}

func newRegression(s *Set, f features) *regression {
	return &regression{features: f, set: s, weights: make([]float64, f.size),
		users: newPerUser(s, func() *history {
			return &history{topics: make([]tally, s.Course.Topics), items: map[int]*tally{}}
		}),
		typical: make([]float64, s.Course.Topics)}
}

func (l *regression) logit(row []feature) float64 {
	z := 0.0
	for _, f := range row {
		z += l.weights[f.at] * f.value
	}
	return z
}

func (l *regression) predict(user int, a mastery.Answer) float64 {
	l.scratch = l.row(l.scratch[:0], l.users.of(user), a.Item, l.set.topics(a.Item))
	return logistic(l.logit(l.scratch))
}

func (l *regression) answer(user int, a mastery.Answer) float64 {
	predicted := l.predict(user, a)
	if l.squares != nil {
		const rate = 0.2
		r := a.Score - predicted
		for _, f := range l.scratch {
			g := r * f.value
			l.squares[f.at] += g * g
			l.weights[f.at] += rate * g / math.Sqrt(l.squares[f.at]+1e-8)
		}
	}
	l.users.of(user).add(l.set, a)
	return predicted
}

func (l *regression) topic(user, topic int, _ int64) float64 {
	l.scratch = l.row(l.scratch[:0], l.users.of(user), -1, []mastery.Tag{{Topic: topic, Weight: 1}})
	return logistic(l.logit(l.scratch) + l.typical[topic])
}

// fit finds the weights of the training answers.
func (l *regression) fit(train [][]mastery.Answer) error {
	var (
		flat   []feature
		ends   []int
		scores []float64
	)
	for _, answers := range train {
		c := l.users.fresh()
		for _, a := range answers {
			flat = l.row(flat, c, a.Item, l.set.topics(a.Item))
			ends, scores = append(ends, len(flat)), append(scores, a.Score)
			c.add(l.set, a)
		}
	}
	o := objective{flat: flat, ends: ends, scores: scores, gradient: make([]float64, l.size)}
	problem := optimize.Problem{Func: o.value, Grad: func(gradient, w []float64) {
		o.value(w)
		copy(gradient, o.gradient)
	}}
	settings := &optimize.Settings{MajorIterations: 150, GradientThreshold: 1e-2, Converger: &optimize.FunctionConverge{Relative: 1e-7, Iterations: 5}}
	found, err := optimize.Minimize(problem, l.weights, settings, &optimize.LBFGS{})
	if found == nil {
		return err
	}
	l.weights = found.X // as good as it got: a line search may stop short of the last digits
	l.typify(train)
	return nil
}

// objective is what a fit minimises: the log loss of the training answers and half
// the squares of the weights.
type objective struct {
	flat   []feature // of all answers, one after the other
	ends   []int     // of each answer's
	scores []float64

	at       []float64 // the weights last asked for
	loss     float64   // there
	gradient []float64 // there
}

// value returns the loss at some weights, and keeps its gradient: the search asks
// for both of the same weights, one after the other.
func (o *objective) value(w []float64) float64 {
	if slices.Equal(w, o.at) {
		return o.loss
	}
	o.at, o.loss = append(o.at[:0], w...), 0
	for i, x := range w {
		o.loss += x * x / 2
		o.gradient[i] = x
	}
	from := 0
	for i, to := range o.ends {
		z := 0.0
		for _, f := range o.flat[from:to] {
			z += w[f.at] * f.value
		}
		// -(y·ln p + (1-y)·ln(1-p)) = ln(1+e^z) - y·z
		o.loss += max(z, 0) + math.Log1p(math.Exp(-math.Abs(z))) - o.scores[i]*z
		r := logistic(z) - o.scores[i]
		for _, f := range o.flat[from:to] {
			o.gradient[f.at] += r * f.value
		}
		from = to
	}
	return o.loss
}

func (l *regression) typify(train [][]mastery.Answer) {
	if l.items < 0 {
		return
	}
	sums := make([]tally, len(l.typical))
	for _, answers := range train {
		for _, a := range answers {
			for _, t := range l.set.topics(a.Item) {
				sums[t.Topic].right += l.weights[l.items+a.Item]
				sums[t.Topic].n++
			}
		}
	}
	for k, s := range sums {
		l.typical[k] = s.right / (s.n + 5)
	}
}
