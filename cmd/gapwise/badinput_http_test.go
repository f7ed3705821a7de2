package main

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gapwise/gapwise/internal/httpserver"
)

// door sends bodies, types and tokens that the door doesn't take.
func (w *wrongdoer) door() []badInput {
	var list []badInput
	const path, batch, lines, single = "/v1/events", "application/cloudevents-batch+json", "application/x-ndjson", "application/cloudevents+json"
	add := func(name, method, token, contentType, body string) {
		input := fmt.Sprint(method, contentType, len(token), body)
		list = append(list, badInput{name, input, w.ask(method, path, token, contentType, body)})
	}
	for _, contentType := range []string{"", "application/json", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/cloudevents", ";"} {
		add(fmt.Sprintf("content type %q", contentType), http.MethodPost, w.operator, contentType, "{}")
	}
	for _, body := range []string{"", "{}", "x", "[", "[{}", "[{},", "[{}]]", "[{}] []", "[,]", "[{} {}]", "null"} {
		add(fmt.Sprintf("list %q", body), http.MethodPost, w.operator, batch, body)
	}
	for _, body := range []string{"[7]", `[""]`, "[null]", "[[]]", "[{}]"} {
		add("list with one event "+body, http.MethodPost, w.operator, batch, body)
	}
	for _, body := range []string{"{", "7", "[]", "x"} {
		add("line "+body, http.MethodPost, w.operator, lines, body)
	}
	add("too many lines", http.MethodPost, w.operator, lines, strings.Repeat("{}\n", 10_001))
	add("a body of 10 MB", http.MethodPost, w.operator, lines, strings.Repeat(" ", 10<<20))
	for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete, http.MethodPatch} {
		add("method "+method, method, w.operator, single, "")
	}
	add("no token", http.MethodPost, "", single, "{}")
	add("half a token", http.MethodPost, w.operator[:20], single, "{}")
	add("a changed token", http.MethodPost, w.operator[:len(w.operator)-4]+"AAAA", single, "{}")
	event := func(source, subject, kind, data string) string {
		return fmt.Sprintf(`{"specversion":"1.0","id":"1","source":%q,"subject":%q,"time":"2026-03-01T09:30:00Z","type":"study.%s.v1","data":{%s}}`, source, subject, kind, data)
	}
	const right, graded = `"item":"add-two","correct":true`, `"item":"add-two","correct":true,"graded_by":"instructor"`
	for _, c := range []struct {
		who   string
		token httpserver.Claims
		body  string
	}{
		{"a learner as another", httpserver.Claims{Role: httpserver.RoleLearner, Learner: "ada"}, event("x", "bob", "answer.submitted", right)},
		{"a learner as an instructor", httpserver.Claims{Role: httpserver.RoleLearner, Learner: "ada"}, event("x", "ada", "answer.submitted", graded)},
		{"a learner who voids", httpserver.Claims{Role: httpserver.RoleLearner, Learner: "ada"}, event("x", "ada", "answer.voided", `"event":"1"`)},
		{"a learner who joins", httpserver.Claims{Role: httpserver.RoleLearner, Learner: "ada"}, event("x", "ada", "cohort.joined", `"cohort":"c"`)},
		{"a producer as another", httpserver.Claims{Role: httpserver.RoleProducer, Source: "y"}, event("x", "ada", "answer.submitted", right)},
		{"a producer who voids another's", httpserver.Claims{Role: httpserver.RoleProducer, Source: "x"}, event("x", "ada", "answer.voided", `"event":"1","source":"y"`)},
		{"a producer who joins learners", httpserver.Claims{Role: httpserver.RoleProducer, Source: "x"}, event("x", "ada", "cohort.joined", `"cohort":"c"`)},
		{"a producer who pins", httpserver.Claims{Role: httpserver.RoleProducer, Source: "x"}, event("x", "ada", "topic.pinned", `"topic":"adding"`)},
		{"an instructor who answers", httpserver.Claims{Role: httpserver.RoleInstructor, Cohorts: []string{"c"}}, event("x", "ada", "answer.submitted", right)},
		{"an instructor of others", httpserver.Claims{Role: httpserver.RoleInstructor, Cohorts: []string{"c"}}, event("x", "ada", "answer.submitted", graded)},
		{"an instructor who publishes", httpserver.Claims{Role: httpserver.RoleInstructor, Cohorts: []string{"c"}}, event("x", "course", "catalog.published", `"version":"1","content":"x"`)},
	} {
		c.token.Life = time.Hour
		add(c.who, http.MethodPost, w.token(w.T, c.token), single, c.body)
	}
	return list
}

// requests ask for reports in ways that can't be answered.
func (w *wrongdoer) requests() []badInput {
	var list []badInput
	get := func(path string) {
		list = append(list, badInput{"GET " + path, path, w.ask(http.MethodGet, path, w.operator, "", "")})
	}
	const weak = "/v1/learners/ada/weak-topics?"
	for _, asOf := range []string{"x", "-1", "1.5", "@", "1@", "@1", "1@x", "1@2026-03-01", "x@2026-03-01T00:00:00Z", "2026-03-01", "2026-03-01T00:00:00", "now", "999999", "18446744073709551616", "2999-01-01T00:00:00Z", "1@2999-01-01T00:00:00Z", "1@1@1", "\x00"} {
		get(weak + url.Values{"as_of": {asOf}}.Encode())
	}
	for _, by := range []string{"topic", "Concern", "chapters", " "} {
		get(weak + url.Values{"by": {by}}.Encode())
	}
	for _, name := range []string{"catalog", "model"} {
		for _, value := range []string{"x", "1", "Then"} {
			get(weak + url.Values{name: {value}}.Encode())
		}
	}
	for _, limit := range []string{"0", "-1", "x", "1e3", "1001", "99999999999999999999", "1.0"} {
		get("/v1/cohorts/c/learners?" + url.Values{"limit": {limit}}.Encode())
	}
	for _, cursor := range []string{"x", "1", "1@2026-03-01T00:00:00Z", "1@2026-03-01T00:00:00Z/", "/item", "999999@2026-03-01T00:00:00Z/add-two"} {
		get("/v1/cohorts/c/items?" + url.Values{"cursor": {cursor}}.Encode())
	}
	for _, order := range []string{"id", "RIGHT", "attention,right"} {
		get("/v1/cohorts/c/items?" + url.Values{"sort": {order}}.Encode())
	}
	for _, query := range []string{"", "concern=", "concern=adding&item=add-two", "concern=adding&chapter=sums", "concern=nowhere", "chapter=nowhere", "chapter=adding", "item=add-two&cursor=x", "item=add-two&cursor=-1"} {
		get("/v1/learners/ada/evidence?" + query)
	}
	for _, path := range []string{"/v1", "/v1/", "/v1/nothing", "/v1/learners", "/v1/learners/ada", "/v1/learners/ada/weak", "/v1/cohorts/c", "/v2/events", "/v1/admin"} {
		get(path)
	}
	return list
}

// operations ask for what operators may, in ways that can't be done.
func (w *wrongdoer) operations() []badInput {
	var list []badInput
	ask := func(method, path, body string) {
		list = append(list, badInput{method + " " + path + " " + body, method + path + body, w.ask(method, path, w.operator, "application/json", body)})
	}
	for _, cursor := range []string{"x", "-1", "1.5"} {
		ask(http.MethodGet, "/v1/admin/deadletters?cursor="+cursor, "")
	}
	for _, path := range []string{"/v1/admin/deadletters?limit=0", "/v1/admin/deadletters/x", "/v1/admin/deadletters/-1", "/v1/admin/deadletters/999999",
		"/v1/admin/erasures/nothing", "/v1/admin/verifications/nothing", "/v1/admin/models/nothing", "/v1/admin/models/jobs/nothing"} {
		ask(http.MethodGet, path, "")
	}
	for _, body := range []string{"", "x", "[]", "{", `{"action":"burn"}`, `{"action":7}`, `{"unknown":1}`} {
		ask(http.MethodPost, "/v1/admin/deadletters", body)
	}
	for _, body := range []string{"", "x", "[]", "{}", `{"learner":""}`, `{"learner":7}`, `{"unknown":1}`} {
		ask(http.MethodPost, "/v1/admin/erasures", body)
	}
	for _, body := range []string{"", "x", "[]", "{}", `{"action":"burn"}`, `{"action":"fit","dry_run":true}`, `{"action":"publish"}`, `{"action":"publish","version":7}`,
		`{"action":"publish","version":"nothing"}`, `{"action":"publish","model":{}}`, `{"action":"publish","model":7}`, `{"unknown":1}`} {
		ask(http.MethodPost, "/v1/admin/models", body)
	}
	for _, body := range []string{"x", "[]", `{"from":-1}`, `{"from":"x"}`, `{"from":1,"newest":1}`, `{"unknown":1}`} {
		ask(http.MethodPost, "/v1/admin/verifications", body)
	}
	return list
}
