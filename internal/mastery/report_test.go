package mastery

import (
	"math"
	"slices"
	"testing"
)

func TestCohort(t *testing.T) {
	var c Cohort
	if _, ok := c.ShareWeak(.5); ok {
		t.Error("an empty cohort has a share")
	}
	if _, ok := c.Mastery(); ok || c.MeanPWeak() != 0 {
		t.Error("an empty cohort has a mastery")
	}
	c.Add(Estimate{N: 4, PWeak: .9, Mean: .4, Zeta: -.3, SD: .9, SharedSD: .1})
	c.Add(Estimate{N: 0, PWeak: .1, Mean: .9, SD: .9})
	c.Add(Estimate{N: 1, PWeak: .3, Mean: .7, Zeta: 1, SD: .8, SharedSD: .1})

	share, ok := c.ShareWeak(.5)
	density := func(x float64) float64 { return math.Exp(-x*x/2) / math.Sqrt(2*math.Pi) }
	threshold, common := math.Log(.6/.4), math.Sqrt(.01+.15*.15)
	shift := (density((threshold+.3)/.9)/.9 + density((threshold-1)/.8)/.8) * common / 2
	sd := math.Sqrt((.9*.1+.3*.7)/4 + shift*shift)
	if want := (1.2 + 5*.5) / 7; !ok || !near(share.Estimate, want) || !near(share.Low, want-1.645*sd) || !near(share.High, want+1.645*sd) {
		t.Errorf("share weak %+v, want %v ± %v", share, want, 1.645*sd)
	}
	mean, ok := c.Mastery()
	shared := .1 * (.24 + .21) / 2
	sd = math.Sqrt((.24*.24*(.81-.01)+.21*.21*(.64-.01))/4 + shared*shared)
	if !ok || !near(mean.Estimate, .55) || !near(mean.Low, .55-1.645*sd) || !near(mean.High, .55+1.645*sd) {
		t.Errorf("mastery %+v, want .55 ± %v", mean, 1.645*sd)
	}
	if c.Measured != 2 || !near(c.MeanPWeak(), .6) {
		t.Errorf("cohort %+v", c)
	}
}

func TestCohortWord(t *testing.T) {
	around := func(x, width float64) Interval { return Interval{x, x - width/2, x + width/2} }
	for _, c := range []struct {
		share    Interval
		measured int
		want     Word
	}{
		{Interval{}, 0, NotEnoughAnswers},
		{around(.9, .61), 3, NotEnoughAnswers},
		{around(.9, .6), 3, Weak},
		{around(.5, .3), 9, Weak},
		{around(.4, .3), 9, Borderline},
		{around(.3, .3), 9, Fair},
		{around(.2, .3), 9, Strong},
	} {
		if got := CohortWord(c.share, c.measured); got != c.want {
			t.Errorf("share %+v of %d is %s, want %s", c.share, c.measured, got, c.want)
		}
	}
}

func topicsOf(ranked []Recommendation) []int {
	var topics []int
	for _, r := range ranked {
		topics = append(topics, r.Topic)
	}
	return topics
}

func TestRank(t *testing.T) {
	held := []Prerequisite{{Topic: 9, Mastery: .8}}
	candidates := []Candidate{
		{Topic: 1, Importance: 1, Mastery: .5},
		{Topic: 2, Importance: 2, Mastery: .5, Prerequisites: held},
		{Topic: 3, Importance: 2, Mastery: .5, Prerequisites: append([]Prerequisite{{Topic: 8, Mastery: .44}}, held...)},
		{Topic: 4, Importance: 9, Mastery: .95},
		{Topic: 5, Importance: 9, Mastery: .1, Excluded: true},
		{Topic: 6, Importance: 1, Mastery: .92, Pinned: true},
		{Topic: 7, Importance: 2, Mastery: .5, Recent: 30},
		{Topic: 0, Importance: 1, Mastery: .5},
	}
	want := []int{6, 2, 0, 1, 3, 7}
	ranked := Rank(candidates, 0)
	if got := topicsOf(ranked); !slices.Equal(got, want) {
		t.Fatalf("ranked %v, want %v", got, want)
	}
	if got := topicsOf(Rank(candidates, 2)); !slices.Equal(got, want[:2]) {
		t.Errorf("the first two are %v", got)
	}
	slices.Reverse(candidates)
	if got := topicsOf(Rank(candidates, 99)); !slices.Equal(got, want) {
		t.Errorf("in another order ranked %v", got)
	}

	blocked := ranked[4]
	if !near(blocked.Need, .4) || !near(blocked.Ready, .4) || blocked.Freshness != 1 || !near(blocked.Priority, 2*.4*.4) {
		t.Errorf("factors of topic 3: %+v", blocked)
	}
	if blocked.Blocker == nil || blocked.Blocker.Topic != 8 {
		t.Errorf("topic 3 is held back by %+v", blocked.Blocker)
	}
	if r := ranked[1]; r.Ready != 1 || r.Blocker != nil {
		t.Errorf("topic 2: %+v", r)
	}
	if r := ranked[5]; r.Freshness != .25 || !near(r.Priority, .2) {
		t.Errorf("topic 7: %+v", r)
	}
	if r := ranked[0]; r.Priority != 0 || r.Need != 0 {
		t.Errorf("the pinned topic 6: %+v", r)
	}
}

// TestReadyIsNeverNothing: no prerequisite bars a topic altogether.
func TestReadyIsNeverNothing(t *testing.T) {
	r := Rank([]Candidate{{Topic: 1, Importance: 1, Mastery: .2, Prerequisites: []Prerequisite{{Topic: 2, Mastery: .01}}}}, 1)
	if len(r) != 1 || r[0].Ready != .15 {
		t.Errorf("%+v", r)
	}
}
