package store_test

import (
	"encoding/binary"
	"fmt"
	"log/slog"
	"os"
	"reflect"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/gapwise/gapwise/internal/catalog"
	"github.com/gapwise/gapwise/internal/embedded/enginetest"
	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/project"
	"github.com/gapwise/gapwise/internal/query"
	"github.com/gapwise/gapwise/internal/store"
)

func TestMain(m *testing.M) { os.Exit(enginetest.Main(m)) }

func open(t *testing.T) *store.Store {
	t.Helper()
	db := enginetest.Database(t)
	s, err := store.Open(t.Context(), store.Options{
		Addr: db.Addr, User: db.User, Password: db.Password, Database: db.Database, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// noon is the time of all facts here, give or take.
var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func meta(seq uint64, learner string, at time.Time) project.Meta {
	m := project.Meta{Seq: seq, Learner: learner, Source: "test", Time: at, Stored: noon.Add(time.Duration(seq) * time.Second)}
	binary.BigEndian.PutUint64(m.Key[8:], seq)
	return m
}

// write stores a batch twice, as after an error: nothing may show it.
func write(t *testing.T, s *store.Store, b *project.Batch) {
	t.Helper()
	seqs := map[uint64]project.Sequence{}
	add := func(m project.Meta, kind event.Type) {
		seqs[m.Seq] = project.Sequence{Seq: m.Seq, Key: m.Key, Outcome: project.Fact, Type: kind, Stored: m.Stored}
	}
	for _, a := range b.Answers {
		add(a.Meta, event.AnswerSubmitted)
	}
	for _, x := range b.Voids {
		add(x.Meta, event.AnswerVoided)
	}
	for _, x := range b.Ticks {
		add(x.Meta, event.ChecklistTicked)
	}
	for _, x := range b.Sessions {
		add(x.Meta, event.SessionStarted)
	}
	for _, x := range b.Memberships {
		add(x.Meta, event.CohortJoined)
	}
	for _, x := range b.Steerings {
		add(x.Meta, event.TopicPinned)
	}
	for _, x := range b.Publications {
		add(x.Meta, event.CatalogPublished)
	}
	for seq := uint64(1); len(seqs) > 0; seq++ {
		if row, ok := seqs[seq]; ok {
			b.Sequences = append(b.Sequences, row)
			delete(seqs, seq)
		}
	}
	w := s.Writer()
	defer func() { _ = w.Close() }()
	for range 2 {
		if err := w.Write(t.Context(), 1, b); err != nil {
			t.Fatal(err)
		}
	}
}

func TestMembershipIsThatOfTheMoment(t *testing.T) {
	s := open(t)
	join := func(seq uint64, learner, cohort string, day int, joined bool) project.Membership {
		return project.Membership{
			Meta:       meta(seq, learner, noon.AddDate(0, 0, day)),
			Membership: event.Membership{Cohort: cohort, Joined: joined},
		}
	}
	write(t, s, &project.Batch{Memberships: []project.Membership{
		join(1, "ada", "spring", 0, true), join(2, "bob", "spring", 0, true), join(3, "ada", "autumn", 1, true),
		join(4, "bob", "spring", 2, false), join(5, "eve", "spring", 4, true), join(6, "bob", "spring", 1, true), // late
	}})
	for _, c := range []struct {
		seq  uint64
		day  int
		want string
	}{
		{6, 0, "[ada bob]"}, {6, 3, "[ada]"}, {3, 3, "[ada bob]"}, {6, 5, "[ada eve]"}, {1, 5, "[ada]"}, {6, -1, "[]"},
	} {
		members, err := s.Members(t.Context(), 1, "spring", query.AsOf{Seq: c.seq, Time: noon.AddDate(0, 0, c.day)})
		if err != nil {
			t.Fatal(err)
		}
		ids := []string{}
		for _, m := range members {
			ids = append(ids, m.Learner)
		}
		if got := fmt.Sprint(ids); got != c.want {
			t.Errorf("members at sequence %d on day %d are %s, want %s", c.seq, c.day, got, c.want)
		}
	}
	at := query.AsOf{Seq: 6, Time: noon.AddDate(0, 0, 9)}
	cohorts, err := s.Cohorts(t.Context(), 1, at)
	if want := []query.CohortSummary{{ID: "autumn", Learners: 1}, {ID: "spring", Learners: 2}}; err != nil || !reflect.DeepEqual(cohorts, want) {
		t.Errorf("cohorts are %v, %v, want %v", cohorts, err, want)
	}
	since, member, err := s.Joined(t.Context(), 1, "ada", []string{"autumn", "spring"}, at)
	if err != nil || !member || !since.Equal(noon) {
		t.Errorf("ada is a member %v since %v, %v", member, since, err)
	}
	if _, member, err := s.Joined(t.Context(), 1, "bob", []string{"autumn", "spring"}, at); err != nil || member {
		t.Errorf("bob left, but is a member: %v, %v", member, err)
	}
}

func TestDaysAreThoseOfTheZone(t *testing.T) {
	s := open(t)
	zone, err := time.LoadLocation("Pacific/Auckland") // 13 hours ahead: noon is the next day
	if err != nil {
		t.Fatal(err)
	}
	write(t, s, &project.Batch{
		Answers: []project.Answer{
			{Meta: meta(1, "ada", noon), Answer: event.Answer{Item: "q", Score: 1, GradedBy: event.GradedByKey}},
			{Meta: meta(2, "ada", noon.Add(-3*time.Hour)), Answer: event.Answer{Item: "q", GradedBy: event.GradedBySelf}},
			{Meta: meta(3, "ada", noon), Answer: event.Answer{Item: "r", GradedBy: event.GradedByPeer}},
		},
		Voids: []project.Void{{Meta: meta(4, "ada", noon), Void: event.Void{Target: meta(3, "ada", noon).Key}}},
		Ticks: []project.Tick{
			{Meta: meta(5, "ada", noon), Tick: event.Tick{Item: "x", Ticked: true}},
			{Meta: meta(6, "ada", noon.Add(time.Minute)), Tick: event.Tick{Item: "x"}},
			{Meta: meta(7, "ada", noon), Tick: event.Tick{Item: "y", Ticked: true}},
		},
		Sessions: []project.Session{
			{Meta: meta(8, "ada", noon), Session: event.Session{Session: "s", Started: true}},
			{Meta: meta(9, "ada", noon.Add(90*time.Second)), Session: event.Session{Session: "s"}},
			{Meta: meta(10, "ada", noon), Session: event.Session{Session: "open", Started: true}},
			{Meta: meta(11, "ada", noon), Session: event.Session{Session: "asleep", Started: true}},
			{Meta: meta(12, "ada", noon.Add(8*time.Hour)), Session: event.Session{Session: "asleep", Active: new(1500 * time.Millisecond)}},
			{Meta: meta(13, "ada", noon), Session: event.Session{Session: "end", Active: new(2500 * time.Millisecond)}}, // its start is lost
			{Meta: meta(14, "ada", noon.Add(time.Minute)), Session: event.Session{Session: "end"}},                      // told again, with less
			{Meta: meta(15, "ada", noon.Add(-3*time.Hour)), Session: event.Session{Session: "idle", Started: true}},
			{Meta: meta(16, "ada", noon), Session: event.Session{Session: "idle", Active: new(time.Minute)}},
			{Meta: meta(17, "ada", noon.Add(time.Second)), Session: event.Session{Session: "idle", Active: new(time.Duration(0))}}, // the last word
		},
	})
	days, ticked, err := s.Days(t.Context(), 1, "ada", 17, zone)
	if err != nil {
		t.Fatal(err)
	}
	want := []query.Day{{Day: "2026-03-02", Answers: 1, Sessions: 1}, {Day: "2026-03-03", Answers: 1, Ticks: 2, Sessions: 4, Seconds: 94}}
	if !reflect.DeepEqual(days, want) || ticked != 1 {
		t.Errorf("days are %+v with %d ticked, want %+v with 1", days, ticked, want)
	}
	items, err := s.Items(t.Context(), 1, []string{"ada"}, 10)
	if want := []query.ItemCount{{Item: "q", Answers: 2, Learners: 1, Score: 1, FirstScore: 0}}; err != nil || !reflect.DeepEqual(items, want) {
		t.Errorf("items are %+v, %v, want %+v", items, err, want)
	}
}

func TestSteeringsHoldUntilReleasedOrOver(t *testing.T) {
	s := open(t)
	steer := func(seq uint64, topic string, action project.Action, until time.Time) project.Steering {
		return project.Steering{Meta: meta(seq, "ada", noon.Add(time.Duration(seq)*time.Minute)),
			Steering: event.Steering{Topic: topic, Until: until, Note: topic + "!"}, Action: action}
	}
	write(t, s, &project.Batch{Steerings: []project.Steering{
		steer(1, "a", project.Pinned, time.Time{}), steer(2, "b", project.Excluded, noon.AddDate(0, 0, 1)),
		steer(3, "c", project.Pinned, time.Time{}), steer(4, "c", project.Released, time.Time{}),
	}})
	for _, c := range []struct {
		day  int
		want []query.Steering
	}{
		{0, []query.Steering{{Topic: "a", Pinned: true, Note: "a!"}, {Topic: "b", Note: "b!"}}},
		{2, []query.Steering{{Topic: "a", Pinned: true, Note: "a!"}}},
	} {
		got, err := s.Steerings(t.Context(), 1, "ada", query.AsOf{Seq: 4, Time: noon.AddDate(0, 0, c.day).Add(time.Hour)})
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("on day %d steerings are %+v, %v, want %+v", c.day, got, err, c.want)
		}
	}
}

// States read through snapshots have the bits of states read from all facts.
func TestStatesThroughSnapshotsEqualStatesFromAllFacts(t *testing.T) {
	t.Parallel()
	s := open(t)
	guide, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	course, err := project.NewCourse(guide, nil)
	if err != nil {
		t.Fatal(err)
	}
	items := course.Lenses[project.ByConcern].Items
	var b project.Batch
	learners := []string{"ada", "bob", "eve", "unheard-of"}
	for seq := uint64(1); seq <= 900; seq++ {
		learner := learners[seq%2] // eve comes later, and few
		if seq%50 == 0 {
			learner = "eve"
		}
		at := noon.Add(time.Duration(seq) * time.Hour)
		if seq == 700 {
			at = noon // late, behind ada's snapshots
		}
		b.Answers = append(b.Answers, project.Answer{Meta: meta(seq, learner, at), Answer: event.Answer{
			Item: items[seq*7%uint64(len(items))], Score: float64(seq * 31 % 2), GradedBy: event.GradedByKey}})
	}
	b.Voids = []project.Void{{Meta: meta(901, "bob", noon), Void: event.Void{Target: meta(3, "bob", noon).Key}}}
	write(t, s, &b)
	d := &project.Deriver{Store: s, Facts: 1, Derived: 1, Course: course, Log: slog.New(slog.DiscardHandler), Window: 250}
	if err := d.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	bases := map[string]uint32{}
	q := project.HistoryQuery{Facts: 1, Derived: 1, Seq: 900, Learners: learners}
	err = s.Histories(t.Context(), q, func(h *project.History) error {
		if h.Base != nil {
			bases[h.Learner] = h.Base.Facts
		}
		return nil
	})
	if want := map[string]uint32{"ada": 384, "bob": 384}; err != nil || !reflect.DeepEqual(bases, want) {
		t.Errorf("snapshots are after %v facts, %v, want %v", bases, err, want)
	}
	for lens := range course.Lenses {
		for _, seq := range []uint64{1, 255, 256, 257, 500, 699, 700, 701, 900, 901} {
			q := project.HistoryQuery{Facts: 1, Derived: 1, Lens: project.Lens(lens), Seq: seq, Learners: learners}
			through := states(t, s, course, q)
			q.Whole = true
			whole := states(t, s, course, q)
			for i, learner := range learners {
				if !through[i].State.Equal(whole[i].State) || through[i].Learner != learner {
					t.Errorf("%s by %s at %d differs through snapshots", learner, q.Lens, seq)
				}
			}
		}
	}
}

func states(t *testing.T, s *store.Store, course *project.Course, q project.HistoryQuery) []project.Known {
	t.Helper()
	var list []project.Known
	err := project.States(t.Context(), s, &course.Lenses[q.Lens], q, func(k project.Known) error {
		list = append(list, k)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestANewerDatabaseIsRefused(t *testing.T) {
	db := enginetest.Database(t)
	o := store.Options{Addr: db.Addr, User: db.User, Password: db.Password, Database: db.Database, Log: slog.New(slog.DiscardHandler)}
	s, err := store.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	conn, err := clickhouse.Open(db.Options())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.Exec(t.Context(), "INSERT INTO migrations (name) VALUES ('999_from_the_future.sql')"); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Open(t.Context(), o); err == nil {
		t.Error("a database of a newer version was opened")
	}
}
