package store_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gapwise/gapwise/internal/catalog"
	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/models"
	"github.com/gapwise/gapwise/internal/project"
	"github.com/gapwise/gapwise/internal/store"
)

// someModel is a model of the guide that differs from others by a number.
func someModel(t *testing.T, number uint64) *project.Model {
	t.Helper()
	guide, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	course, err := project.NewCourse(guide, nil)
	if err != nil {
		t.Fatal(err)
	}
	m := *course.Describe()
	m.Version, m.Fitted = "", &project.Fitted{Seq: number, Time: monday.UTC(), Answers: 10, Learners: 5}
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	read, err := project.DecodeModel([]byte(strings.Replace(string(text), `"version":"",`, "", 1)))
	if err != nil {
		t.Fatal(err)
	}
	return read
}

var monday = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func keep(t *testing.T, s *store.Store, r models.Record) {
	t.Helper()
	if err := s.SaveModel(t.Context(), r); err != nil {
		t.Fatal(err)
	}
}

// A model is kept once, with how it came here and what speaks for it.
func TestModelsAreKeptOnce(t *testing.T) {
	s := open(t)
	first, second := someModel(t, 1), someModel(t, 2)
	auc := 0.75
	comparison := &project.Comparison{Against: "starting-1", Folds: 5, Concern: project.LensComparison{Answers: 7, Proposed: project.ModelScores{AUC: &auc}}}
	keep(t, s, models.Record{Model: first, Made: models.Itself, Comparison: comparison, Created: monday})
	keep(t, s, models.Record{Model: second, Made: models.File, Created: monday.Add(time.Hour)})
	keep(t, s, models.Record{Model: first, Made: models.File, Created: monday.Add(2 * time.Hour)})
	want := []models.Record{
		{Model: second, Made: models.File, Created: monday.Add(time.Hour)},
		{Model: first, Made: models.Itself, Comparison: comparison, Created: monday},
	}
	if got, err := s.Models(t.Context(), "guide"); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("kept are %+v, %v", got, err)
	}
	if got, err := s.Models(t.Context(), "another"); err != nil || len(got) != 0 {
		t.Errorf("of another course are kept %+v, %v", got, err)
	}
	if got, err := s.Model(t.Context(), 1, first.Version); err != nil || !reflect.DeepEqual(got, first) {
		t.Errorf("model %s is %+v, %v", first.Version, got, err)
	}
	if got, err := s.Model(t.Context(), 1, "fitted-0"); err != nil || got != nil {
		t.Errorf("a model that isn't there is %+v, %v", got, err)
	}
}

// What the log holds under a model's name counts when its content is that model:
// whoever may write to the log may publish anything.
func TestOnlyWhatProvesItsVersionIsPublished(t *testing.T) {
	s := open(t)
	m, other := someModel(t, 1), someModel(t, 2)
	text, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := other.Encode()
	if err != nil {
		t.Fatal(err)
	}
	publication := func(seq uint64, kind, version, content string) project.Publication {
		return project.Publication{Meta: meta(seq, "guide", monday), Publication: event.Publication{Version: version, Content: content}, Kind: kind}
	}
	write(t, s, &project.Batch{First: 1, Last: 6, Publications: []project.Publication{
		publication(1, "catalog", m.Version, "{}"), publication(2, "model", m.Version, "{}"), publication(3, "model", m.Version, string(foreign)),
		publication(4, "model", m.Version, string(text)), publication(5, "model", m.Version, string(text)), publication(6, "model", "best", string(text)),
	}})
	want := []models.Published{{Model: m, Seq: 4}}
	if got, err := s.Published(t.Context(), 1, "guide"); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("published are %+v, %v", got, err)
	}
	if got, err := s.Model(t.Context(), 1, m.Version); err != nil || !reflect.DeepEqual(got, m) {
		t.Errorf("model %s is %+v, %v", m.Version, got, err)
	}
	for version, seq := range map[string]uint64{m.Version: 4, other.Version: 0, "best": 0} {
		if got, err := s.Publication(t.Context(), 1, version); err != nil || got != seq {
			t.Errorf("the publication of %s is at %d, %v, want %d", version, got, err, seq)
		}
	}
	if got, err := s.Model(t.Context(), 1, "best"); err != nil || got != nil {
		t.Errorf("a name that the content doesn't have is %+v, %v", got, err)
	}
}

// The proposal is the newest fit of this deployment since the generation was made.
func TestTheProposalIsTheNewestFit(t *testing.T) {
	t.Parallel()
	s := open(t)
	guide, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	at := func(hours int) time.Time { return monday.Add(time.Duration(hours) * time.Hour) }
	list := make([]*project.Model, 6)
	for i := range list {
		list[i] = someModel(t, uint64(i+1))
	}
	proposed := func(derived uint32, want string) {
		t.Helper()
		if got, err := s.Proposal(t.Context(), guide.Course, derived); err != nil || got != want {
			t.Errorf("for generation %d %q is proposed (%v), want %q", derived, got, err, want)
		}
	}
	generation := func(derived uint32, model string, hours int) {
		t.Helper()
		if err := s.SaveGeneration(t.Context(), project.Generation{Facts: 1, Derived: derived, Catalog: guide.Version, Model: model}, guide, at(hours)); err != nil {
			t.Fatal(err)
		}
	}
	keep(t, s, models.Record{Model: list[0], Made: models.Asked, Created: at(0)})
	generation(1, project.StartingModel, 1)
	proposed(1, "")
	keep(t, s, models.Record{Model: list[1], Made: models.File, Created: at(2)})
	keep(t, s, models.Record{Model: list[2], Made: models.Log, Created: at(3)})
	proposed(1, "")
	keep(t, s, models.Record{Model: list[3], Made: models.Itself, Created: at(4)})
	proposed(1, list[3].Version)
	keep(t, s, models.Record{Model: list[4], Made: models.Asked, Created: at(5)})
	proposed(1, list[4].Version)
	generation(2, list[4].Version, 6)
	proposed(2, "")
	keep(t, s, models.Record{Model: list[5], Made: models.Itself, Created: at(7)})
	proposed(2, list[5].Version)
	if got, err := s.Proposal(t.Context(), "another", 2); err != nil || got != "" {
		t.Errorf("for another course %q is proposed, %v", got, err)
	}
}

// Growth counts answers before and after a sequence, Sample and LastAnswer see what
// came up to one.
func TestWhatAFitIsToldOfAnswers(t *testing.T) {
	s := open(t)
	var b project.Batch
	b.First, b.Last = 1, 12
	for seq := uint64(1); seq <= 10; seq++ {
		b.Answers = append(b.Answers, answered(seq, fmt.Sprintf("l%d", seq%3), "sli-slo-sla", monday, 1))
	}
	b.Voids = append(b.Voids, project.Void{Meta: meta(11, "l1", monday)})
	write(t, s, &b)
	// Rows that are there more than once and not merged yet count as often.
	if g, err := s.Growth(t.Context(), 1, 4); err != nil || g.Answers < 10 || 10*g.Before != 4*g.Answers || g.Learners != 3 {
		t.Errorf("growth is %+v, %v", g, err)
	}
	for upTo, want := range map[uint64]uint64{0: 0, 5: 5, 10: 10, 11: 11, 99: 11} {
		if seq, _, err := s.LastAnswer(t.Context(), 1, upTo); err != nil || seq != want {
			t.Errorf("the last answer up to %d is %d, %v, want %d", upTo, seq, err, want)
		}
	}
	whole, err := s.Sample(t.Context(), 1, 10, 100)
	if err != nil || len(whole) != 3 || whole[0].Answers+whole[1].Answers+whole[2].Answers != 10 {
		t.Fatalf("all learners are %+v, %v", whole, err)
	}
	for most := range uint64(12) {
		some, err := s.Sample(t.Context(), 1, 10, most)
		sum := uint64(0)
		for i, one := range some {
			sum += one.Answers
			if one != whole[i] {
				t.Errorf("of at most %d answers the order is %+v", most, some)
			}
		}
		next := sum
		if len(some) < len(whole) {
			next += whole[len(some)].Answers
		}
		if err != nil || sum > most || len(some) < len(whole) && next <= most {
			t.Errorf("of at most %d answers %+v, %v", most, some, err)
		}
	}
}
