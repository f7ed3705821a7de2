package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/models"
	"github.com/gapwise/gapwise/internal/project"
	"github.com/gapwise/gapwise/internal/query"
)

// ordered waits until a job has ended.
func (s *system) ordered(t *testing.T, operator, path string) (job models.Job) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); job.State != models.Done; time.Sleep(10 * time.Millisecond) {
		got := s.do(t, http.MethodGet, path, operator, nil, "")
		if err := json.Unmarshal(got.body, &job); err != nil || time.Now().After(deadline) || job.State == models.Failed {
			t.Fatalf("%s: %d %s (%v)", path, got.status, got.body, err)
		}
	}
	return job
}

// order gives an order and waits for its end.
func (s *system) order(t *testing.T, operator, body string) models.Job {
	t.Helper()
	got := s.do(t, http.MethodPost, modelsPath, operator, map[string]string{"Content-Type": "application/json"}, body)
	if got.status != http.StatusAccepted {
		t.Fatalf("%.80s: %d %s", body, got.status, got.body)
	}
	return s.ordered(t, operator, got.header.Get("Location"))
}

// document reads a model from a route.
func (s *system) document(t *testing.T, token, path string) (*project.Model, string) {
	t.Helper()
	got := s.do(t, http.MethodGet, path, token, nil, "")
	var m project.Model
	if err := json.Unmarshal(got.body, &m); err != nil || got.status != http.StatusOK {
		t.Fatalf("%s: %d %s (%v)", path, got.status, got.body, err)
	}
	return &m, strings.TrimSpace(string(got.body))
}

// callModels: orders that make no sense, and then the whole way of a model: fitted,
// tried, published, and back to the starting model.
func (s *system) callModels(t *testing.T, c *contract, operator string) {
	post := func(body string, status int, says string) answer {
		t.Helper()
		got := s.do(t, http.MethodPost, modelsPath, operator, map[string]string{"Content-Type": "application/json"}, body)
		c.hold(t, "POST "+modelsPath, got)
		if got.status != status || !strings.Contains(string(got.body), says) {
			t.Errorf("%.80s: %d instead of %d (%s): %.400s", body, got.status, status, says, got.body)
		}
		return got
	}
	start, text := s.document(t, operator, "/v1/models/active")
	if start.Version != project.StartingModel || start.Fitted != nil {
		t.Errorf("a course begins with model %s, fitted to %+v", start.Version, start.Fitted)
	}
	with := func(before, after string) string {
		made := strings.Replace(text, `"fitted":null`, `"fitted":{"seq":1,"time":"2026-01-05T10:00:00Z","answers":9,"learners":3}`, 1)
		made = strings.Replace(made, `"version":"starting-1",`, "", 1)
		return `{"action":"publish","dry_run":true,"model":` + strings.Replace(made, before, after, 1) + `}`
	}
	for _, bad := range []struct {
		body   string
		status int
		says   string
	}{
		{"{", 400, "ends"},
		{`{"act":"fit"}`, 400, "/act"},
		{`{"action":"fit","dry_run":1}`, 400, "dry_run"},
		{strings.Repeat(" ", event.MaxPublication+1), 413, "bytes"},
		{`{"action":"improve"}`, 422, "improve"},
		{`{"action":"fit","version":"x"}`, 422, "nothing else"},
		{`{"action":"publish"}`, 422, "a version or a model"},
		{`{"action":"publish","version":"x","model":{}}`, 422, "a version or a model"},
		{`{"action":"publish","version":"fitted-0000000000"}`, 422, "fitted-0000000000"},
		{`{"action":"publish","model":{"course":"guide"}}`, 422, "lenses is missing"},
		{with("", ""), 202, `"dry_run":true`},
		{with(`"course":"guide"`, `"course":"another"`), 422, "its own course"},
		{with(`"time":"2026`, `"time":"2199`), 422, "mend fitted.time"},
		{with(`"vc":`, `"v":`), 422, "v is unknown"},
	} {
		got := post(bad.body, bad.status, bad.says)
		if got.status == http.StatusAccepted {
			s.ordered(t, operator, got.header.Get("Location"))
		}
	}
	c.hold(t, "GET /v1/admin/models/{version}", s.do(t, http.MethodGet, modelsPath+"/none", operator, nil, ""))
	c.hold(t, "GET /v1/admin/models/jobs/{id}", s.do(t, http.MethodGet, modelsPath+"/jobs/none", operator, nil, ""))

	begun := post(`{"action":"fit"}`, http.StatusAccepted, `"running"`)
	for again := begun; again.status != http.StatusConflict; {
		again = s.do(t, http.MethodPost, modelsPath, operator, map[string]string{"Content-Type": "application/json"}, `{"action":"fit"}`)
		c.hold(t, "POST "+modelsPath, again)
		if again.status == http.StatusAccepted { // the one before was done sooner
			begun = again
		}
	}
	s.modelJob = begun.header.Get("Location")
	fit := s.ordered(t, operator, s.modelJob).Fit
	c.hold(t, "GET /v1/admin/models/jobs/{id}", s.do(t, http.MethodGet, s.modelJob, operator, nil, ""))
	if fit == nil || fit.Fitted.Learners != 12 || fit.Comparison.Against != project.StartingModel || fit.Comparison.Concern.Learners != 12 {
		t.Fatalf("the fit gave %+v", fit)
	}
	if got := string(s.do(t, http.MethodGet, "/v1/projections", operator, nil, "").body); !strings.Contains(got, `"proposed_model":"`+fit.Version+`"`) {
		t.Errorf("the proposal isn't told: %s", got)
	}

	would := s.order(t, operator, `{"action":"publish","dry_run":true,"version":"`+fit.Version+`"}`).Publication
	if active, _ := s.document(t, operator, "/v1/models/active"); active.Version != start.Version {
		t.Errorf("a dry run activated model %s", active.Version)
	}
	did := s.order(t, operator, `{"action":"publish","version":"`+fit.Version+`"}`).Publication
	for _, c := range []*query.StateChanges{would.Changes, did.Changes} { // each of its own moment, as numbers are
		c.Largest, c.Cohorts = nil, nil
	}
	if w, d := fmt.Sprintf("%+v", *would.Changes), fmt.Sprintf("%+v", *did.Changes); w != d || did.Changes.Learners != 12 || did.Changes.Affected == 0 {
		t.Errorf("the dry run promised %s, publishing did %s", w, d)
	}
	if did.Generation == nil || *did.Generation < 2 || did.Published == 0 || did.Before != project.StartingModel || did.KnownItems != did.Items {
		t.Errorf("published: %+v", did)
	}
	active, served := s.document(t, operator, "/v1/models/active")
	if named, same := s.document(t, operator, modelsPath+"/"+fit.Version); active.Version != fit.Version || named.Version != fit.Version || served != same {
		t.Errorf("model %s is active, asked by its version it is %s", active.Version, named.Version)
	}
	if _, err := project.DecodeModel([]byte(served)); err != nil {
		t.Errorf("the served document doesn't prove its version: %v", err)
	}
	if again := s.order(t, operator, `{"action":"publish","version":"`+fit.Version+`"}`).Publication; !again.Already || again.Generation != nil {
		t.Errorf("publishing the active model: %+v", again)
	}
	list := s.do(t, http.MethodGet, modelsPath, operator, nil, "")
	c.hold(t, "GET "+modelsPath, list)
	c.hold(t, "GET /v1/projections", s.do(t, http.MethodGet, "/v1/projections", operator, nil, ""))
	if want := `"version":"` + fit.Version + `","state":"active","made":"asked"`; !strings.Contains(string(list.body), want) {
		t.Errorf("%s is not in %s", want, list.body)
	}
	back := s.order(t, operator, `{"action":"publish","version":"starting-1"}`).Publication
	if back.Published != 0 || back.Before != fit.Version || back.Changes.Affected != did.Changes.Affected {
		t.Errorf("the way back: %+v", back)
	}
	if list := string(s.do(t, http.MethodGet, modelsPath, operator, nil, "").body); !strings.Contains(list, `"version":"starting-1","state":"active"`) ||
		!strings.Contains(list, `"version":"`+fit.Version+`","state":"published"`) {
		t.Errorf("after the way back: %s", list)
	}
}
