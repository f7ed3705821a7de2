package recommend

import (
	"context"
	"fmt"
	"math"
	"sync"
	"sync/atomic"

	"github.com/gapwise/gapwise/internal/mastery"
)

// Regime is a truth, and how much is known of the learners when study begins.
type Regime struct {
	Name   string
	Truth  Truth
	Warmup int // answers before the policy begins
}

// Regimes returns what the policies are tried in.
func Regimes() []Regime {
	truth := Truth{
		Guess: 0.12, Slip: 0.08,
		Ability: 0.35, Between: 0.15, Within: 0.3,
		Lesson: 0.07, Gate: 0.6, Memory: 8,
	}
	return regimes(truth)
}

// regimes varies a truth.
func regimes(truth Truth) []Regime {
	ungated, forgetful := truth, truth
	ungated.Gate = 0
	forgetful.Memory = float64(truth.Memory * 3 / 8)
	return []Regime{
		{"base", truth, 30},
		{"without gating", ungated, 30},
		{"fast forgetting", forgetful, 30},
		{"little known", truth, 5},
	}
}

// Config says how much to simulate.
type Config struct {
	Seed     uint64
	Learners int       // at least 2
	Workers  int       // at least 1; any number gives the same results
	Done     func(int) // told now and then that so many more learners are through all regimes; may be nil
}

// Result is one regime's.
type Result struct {
	Regime    Regime
	Standings [NumPolicies]Standing // by Policy
}

// Standing is how one policy did: in importance-weighted knowledge at the exam,
// 0..1.
type Standing struct {
	Gain  Mean // over the same learners without any study
	Ahead Mean // of ours, by learner: ours less this policy
}

// Mean is a mean over learners with its standard error.
type Mean struct{ Mean, SE float64 }

// world is what all learners share.
type world struct {
	seed  uint64
	items []item
	model *mastery.Model
}

// gains are one learner's, by regime and policy.
type gains [][NumPolicies]float64

// Run lets the same learners study by each policy in each regime.
func Run(ctx context.Context, c Config) ([]Result, error) {
	return run(ctx, c, Regimes())
}

func run(ctx context.Context, c Config, regimes []Regime) ([]Result, error) {
	if c.Learners < 2 || c.Workers < 1 {
		return nil, fmt.Errorf("recommend: %d learners and %d workers: there must be at least 2 and 1", c.Learners, c.Workers)
	}
	w := &world{seed: c.Seed, items: newItems()}
	var err error
	if w.model, err = newModel(w.items); err != nil {
		return nil, err
	}
	all := make([]gains, c.Learners)
	var next atomic.Int64
	var workers sync.WaitGroup
	for range c.Workers {
		workers.Go(func() {
			for i := next.Add(1) - 1; i < int64(c.Learners) && ctx.Err() == nil; i = next.Add(1) - 1 {
				all[i] = w.gains(regimes, uint64(i))
				if c.Done != nil {
					c.Done(1)
				}
			}
		})
	}
	workers.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return results(regimes, all), nil
}

// gains lets one learner study by every policy in every regime.
func (w *world) gains(regimes []Regime, learner uint64) gains {
	g := make(gains, len(regimes))
	for r := range regimes {
		regime := &regimes[r]
		without := newStudy(regime, w, learner).truth.exam()
		for p := range Policy(NumPolicies) {
			g[r][p] = newStudy(regime, w, learner).follow(p) - without
		}
	}
	return g
}

func results(regimes []Regime, all []gains) []Result {
	list := make([]Result, len(regimes))
	for r, regime := range regimes {
		list[r].Regime = regime
		for p := range Policy(NumPolicies) {
			list[r].Standings[p] = Standing{
				Gain:  mean(len(all), func(i int) float64 { return all[i][r][p] }),
				Ahead: mean(len(all), func(i int) float64 { return all[i][r][Ours] - all[i][r][p] }),
			}
		}
	}
	return list
}

// mean sums in the order of learners, so that it doesn't depend on who was first.
func mean(n int, value func(int) float64) Mean {
	sum := 0.0
	for i := range n {
		sum += value(i)
	}
	m, squares := sum/float64(n), 0.0
	for i := range n {
		d := value(i) - m
		squares += float64(d * d)
	}
	return Mean{m, math.Sqrt(squares / float64(n-1) / float64(n))}
}
