package recommend

import "math"

// Purposes keep draws for different things apart.
const (
	drawCourse uint64 = iota + 1
	drawAbility
	drawKnowledge
	drawMemory
	drawWarmup
	drawOutcome
	drawRandom
	drawOrder
	drawFirst
)

// draw returns a number in [0, 1), a multiple of 2^-53, that depends on its
// arguments alone, what it is for and for whom: splitmix64's finaliser (Steele, Lea
// & Flood 2014), once for each of them. So a learner who comes to the same question
// has the same luck under every policy, whatever was drawn before.
func draw(seed uint64, keys ...uint64) float64 {
	h := finalise(seed)
	for _, key := range keys {
		h = finalise(h ^ key)
	}
	return float64(h>>11) / (1 << 53)
}

func finalise(x uint64) uint64 {
	x += 0x9E3779B97F4A7C15
	x = (x ^ x>>30) * 0xBF58476D1CE4E5B9
	x = (x ^ x>>27) * 0x94D049BB133111EB
	return x ^ x>>31
}

// normal turns four numbers of draw into one that is nearly normally distributed,
// with mean 0 and variance 1.
func normal(seed uint64, keys ...uint64) float64 {
	sum := -2.0
	for i := range uint64(4) {
		sum += draw(seed, append(keys, i)...)
	}
	return float64(sum * math.Sqrt(3))
}
