package main

import (
	"fmt"
	"math"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/httpserver"
	"github.com/gapwise/gapwise/internal/query"
)

// steers lets an instructor say a word on a topic.
func (r *reports) steers(t *testing.T, learner string, typ event.Type, at time.Time, word event.Steering) {
	t.Helper()
	r.told++
	e, err := event.NewTyped(typ, "teacher", fmt.Sprint("told-", r.told), learner, at, &word)
	if err != nil {
		t.Fatal(err)
	}
	r.events = append(r.events, e)
}

// steering: what an instructor pinned comes first and what was excluded is left out,
// until then, or until released; the time of the words decides, not their arrival.
func (r *reports) steering(t *testing.T) {
	r.joins(t, "steered", "", "steered")
	day := func(n int) time.Time { return r.start.AddDate(0, 0, n) }
	r.send(t)
	instructor := r.token(t, httpserver.Claims{Role: httpserver.RoleInstructor, Cohorts: []string{"steered"}})
	r.steers(t, "steered", event.TopicPinned, day(1), event.Steering{Topic: "graphql", Until: day(11), Note: "before the review"})
	r.steers(t, "steered", event.TopicExcluded, day(2), event.Steering{Topic: "security", Until: day(12)})
	r.steers(t, "steered", event.TopicPinned, day(3), event.Steering{Topic: "ethics"})
	r.steers(t, "steered", event.TopicPinned, day(4), event.Steering{Topic: "trade-offs"})
	r.steers(t, "steered", event.TopicExcluded, day(6), event.Steering{Topic: "trade-offs"}) // the latest word on it
	r.sendAs(t, instructor)
	r.steers(t, "steered", event.TopicReleased, day(5), event.Steering{Topic: "trade-offs"}) // and a late one
	r.steers(t, "steered", event.TopicReleased, day(20), event.Steering{Topic: "ethics"})
	seq := r.sendAs(t, instructor).Seq

	plain := r.nextOf(t, "nobody", query.AsOf{Seq: seq, Time: day(1)})
	for n, want := range map[int]struct{ pinned, excluded string }{
		0:  {"", ""},
		1:  {"graphql", ""},
		3:  {"graphql ethics", "security"},
		4:  {"graphql ethics trade-offs", "security"},
		5:  {"graphql ethics", "security"},
		7:  {"graphql ethics", "security trade-offs"},
		11: {"ethics", "security trade-offs"},
		12: {"ethics", "trade-offs"},
		25: {"", "trade-offs"},
	} {
		next := r.nextOf(t, "steered", query.AsOf{Seq: seq, Time: day(n).Add(time.Minute)})
		pinned, excluded := strings.Fields(want.pinned), strings.Fields(want.excluded)
		var order []string // pinned ones first, each part as without a word
		for _, first := range []bool{true, false} {
			for _, topic := range plain {
				if slices.Contains(pinned, topic.ID) == first && !slices.Contains(excluded, topic.ID) {
					order = append(order, topic.ID)
				}
			}
		}
		if got := idsOf(next); !slices.Equal(got, order) {
			t.Errorf("on day %d next are %v, want %v", n, got, order)
		}
		for _, topic := range next {
			isPinned := slices.Contains(pinned, topic.ID)
			if topic.Factors.Pinned != isPinned || strings.HasPrefix(topic.Reason, "pinned by an instructor; not measured yet") != isPinned ||
				(topic.Note == "before the review") != (topic.ID == "graphql" && isPinned) {
				t.Errorf("on day %d %s is pinned=%t: %s (%s)", n, topic.ID, topic.Factors.Pinned, topic.Reason, topic.Note)
			}
		}
	}
	page := string(r.do(t, http.MethodGet, fmt.Sprintf("/learners/steered?as_of=%d@%s", seq, day(3).Format(time.RFC3339)), r.operator, nil, "").body)
	if !strings.Contains(page, "<blockquote>before the review</blockquote>") {
		t.Error("the page doesn't show the instructor's word")
	}
}

// nextOf asks for all next topics of a learner at a moment.
func (r *reports) nextOf(t *testing.T, learner string, at query.AsOf) []query.NextTopic {
	t.Helper()
	return read[query.NextTopics](t, r, "/v1/learners/"+learner+"/next-topics", "limit", "100", "as_of", at.String()).Topics
}

func idsOf(topics []query.NextTopic) []string {
	var ids []string
	for _, topic := range topics {
		ids = append(ids, topic.ID)
	}
	return ids
}

// reasons: a reason says the factors and nothing else; read back it gives them again.
// The priority is their product.
func (r *reports) reasons(t *testing.T) {
	at := r.settle(t)
	measured, not := 0, 0
	for _, learner := range []string{"demo-001", "demo-004", "demo-009", "steered", "nobody"} { // the first one prepares for a level
		for _, topic := range r.nextOf(t, learner, at) {
			f := topic.Factors
			if !near(topic.Priority, f.Importance*f.Need*f.Ready*f.Freshness) || !near(f.Freshness, 10/(10+f.Recent)) {
				t.Errorf("%s of %s: priority %v of factors %+v", topic.ID, learner, topic.Priority, f)
			}
			if f.Mastery == nil {
				not++
			} else {
				measured++
				if !near(f.Need, math.Max(0, .9-*f.Mastery)) {
					t.Errorf("%s of %s: need %v at mastery %v", topic.ID, learner, f.Need, *f.Mastery)
				}
			}
			checkReady(t, f)
			checkReason(t, topic, at.Time)
		}
	}
	if measured < 20 || not < 20 {
		t.Errorf("%d measured and %d other topics: too few to tell", measured, not)
	}
}

// checkReady recomputes how ready the prerequisites are, where all are measured.
func checkReady(t *testing.T, f query.Factors) {
	t.Helper()
	ready, blocker := 1.0, ""
	for _, p := range f.Prerequisites {
		if p.Mastery == nil {
			return
		}
		if held := math.Max(.15, math.Min(1, (*p.Mastery-.3)/.35)); held < ready {
			ready, blocker = held, p.ID
		}
	}
	if !near(f.Ready, ready) || f.Prerequisite != blocker {
		t.Errorf("ready %v for %q, recomputed %v for %q", f.Ready, f.Prerequisite, ready, blocker)
	}
}

var (
	saysMastery      = regexp.MustCompile(`^mastery (\d+)% \((\d+)–(\d+)%\) from (\d+) answers?$`)
	saysPractised    = regexp.MustCompile(`^last practised (less than an hour|(\d+) (hour|day)s?) ago$`)
	saysPrerequisite = regexp.MustCompile(`^prerequisite (.+) (at (\d+)%|not measured yet)$`)
	saysAgainst      = regexp.MustCompile(`^measured against (\w+) questions$`)
)

// said are the factors that a reason tells, rounded as it rounds.
type said struct {
	pinned, measured, often bool
	mastery, low, high      string
	answers                 int
	practised               string
	prerequisites           [][2]string
	against                 string
}

// checkReason reads a reason back.
func checkReason(t *testing.T, topic query.NextTopic, now time.Time) {
	t.Helper()
	var got said
	parts := strings.Split(topic.Reason, "; ")
	for _, part := range parts {
		mastery, practised, prerequisite, against := saysMastery.FindStringSubmatch(part), saysPractised.FindStringSubmatch(part),
			saysPrerequisite.FindStringSubmatch(part), saysAgainst.FindStringSubmatch(part)
		switch {
		case part == "pinned by an instructor":
			got.pinned = true
		case part == "practised often lately":
			got.often = true
		case part == "not measured yet":
			if len(parts) > 0 && strings.Contains(topic.Reason, "mastery") {
				t.Errorf("measured and not measured: %s", topic.Reason)
			}
		case mastery != nil:
			got.measured, got.mastery, got.low, got.high = true, mastery[1], mastery[2], mastery[3]
			got.answers, _ = strconv.Atoi(mastery[4])
		case practised != nil:
			got.practised = practised[1]
		case prerequisite != nil:
			got.prerequisites = append(got.prerequisites, [2]string{prerequisite[1], prerequisite[2]})
		case against != nil:
			got.against = against[1]
		default:
			t.Errorf("a reason says what is no factor: %q", part)
		}
	}
	if want := saidOf(topic.Factors, now); !reflect.DeepEqual(got, want) {
		t.Errorf("%q reads as %+v, the factors are %+v", topic.Reason, got, want)
	}
}

func saidOf(f query.Factors, now time.Time) said {
	whole := func(x float64) string { return fmt.Sprintf("%.0f", 100*x) }
	want := said{pinned: f.Pinned, measured: f.Mastery != nil, answers: f.Answers}
	if f.Mastery != nil {
		want.mastery, want.low, want.high, want.often = whole(*f.Mastery), whole(*f.Low), whole(*f.High), f.Recent >= 5
		unit := func(n int, unit string) string {
			return fmt.Sprintf("%d %s%s", n, unit, map[bool]string{true: "", false: "s"}[n == 1])
		}
		switch since := now.Sub(*f.LastPractised); {
		case since < time.Hour:
			want.practised = "less than an hour"
		case since < 48*time.Hour:
			want.practised = unit(int(since.Hours()), "hour")
		default:
			want.practised = unit(int(since.Hours()/24), "day")
		}
	}
	for _, p := range f.Prerequisites {
		text := "not measured yet"
		if p.Mastery != nil {
			text = "at " + whole(*p.Mastery) + "%"
		}
		want.prerequisites = append(want.prerequisites, [2]string{p.Title, text})
	}
	if f.Against != nil {
		want.against = *f.Against
	}
	return want
}
