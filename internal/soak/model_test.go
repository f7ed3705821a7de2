package soak

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gapwise/gapwise/internal/embedded/enginetest"
	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/project"
	"github.com/gapwise/gapwise/internal/query"
	"github.com/gapwise/gapwise/internal/stream"
)

func TestMain(m *testing.M) { os.Exit(enginetest.Main(m)) }

func made(t *testing.T, id string, minute int, data event.Data) Message {
	t.Helper()
	m, err := valid("soak/test", id, "ada", time.Unix(1_790_000_000, 0).Add(time.Duration(minute)*time.Minute), data)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// publish stores messages in a log of the test's own.
func publish(t *testing.T, messages ...Message) *stream.Log {
	t.Helper()
	log, err := stream.Open(t.Context(), enginetest.NATS(t), stream.Config{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range messages {
		if _, err := log.Publish(t.Context(), []stream.Message{{Learner: m.Shard, ID: m.ID, Payload: m.Payload}}); err != nil {
			t.Fatal(err)
		}
	}
	return log
}

func modelOf(t *testing.T, log *stream.Log, sent ...Message) (*Model, []string) {
	t.Helper()
	m, wrong, err := NewModel(t.Context(), log, &Plan{Lanes: []Lane{{Sends: sent}}})
	if err != nil {
		t.Fatal(err)
	}
	return m, wrong
}

func TestModelDecidesByTheOrderOfTheLog(t *testing.T) {
	item := guide(t).Items[0].ID
	right, wrong := made(t, "1", 0, &event.Answer{Item: item, Score: 1}), made(t, "1", 0, &event.Answer{Item: item, Score: 0})
	stray := right
	stray.ID = ""
	early := made(t, "2", 5, &event.Void{Event: "3"})
	voided := made(t, "3", 1, &event.Answer{Item: item, Score: 1})
	before := made(t, "4", -9, &event.Answer{Item: item, Score: 0.5})
	poison := Message{Shard: "ada", Payload: []byte("no event")}

	all := []Message{right, stray, wrong, early, voided, poison, before}
	m, faults := modelOf(t, publish(t, all...), all...)
	if len(faults) > 0 {
		t.Errorf("nothing is wrong with the log, the model says: %v", faults)
	}
	want := query.Counts{Messages: 7, Facts: 4, Duplicates: 1, Conflicts: 1, Dead: 1, Answers: 3, Learners: 1}
	if m.Counts != want {
		t.Errorf("counts are %+v, want %+v", m.Counts, want)
	}
	if len(m.Dead) != 2 || !m.Dead[3] || m.Dead[6] {
		t.Errorf("dead letters are %v, want 3 as a conflict and 6", m.Dead)
	}
	var scores []float64
	p := m.past("ada")
	for _, a := range p.answers {
		if !p.taken[a.key] {
			scores = append(scores, a.Score)
		}
	}
	if !slices.Equal(scores, []float64{0.5, 1}) {
		t.Errorf("the answers that count, in the order of their times, have the scores %v, want 0.5 and 1", scores)
	}
}

// TestModelMissesWhatIsLost: an acknowledged message that the log lacks, and one that
// nobody sent.
func TestModelMissesWhatIsLost(t *testing.T) {
	kept, lost, foreign := made(t, "1", 0, &event.Tick{Item: "a"}), made(t, "2", 0, &event.Tick{Item: "b"}), made(t, "3", 0, &event.Tick{Item: "c"})
	refused := Message{Payload: []byte("refused at the door"), Bad: true, Shard: "ada"}
	_, wrong := modelOf(t, publish(t, kept, foreign, refused), kept, lost, refused)
	for _, want := range []string{"acknowledged and not in the log: " + string(lost.Payload), "sequence 2 holds what nobody sent", "sequence 3 holds what nobody sent"} {
		if !slices.ContainsFunc(wrong, func(s string) bool { return strings.HasPrefix(s, want) }) {
			t.Errorf("the model doesn't say %q but %q", want, wrong)
		}
	}
	if len(wrong) != 3 {
		t.Errorf("the model says %q", wrong)
	}
}

// TestCheckerSeesOneBit: a report that differs by its last bit fails, an equal one
// doesn't.
func TestCheckerSeesOneBit(t *testing.T) {
	course, err := project.NewCourse(guide(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	answers := []Message{made(t, "1", 0, &event.Answer{Item: course.Lenses[0].Items[0], Score: 1})}
	m, _ := modelOf(t, publish(t, answers...), answers...)
	now := time.Unix(1_790_000_000, 0).UTC().Add(24 * time.Hour)
	for name, change := range map[string]func(*query.LearnerWeakTopics){
		"":          func(*query.LearnerWeakTopics) {},
		"by a bit":  func(r *query.LearnerWeakTopics) { *measured(r).PWeak *= 1 + 1e-15 },
		"by one":    func(r *query.LearnerWeakTopics) { r.Answers++ },
		"by a word": func(r *query.LearnerWeakTopics) { measured(r).State = "weak" },
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			lens, _ := project.ParseLens(r.URL.Query().Get("by"))
			report := m.Report(course, lens, "ada", now)
			report.AsOf = query.AsOf{Seq: m.Last, Time: now}
			change(report)
			_ = json.NewEncoder(w).Encode(report)
		}))
		c := &checker{cluster: &cluster{urls: map[string]string{reports: server.URL}}, model: m, course: course}
		if err := c.learners(t.Context(), []string{"ada"}); err != nil {
			t.Fatal(err)
		}
		server.Close()
		if (len(c.wrong) > 0) != (name != "") || c.reports != 2 {
			t.Errorf("a report that differs %q: the checker compares %d reports and says %q", name, c.reports, c.wrong)
		}
	}
}

// measured is a topic that has an estimate.
func measured(r *query.LearnerWeakTopics) *query.LearnerTopic {
	return &r.Topics[slices.IndexFunc(r.Topics, func(t query.LearnerTopic) bool { return t.PWeak != nil })]
}
