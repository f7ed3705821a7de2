package project_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gapwise/gapwise/internal/catalog"
	"github.com/gapwise/gapwise/internal/project"
	"github.com/gapwise/gapwise/internal/store"
)

// crowd projects answers of many learners, of whom most are due for snapshots, some
// more than once, and some answered late.
func crowd(t *testing.T) *store.Store {
	t.Helper()
	guide, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	items := guide.Answerable()
	var payloads []string
	for n := range 300 {
		for learner := range 13 {
			if n >= 100+25*learner {
				continue
			}
			minute := n
			if n%97 == 96 {
				minute -= 90 // late
			}
			answer := answerEvent(fmt.Sprintf("%d-%d", learner, n), fmt.Sprintf("learner-%02d", learner), minute, float64((n*7+learner)%3)/2)
			payloads = append(payloads, strings.Replace(answer, `"q1"`, fmt.Sprintf("%q", items[(n*3+learner)%len(items)].ID), 1))
		}
	}
	log, s := openLog(t), openStore(t)
	publish(t, log, payloads)
	w := s.Writer()
	defer func() { _ = w.Close() }()
	projectAll(t, log, s, w, 1000)
	return s
}

func deriverOf(t *testing.T, s *store.Store, derived uint32, workers int) *project.Deriver {
	t.Helper()
	guide, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	course, err := project.NewCourse(guide, nil)
	if err != nil {
		t.Fatal(err)
	}
	return &project.Deriver{
		Store: s, Facts: 1, Derived: derived, Course: course, Log: slog.New(slog.DiscardHandler), Chunk: 2, Workers: workers,
	}
}

func snapshotsOf(t *testing.T, s *store.Store, derived uint32) string {
	t.Helper()
	text, err := s.SnapshotFingerprint(t.Context(), derived)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// Snapshots have the same bits whatever the number of workers, and whether they
// came behind the facts or by a rebuild.
func TestSnapshotsDoNotDependOnWorkers(t *testing.T) {
	s := crowd(t)
	live := deriverOf(t, s, 1, 1)
	live.Window = 200
	if err := live.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := snapshotsOf(t, s, 1)
	if strings.HasPrefix(want, "states 0 ") {
		t.Fatal("nobody is due: the case shows nothing")
	}
	for workers := range 4 {
		derived := uint32(workers + 2)
		var last project.Folded
		told := 0
		err := deriverOf(t, s, derived, workers).Rebuild(t.Context(), project.Folded{}, func(p project.Folded) { last, told = p, told+1 })
		if err != nil {
			t.Fatal(err)
		}
		if got := snapshotsOf(t, s, derived); got != want {
			t.Errorf("%d workers: %s instead of %s", workers, got, want)
		}
		if last.Learners != 11 || last.Told != 11 || last.OfLearners != 11 || told < 6 {
			t.Errorf("the last of %d times progress was %+v, want 11 learners of 11", told, last)
		}
	}
}

// A rebuild that failed in the middle is done again, and what was written already
// does no harm. While one learner's chunk failed no other ends it well.
func TestARebuildMayFailAnywhere(t *testing.T) {
	s := crowd(t)
	if err := deriverOf(t, s, 1, 1).Rebuild(t.Context(), project.Folded{}, func(project.Folded) {}); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	for after := range int64(6) {
		d := deriverOf(t, s, 2, 3)
		var asked atomic.Int64
		d.Pace = func(context.Context) error {
			if asked.Add(1) > after {
				return broken
			}
			return nil
		}
		if err := d.Rebuild(t.Context(), project.Folded{}, func(project.Folded) {}); !errors.Is(err, broken) {
			t.Fatalf("a rebuild that broke after %d chunks: %v", after, err)
		}
		if floor, err := s.SnapshotFloor(t.Context(), 2); err != nil || floor != 0 {
			t.Fatalf("it says that snapshots are complete up to %d, %v", floor, err)
		}
	}
	stopped, stop := context.WithCancel(t.Context())
	d := deriverOf(t, s, 2, 2)
	d.Pace = func(context.Context) error { stop(); return nil }
	if err := d.Rebuild(stopped, project.Folded{}, func(project.Folded) {}); !errors.Is(err, context.Canceled) {
		t.Fatalf("a rebuild that was stopped: %v", err)
	}
	if err := deriverOf(t, s, 2, 2).Rebuild(t.Context(), project.Folded{}, func(project.Folded) {}); err != nil {
		t.Fatal(err)
	}
	if got, want := snapshotsOf(t, s, 2), snapshotsOf(t, s, 1); got != want {
		t.Errorf("after failures %s instead of %s", got, want)
	}
}
