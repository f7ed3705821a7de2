package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/gapwise/gapwise/internal/catalog"
	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/httpserver"
	"github.com/gapwise/gapwise/internal/query"
	"github.com/gapwise/gapwise/internal/simulate"
)

// system is the whole of Gapwise, running for one test: engines, door,
// projector, reports and pages on a free port of loopback.
type system struct {
	*App
	url          string
	verification string // the path of one, when some test began it
	modelJob     string // likewise
}

// startSystem starts everything in a folder of its own and stops it when the
// test ends. The environment may name outside servers, as in real life.
func startSystem(t *testing.T) *system {
	t.Helper()
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	addConfigFlags(flags)
	if err := flags.Parse([]string{"--data-dir", t.TempDir(), "--listen", "127.0.0.1:0", "--demo=false"}); err != nil {
		t.Fatal(err)
	}
	config, err := loadConfig(flags)
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelError}))
	app, err := OpenApp(t.Context(), config, Roles{Ingest: true, Projector: true, Query: true}, log)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- app.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := app.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return &system{App: app, url: app.server.URL()}
}

// token makes a token for someone; the empty role makes none.
func (s *system) token(t *testing.T, c httpserver.Claims) string {
	t.Helper()
	if c.Role == "" {
		return ""
	}
	token, err := s.keys.Mint(c)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// answer is what came back, read whole.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// do sends one request and never follows a redirect.
func (s *system) do(t *testing.T, method, path, token string, header map[string]string, body string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for name, value := range header {
		r.Header.Set(name, value)
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer func() { _ = resp.Body.Close() }()
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		return answer{status: resp.StatusCode, header: resp.Header} // it does not end
	}
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return answer{resp.StatusCode, resp.Header, text}
}

// rejections writes events, one a line, and returns those that were refused.
func (s *system) rejections(t *testing.T, token, lines string) map[int]string {
	t.Helper()
	got := s.do(t, http.MethodPost, "/v1/events", token, map[string]string{"Content-Type": "application/x-ndjson"}, lines)
	if got.status != http.StatusOK {
		t.Fatalf("POST /v1/events: %d %s", got.status, got.body)
	}
	var result struct {
		Rejected []struct {
			Index int
			Error string
		}
	}
	if err := json.Unmarshal(got.body, &result); err != nil {
		t.Fatal(err)
	}
	refused := map[int]string{}
	for _, r := range result.Rejected {
		refused[r.Index] = r.Error
	}
	return refused
}

// settle waits until every stored event is projected, and returns the moment.
func (s *system) settle(t *testing.T) query.AsOf {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		p, err := s.service.Projections(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if p.Floor == p.Last {
			return p.AsOf
		}
	}
	t.Fatal("the projection did not catch up within a minute")
	return query.AsOf{}
}

// seed lets a small cohort "demo" study the built-in course for four weeks, and
// makes "gone" a member of it who left yesterday.
func (s *system) seed(t *testing.T, operator string) query.AsOf {
	t.Helper()
	course, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().UTC().Truncate(time.Microsecond)
	config := simulate.Demo(now)
	config.Learners, config.Events, config.From = 12, 2500, now.AddDate(0, 0, -28)
	run, err := simulate.New(config, course)
	if err != nil {
		t.Fatal(err)
	}
	var events []*event.Event
	for e := range run.Events() {
		events = append(events, e)
	}
	yesterday := now.AddDate(0, 0, -1)
	events = append(events,
		newEvent(t, "seed", "gone-joined", "gone", yesterday.AddDate(0, 0, -9), &event.Membership{Cohort: "demo", Joined: true}),
		newEvent(t, "seed", "gone-left", "gone", yesterday, &event.Membership{Cohort: "demo"}),
		newEvent(t, "seed", "else-joined", "elsewhere", yesterday, &event.Membership{Cohort: "other", Joined: true}),
	)
	var lines bytes.Buffer
	for _, e := range events {
		payload, err := event.Encode(e)
		if err != nil {
			t.Fatal(err)
		}
		lines.Write(append(payload, '\n'))
	}
	if refused := s.rejections(t, operator, lines.String()); len(refused) > 0 {
		t.Fatalf("seeding: %v", refused)
	}
	return s.settle(t)
}

func newEvent(t *testing.T, source, id, subject string, at time.Time, data event.Data) *event.Event {
	t.Helper()
	e, err := event.New(source, id, subject, at, data)
	if err != nil {
		t.Fatal(fmt.Errorf("event %s: %w", id, err))
	}
	return e
}
