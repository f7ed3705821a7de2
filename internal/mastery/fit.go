package mastery

import (
	"errors"
	"math"
	"slices"
)

// Fitting finds the parameters that all learners share: how difficult items and
// topics are and how sure that is, and what the features weigh. Answers are
// replayed with the parameters frozen, learner by learner; only sums of what the
// predictions missed leave that loop, and they are integers, so neither the order
// of learners nor how the work is divided changes a bit. After each pass items,
// topics and weights take a damped Newton step together towards the maximum of
// the likelihood times their prior, which is the model that the fit starts from.

// The fit's constants: steps are damped because items, topics and abilities share
// one scale and would otherwise answer for the same error twice.
const (
	fitPasses  = 8
	itemStep   = 0.4
	topicStep  = 0.3
	weightStep = 0.3
	// typicalWeight is how many answers the authors' idea of a topic's typical
	// difficulty counts as.
	typicalWeight = 5
)

// priorPasses are the passes before which the learner's prior takes a step.
var priorPasses = []int{2, 4, 6}

// weightPrecision is Λ: how sure the default weights are, as the information of so
// many answers.
var weightPrecision = [NumFeatures]float64{5, 50, 200, 50, 50, 50, 50}

// ErrNothingToFit is returned when there is no answer.
var ErrNothingToFit = errors.New("mastery: there is no answer to fit a model to")

// Fit returns the model that fits the answers best, starting from what is known
// without them: its difficulties are the means of their priors, its variances
// the priors' variances. Items and topics without an answer keep both. There is
// one slice for each learner, in the order of the fold. After each pass progress,
// if any, is told the share that is done; an error of its ends the fit.
func Fit(start *Model, learners [][]Answer, progress func(done float64) error) (*Model, error) {
	counts := make([]int64, len(start.Items))
	for _, answers := range learners {
		for _, a := range answers {
			counts[a.Item]++
		}
	}
	m, err := New(start.Parameters)
	if err != nil {
		return nil, err
	}
	for pass := range fitPasses {
		if slices.Contains(priorPasses, pass) {
			if err := m.refinePrior(learners); err != nil {
				return nil, err
			}
		}
		sums, state := newSums(m), m.NewState()
		for _, answers := range learners {
			state.reset(m)
			sums.replay(m, state, answers)
		}
		if sums.answers == 0 {
			return nil, ErrNothingToFit
		}
		p := m.Parameters
		p.Items, p.Topics = sums.items(m, start), sums.topics(m, start)
		p.Weights = sums.weights(m.Weights)
		if pass == fitPasses-1 {
			p.typify(start, counts)
		}
		if m, err = New(p); err != nil {
			return nil, err
		}
		if progress != nil {
			if err := progress(float64(pass+1) / fitPasses); err != nil {
				return nil, err
			}
		}
	}
	return m, nil
}

// Sums are integers: the values in units of 1/residualUnit and 1/productUnit. A
// residual is at most 1, and a product of features with the information below 60
// for 10^6 answers on a topic, so 2³¹ answers fit.
const (
	residualUnit = 1 << 30
	productUnit  = 1 << 24
)

// balance is what the predictions of an item or a topic missed and how much was
// learned about it, in units of 1/residualUnit.
type balance struct{ residual, information int64 }

func (b balance) values() (residual, information float64) {
	return float64(b.residual) / residualUnit, float64(b.information) / residualUnit
}

// fitSums are the sums of one pass.
type fitSums struct {
	answers  int
	item     []balance
	topic    []balance
	gradient [NumFeatures]int64              // Σ r·x
	hessian  [NumFeatures][NumFeatures]int64 // Σ h·x·xᵀ, lower triangle
}

func newSums(m *Model) *fitSums {
	return &fitSums{item: make([]balance, len(m.Items)), topic: make([]balance, len(m.Topics))}
}

// replay folds one learner's answers into a new state and adds what they say of the
// parameters.
func (f *fitSums) replay(m *Model, s *State, answers []Answer) {
	for _, a := range answers {
		st := m.Update(s, a)
		f.answers++
		item := &f.item[a.Item]
		item.residual += int64(st.R * residualUnit)
		item.information += int64(st.H * residualUnit)
		for _, tag := range m.Items[a.Item].Tags {
			topic := &f.topic[tag.Topic]
			topic.residual += int64(tag.Weight * st.R * residualUnit)
			topic.information += int64(tag.Weight * tag.Weight * st.H * residualUnit)
		}
		for i, x := range st.X {
			if x == 0 {
				continue
			}
			f.gradient[i] += int64(st.R * x * productUnit)
			hx := float64(st.H * x * productUnit)
			for j := range i + 1 {
				f.hessian[i][j] += int64(hx * st.X[j])
			}
		}
	}
}

// newton returns a difficulty after a damped Newton step, and its variance. A
// residual says that an item was easier than thought, hence the sign.
func newton(at, prior, variance, step float64, sum balance) (difficulty, varianceAfter float64) {
	if variance == 0 {
		return prior, 0
	}
	residual, information := sum.values()
	precision := 1/variance + information
	pull := (at - prior) / variance
	gain := float64(step * (residual + pull))
	return at - gain/precision, 1 / precision
}

func (f *fitSums) items(m, start *Model) []Item {
	items := make([]Item, len(m.Items))
	for i, it := range m.Items {
		prior := &start.Items[i]
		it.B, it.VB = newton(it.B, prior.B, prior.VB, itemStep, f.item[i])
		items[i] = it
	}
	return items
}

func (f *fitSums) topics(m, start *Model) []Topic {
	topics := make([]Topic, len(m.Topics))
	for k, t := range m.Topics {
		prior := &start.Topics[k]
		t.C, t.VC = newton(t.C, prior.C, prior.VC, topicStep, f.topic[k])
		topics[k] = t
	}
	return topics
}

// weights solves (Σh·xxᵀ + Λ)δ = Σr·x − Λ(B−B⁰) and returns B + .3δ.
func (f *fitSums) weights(b [NumFeatures]float64) [NumFeatures]float64 {
	var matrix [NumFeatures][NumFeatures]float64
	var vector [NumFeatures]float64
	for i := range b {
		vector[i] = float64(f.gradient[i])/productUnit - float64(weightPrecision[i]*(b[i]-DefaultWeights[i]))
		for j := range i + 1 {
			matrix[i][j] = float64(f.hessian[i][j]) / productUnit
		}
		matrix[i][i] += weightPrecision[i]
	}
	delta := solve(matrix, vector)
	for i := range b {
		b[i] += float64(weightStep * delta[i])
	}
	return b
}

// solve returns x of A·x = y for a symmetric positive definite A of which the
// lower triangle is given, by Cholesky's decomposition.
func solve(a [NumFeatures][NumFeatures]float64, y [NumFeatures]float64) [NumFeatures]float64 {
	for i := range NumFeatures {
		for j := range i + 1 {
			sum := a[i][j]
			for k := range j {
				sum -= float64(a[i][k] * a[j][k])
			}
			if i == j {
				a[i][i] = math.Sqrt(sum)
			} else {
				a[i][j] = sum / a[j][j]
			}
		}
	}
	for i := range NumFeatures { // L·z = y
		for k := range i {
			y[i] -= float64(a[i][k] * y[k])
		}
		y[i] /= a[i][i]
	}
	for i := NumFeatures - 1; i >= 0; i-- { // Lᵀ·x = z
		for k := i + 1; k < NumFeatures; k++ {
			y[i] -= float64(a[k][i] * y[k])
		}
		y[i] /= a[i][i]
	}
	return y
}

// typical sums up difficulties by the answers to the items.
type typical struct {
	sum     float64
	answers float64
	start   float64 // Σ of the start's b over the topic's items
	items   int
}

func (t *typical) add(difficulty, start, answers float64) {
	t.sum += float64(answers * difficulty)
	t.answers += answers
	t.start += start
	t.items++
}

// mean is the typical difficulty: over the answers, with the topic's own c on top
// of its items' starting difficulty counting as a few of them.
func (t *typical) mean(c float64) float64 {
	prior := c
	if t.items > 0 {
		prior += t.start / float64(t.items)
	}
	return (t.sum + float64(typicalWeight*prior)) / (t.answers + typicalWeight)
}

// typify sets the topics' typical difficulties, D_k = (Σ over the answers tagged k
// of the item's difficulty + 5·prior)/(n + 5), the same by level, and how much
// items differ around them. Items that were no typical ones of the start's topics
// (checklist lines) have no part in it.
func (p *Parameters) typify(start *Model, counts []int64) {
	topics := make([]typical, len(p.Topics))
	levels := make([][NumLevels]typical, len(p.Topics))
	for i, it := range p.Items {
		if it.Aside {
			continue
		}
		difficulty, n := p.difficulty(it), float64(counts[i])
		for _, tag := range it.Tags {
			topics[tag.Topic].add(difficulty, start.Items[i].B, n)
			levels[tag.Topic][it.Level].add(difficulty, start.Items[i].B, n)
		}
	}
	for k := range p.Topics {
		t := &p.Topics[k]
		t.D = topics[k].mean(t.C)
		for l := range t.Levels {
			t.Levels[l] = LevelDifficulty{Items: levels[k][l].items}
			if t.Levels[l].Items > 0 {
				t.Levels[l].D = levels[k][l].mean(t.C)
			}
		}
	}
	p.ItemVariance = p.spread(counts)
}

// spread is σ²: the mean squared distance of an item's difficulty from the typical
// one of its topic, over answers, what is uncertain about it included; an unfitted
// course's counts as a few answers.
func (p *Parameters) spread(counts []int64) float64 {
	sum, n := float64(typicalWeight*unfittedSpread), float64(typicalWeight)
	for i, it := range p.Items {
		if it.Aside {
			continue
		}
		difficulty := p.difficulty(it)
		for _, tag := range it.Tags {
			distance := difficulty - p.Topics[tag.Topic].D
			weight := float64(float64(counts[i]) * tag.Weight)
			sum += float64(weight * (float64(distance*distance) + it.VB))
			n += weight
		}
	}
	return sum / n
}
