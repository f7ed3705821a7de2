package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/gapwise/gapwise/internal/httpserver"
	"github.com/gapwise/gapwise/schemas"
)

// contract is schemas/openapi.yaml, and what the server was seen to answer.
type contract struct {
	doc  *openapi3.T
	seen map[string]map[int]bool // "GET /v1/cohorts" → statuses
}

func loadContract(t *testing.T) *contract {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(schemas.OpenAPI)
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	c := &contract{doc: doc, seen: map[string]map[int]bool{}}
	for _, route := range c.routes() {
		c.seen[route] = map[int]bool{}
	}
	return c
}

// routes lists the contract's routes as "METHOD /path".
func (c *contract) routes() []string {
	var list []string
	for path, item := range c.doc.Paths.Map() {
		for method := range item.Operations() {
			list = append(list, method+" "+path)
		}
	}
	slices.Sort(list)
	return list
}

func (c *contract) operation(route string) *openapi3.Operation {
	method, path, _ := strings.Cut(route, " ")
	if item := c.doc.Paths.Value(path); item != nil {
		return item.GetOperation(method)
	}
	return nil
}

// hold checks one answer against the contract: its status, content type,
// headers, and every field of its body, those too many included.
func (c *contract) hold(t *testing.T, route string, got answer) {
	t.Helper()
	op := c.operation(route)
	if op == nil {
		t.Errorf("%s is not in the contract", route)
		return
	}
	c.seen[route][got.status] = true
	response := op.Responses.Status(got.status)
	if response == nil {
		t.Errorf("%s answered %d, which the contract doesn't know: %s", route, got.status, got.body)
		return
	}
	for name, header := range response.Value.Headers {
		if header.Value.Required && got.header.Get(name) == "" {
			t.Errorf("%s: %d without the header %s", route, got.status, name)
		}
	}
	if len(response.Value.Content) == 0 {
		return
	}
	mediaType, _, err := mime.ParseMediaType(got.header.Get("Content-Type"))
	content := response.Value.Content[mediaType]
	if err != nil || content == nil {
		t.Errorf("%s: %d came as %q, which the contract doesn't know", route, got.status, got.header.Get("Content-Type"))
		return
	}
	if !strings.HasSuffix(mediaType, "json") {
		return
	}
	documents := [][]byte{got.body}
	if mediaType == "application/x-ndjson" {
		documents = bytes.Split(bytes.TrimSuffix(got.body, []byte("\n")), []byte("\n"))
	}
	for _, document := range documents {
		c.holdBody(t, fmt.Sprintf("%s: %d", route, got.status), content, document)
	}
}

// holdBody checks one JSON document.
func (c *contract) holdBody(t *testing.T, what string, content *openapi3.MediaType, document []byte) {
	t.Helper()
	var body any
	if err := json.Unmarshal(document, &body); err != nil {
		t.Errorf("%s: %v", what, err)
		return
	}
	if err := content.Schema.Value.VisitJSON(body, openapi3.EnableJSONSchema2020(), openapi3.MultiErrors()); err != nil {
		t.Errorf("%s: %.300s", what, err)
	}
	for _, unknown := range undocumented(content.Schema.Value, body, "") {
		t.Errorf("%s: the contract doesn't know the field %s", what, unknown)
	}
}

// undocumented lists the fields of a value that its schema doesn't name. The
// contract leaves room for new fields; the server of the same commit has none.
func undocumented(schema *openapi3.Schema, value any, at string) (unknown []string) {
	switch value := value.(type) {
	case map[string]any:
		named, open := properties(schema)
		for name, v := range value {
			if property, ok := named[name]; ok {
				unknown = append(unknown, undocumented(property, v, at+"."+name)...)
			} else if !open {
				unknown = append(unknown, at+"."+name)
			}
		}
	case []any:
		for _, v := range value {
			if schema.Items != nil {
				unknown = append(unknown, undocumented(schema.Items.Value, v, at+"[]")...)
			}
		}
	}
	return unknown
}

// properties gathers what a schema names, by itself and through allOf, anyOf and oneOf.
func properties(schema *openapi3.Schema) (named map[string]*openapi3.Schema, open bool) {
	named = map[string]*openapi3.Schema{}
	for name, p := range schema.Properties {
		named[name] = p.Value
	}
	has := schema.AdditionalProperties
	open = has.Schema != nil || has.Has != nil && *has.Has
	for _, part := range slices.Concat(schema.AllOf, schema.AnyOf, schema.OneOf) {
		more, alsoOpen := properties(part.Value)
		open = open || alsoOpen
		for name, p := range more {
			named[name] = p
		}
	}
	return named, open
}

// Every route of the server is in the contract, and the other way round.
func (c *contract) coversRoutes(t *testing.T, patterns []string) {
	t.Helper()
	served := make([]string, len(patterns))
	for i, pattern := range patterns {
		served[i] = strings.TrimSuffix(pattern, "{$}")
	}
	slices.Sort(served)
	for _, route := range served {
		if c.operation(route) == nil {
			t.Errorf("the server has %s, the contract has not", route)
		}
	}
	for _, route := range c.routes() {
		if !slices.Contains(served, route) {
			t.Errorf("the contract has %s, the server has not", route)
		}
	}
}

// faults are statuses that only a fault or an overload brings: the tests of
// package httpserver provoke them.
var faults = []string{"408", "429", "500", "503"}

// complete tells which answers of the contract were never seen.
func (c *contract) complete(t *testing.T) {
	t.Helper()
	for _, route := range c.routes() {
		for status := range c.operation(route).Responses.Map() {
			var number int
			_, _ = fmt.Sscan(status, &number)
			if !c.seen[route][number] && !slices.Contains(faults, status) {
				t.Errorf("%s: no call of this test was answered %s", route, status)
			}
		}
	}
}

// fill puts values into a route's path.
func fill(path string) string {
	return strings.NewReplacer("{id}", "none", "{cohort}", "demo", "{learner}", "demo-001", "{file}", "none.css",
		"{concern}", "security", "{chapter}", "caching-observability", "{item}", "covering-index", "{seq}", "1", "{request}", "known", "{version}", "starting-1").Replace(path)
}

// TestContract calls every route in good and in bad ways and holds every answer
// to schemas/openapi.yaml.
func TestContract(t *testing.T) {
	t.Parallel()
	c := loadContract(t)
	s := startSystem(t)
	router, err := s.routes()
	if err != nil {
		t.Fatal(err)
	}
	c.coversRoutes(t, router.Patterns())

	operator := s.token(t, httpserver.Claims{Role: httpserver.RoleOperator})
	at := s.seed(t, operator)
	t.Run("without a token", func(t *testing.T) { s.callWithoutToken(t, c) })
	t.Run("parameters", func(t *testing.T) { s.callWithParameters(t, c, operator, url.QueryEscape(at.String())) })
	t.Run("events", func(t *testing.T) { s.callEvents(t, c, operator) })
	t.Run("verifications", func(t *testing.T) { s.callVerifications(t, c, operator) })
	t.Run("pages", func(t *testing.T) { s.callPages(t, c, operator) })
	t.Run("contents", func(t *testing.T) { s.contents(t, c, operator) })
	t.Run("pages of lists", func(t *testing.T) { s.pages(t, operator) })
	t.Run("browser", func(t *testing.T) { s.browse(t) })
	t.Run("archive", func(t *testing.T) { s.callArchive(t, c, operator) })
	t.Run("admin", func(t *testing.T) { s.callAdmin(t, c, operator) })
	t.Run("models", func(t *testing.T) { s.callModels(t, c, operator) })
	t.Run("replays", func(t *testing.T) { s.callReplays(t, c, operator) })
	t.Run("rights", func(t *testing.T) { s.rights(t, c, at) })
	t.Run("rights of events", func(t *testing.T) { s.rightsOfEvents(t) })
	t.Run("news", func(t *testing.T) { s.news(t, c, operator) })
	c.complete(t)
}

// callWithoutToken: what needs someone answers 401, to programs and browsers.
func (s *system) callWithoutToken(t *testing.T, c *contract) {
	for _, route := range c.routes() {
		method, path, _ := strings.Cut(route, " ")
		security := c.operation(route).Security
		public := security != nil && (len(*security) == 0 || slices.ContainsFunc(*security, func(r openapi3.SecurityRequirement) bool { return len(r) == 0 }))
		for _, header := range []map[string]string{nil, {"Accept": "text/html"}} {
			got := s.do(t, method, fill(path), "", header, "")
			c.hold(t, route, got)
			if !public && got.status != http.StatusUnauthorized {
				t.Errorf("%s without a token: %d", route, got.status)
			}
			if public && path != "/sign-in" && got.status == http.StatusUnauthorized {
				t.Errorf("%s is public in the contract, and asks for a token", route)
			}
		}
		if !public {
			c.hold(t, route, s.do(t, method, fill(path), "not.a.token", nil, ""))
		}
	}
}

// callWithParameters calls every reading route with each of its parameters,
// once well and once badly.
func (s *system) callWithParameters(t *testing.T, c *contract, operator, at string) {
	good := map[string][]string{
		"as_of": {at, "3", "2026-01-01T00:00:00Z"}, "by": {"concern", "chapter"}, "catalog": {"then", "now"}, "model": {"then", "now"},
		"limit": {"1", "1000"}, "cursor": {"5"}, "day": {"2026-01-01"}, "concern": {"security"},
		"from": {"2026-01-01T00:00:00Z"}, "to": {"2026-01-02T00:00:00Z"}, "stream": {"2026-01-01T00:00:00.123456789Z"},
		"target": {"typical", "senior"}, "weeks": {"1", "26"}, "arithmetic": {"true", "false"}, "sort": {"attention", "right"},
	}
	bad := map[string][]string{
		"as_of": {"yesterday", "999999999", "2999-01-01T00:00:00Z", "1@x"}, "by": {"mood"}, "catalog": {"soon"}, "model": {"old"},
		"limit": {"0", "1001", "many"}, "day": {"monday"}, "target": {"principal"}, "weeks": {"0", "27", "many"}, "arithmetic": {"perhaps"}, "sort": {"id"},
		"from": {"monday", "2999-01-01"}, "to": {"tomorrow", "2126-01-01T00:00:00Z"}, "stream": {"this"},
	}
	// Their cursors name a moment, and an item or a learner.
	ordered := []string{"GET /v1/cohorts/{cohort}/items", "GET /v1/cohorts/{cohort}/learners", "GET /cohorts/{cohort}/items",
		"GET /v1/cohorts/{cohort}/self-assessment", "GET /cohorts/{cohort}/self-assessment"}
	for _, route := range c.routes() {
		method, path, _ := strings.Cut(route, " ")
		if method != http.MethodGet || path == "/v1/stream" || path == "/sign-in" {
			continue
		}
		evidence := strings.HasSuffix(path, "/evidence")
		base := fill(path) + "?"
		if evidence {
			c.hold(t, route, s.do(t, method, base, operator, nil, "")) // which events?
			c.hold(t, route, s.do(t, method, base+"concern=nonsense", operator, nil, ""))
			c.hold(t, route, s.do(t, method, base+"chapter=caching-observability", operator, nil, ""))
			c.hold(t, route, s.do(t, method, base+"concern=security&item=x", operator, nil, ""))
			c.hold(t, route, s.do(t, method, base+"by=chapter&arithmetic=true", operator, nil, ""))
			base += "concern=security&"
		}
		got := s.do(t, method, base, operator, nil, "")
		c.hold(t, route, got)
		for _, parameter := range c.operation(route).Parameters {
			name := parameter.Value.Name
			for _, value := range good[name] {
				if evidence && (name == "concern" || value == "chapter") || slices.Contains(ordered, route) && name == "cursor" {
					continue
				}
				got := s.do(t, method, base+name+"="+value, operator, nil, "")
				c.hold(t, route, got)
				if got.status >= 400 {
					t.Errorf("%s %s=%s: %d %.200s", route, name, value, got.status, got.body)
				}
			}
			wrong := bad[name]
			if slices.Contains(ordered, route) && name == "cursor" {
				wrong = []string{"5", "5@x", at + "/none"}
			}
			for _, value := range wrong {
				got := s.do(t, method, base+name+"="+value, operator, nil, "")
				c.hold(t, route, got)
				text, _ := url.QueryUnescape(value)
				if got.status != http.StatusBadRequest || !strings.Contains(string(got.body), text) {
					t.Errorf("%s %s=%s: %d %.200s", route, name, value, got.status, got.body)
				}
			}
		}
	}
}

// callPages: the ways of signing in and out, the files that pages load, and the
// metrics as someone elsewhere sees them.
func (s *system) callPages(t *testing.T, c *contract, operator string) {
	for query, want := range map[string]int{"": 401, "?token=x": 401, "?token=" + operator: 303} {
		got := s.do(t, http.MethodGet, "/sign-in"+query, "", nil, "")
		c.hold(t, "GET /sign-in", got)
		if got.status != want {
			t.Errorf("GET /sign-in%.20s: %d", query, got.status)
		}
	}
	c.hold(t, "POST /sign-out", s.do(t, http.MethodPost, "/sign-out", "", map[string]string{"Sec-Fetch-Site": "same-origin"}, ""))
	c.hold(t, "POST /sign-out", s.do(t, http.MethodPost, "/sign-out", "", map[string]string{"Sec-Fetch-Site": "cross-site"}, ""))
	c.hold(t, "GET /", s.do(t, http.MethodGet, "/?cohort=demo&by=chapter", operator, nil, ""))

	for route, path := range map[string]string{
		"GET /catalog/concerns/{concern}": "/catalog/concerns/covering-index", "GET /catalog/chapters/{chapter}": "/catalog/chapters/security",
		"GET /catalog/items/{item}": "/catalog/items/security",
	} {
		got := s.do(t, http.MethodGet, path, operator, nil, "")
		c.hold(t, route, got)
		if got.status != http.StatusNotFound {
			t.Errorf("GET %s, which is something else: %d", path, got.status)
		}
	}

	elsewhere := map[string]string{"X-Forwarded-For": "192.0.2.1"}
	learner := s.token(t, httpserver.Claims{Role: httpserver.RoleLearner, Learner: "demo-001"})
	for token, want := range map[string]int{"": 401, learner: 403, operator: 200} {
		got := s.do(t, http.MethodGet, "/metrics", token, elsewhere, "")
		c.hold(t, "GET /metrics", got)
		if got.status != want {
			t.Errorf("GET /metrics from elsewhere: %d instead of %d", got.status, want)
		}
	}

	page := s.do(t, http.MethodGet, "/", operator, nil, "")
	_, rest, _ := strings.Cut(string(page.body), `<link rel="stylesheet" href="`)
	style, _, _ := strings.Cut(rest, `"`)
	got := s.do(t, http.MethodGet, style, "", nil, "")
	c.hold(t, "GET /static/{file}", got)
	if got.status != http.StatusOK || !strings.Contains(got.header.Get("Cache-Control"), "immutable") {
		t.Errorf("the style sheet %s: %d %s", style, got.status, got.header.Get("Cache-Control"))
	}
}

// contents: the seeded cohort is in the reports, with what rests on answers.
func (s *system) contents(t *testing.T, c *contract, operator string) {
	for path, want := range map[string]string{
		"/v1/cohorts":                       `"id":"demo"`,
		"/v1/cohorts/demo/weak-topics":      `"learners":12`,
		"/v1/cohorts/demo/heatmap":          `"learner":"demo-012"`,
		"/v1/learners/demo-001/next-topics": `"reason":"mastery `,
		"/v1/learners/demo-001/weak-topics": `"state":"`,
		"/v1/learners/demo-001/export":      `"kind":"answer"`,
		"/v1/catalog":                       `"id":"security"`,
		"/v1/openapi.yaml":                  "openapi: 3.1.0",
		"/v1/learners/demo-001/progress":    `"day":"`,
		"/v1/cohorts/demo/learners?limit=2": `"next":"`,
		"/v1/cohorts/demo/items?limit=2":    `"next":"`,
		"/v1/learners/nobody/weak-topics":   `"mastery":null`,
		"/v1/cohorts/demo/heatmap?as_of=1":  `"rows":[]`,
		"/v1/cohorts/none/weak-topics":      `"share_weak":null`,
		"/v1/learners/nobody/next-topics":   "not measured yet",
		"/v1/cohorts/demo/reliability":      `"state":"as_predicted"`,
		"/v1/reliability":                   `"cohorts":[{"id":"demo"`,
		"/cohorts/none/reliability":         "There is no answer to hold a prediction against",
	} {
		got := s.do(t, http.MethodGet, path, operator, nil, "")
		if got.status != http.StatusOK || !strings.Contains(string(got.body), want) {
			t.Errorf("GET %s: %d without %s: %.300s", path, got.status, want, got.body)
		}
	}
	// An answer of every kind was held to the contract's own words for it, too.
	c.hold(t, "GET /v1/cohorts/{cohort}/weak-topics", s.do(t, http.MethodGet, "/v1/cohorts/none/weak-topics", operator, nil, ""))
	c.hold(t, "GET /v1/cohorts/{cohort}/reliability", s.do(t, http.MethodGet, "/v1/cohorts/none/reliability", operator, nil, ""))
	c.hold(t, "GET /v1/learners/{learner}/weak-topics", s.do(t, http.MethodGet, "/v1/learners/nobody/weak-topics", operator, nil, ""))
	c.hold(t, "GET /v1/learners/{learner}/next-topics", s.do(t, http.MethodGet, "/v1/learners/nobody/next-topics", operator, nil, ""))
}

// callEvents writes to the door in every content type, well and badly.
func (s *system) callEvents(t *testing.T, c *contract, operator string) {
	const route, types = "POST /v1/events", "application/"
	event := func(id, source, more string) string {
		return `{"specversion":"1.0","id":"` + id + `","source":"` + source + `","type":"study.answer.submitted.v1","subject":"demo-001",` +
			`"time":"2026-01-05T10:00:00Z","data":{"item":"what-a-log-line-carries","correct":true}` + more + `}`
	}
	var good any
	if err := json.Unmarshal([]byte(event("e", "s", "")), &good); err != nil {
		t.Fatal(err)
	}
	if err := c.doc.Components.Schemas["Event"].Value.VisitJSON(good, openapi3.EnableJSONSchema2020()); err != nil {
		t.Errorf("the contract refuses an event that the door takes: %v", err)
	}
	learner := s.token(t, httpserver.Claims{Role: httpserver.RoleLearner, Learner: "demo-002"})
	for _, call := range []struct {
		contentType, body, token string
		status                   int
		says                     string
	}{
		{"cloudevents+json", event("c1", "lms", ""), operator, 200, `"accepted":1`},
		{"cloudevents+json", event("c1", "lms", ""), operator, 200, `"duplicates":1`},
		{"cloudevents+json", event("c2", "lms", `,"extra":1`), operator, 200, `"accepted":1`},
		{"cloudevents+json", event("c3", "lms", ""), learner, 403, "demo-001"},
		{"cloudevents+json", strings.Replace(event("c4", "lms", ""), "what-a-log", "no-such", 1), operator, 422, "no-such"},
		{"cloudevents+json", strings.Replace(event("c5", "lms", ""), "2026-01-05", "2199-01-05", 1), operator, 422, "2199"},
		{"cloudevents+json", "", operator, 400, "empty"},
		{"cloudevents+json", "{", operator, 400, ""},
		{"cloudevents-batch+json", "[" + event("b1", "lms", "") + "," + event("b2", "", "") + "]", operator, 200, `"rejected":[{"index":1`},
		{"cloudevents-batch+json", "[]", operator, 200, `"accepted":0`},
		{"cloudevents-batch+json", "[{]", operator, 400, "element 0"},
		{"cloudevents-batch+json", "{}", operator, 400, "array"},
		{"x-ndjson", event("n1", "lms", "") + "\n\nnonsense\n\xff\n", operator, 200, `"id":null`},
		{"x-ndjson", strings.Repeat("1\n", 10_001), operator, 413, "10000"},
		{"x-ndjson", strings.Repeat(" ", 10<<20), operator, 413, "bytes"},
		{"json", event("j1", "lms", ""), operator, 415, "application/json"},
	} {
		got := s.do(t, http.MethodPost, "/v1/events", call.token, map[string]string{"Content-Type": types + call.contentType}, call.body)
		c.hold(t, route, got)
		if got.status != call.status || !strings.Contains(string(got.body), call.says) {
			t.Errorf("%s %.80s: %d instead of %d (%s): %.300s", call.contentType, call.body, got.status, call.status, call.says, got.body)
		}
	}
}

// holdNews holds one event of the stream to the contract.
func holdNews(t *testing.T, schema *openapi3.Schema, data string, into any) {
	t.Helper()
	var value any
	if err := json.Unmarshal([]byte(data), &value); err != nil {
		t.Fatal(err)
	}
	if err := schema.VisitJSON(value, openapi3.EnableJSONSchema2020()); err != nil {
		t.Errorf("news %s: %v", data, err)
	}
	if unknown := undocumented(schema, value, ""); len(unknown) > 0 {
		t.Errorf("news %s: the contract doesn't know %v", data, unknown)
	}
	if err := json.Unmarshal([]byte(data), into); err != nil {
		t.Fatal(err)
	}
}
