package mastery

// The counters of a topic that reports quote beside the estimate. They never
// enter it.

const (
	microsPerDay = 86400e6
	// twinEpoch is the time at which an answer weighs 1 in the order-free sums:
	// 2020-01-01T00:00:00Z. Weights of other times are powers of two relative
	// to it, which keeps sums additive: nothing is ever decayed in place.
	twinEpoch     int64   = 1577836800_000000
	twinHalfLife  float64 = 60 // days
	trendHalfLife float64 = 14 // days
	// twinLimit bounds the exponents (157 years either way), so that sums of
	// 2³² answers stay finite whatever times producers send.
	twinLimit = 960
)

// epochWeight returns 2^((t - epoch)/60 days); 1 without a time.
func epochWeight(t int64) float64 {
	if t == NoTime {
		return 1
	}
	halfLives := float64(t-twinEpoch) / (twinHalfLife * microsPerDay)
	return exp2(max(-twinLimit, min(twinLimit, halfLives)))
}

// count adds an answer to the topic's counters.
func (t *TopicState) count(a Answer, st Step, first bool, weight float64) {
	fade := 1.0
	if gap := gapHours(t.Last, a.Time); gap > 0 {
		fade = exp2(-gap / (24 * trendHalfLife))
	}
	t.TrendSum = float64(t.TrendSum*fade) + st.R
	t.TrendWeight = float64(t.TrendWeight*fade) + 1

	t.Right += float64(weight * a.Score)
	t.Expected += float64(weight * st.P0)
	t.Weight += weight

	t.N++
	if a.SelfGraded {
		t.Self++
	}
	if first {
		t.First++
		t.FirstRight += a.Score
	}
}

// Observed compares what a learner got right on a topic with what a learner
// without any answer would be expected to: "4 right where 6.1 were expected".
// It needs no order of answers, hence its use as a check on the estimate.
type Observed struct {
	Right    float64 // Σδy, an answer 60 days old counting half (δ = 2^(-age/60 d))
	Expected float64 // Σδp0
	Answers  float64 // Σδ
	Effect   float64 // logit((W + 6E/N)/(N + 6)) - logit(E/N), logits; 0 without answers
}

// Observed returns the comparison as of now; with NoTime ages don't count,
// which is for answers that have none.
func (t TopicState) Observed(now int64) Observed {
	scale := 1 / epochWeight(now)
	o := Observed{Right: float64(t.Right * scale), Expected: float64(t.Expected * scale), Answers: float64(t.Weight * scale)}
	if o.Answers > 0 {
		rate := o.Expected / o.Answers
		o.Effect = logit((o.Right+float64(6*rate))/(o.Answers+6)) - logit(rate)
	}
	return o
}

// Trend returns how much better (above 0) or worse a learner's recent answers
// on a topic came out than the model expected, as a difference of chances: the
// mean residual with a half-life of 14 days; and how many answers of today it
// weighs as much as, as of now.
func (t TopicState) Trend(now int64) (mean, weight float64) {
	if t.TrendWeight == 0 {
		return 0, 0
	}
	return t.TrendSum / t.TrendWeight, t.Recent(now)
}

// Recent returns how many answers of today the answers on a topic weigh as much
// as, with a half-life of 14 days, as of now: how much was practised lately.
func (t TopicState) Recent(now int64) float64 {
	return float64(t.TrendWeight * exp2(-gapHours(t.Last, now)/(24*trendHalfLife)))
}
