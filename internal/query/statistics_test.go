package query

import (
	"math"
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
