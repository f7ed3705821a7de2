package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/gapwise/gapwise/internal/catalog"
	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/project"
	"github.com/gapwise/gapwise/internal/query"
	"github.com/gapwise/gapwise/internal/replay"
)

// comparedAt is the moment of the words: after all facts, which are of those days.
var comparedAt = time.Date(2024, 3, 12, 12, 0, 0, 0, time.UTC)

// tinyFacts are answers of 30 learners to the tiny course, who know the less the higher
// their number; the last ones know nothing of adding.
func tinyFacts(c *catalog.Catalog) *project.Batch {
	var b project.Batch
	add := func(learner string, kind event.Type) project.Meta {
		seq := uint64(len(b.Sequences) + 1)
		at := comparedAt.Add(-10 * 24 * time.Hour).Add(time.Duration(seq) * time.Minute)
		m := project.Meta{Seq: seq, Learner: learner, Source: "test", Time: at, Stored: at}
		binary.BigEndian.PutUint64(m.Key[:], seq*0x9e3779b97f4a7c15)
		copy(m.HMAC[:], learner)
		b.Sequences = append(b.Sequences, project.Sequence{Seq: seq, Key: m.Key, Outcome: project.Fact, Type: kind, HMAC: m.HMAC, Stored: at})
		return m
	}
	name := func(u int) string { return fmt.Sprintf("learner-%02d", u) }
	for u := range 30 {
		cohort := []string{"spring", "autumn"}[u%2]
		b.Memberships = append(b.Memberships, project.Membership{
			Meta: add(name(u), event.CohortJoined), Membership: event.Membership{Cohort: cohort, Joined: true}})
	}
	items := c.Answerable()
	for n := range 150 {
		for u := range 30 {
			if n > 8*u {
				continue
			}
			item := items[(n+u)%len(items)]
			score := float64(min(1, (n*n+u)%(2+29/(u+1))))
			if strings.HasPrefix(item.ID, "add") && u > 20 {
				score = 0
			}
			b.Answers = append(b.Answers, project.Answer{
				Meta: add(name(u), event.AnswerSubmitted), Answer: event.Answer{Item: item.ID, Score: score, GradedBy: event.GradedByKey}})
		}
	}
	return &b
}

// What an operator reads before activating a generation: one of the same log, and one
// with another catalog and a row that went wrong. See the golden files.
func TestComparisonsAsOperatorsReadThem(t *testing.T) {
	path, err := filepath.Abs(otherCourse)
	if err != nil {
		t.Fatal(err)
	}
	app := startApp(t, "--catalog", path)
	course := app.active.Active().Course
	tagged := retagged(t, course.Catalog, "add-many", map[string]any{"measuring": 1})
	from := query.Active{Facts: 101, Derived: 101, Course: course}
	same := query.Active{Facts: 102, Derived: 102, Course: course}
	other := query.Active{Facts: 101, Derived: 103, Course: tagged}
	wrong := query.Active{Facts: 104, Derived: 104, Course: tagged}
	for _, a := range []query.Active{from, same, other, wrong} {
		app.fill(t, a, func(b *project.Batch) {
			if a.Facts == wrong.Facts {
				b.Answers[1000].Score = 1 - b.Answers[1000].Score
				b.Sequences[7].Outcome = project.Duplicate
			}
		})
	}
	service := *app.service
	service.Now = func() time.Time { return comparedAt }
	for _, c := range []struct {
		name string
		to   query.Active
	}{{"identical", same}, {"retagged", other}, {"wrong", wrong}} {
		comparison, err := service.Compare(t.Context(), from, c.to, func(uint64, uint64) {})
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		(&terminal{out: &out}).printComparison(comparison)
		for line := range strings.Lines(out.String()) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > narrow {
				t.Errorf("%s: %d columns: %s", c.name, n, line)
			}
		}
		golden(t, "testdata/comparison-"+c.name+".golden", out.String())
	}
}

// A comparison is kept without the ids of learners, which an erasure would not find
// there, and read with those of learners who are there still.
func TestComparisonsAreKeptWithoutIDs(t *testing.T) {
	path, err := filepath.Abs(otherCourse)
	if err != nil {
		t.Fatal(err)
	}
	app := startApp(t, "--catalog", path)
	course := app.active.Active().Course
	from := query.Active{Facts: 101, Derived: 101, Course: course}
	to := query.Active{Facts: 101, Derived: 102, Course: retagged(t, course.Catalog, "add-many", map[string]any{"measuring": 1})}
	for _, a := range []query.Active{from, to} {
		app.fill(t, a, func(b *project.Batch) {
			for i := range b.Answers {
				b.Answers[i].HMAC = app.key.learner(b.Answers[i].Learner)
			}
		})
	}
	c, err := app.service.Compare(t.Context(), from, to, func(uint64, uint64) {})
	if err != nil {
		t.Fatal(err)
	}
	kept := app.kept()
	if err := kept.SaveComparison(t.Context(), replay.Compared{Of: "101.102", State: replay.ComparisonDone, Result: c}); err != nil {
		t.Fatal(err)
	}
	stored, _, err := kept.comparisons.Get(t.Context(), "101.102")
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(stored)
	if err != nil || stored.Result.People.Affected != c.People.Affected || strings.Contains(string(text), "learner-") {
		t.Errorf("the broker keeps (%v)\n%s", err, text)
	}
	read := func() *query.StateChanges {
		t.Helper()
		compared, err := kept.Comparison(t.Context(), "101.102")
		if err != nil {
			t.Fatal(err)
		}
		return compared.Result.People
	}
	if got := read(); len(got.ChangedLearners) == 0 || len(got.Largest) == 0 || !reflect.DeepEqual(got, c.People) {
		t.Errorf("read again it is\n%+v, not\n%+v", got, c.People)
	}
	gone := c.People.ChangedLearners[0]
	if err := app.store.Delete(t.Context(), app.key.learner(gone), nil, 1); err != nil {
		t.Fatal(err)
	}
	if got := read(); !slices.Equal(got.ChangedLearners, c.People.ChangedLearners[1:]) || got.Affected != c.People.Affected {
		t.Errorf("without %s changed are %v", gone, got.ChangedLearners)
	}
}

// fill writes facts and snapshots of a generation, the facts unless they are there.
func (a testApp) fill(t *testing.T, active query.Active, change func(*project.Batch)) {
	t.Helper()
	floor, err := a.store.Floor(t.Context(), active.Facts)
	if err != nil {
		t.Fatal(err)
	}
	if floor == 0 {
		b := tinyFacts(active.Course.Catalog)
		change(b)
		w := a.store.Writer()
		defer func() { _ = w.Close() }()
		if err := w.Write(t.Context(), active.Facts, b); err != nil {
			t.Fatal(err)
		}
	}
	d := &project.Deriver{Store: a.store, Facts: active.Facts, Derived: active.Derived, Course: active.Course, Log: slog.New(slog.DiscardHandler)}
	if err := d.CatchUp(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
}

// retagged is a course in which one item has other concerns.
func retagged(t *testing.T, c *catalog.Catalog, item string, concerns map[string]any) *project.Course {
	t.Helper()
	text, err := c.Encode()
	if err != nil {
		t.Fatal(err)
	}
	var document map[string]any
	if err := json.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	delete(document, "version")
	delete(document, "promises")
	items, _ := document["items"].([]any)
	for _, it := range items {
		if it, _ := it.(map[string]any); it["id"] == item {
			it["concerns"] = concerns
		}
	}
	if text, err = json.Marshal(document); err != nil {
		t.Fatal(err)
	}
	changed, err := catalog.Decode(text)
	if err != nil {
		t.Fatal(err)
	}
	course, err := project.NewCourse(changed, nil)
	if err != nil {
		t.Fatal(err)
	}
	return course
}
