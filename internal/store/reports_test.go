package store_test

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/project"
	"github.com/gapwise/gapwise/internal/query"
)

// Joining twice is joining once; who left and came back is new again.
func TestAMembershipBeginsWithTheFirstJoinAfterTheLastLeave(t *testing.T) {
	s := open(t)
	day := func(n int) time.Time { return noon.AddDate(0, 0, n) }
	var b project.Batch
	for i, word := range []struct {
		day    int
		joined bool
	}{{0, true}, {1, true}, {3, false}, {5, true}, {6, true}, {2, true}} { // the last one is late
		b.Memberships = append(b.Memberships, project.Membership{
			Meta: meta(uint64(i+1), "ada", day(word.day)), Membership: event.Membership{Cohort: "spring", Joined: word.joined},
		})
	}
	write(t, s, &b)
	for _, c := range []struct {
		seq    uint64
		day    int
		since  int
		member bool
	}{
		{6, 0, 0, true}, {6, 2, 0, true}, {6, 3, 0, false}, {6, 5, 5, true}, {6, 9, 5, true},
		{2, 9, 0, true}, {3, 9, 0, false}, {4, 9, 5, true}, {6, -1, 0, false},
	} {
		at := query.AsOf{Seq: c.seq, Time: day(c.day)}
		since, member, err := s.Joined(t.Context(), 1, "ada", []string{"spring"}, at)
		if err != nil || member != c.member || member && !since.Equal(day(c.since)) {
			t.Errorf("at %s: a member %v since %s, %v; want %v since day %d", at, member, since, err, c.member, c.since)
		}
		list, err := s.Members(t.Context(), 1, "spring", at)
		if err != nil || len(list) > 0 != c.member || c.member && !list[0].Joined.Equal(day(c.since)) {
			t.Errorf("at %s members are %v, %v", at, list, err)
		}
	}
}

// Who answered, of which cohorts they are members, and who graded.
func TestAnswerersAndTheirCohorts(t *testing.T) {
	s := open(t)
	var b project.Batch
	graders := []event.Grader{event.GradedByKey, event.GradedBySelf, event.GradedByInstructor, event.GradedByPeer}
	for i, by := range graders {
		b.Answers = append(b.Answers, project.Answer{Meta: meta(uint64(i+1), "ada", noon), Answer: event.Answer{Item: "x", GradedBy: by}})
	}
	joined := func(seq uint64, learner, cohort string, joined bool) {
		b.Memberships = append(b.Memberships, project.Membership{
			Meta: meta(seq, learner, noon.Add(time.Duration(seq)*time.Second)), Membership: event.Membership{Cohort: cohort, Joined: joined}})
	}
	b.Answers = append(b.Answers, project.Answer{Meta: meta(5, "cem", noon), Answer: event.Answer{Item: "x", GradedBy: event.GradedByKey}})
	joined(6, "ada", "spring", true)
	joined(7, "ada", "autumn", true)
	joined(8, "bob", "spring", true)
	joined(9, "ada", "winter", true)
	joined(10, "ada", "winter", false)
	b.Answers = append(b.Answers, project.Answer{Meta: meta(11, "bob", noon), Answer: event.Answer{Item: "x", GradedBy: event.GradedByKey}})
	write(t, s, &b)

	for _, c := range []struct {
		seq   uint64
		after string
		limit int
		want  []string
	}{
		{11, "", 10, []string{"ada", "bob", "cem"}}, {10, "", 10, []string{"ada", "cem"}}, {11, "", 2, []string{"ada", "bob"}},
		{11, "bob", 2, []string{"cem"}}, {11, "cem", 2, nil},
	} {
		got, err := s.Answerers(t.Context(), 1, c.seq, c.after, c.limit)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%d learners after %q up to %d: %v, %v; want %v", c.limit, c.after, c.seq, got, err, c.want)
		}
	}
	for seq, want := range map[uint64]map[string][]string{
		11: {"ada": {"autumn", "spring"}}, 9: {"ada": {"autumn", "spring", "winter"}}, 6: {"ada": {"spring"}}, 5: {},
	} {
		got, err := s.CohortsOf(t.Context(), 1, []string{"ada", "cem"}, query.AsOf{Seq: seq, Time: noon.Add(time.Minute)})
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("cohorts at %d: %v, %v; want %v", seq, got, err, want)
		}
	}
	err := s.Histories(t.Context(), project.HistoryQuery{Facts: 1, Derived: 1, Seq: 11, Learners: []string{"ada"}, Whole: true}, func(h *project.History) error {
		for i, g := range h.Given {
			if g.GradedBy != graders[i] {
				t.Errorf("answer %d is graded by %q, want %q", i, g.GradedBy, graders[i])
			}
		}
		if len(h.Given) != len(graders) {
			t.Errorf("%d answers", len(h.Given))
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// The target told last holds, by the log's order, to whichever cohort it was told and
// whenever one joined by it.
func TestTheTargetToldLastHolds(t *testing.T) {
	s := open(t)
	told := func(seq uint64, learner, cohort string, day int, target string) project.Membership {
		return project.Membership{
			Meta:       meta(seq, learner, noon.AddDate(0, 0, day)),
			Membership: event.Membership{Cohort: cohort, Joined: true, Target: target},
		}
	}
	write(t, s, &project.Batch{Memberships: []project.Membership{
		told(1, "ada", "spring", 0, "senior"), told(2, "bob", "spring", 0, ""), told(3, "ada", "summer", -9, "staff"),
		told(4, "ada", "spring", 1, ""), told(5, "eve", "other", 0, "foundational"), told(6, "bob", "spring", 0, "intermediate"),
		{Meta: meta(7, "ada", noon), Membership: event.Membership{Cohort: "summer"}},
	}})
	for seq, want := range map[uint64]map[string]string{
		0: {},
		1: {"ada": "senior"},
		2: {"ada": "senior"},
		3: {"ada": "staff"},
		5: {"ada": "staff"},
		7: {"ada": "staff", "bob": "intermediate"},
	} {
		got, err := s.Targets(t.Context(), 1, []string{"ada", "bob", "nobody"}, seq)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("targets up to sequence %d are %v, %v; want %v", seq, got, err, want)
		}
	}
	if got, err := s.Targets(t.Context(), 1, nil, 7); err != nil || len(got) > 0 {
		t.Errorf("targets of nobody: %v, %v", got, err)
	}
}

// A tenth has no exact spelling in binary: ten of them added as they are make less
// than one, and how much less depends on their order.
func TestScoresOfItemsAddUpInAnyOrder(t *testing.T) {
	s := open(t)
	var b project.Batch
	var learners []string
	for i := range uint64(10) {
		learners = append(learners, fmt.Sprint("l", i))
		b.Answers = append(b.Answers, project.Answer{Meta: meta(i+1, learners[i], noon), Answer: event.Answer{Item: "x", Score: 0.1, GradedBy: event.GradedByKey}})
	}
	write(t, s, &b)
	items, err := s.Items(t.Context(), 1, learners, 10)
	if want := []query.ItemCount{{Item: "x", Answers: 10, Learners: 10, Score: 1, FirstScore: 1}}; err != nil || !slices.Equal(items, want) {
		t.Errorf("ten tenths are %v, %v", items, err)
	}
}

// A list of learners may be longer than a query.
func TestListsOfAnyLengthAreAskedFor(t *testing.T) {
	s := open(t)
	const members = 20_000
	long := func(n int) string { return fmt.Sprintf("%0100d", n) }
	learners, seqs := make([]string, members), make([]uint64, members)
	for i := range learners {
		learners[i], seqs[i] = long(i), uint64(i+1)
	}
	write(t, s, &project.Batch{Answers: []project.Answer{
		{Meta: meta(1, long(3), noon), Answer: event.Answer{Item: "x", Score: 1, GradedBy: event.GradedByKey}},
		{Meta: meta(2, long(members-1), noon), Answer: event.Answer{Item: "x", GradedBy: event.GradedByKey}},
		{Meta: meta(3, long(members), noon), Answer: event.Answer{Item: "x", GradedBy: event.GradedByKey}}, // not asked for
	}})
	activity, err := s.Activity(t.Context(), 1, learners, 3)
	if err != nil || len(activity) != 2 || activity[long(3)].Answers != 1 {
		t.Errorf("activity of %d learners: %v, %v", members, activity, err)
	}
	items, err := s.Items(t.Context(), 1, learners, 3)
	if want := []query.ItemCount{{Item: "x", Answers: 2, Learners: 2, Score: 1, FirstScore: 1}}; err != nil || !slices.Equal(items, want) {
		t.Errorf("items of %d learners: %v, %v", members, items, err)
	}
	details, err := s.Details(t.Context(), 1, long(3), seqs)
	if err != nil || len(details) != 1 || details[1].Source != "test" {
		t.Errorf("details of %d answers: %v, %v", members, details, err)
	}
	if _, member, err := s.Joined(t.Context(), 1, long(3), learners, query.AsOf{Seq: 3, Time: noon}); err != nil || member {
		t.Errorf("a member of %d cohorts that nobody joined: %v, %v", members, member, err)
	}
	for name, err := range map[string]error{
		"activity": second(s.Activity(t.Context(), 1, nil, 3)), "items": second(s.Items(t.Context(), 1, nil, 3)),
		"details": second(s.Details(t.Context(), 1, long(3), nil)),
	} {
		if err != nil {
			t.Errorf("%s of nobody: %v", name, err)
		}
	}
}

// An export keeps types, and is silent about what an event didn't say.
func TestAnExportSaysWhatTheEventsSaid(t *testing.T) {
	s := open(t)
	until := time.Date(2026, 4, 1, 8, 30, 0, 0, time.UTC)
	full := event.Answer{
		Item: "q", Score: 0.5, GradedBy: event.GradedBySelf, Points: []string{"a", "b c"}, Response: "say \"so\"",
		Attempt: 2, Confidence: 4, Duration: 1500 * time.Millisecond, Session: "s",
	}
	b := &project.Batch{
		Answers: []project.Answer{
			{Meta: meta(1, "ada", noon), Answer: full},
			{Meta: meta(2, "ada", noon), Answer: event.Answer{Item: "q", GradedBy: event.GradedByKey}},
		},
		Voids:       []project.Void{{Meta: meta(3, "ada", noon), Void: event.Void{Target: meta(2, "ada", noon).Key}}},
		Ticks:       []project.Tick{{Meta: meta(4, "ada", noon), Tick: event.Tick{Item: "x"}}},
		Sessions:    []project.Session{{Meta: meta(5, "ada", noon), Session: event.Session{Session: "s", Chapter: "c", Started: true}}},
		Memberships: []project.Membership{{Meta: meta(6, "ada", noon), Membership: event.Membership{Cohort: "spring", Joined: true, Target: "staff"}}},
		Steerings: []project.Steering{
			{Meta: meta(7, "ada", noon), Steering: event.Steering{Topic: "t", Until: until, Note: "now"}, Action: project.Pinned},
			{Meta: meta(8, "ada", noon), Steering: event.Steering{Topic: "t"}, Action: project.Released},
		},
	}
	write(t, s, b)
	got, err := s.Export(t.Context(), 1, "ada", time.Time{}, 8)
	if err != nil {
		t.Fatal(err)
	}
	want := []map[string]any{
		{
			"item": "q", "score": 0.5, "graded_by": "self", "points": []any{"a", "b c"}, "response": "say \"so\"",
			"attempt": 2.0, "confidence": 4.0, "duration_ms": 1500.0, "session": "s",
		},
		{"item": "q", "score": 0.0, "graded_by": "key"},
		{"event": meta(2, "ada", noon).Key.String()},
		{"item": "x", "ticked": false},
		{"session": "s", "chapter": "c", "started": true},
		{"cohort": "spring", "joined": true, "target": "staff"},
		{"topic": "t", "action": "pinned", "until": "2026-04-01T08:30:00.000000Z", "note": "now"},
		{"topic": "t", "action": "released"},
	}
	if len(got) != len(want) {
		t.Fatalf("%d events are exported, want %d", len(got), len(want))
	}
	for i, e := range got {
		if m := meta(e.Seq, "ada", noon); !reflect.DeepEqual(e.Data, want[i]) || e.Key != m.Key.String() ||
			!e.Time.Equal(m.Time) || !e.Stored.Equal(m.Stored) || e.Source != "test" {
			t.Errorf("exported is %+v, want %v", e, want[i])
		}
	}
}

func TestATimeZoneMustBeTheDatabasesToo(t *testing.T) {
	s := open(t)
	zone, err := time.LoadLocation("Pacific/Auckland")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.CheckZone(t.Context(), zone); err != nil {
		t.Error(err)
	}
	if err := s.CheckZone(t.Context(), time.FixedZone("Nowhere/Island", 0)); err == nil {
		t.Error("a zone that the database doesn't know was taken")
	}
}

func second[T any](_ T, err error) error { return err }
