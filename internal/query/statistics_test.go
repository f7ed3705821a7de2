package query

import (
	"math"
	"math/rand/v2"
	"testing"
)

// Values of tables (Abramowitz & Stegun 26.5, 26.10), and of counting by hand.
func TestDistributions(t *testing.T) {
	for name, c := range map[string]struct{ got, want, within float64 }{
		"two sides of 1.96":          {twoSided(-1.959964), 0.05, 1e-6},
		"far out with .05":           {farOut(0.05), 1.959964, 1e-6},
		"of 3 coins 2 or 3 heads":    {coinTail(2, 3), 0.5, 1e-12},
		"of 4 coins 4 heads":         {coinTail(4, 4), 1.0 / 16, 1e-12},
		"of 10 coins 8 heads, more":  {coinTail(8, 10), 56.0 / 1024, 1e-12},
		"of 0 coins 0 heads":         {coinTail(0, 0), 1, 1e-12},
		"of 2000 coins 1000 or more": {coinTail(1000, 2000), 0.5 + 0.0178390/2, 1e-6},
		"t, 1 degree of freedom":     {student90(1), 6.314, 1e-3},
		"t, 2":                       {student90(2), 2.920, 1e-3},
		"t, 3":                       {student90(3), 2.353, 2e-3},
		"t, 5":                       {student90(5), 2.015, 1e-3},
		"t, 10":                      {student90(10), 1.812, 1e-3},
		"t, 30":                      {student90(30), 1.697, 1e-3},
		"t, 10000":                   {student90(10000), 1.645, 1e-3},
		"alarm of one test":          {alarm(1), 0.0025, 1e-12},
		"alarm of 200 tests":         {alarm(200), 0.00025, 1e-12},
	} {
		if math.Abs(c.got-c.want) > c.within {
			t.Errorf("%s: %v, want %v", name, c.got, c.want)
		}
	}
}

func TestCorrelation(t *testing.T) {
	var p pairs
	for _, v := range [][2]float64{{1, 2}, {2, 1}, {3, 4}, {4, 3}, {5, 5}} {
		p.add(v[0], v[1])
	}
	// By hand: Sxx = Syy = 10, Sxy = 8; atanh(.8) = 1.098612, ± 1.645/√2.
	r, ok := p.correlation(z90)
	if !ok || math.Abs(r.Estimate-0.8) > 1e-12 || math.Abs(r.Low-math.Tanh(1.098612-1.163191)) > 1e-6 || math.Abs(r.High-math.Tanh(1.098612+1.163191)) > 1e-6 {
		t.Errorf("the correlation is %+v, %v", r, ok)
	}
	var flat pairs
	for i := range 9 {
		flat.add(0.7, float64(i%2))
	}
	if r, ok := flat.correlation(z90); ok {
		t.Errorf("what doesn't vary correlates by %+v", r)
	}
}

// An average by hand: scores 1, 0, 1, 1 of one learner.
func TestAverageOfSingleNumbers(t *testing.T) {
	var a average
	for _, x := range []float64{1, 0, 1, 1} {
		a.add(1, x)
	}
	// Σ(x-¾)² = ¾; variance (¾ + ¼)/4/4 = 1/16; t with 4 degrees of freedom 2.1318.
	got := a.interval(0)
	if math.Abs(got.Estimate-0.75) > 1e-12 || math.Abs(got.Low-(0.75-2.1318/4)) > 1e-3 || got.High != 1 {
		t.Errorf("the mean is %+v", got)
	}
	var none average
	if none.interval(0) != nil || none.minus(&a) != nil || a.minus(&none) != nil {
		t.Error("a mean of nothing")
	}
	var one average
	one.add(1, 0.5)
	if got := one.interval(0); got.Estimate != 0.5 || got.Low != 0 || got.High != 1 {
		t.Errorf("one number says %+v", got)
	}
}

// Two means of residuals may lie more than 1 apart: the interval holds the estimate.
func TestADifferenceMayBeWide(t *testing.T) {
	var a, b average
	a.add(1, 0.7)
	b.add(1, -0.8)
	if got := a.minus(&b); math.Abs(got.Estimate-1.5) > 1e-12 || got.High < got.Estimate || got.High > 2 || got.Low > got.Estimate {
		t.Errorf("1.5 apart says %+v", got)
	}
	if got := b.minus(&a); got.Low > got.Estimate || got.Low < -2 {
		t.Errorf("-1.5 apart says %+v", got)
	}
}

// The interval must hold the truth in nine of ten cohorts, or nearly: of learners who
// differ, with few and many answers each.
func TestAveragesHoldTheTruth(t *testing.T) {
	dice := rand.New(rand.NewPCG(1, 2))
	for _, learners := range []int{2, 5, 20, 100} {
		held, tries := 0, 2000
		for range tries {
			var a average
			for range learners {
				p := min(1, max(0, 0.5+float64(0.15*dice.NormFloat64())))
				n, right := 1+dice.IntN(12), 0.0
				for range n {
					if dice.Float64() < p {
						right++
					}
				}
				a.add(n, right)
			}
			if i := a.interval(0); i.Low <= 0.5 && 0.5 <= i.High {
				held++
			}
		}
		if share := float64(held) / float64(tries); share < 0.88 {
			t.Errorf("of %d learners the interval holds the truth in %.1f%%", learners, 100*share)
		}
	}
}
