package store_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"math"
	"reflect"
	"runtime"
	"slices"
	"testing"

	"github.com/gapwise/gapwise/internal/catalog"
	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/mastery"
	"github.com/gapwise/gapwise/internal/project"
	"github.com/gapwise/gapwise/internal/query"
)

// retagged is a course in which one item has the concerns and chapters of another.
func retagged(t *testing.T, c *project.Course, item, like string) *project.Course {
	t.Helper()
	text, err := c.Catalog.Encode()
	if err != nil {
		t.Fatal(err)
	}
	var document map[string]any
	if err := json.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	delete(document, "version")
	delete(document, "promises")
	byID := map[string]map[string]any{}
	items, _ := document["items"].([]any)
	for _, it := range items {
		it, _ := it.(map[string]any)
		id, _ := it["id"].(string)
		byID[id] = it
	}
	byID[item]["concerns"], byID[item]["chapters"] = byID[like]["concerns"], byID[like]["chapters"]
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

// tagged is the course of the twins with three items tagged otherwise.
func (w *twins) tagged(t *testing.T) *project.Course {
	t.Helper()
	course := w.from.Course
	items := course.Catalog.Answerable()
	for _, i := range []int{3, 17, 40} {
		course = retagged(t, course, items[i].ID, items[i+15].ID)
	}
	return course
}

// Another catalog changes the states of exactly those learners of whom a fold of their
// own answers, with each catalog, gives another word.
func TestARetaggedCatalogChangesExactlyThese(t *testing.T) {
	t.Parallel()
	w := openTwins(t)
	to := query.Active{Facts: 1, Derived: 3, Course: w.tagged(t)}
	w.derive(t, to)
	c := w.compare(t, w.from, to)
	words := func(course *project.Course) map[string]map[string]mastery.Word {
		return foldAll(t, w, course, c.AsOf.Time.UnixMicro())
	}
	before, after := words(w.from.Course), words(to.Course)
	var want []string
	states, changed := 0, 0
	for _, learner := range w.learners {
		either := maps.Clone(before[learner])
		maps.Copy(either, after[learner])
		other := 0
		for topic := range either {
			if before[learner][topic] != after[learner][topic] {
				other++
			}
		}
		if states, changed = states+len(either), changed+other; other > 0 {
			want = append(want, learner)
		}
	}
	p := c.People
	if !slices.Equal(p.ChangedLearners, want) || p.Affected != len(want) || p.Learners != len(before) {
		t.Errorf("of %d learners %d are affected: %v, want %v", p.Learners, p.Affected, p.ChangedLearners, want)
	}
	if got := p.Lenses[0].States + p.Lenses[1].States; got != states || p.Lenses[0].Changed+p.Lenses[1].Changed != changed {
		t.Errorf("%d states are compared, %+v; want %d, %d of them changed", got, p.Lenses, states, changed)
	}
	if len(want) < 5 || len(want) > len(before)-5 {
		t.Errorf("%d of %d learners are affected: the case shows little", len(want), len(before))
	}
	what := []string{}
	for _, d := range c.Changed {
		what = append(what, d.What)
	}
	if c.Identical || !slices.Equal(what, []string{query.CatalogDiffers, query.LearnersDiffer}) {
		t.Errorf("changed is %+v", c.Changed)
	}
	if len(c.Tables) != 1 || !c.Tables[0].Equal || c.Tables[0].Part != query.PartPlaces || c.Tables[0].From.Rows == 0 {
		t.Errorf("tables are %+v: snapshots lie at the same sequences", c.Tables)
	}
	w.holdToReports(t, c, w.from, to)
	w.exec(t, "DELETE FROM states WHERE generation = 3 AND lens = 'chapter' AND learner = 'learner-30'")
	if c := w.compare(t, w.from, to); c.Tables[0].Equal || c.Changed[0].Name != "states" {
		t.Errorf("without a snapshot: %+v", c.Changed)
	}
}

// foldAll folds what the twins' log holds with a course, and returns the words of the
// topics, chapters marked, that each learner has an answer in.
func foldAll(t *testing.T, w *twins, course *project.Course, now int64) map[string]map[string]mastery.Word {
	t.Helper()
	var b project.Batch
	for _, rows := range w.log(w.from.Course.Catalog) {
		rows(&b)
	}
	taken, target := map[event.Key]bool{}, map[string]mastery.Target{}
	for _, v := range b.Voids {
		taken[v.Target] = true
	}
	for _, m := range b.Memberships {
		if m.Target != "" {
			var err error
			if target[m.Learner], err = mastery.ParseTarget(m.Target); err != nil {
				t.Fatal(err)
			}
		}
	}
	slices.SortFunc(b.Answers, func(a, b project.Answer) int {
		return cmp.Or(a.Time.Compare(b.Time), bytes.Compare(a.Key[:], b.Key[:]))
	})
	words := map[string]map[string]mastery.Word{}
	for lens := range course.Lenses {
		model := &course.Lenses[lens]
		states := map[string]*mastery.State{}
		for _, a := range b.Answers {
			if states[a.Learner] == nil {
				states[a.Learner] = model.NewState()
			}
			if item := slices.Index(model.Items, a.Item); item >= 0 && !taken[a.Key] {
				model.Update(states[a.Learner], mastery.Answer{
					Item: item, Score: a.Score, Time: a.Time.UnixMicro(), SelfGraded: a.GradedBy == event.GradedBySelf,
				})
			}
		}
		for learner, state := range states {
			if words[learner] == nil {
				words[learner] = map[string]mastery.Word{}
			}
			for k, topic := range model.Topics {
				if ts, answered := state.Topic(k); answered && ts.N > 0 {
					words[learner][project.Lens(lens).String()+" "+topic.ID] = model.MasteryAgainst(state, k, target[learner], now).Word()
				}
			}
		}
	}
	return words
}

// holdToReports holds what a comparison says of people to the reports of each side: who
// reads another word, the largest movements, and what changes in cohorts.
func (w *twins) holdToReports(t *testing.T, c *query.Comparison, from, to query.Active) {
	t.Helper()
	changed, moved := []string{}, []query.Movement{}
	for _, learner := range w.learners {
		other := false
		for lens := range project.Lens(project.NumLenses) {
			before, after := w.topicsOf(t, from, learner, lens, c.AsOf), w.topicsOf(t, to, learner, lens, c.AsOf)
			either := maps.Clone(before)
			maps.Copy(either, after)
			for id := range either {
				a, b := before[id], after[id]
				if (a == nil) != (b == nil) || a != nil && a.State != b.State {
					other = true
				}
				if a != nil && b != nil && a.Mastery.Estimate != b.Mastery.Estimate {
					moved = append(moved, query.Movement{
						Learner: learner, By: lens.String(), Topic: id, Title: b.Title,
						From: query.MasteryState{State: a.State, Mastery: a.Mastery.Estimate}, To: query.MasteryState{State: b.State, Mastery: b.Mastery.Estimate},
					})
				}
			}
		}
		if other {
			changed = append(changed, learner)
		}
	}
	if !slices.Equal(c.People.ChangedLearners, changed) || c.People.Affected != len(changed) {
		t.Errorf("changed are %v, by the reports %v", c.People.ChangedLearners, changed)
	}
	slices.SortFunc(moved, func(a, b query.Movement) int {
		far := func(m query.Movement) float64 { return math.Abs(m.To.Mastery - m.From.Mastery) }
		lens := func(m query.Movement) int { return slices.Index([]string{"concern", "chapter"}, m.By) }
		return cmp.Or(cmp.Compare(far(b), far(a)), cmp.Compare(a.Learner, b.Learner), lens(a)-lens(b), cmp.Compare(a.Topic, b.Topic))
	})
	if want := moved[:min(20, len(moved))]; !slices.Equal(c.People.Largest, want) {
		t.Errorf("the largest of %d movements are\n%+v, by the reports\n%+v", len(moved), c.People.Largest, want)
	}
	for i := range c.People.Cohorts {
		w.holdCohort(t, &c.People.Cohorts[i], c.AsOf, from, to, changed)
	}
}

// topicsOf are the topics of a learner's report with an answer.
func (w *twins) topicsOf(t *testing.T, a query.Active, learner string, lens project.Lens, at query.AsOf) map[string]*query.LearnerTopic {
	t.Helper()
	report, err := w.of(a).LearnerWeakTopics(t.Context(), learner, query.Measure{Lens: lens}, at.Moment())
	if err != nil {
		t.Fatal(err)
	}
	topics := map[string]*query.LearnerTopic{}
	for i := range report.Topics {
		if report.Topics[i].Answers > 0 {
			topics[report.Topics[i].ID] = &report.Topics[i]
		}
	}
	return topics
}

// of answers reports with a generation.
func (w *twins) of(a query.Active) *query.Service {
	s := *w.service
	s.Generations = query.Only(a)
	return &s
}

// holdCohort holds what changes in a cohort to its report before and after.
func (w *twins) holdCohort(t *testing.T, c *query.CohortChange, at query.AsOf, from, to query.Active, changed []string) {
	t.Helper()
	members := map[string]bool{}
	var topics []query.CohortTopicChange
	words := 0
	for lens := range project.Lens(project.NumLenses) {
		said := map[string]*query.CohortTopicChange{}
		for side, a := range []query.Active{from, to} {
			report, err := w.of(a).CohortWeakTopics(t.Context(), c.Cohort, query.Measure{Lens: lens}, at.Moment())
			if err != nil {
				t.Fatal(err)
			}
			list, err := w.Members(t.Context(), a.Facts, c.Cohort, at)
			if err != nil || len(list) != report.Learners {
				t.Fatalf("%d members, %d in the report (%v)", len(list), report.Learners, err)
			}
			for _, m := range list {
				members[m.Learner] = true
			}
			for _, topic := range report.Topics {
				if said[topic.ID] == nil {
					said[topic.ID] = &query.CohortTopicChange{By: lens.String(), ID: topic.ID}
				}
				state := query.CohortState{State: topic.State, LearnersMeasured: topic.LearnersMeasured, ShareWeak: topic.ShareWeak}
				if side == 0 {
					said[topic.ID].From = state
				} else {
					said[topic.ID].To, said[topic.ID].Title = state, topic.Title
				}
			}
		}
		for _, topic := range said {
			if topic.From.State != topic.To.State {
				words++
			} else if share(topic.From) == share(topic.To) {
				continue
			}
			topics = append(topics, *topic)
		}
	}
	slices.SortFunc(topics, func(a, b query.CohortTopicChange) int {
		far := func(c query.CohortTopicChange) float64 { return math.Abs(share(c.To) - share(c.From)) }
		same := func(c query.CohortTopicChange) int {
			if c.From.State == c.To.State {
				return 1
			}
			return 0
		}
		lens := func(c query.CohortTopicChange) int { return slices.Index([]string{"concern", "chapter"}, c.By) }
		return cmp.Or(cmp.Compare(far(b), far(a)), same(a)-same(b), lens(a)-lens(b), cmp.Compare(a.ID, b.ID))
	})
	affected := 0
	for _, learner := range changed {
		if members[learner] {
			affected++
		}
	}
	want := query.CohortChange{
		Cohort: c.Cohort, Learners: len(members), Affected: affected, Changed: len(topics), Words: words, Topics: topics[:min(10, len(topics))],
	}
	if want.Topics == nil {
		want.Topics = []query.CohortTopicChange{}
	}
	if !reflect.DeepEqual(*c, want) {
		t.Errorf("cohort changes are\n%s, by the reports\n%s", encoded(t, c), encoded(t, want))
	}
}

func share(s query.CohortState) float64 {
	if s.ShareWeak == nil {
		return 0
	}
	return s.ShareWeak.Estimate
}

// Where nothing but snapshots differs, reports do by what these say.
func TestAlteredSnapshotsChangeWhatPeopleRead(t *testing.T) {
	t.Parallel()
	w := openTwins(t)
	w.exec(t, `ALTER TABLE states UPDATE topic_skill = arrayMap(x -> x + 3, topic_skill) WHERE generation = 2 AND learner = 'learner-40'
SETTINGS mutations_sync = 2`)
	c := w.compare(t, w.from, w.to)
	if !slices.Equal(c.People.ChangedLearners, []string{"learner-40"}) || len(c.Changed) < 2 || c.Changed[0].Name != "states" {
		t.Errorf("changed are %v: %+v", c.People.ChangedLearners, c.Changed)
	}
	w.holdToReports(t, c, w.from, w.to)
}

// The comparison has the same bytes whatever the number of workers and the size of
// their steps.
func TestComparisonsDoNotDependOnWorkers(t *testing.T) {
	t.Parallel()
	w := openTwins(t)
	tagged := w.tagged(t)
	sameFacts, otherFacts := query.Active{Facts: 1, Derived: 3, Course: tagged}, query.Active{Facts: 2, Derived: 4, Course: tagged}
	for _, to := range []query.Active{sameFacts, otherFacts} {
		w.derive(t, to)
		w.service.Step = 0
		want := encoded(t, w.compare(t, w.from, to))
		for _, processors := range []int{1, 4, 16} {
			for _, step := range []uint64{1, 300, 1000} {
				w.service.Step = step
				before := runtime.GOMAXPROCS(processors)
				got := encoded(t, w.compare(t, w.from, to))
				runtime.GOMAXPROCS(before)
				if got != want {
					t.Errorf("on %d processors, %d answers at a time:\n%s\ninstead of\n%s", processors, step, got, want)
				}
			}
		}
	}
}
