package simulate

import (
	"math"
	"math/bits"
	"math/rand/v2"
)

// dice draws random numbers. Only PCG itself is taken from the library: how its
// other methods use it may change between Go versions.
type dice struct{ pcg *rand.PCG }

func newDice(seed, stream uint64) dice { return dice{rand.NewPCG(seed, stream)} }

// float returns a number in [0, 1).
func (d dice) float() float64 { return float64(d.pcg.Uint64()>>11) / (1 << 53) }

// below returns a whole number in [0, n); n must be positive.
func (d dice) below(n int) int {
	high, _ := bits.Mul64(d.pcg.Uint64(), uint64(n))
	return int(high)
}

// between returns a number in [low, high).
func (d dice) between(low, high float64) float64 { return low + float64((high-low)*d.float()) }

// chance is true with probability p.
func (d dice) chance(p float64) bool { return d.float() < p }

// normal returns a number that is nearly normally distributed, with mean 0 and
// variance 1: four uniform ones together.
func (d dice) normal() float64 {
	return float64((d.float() + d.float() + d.float() + d.float() - 2) * math.Sqrt(3))
}

// sigmoid rises from 0 to 1 and is ½ at 0, with the logistic function's slope
// there, in operations that give the same bits everywhere.
func sigmoid(x float64) float64 {
	x /= 2
	return 0.5 + float64(0.5*x)/math.Sqrt(1+float64(x*x))
}
