package e2e_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// What the tests read of the answers, as schemas/openapi.yaml has them.
type (
	asOf struct {
		Seq  uint64 `json:"seq"`
		Time string `json:"time"`
	}
	interval struct {
		Estimate float64 `json:"estimate"`
		Low      float64 `json:"low"`
		High     float64 `json:"high"`
	}
	counts struct {
		Messages   int `json:"messages"`
		Facts      int `json:"facts"`
		Duplicates int `json:"duplicates"`
		Conflicts  int `json:"conflicts"`
		Dead       int `json:"dead_letters"`
		Answers    int `json:"answers"`
		Learners   int `json:"learners"`
	}
	projections struct {
		AsOf   asOf   `json:"as_of"`
		Floor  uint64 `json:"floor"`
		Last   uint64 `json:"last"`
		Counts counts `json:"counts"`
	}
	learnerReport struct {
		AsOf     asOf           `json:"as_of"`
		Answers  int            `json:"answers"`
		Unmapped int            `json:"unmapped"`
		Topics   []learnerTopic `json:"topics"`
	}
	learnerTopic struct {
		ID         string    `json:"id"`
		State      string    `json:"state"`
		Mastery    *interval `json:"mastery"`
		PWeak      *float64  `json:"p_weak"`
		Answers    int       `json:"answers"`
		SelfGraded float64   `json:"self_graded"`
		Observed   struct {
			Right    float64 `json:"right"`
			Expected float64 `json:"expected"`
		} `json:"observed"`
	}
	cohortReport struct {
		AsOf     asOf          `json:"as_of"`
		Learners int           `json:"learners"`
		Answers  int           `json:"answers"`
		Topics   []cohortTopic `json:"topics"`
	}
	cohortTopic struct {
		ID               string    `json:"id"`
		State            string    `json:"state"`
		Learners         int       `json:"learners"`
		LearnersMeasured int       `json:"learners_measured"`
		Answers          int       `json:"answers"`
		ShareWeak        *interval `json:"share_weak"`
		Mastery          *interval `json:"mastery"`
		SelfGraded       float64   `json:"self_graded"`
	}
	ingested struct {
		Accepted   int         `json:"accepted"`
		Duplicates int         `json:"duplicates"`
		Rejected   []rejection `json:"rejected"`
	}
	rejection struct {
		Index int     `json:"index"`
		ID    *string `json:"id"`
		Error string  `json:"error"`
	}
	deadLetters struct {
		DeadLetters []struct {
			Seq    uint64 `json:"seq"`
			Reason string `json:"reason"`
			Detail string `json:"detail"`
			Raw    string `json:"raw"`
		} `json:"dead_letters"`
	}
)

func (a asOf) String() string {
	b, _ := json.Marshal(a.Seq)
	return string(b) + "@" + a.Time
}

// caller talks to a running instance with one token.
type caller struct {
	url   string
	token string // empty: none
}

// as returns a caller with a fresh token: as(t, "--role", "operator").
func (s *instance) as(t *testing.T, claims ...string) caller {
	t.Helper()
	return caller{s.url, newToken(t, environment(s.dir), claims...)}
}

func newToken(t *testing.T, env []string, claims ...string) string {
	t.Helper()
	return strings.TrimSpace(must(t, env, append([]string{"token"}, claims...)...))
}

// call sends a request and returns the answer.
func (c caller) call(t *testing.T, method, path, contentType string, body io.Reader) (int, []byte) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, c.url+path, body)
	if err != nil {
		t.Fatal(err)
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return response.StatusCode, answer
}

// raw asks for a report and returns its bytes.
func (c caller) raw(t *testing.T, path string) []byte {
	t.Helper()
	status, answer := c.call(t, http.MethodGet, path, "", nil)
	if status != http.StatusOK {
		t.Fatalf("GET %s: %d %s", path, status, answer)
	}
	return answer
}

// get asks for a report.
func get[T any](t *testing.T, c caller, path string) T {
	t.Helper()
	var v T
	if answer := c.raw(t, path); json.Unmarshal(answer, &v) != nil {
		t.Fatalf("GET %s is no JSON of that form: %s", path, answer)
	}
	return v
}

// post sends events of which the door takes some at least.
func (c caller) post(t *testing.T, contentType string, body []byte) ingested {
	t.Helper()
	status, answer := c.call(t, http.MethodPost, "/v1/events", contentType, bytes.NewReader(body))
	var v ingested
	if status != http.StatusOK || json.Unmarshal(answer, &v) != nil {
		t.Fatalf("POST /v1/events: %d %s", status, answer)
	}
	return v
}

// settled waits until everything that the log holds now is projected.
func (c caller) settled(t *testing.T) projections {
	t.Helper()
	last := get[projections](t, c, "/v1/projections").Last
	var p projections
	eventually(t, "the log is projected", func() bool {
		p = get[projections](t, c, "/v1/projections")
		return p.Floor >= last
	})
	return p
}

// cloudEvent is an event as producers write it.
type cloudEvent struct {
	SpecVersion string         `json:"specversion"`
	ID          string         `json:"id"`
	Source      string         `json:"source"`
	Type        string         `json:"type"`
	Subject     string         `json:"subject"`
	Time        string         `json:"time"`
	Data        map[string]any `json:"data"`
}

// answerEvent is a right answer to an item.
func answerEvent(id, source, learner, item string, at time.Time) cloudEvent {
	return cloudEvent{
		SpecVersion: "1.0", ID: id, Source: source, Type: "study.answer.submitted.v1", Subject: learner,
		Time: at.UTC().Format(time.RFC3339Nano), Data: map[string]any{"item": item, "correct": true},
	}
}

func (e cloudEvent) json(t *testing.T) []byte {
	t.Helper()
	b, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The content types of POST /v1/events.
const (
	oneEvent = "application/cloudevents+json"
	batch    = "application/cloudevents-batch+json"
	ndjson   = "application/x-ndjson"
)
