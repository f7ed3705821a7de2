package query

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/gapwise/gapwise/internal/mastery"
)

// Nobody is called overconfident on thin data, nor for a few ticks; a tick is doubtful only
// where the topic is weak.
func TestTicksAreJudgedByMastery(t *testing.T) {
	estimate := func(n uint32, mean, pWeak, fresh float64) mastery.Estimate {
		return mastery.Estimate{N: n, Mean: mean, Low: mean - 0.15, High: mean + 0.15, PWeak: pWeak, PWeakFresh: fresh}
	}
	var (
		weak   = estimate(9, 0.3, 0.95, 0.95)
		rusty  = estimate(9, 0.5, 0.85, 0.5)
		fair   = estimate(9, 0.7, 0.3, 0.3)
		strong = estimate(9, 0.85, 0.02, 0.02)
		thin   = estimate(2, 0.2, 0.97, 0.97)
		vague  = mastery.Estimate{N: 9, Mean: 0.3, Low: 0.05, High: 0.7, PWeak: 0.9, PWeakFresh: 0.9}
	)
	for name, c := range map[string]struct {
		e             mastery.Estimate
		items, ticked int
		view          View
		doubtful      int
	}{
		"weak, most ticked":         {weak, 4, 3, Overconfident, 3},
		"weak, half ticked":         {weak, 4, 2, InLine, 2},
		"weak, none ticked":         {weak, 4, 0, InLine, 0},
		"rusty, all ticked":         {rusty, 2, 2, Overconfident, 2},
		"fair, all ticked":          {fair, 2, 2, InLine, 0},
		"strong, all ticked":        {strong, 3, 3, InLine, 0},
		"strong, half ticked":       {strong, 4, 2, Unticked, 0},
		"two answers, all ticked":   {thin, 3, 3, NoView, 0},
		"wide interval, all ticked": {vague, 3, 3, NoView, 0},
	} {
		ticked := make([]Tick, c.ticked)
		for i := range ticked {
			ticked[i].Item = string(rune('a' + i))
		}
		list := Checklist{Items: c.items, Ticked: c.ticked, View: NoView}
		list.judge(c.e, ticked)
		if list.View != c.view || len(list.Doubtful) != c.doubtful {
			t.Errorf("%s: %s, doubtful are %v; want %s and %d", name, list.View, list.Doubtful, c.view, c.doubtful)
		}
	}
	since := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	list := Checklist{Items: 2, Ticked: 2, since: since}
	list.judge(weak, []Tick{{Item: "before", Time: since.Add(-1)}, {Item: "after", Time: since}})
	if !slices.Equal(list.Doubtful, []string{"after"}) || list.View != Overconfident {
		t.Errorf("since a time, doubtful are %v and the view %s", list.Doubtful, list.View)
	}
}

// By hand: gaps .3 and .1; masteries .5 and .8 whose logits have the sd .8 and .5, half and
// a fifth of that variance from the ability. To first order sd are .25·.8 = .2 and .16·.5 = .08.
func TestBiasByHand(t *testing.T) {
	var b bias
	if b.bias() != nil {
		t.Error("a bias of no topic")
	}
	b.add(0.3, mastery.Estimate{Mean: 0.5, SD: 0.8}, 0.5)
	b.add(0.1, mastery.Estimate{Mean: 0.8, SD: 0.5}, 0.2)
	// Around the mean .2 the gaps vary by .02; 5·2/7·.04 more for being away from 0.
	variance := (0.25 + 0.02 + 0.4/7) / 3 / 7
	shared := (0.2*math.Sqrt(0.5) + 0.08*math.Sqrt(0.2)) / 7
	const t3 = 2.353363 // the 95% quantile of t with 3 degrees of freedom
	margin := math.Sqrt(t3*t3*variance + 1.645*1.645*shared*shared)
	got := b.bias()
	if math.Abs(got.Estimate-0.4/7) > 1e-12 || math.Abs(got.Low-(0.4/7-margin)) > 1e-3 || math.Abs(got.High-(0.4/7+margin)) > 1e-3 || got.Topics != 2 {
		t.Errorf("the bias is %+v, want %v ± %v of 2 topics", got, 0.4/7, margin)
	}
}

// Of learners whose biases differ, the interval holds the own one in nine of ten, or nearly.
func TestBiasesHoldTheTruth(t *testing.T) {
	dice := rand.New(rand.NewPCG(5, 6))
	for _, topics := range []int{1, 3, 8, 20} {
		held, tries := 0, 3000
		for range tries {
			truth := float64(0.15 * dice.NormFloat64())
			var b bias
			for range topics {
				b.add(truth+float64(0.25*dice.NormFloat64()), mastery.Estimate{}, 0)
			}
			if got := b.bias(); got.Low <= truth && truth <= got.High {
				held++
			}
		}
		if share := float64(held) / float64(tries); share < 0.88 {
			t.Errorf("of %d topics the interval holds the truth in %.1f%%", topics, 100*share)
		}
	}
}

// Answers summed up by item and confidence give what one by one they would.
func TestConfidenceSumsAreThoseOfSingleAnswers(t *testing.T) {
	o := newOpinion(guide(t))
	item := o.model.Items[0]
	var want average
	for _, a := range []struct {
		level int
		score float64
	}{{5, 1}, {5, 0.25}, {1, 0}, {3, 0.5}, {3, 1}} {
		want.add(1, float64(a.level-1)/4-a.score)
	}
	o.confide(Confidence{Item: item, Level: 5, Answers: 2, Score: 1.25, Squares: 1.0625})
	o.confide(Confidence{Item: item, Level: 1, Answers: 1})
	o.confide(Confidence{Item: item, Level: 3, Answers: 2, Score: 1.5, Squares: 1.25})
	topic := o.model.Parameters.Items[0].Tags[0].Topic
	for _, got := range []average{o.stated.difference, o.topics[topic].stated} {
		if a, b := got.interval(-1), want.interval(-1); math.Abs(a.Estimate-b.Estimate) > 1e-12 || math.Abs(a.Low-b.Low) > 1e-12 || got.numbers != 5 {
			t.Errorf("the difference is %+v of %d, want %+v", a, got.numbers, b)
		}
	}
	levels := o.stated.report().Levels
	if len(levels) != 5 || levels[4].Answers != 2 || levels[4].Score.Estimate != 0.625 || levels[1].Score != nil {
		t.Errorf("levels are %+v", levels)
	}
}
