package project

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// The state at a cut has the bits of the state of someone who stopped there,
// whatever came late or was taken back.
func TestTimelineEqualsTruncatedHistories(t *testing.T) {
	lens := &course(t).Lenses[ByConcern]
	items := append(slices.Clone(lens.Items[:12]), "an-item-of-no-catalog")
	rapid.Check(t, func(t *rapid.T) {
		h := history(t, items)
		first, last := h.Given[0].Time, h.Given[0].Time
		for _, g := range h.Given {
			first, last = min(first, g.Time), max(last, g.Time)
		}
		cuts := rapid.SliceOfN(rapid.Int64Range(first-1, last+1), 1, 6).Draw(t, "cuts")
		// On an answer's own time, too: it is not before the cut.
		cuts = append(cuts, rapid.SampledFrom(h.Given).Draw(t, "cut at an answer").Time, math.MaxInt64)
		slices.Sort(cuts)
		seq := h.Given[len(h.Given)-1].Seq - rapid.Uint64Range(0, 2).Draw(t, "before the end")

		next := 0
		err := lens.Timeline(h, seq, cuts, func(cut int, got Known) {
			if cut != next {
				t.Fatalf("cut %d was visited as number %d", cut, next)
			}
			next++
			truncated := &History{Learner: h.Learner, Taken: h.Taken}
			for _, g := range h.Given {
				if g.Time < cuts[cut] {
					truncated.Given = append(truncated.Given, g)
				}
			}
			want, _, err := lens.compute(truncated, seq, nil)
			if err != nil {
				t.Fatal(err)
			}
			if !got.State.Equal(want.State) || got.Unmapped != want.Unmapped {
				t.Fatalf("the state at cut %d differs from the one that the answers before it give", cut)
			}
		})
		if err != nil || next != len(cuts) {
			t.Fatalf("%d of %d cuts were visited, error %v", next, len(cuts), err)
		}
	})
}

func TestTimelineRefusesSnapshots(t *testing.T) {
	h := &History{Learner: "ada", Base: &Snapshot{}}
	if err := course(t).Lenses[ByConcern].Timeline(h, 1, []int64{0}, func(int, Known) {}); err == nil {
		t.Error("facts after a snapshot were taken for a whole history")
	}
}
