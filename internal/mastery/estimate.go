package mastery

import "math"

const (
	// WeakBelow is τ: a topic is weak where the chance on a typical unseen item
	// is below it.
	WeakBelow = 0.6
	// z90 is the 95% quantile of the normal distribution: 90% lie within ±z90.
	z90 = 1.645

	enoughAnswers = 3
	widestShown   = 0.45
)

// Estimate is the mastery of a topic: the learner's chance on a typical unseen
// item of it, now.
type Estimate struct {
	Mean, Low, High float64 // the chance and its 90% interval
	PWeak           float64 // probability that the chance is below WeakBelow
	PWeakFresh      float64 // the same had there been no pause since the last answer
	Zeta, SD        float64 // the chance's logit ~ N(Zeta, SD²)
	SharedSD        float64 // the part of SD that all learners share: how uncertain the topic's difficulty is
	N               uint32  // answers on the topic; with 0 the estimate rests on the ability alone
	GapHours        float64 // hours since the last of them, 0 without any
}

// Mastery estimates a topic at its typical difficulty. It takes now in µs since
// the Unix epoch; with NoTime no gap counts.
func (m *Model) Mastery(s *State, topic int, now int64) Estimate {
	return m.masteryAt(s, topic, m.Topics[topic].D, now)
}

// MasteryAtLevel estimates a topic at the mean difficulty of its items of one
// level; false when it has none.
func (m *Model) MasteryAtLevel(s *State, topic int, level Level, now int64) (Estimate, bool) {
	at := m.Topics[topic].Levels[level]
	if at.Items == 0 {
		return Estimate{}, false
	}
	return m.masteryAt(s, topic, at.D, now), true
}

func (m *Model) masteryAt(s *State, topic int, difficulty float64, now int64) Estimate {
	t, measured := s.Topic(topic)
	e := Estimate{N: t.N, GapHours: gapHours(t.Last, now)}

	z := m.Weights[FeatureOne] + s.A + t.S - difficulty + float64(m.Weights[FeaturePractice]*log(float64(t.N)+1))
	if !measured {
		t.VS = m.Prior.Skill
		z += m.Weights[FeatureNew]
	}
	fresh := float64(m.shrink * z)
	e.Zeta = float64(m.shrink * (z + float64(m.Weights[FeatureGap]*log1p(e.GapHours))))
	vc := m.Topics[topic].VC
	e.SD = float64(m.shrink * math.Sqrt(s.VA+t.VS+vc))
	e.SharedSD = float64(m.shrink * math.Sqrt(vc))

	e.Mean = marginal(e.Zeta, float64(e.SD*e.SD))
	e.Low = sigmoid(e.Zeta - float64(z90*e.SD))
	e.High = sigmoid(e.Zeta + float64(z90*e.SD))
	threshold := logit(WeakBelow)
	e.PWeak = normalCDF((threshold - e.Zeta) / e.SD)
	e.PWeakFresh = normalCDF((threshold - fresh) / e.SD)
	return e
}

// Word is an estimate in the words of a page.
type Word string

// The words, in the order in which the first match is taken.
const (
	NotEnoughAnswers Word = "not_enough_answers" // fewer than 3 answers, or an interval wider than .45
	Rusty            Word = "rusty"              // weak, but would not be without the pause
	Weak             Word = "weak"               // weak with a probability of at least .8
	Borderline       Word = "borderline"         // of at least .5
	Strong           Word = "strong"             // of at most .2
	Fair             Word = "fair"               // in between
)

// The probabilities of being weak at which the words change.
const (
	weakFrom       = 0.8
	borderlineFrom = 0.5
	strongUpTo     = 0.2
)

// Word returns the estimate in words. What rests on too little is never called
// weak.
func (e Estimate) Word() Word {
	switch {
	case e.N < enoughAnswers || e.High-e.Low > widestShown:
		return NotEnoughAnswers
	case e.PWeak >= weakFrom && e.PWeakFresh < weakFrom:
		return Rusty
	case e.PWeak >= weakFrom:
		return Weak
	case e.PWeak >= borderlineFrom:
		return Borderline
	case e.PWeak <= strongUpTo:
		return Strong
	}
	return Fair
}
