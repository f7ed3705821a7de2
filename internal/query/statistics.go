package query

import "math"

// The share of reports on honest data in which a rule that looks at many items
// raises a false alarm at all, and how many items it is taken to look at at least.
const (
	falseAlarms = 0.05
	leastTests  = 20
)

// alarm is the probability below which one of so many tests raises an alarm: with it,
// all together raise a false one in at most falseAlarms of the cases (Bonferroni).
func alarm(tests int) float64 { return falseAlarms / float64(max(tests, leastTests)) }

// twoSided is the probability that a standard normal number is at least as far from 0.
func twoSided(z float64) float64 { return math.Erfc(math.Abs(z) / math.Sqrt2) }

// farOut is how far from 0 a standard normal number is with that two-sided
// probability: the inverse of twoSided.
func farOut(p float64) float64 { return math.Sqrt2 * math.Erfcinv(p) }

// coinTail is the probability of at least k heads in n throws of a fair coin.
func coinTail(k, n int) float64 {
	all, _ := math.Lgamma(float64(n + 1))
	sum := 0.0
	for i := n; i >= k; i-- { // smallest first
		heads, _ := math.Lgamma(float64(i + 1))
		tails, _ := math.Lgamma(float64(n - i + 1))
		sum += math.Exp(all - heads - tails - float64(n)*math.Ln2)
	}
	return min(1, sum)
}

// pairs sum up two numbers for their correlation.
type pairs struct {
	n                int
	x, y, xx, yy, xy float64
}

func (p *pairs) add(x, y float64) {
	p.n++
	p.x += x
	p.y += y
	p.xx += float64(x * x)
	p.yy += float64(y * y)
	p.xy += float64(x * y)
}

// correlation is Pearson's with the interval that holds the truth unless the noise is
// z standard deviations out, by Fisher's transformation; false where a side doesn't vary.
func (p *pairs) correlation(z float64) (Interval, bool) {
	n := float64(p.n)
	xx, yy, xy := p.xx-float64(p.x*p.x)/n, p.yy-float64(p.y*p.y)/n, p.xy-float64(p.x*p.y)/n
	const nothing = 1e-9 // of a variance: rounding
	if p.n < 4 || xx <= nothing*n || yy <= nothing*n {
		return Interval{}, false
	}
	r := max(-1, min(1, xy/math.Sqrt(float64(xx*yy))))
	at := math.Atanh(max(-0.999999, min(0.999999, r)))
	margin := z / math.Sqrt(n-3)
	return Interval{Estimate: r, Low: math.Tanh(at - margin), High: math.Tanh(at + margin)}, true
}
