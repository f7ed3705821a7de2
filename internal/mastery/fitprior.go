package mastery

import "math"

// What a learner starts with is found by trying: each of the prior's numbers is
// doubled or halved where that predicts the answers of most learners better.

const (
	// priorReach bounds how far each number may go from the default, as a factor.
	priorReach = 16
	// priorSure is how many standard errors an improvement must be above 0. Answers
	// of one learner hang together, so learners are counted, not answers: on the
	// answers of thirty learners, what looks like a better prior is often chance.
	priorSure = 2
	// lossUnit is the unit in which a learner's log loss is summed.
	lossUnit = 1 << 10
)

// numbers lists a prior's numbers with their defaults.
func (p *Prior) numbers() [4][2]*float64 {
	d := &DefaultPrior
	return [4][2]*float64{
		{&p.Skill, &d.Skill}, {&p.AbilityDrift, &d.AbilityDrift}, {&p.SkillDrift, &d.SkillDrift}, {&p.Ability, &d.Ability},
	}
}

// refinePrior moves each of the prior's numbers by one step, if that helps.
func (m *Model) refinePrior(learners [][]Answer) error {
	now := m.losses(learners)
	for i := range m.Prior.numbers() {
		for _, factor := range []float64{2, 0.5} {
			p := m.Parameters
			number := p.Prior.numbers()[i]
			moved := float64(*number[0] * factor)
			if moved > float64(*number[1]*priorReach) || moved < *number[1]/priorReach {
				continue
			}
			*number[0] = moved
			trial, err := New(p)
			if err != nil {
				return err
			}
			if after := trial.losses(learners); surelyLess(after, now) {
				now, *m = after, *trial
				break
			}
		}
	}
	return nil
}

// losses returns each learner's log loss over all answers, in units of 1/lossUnit.
func (m *Model) losses(learners [][]Answer) []int64 {
	list, s := make([]int64, len(learners)), m.NewState()
	for u, answers := range learners {
		s.reset(m)
		sum := 0.0
		for _, a := range answers {
			p := max(scoreClip, min(1-scoreClip, m.Update(s, a).P))
			sum -= float64(a.Score*log(p)) + float64((1-a.Score)*log(1-p))
		}
		list[u] = int64(sum * lossUnit)
	}
	return list
}

// surelyLess reports whether losses are less than others by more than chance, of
// the same learners. The sums are integers: the order of learners doesn't matter.
func surelyLess(after, before []int64) bool {
	n := float64(len(after))
	if n < 2 {
		return false
	}
	var sum, squares int64
	for u := range after {
		gain := before[u] - after[u]
		sum += gain
		squares += gain * gain
	}
	total := float64(sum)
	spread := float64(squares) - float64(total*total)/n
	return total > float64(priorSure*math.Sqrt(max(0, spread)*n/(n-1)))
}
