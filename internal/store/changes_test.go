package store_test

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/gapwise/gapwise/internal/project"
	"github.com/gapwise/gapwise/internal/query"
)

// What another model would change is told as the reports will say it: counted here
// from the reports themselves, before and after.
func TestChangesAreThoseOfTheReports(t *testing.T) {
	t.Parallel()
	s := open(t)
	before := service(t, s, noon.AddDate(0, 0, 9))
	active := before.Active()
	items := active.Course.Catalog.Answerable()
	b := &project.Batch{First: 1}
	seq := uint64(0)
	next := func() uint64 { seq++; return seq }
	learners := make([]string, 40)
	for u := range learners {
		learners[u] = fmt.Sprintf("learner-%02d", u)
		target := []string{"", "staff", "foundational"}[u%3]
		b.Memberships = append(b.Memberships, joinFor(next(), learners[u], "c", target))
		for n := range 3 * u {
			b.Answers = append(b.Answers, answered(next(), learners[u], items[(n*7+u)%60].ID, noon.AddDate(0, 0, n%5), float64((n*n+u)%3)/2))
		}
	}
	b.Last = seq
	write(t, s, b)

	harder := someModel(t, 1)
	for _, lens := range []project.Lens{project.ByConcern, project.ByChapter} {
		parameters := harder.Lenses.Of(lens)
		parameters.ItemVariance = 0.3
		for id, topic := range parameters.Topics {
			topic.D, topic.C = topic.D+1, topic.C+1
			parameters.Topics[id] = topic
		}
	}
	to, err := project.NewCourse(active.Course.Catalog, harder)
	if err != nil {
		t.Fatal(err)
	}
	after := *before
	active.Course = to
	after.Generations = query.Only(active)

	got, err := before.Changes(t.Context(), to, func(done, of uint64) {
		if done > of || of < 39 {
			t.Errorf("%d of %d learners are compared", done, of)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	want := query.StateChanges{Learners: 39} // one gave no answer
	affected := map[string]bool{}
	for _, lens := range []project.Lens{project.ByConcern, project.ByChapter} {
		change := query.LensChange{By: lens.String(), Moves: []query.Move{}}
		for _, learner := range learners {
			words := [2]map[string]string{wordsOf(t, before, learner, lens), wordsOf(t, &after, learner, lens)}
			for topic, was := range words[0] {
				change.States++
				if is := words[1][topic]; is != was {
					change.Changed++
					affected[learner] = true
					i := slices.IndexFunc(change.Moves, func(m query.Move) bool { return m.From == was && m.To == is })
					if i < 0 {
						i = len(change.Moves)
						change.Moves = append(change.Moves, query.Move{From: was, To: is})
					}
					change.Moves[i].States++
				}
			}
		}
		want.Lenses = append(want.Lenses, change)
	}
	want.Affected, want.ChangedLearners = len(affected), slices.Sorted(maps.Keys(affected))
	want.Share = float64(want.Affected) / 39
	if want.Affected < 10 || want.Affected == 39 {
		t.Fatalf("%d learners are affected: the case shows little", want.Affected)
	}
	for i := range want.Lenses { // equally frequent moves may stand in any order here
		byCount := func(a, b query.Move) int { return b.States - a.States }
		if !slices.IsSortedFunc(got.Lenses[i].Moves, byCount) {
			t.Errorf("the most frequent move doesn't come first: %+v", got.Lenses[i].Moves)
		}
		byName := func(a, b query.Move) int { return slices.Compare([]string{a.From, a.To}, []string{b.From, b.To}) }
		slices.SortFunc(want.Lenses[i].Moves, byName)
		slices.SortFunc(got.Lenses[i].Moves, byName)
	}
	got.Largest, got.Cohorts, got.OfCohorts = nil, nil, 0 // those of two generations are held elsewhere
	if !reflect.DeepEqual(*got, want) {
		t.Errorf("changes are\n%+v, want\n%+v", *got, want)
	}
}

// wordsOf are the states of a learner's report, of the topics with an answer.
func wordsOf(t *testing.T, s *query.Service, learner string, lens project.Lens) map[string]string {
	t.Helper()
	report, err := s.LearnerWeakTopics(t.Context(), learner, query.Measure{Lens: lens}, query.Moment{})
	if err != nil {
		t.Fatal(err)
	}
	words := map[string]string{}
	for _, topic := range report.Topics {
		if topic.Answers > 0 {
			words[topic.ID] = topic.State
		}
	}
	return words
}

// Another catalog takes topics away and brings none that anybody answered.
func TestChangesTellOfTopicsThatGo(t *testing.T) {
	s := open(t)
	service := service(t, s, noon.Add(time.Hour))
	course := service.Active().Course
	item := course.Catalog.Answerable()[0]
	write(t, s, &project.Batch{First: 1, Last: 1, Answers: []project.Answer{answered(1, "ada", item.ID, noon, 1)}})
	smaller := *course
	for lens := range smaller.Lenses {
		smaller.Lenses[lens].Model, smaller.Lenses[lens].Topics = course.Lenses[lens].Model, nil
	}
	got, err := service.Changes(t.Context(), &smaller, func(uint64, uint64) {})
	if err != nil {
		t.Fatal(err)
	}
	if got.Learners != 1 || got.Affected != 1 || got.Lenses[0].States != len(item.Concerns) || got.Lenses[0].Changed != len(item.Concerns) ||
		got.Lenses[0].Moves[0].To != "" || got.Lenses[0].Moves[0].From == "" {
		t.Errorf("changes are %+v", got)
	}
}
