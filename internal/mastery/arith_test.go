package mastery

import (
	"math"
	"math/big"
	"testing"
)

// ulps returns how many representable numbers lie between a and b.
func ulps(a, b float64) uint64 {
	if a == b || a != a && b != b {
		return 0
	}
	if a != a || b != b {
		return math.MaxUint64
	}
	order := func(x float64) int64 {
		if bits := int64(math.Float64bits(x)); bits >= 0 {
			return bits
		}
		return math.MinInt64 - int64(math.Float64bits(x))
	}
	low, high := min(order(a), order(b)), max(order(a), order(b))
	return uint64(high) - uint64(low)
}

type (
	function func(float64) float64
	argument func(*stream) float64
)

func between(low, high float64) argument {
	return func(s *stream) float64 { return low + (high-low)*s.float() }
}

// magnitudes gives positive numbers from 2^low to 2^high, all scales alike.
func magnitudes(low, high int) argument {
	return func(s *stream) float64 { return math.Ldexp(1+s.float(), low+s.below(high-low)) }
}

// TestElementaryFunctionsAgainstMath compares with package math where that is
// right: on amd64 it gives +Inf for e^709.5 and errs on subnormal logarithms.
// Since it errs by almost 1 ulp as well, 2 ulp apart can be 1 ulp from the truth.
func TestElementaryFunctionsAgainstMath(t *testing.T) {
	logistic := func(z float64) float64 { return 1 / (1 + math.Exp(-z)) }
	for _, c := range []struct {
		name         string
		ours, theirs function
		at           argument
		limit        uint64
	}{
		{"exp", exp, math.Exp, between(-708, 709), 2},
		{"exp", exp, math.Exp, between(-40, 40), 2},
		{"exp", exp, math.Exp, magnitudes(-60, 3), 2},
		{"exp2", exp2, math.Exp2, between(-1022, 1024), 2},
		{"log", log, math.Log, magnitudes(-1022, 1023), 2},
		{"log", log, math.Log, between(0.5, 2), 2},
		{"log1p", log1p, math.Log1p, magnitudes(-1022, 1023), 3},
		{"log1p", log1p, math.Log1p, magnitudes(-60, 3), 3},
		{"sigmoid", sigmoid, logistic, between(-36, 36), 4},
		{"logit", logit, func(p float64) float64 { return math.Log(p / (1 - p)) }, between(0.01, 0.99), 2},
	} {
		checkUlps(t, c.name, c.ours, c.theirs, c.at, c.limit, 100_000)
	}
}

// TestElementaryFunctionsAgainstTruth compares with series of 160 bits, over
// the whole range of the functions.
func TestElementaryFunctionsAgainstTruth(t *testing.T) {
	trueExp := func(x float64) float64 { return rounded(bigExp(bigFloat(x))) }
	trueLog := func(x float64) float64 { return rounded(bigLog(bigFloat(x))) }
	trueLog1p := func(x float64) float64 { return rounded(bigLog(new(big.Float).Add(bigFloat(1), bigFloat(x)))) }
	checkUlps(t, "exp", exp, trueExp, between(-745, 709.7), 1, 2000)
	checkUlps(t, "exp", exp, trueExp, between(-2, 2), 1, 2000)
	checkUlps(t, "log", log, trueLog, magnitudes(-1074, 1023), 1, 2000)
	checkUlps(t, "log", log, trueLog, between(0.5, 2), 1, 2000)
	checkUlps(t, "log1p", log1p, trueLog1p, magnitudes(-50, 60), 2, 2000)
}

// checkUlps compares a function with what it should be at n arguments.
func checkUlps(t *testing.T, name string, ours, want function, at argument, limit uint64, n int) {
	t.Helper()
	random := stream(7)
	var worst uint64
	for range n {
		x := at(&random)
		off := ulps(ours(x), want(x))
		worst = max(worst, off)
		if off > limit {
			t.Errorf("%s(%v) is %v, should be %v: %d ulp apart", name, x, ours(x), want(x), off)
			return
		}
	}
	t.Logf("%s: at most %d ulp apart", name, worst)
}

const bigBits = 160

func bigFloat(x float64) *big.Float { return new(big.Float).SetPrec(bigBits).SetFloat64(x) }

func rounded(x *big.Float) float64 {
	f, _ := x.Float64()
	return f
}

// bigExp returns e^x: the Taylor series of x/2^k, squared k times.
func bigExp(x *big.Float) *big.Float {
	const k = 20
	r := new(big.Float).SetMantExp(x, -k)
	sum, term := bigFloat(1), bigFloat(1)
	for i := 1; i < 20; i++ {
		term.Mul(term, r)
		term.Quo(term, bigFloat(float64(i)))
		sum.Add(sum, term)
	}
	for range k {
		sum.Mul(sum, sum)
	}
	return sum
}

// bigLog returns ln x: Newton's iteration on bigExp, from package math's guess.
func bigLog(x *big.Float) *big.Float {
	var m big.Float
	e := x.MantExp(&m)
	y := bigFloat(math.Log(rounded(&m)) + float64(e)*math.Ln2)
	for range 3 { // y += x·e^-y - 1, from 50 bits to 100 to 160
		step := bigExp(new(big.Float).Neg(y))
		step.Mul(step, x)
		y.Add(y, step.Sub(step, bigFloat(1)))
	}
	return y
}

func TestElementaryFunctionsAtTheirEdges(t *testing.T) {
	inf := math.Inf(1)
	for _, c := range []struct {
		name string
		f    func(float64) float64
		x    float64
		want float64
	}{
		{"exp", exp, 0, 1},
		{"exp", exp, inf, inf},
		{"exp", exp, -inf, 0},
		{"exp", exp, 709.782712893384, 1.797693134862273e308},
		{"exp", exp, 709.79, inf},
		{"exp", exp, -745.1332191019411, math.SmallestNonzeroFloat64},
		{"exp", exp, -745.14, 0},
		{"exp", exp, math.NaN(), math.NaN()},
		{"exp2", exp2, 10, 1024},
		{"exp2", exp2, -3, 0.125},
		{"exp2", exp2, -1074, math.SmallestNonzeroFloat64},
		{"exp2", exp2, 1024, inf},
		{"exp2", exp2, -inf, 0},
		{"exp2", exp2, math.NaN(), math.NaN()},
		{"log", log, 1, 0},
		{"log", log, 0, -inf},
		{"log", log, -1, math.NaN()},
		{"log", log, inf, inf},
		{"log", log, math.NaN(), math.NaN()},
		{"log", log, math.SmallestNonzeroFloat64, -1074 * math.Ln2},
		{"log", log, math.MaxFloat64, math.Log(math.MaxFloat64)},
		{"log1p", log1p, 0, 0},
		{"log1p", log1p, 1e-300, 1e-300},
		{"log1p", log1p, inf, inf},
		{"sigmoid", sigmoid, 0, 0.5},
		{"sigmoid", sigmoid, inf, 1},
		{"sigmoid", sigmoid, -inf, 0},
		{"sigmoid", sigmoid, -700, math.Exp(-700)},
		{"logit", logit, 0.5, 0},
		{"normalCDF", normalCDF, 0, 0.5},
		{"normalCDF", normalCDF, inf, 1},
		{"normalCDF", normalCDF, -inf, 0},
		{"normalCDF", normalCDF, math.NaN(), math.NaN()},
	} {
		if got := c.f(c.x); ulps(got, c.want) > 1 {
			t.Errorf("%s(%v) is %v, want %v", c.name, c.x, got, c.want)
		}
	}
}

func TestNormalCDF(t *testing.T) {
	worst := 0.0
	for x := -40.0; x <= 40; x += 0.001 {
		want := math.Erfc(-x/math.Sqrt2) / 2
		worst = max(worst, math.Abs(normalCDF(x)-want))
		if got := normalCDF(x) + normalCDF(-x); math.Abs(got-1) > 1e-15 {
			t.Fatalf("Φ(%v) + Φ(%v) is %v", x, -x, got)
		}
	}
	if worst > 1e-15 {
		t.Errorf("Φ is off by %v", worst)
	}
}
