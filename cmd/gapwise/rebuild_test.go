package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gapwise/gapwise/internal/models"
	"github.com/gapwise/gapwise/internal/project"
	"github.com/gapwise/gapwise/internal/replay"
)

// fittedFor is a model of a course that says the same as the starting one, but for
// one weight.
func fittedFor(t *testing.T, course *project.Course) *project.Model {
	t.Helper()
	m := *course.Describe()
	m.Fitted = &project.Fitted{Seq: 1, Time: time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC), Answers: 1, Learners: 1}
	m.Lenses.Concern.Weights[1] += 0.125
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	read, err := project.DecodeModel([]byte(strings.Replace(string(text), `"version":"`+m.Version+`",`, "", 1)))
	if err != nil {
		t.Fatal(err)
	}
	return read
}

// replaying runs what makes generations, and carries the log into the tables meanwhile.
func replaying(t *testing.T, a *App, path string) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	a.active = generationOf(t, a, path)
	if err := a.buildReports(ctx); err != nil {
		t.Fatal(err)
	}
	var work sync.WaitGroup
	work.Go(func() { a.active.follow(ctx) })
	work.Go(func() {
		if err := a.project(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { stop(); work.Wait() })
}

// replayed makes a generation and activates it.
func replayed(t *testing.T, a *App, o replay.Order) replay.Candidate {
	t.Helper()
	o.Action = replay.ActionStart
	c, err := a.replays.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.replays.Await(t.Context(), c.ID, func(*replay.Progress) {}); err != nil {
		t.Fatal(err)
	}
	all := 1.0
	if err := a.replays.Activate(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	return *c
}

// saved keeps a model for a replay.
func saved(t *testing.T, a *App) *project.Model {
	t.Helper()
	m := fittedFor(t, a.active.Active().Course)
	if err := a.store.SaveModel(t.Context(), models.Record{Model: m, Made: models.File, Created: time.Now()}); err != nil {
		t.Fatal(err)
	}
	return m
}

// A generation keeps its model as it keeps its catalog: after a restart, and in a
// database that is new. One that is nowhere any more is told.
func TestGenerationKeepsItsModel(t *testing.T) {
	t.Parallel()
	a := startParts(t, t.TempDir())
	replaying(t, a, "")
	m := saved(t, a)
	made := replayed(t, a, replay.Order{Model: m.Version})
	want := project.Generation{Facts: 1, Derived: 2, Catalog: a.active.found.Version, Model: m.Version}
	if made.Row() != want || made.From != replay.FromFacts || made.ModelPublished == 0 || a.active.Active().Derived != 2 {
		t.Fatalf("made is %+v, published at %d, while %d is active", made, made.ModelPublished, a.active.Active().Derived)
	}
	weight := m.Lenses.Concern.Weights[1]
	kept := func(when string) {
		t.Helper()
		now := generationOf(t, a, "").Active()
		if now.Derived != 2 || now.Course.Model != m.Version || now.Course.Lenses[project.ByConcern].Weights[1] != weight {
			t.Fatalf("%s generation %d has model %s", when, now.Derived, now.Course.Model)
		}
	}
	kept("after a restart")
	a.Config.ClickHouse.Database = "lost"
	if err := a.openStore(t.Context()); err != nil {
		t.Fatal(err)
	}
	kept("after the database was lost")
	list, err := a.store.Models(t.Context(), "guide")
	if err != nil || len(list) != 1 || list[0].Made != models.Log || list[0].Model.Version != m.Version {
		t.Errorf("the new database has %+v, %v", list, err)
	}
	if g, known, err := a.store.Generation(t.Context(), 2); err != nil || !known || g != want {
		t.Errorf("the new database has %+v, %v, %v", g, known, err)
	}

	s, revision, err := a.active.pointer.Get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for published, says := range map[uint64]string{ // a catalog's publication, none, another model's
		s.Active.Published: "fitted is missing", 99: "no such message", s.Active.ModelPublished: "there is model " + m.Version,
	} {
		gone := s
		gone.Active.Model, gone.Active.ModelPublished, gone.Active.Derived = "fitted-gone", published, 7
		if revision, err = a.active.pointer.CompareAndSet(t.Context(), revision, gone); err != nil {
			t.Fatal(err)
		}
		if _, err := openGenerations(t.Context(), a); err == nil || !strings.Contains(err.Error(), "keeps model fitted-gone") || !strings.Contains(err.Error(), says) {
			t.Errorf("a model that is nowhere, looked for at %d: %v", published, err)
		}
	}
}

// While nothing is answered a catalog found at start is taken: with the model, if it is
// of the same course.
func TestAModelStaysWithItsCourse(t *testing.T) {
	t.Parallel()
	a := startParts(t, t.TempDir())
	replaying(t, a, otherCourse)
	course := a.active.Active().Course
	replayed(t, a, replay.Order{Model: saved(t, a).Version})
	if err := a.replays.Drop(t.Context()); err != nil {
		t.Fatal(err)
	}
	fitted := a.active.Active().Course.Model

	edited := t.TempDir()
	copyCourse(t, otherCourse, edited, "title: ", "title: Newer ")
	projected := func() {
		t.Helper()
		last, err := a.last(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, "projected", func() bool {
			floor, err := a.store.Floor(t.Context(), 1)
			return err == nil && floor == last
		})
	}
	projected()
	newer := generationOf(t, a, edited)
	if now := newer.Active(); now.Course.Model != fitted || now.Course.Catalog.Version == course.Catalog.Version || now.Derived != 3 {
		t.Errorf("with a newer catalog of its course generation %d has model %s, want %s", now.Derived, now.Course.Model, fitted)
	}
	projected()
	if now := generationOf(t, a, "").Active(); now.Course.Model != project.StartingModel || now.Course.Catalog.Course != "guide" {
		t.Errorf("with another course the model is %s", now.Course.Model)
	}
}

// copyCourse copies a course's folder with one text replaced by another.
func copyCourse(t *testing.T, from, to, old, with string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(from, "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s holds %v, %v", from, files, err)
	}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		changed := strings.Replace(string(text), old, with, 1)
		if err := os.WriteFile(filepath.Join(to, filepath.Base(path)), []byte(changed), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
