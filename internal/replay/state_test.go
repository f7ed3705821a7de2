package replay_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/gapwise/gapwise/internal/replay"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func generation(facts, derived uint32) replay.Generation {
	return replay.Generation{Facts: facts, Derived: derived, Catalog: "course-1", Model: "starting-1", Decoding: 2}
}

// Whatever operators do, in whatever order: what is written is there once and isn't
// leaving, nothing that was ever there is forgotten before its rows are gone, the
// history says who answered when, and each state survives being written and read.
func TestNoOrderOfVerbsLosesAGeneration(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := replay.First(generation(1, 1), start)
		there := map[uint32]bool{1: true} // derived generations with rows
		last, now := uint32(1), start
		for range rapid.IntRange(1, 30).Draw(t, "verbs") {
			now = now.Add(time.Second)
			var next replay.State
			var err error
			verb := rapid.SampledFrom([]string{"begin", "ready", "activate", "rollback", "cancel", "drop", "left"}).Draw(t, "verb")
			switch verb {
			case "begin":
				g := generation(s.Active.Facts, last+1)
				if rapid.Bool().Draw(t, "from the log") {
					g.Facts = g.Derived
				}
				if next, err = s.Begin(replay.Candidate{ID: "id", Generation: g}); err == nil {
					last++
					there[last] = true
				}
			case "ready":
				next, err = s.Ready("id", replay.Built{Ended: now})
			case "activate":
				next, err = s.Activate(now)
			case "rollback":
				next, err = s.Rollback(now)
			case "cancel":
				next, err = s.Cancel()
			case "drop":
				next, err = s.Drop()
			case "left":
				next = s
				if n := len(s.Leaving); n > 0 {
					gone := s.Leaving[rapid.IntRange(0, n-1).Draw(t, "which")]
					next = s.Left(gone.Derived)
					delete(there, gone.Derived)
				}
			}
			if err != nil {
				continue // refused: the state is the one before
			}
			s = next
			check(t, &s, there, now)
		}
	})
}

func check(t *rapid.T, s *replay.State, there map[uint32]bool, now time.Time) {
	known := map[uint32]bool{}
	for _, g := range append(s.Written(), s.Leaving...) {
		if known[g.Derived] {
			t.Fatalf("generation %s is there twice: %+v", g.Name(), s)
		}
		known[g.Derived] = true
	}
	for derived := range there {
		if !known[derived] {
			t.Fatalf("rows of generation %d are forgotten: %+v", derived, s)
		}
	}
	if n := len(s.History); s.History[n-1].Generation != s.Active || s.History[n-1].Since != s.Since || s.Since.After(now) {
		t.Fatalf("%+v is active since %s, and the history ends with %+v", s.Active, s.Since, s.History[n-1])
	}
	if !slices.IsSortedFunc(s.History, func(a, b replay.Activation) int { return a.Since.Compare(b.Since) }) {
		t.Fatalf("the history is in no order: %+v", s.History)
	}
	for _, g := range s.Leaving {
		if unread := s.UnreadSince(g.Derived); unread.After(now) {
			t.Fatalf("generation %s leaves, and is read until %s", g.Name(), unread)
		}
	}
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var again replay.State
	if err := json.Unmarshal(text, &again); err != nil {
		t.Fatal(err)
	}
	if other, _ := json.Marshal(again); !bytes.Equal(other, text) {
		t.Fatalf("%s reads as %s", text, other)
	}
}

// Going back twice is to be where one was, and the state before is left as it was.
func TestRollbackUndoesItself(t *testing.T) {
	s := replay.First(generation(1, 1), start)
	begun, err := s.Begin(replay.Candidate{ID: "id", Generation: generation(2, 2)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := begun.Activate(start); err == nil || !strings.Contains(err.Error(), "not built yet") {
		t.Errorf("activating what isn't built: %v", err)
	}
	if _, err := begun.Begin(replay.Candidate{ID: "other"}); err == nil || !strings.Contains(err.Error(), "replay id is building") {
		t.Errorf("a second replay: %v", err)
	}
	ready, err := begun.Ready("id", replay.Built{})
	if err != nil {
		t.Fatal(err)
	}
	active, err := ready.Activate(start.Add(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	back, err := active.Rollback(start.Add(2 * time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	again, err := back.Rollback(start.Add(3 * time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	if again.Active != active.Active || *again.Kept != *active.Kept || again.Candidate != nil || len(again.Leaving) != 0 {
		t.Errorf("twice back is %+v, want %+v", again, active)
	}
	if begun.Candidate.Built != nil || len(s.History) != 1 || len(active.History) != 2 {
		t.Error("a verb changed the state that it was applied to")
	}
	if !back.Uses(2) || back.Uses(3) || !back.Knew("course-1") || back.Knew("course-2") {
		t.Errorf("what is used and known of %+v", back)
	}
}

// The pointer as versions before wrote it names the same generation; one that a newer
// version wrote is refused.
func TestPointersOfOtherVersions(t *testing.T) {
	var s replay.State
	if err := json.Unmarshal([]byte(`{"facts":1,"derived":3,"catalog":"c-1","published":7,"model":"fitted-1","model_published":9,"before":2}`), &s); err != nil {
		t.Fatal(err)
	}
	want := replay.Generation{Facts: 1, Derived: 3, Catalog: "c-1", Published: 7, Model: "fitted-1", ModelPublished: 9, Decoding: 1}
	if s.Active != want || s.Format != 1 || len(s.Leaving) != 1 || s.Leaving[0].Derived != 2 || s.Kept != nil || len(s.History) != 1 {
		t.Errorf("it reads as %+v", s)
	}
	if err := json.Unmarshal([]byte(`{"facts":1,"derived":1,"catalog":"c-1","published":1}`), &s); err != nil || s.Active.Model != "starting-1" {
		t.Errorf("without a model it reads as %+v, %v", s, err)
	}
	err := json.Unmarshal([]byte(`{"format":3,"active":{"facts":1}}`), &s)
	if err == nil || !strings.Contains(err.Error(), "start a newer gapwise") {
		t.Errorf("a newer pointer: %v", err)
	}
}
