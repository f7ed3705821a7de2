package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gapwise/gapwise/internal/archive"
	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/simulate"
	"github.com/gapwise/gapwise/internal/stream"
)

// archivedTraffic is what a log may hold: a cohort's events with late ones and
// repeats, an answer taken back, a conflict, and what is no event.
func archivedTraffic(t *testing.T, a testApp, to time.Time) {
	t.Helper()
	simulation, err := simulate.New(simulate.Config{
		Seed: 3, Learners: 12, Prefix: "l-", Cohort: "spring", Source: "sim", From: to.AddDate(0, 0, -28), To: to,
		Events: 900, Ability: 0.5, Late: 0.1, Repeats: 0.1,
	}, a.active.Active().Course.Catalog)
	if err != nil {
		t.Fatal(err)
	}
	var messages []stream.Message
	var answered *event.Event
	for e := range simulation.Events() {
		if _, ok := e.Data.(*event.Answer); ok {
			answered = e
		}
		messages = append(messages, stream.Message{Learner: e.Subject, ID: fmt.Sprint("m", len(messages)), Payload: encodedEvent(t, e)})
	}
	void := newEvent(t, "sim", "void", answered.Subject, to, &event.Void{Event: answered.ID, Reason: "a test"})
	other := newEvent(t, "sim", answered.ID, answered.Subject, to, &event.Answer{Item: "sli-slo-sla", Score: 0})
	for _, payload := range [][]byte{encodedEvent(t, void), encodedEvent(t, other), []byte("no event\xff"), []byte(`{ "id": "1" }`)} {
		messages = append(messages, stream.Message{Learner: answered.Subject, ID: fmt.Sprint("m", len(messages)), Payload: payload})
	}
	if _, err := a.log.Publish(t.Context(), messages); err != nil {
		t.Fatal(err)
	}
}

func encodedEvent(t *testing.T, e *event.Event) []byte {
	t.Helper()
	payload, err := event.Encode(e)
	if err != nil {
		t.Fatal(err)
	}
	return payload
}

// reportsOf returns what the reports of a cohort and its learners say at a time, what
// they rest on aside: sequences differ between logs.
func reportsOf(t *testing.T, c *client, at time.Time) map[string]any {
	t.Helper()
	p, err := c.waitProjected(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	asOf := p.AsOf
	asOf.Time = at
	all := map[string]any{}
	add := func(path string, parameters url.Values) map[string]any {
		parameters.Set("as_of", asOf.String())
		var report map[string]any
		if err := c.get(t.Context(), path, parameters, &report); err != nil {
			t.Fatal(path, err)
		}
		for _, key := range []string{"as_of", "lag_ms", "generation"} {
			delete(report, key)
		}
		all[path+"?"+parameters.Get("by")] = report
		return report
	}
	for _, by := range []string{"concern", "chapter"} {
		add("/v1/cohorts/spring/weak-topics", url.Values{"by": {by}})
		add("/v1/cohorts/spring/heatmap", url.Values{"by": {by}})
	}
	learners, _ := add("/v1/cohorts/spring/learners", url.Values{})["learners"].([]any)
	if len(learners) != 12 {
		t.Fatalf("%d learners", len(learners))
	}
	for _, row := range learners {
		id, _ := row.(map[string]any)["learner"].(string)
		add("/v1/learners/"+id+"/weak-topics", url.Values{})
		add("/v1/learners/"+id+"/next-topics", url.Values{})
		add("/v1/learners/"+id+"/progress", url.Values{})
	}
	return all
}

// TestArchive: a log goes into files and into another deployment, which says the same
// of everybody. Imported twice, everything counts once.
func TestArchive(t *testing.T) {
	to := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	from := startApp(t)
	archivedTraffic(t, from, to)
	c, _ := from.operator(t)
	before := reportsOf(t, c, to)
	if len(before) < 40 {
		t.Fatalf("%d reports", len(before))
	}

	dir := filepath.Join(t.TempDir(), "archive")
	out, err := from.command(t, "export", "--events", dir, "--json")
	if err != nil {
		t.Fatal(err)
	}
	var m archive.Manifest
	if err := json.Unmarshal([]byte(out), &m); err != nil {
		t.Fatal(err)
	}
	info, err := from.log.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if m.Messages != info.Messages || m.Types[""] != 2 || !m.Stream.Equal(from.log.Created()) {
		t.Errorf("manifest %+v of a log of %d messages", m, info.Messages)
	}

	into := startApp(t)
	for i, want := range []uint64{m.Messages, 2 * m.Messages} {
		if _, err := into.command(t, "import", "--events", dir); err != nil {
			t.Fatal(err)
		}
		c, _ := into.operator(t)
		after := reportsOf(t, c, to)
		for _, path := range slices.Sorted(maps.Keys(before)) {
			if a, b := fmt.Sprint(before[path]), fmt.Sprint(after[path]); a != b {
				t.Fatalf("import %d: %s says\n%.2000s\ninstead of\n%.2000s", i+1, path, b, a)
			}
		}
		p, err := c.projections(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		// Beside the archive's messages there is the publication of its own catalog.
		if p.Counts.Messages > want+1 || i == 0 && p.Counts.Dead != 2 || p.Counts.Conflicts < 1 {
			t.Errorf("import %d: %+v of %d messages", i+1, p.Counts, want)
		}
	}
}

// TestArchiveInParts: parts by time that follow each other hold what the whole does.
func TestArchiveInParts(t *testing.T) {
	a := startApp(t, "--catalog", otherCourse)
	var cut string
	for i := range 40 {
		e := newEvent(t, "test", fmt.Sprint(i), "ada", time.Date(2026, 1, 1, 0, i, 0, 0, time.UTC), &event.Answer{Item: "add-two", Score: 1})
		if _, err := a.publishEvents(t.Context(), []*event.Event{e}); err != nil {
			t.Fatal(err)
		}
		if i == 20 {
			cut = time.Now().UTC().Format(time.RFC3339Nano)
		}
	}
	dir := t.TempDir()
	for name, args := range map[string][]string{"first": {"--to", cut}, "second": {"--from", cut}, "whole": nil} {
		if _, err := a.command(t, append([]string{"export", "--events", filepath.Join(dir, name)}, args...)...); err != nil {
			t.Fatal(err)
		}
	}
	lines := func(name string) (all []string) {
		opened, err := archive.Open(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		for l, err := range opened.Lines() {
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, fmt.Sprint(l.Seq, string(l.Message())))
		}
		return all
	}
	first, second := lines("first"), lines("second")
	if whole := lines("whole"); !slices.Equal(append(first, second...), whole) || len(first) < 20 || len(second) != 19 {
		t.Errorf("parts of %d and %d, the whole of %d", len(first), len(second), len(whole))
	}
}

// TestArchiveRefused: what can't be imported or exported is told.
func TestArchiveRefused(t *testing.T) {
	a := startApp(t, "--catalog", otherCourse)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "notes"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"export"}, "--events"},
		{[]string{"export", "--events", dir}, "not empty"},
		{[]string{"export", "--events", filepath.Join(dir, "a"), "--from", "yesterday"}, "yesterday"},
		{[]string{"export", "--events", filepath.Join(dir, "b"), "--from", "2026-01-02T00:00:00Z", "--to", "2026-01-01T00:00:00Z"}, "not before"},
		{[]string{"import", "--events", dir}, "no manifest.json"},
		{[]string{"import", "--events", dir, "file.tsv"}, "file.tsv"},
	} {
		if _, err := a.command(t, c.args...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("gapwise %v: %v, want something about %q", c.args, err, c.want)
		}
	}
}

// callArchive: the log read as lines, and lines put back that can and can't be.
func (s *system) callArchive(t *testing.T, c *contract, operator string) {
	exported := s.do(t, http.MethodGet, "/v1/admin/exports", operator, nil, "")
	lines := strings.SplitAfter(string(exported.body), "\n")
	if !strings.Contains(string(exported.body), `"end":true`) || len(lines) < 10 {
		t.Fatalf("exported %.300s", exported.body)
	}
	for _, call := range []struct {
		body   string
		status int
		says   string
	}{
		{lines[0] + lines[1], 200, `"stored":`},
		{"", 200, `"stored":0`},
		{"{", 400, "line 1"},
		{lines[0] + "7", 400, "line 2"},
		{`{"seq":1,"stored":"2026-01-01T00:00:00Z","subject":"study.events.64","event":{}}`, 400, "study.events.64"},
		{`{"seq":1,"stored":"2026-01-01T00:00:00Z","subject":"other","event":{}}`, 400, "other"},
		{strings.Repeat(" ", 9<<20), 413, "bytes"},
	} {
		got := s.do(t, http.MethodPost, "/v1/admin/imports", operator, map[string]string{"Content-Type": "application/x-ndjson"}, call.body)
		c.hold(t, "POST /v1/admin/imports", got)
		if got.status != call.status || !strings.Contains(string(got.body), call.says) {
			t.Errorf("%.80s: %d instead of %d (%s): %.300s", call.body, got.status, call.status, call.says, got.body)
		}
	}
	s.settle(t)
}
