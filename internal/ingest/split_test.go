package ingest

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/gapwise/gapwise/internal/httpserver"
)

func TestSplit(t *testing.T) {
	for name, c := range map[string]struct {
		contentType, body string
		events            []string
		single            bool
		status            int    // of the problem; 0: none
		says              string // the problem
	}{
		"one event":                {contentType: typeEvent, body: " {\"id\":\"a\"}\n", events: []string{`{"id":"a"}`}, single: true},
		"parameters of the type":   {contentType: typeEvent + "; charset=utf-8", body: "{}", events: []string{"{}"}, single: true},
		"no event":                 {contentType: typeEvent, body: " \n", status: http.StatusBadRequest, says: "empty"},
		"one event isn't judged":   {contentType: typeEvent, body: "{", events: []string{"{"}, single: true},
		"an array":                 {contentType: typeBatch, body: ` [ {"a":1} , {"b":[2]} ] `, events: []string{`{"a":1}`, `{"b":[2]}`}},
		"an empty array":           {contentType: typeBatch, body: "[]"},
		"an array of anything":     {contentType: typeBatch, body: `[1,"x",null,{"a":1,"a":2}]`, events: []string{"1", `"x"`, "null", `{"a":1,"a":2}`}},
		"bytes that aren't UTF-8":  {contentType: typeBatch, body: "[{\"a\":\"\xff\"},{}]", events: []string{"{\"a\":\"\xff\"}", "{}"}},
		"no array":                 {contentType: typeBatch, body: "{}", status: http.StatusBadRequest, says: "no JSON array"},
		"nothing for an array":     {contentType: typeBatch, status: http.StatusBadRequest, says: "no JSON array"},
		"an array that breaks off": {contentType: typeBatch, body: `[{"a":1},{"b"`, status: http.StatusBadRequest, says: "after element 1"},
		"an array without end":     {contentType: typeBatch, body: `[{"a":1}`, status: http.StatusBadRequest, says: "nothing was stored"},
		"more after the array":     {contentType: typeBatch, body: `[{}] {}`, status: http.StatusBadRequest, says: "more after the JSON array"},
		"lines":                    {contentType: typeNDJSON, body: "{\"a\":1}\r\n\n  \n{\"b\":2}", events: []string{`{"a":1}`, `{"b":2}`}},
		"a broken line":            {contentType: typeNDJSON, body: "{}\n{\n{}\n", events: []string{"{}", "{", "{}"}},
		"no lines":                 {contentType: typeNDJSON},
		"another type":             {contentType: "application/json", body: "{}", status: http.StatusUnsupportedMediaType, says: typeNDJSON},
		"no type":                  {body: "{}", status: http.StatusUnsupportedMediaType, says: typeEvent},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/events", nil)
			r.Header.Set("Content-Type", c.contentType)
			raw, single, err := split(r, []byte(c.body))
			var problem *httpserver.Problem
			if errors.As(err, &problem) != (c.status != 0) || (err != nil && problem == nil) {
				t.Fatalf("got %v, want status %d", err, c.status)
			}
			if problem != nil {
				if problem.Status != c.status || !strings.Contains(problem.Detail, c.says) {
					t.Errorf("got %d %q, want %d and %q", problem.Status, problem.Detail, c.status, c.says)
				}
				return
			}
			events := make([]string, 0, len(raw))
			for _, e := range raw {
				events = append(events, string(e))
			}
			if !slices.Equal(events, c.events) || single != c.single {
				t.Errorf("got %q, single %v, want %q, %v", events, single, c.events, c.single)
			}
		})
	}
}
