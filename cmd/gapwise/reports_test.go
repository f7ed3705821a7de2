package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gapwise/gapwise/internal/catalog"
	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/httpserver"
	"github.com/gapwise/gapwise/internal/query"
)

// TestReports tells stories of learners by events over HTTP, and holds what
// instructors and learners are told to what happened.
func TestReports(t *testing.T) {
	t.Parallel()
	s := startSystem(t)
	r := &reports{
		system: s, operator: s.token(t, httpserver.Claims{Role: httpserver.RoleOperator}),
		start: time.Now().UTC().Truncate(time.Hour).AddDate(0, 0, -30),
	}
	r.seed(t, r.operator)
	t.Run("who needs help first", r.need)
	t.Run("movement over the weeks", r.movement)
	t.Run("arithmetic", r.arithmetic)
	t.Run("arithmetic within sight", r.sight)
	t.Run("question quality", r.quality)
	t.Run("pins and exclusions", r.steering)
	t.Run("reasons", r.reasons)
	t.Run("a chapter fails, a concern doesn't", r.chapter)
	t.Run("members without answers", r.mixed)
	t.Run("self-assessment", r.selfAssessment)
}

// reports is a system whose learners live through stories.
type reports struct {
	*system
	operator string
	start    time.Time // of all stories
	told     int       // events
	events   []*event.Event
}

// tell adds an event of a story.
func (r *reports) tell(t *testing.T, learner string, at time.Time, data event.Data) {
	t.Helper()
	r.told++
	r.events = append(r.events, newEvent(t, "story", fmt.Sprint("told-", r.told), learner, at, data))
}

// joins lets learners join a cohort, with a level to prepare for unless it is empty.
func (r *reports) joins(t *testing.T, cohort, target string, learners ...string) {
	t.Helper()
	for _, learner := range learners {
		r.tell(t, learner, r.start, &event.Membership{Cohort: cohort, Joined: true, Target: target})
	}
}

// send sends what was told and waits until it is counted.
func (r *reports) send(t *testing.T) query.AsOf { return r.sendAs(t, r.operator) }

// sendAs does so by somebody's token.
func (r *reports) sendAs(t *testing.T, token string) query.AsOf {
	t.Helper()
	var lines bytes.Buffer
	for _, e := range r.events {
		payload, err := event.Encode(e)
		if err != nil {
			t.Fatal(err)
		}
		lines.Write(append(payload, '\n'))
	}
	if refused := r.rejections(t, token, lines.String()); len(refused) > 0 {
		t.Fatalf("a story: %v", refused)
	}
	r.events = nil
	return r.settle(t)
}

// read reads a report as an operator.
func read[R any](t *testing.T, r *reports, path string, parameters ...string) R {
	t.Helper()
	return readAs[R](t, r, r.operator, path, parameters...)
}

// readAs reads a report by a token; parameters are names and values in turn.
func readAs[R any](t *testing.T, r *reports, token, path string, parameters ...string) R {
	t.Helper()
	values := url.Values{}
	for pair := range slices.Chunk(parameters, 2) {
		values.Set(pair[0], pair[1])
	}
	got := r.do(t, http.MethodGet, path+"?"+values.Encode(), token, nil, "")
	var report R
	if got.status != http.StatusOK {
		t.Fatalf("GET %s?%s: %d %s", path, values.Encode(), got.status, got.body)
	}
	if err := json.Unmarshal(got.body, &report); err != nil {
		t.Fatalf("GET %s: %v", path, err)
	}
	return report
}

// near tells whether two numbers are the same but for rounding.
func near(a, b float64) bool { return math.Abs(a-b) <= 1e-9 }

// need: the list of members is ordered over the whole cohort, page by page, by a
// number that anyone can redo from heatmap and course, and says nothing of whom
// nobody knows.
func (r *reports) need(t *testing.T) {
	r.joins(t, "demo", "", "idle", "ada-few")
	r.tell(t, "ada-few", r.start, &event.Answer{Item: "what-a-log-line-carries", Score: 0})
	at := r.send(t).String()

	importance := map[string]float64{}
	for _, c := range read[catalog.Catalog](t, r, "/v1/catalog").Concerns {
		importance[c.ID] = c.Importance
	}
	for _, target := range []string{"", "staff"} {
		heat := read[query.Heatmap](t, r, "/v1/cohorts/demo/heatmap", "as_of", at, "target", target)
		want, measured := map[string][]query.NeedTopic{}, 0
		for _, row := range heat.Rows {
			want[row.Learner] = nil
			for k, cell := range row.Cells {
				if cell.State != "not_enough_answers" {
					topic := heat.Topics[k]
					want[row.Learner] = append(want[row.Learner], query.NeedTopic{
						ID: topic.ID, Title: topic.Title, State: cell.State, Need: importance[topic.ID] * *cell.PWeak})
				}
			}
			if len(want[row.Learner]) > 0 {
				measured++
			}
		}
		var all []query.MemberSummary
		for cursor := ""; ; {
			page := read[query.CohortLearners](t, r, "/v1/cohorts/demo/learners", "limit", "5", "cursor", cursor, "target", target)
			if page.AsOf.String() != at && cursor != "" || page.Members != 14 || page.Measured != measured {
				t.Fatalf("a page as of %s of %d members, %d of them measured", page.AsOf, page.Members, page.Measured)
			}
			if cursor == "" {
				page = read[query.CohortLearners](t, r, "/v1/cohorts/demo/learners", "limit", "5", "as_of", at, "target", target)
			}
			all = append(all, page.Learners...)
			if cursor = page.Next; cursor == "" {
				break
			}
		}
		if len(all) != len(want) {
			t.Fatalf("%d learners are listed, want %d", len(all), len(want))
		}
		for i, m := range all[:measured] {
			checkNeed(t, m, want[m.Learner])
			if i > 0 && *m.Need > *all[i-1].Need {
				t.Errorf("%s with a need of %v comes after %s with %v", m.Learner, *m.Need, all[i-1].Learner, *all[i-1].Need)
			}
		}
		few, idle := all[slices.IndexFunc(all, func(m query.MemberSummary) bool { return m.Learner == "ada-few" })], all[13]
		for _, m := range all[measured:] {
			if m.Need != nil {
				t.Errorf("%+v is measured and comes after who isn't", m)
			}
		}
		if few.Need != nil || few.Answers != 1 || idle.Learner != "idle" || idle.Need != nil || idle.LastActive != nil {
			t.Errorf("last come %+v and %+v, want who has none last, both without a need", few, idle)
		}
	}
	page := r.do(t, http.MethodGet, "/cohorts/demo", r.operator, nil, "")
	_, help, _ := strings.Cut(string(page.body), `id="help"`)
	if !strings.Contains(help, " of 14 have not enough answers for a judgment in any topic") || !strings.Contains(help, "demo-0") ||
		strings.Contains(help, "idle") || strings.Contains(help, "ada-few") {
		t.Errorf("the page says of who needs help: %s", help)
	}
}

// checkNeed recomputes a member's need, and where it mostly comes from.
func checkNeed(t *testing.T, m query.MemberSummary, parts []query.NeedTopic) {
	t.Helper()
	need := 0.0
	for _, part := range parts {
		need += part.Need
	}
	slices.SortStableFunc(parts, func(a, b query.NeedTopic) int {
		switch {
		case a.Need > b.Need:
			return -1
		case a.Need < b.Need:
			return 1
		}
		return 0
	})
	if m.Need == nil || !near(*m.Need, need) || m.Measured != len(parts) || len(m.Mostly) != min(3, len(parts)) {
		t.Errorf("%+v, want a need of %v from %d topics", m, need, len(parts))
		return
	}
	for i, topic := range m.Mostly {
		if topic.ID != parts[i].ID || topic.State != parts[i].State || !near(topic.Need, parts[i].Need) {
			t.Errorf("%s mostly needs %+v, want %+v", m.Learner, topic, parts[i])
		}
	}
}
