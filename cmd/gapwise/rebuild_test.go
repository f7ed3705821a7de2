package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gapwise/gapwise/internal/models"
	"github.com/gapwise/gapwise/internal/project"
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

func compiled(t *testing.T, g *generations, m *project.Model) *project.Course {
	t.Helper()
	course, err := project.NewCourse(g.Active().Course.Catalog, m)
	if err != nil {
		t.Fatal(err)
	}
	return course
}

func untold(project.RebuildProgress) {}

// A generation keeps its model as it keeps its catalog: after a restart, and in a
// database that is new. One that is nowhere any more is told.
func TestGenerationKeepsItsModel(t *testing.T) {
	a := startParts(t, t.TempDir())
	a.active = generationOf(t, a, "")
	a.background.Go(func() { a.active.follow(t.Context()) })
	m := fittedFor(t, a.active.Active().Course)
	made, err := a.active.Rebuild(t.Context(), compiled(t, a.active, m), untold)
	if err != nil {
		t.Fatal(err)
	}
	want := project.Generation{Facts: 1, Derived: 2, Catalog: a.active.found.Version, Model: m.Version}
	if got := made.Generation(); got != want || made.Published() == 0 || a.active.Active().Derived != 1 {
		t.Fatalf("made is %+v, published at %d, while %d is active", got, made.Published(), a.active.Active().Derived)
	}
	if err := made.Activate(t.Context()); err != nil {
		t.Fatal(err)
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

	p, revision, err := a.active.pointer.Get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for published, says := range map[uint64]string{ // a catalog's publication, none, another model's
		p.Published: "fitted is missing", 99: "no such message", p.ModelPublished: "there is model " + m.Version,
	} {
		gone := p
		gone.Model, gone.ModelPublished, gone.Derived = "fitted-gone", published, 7
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
	a := startParts(t, t.TempDir())
	a.active = generationOf(t, a, otherCourse)
	a.background.Go(func() { a.active.follow(t.Context()) })
	course := a.active.Active().Course
	made, err := a.active.Rebuild(t.Context(), compiled(t, a.active, fittedFor(t, course)), untold)
	if err != nil {
		t.Fatal(err)
	}
	if err := made.Activate(t.Context()); err != nil {
		t.Fatal(err)
	}
	carry(t, a)
	fitted := a.active.Active().Course.Model

	edited := t.TempDir()
	copyCourse(t, otherCourse, edited, "title: ", "title: Newer ")
	a.active = generationOf(t, a, edited)
	if now := a.active.Active(); now.Course.Model != fitted || now.Course.Catalog.Version == course.Catalog.Version || now.Derived != 3 {
		t.Errorf("with a newer catalog of its course generation %d has model %s, want %s", now.Derived, now.Course.Model, fitted)
	}
	carry(t, a)
	if now := generationOf(t, a, "").Active(); now.Course.Model != project.StartingModel || now.Course.Catalog.Course != "guide" {
		t.Errorf("with another course the model is %s", now.Course.Model)
	}
}

// One rebuild is made at a time in a deployment, and none takes the place of a
// generation that it doesn't know.
func TestOneRebuildAtATime(t *testing.T) {
	a := startParts(t, t.TempDir())
	a.Config.Projector.Lease = time.Second
	g := generationOf(t, a, "")
	a.active = g
	course := compiled(t, g, fittedFor(t, g.Active().Course))
	other, err := a.bucket.Acquire(t.Context(), "rebuild", "another process", time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.Rebuild(t.Context(), course, untold); err == nil || !strings.Contains(err.Error(), "another process makes a generation") {
		t.Errorf("while another process rebuilds: %v", err)
	}
	if err := other.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	made, err := g.Rebuild(t.Context(), course, untold)
	if err != nil {
		t.Fatal(err)
	}
	p, revision, err := g.pointer.Get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p.Derived = 9
	if _, err := g.pointer.CompareAndSet(t.Context(), revision, p); err != nil {
		t.Fatal(err)
	}
	if err := made.Activate(t.Context()); err == nil || !strings.Contains(err.Error(), "became active meanwhile") {
		t.Errorf("in place of a generation that it doesn't know: %v", err)
	}
	p.Catalog = "guide-another"
	if _, revision, err = g.pointer.Get(t.Context()); err == nil {
		_, err = g.pointer.CompareAndSet(t.Context(), revision, p)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.Rebuild(t.Context(), course, untold); err == nil || !strings.Contains(err.Error(), "catalog guide-another became active") {
		t.Errorf("with a catalog that isn't active: %v", err)
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
