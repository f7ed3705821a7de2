package mastery

import "math"

// The functions of this file are the only transcendental arithmetic of the
// package. math.Exp and math.Log choose fused multiply-add, or assembly, by
// processor; these use +, -, *, / and exact bit operations alone, each product
// rounded by a conversion, so that a state has the same bits everywhere.
//
// exp and log follow FreeBSD's e_exp.c and e_log.c, which came with this notice:
//
//	Copyright (C) 1993, 2004 by Sun Microsystems, Inc. All rights reserved.
//	Permission to use, copy, modify, and distribute this software is freely
//	granted, provided that this notice is preserved.
const (
	ln2Hi = 6.93147180369123816490e-01 // ln 2, its last 32 bits zero: k·ln2Hi is exact
	ln2Lo = 1.90821492927058770002e-10 // ln 2 - ln2Hi
	log2E = 1.44269504088896338700e+00
)

// exp returns e^x within 1 ulp: 0 below the smallest subnormal, +Inf above the
// largest number.
func exp(x float64) float64 {
	const (
		overflow  = 7.09782712893383973096e+02
		underflow = -7.45133219101941108420e+02
	)
	switch {
	case x != x:
		return x
	case x > overflow:
		return math.Inf(1)
	case x < underflow:
		return 0
	}
	// x = k·ln 2 + r, |r| ≤ ln(2)/2, with r = hi - lo.
	k := nearest(float64(log2E * x))
	hi := x - float64(float64(k)*ln2Hi)
	lo := float64(float64(k) * ln2Lo)
	return expReduced(hi, lo, k)
}

// exp2 returns 2^x within 1 ulp.
func exp2(x float64) float64 {
	switch {
	case x != x:
		return x
	case x >= 1024:
		return math.Inf(1)
	case x < -1075:
		return 0
	}
	k := nearest(x)
	r := x - float64(k)
	return expReduced(float64(r*ln2Hi), float64(-r*ln2Lo), k)
}

// nearest returns the integer next to x, halves away from 0.
func nearest(x float64) int {
	if x < 0 {
		return int(x - 0.5)
	}
	return int(x + 0.5)
}

// expReduced returns 2^k·e^(hi-lo) for |hi-lo| ≤ ln(2)/2.
func expReduced(hi, lo float64, k int) float64 {
	const (
		p1 = 1.66666666666666657415e-01
		p2 = -2.77777777770155933842e-03
		p3 = 6.61375632143793436117e-05
		p4 = -1.65339022054652515390e-06
		p5 = 4.13813679705723846039e-08
	)
	r := hi - lo
	t := float64(r * r)
	c := p4 + float64(t*p5)
	c = p3 + float64(t*c)
	c = p2 + float64(t*c)
	c = p1 + float64(t*c)
	c = r - float64(t*c)
	y := 1 - ((lo - float64(r*c)/(2-c)) - hi)
	switch {
	case k > 1023:
		return float64(y * 2 * power2(k-1))
	case k < -1021: // the result may be subnormal: round once, at the end
		return float64(y * power2(k+100) * power2(-100))
	}
	return float64(y * power2(k))
}

// power2 returns 2^k, -1022 ≤ k ≤ 1023.
func power2(k int) float64 {
	return math.Float64frombits(uint64(k+1023) << 52)
}

// log returns the natural logarithm of x within 1 ulp: -Inf for 0, NaN below.
func log(x float64) float64 {
	const (
		l1 = 6.666666666666735130e-01
		l2 = 3.999999999940941908e-01
		l3 = 2.857142874366239149e-01
		l4 = 2.222219843214978396e-01
		l5 = 1.818357216161805012e-01
		l6 = 1.531383769920937332e-01
		l7 = 1.479819860511658591e-01

		smallestNormal = 0x1p-1022
	)
	switch {
	case x != x || x > math.MaxFloat64:
		return x
	case x < 0:
		return math.NaN()
	case x == 0:
		return math.Inf(-1)
	}
	e := 0
	if x < smallestNormal {
		x = float64(x * 0x1p54)
		e = -54
	}
	// x = 2^e·(1+f), √½ ≤ 1+f < √2.
	bits := math.Float64bits(x)
	e += int(bits>>52) - 1022
	m := math.Float64frombits(bits&(1<<52-1) | 1022<<52)
	if m < math.Sqrt2/2 {
		m += m
		e--
	}
	f := m - 1
	k := float64(e)

	s := f / (2 + f)
	s2 := float64(s * s)
	s4 := float64(s2 * s2)
	odd := l5 + float64(s4*l7)
	odd = l3 + float64(s4*odd)
	odd = l1 + float64(s4*odd)
	even := l4 + float64(s4*l6)
	even = l2 + float64(s4*even)
	rest := float64(s2*odd) + float64(s4*even)
	half := float64(0.5 * f * f)
	return float64(k*ln2Hi) - ((half - (float64(s*(half+rest)) + float64(k*ln2Lo))) - f)
}

// log1p returns ln(1+x) for x ≥ 0 within 2 ulp. What 1+x loses in rounding is
// given back as its share of the result (Goldberg 1991, theorem 4).
func log1p(x float64) float64 {
	if x == 0 {
		return 0
	}
	u := 1 + x
	if u == 1 {
		return x
	}
	if x > 0x1p53 {
		return log(x)
	}
	return log(u) * x / (u - 1)
}

// sigmoid returns the logistic function 1/(1+e^-z).
func sigmoid(z float64) float64 {
	if z >= 0 {
		return 1 / (1 + exp(-z))
	}
	e := exp(z)
	return e / (1 + e)
}

// logit returns ln(p/(1-p)), the inverse of sigmoid.
func logit(p float64) float64 {
	return log(p / (1 - p))
}

// normalCDF returns Φ(x), the standard normal distribution function, within
// 1e-15: algorithm 5666 of Hart, Computer Approximations (1968), in the form of
// West, Better approximations to cumulative normal functions (2005).
func normalCDF(x float64) float64 {
	a := math.Abs(x)
	tail := 0.0 // Φ(-a)
	switch {
	case x != x:
		return x
	case a < 7.07106781186547:
		n := 0.0352624965998911
		for _, c := range [...]float64{0.700383064443688, 6.37396220353165, 33.912866078383,
			112.079291497871, 221.213596169931, 220.206867912376} {
			n = float64(n*a) + c
		}
		d := 0.0883883476483184
		for _, c := range [...]float64{1.75566716318264, 16.064177579207, 86.7807322029461,
			296.564248779674, 637.333633378831, 793.826512519948, 440.413735824752} {
			d = float64(d*a) + c
		}
		tail = exp(float64(-a*a)/2) * n / d
	case a < 38:
		f := a + 0.65
		for k := 4.0; k >= 1; k-- {
			f = a + k/f
		}
		tail = exp(float64(-a*a)/2) / f / 2.506628274631
	}
	if x > 0 {
		return 1 - tail
	}
	return tail
}
