package mastery

import (
	"math"
	"testing"
)

// TestPredictiveIsWhatHappens: drawn from the model's own assumptions, the number
// of right answers falls into the predictive distribution as often as that says.
func TestPredictiveIsWhatHappens(t *testing.T) {
	m, s := sample(t)
	answers := make([]Answer, 8)
	for i := range answers {
		answers[i] = Answer{Item: 3 + 25*i, Time: s.Last + int64(i+1)*60e6}
	}
	counts := m.Predictive(s, answers)
	sum, mean := 0.0, 0.0
	for n, p := range counts {
		sum += p
		mean += float64(n) * p
	}
	if len(counts) != 9 || !near(sum, 1) {
		t.Fatalf("%d probabilities that sum to %v", len(counts), sum)
	}
	first := m.Predict(s, answers[0].Item, answers[0].Time).P
	if one := m.Predictive(s, answers[:1]); math.Abs(one[1]-first) > 0.005 {
		t.Errorf("one answer is right with %v, predicted %v", one[1], first)
	}
	if mean < 1 || mean > 7 {
		t.Errorf("%v of 8 expected", mean)
	}
	if again := m.Predictive(s, answers); !sameBits(again[4], counts[4]) {
		t.Error("predicting changed the learner")
	}
}

// TestPredictiveIsWiderThanChance: what isn't known of a learner makes all right
// and all wrong likelier than answers of one known chance would.
func TestPredictiveIsWiderThanChance(t *testing.T) {
	c := Course{Topics: 1}
	for range 10 {
		c.Items = append(c.Items, CourseItem{Tags: EqualTags(0)})
	}
	m := must(Default(c))(t)
	var answers []Answer
	for i := range 10 {
		answers = append(answers, Answer{Item: i, Time: NoTime})
	}
	counts := m.Predictive(m.NewState(), answers)
	p := 0.0
	for n, q := range counts {
		p += float64(n) * q / 10
	}
	if counts[10] < 2*math.Pow(p, 10) || counts[0] < 2*math.Pow(1-p, 10) {
		t.Errorf("%v for a mean of %v", counts, p)
	}
}

func TestCovers(t *testing.T) {
	even := []float64{.25, .5, .25}
	for n := range even {
		if !Covers(even, float64(n)) {
			t.Errorf("%v doesn't cover %d", even, n)
		}
	}
	sure := []float64{.01, .01, .98} // mid-p of 0: .005, of 1: .015, of 2: .51
	if Covers(sure, 0) || Covers(sure, 1) || !Covers(sure, 2) {
		t.Errorf("%v covers what it rules out, or not what it expects", sure)
	}
	if !Covers(even, 1.4) {
		t.Error("a partial sum counts as the nearest whole one")
	}
}
