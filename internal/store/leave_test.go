package store_test

import (
	"testing"
	"time"

	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/project"
)

// The snapshots of a generation that leaves are gone, those of others stay: also of
// one whose number begins alike.
func TestADerivedGenerationLeaves(t *testing.T) {
	s := open(t)
	for derived := range uint32(12) {
		if err := s.WriteSnapshots(t.Context(), derived, []project.Snapshot{{Learner: "ada", Seq: 1}}); err != nil {
			t.Fatal(err)
		}
		if err := s.SetSnapshotFloor(t.Context(), derived, 9); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // doing it again does no harm
		if err := s.DropDerived(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
	}
	for derived := range uint32(12) {
		stays := derived != 1
		n, err := s.SnapshotCount(t.Context(), derived)
		if err != nil || (n == 1) != stays {
			t.Errorf("generation %d has %d snapshots (%v)", derived, n, err)
		}
		floor, err := s.SnapshotFloor(t.Context(), derived)
		if err != nil || (floor == 9) != stays {
			t.Errorf("generation %d has snapshots up to %d (%v)", derived, floor, err)
		}
	}
}

// The facts of a generation that leaves are gone from every partition and table, and
// its floor with them; those of others stay.
func TestAGenerationOfFactsLeaves(t *testing.T) {
	s := open(t)
	w := s.Writer()
	defer func() { _ = w.Close() }()
	stored := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for facts := range uint32(12) {
		var b project.Batch
		for _, seq := range []uint64{5, 1<<24 + 5} { // in two partitions
			meta := project.Meta{Seq: seq, Learner: "ada", Time: stored, Stored: stored}
			b.Answers = append(b.Answers, project.Answer{Meta: meta, Answer: event.Answer{Item: "x", GradedBy: event.GradedByKey}})
			b.Sequences = append(b.Sequences, project.Sequence{Seq: seq, Outcome: project.Fact, Stored: stored})
		}
		b.First, b.Last = 5, 1<<24+5
		if err := w.Write(t.Context(), facts, &b); err != nil {
			t.Fatal(err)
		}
		if err := s.SaveOrigin(t.Context(), facts, stored); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if err := s.DropFacts(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
	}
	for facts := range uint32(12) {
		floor, answers, origins := uint64(1<<24+5), uint64(2), 1
		if facts == 1 {
			floor, answers, origins = 0, 0, 0
		}
		if got, err := s.Floor(t.Context(), facts); err != nil || got != floor {
			t.Errorf("generation %d has the floor %d (%v)", facts, got, err)
		}
		if got, err := s.CountAnswers(t.Context(), facts, 1<<40); err != nil || got != answers {
			t.Errorf("generation %d has %d answers (%v)", facts, got, err)
		}
		if got, err := s.Origins(t.Context(), facts); err != nil || len(got) != origins {
			t.Errorf("generation %d has the origins %v (%v)", facts, got, err)
		}
	}
}
