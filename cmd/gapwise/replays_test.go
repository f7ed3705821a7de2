package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gapwise/gapwise/internal/replay"
)

// orderReplay sends an order and requires a status.
func (s *system) orderReplay(t *testing.T, operator, body string, status int) (st replay.Status, got answer) {
	t.Helper()
	got = s.do(t, http.MethodPost, replaysPath, operator, map[string]string{"Content-Type": "application/json"}, body)
	if got.status != status {
		t.Fatalf("%s: %d instead of %d: %s", body, got.status, status, got.body)
	}
	if status < 300 {
		if err := json.Unmarshal(got.body, &st); err != nil {
			t.Fatal(err)
		}
	}
	return st, got
}

// replays asks for the status until something holds.
func (s *system) replays(t *testing.T, operator, what string, ok func(*replay.Status) bool) (st replay.Status) {
	t.Helper()
	eventually(t, what, func() bool {
		got := s.do(t, http.MethodGet, replaysPath, operator, nil, "")
		st = replay.Status{}
		if err := json.Unmarshal(got.body, &st); err != nil || got.status != http.StatusOK {
			t.Fatalf("%d %s (%v)", got.status, got.body, err)
		}
		return ok(&st)
	})
	return st
}

// callReplays holds the routes of replays to the contract, with a whole life of one.
func (s *system) callReplays(t *testing.T, c *contract, operator string) {
	hold := func(got answer) { c.hold(t, "POST "+replaysPath, got) }
	for _, bad := range []struct {
		body   string
		status int
		says   string
	}{
		{"{", 400, "ends"},
		{`{"action":"start","form":"log"}`, 400, "/form"},
		{strings.Repeat(" ", 2<<20), 413, "bytes"},
		{`{"action":"go"}`, 422, "must be start, compare"},
		{`{"action":"start","from":"memory"}`, 422, "log or facts"},
		{`{"action":"drop","from":"log"}`, 422, "for the action start"},
		{`{"action":"activate","most_affected":2}`, 422, "from 0 to 1"},
		{`{"action":"start","catalog":"guide-none"}`, 422, "gapwise catalog publish"},
		{`{"action":"start","model":"fitted-none"}`, 422, "gapwise model list"},
		{`{"action":"activate"}`, 409, "gapwise replay start"},
		{`{"action":"cancel"}`, 409, "no replay to cancel"},
	} {
		_, got := s.orderReplay(t, operator, bad.body, bad.status)
		hold(got)
		if !strings.Contains(string(got.body), bad.says) {
			t.Errorf("%.60s: %s instead of %q", bad.body, got.body, bad.says)
		}
	}
	before := s.replays(t, operator, "asked", func(*replay.Status) bool { return true })
	if before.Kept != nil { // what models were published over
		s.orderReplay(t, operator, `{"action":"drop"}`, 200)
	}
	_, got := s.orderReplay(t, operator, `{"action":"drop"}`, 409)
	hold(got)
	_, got = s.orderReplay(t, operator, `{"action":"rollback"}`, 409)
	hold(got)
	c.hold(t, "GET "+replaysPath+"/comparison", s.do(t, http.MethodGet, replaysPath+"/comparison", operator, nil, ""))

	would, got := s.orderReplay(t, operator, `{"action":"start","dry_run":true}`, 200)
	hold(got)
	if would.Replay.State != replay.Planned || would.Replay.From != replay.FromLog || !strings.Contains(would.Replay.Why, "nothing has changed") {
		t.Errorf("without a change the plan is %+v", would.Replay)
	}
	begun, got := s.orderReplay(t, operator, `{"action":"start"}`, 202)
	hold(got)
	if begun.Replay.Generation == before.Active.Generation || begun.Active.Generation != before.Active.Generation {
		t.Errorf("begun: %+v", begun)
	}
	_, got = s.orderReplay(t, operator, `{"action":"start"}`, 409)
	hold(got)
	if !strings.Contains(string(got.body), begun.Replay.ID) && !strings.Contains(string(got.body), "is ready") {
		t.Errorf("a second one: %s", got.body)
	}
	ready := s.streamed(t, c, operator)
	if r := ready.Replay; r.Identical == nil || !*r.Identical || r.Affected != nil || r.Built.Events == 0 || r.Floor < r.Head {
		t.Errorf("ready: %+v", r)
	}
	c.hold(t, "GET "+replaysPath, s.do(t, http.MethodGet, replaysPath, operator, nil, ""))
	c.hold(t, "GET "+replaysPath+"/comparison", s.do(t, http.MethodGet, replaysPath+"/comparison", operator, nil, ""))

	active, got := s.orderReplay(t, operator, `{"action":"activate","most_affected":0}`, 200)
	hold(got)
	if active.Active.Generation != ready.Replay.Generation || active.Kept == nil || active.Kept.Generation != before.Active.Generation || active.Replay != nil {
		t.Errorf("activated: %s", got.body)
	}
	// The one kept has been compared with nothing that is active now.
	c.hold(t, "GET "+replaysPath+"/comparison", s.do(t, http.MethodGet, replaysPath+"/comparison", operator, nil, ""))
	back, got := s.orderReplay(t, operator, `{"action":"rollback"}`, 200)
	hold(got)
	if back.Active.Generation != before.Active.Generation || back.Kept.Generation != ready.Replay.Generation {
		t.Errorf("rolled back: %s", got.body)
	}
	if n := len(back.History); n < 3 || !back.History[n-1].Since.After(back.History[n-2].Since) {
		t.Errorf("the history is %+v", back.History)
	}
	_, got = s.orderReplay(t, operator, `{"action":"compare"}`, 202)
	hold(got)
	eventually(t, "compared", func() bool {
		got = s.do(t, http.MethodGet, replaysPath+"/comparison", operator, nil, "")
		return strings.Contains(string(got.body), `"state":"done"`)
	})
	c.hold(t, "GET "+replaysPath+"/comparison", got)
	if !strings.Contains(string(got.body), `"identical":true`) {
		t.Errorf("going back would change something: %s", got.body)
	}

	// One that is cancelled leaves nothing behind.
	again, _ := s.orderReplay(t, operator, `{"action":"start","from":"log"}`, 202)
	gone, got := s.orderReplay(t, operator, `{"action":"cancel"}`, 200)
	hold(got)
	if gone.Replay != nil || len(gone.Leaving) != 0 {
		t.Errorf("cancelled: %s", got.body)
	}
	var facts uint32
	if _, err := fmt.Sscanf(again.Replay.Generation, "%d.", &facts); err != nil {
		t.Fatal(err)
	}
	if floor, err := s.store.Floor(t.Context(), facts); err != nil || floor != 0 {
		t.Errorf("generation %d has rows up to %d (%v)", facts, floor, err)
	}
}

// streamed follows a replay by its events until it is ready.
func (s *system) streamed(t *testing.T, c *contract, operator string) (st replay.Status) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+replaysPath+"/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+operator)
	client := http.Client{Timeout: time.Minute}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	c.hold(t, "GET "+replaysPath+"/stream", answer{status: resp.StatusCode, header: resp.Header})
	for scanner := bufio.NewScanner(resp.Body); scanner.Scan(); {
		data, ok := strings.CutPrefix(scanner.Text(), "data: ")
		if !ok {
			continue
		}
		st = replay.Status{}
		if err := json.Unmarshal([]byte(data), &st); err != nil {
			t.Fatal(err)
		}
		if st.Replay != nil && st.Replay.State == replay.IsReady {
			return st
		}
	}
	t.Fatalf("the stream ended with %+v", st.Replay)
	return st
}
