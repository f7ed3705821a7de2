package mastery

import "math"

// Cohort sums up the estimates of one topic over learners. Only learners with
// an answer on the topic count. Add them in one fixed order (by learner): sums
// of floats depend on it in their last bit. The zero value is an empty cohort.
type Cohort struct {
	Measured int // learners with an answer on the topic

	pWeak, pWeakVariance float64 // ΣP, ΣP(1-P)
	pWeakShift           float64 // Σ of how far P moves with what all learners share
	mean                 float64 // Σm
	ownVariance          float64 // Σ of the variances of m that are the learners' own
	shared               float64 // Σ of the standard deviations of m that all learners share
}

// Interval is an estimate with its 90% interval.
type Interval struct {
	Estimate, Low, High float64
}

const (
	// shareWeight is the weight, in learners, of the cohort's mean over topics in a
	// topic's share of weak learners.
	shareWeight = 5
	// topicError is the standard deviation, in logits, of what a model gets wrong
	// about a topic for all learners alike and doesn't know of: how items yet to come
	// differ from those that it saw. With it the intervals of shares held what came
	// in nine of ten topics of public answer sets; without, in three of four.
	topicError = 0.15
)

// Add counts a learner's estimate, unless it rests on no answer.
func (c *Cohort) Add(e Estimate) {
	if e.N == 0 {
		return
	}
	c.Measured++
	c.pWeak += e.PWeak
	c.pWeakVariance += float64(e.PWeak * (1 - e.PWeak))
	// P = Φ(distance) moves by the normal density times what moves the distance.
	distance := (logit(WeakBelow) - e.Zeta) / e.SD
	common := math.Sqrt(float64(e.SharedSD*e.SharedSD) + float64(topicError*topicError))
	c.pWeakShift += float64(exp(float64(-distance*distance/2)) / math.Sqrt(2*math.Pi) * common / e.SD)
	c.mean += e.Mean
	// To first order a chance varies by m(1-m) times what its logit varies.
	slope := float64(e.Mean * (1 - e.Mean))
	own := float64(e.SD*e.SD) - float64(e.SharedSD*e.SharedSD)
	c.ownVariance += float64(slope * slope * own)
	c.shared += float64(slope * e.SharedSD)
}

// MeanPWeak returns the mean probability of being weak, 0 when nobody is
// measured. Its mean over the topics with a measured learner is what ShareWeak takes.
func (c *Cohort) MeanPWeak() float64 {
	if c.Measured == 0 {
		return 0
	}
	return c.pWeak / float64(c.Measured)
}

// ShareWeak returns the share of measured learners who are weak on the topic,
// drawn towards g, the cohort's mean over topics; false when nobody is measured.
// Its variance is ΣP(1-P)/N² for what is uncertain about each learner, which averages
// out, and for what they share the square of the mean of
//
//	φ((logit τ - ζ)/sd)·√(k²vc + .15²)/sd
//
// by which P moves, to first order, with the topic's difficulty: that doesn't.
func (c *Cohort) ShareWeak(g float64) (Interval, bool) {
	if c.Measured == 0 {
		return Interval{}, false
	}
	n := float64(c.Measured)
	share := (c.pWeak + float64(shareWeight*g)) / (n + shareWeight)
	shift := c.pWeakShift / n
	sd := math.Sqrt(c.pWeakVariance/(n*n) + float64(shift*shift))
	return around(share, float64(z90*sd)), true
}

// Mastery returns the measured learners' mean mastery; false when nobody is
// measured. What is uncertain about each learner averages out, what is
// uncertain about the topic does not.
func (c *Cohort) Mastery() (Interval, bool) {
	if c.Measured == 0 {
		return Interval{}, false
	}
	n := float64(c.Measured)
	shared := c.shared / n
	sd := math.Sqrt(c.ownVariance/(n*n) + float64(shared*shared))
	return around(c.mean/n, float64(z90*sd)), true
}

// around returns the interval of a probability, cut at 0 and 1.
func around(estimate, margin float64) Interval {
	return Interval{Estimate: estimate, Low: max(0, estimate-margin), High: min(1, estimate+margin)}
}

// The shares of weak learners at which a cohort's word changes.
const (
	cohortWeakFrom       = 0.5
	cohortBorderlineFrom = 0.35
	cohortStrongUpTo     = 0.2
	// widestShare is how wide a share's interval may be to carry a word. It is wider
	// than a learner's, since part of it, what all learners share, doesn't shrink
	// with answers but with a fit.
	widestShare = 0.6
)

// CohortWord returns a cohort's state on a topic, by its share of weak learners:
// weak where at least half of the measured are. An interval too wide to read, over .6,
// is "not enough answers"; a cohort is never rusty.
func CohortWord(share Interval, measured int) Word {
	switch {
	case measured == 0 || share.High-share.Low > widestShare:
		return NotEnoughAnswers
	case share.Estimate >= cohortWeakFrom:
		return Weak
	case share.Estimate >= cohortBorderlineFrom:
		return Borderline
	case share.Estimate <= cohortStrongUpTo:
		return Strong
	}
	return Fair
}
