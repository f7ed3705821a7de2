package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/httpserver"
	"github.com/gapwise/gapwise/internal/query"
)

// readers are those who ask, each in the role and about the data that matters.
func readers() map[string]httpserver.Claims {
	return map[string]httpserver.Claims{
		"nobody":                {},
		"operator":              {Role: httpserver.RoleOperator},
		"instructor of demo":    {Role: httpserver.RoleInstructor, Cohorts: []string{"demo"}},
		"instructor of another": {Role: httpserver.RoleInstructor, Cohorts: []string{"other"}},
		"demo-001":              {Role: httpserver.RoleLearner, Learner: "demo-001"},
		"demo-002":              {Role: httpserver.RoleLearner, Learner: "demo-002"},
		"producer":              {Role: httpserver.RoleProducer, Source: "lms", Cohorts: []string{"demo"}},
	}
}

// rights: role × route × whose. Each kind of route lists who may read it, for
// the cohort demo and its learner demo-001; all others are refused.
func (s *system) rights(t *testing.T, c *contract, at query.AsOf) {
	ofCohort := []string{"operator", "instructor of demo"}
	ofLearner := []string{"operator", "instructor of demo", "demo-001"}
	persons := []string{"operator", "instructor of demo", "instructor of another", "demo-001", "demo-002"}
	everyone := append(slices.Clone(persons), "producer")
	may := map[string][]string{
		"GET /v1/cohorts":                            {"operator", "instructor of demo", "instructor of another"},
		"GET /v1/cohorts/{cohort}/weak-topics":       ofCohort,
		"GET /v1/cohorts/{cohort}/heatmap":           ofCohort,
		"GET /v1/cohorts/{cohort}/weeks":             ofCohort,
		"GET /v1/cohorts/{cohort}/items":             ofCohort,
		"GET /v1/cohorts/{cohort}/learners":          ofCohort,
		"GET /v1/cohorts/{cohort}/self-assessment":   ofCohort,
		"GET /v1/learners/{learner}/self-assessment": ofLearner,
		"GET /v1/cohorts/{cohort}/reliability":       ofCohort,
		"GET /v1/reliability":                        {"operator"},
		"GET /cohorts/{cohort}":                      ofCohort,
		"GET /cohorts/{cohort}/self-assessment":      ofCohort,
		"GET /cohorts/{cohort}/items":                ofCohort,
		"GET /cohorts/{cohort}/reliability":          ofCohort,
		"GET /v1/learners/{learner}/weak-topics":     ofLearner,
		"GET /v1/learners/{learner}/next-topics":     ofLearner,
		"GET /v1/learners/{learner}/progress":        ofLearner,
		"GET /v1/learners/{learner}/evidence":        ofLearner,
		"GET /v1/learners/{learner}/export":          ofLearner,
		"GET /learners/{learner}":                    ofLearner,
		"GET /learners/{learner}/evidence":           ofLearner,
		"GET /v1/catalog":                            everyone,
		"GET /catalog":                               everyone,
		"GET /catalog/concerns/{concern}":            everyone,
		"GET /catalog/chapters/{chapter}":            everyone,
		"GET /catalog/items/{item}":                  everyone,
		"GET /v1/models/active":                      persons,
		"GET /v1/projections":                        persons,
		"GET /v1/stream":                             persons,
		"GET /v1/admin/deadletters":                  {"operator"},
		"POST /v1/admin/deadletters":                 {"operator"},
		"GET /v1/admin/deadletters/{seq}":            {"operator"},
		"GET /v1/admin/exports":                      {"operator"},
		"GET /v1/admin/imports":                      {"operator"},
		"POST /v1/admin/imports":                     {"operator"},
		"GET /v1/admin/erasures":                     {"operator"},
		"POST /v1/admin/erasures":                    {"operator", "demo-001", "demo-002"}, // learners for themselves: see callAdmin
		"GET /v1/admin/erasures/{request}":           {"operator", "demo-001", "demo-002"}, // of own requests: see callAdmin
		"GET /v1/admin/verifications":                {"operator"},
		"GET /v1/admin/verifications/{id}":           {"operator"},
		"POST /v1/admin/verifications":               {"operator"},
		"GET /v1/admin/replays":                      {"operator"},
		"POST /v1/admin/replays":                     {"operator"},
		"GET /v1/admin/replays/comparison":           {"operator"},
		"GET /v1/admin/replays/stream":               {"operator"},
		"GET /v1/admin/models":                       {"operator"},
		"POST /v1/admin/models":                      {"operator"},
		"GET /v1/admin/models/{version}":             {"operator"},
		"GET /v1/admin/models/jobs/{id}":             {"operator"},
		"POST /v1/events":                            everyone, // what each may write: see rightsOfEvents
	}
	tokens := map[string]string{}
	for name, claims := range readers() {
		tokens[name] = s.token(t, claims)
	}
	for _, route := range c.routes() {
		method, path, _ := strings.Cut(route, " ")
		allowed, listed := may[route]
		if !listed {
			if security := c.operation(route).Security; security == nil {
				t.Errorf("%s needs a token, and this test doesn't say whose", route)
			}
			continue
		}
		target := fill(path)
		switch path {
		case "/v1/admin/verifications/{id}":
			target = s.verification
		case "/v1/admin/models/jobs/{id}":
			target = s.modelJob
		}
		if path == "/v1/admin/imports" {
			target += "?stream=2026-01-01T00:00:00Z"
		}
		if strings.HasSuffix(path, "/evidence") {
			target += "?concern=security"
		}
		for name, token := range tokens {
			want := http.StatusForbidden
			switch {
			case name == "nobody":
				want = http.StatusUnauthorized
			case contains(allowed, name) && method == http.MethodPost:
				want = http.StatusUnsupportedMediaType // it came through the door, with nothing
			case contains(allowed, name) && strings.HasSuffix(path, "{request}"):
				want = http.StatusNotFound // there is none
			case contains(allowed, name):
				want = http.StatusOK
			}
			got := s.do(t, method, target, token, nil, "")
			c.hold(t, route, got)
			if got.status != want {
				t.Errorf("%s by %s: %d instead of %d: %.200s", route, name, got.status, want, got.body)
			}
		}
	}
	s.rightsInTime(t, tokens["instructor of demo"], tokens["operator"], at)
	s.rightsOfLists(t, tokens)
}

func contains(list []string, s string) bool {
	for _, v := range list {
		if v == s {
			return true
		}
	}
	return false
}

// rightsInTime: who left a cohort is read up to then, with the facts of then: a
// past membership opens nothing that was stored later.
func (s *system) rightsInTime(t *testing.T, instructor, operator string, at query.AsOf) {
	var gone query.Export
	got := s.do(t, http.MethodGet, "/v1/learners/gone/export", operator, nil, "")
	if err := json.Unmarshal(got.body, &gone); err != nil || len(gone.Events) != 2 {
		t.Fatalf("who joined and left has %d events: %v", len(gone.Events), err)
	}
	joined, left := gone.Events[0].Seq, gone.Events[1].Seq
	wasMember := at.Time.AddDate(0, 0, -3)
	for asOf, want := range map[string]int{
		"":                             http.StatusForbidden,
		at.String():                    http.StatusForbidden,
		fmt.Sprint(left):               http.StatusForbidden,
		fmt.Sprint(joined):             http.StatusOK,
		wasMember.Format(time.RFC3339): http.StatusForbidden, // nothing was stored then
		query.AsOf{Seq: at.Seq, Time: wasMember}.String(): http.StatusBadRequest,
		query.AsOf{Seq: joined, Time: wasMember}.String(): http.StatusBadRequest,
		query.AsOf{Seq: joined, Time: at.Time}.String():   http.StatusOK,
	} {
		path := "/v1/learners/gone/weak-topics?as_of=" + url.QueryEscape(asOf)
		if got := s.do(t, http.MethodGet, path, instructor, nil, ""); got.status != want {
			t.Errorf("an instructor reads who left as of %q: %d instead of %d: %s", asOf, got.status, want, got.body)
		}
	}
}

// rightsOfLists: a list shows one's own and is silent about the rest.
func (s *system) rightsOfLists(t *testing.T, tokens map[string]string) {
	for name, want := range map[string][2]bool{
		"operator": {true, true}, "instructor of demo": {true, false}, "instructor of another": {false, true},
	} {
		body := string(s.do(t, http.MethodGet, "/v1/cohorts", tokens[name], nil, "").body)
		if got := [2]bool{strings.Contains(body, `"demo"`), strings.Contains(body, `"other"`)}; got != want {
			t.Errorf("%s sees demo, other: %v instead of %v", name, got, want)
		}
	}
	for name, want := range map[string]string{"demo-001": "/learners/demo-001", "demo-002": "/learners/demo-002"} {
		got := s.do(t, http.MethodGet, "/", tokens[name], nil, "")
		if got.status != http.StatusSeeOther || got.header.Get("Location") != want {
			t.Errorf("%s comes to %d %s instead of %s", name, got.status, got.header.Get("Location"), want)
		}
	}
}

// rightsOfEvents: role × type × whose. Each line is one event; who may write it
// is listed, all others are told why not.
func (s *system) rightsOfEvents(t *testing.T) {
	const (
		answer  = `"type":"study.answer.submitted.v1","data":{"item":"what-a-log-line-carries","correct":true}`
		graded  = `"type":"study.answer.submitted.v1","data":{"item":"what-a-log-line-carries","score":0.5,"graded_by":"instructor"}`
		void    = `"type":"study.answer.voided.v1","data":{"event":"none"}`
		nobody  = "00112233445566778899aabbccddeeff"
		foreign = `"type":"study.answer.voided.v1","data":{"event":"none","source":"elsewhere"}`
	)
	lines := []struct {
		source, subject, rest, may string
	}{
		{"lms", "demo-001", answer, "operator demo-001 producer"},
		{"else", "demo-001", answer, "operator demo-001"},
		{"lms", "demo-002", answer, "operator demo-002 producer"},
		{"lms", "demo-001", graded, "operator instructor-of-demo producer"},
		{"lms", "elsewhere", graded, "operator instructor-of-another producer"},
		{"lms", "demo-001", void, "operator instructor-of-demo producer"},
		{"else", "demo-001", void, "operator instructor-of-demo"},
		{"lms", "demo-001", foreign, "operator instructor-of-demo"},
		{"lms", "elsewhere", void, "operator instructor-of-another producer"},
		{"lms", "demo-001", `"type":"study.checklist.ticked.v1","data":{"item":"can-explain-mvcc"}`, "operator demo-001 producer"},
		{"lms", "demo-001", `"type":"study.checklist.unticked.v1","data":{"item":"can-explain-mvcc"}`, "operator demo-001 producer"},
		{"lms", "demo-001", `"type":"study.session.started.v1","data":{"session":"s"}`, "operator demo-001 producer"},
		{"lms", "demo-001", `"type":"study.session.ended.v1","data":{"session":"s"}`, "operator demo-001 producer"},
		{"lms", "demo-001", `"type":"study.session.ended.v2","data":{"session":"s","active_seconds":60}`, "operator demo-001 producer"},
		{"else", "demo-002", `"type":"study.session.ended.v2","data":{"session":"s","active_seconds":null}`, "operator demo-002"},
		{"lms", "new", `"type":"study.cohort.joined.v1","data":{"cohort":"demo"}`, "operator producer"},
		{"lms", "new", `"type":"study.cohort.left.v1","data":{"cohort":"demo"}`, "operator producer"},
		{"lms", "new", `"type":"study.cohort.joined.v1","data":{"cohort":"other"}`, "operator"},
		{"lms", "new", `"type":"study.cohort.left.v1","data":{"cohort":"other"}`, "operator"},
		{"lms", "demo-001", `"type":"study.topic.pinned.v1","data":{"topic":"security"}`, "operator instructor-of-demo"},
		{"lms", "demo-001", `"type":"study.topic.excluded.v1","data":{"topic":"security"}`, "operator instructor-of-demo"},
		{"lms", "demo-001", `"type":"study.topic.released.v1","data":{"topic":"security"}`, "operator instructor-of-demo"},
		{"lms", "course", `"type":"study.model.published.v1","data":{"version":"m","content":"{}"}`, "operator"},
		{"lms", "course", `"type":"study.catalog.published.v1","data":{"version":"c","content":"{}"}`, "operator"},
		{"lms", "deadletters", `"type":"study.deadletter.retried.v1","data":{"seq":1}`, "operator"},
		{"lms", "deadletters", `"type":"study.deadletter.dropped.v1","data":{"seq":1}`, "operator"},
		{"lms", nobody, `"type":"study.learner.erased.v1","data":{"learner_hmac":"` + nobody + `","request":"r"}`, "operator"},
		{"lms", nobody, `"type":"study.learner.forgotten.v1","data":{"learner_hmac":"` + nobody + `","request":"r"}`, ""},
	}
	for _, typ := range event.Types() {
		if !slices.ContainsFunc(lines, func(l struct{ source, subject, rest, may string }) bool {
			return strings.Contains(l.rest, `"`+string(typ)+`"`)
		}) {
			t.Errorf("nothing says here who may write %s: add a line for each case", typ)
		}
	}
	at := time.Now().UTC().Add(-time.Minute).Format(time.RFC3339)
	for name, claims := range readers() {
		if name == "nobody" {
			continue
		}
		var body strings.Builder
		for i, line := range lines {
			fmt.Fprintf(&body, `{"specversion":"1.0","id":"rights-%s-%d","source":%q,"subject":%q,"time":%q,%s}`+"\n",
				claims.Role, i, line.source, line.subject, at, line.rest)
		}
		refused := s.rejections(t, s.token(t, claims), body.String())
		for i, line := range lines {
			reason, was := refused[i]
			may := contains(strings.Fields(line.may), strings.ReplaceAll(name, " ", "-"))
			if was == may || was && !strings.HasPrefix(reason, "forbidden: ") {
				t.Errorf("%s writes %s of %s from %s: refused %t (%s), may write: %s", name, line.rest, line.subject, line.source, was, reason, line.may)
			}
		}
	}
}

// news: the stream tells at once how far the projection is, and again when
// something was counted.
func (s *system) news(t *testing.T, c *contract, operator string) {
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/v1/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+operator)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	c.hold(t, "GET /v1/stream", answer{status: resp.StatusCode, header: resp.Header})
	schema := c.doc.Components.Schemas["News"].Value
	scanner := bufio.NewScanner(resp.Body)
	next := func() (n query.News) {
		for scanner.Scan() {
			if data, ok := strings.CutPrefix(scanner.Text(), "data: "); ok {
				holdNews(t, schema, data, &n)
				return n
			}
		}
		t.Fatalf("the stream ended: %v", scanner.Err())
		return n
	}
	first := next()
	refused := s.rejections(t, operator, fmt.Sprintf(`{"specversion":"1.0","id":"news","source":"lms","subject":"demo-003","time":%q,`+
		`"type":"study.answer.submitted.v1","data":{"item":"what-a-log-line-carries","correct":true}}`, time.Now().UTC().Format(time.RFC3339)))
	if len(refused) > 0 {
		t.Fatal(refused)
	}
	for n := next(); n.Answers <= first.Answers; n = next() {
		if n.Floor < first.Floor {
			t.Errorf("the floor fell from %d to %d", first.Floor, n.Floor)
		}
	}
}
