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

// average is a mean of numbers that come in groups: one for each learner of a cohort,
// whose numbers are alike, or one for each answer of a learner.
//
// Its variance is that of a ratio of sums over the groups (Cochran 1977, 6.3), to
// which one more group with the variance of a coin is added: three answers that
// agree are no proof that all would. With groups of one number this is the posterior
// of a normal mean under the prior Inv-χ²(1, ¼) for the variance (Gelman et al.,
// Bayesian Data Analysis, 3.2): Student's t with as many degrees of freedom as groups.
type average struct {
	groups     int
	numbers    int
	sum        float64
	nn, ss, ns float64 // Σn², Σs², Σn·s over the groups
}

const coinVariance = 0.25

// add adds a group by its count and sum.
func (a *average) add(n int, sum float64) {
	if n == 0 {
		return
	}
	count := float64(n)
	a.groups++
	a.numbers += n
	a.sum += sum
	a.nn += float64(count * count)
	a.ss += float64(sum * sum)
	a.ns += float64(count * sum)
}

// addAll adds numbers that are a group each, by their count, sum and sum of squares.
func (a *average) addAll(n int, sum, squares float64) {
	a.groups += n
	a.numbers += n
	a.sum += sum
	a.nn += float64(n)
	a.ss += squares
	a.ns += sum
}

// group adds all numbers of another average as one group.
func (a *average) group(other *average) { a.add(other.numbers, other.sum) }

// mean needs a group at least.
func (a *average) mean() float64 { return a.sum / float64(a.numbers) }

// variance is that of the mean.
func (a *average) variance() float64 {
	m, groups := a.mean(), float64(a.groups)
	between := max(0, a.ss-float64(2*m*a.ns)+float64(m*m*a.nn))
	return (between + coinVariance*a.nn/groups) / (float64(a.numbers) * float64(a.numbers))
}

// interval is the mean with its 90% interval, cut at the least that is possible and at
// 1; null without numbers.
func (a *average) interval(low float64) *Interval {
	if a.groups == 0 {
		return nil
	}
	return around(a.mean(), a.margin(), low, 1)
}

// margin is half the width of the 90% interval, before it is cut.
func (a *average) margin() float64 {
	return float64(student90(a.groups) * math.Sqrt(a.variance()))
}

// minus is how much higher one mean is than another, with its 90% interval; null
// unless both have numbers. Degrees of freedom are those of the smaller side. Of means
// within ±1 the difference lies within ±2.
func (a *average) minus(b *average) *Interval {
	if a.groups == 0 || b.groups == 0 {
		return nil
	}
	margin := float64(student90(min(a.groups, b.groups)) * math.Sqrt(a.variance()+b.variance()))
	return around(a.mean()-b.mean(), margin, -2, 2)
}

// around is an interval, cut at the least and the most that are possible.
func around(estimate, margin, least, most float64) *Interval {
	return &Interval{Estimate: estimate, Low: max(least, estimate-margin), High: min(most, estimate+margin)}
}

// student90 is the 95% quantile of Student's t distribution: exact for one and two
// degrees of freedom, and by Hill's expansion (CACM algorithm 396, 1970), within .002, for more.
func student90(freedom int) float64 {
	n := float64(freedom)
	switch freedom {
	case 1:
		return 6.313752
	case 2:
		return 2.919986
	}
	x := 1.6448536
	x2 := x * x
	g1 := x * (x2 + 1) / 4
	g2 := x * (5*x2*x2 + 16*x2 + 3) / 96
	g3 := x * (3*x2*x2*x2 + 19*x2*x2 + 17*x2 - 15) / 384
	g4 := x * (79*x2*x2*x2*x2 + 776*x2*x2*x2 + 1482*x2*x2 - 1920*x2 - 945) / 92160
	return x + g1/n + g2/(n*n) + g3/(n*n*n) + g4/(n*n*n*n)
}
