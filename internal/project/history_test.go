package project

import (
	"encoding/binary"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/gapwise/gapwise/internal/catalog"
	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/mastery"
)

func course(t testing.TB) *Course {
	t.Helper()
	guide, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	c, err := NewCourse(guide, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// history draws a learner's facts: mostly in order, some late, some to unknown
// items, some taken back before or after they were given.
func history(t *rapid.T, items []string) *History {
	h := &History{Learner: "ada"}
	n := 5*SnapshotEvery - rapid.IntRange(0, 5*SnapshotEvery-1).Draw(t, "fewer facts")
	late := rapid.SampledFrom([]int{0, 0, 2, 40}).Draw(t, "late")
	seq, now := uint64(0), int64(1_700_000_000_000_000)
	for range n {
		seq += rapid.Uint64Range(1, 3).Draw(t, "gap")
		now += rapid.Int64Range(0, 3_600_000_000).Draw(t, "pause")
		at := now
		if rapid.IntRange(0, 99).Draw(t, "is late") < late {
			at -= rapid.Int64Range(0, 90_000_000_000).Draw(t, "how late")
		}
		g := Given{Seq: seq, Key: keyOf(seq), Time: at, Item: rapid.SampledFrom(items).Draw(t, "item"),
			Score: float64(rapid.IntRange(0, 1).Draw(t, "score"))}
		h.Given = append(h.Given, g)
	}
	for range rapid.IntRange(0, 4).Draw(t, "voids") {
		target := h.Given[rapid.IntRange(0, n-1).Draw(t, "target")]
		h.Taken = append(h.Taken, Taken{Seq: seq + 5 - rapid.Uint64Range(0, seq+4).Draw(t, "void before the end"), Target: target.Key})
	}
	slices.SortFunc(h.Taken, func(a, b Taken) int { return int(a.Seq) - int(b.Seq) })
	return h
}

func keyOf(seq uint64) (k event.Key) {
	binary.BigEndian.PutUint64(k[8:], seq*0x9e3779b97f4a7c15) // keys don't follow sequences
	return k
}

// From any snapshot on, the state at any later sequence has the bits that all
// facts give, or says that it needs them.
func TestStateFromSnapshotEqualsStateFromAllFacts(t *testing.T) {
	lens := &course(t).Lenses[ByConcern]
	items := append(slices.Clone(lens.Items[:12]), "an-item-of-no-catalog")
	rapid.Check(t, func(t *rapid.T) {
		h := history(t, items)
		last := h.Given[len(h.Given)-1].Seq
		snapshots, ok, err := lens.snapshots(h, ByConcern, 0, last)
		if err != nil || !ok {
			t.Fatalf("snapshots of a whole history: ok %v, error %v", ok, err)
		}
		at := last + 5 - rapid.Uint64Range(0, last+4).Draw(t, "state before the end")
		whole, _, err := lens.compute(h, at, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := range snapshots {
			if snapshots[i].Seq > at {
				break
			}
			tail := &History{Learner: h.Learner, Base: &snapshots[i], Given: since(h.Given, snapshots[i].Seq), Taken: h.Taken}
			got, ok, err := lens.compute(tail, at, nil)
			if err != nil {
				t.Fatal(err)
			}
			if !ok {
				continue
			}
			if !got.State.Equal(whole.State) || got.Unmapped != whole.Unmapped {
				t.Fatalf("state at %d from the snapshot at %d differs from the one from all facts", at, snapshots[i].Seq)
			}
		}
	})
}

// Where snapshots lie and what is in them doesn't depend on how far each round
// of deriving went.
func TestSnapshotsDoNotDependOnRounds(t *testing.T) {
	lens := &course(t).Lenses[ByChapter]
	items := lens.Items[:12]
	rapid.Check(t, func(t *rapid.T) {
		h := history(t, items)
		last := h.Given[len(h.Given)-1].Seq
		want, _, err := lens.snapshots(h, ByChapter, 0, last)
		if err != nil {
			t.Fatal(err)
		}
		var got []Snapshot
		for after := uint64(0); after < last; {
			upTo := min(last, after+rapid.Uint64Range(1, 700).Draw(t, "round"))
			round := &History{Learner: h.Learner, Given: upToSeq(h.Given, upTo), Taken: h.Taken}
			if n := len(got); n > 0 {
				round.Base, round.Given = &got[n-1], since(round.Given, got[n-1].Seq)
			}
			made, ok, err := lens.snapshots(round, ByChapter, after, upTo)
			if err == nil && !ok {
				made, _, err = lens.snapshots(&History{Learner: h.Learner, Given: upToSeq(h.Given, upTo), Taken: h.Taken}, ByChapter, after, upTo)
			}
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, made...)
			after = upTo
		}
		if len(got) != len(want) {
			t.Fatalf("%d snapshots in rounds, %d at once", len(got), len(want))
		}
		for i := range got {
			a, errA := mastery.Import(got[i].State)
			b, errB := mastery.Import(want[i].State)
			if errA != nil || errB != nil {
				t.Fatal(errA, errB)
			}
			if got[i].Seq != want[i].Seq || got[i].LastTime != want[i].LastTime || got[i].LastKey != want[i].LastKey || !a.Equal(b) {
				t.Fatalf("snapshot %d at sequence %d differs between rounds and at once", i, want[i].Seq)
			}
		}
	})
}

// Any order of the log gives the same state, once all of it is there.
func TestStateDoesNotDependOnTheLogsOrder(t *testing.T) {
	lens := &course(t).Lenses[ByConcern]
	rapid.Check(t, func(t *rapid.T) {
		h := history(t, lens.Items[:12])
		want, _, err := lens.compute(h, 1<<62, nil)
		if err != nil {
			t.Fatal(err)
		}
		shuffled := rapid.Permutation(h.Given).Draw(t, "order")
		for i := range shuffled {
			shuffled[i].Seq = uint64(i + 1)
		}
		got, _, err := lens.compute(&History{Learner: h.Learner, Given: shuffled, Taken: h.Taken}, 1<<62, nil)
		if err != nil {
			t.Fatal(err)
		}
		if !got.State.Equal(want.State) {
			t.Fatal("another order of the log gives another state")
		}
	})
}

func since(given []Given, seq uint64) []Given {
	i := slices.IndexFunc(given, func(g Given) bool { return g.Seq > seq })
	if i < 0 {
		return nil
	}
	return given[i:]
}

func upToSeq(given []Given, seq uint64) []Given {
	return given[:len(given)-len(since(given, seq))]
}
