package recommend

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"math"
	"os"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
)

var update = flag.Bool("update", false, "write the golden file anew")

// others are the policies that ours must be ahead of.
var others = []Policy{Random, LeastRecent, LowestAccuracy, LowestMastery}

// TestOursIsAhead: in every regime learners gain more by the recommended topics
// than by anything that knows as little, and less than by an oracle.
func TestOursIsAhead(t *testing.T) {
	results, err := Run(t.Context(), Config{Seed: 1, Learners: 300, Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	if len(results) != 4 {
		t.Fatalf("%d regimes", len(results))
	}
	for _, r := range results {
		for _, p := range others {
			if a := r.Standings[p].Ahead; !(a.Mean > 2*a.SE && a.SE > 0) {
				t.Errorf("%s: ours is ahead of %s by %.4f ± %.4f", r.Regime.Name, p, a.Mean, a.SE)
			}
		}
		if a := r.Standings[Oracle].Ahead; a.Mean > -2*a.SE {
			t.Errorf("%s: ours is ahead of the oracle by %.4f ± %.4f", r.Regime.Name, a.Mean, a.SE)
		}
	}
	const golden = "testdata/small.golden"
	var table bytes.Buffer
	Write(&table, results)
	if *update {
		if err := os.WriteFile(golden, table.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if table.String() != string(want) {
		t.Errorf("the table differs from %s; if that is meant, run with -update\n%s", golden, &table)
	}
}

// TestOtherTruths: ours doesn't need the parameters that were chosen.
func TestOtherTruths(t *testing.T) {
	var pooled [4][NumPolicies]Mean
	for i := range uint64(8) {
		between := func(what uint64, low, high float64) float64 {
			return low + float64((high-low)*draw(77, i, what))
		}
		truth := Truth{
			Guess: between(0, .05, .25), Slip: between(1, .03, .15),
			Ability: between(2, .25, .5), Between: between(3, .08, .2), Within: between(4, .12, .35),
			Lesson: between(5, .04, .12), Gate: between(6, .35, .7), Memory: between(7, 4, 16),
		}
		results, err := run(t.Context(), Config{Seed: i, Learners: 20, Workers: 2}, regimes(truth))
		if err != nil {
			t.Fatal(err)
		}
		for r := range results {
			for _, p := range others {
				a := results[r].Standings[p].Ahead
				if a.Mean < -2*a.SE {
					t.Errorf("%+v, %s: %s is ahead of ours by %.4f ± %.4f", truth, results[r].Regime.Name, p, -a.Mean, a.SE)
				}
				pooled[r][p].Mean += a.Mean
				pooled[r][p].SE += a.SE * a.SE // a variance until the root is taken
			}
		}
	}
	for r := range pooled {
		for _, p := range others {
			if a := pooled[r][p]; a.Mean < 2*math.Sqrt(a.SE) {
				t.Errorf("regime %d: over all truths ours is ahead of %s by %.4f ± %.4f", r, p, a.Mean/8, math.Sqrt(a.SE)/8)
			}
		}
	}
}

func TestWorkersDoNotMatter(t *testing.T) {
	var done atomic.Int64
	one, err := Run(t.Context(), Config{Seed: 3, Learners: 40, Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	four, err := Run(t.Context(), Config{Seed: 3, Learners: 40, Workers: 4, Done: func(n int) { done.Add(int64(n)) }})
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(one, four) {
		t.Error("four workers give other results than one")
	}
	if done.Load() != 40 {
		t.Errorf("%d learners were told of", done.Load())
	}
	other, err := Run(t.Context(), Config{Seed: 4, Learners: 40, Workers: 4})
	if err != nil {
		t.Fatal(err)
	}
	if reflect.DeepEqual(one, other) {
		t.Error("another seed gives the same results")
	}
}

// TestTruth holds the truth to what doc.go says of it.
func TestTruth(t *testing.T) {
	w := newWorldOf(t)
	for _, regime := range Regimes() {
		for learner := range uint64(20) {
			s := newStudy(&regime, w, learner)
			if got := answersOf(s); got != regime.Warmup {
				t.Errorf("%s: %d answers before study", regime.Name, got)
			}
			before, worth := s.truth.exam(), s.worth(7)
			if again := s.truth.exam(); again != before {
				t.Errorf("looking ahead changed the exam from %v to %v", before, again)
			}
			for range answersPerBlock {
				s.answer(7)
				s.at -= minute // worth takes a block for a moment
			}
			if gained := s.truth.exam() - before; math.Abs(gained-worth) > 1e-12 || worth <= 0 {
				t.Errorf("a block is worth %v and gained %v", worth, gained)
			}
			for k := range topics {
				now, later := s.truth.knows(k, s.at), s.truth.knows(k, examDay)
				if !(later > 0 && later <= now && now < 1) {
					t.Errorf("topic %d is known by %v, later by %v", k, now, later)
				}
			}
		}
	}
	gated := Truth{Gate: .5, Memory: 8}
	l := gated.learner(1, 1)
	l.topics[3].brought = .5
	if ready := l.ready(1, 0); ready != .5 {
		t.Errorf("with a prerequisite known by half, %v of a lesson arrives", ready)
	}
	l.topics[3].brought = .03
	if ready := l.ready(1, 0); ready > .001 {
		t.Errorf("with a prerequisite that is not known, %v of a lesson arrives", ready)
	}
}

func newWorldOf(t *testing.T) *world {
	t.Helper()
	items := newItems()
	model, err := newModel(items)
	if err != nil {
		t.Fatal(err)
	}
	return &world{seed: 1, items: items, model: model}
}

func answersOf(s *study) (n int) {
	for k := range s.asked {
		n += s.asked[k].own
	}
	return n
}

func TestRunRefuses(t *testing.T) {
	for _, c := range []Config{{Learners: 1, Workers: 1}, {Learners: 2}} {
		if _, err := Run(t.Context(), c); err == nil || !strings.Contains(err.Error(), "there must be at least 2 and 1") {
			t.Errorf("%+v: %v", c, err)
		}
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if _, err := Run(ended, Config{Learners: 2, Workers: 1}); !errors.Is(err, context.Canceled) {
		t.Errorf("ended: %v", err)
	}
}
