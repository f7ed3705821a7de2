package query

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/mastery"
	"github.com/gapwise/gapwise/internal/project"
)

// comparison takes down predictions and answers, learner by learner in ascending
// order, so that its sums have the same bits however learners were asked for.
// Between begin and end come one learner's answers in the order of the fold.
type comparison struct {
	model    *project.LensModel
	unmapped int

	all     agreement
	topics  []agreement
	levels  [mastery.NumLevels]agreement
	earlier [len(earlierUpTo)]agreement
	graders [len(gradersShown)]agreement
	cohorts map[string]*agreement
	scored  pool

	learner struct { // the one at hand
		cohorts []*agreement
		answers []uint32 // earlier ones, by topic
		touched []*agreement
	}
}

func newComparison(model *project.LensModel, mostScored int) *comparison {
	c := &comparison{model: model, topics: make([]agreement, len(model.Topics)), cohorts: map[string]*agreement{}}
	c.learner.answers = make([]uint32, len(model.Topics))
	c.scored.most = mostScored
	return c
}

func (c *comparison) tags(item int) []mastery.Tag  { return c.model.Parameters.Items[item].Tags }
func (c *comparison) level(item int) mastery.Level { return c.model.Parameters.Items[item].Level }

// begin turns to the next learner.
func (c *comparison) begin(hash project.HMAC, cohorts []string) {
	clear(c.learner.answers)
	c.learner.touched, c.learner.cohorts = c.learner.touched[:0], c.learner.cohorts[:0]
	for _, id := range cohorts {
		if c.cohorts[id] == nil {
			c.cohorts[id] = &agreement{}
		}
		c.learner.cohorts = append(c.learner.cohorts, c.cohorts[id])
	}
	c.scored.begin(binary.BigEndian.Uint64(hash[:]), c.learner.cohorts)
}

// add takes down one answer of the learner.
func (c *comparison) add(item int, by event.Grader, predicted, actual float64) {
	least := ^uint32(0)
	for _, tag := range c.tags(item) {
		least = min(least, c.learner.answers[tag.Topic])
		c.learner.answers[tag.Topic]++
		c.count(&c.topics[tag.Topic], predicted, actual)
	}
	earlier, grader := earlierPart(least), slices.Index(gradersShown[:], by)
	c.count(&c.all, predicted, actual)
	c.count(&c.levels[c.level(item)], predicted, actual)
	c.count(&c.earlier[earlier], predicted, actual)
	c.count(&c.graders[grader], predicted, actual)
	for _, cohort := range c.learner.cohorts {
		c.count(cohort, predicted, actual)
	}
	c.scored.add(predicted, actual, item, uint8(earlier), uint8(grader))
}

func (c *comparison) count(a *agreement, predicted, actual float64) {
	if a.own == 0 {
		c.learner.touched = append(c.learner.touched, a)
	}
	a.add(predicted, actual)
}

// end closes the learner's sums.
func (c *comparison) end() {
	for _, a := range c.learner.touched {
		a.end()
	}
	c.scored.end()
}

// agreement are the sums of a part of the answers.
type agreement struct {
	answers, learners int
	predicted, actual float64
	chance            float64 // Σp(1-p), the variance of what independent answers sum to

	own         int     // answers of the learner at hand
	ownResidual float64 // their residuals

	// Over learners, N their answers and R their residuals: ΣR², ΣRN, ΣN².
	rr, rn, nn float64
}

func (a *agreement) add(predicted, actual float64) {
	r := actual - predicted
	a.answers++
	a.predicted += predicted
	a.actual += actual
	a.chance += float64(predicted * (1 - predicted))
	a.own++
	a.ownResidual += r
}

func (a *agreement) end() {
	n, r := float64(a.own), a.ownResidual
	a.learners++
	a.rr += float64(r * r)
	a.rn += float64(r * n)
	a.nn += float64(n * n)
	a.own, a.ownResidual = 0, 0
}

// difference returns the mean residual, actual less predicted, with its 90%
// interval. Its variance is what chance gives to independent answers of just these
// predictions. But answers of one learner depend on each other: it is that of a ratio
// over learners as they are drawn (Cochran, Sampling Techniques, 1977, §6.3) where
// this is larger.
func (a *agreement) difference() *Interval {
	if a.answers == 0 {
		return nil
	}
	n, l := float64(a.answers), float64(a.learners)
	d := (a.actual - a.predicted) / n
	variance := a.chance / (n * n)
	if a.learners > 1 {
		between := a.rr - float64(2*d*a.rn) + float64(d*d*a.nn)
		variance = max(variance, between/(n*n)*l/(l-1))
	}
	half := float64(z90 * math.Sqrt(variance))
	return &Interval{d, max(-1, d-half), min(1, d+half)}
}

// z90: 90% of a normal distribution lie within ±z90 standard deviations.
const z90 = 1.645

// state says in a word how prediction and answers agree.
func (a *agreement) state() string {
	if a.answers < leastScored {
		return string(mastery.NotEnoughAnswers)
	}
	switch d := a.difference(); {
	case d.Low > 0:
		return Better
	case d.High < 0:
		return Worse
	}
	return AsPredicted
}

// agreement puts the sums into a report, with scores where there are any.
func (a *agreement) agreement(scores *mastery.Scores) Agreement {
	report := Agreement{State: a.state(), Answers: a.answers, Learners: a.learners, Difference: a.difference()}
	if a.answers > 0 {
		predicted, actual := a.predicted/float64(a.answers), a.actual/float64(a.answers)
		report.Predicted, report.Actual = &predicted, &actual
	}
	if scores != nil {
		report.ECE = &scores.ECE
		if !math.IsNaN(scores.AUC) {
			report.AUC = &scores.AUC
		}
	}
	return report
}
