package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/httpserver"
	"github.com/gapwise/gapwise/internal/ingest"
	"github.com/gapwise/gapwise/internal/stream"
)

// A full log makes the door ask for patience. What was answered 200 is there, what
// wasn't may be there in part, and sent again once there is room it all counts once.
func TestAFullLogLosesNothing(t *testing.T) {
	t.Setenv("GAPWISE_NATS_URL", "") // a broker that is another's is not filled up
	s := startSystem(t)
	operator := s.token(t, httpserver.Claims{Role: httpserver.RoleOperator, Life: time.Hour})
	item := s.active.Active().Course.Catalog.Answerable()[0].ID
	const size = 1500 // more than the log takes at once, so that a part of them may fit
	batch := func(n int) string {
		var lines strings.Builder
		for i := range size {
			e := newEvent(t, "test", fmt.Sprintf("%d-%d", n, i), fmt.Sprint("learner-", i%50), time.Now(), &event.Answer{Item: item, Score: 1})
			payload, err := event.Encode(e)
			if err != nil {
				t.Fatal(err)
			}
			lines.Write(append(payload, '\n'))
		}
		return lines.String()
	}
	post := func(body string) answer {
		return s.do(t, http.MethodPost, "/v1/events", operator, map[string]string{"Content-Type": "application/x-ndjson"}, body)
	}
	extent := func() stream.Info {
		info, err := s.log.Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return info
	}
	start := extent()
	first := post(batch(1))
	if first.status != http.StatusOK {
		t.Fatalf("%d %s", first.status, first.body)
	}
	checkTaken(t, first.body, size)
	one := extent()

	limit(t, s, int64(one.Bytes+(one.Bytes-start.Bytes)*5/6)) // room for a part of one more
	refused := batch(2)
	for range 3 { // as often as it is sent
		checkRefused(t, post(refused))
	}
	if n := extent().Messages - one.Messages; n == 0 || n >= size {
		t.Errorf("%d events of the refused batch are stored, so this does not show what becomes of a part", n)
	}

	limit(t, s, -1)
	got := post(refused)
	if got.status != http.StatusOK {
		t.Fatalf("with room: %d %s", got.status, got.body)
	}
	checkTaken(t, got.body, size)
	s.settle(t)
	counts, err := s.store.Counts(t.Context(), s.active.Active().Facts, 0, 1<<62)
	if err != nil || counts.Answers != 2*size || counts.Dead+counts.Conflicts != 0 {
		t.Errorf("%+v count (%v), want %d answers", counts, err, 2*size)
	}
}

// limit bounds the bytes of the log.
func limit(t *testing.T, s *system, bytes int64) {
	t.Helper()
	js, err := jetstream.New(s.nats)
	if err != nil {
		t.Fatal(err)
	}
	study, err := js.Stream(t.Context(), stream.Name)
	if err != nil {
		t.Fatal(err)
	}
	config := study.CachedInfo().Config
	config.MaxBytes = bytes
	if _, err := js.UpdateStream(t.Context(), config); err != nil {
		t.Fatal(err)
	}
}

func checkTaken(t *testing.T, body []byte, size int) {
	t.Helper()
	var result ingest.Result
	if err := json.Unmarshal(body, &result); err != nil || result.Accepted+result.Duplicates != size {
		t.Fatalf("%s (%v), want all %d taken", body, err, size)
	}
}

func checkRefused(t *testing.T, got answer) {
	t.Helper()
	seconds, err := strconv.Atoi(got.header.Get("Retry-After"))
	if got.status != http.StatusServiceUnavailable || err != nil || seconds < 1 {
		t.Fatalf("answered %d, Retry-After %q, %s", got.status, got.header.Get("Retry-After"), got.body)
	}
	if !strings.Contains(string(got.body), "send all again") {
		t.Errorf("it doesn't say what to do: %s", got.body)
	}
}
