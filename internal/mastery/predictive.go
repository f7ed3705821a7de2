package mastery

import "math"

// The grid over which the uncertainty that a learner's answers share is summed:
// standard deviations from -gridReach to gridReach in steps of gridStep.
const (
	gridReach = 4
	gridStep  = 0.25
)

// Predictive returns how many right answers to the items are to be expected, as
// the probabilities of 0, 1, … len(items): with all that is uncertain about the
// learner, the topics and the items, and the chance of each single answer. It
// takes the learner as they are at that time, with the practice that the answers
// themselves are, each counting as right by its chance. The time between them is
// left out.
//
// It is what a report's estimate can be held to: an interval of mastery speaks of
// a chance, which nobody ever sees.
func (m *Model) Predictive(s *State, answers []Answer) []float64 {
	means, variances := make([]float64, len(answers)), make([]float64, len(answers))
	ahead, common := s.Clone(), 0.0
	for i, a := range answers {
		st := m.Predict(ahead, a.Item, a.Time)
		it := &m.Items[a.Item]
		means[i], variances[i] = st.Z, it.VB
		common += (st.V - it.VB) / float64(len(answers))
		ahead.practise(m, a.Item, st.P, a.Time)
	}
	total := make([]float64, len(answers)+1)
	mass := 0.0
	for u := -float64(gridReach); u <= gridReach; u += gridStep {
		weight := exp(-u * u / 2)
		mass += weight
		shift := float64(u * math.Sqrt(common))
		for count, p := range countsOf(means, variances, shift) {
			total[count] += float64(weight * p)
		}
	}
	for i := range total {
		total[i] /= mass
	}
	return total
}

// practise counts an answer without learning from it.
func (s *State) practise(m *Model, item int, score float64, at int64) {
	e := s.items.touch(uint32(item))
	e.right += score
	e.wrong += 1 - score
	for _, tag := range m.Items[item].Tags {
		t := s.touch(uint32(tag.Topic), m.Prior.Skill)
		t.N++
		t.Last = later(t.Last, at)
	}
}

// countsOf returns the distribution of the number of right answers when each is
// right with a chance of its own.
func countsOf(means, variances []float64, shift float64) []float64 {
	counts := make([]float64, 1, len(means)+1)
	counts[0] = 1
	for i := range means {
		p := marginal(means[i]+shift, variances[i])
		counts = append(counts, 0)
		for n := len(counts) - 1; n >= 0; n-- {
			counts[n] = float64(counts[n] * (1 - p))
			if n > 0 {
				counts[n] += float64(counts[n-1] * p)
			}
		}
	}
	return counts
}

// Covers reports whether a number of right answers lies in the 90% interval of a
// predictive distribution. The interval holds the counts whose mid-p value, the
// probability of fewer and half that of as many, is within .05 and .95: whole
// counts can't hit 90%, and this comes nearest on average (Lancaster 1961).
func Covers(predictive []float64, right float64) bool {
	below := 0.0
	for n, p := range predictive {
		switch {
		case float64(n) < right-0.5:
			below += p
		case float64(n) <= right+0.5:
			below += p / 2
		}
	}
	return below >= 0.05 && below <= 0.95
}
