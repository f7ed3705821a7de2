package mastery

import "math"

// Answer is one graded answer of a learner.
type Answer struct {
	Item       int     // index into the model's items
	Score      float64 // y: 0 wrong .. 1 right
	Time       int64   // µs since the Unix epoch, or NoTime
	SelfGraded bool
}

// Step is one prediction and what the answer made of it: everything that is
// needed to redo the arithmetic by hand.
type Step struct {
	X  [NumFeatures]float64 // features, in the order of the weights
	Z  float64              // expected logit of a right answer
	V  float64              // its variance
	P  float64              // predicted chance of a right answer
	P0 float64              // the same for a learner without any answer: the order-free twin's expectation
	R  float64              // residual y - P; 0 in a mere prediction
	H  float64              // information q(1-q) of one answer at q = sigmoid(Z)
	D  float64              // 1 + H·V: updates are divided by it
}

// formHours is the pause after which the form of the last answers says nothing.
const formHours = 6

// Predict returns the chance that the learner answers the item right at that
// time, from the answers before. The state is left unchanged.
func (m *Model) Predict(s *State, item int, at int64) Step {
	it := &m.Items[item]
	var st Step
	x := &st.X
	x[FeatureOne] = 1
	right, wrong := s.Item(item)
	x[FeatureItemRight] = log1p(right)
	x[FeatureItemWrong] = log1p(wrong)
	if gapHours(s.Last, at) <= formHours {
		x[FeatureForm] = s.Form
	}

	z, v := s.A-it.B, s.VA+it.VB
	for _, tag := range it.Tags {
		w, topic := tag.Weight, &m.Topics[tag.Topic]
		skill, vs := 0.0, m.Prior.Skill
		if i, ok := s.find(uint32(tag.Topic)); ok {
			t := &s.topics[i]
			skill, vs = t.S, t.VS
			x[FeaturePractice] += float64(w * log(float64(t.N)+1))
			x[FeatureGap] += float64(w * log1p(gapHours(t.Last, at)))
		} else {
			x[FeatureNew] += w
		}
		z += float64(w * (skill - topic.C))
		v += float64(w * w * (vs + topic.VC))
	}
	for i, b := range m.Weights {
		z += float64(b * x[i])
	}

	q := sigmoid(z)
	st.Z, st.V = z, v
	st.P = marginal(z, v)
	if item < len(m.baseline) {
		st.P0 = m.baseline[item]
	}
	st.H = float64(q * (1 - q))
	st.D = 1 + float64(st.H*v)
	return st
}

// marginal is the chance of a right answer at a logit known as N(z, v): the
// logistic integrated over a Gaussian, by MacKay's approximation (1992).
func marginal(z, v float64) float64 {
	return sigmoid(z / math.Sqrt(1+float64(math.Pi/8*v)))
}

// gapHours returns the hours from one time to another, at least 0, and 0 when
// either is unknown.
func gapHours(from, to int64) float64 {
	if from == NoTime || to == NoTime || to <= from {
		return 0
	}
	return float64(to-from) / 3.6e9
}

// Update predicts the answer, then learns from it. The answer's item must be
// one of the model's and its score within 0..1: ingest sees to both. Answers
// must come in the learner's order of (event time, key).
func (m *Model) Update(s *State, a Answer) Step {
	st := m.Predict(s, a.Item, a.Time)
	st.R = a.Score - st.P
	gain, loss := st.R/st.D, st.H/st.D

	s.A += float64(s.VA * gain)
	s.VA = s.VA - float64(s.VA*s.VA*loss) + m.Prior.AbilityDrift
	s.Form = float64(0.8*s.Form) + st.R
	s.N++
	s.Last = later(s.Last, a.Time)

	e := s.items.touch(uint32(a.Item))
	first := e.right == 0 && e.wrong == 0
	e.right += a.Score
	e.wrong += 1 - a.Score

	weight := epochWeight(a.Time)
	for _, tag := range m.Items[a.Item].Tags {
		t, w := s.touch(uint32(tag.Topic), m.Prior.Skill), tag.Weight
		t.S += float64(w * t.VS * gain)
		vs := t.VS - float64(w*w*t.VS*t.VS*loss) + float64(m.Prior.SkillDrift*w)
		t.VS = min(vs, m.Prior.Skill)
		t.count(a, st, first, weight)
		t.Last = later(t.Last, a.Time)
	}
	return st
}

// later returns the later of two times; a known time is later than NoTime.
func later(a, b int64) int64 { return max(a, b) }

// Fold applies answers in their order.
func (m *Model) Fold(s *State, answers []Answer) {
	for _, a := range answers {
		m.Update(s, a)
	}
}
