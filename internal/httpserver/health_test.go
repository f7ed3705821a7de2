package httpserver_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gapwise/gapwise/internal/httpserver"
)

// from calls path as a caller with that address, under that host name.
func (b *bench) from(remote, host, path string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, http.NoBody)
	r.RemoteAddr, r.Host = remote, host
	for pair := range slices.Chunk(headers, 2) {
		r.Header.Set(pair[0], pair[1])
	}
	w := httptest.NewRecorder()
	b.ServeHTTP(w, r)
	return w
}

const (
	here  = "127.0.0.1:50000"
	there = "192.0.2.7:50000"
)

func TestReadinessNamesChecksAndKeepsReasonsPrivate(t *testing.T) {
	var broken atomic.Bool
	b := newBench(t, func(o *httpserver.Options) {
		o.Checks = []httpserver.Check{
			{Name: "log", Probe: func(context.Context) error { return nil }},
			{Name: "database", Probe: func(context.Context) error {
				if broken.Load() {
					return errors.New("dial 10.0.0.9: refused")
				}
				return nil
			}},
		}
	})
	if w := b.from(there, "study.example", "/healthz"); w.Code != 200 {
		t.Errorf("healthz: %d", w.Code)
	}
	w := b.from(there, "study.example", "/readyz")
	if w.Code != 200 {
		t.Fatalf("readyz: %d %s", w.Code, w.Body)
	}
	says(t, w.Body.String(), `{"status":"ready","checks":[{"name":"log","ok":true},{"name":"database","ok":true}]}`)

	broken.Store(true)
	b.clock.advance(time.Second)
	w = b.from(there, "study.example", "/readyz")
	if w.Code != 503 {
		t.Fatalf("readyz: %d %s", w.Code, w.Body)
	}
	says(t, w.Body.String(), `"unready"`, `{"name":"log","ok":true}`, `{"name":"database","ok":false}`)
	for name, w := range map[string]*httptest.ResponseRecorder{
		"on this machine": b.from(here, "localhost:8080", "/readyz"),
		"operator": b.from(there, "study.example", "/readyz",
			bearer(b.token(t, everyone[httpserver.RoleOperator]))...),
	} {
		if !strings.Contains(w.Body.String(), "10.0.0.9") {
			t.Errorf("%s is not told why: %s", name, w.Body)
		}
	}
}

func TestReadinessSurvivesAHangingCheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // in its own time, so that two seconds take none
		release := make(chan bool)
		defer close(release)
		var calls atomic.Int32
		b := newBench(t, func(o *httpserver.Options) {
			o.Checks = []httpserver.Check{{Name: "stuck", Probe: func(context.Context) error {
				calls.Add(1)
				<-release
				return nil
			}}}
		})
		for range 2 {
			w := b.from(here, "localhost", "/readyz")
			if w.Code != 503 {
				t.Errorf("%d", w.Code)
			}
			says(t, w.Body.String(), "no answer within 2s")
			b.clock.advance(time.Second)
		}
		if calls.Load() != 1 {
			t.Errorf("%d probes hang, want 1", calls.Load())
		}
	})
}

func TestWhoMayReadMetrics(t *testing.T) {
	b := newBench(t, nil)
	operator := bearer(b.token(t, everyone[httpserver.RoleOperator]))
	learner := bearer(b.token(t, everyone[httpserver.RoleLearner]))
	cases := []struct {
		name, remote, host string
		headers            []string
		want               int
	}{
		{"on this machine", here, "127.0.0.1:8080", nil, 200},
		{"on this machine, IPv6", "[::1]:50000", "[::1]:8080", nil, 200},
		{"on this machine, without a port", here, "localhost", nil, 200},
		{"rebound name", here, "evil.example", nil, 401},
		{"through a proxy here", here, "localhost", []string{"X-Forwarded-For", "192.0.2.7"}, 401},
		{"elsewhere", there, "localhost", nil, 401},
		{"operator elsewhere", there, "study.example", operator, 200},
		{"learner elsewhere", there, "study.example", learner, 403},
	}
	for _, c := range cases {
		if w := b.from(c.remote, c.host, "/metrics", c.headers...); w.Code != c.want {
			t.Errorf("%s: %d, want %d", c.name, w.Code, c.want)
		}
	}
	open := newBench(t, func(o *httpserver.Options) { o.OpenMetrics = true })
	if w := open.from(there, "study.example", "/metrics"); w.Code != 200 {
		t.Errorf("open metrics: %d", w.Code)
	}
}

func TestMetricsHaveBoundedLabels(t *testing.T) {
	b := newBench(t, func(o *httpserver.Options) { o.OpenMetrics = true })
	b.Handle("GET /v1/learners/{learner}/progress", ok, httpserver.Public())
	b.get("/v1/learners/lovelace/progress")
	b.get("/v1/learners/bob/progress")
	b.get("/wp-login.php")
	b.do("BREW", "/pot", nil)
	text := b.get("/metrics").Body.String()
	says(t, text,
		`gapwise_http_request_duration_seconds_count{code="2xx",method="GET",route="/v1/learners/{learner}/progress"} 2`,
		`gapwise_http_request_duration_seconds_count{code="4xx",method="GET",route="unmatched"} 1`,
		`gapwise_http_request_duration_seconds_count{code="4xx",method="other",route="unmatched"} 1`,
		"gapwise_http_requests_in_flight 1", "go_goroutines")
	for _, leak := range []string{"lovelace", "wp-login", "BREW"} {
		if strings.Contains(text, leak) {
			t.Errorf("a caller made the label %q", leak)
		}
	}
}
