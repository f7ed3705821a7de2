package httpserver_test

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gapwise/gapwise/internal/httpserver"
)

func TestRateOfATokenIsBounded(t *testing.T) {
	b := newBench(t, func(o *httpserver.Options) {
		o.Limits.Rates = map[httpserver.Role]httpserver.Rate{httpserver.RoleLearner: {PerSecond: 0.5, Burst: 2}}
	})
	b.Handle("GET /x", ok)
	ada := bearer(b.token(t, everyone[httpserver.RoleLearner]))
	bob := bearer(b.token(t, httpserver.Claims{Role: httpserver.RoleLearner, Learner: "bob"}))
	for range 2 {
		if w := b.get("/x", ada...); w.Code != 200 {
			t.Fatalf("within the burst: %d", w.Code)
		}
	}
	for range 3 { // refusals take nothing out of the bucket
		w := b.get("/x", ada...)
		problem(t, w, 429)
		if got := w.Header().Get("Retry-After"); got != "2" {
			t.Errorf("Retry-After %q", got)
		}
	}
	if w := b.get("/x", bob...); w.Code != 200 {
		t.Errorf("another token: %d", w.Code)
	}
	b.clock.advance(2 * time.Second)
	if w := b.get("/x", ada...); w.Code != 200 {
		t.Errorf("after Retry-After: %d", w.Code)
	}
	problem(t, b.get("/x", ada...), 429)
}

func TestRememberedTokensAreBounded(t *testing.T) {
	b := newBench(t, func(o *httpserver.Options) {
		o.Limits.Tokens = 4
		o.Limits.Rates = map[httpserver.Role]httpserver.Rate{httpserver.RoleLearner: {PerSecond: 1e-6, Burst: 100}}
	})
	b.Handle("GET /x", ok)
	busy := bearer(b.token(t, everyone[httpserver.RoleLearner]))
	for i := range 100 { // one token stays in use while others come and go
		if w := b.get("/x", busy...); w.Code != 200 {
			t.Fatalf("request %d: %d", i, w.Code)
		}
		other := httpserver.Claims{Role: httpserver.RoleLearner, Learner: strconv.Itoa(i)}
		if w := b.get("/x", bearer(b.token(t, other))...); w.Code != 200 {
			t.Fatalf("other %d: %d", i, w.Code)
		}
	}
	problem(t, b.get("/x", busy...), 429) // its bucket was not forgotten
}

func TestRequestsInFlightAreBounded(t *testing.T) {
	b := newBench(t, func(o *httpserver.Options) { o.Limits.Requests, o.Limits.Streams = 1, 1 })
	entered, leave := make(chan bool), make(chan bool)
	b.Handle("GET /slow", func(w http.ResponseWriter, r *http.Request) error {
		entered <- true
		<-leave
		return ok(w, r)
	}, httpserver.Public())
	b.Handle("GET /stream", ok, httpserver.Public(), httpserver.Streaming())
	b.Handle("GET /x", ok, httpserver.Public())

	var slow sync.WaitGroup
	slow.Go(func() { b.get("/slow") })
	<-entered
	w := b.get("/x")
	problem(t, w, 503)
	if got := w.Header().Get("Retry-After"); got != "1" {
		t.Errorf("Retry-After %q", got)
	}
	for _, free := range []string{"/healthz", "/readyz", "/stream"} {
		if w := b.get(free); w.Code != 200 {
			t.Errorf("%s: %d", free, w.Code)
		}
	}
	leave <- true
	slow.Wait()
	if w := b.get("/x"); w.Code != 200 {
		t.Errorf("afterwards: %d", w.Code)
	}
}

func TestBodyBytesInFlightAreBounded(t *testing.T) {
	b := newBench(t, func(o *httpserver.Options) { o.Limits.BodyBytes = 10 })
	entered, leave := make(chan bool), make(chan bool)
	b.Handle("POST /slow", func(w http.ResponseWriter, r *http.Request) error {
		entered <- true
		<-leave
		return ok(w, r)
	}, httpserver.Public())
	b.Handle("POST /x", ok, httpserver.Public(), httpserver.MaxBody(100))

	var slow sync.WaitGroup
	slow.Go(func() { b.do(http.MethodPost, "/slow", strings.NewReader("12345678")) })
	<-entered
	problem(t, b.do(http.MethodPost, "/x", strings.NewReader("123")), 503)
	problem(t, b.do(http.MethodPost, "/x", io.MultiReader(strings.NewReader("1"))), 503) // of unknown length
	if w := b.do(http.MethodPost, "/x", strings.NewReader("12")); w.Code != 200 {
		t.Errorf("what still fits: %d", w.Code)
	}
	leave <- true
	slow.Wait()
	if w := b.do(http.MethodPost, "/x", strings.NewReader(strings.Repeat("1", 50))); w.Code != 200 {
		t.Errorf("a body over the bound, alone: %d", w.Code)
	}
}

func TestManyCallersAtOnce(t *testing.T) {
	b := newBench(t, func(o *httpserver.Options) { o.Limits.Tokens = 4 })
	b.Handle("POST /x", func(w http.ResponseWriter, r *http.Request) error {
		if _, err := io.ReadAll(r.Body); err != nil {
			return err
		}
		return ok(w, r)
	})
	var callers sync.WaitGroup
	for i := range 8 {
		token := bearer(b.token(t, httpserver.Claims{Role: httpserver.RoleLearner, Learner: strconv.Itoa(i)}))
		callers.Go(func() {
			for range 20 {
				if w := b.do(http.MethodPost, "/x", strings.NewReader("body"), token...); w.Code != 200 {
					t.Errorf("caller %d: %d %s", i, w.Code, w.Body)
				}
				b.get("/readyz")
			}
		})
	}
	callers.Wait()
}
