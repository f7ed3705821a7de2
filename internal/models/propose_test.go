package models_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/gapwise/gapwise/internal/catalog"
	"github.com/gapwise/gapwise/internal/embedded/enginetest"
	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/models"
	"github.com/gapwise/gapwise/internal/project"
	"github.com/gapwise/gapwise/internal/query"
	"github.com/gapwise/gapwise/internal/store"
)

// school is a database in which learners answer, and a proposer that watches it.
type school struct {
	store    *store.Store
	proposer *models.Proposer
	active   query.Active
	behind   bool
	seq      uint64
}

func openSchool(t *testing.T) *school {
	t.Helper()
	db := enginetest.Database(t)
	s, err := store.Open(t.Context(), store.Options{
		Addr: db.Addr, User: db.User, Password: db.Password, Database: db.Database, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	guide, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	sc := &school{store: s}
	sc.active.Facts = 1
	sc.activate(t, guide, nil)
	workshop := &models.Workshop{
		Store: s, Active: func() query.Active { return sc.active }, Context: t.Context(), Now: time.Now, Log: slog.New(slog.DiscardHandler),
	}
	sc.proposer = &models.Proposer{
		Workshop: workshop, Rule: models.Rule{Answers: 200, Learners: 8, Growth: 0.5},
		Busy: func(context.Context) (bool, error) { return sc.behind, nil },
	}
	return sc
}

// activate makes the next generation the active one.
func (sc *school) activate(t *testing.T, c *catalog.Catalog, m *project.Model) {
	t.Helper()
	course, err := project.NewCourse(c, m)
	if err != nil {
		t.Fatal(err)
	}
	sc.active.Derived++
	sc.active.Course = course
	g := project.Generation{Facts: 1, Derived: sc.active.Derived, Catalog: c.Version, Model: course.Model}
	if err := sc.store.SaveGeneration(t.Context(), g, c, time.Now()); err != nil {
		t.Fatal(err)
	}
}

// answer lets some learners give answers, all together.
func (sc *school) answer(t *testing.T, answers, learners int) {
	t.Helper()
	items := sc.active.Course.Catalog.Answerable()
	b := &project.Batch{First: sc.seq + 1}
	for n := range answers {
		sc.seq++
		meta := sc.meta(fmt.Sprintf("learner-%d", n%learners))
		b.Answers = append(b.Answers, project.Answer{Meta: meta, Answer: event.Answer{
			Item: items[int(sc.seq)%20].ID, Score: float64(sc.seq * 7 % 3 / 2), GradedBy: event.GradedByKey}})
	}
	sc.write(t, b)
}

func (sc *school) meta(learner string) project.Meta {
	m := project.Meta{Seq: sc.seq, Learner: learner, Source: "test", Time: time.Unix(int64(sc.seq)*60, 0), Stored: time.Unix(int64(sc.seq), 0)}
	m.Key[0], m.Key[1], m.HMAC[0] = byte(sc.seq>>8), byte(sc.seq), learner[len(learner)-1]
	return m
}

func (sc *school) write(t *testing.T, b *project.Batch) {
	t.Helper()
	b.Last = sc.seq
	for seq := b.First; seq <= b.Last; seq++ {
		b.Sequences = append(b.Sequences, project.Sequence{Seq: seq, Outcome: project.Fact, Stored: time.Unix(int64(seq), 0)})
	}
	w := sc.store.Writer()
	if err := errors.Join(w.Write(t.Context(), 1, b), w.Close()); err != nil {
		t.Fatal(err)
	}
}

// look looks once, waits for what that began, and returns how many models there are.
func (sc *school) look(t *testing.T) []models.Record {
	t.Helper()
	if err := sc.proposer.Look(t.Context()); err != nil {
		t.Fatal(err)
	}
	sc.proposer.Workshop.Wait()
	kept, err := sc.store.Models(t.Context(), sc.active.Course.Catalog.Course)
	if err != nil {
		t.Fatal(err)
	}
	return kept
}

// Models are proposed once there are enough answers of enough learners, and again
// when there are half as many more; never while facts are missing.
func TestModelsAreProposedByThemselves(t *testing.T) {
	sc := openSchool(t)
	for _, step := range []struct {
		answers, learners int
		behind            bool
		want              int // models afterwards
	}{
		{0, 1, false, 0},
		{120, 5, false, 0}, // too few of both
		{100, 5, false, 0}, // too few learners
		{30, 9, true, 0},   // 250 answers of 9 learners, and more to come
		{0, 1, false, 1},
		{0, 1, false, 1},
		{100, 9, false, 1}, // 350: not half as many again
		{24, 9, false, 1},  // 374
		{1, 9, false, 2},   // 375
		{150, 9, false, 2}, // 525
		{100, 9, false, 3}, // 625: of 562
	} {
		if step.answers > 0 {
			sc.answer(t, step.answers, step.learners)
		}
		sc.behind = step.behind
		kept := sc.look(t)
		if len(kept) != step.want {
			t.Fatalf("after %d answers (behind: %t) there are %d models, want %d", sc.seq, step.behind, len(kept), step.want)
		}
		proposed, err := sc.store.Proposal(t.Context(), sc.active.Course.Catalog.Course, sc.active.Derived)
		if err != nil || len(kept) > 0 && (kept[0].Made != models.Itself || kept[0].Model.Version != proposed || kept[0].Comparison == nil) {
			t.Errorf("%q is proposed (%v), the newest model is %+v", proposed, err, kept[0])
		}
		if sc.active.Course.Model != project.StartingModel {
			t.Fatalf("model %s is active: nobody asked for it", sc.active.Course.Model)
		}
	}
}

// A model that was made elsewhere knows none of this log's answers: those that were
// there when it was published count as known.
func TestAModelFromElsewhereIsOutgrown(t *testing.T) {
	sc := openSchool(t)
	sc.proposer.Rule.Answers = 100
	sc.answer(t, 400, 9)
	own := sc.look(t)
	if len(own) != 1 {
		t.Fatalf("there are %d models", len(own))
	}
	foreign := *own[0].Model
	fitted := *foreign.Fitted
	fitted.Seq, fitted.Answers = 1, 1_000_000
	foreign.Version, foreign.Fitted = "", &fitted
	foreign = *named(t, &foreign)
	sc.answer(t, 600, 9) // 1000 answers: the own fit is outgrown
	sc.seq++
	content, err := foreign.Encode()
	if err != nil {
		t.Fatal(err)
	}
	sc.write(t, &project.Batch{First: sc.seq, Publications: []project.Publication{{
		Meta: sc.meta("guide"), Publication: event.Publication{Version: foreign.Version, Content: string(content)}, Kind: "model"}}})
	if err := sc.store.SaveModel(t.Context(), models.Record{Model: &foreign, Made: models.File, Created: time.Now()}); err != nil {
		t.Fatal(err)
	}
	sc.activate(t, sc.active.Course.Catalog, &foreign)
	if kept := sc.look(t); len(kept) != 2 {
		t.Errorf("right after its publication there are %d models", len(kept))
	}
	sc.answer(t, 499, 9)
	if kept := sc.look(t); len(kept) != 2 {
		t.Errorf("after half as many answers again, but one, there are %d models", len(kept))
	}
	sc.answer(t, 1, 9)
	kept := sc.look(t)
	if len(kept) != 3 || kept[0].Made != models.Itself || kept[0].Comparison.Against != foreign.Version {
		t.Errorf("after half as many answers again there are %d models, the newest %+v", len(kept), kept[0])
	}
}

// named gives a model the version that follows from its content.
func named(t *testing.T, m *project.Model) *project.Model {
	t.Helper()
	text, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	read, err := project.DecodeModel([]byte(`{` + string(text[len(`{"version":"",`):])))
	if err != nil {
		t.Fatal(err)
	}
	return read
}

// Where proposals are turned off nobody looks.
func TestProposalsCanBeTurnedOff(t *testing.T) {
	p := &models.Proposer{Rule: models.Rule{Never: true}}
	if err := p.Run(t.Context()); err != nil {
		t.Error(err)
	}
}
