package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gapwise/gapwise/internal/admin"
	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/httpserver"
	"github.com/gapwise/gapwise/internal/stream"
)

// callAdmin: what operators do, well and badly, and what a learner may of it.
func (s *system) callAdmin(t *testing.T, c *contract, operator string) {
	call := func(token, method, path, body string, status int, says string) answer {
		t.Helper()
		got := s.do(t, method, path, token, map[string]string{"Content-Type": "application/json"}, body)
		route := method + " " + path
		for _, known := range []string{"deadletters/", "erasures/"} {
			if before, _, found := strings.Cut(path, known); found {
				route = method + " " + before + known + map[string]string{"deadletters/": "{seq}", "erasures/": "{request}"}[known]
			}
		}
		c.hold(t, route, got)
		if got.status != status || !strings.Contains(string(got.body), says) {
			t.Errorf("%s %s %.80s: %d instead of %d (%s): %.300s", method, path, body, got.status, status, says, got.body)
		}
		return got
	}
	const letters, erasures = "/v1/admin/deadletters", "/v1/admin/erasures"

	// Two messages that are no events; the learner is named in the second.
	acks, err := s.log.Publish(t.Context(), []stream.Message{
		{Learner: "x", Payload: []byte("poison")}, {Learner: "x", Payload: []byte(`{"subject":"erika",`)},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.settle(t)
	first, second := acks[0].Seq, acks[1].Seq
	for _, bad := range []struct{ body, says string }{
		{`{"action":"bury","sequences":[1]}`, "retry or drop"},
		{`{"action":"drop","sequences":[]}`, "name the dead letters"},
		{`{"action":"drop","sequences":[1,2,1]}`, "sequences 1 2 are no dead letter"},
		{`{"action":"drop","sequences":[` + strings.Repeat("1,", 1000) + `1]}`, "at most 1000"},
		{fmt.Sprintf(`{"action":"drop","sequences":[%d],"reason":%q}`, first, strings.Repeat("x", 3000)), "data.reason"},
	} {
		call(operator, http.MethodPost, letters, bad.body, http.StatusUnprocessableEntity, bad.says)
	}
	call(operator, http.MethodPost, letters, `{"action":`, http.StatusBadRequest, "ends")
	call(operator, http.MethodPost, letters, strings.Repeat(" ", 70<<10), http.StatusRequestEntityTooLarge, "bytes")
	call(operator, http.MethodPost, letters, fmt.Sprintf(`{"action":"retry","sequences":[%d]}`, first), http.StatusOK, `"seq":`)
	call(operator, http.MethodPost, letters, fmt.Sprintf(`{"action":"drop","sequences":[%d],"reason":"a test"}`, first), http.StatusOK, `"seq":`)
	s.settle(t)
	call(operator, http.MethodGet, fmt.Sprint(letters, "/", first), "", http.StatusOK, `"dropped":true`)
	call(operator, http.MethodGet, fmt.Sprint(letters, "/", second), "", http.StatusOK, `"outcome":"dead"`)
	call(operator, http.MethodGet, letters+"/1", "", http.StatusOK, `"outcome":"fact"`)
	call(operator, http.MethodGet, letters+"/999999999", "", http.StatusNotFound, "999999999")
	call(operator, http.MethodGet, letters+"/first", "", http.StatusNotFound, "no sequence")
	for query, listed := range map[string]bool{"": false, "?dropped=true": true, "?dropped=true&reason=malformed_json": true, "?dropped=true&reason=conflict": false} {
		got := s.do(t, http.MethodGet, letters+query, operator, nil, "")
		if strings.Contains(string(got.body), fmt.Sprintf(`"seq":%d`, first)) != listed {
			t.Errorf("GET %s%s lists the dropped one: want %t", letters, query, listed)
		}
	}

	// A learner who asks to be forgotten, and one who asks for another.
	erika := s.token(t, httpserver.Claims{Role: httpserver.RoleLearner, Learner: "erika"})
	other := s.token(t, httpserver.Claims{Role: httpserver.RoleLearner, Learner: "demo-002"})
	line := func(id string) string {
		payload, err := event.Encode(newEvent(t, "lms", id, "erika", time.Now(), &event.Answer{Item: "what-a-log-line-carries", Score: 1}))
		if err != nil {
			t.Fatal(err)
		}
		return string(payload)
	}
	if refused := s.rejections(t, erika, line("e1")+"\n"+line("e2")); len(refused) > 0 {
		t.Fatal(refused)
	}
	s.settle(t)
	call(erika, http.MethodPost, erasures, `{"learner":"demo-002"}`, http.StatusForbidden, "nobody else")
	call(other, http.MethodPost, erasures, `{"learner":"erika"}`, http.StatusForbidden, "nobody else")
	call(operator, http.MethodPost, erasures, `{"learner":""}`, http.StatusUnprocessableEntity, "name the learner")
	call(operator, http.MethodPost, erasures, `{"who":"erika"}`, http.StatusBadRequest, "unknown")
	call(operator, http.MethodPost, erasures, strings.Repeat(" ", 70<<10), http.StatusRequestEntityTooLarge, "bytes")
	call(erika, http.MethodPost, erasures, `{"learner":"erika","dry_run":true}`, http.StatusOK, `"messages":3`)
	asked := call(erika, http.MethodPost, erasures, `{"learner":"erika"}`, http.StatusAccepted, `"pending"`)
	var erasure admin.Erasure
	if err := json.Unmarshal(asked.body, &erasure); err != nil {
		t.Fatal(err)
	}
	if refused := s.rejections(t, erika, line("e3")); !strings.Contains(refused[0], "asked to be forgotten") {
		t.Errorf("an event of a forgotten learner: %v", refused)
	}
	status := erasures + "/" + erasure.Request
	for deadline := time.Now().Add(time.Minute); erasure.State != admin.Done; time.Sleep(50 * time.Millisecond) {
		got := s.do(t, http.MethodGet, status, erika, nil, "")
		if got.status == http.StatusOK {
			if err := json.Unmarshal(got.body, &erasure); err != nil {
				t.Fatal(err)
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("the erasure isn't done: %s", got.body)
		}
	}
	if len(erasure.Receipts) != 1 || erasure.Receipts[0].Messages != 3 {
		t.Errorf("the receipt is %+v", erasure.Receipts)
	}
	call(erika, http.MethodGet, status, "", http.StatusOK, `"messages":3`)
	call(operator, http.MethodGet, status, "", http.StatusOK, `"done"`)
	call(other, http.MethodGet, status, "", http.StatusNotFound, "no erasure")
	call(operator, http.MethodPost, erasures, `{"learner":"erika"}`, http.StatusOK, erasure.Request)
	call(operator, http.MethodGet, fmt.Sprint(letters, "/", second), "", http.StatusNotFound, "erased")
	if got := s.do(t, http.MethodGet, "/v1/learners/erika/export", operator, nil, ""); !strings.Contains(string(got.body), `"events":[]`) {
		t.Errorf("after the erasure: %s", got.body)
	}
}
