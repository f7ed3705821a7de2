package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/gapwise/gapwise/internal/httpserver"
	"github.com/gapwise/gapwise/internal/query"
	"github.com/gapwise/gapwise/internal/stream"
)

// callVerifications begins verifications well and badly, and waits for one.
func (s *system) callVerifications(t *testing.T, c *contract, operator string) {
	const route = "POST /v1/admin/verifications"
	post := func(contentType, body string) answer {
		got := s.do(t, http.MethodPost, "/v1/admin/verifications", operator, map[string]string{"Content-Type": contentType}, body)
		c.hold(t, route, got)
		return got
	}
	for body, status := range map[string]int{
		"{": 400, `{"from":1,"newest":2}`: 400, `{"since":1}`: 400, `{"from":-1}`: 400, `"` + strings.Repeat(" ", 2<<20): 413,
	} {
		if got := post("application/json", body); got.status != status {
			t.Errorf("%.30s: %d instead of %d", body, got.status, status)
		}
	}
	begun := post("application/json", "{}")
	s.verification = begun.header.Get("Location")
	if begun.status != http.StatusAccepted || s.verification == "" {
		t.Fatalf("%d %s at %q", begun.status, begun.body, s.verification)
	}
	for again := post("application/json", "{}"); again.status != http.StatusConflict; again = post("application/json", "{}") {
		if again.status != http.StatusAccepted {
			t.Fatalf("%d %s", again.status, again.body)
		}
	}
	v := s.verified(t, operator, s.verification)
	c.hold(t, "GET /v1/admin/verifications/{id}", s.do(t, http.MethodGet, s.verification, operator, nil, ""))
	if v.Result == nil || !v.Result.OK || v.Result.Messages == 0 || v.Progress.Sequences != v.Progress.OfSequences {
		t.Errorf("verified: %+v", v)
	}
	got := s.do(t, http.MethodGet, "/v1/admin/verifications", operator, nil, "")
	c.hold(t, "GET /v1/admin/verifications", got)
	if !strings.Contains(string(got.body), v.ID) {
		t.Errorf("%s is not listed: %s", v.ID, got.body)
	}
}

// verified waits until a verification has ended.
func (s *system) verified(t *testing.T, operator, path string) (v query.Verification) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); v.State != query.VerificationDone; time.Sleep(10 * time.Millisecond) {
		got := s.do(t, http.MethodGet, path, operator, nil, "")
		if err := json.Unmarshal(got.body, &v); err != nil || time.Now().After(deadline) || v.State == query.VerificationFailed {
			t.Fatalf("%s: %d %s (%v)", path, got.status, got.body, err)
		}
	}
	return v
}

// verify says on the command line what the tables hold, and that something is wrong.
func TestVerifyOnTheCommandLine(t *testing.T) {
	t.Parallel()
	s := startSystem(t)
	operator := s.token(t, httpserver.Claims{Role: httpserver.RoleOperator})
	s.seed(t, operator)
	call := func(args ...string) (code int, out, err string) {
		var stdout, stderr strings.Builder
		code = run(append([]string{"verify", "--url", s.url, "--token", operator}, args...), strings.NewReader(""), &stdout, &stderr)
		return code, stdout.String(), stderr.String()
	}
	if code, out, err := call(); code != exitOK || !strings.Contains(out, "everything agrees with the log") || !strings.Contains(err, "sequences, ") {
		t.Errorf("%d %s%s", code, out, err)
	}
	if code, _, err := call("--from", "1", "--newest", "1"); code != exitUsage || !strings.Contains(err, "exclude") {
		t.Errorf("%d %s", code, err)
	}
	if _, err := s.log.Get(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	s.loseMessage(t, 3)
	code, out, err := call()
	if code != exitFailed || !strings.Contains(out, "sequence 3, log: the message is missing from the log") {
		t.Errorf("%d %s%s", code, out, err)
	}
	var ledger struct {
		OK          *bool
		Messages    uint64
		Differences uint64
		Mismatches  []struct{ Seq uint64 }
	}
	code, out, _ = call("--json")
	if err := json.Unmarshal([]byte(out), &ledger); err != nil || code != exitFailed || ledger.OK == nil || *ledger.OK ||
		ledger.Differences != 1 || ledger.Mismatches[0].Seq != 3 {
		t.Errorf("%d %s %v", code, out, err)
	}
	if code, out, _ := call("--json", "--from", "4"); code != exitOK {
		t.Errorf("from 4 on: %d %s", code, out)
	}
}

// loseMessage deletes a message from the log as no part of Gapwise does.
func (s *system) loseMessage(t *testing.T, seq uint64) {
	t.Helper()
	js, err := jetstream.New(s.nats)
	if err != nil {
		t.Fatal(err)
	}
	log, err := js.Stream(t.Context(), stream.Name)
	if err != nil {
		t.Fatal(err)
	}
	if err := log.DeleteMsg(t.Context(), seq); err != nil {
		t.Fatal(err)
	}
}

// Verifying while a learner is being erased, and after: what is gone has a receipt.
func TestVerifyAroundAnErasure(t *testing.T) {
	t.Parallel()
	s := startSystem(t)
	operator := s.token(t, httpserver.Claims{Role: httpserver.RoleOperator})
	s.seed(t, operator)
	asked := s.do(t, http.MethodPost, "/v1/admin/erasures", operator, map[string]string{"Content-Type": "application/json"}, `{"learner":"demo-001"}`)
	if asked.status != http.StatusAccepted {
		t.Fatalf("%d %s", asked.status, asked.body)
	}
	var erasure struct{ State string }
	for deadline := time.Now().Add(time.Minute); ; {
		begun := s.do(t, http.MethodPost, "/v1/admin/verifications", operator, map[string]string{"Content-Type": "application/json"}, "{}")
		v := s.verified(t, operator, begun.header.Get("Location"))
		if !v.Result.OK {
			t.Fatalf("%+v", v.Result)
		}
		if erasure.State == "done" {
			if r := v.Result; r.Erased == 0 || r.Messages != r.Rows+r.Duplicates+r.DeadLetters+r.Erased {
				t.Errorf("%+v", r)
			}
			return
		}
		got := s.do(t, http.MethodGet, asked.header.Get("Location"), operator, nil, "")
		if err := json.Unmarshal(got.body, &erasure); err != nil || time.Now().After(deadline) {
			t.Fatalf("%s %v", got.body, err)
		}
	}
}
