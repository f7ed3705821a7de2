package main

import (
	"context"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/pflag"

	"github.com/gapwise/gapwise/internal/catalog"
	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/stream"
)

// otherCourse is a course that isn't the built-in guide.
const otherCourse = "testdata/course"

// startParts starts the parts of an app that come before its generation.
func startParts(t *testing.T, dir string, args ...string) *App {
	t.Helper()
	flags := pflag.NewFlagSet("gapwise", pflag.ContinueOnError)
	addConfigFlags(flags)
	if err := flags.Parse(append([]string{"--data-dir", dir, "--listen", "127.0.0.1:0"}, args...)); err != nil {
		t.Fatal(err)
	}
	config, err := loadConfig(flags)
	if err != nil {
		t.Fatal(err)
	}
	background, stop := context.WithCancel(context.Background())
	a := &App{Config: config, Roles: Roles{Projector: true}, Log: slog.New(slog.DiscardHandler), stop: stop}
	for _, start := range []func(context.Context) error{
		a.startEngines, a.openKeys, func(ctx context.Context) error { return a.openLog(ctx, background) }, a.openStore,
	} {
		if err := start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { a.close(t) })
	return a
}

func (a *App) close(t *testing.T) {
	t.Helper()
	if err := a.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

// generationOf opens the generations of an app as one that finds a course would.
func generationOf(t *testing.T, a *App, path string) *generations {
	t.Helper()
	a.Config.Catalog.Path = path
	g, err := openGenerations(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// proposes is the version of the catalog found at start, if it is proposed.
func proposes(g *generations) string { return g.foundProposal(&g.now.Load().State) }

// A catalog found at start is taken while nothing was answered. An answer that
// waits in the log counts: from then on the generation keeps its catalog, also
// when the database is lost.
func TestGenerationKeepsItsCatalog(t *testing.T) {
	a := startParts(t, t.TempDir())
	first := generationOf(t, a, "")
	if now := first.Active(); now.Facts != 1 || now.Derived != 1 || proposes(first) != "" {
		t.Fatalf("a fresh deployment begins with %d, %d and proposes %q", now.Facts, now.Derived, proposes(first))
	}
	if now := generationOf(t, a, otherCourse); now.Active().Derived != 1 || proposes(now) == "" {
		t.Fatalf("with the log ahead of the tables generation %d is active and %q proposed", now.Active().Derived, proposes(now))
	}

	a.active = first
	carry(t, a)
	taken := generationOf(t, a, otherCourse)
	now := taken.Active()
	if now.Facts != 1 || now.Derived != 2 || proposes(taken) != "" || now.Course.Catalog.Version == first.found.Version {
		t.Fatalf("with nothing answered generation %d has catalog %s and proposes %q", now.Derived, now.Course.Catalog.Version, proposes(taken))
	}
	a.active = taken
	carry(t, a)

	e := newEvent(t, "test", "waiting", "ada", time.Now(), &event.Answer{Item: "any", Score: 1})
	payload, err := event.Encode(e)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.log.Publish(t.Context(), []stream.Message{{Learner: e.Subject, ID: e.MsgID(), Payload: payload}}); err != nil {
		t.Fatal(err)
	}
	kept := func(when string) {
		t.Helper()
		now := generationOf(t, a, "").Active()
		if now.Derived != 2 || now.Course.Catalog.Version != taken.found.Version {
			t.Fatalf("%s generation %d has catalog %s", when, now.Derived, now.Course.Catalog.Version)
		}
	}
	kept("with an answer that waits")

	a.Config.ClickHouse.Database = "lost"
	if err := a.openStore(t.Context()); err != nil {
		t.Fatal(err)
	}
	kept("after the database was lost")
	if g, known, err := a.store.Generation(t.Context(), 2); err != nil || !known || g.Catalog != taken.found.Version {
		t.Errorf("the new database has %+v, %v, %v", g, known, err)
	}
	kept("from the new database")

	p, revision, err := first.pointer.Get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p.Active.Published, p.Active.Derived, p.Active.Catalog = 1, 7, "course-gone"
	if _, err := first.pointer.CompareAndSet(t.Context(), revision, p); err != nil {
		t.Fatal(err)
	}
	if _, err := openGenerations(t.Context(), a); err == nil || !strings.Contains(err.Error(), "course-gone") || !strings.Contains(err.Error(), "catalog.path") {
		t.Errorf("a catalog that is nowhere: %v", err)
	}
}

// Moving text in a course's files doesn't change its version. A generation keeps the
// order in which it was stored: its snapshots name topics and items by their places.
func TestGenerationKeepsItsOrder(t *testing.T) {
	a := startParts(t, t.TempDir())
	first := generationOf(t, a, otherCourse).Active().Course
	moved := *first.Catalog
	moved.Concerns, moved.Items = slices.Clone(moved.Concerns), slices.Clone(moved.Items)
	slices.Reverse(moved.Concerns)
	slices.Reverse(moved.Items)
	folder := t.TempDir()
	if err := moved.Write(folder); err != nil {
		t.Fatal(err)
	}
	again := generationOf(t, a, folder)
	now := again.Active().Course
	if again.found.Version != first.Catalog.Version || again.found.Concerns[0].ID == first.Catalog.Concerns[0].ID {
		t.Fatalf("the course found has version %s and begins with %s: not what this is about", again.found.Version, again.found.Concerns[0].ID)
	}
	for lens := range now.Lenses {
		if got, want := now.Lenses[lens].Items, first.Lenses[lens].Items; !slices.Equal(got, want) {
			t.Errorf("items have the order %v, the snapshots have %v", got, want)
		}
		for k, topic := range now.Lenses[lens].Topics {
			if want := first.Lenses[lens].Topics[k].ID; topic.ID != want {
				t.Errorf("topic %d is %s, in the snapshots it is %s", k, topic.ID, want)
			}
		}
	}
}

// carry carries the log into the tables.
func carry(t *testing.T, a *App) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	if a.replays == nil {
		if err := a.buildReports(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	done := make(chan error, 1)
	go func() { done <- a.project(ctx) }()
	await := time.NewTicker(10 * time.Millisecond)
	defer await.Stop()
	for deadline := time.After(time.Minute); ; {
		last, err := a.last(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if floor, err := a.store.Floor(t.Context(), a.active.Active().Facts); err == nil && floor == last {
			break
		}
		select {
		case <-deadline:
			t.Fatal("the log was not projected within a minute")
		case <-await.C:
		}
	}
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// Of two first starts with different catalogs one succeeds, and what both wrote
// is told apart by its number. Who doesn't project waits for them.
func TestFirstStartsRace(t *testing.T) {
	a := startParts(t, t.TempDir())
	path, err := filepath.Abs(otherCourse)
	if err != nil {
		t.Fatal(err)
	}
	open := func(path string) *generations {
		found, err := loadCatalog(path)
		if err != nil {
			t.Fatal(err)
		}
		return newGenerations(a, found)
	}
	waiting, one, two := open(""), open(""), open(path)
	var work sync.WaitGroup
	for _, start := range []func(context.Context) error{waiting.await, one.settle, two.settle} {
		work.Go(func() {
			if err := start(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	work.Wait()
	want := one.Active()
	for _, g := range []*generations{waiting, two} {
		if now := g.Active(); now.Derived != want.Derived || now.Facts != want.Facts || now.Course.Catalog.Version != want.Course.Catalog.Version {
			t.Errorf("generation %d with %s is active for one, %d with %s for another",
				want.Derived, want.Course.Catalog.Version, now.Derived, now.Course.Catalog.Version)
		}
	}
	generation, known, err := a.store.Generation(t.Context(), want.Derived)
	if err != nil || !known || generation.Catalog != want.Course.Catalog.Version {
		t.Errorf("the database has %+v, %v, %v", generation, known, err)
	}
}

// A pointer that can't be read is told by /readyz, and followed again once it can.
func TestPointerIsFollowedAgain(t *testing.T) {
	a := startParts(t, t.TempDir())
	g := generationOf(t, a, "")
	other, err := catalog.Load(otherCourse)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	a.background.Go(func() { g.follow(ctx) })

	js, err := jetstream.New(a.nats)
	if err != nil {
		t.Fatal(err)
	}
	kv, err := js.KeyValue(t.Context(), stream.BucketName)
	if err != nil {
		t.Fatal(err)
	}
	p, _, err := g.pointer.Get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	revision, err := kv.Put(t.Context(), "pointer.active", []byte("{"))
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "not followed", func() bool { return g.Check(t.Context()) != nil })
	moved := g.now.Load().changed
	mover := newGenerations(a, other)
	made, err := mover.make(t.Context(), p.Active)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.pointer.CompareAndSet(t.Context(), revision, p.Replace(made, time.Now())); err != nil {
		t.Fatal(err)
	}
	<-moved
	eventually(t, "followed again", func() bool { return g.Check(t.Context()) == nil })
	if now := g.Active(); now.Derived != 2 || now.Course.Catalog.Version != other.Version {
		t.Errorf("generation %d with %s is active", now.Derived, now.Course.Catalog.Version)
	}
}

// eventually waits for what another goroutine brings about.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	deadline := time.After(30 * time.Second)
	for !ok() {
		select {
		case <-look.C:
		case <-deadline:
			t.Fatalf("it did not come about: %s", what)
		}
	}
}
