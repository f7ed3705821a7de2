package project

import (
	"math"

	"github.com/gapwise/gapwise/internal/mastery"
)

// Comparison says how well a fitted model predicts against the active one. Both
// predict the same answers, each before it is taken in. The fitted one's
// predictions are of learners that it was not fitted to; the active one may have
// been fitted to some of them, so it is never at a disadvantage.
type Comparison struct {
	Against string         `json:"against"` // the active model's version
	Folds   int            `json:"folds"`   // parts of learners, each predicted by a fit to the others
	Concern LensComparison `json:"concern"`
	Chapter LensComparison `json:"chapter"`
}

// LensComparison is the comparison in one lens.
type LensComparison struct {
	Answers  int         `json:"answers"`  // predicted
	Learners int         `json:"learners"` // who gave them
	Proposed ModelScores `json:"proposed"`
	Active   ModelScores `json:"active"`
	// Gain is by how much the log loss of an answer gets less, on average.
	Gain Gain `json:"gain"`
}

// ModelScores say how good predictions are: see [mastery.Scores].
type ModelScores struct {
	AUC     *float64 `json:"auc"` // nil: all answers were right, or all wrong
	LogLoss float64  `json:"log_loss"`
	ECE     float64  `json:"ece"`
}

// Gain is a mean with its 90% interval. Answers of one learner hang together, so the
// interval is over learners.
type Gain struct {
	Estimate float64 `json:"estimate"`
	Low      float64 `json:"low"`
	High     float64 `json:"high"`
}

// trial predicts each part of the learners by what was fitted to the others. The
// predictions of all learners follow each other.
type trial struct {
	learners [][]mastery.Answer
	from     []int // where each learner's predictions begin, and the last one's end
	proposed []mastery.Scored
	active   []mastery.Scored
}

func newTrial(learners [][]mastery.Answer) *trial {
	t := &trial{learners: learners, from: make([]int, len(learners)+1)}
	for u, answers := range learners {
		t.from[u+1] = t.from[u] + len(answers)
	}
	total := t.from[len(learners)]
	t.proposed, t.active = make([]mastery.Scored, total), make([]mastery.Scored, total)
	return t
}

// others returns the learners of all parts but one.
func (t *trial) others(fold int) [][]mastery.Answer {
	var list [][]mastery.Answer
	for u, answers := range t.learners {
		if u%Folds != fold && len(answers) > 0 {
			list = append(list, answers)
		}
	}
	return list
}

// predict predicts the answers of one part, and returns how many it replayed. Parts
// may be predicted at the same time.
func (t *trial) predict(fold int, proposed, active *mastery.Model) (replayed uint64) {
	for u := fold; u < len(t.learners); u += Folds {
		predict(proposed, t.learners[u], t.proposed[t.from[u]:])
		predict(active, t.learners[u], t.active[t.from[u]:])
		replayed += compareReplay * uint64(len(t.learners[u]))
	}
	return replayed
}

func predict(m *mastery.Model, answers []mastery.Answer, into []mastery.Scored) {
	s := m.NewState()
	for i, a := range answers {
		into[i] = mastery.Scored{P: m.Update(s, a).P, Y: a.Score}
	}
}

// compare sums up the predictions, in the order of the learners. It is the last thing
// asked of a trial: scoring sorts them.
func (t *trial) compare() LensComparison {
	c := LensComparison{Answers: len(t.proposed)}
	var gains, counts []float64 // by learner: summed log loss that is gained, and answers
	for u, answers := range t.learners {
		if n := len(answers); n > 0 {
			c.Learners++
			gains = append(gains, loss(t.active[t.from[u]:t.from[u+1]])-loss(t.proposed[t.from[u]:t.from[u+1]]))
			counts = append(counts, float64(n))
		}
	}
	c.Gain = gainOf(gains, counts)
	c.Proposed, c.Active = scoresOf(t.proposed), scoresOf(t.active)
	return c
}

// loss is the log loss of predictions, summed.
func loss(list []mastery.Scored) float64 {
	const clip = 1e-6 // as scores have it
	sum := 0.0
	for _, v := range list {
		p := max(clip, min(1-clip, v.P))
		sum -= v.Y*math.Log(p) + (1-v.Y)*math.Log(1-p)
	}
	return sum
}

func scoresOf(list []mastery.Scored) ModelScores {
	if len(list) == 0 { // no answer has a topic in this lens
		return ModelScores{}
	}
	scores := mastery.Score(list)
	s := ModelScores{LogLoss: scores.LogLoss, ECE: scores.ECE}
	if !math.IsNaN(scores.AUC) {
		s.AUC = &scores.AUC
	}
	return s
}

// gainOf is the ratio of two sums over learners, with its standard error as of a
// sample of learners (Cochran 1977, §6.4).
func gainOf(gains, counts []float64) Gain {
	var gain, count float64
	for u := range gains {
		gain += gains[u]
		count += counts[u]
	}
	if count == 0 {
		return Gain{}
	}
	mean, squares, n := gain/count, 0.0, float64(len(gains))
	for u := range gains {
		distance := gains[u] - mean*counts[u]
		squares += distance * distance
	}
	const z = 1.645 // of a 90% interval
	reach := z * math.Sqrt(squares*n/max(1, n-1)) / count
	return Gain{Estimate: mean, Low: mean - reach, High: mean + reach}
}
