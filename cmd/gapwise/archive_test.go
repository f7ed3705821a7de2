package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gapwise/gapwise/internal/admin"
	"github.com/gapwise/gapwise/internal/archive"
	"github.com/gapwise/gapwise/internal/event"
)

// TestArchive: a log goes into files and into another deployment, which says the same
// of everybody as of every time, to the last byte. What operators decided about dead
// letters goes along, a second import adds nothing, and from the new deployment the log
// can be taken further.
func TestArchive(t *testing.T) {
	t.Parallel()
	from := startArchived(t)
	letters := from.letters(t)
	if len(letters) != 8 { // the conflict is with an answer that comes later, twice
		t.Fatalf("%d dead letters: %.3000v", len(letters), letters)
	}
	if _, err := from.command(t, "deadletter", "drop", "--reason", "missing_field", "--yes"); err != nil {
		t.Fatal(err)
	}
	dir, m := from.export(t)
	if held := from.messages(t); m.Messages+m.LeftOut[string(event.DeadLetterDropped)] != held || m.LeftOut[string(event.DeadLetterDropped)] != 1 ||
		m.Types[""] != 5 || !m.Stream.Equal(from.log.Created()) || m.Seen.Model != "starting-1" {
		t.Errorf("manifest %+v of a log of %d messages", m, held)
	}

	opened, err := archive.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	var stored time.Time
	for l, err := range opened.Lines() {
		if err != nil || l.Stored.Before(stored) { // a forged origin would be old
			t.Fatalf("%v, %d stored at %s after %s", err, l.Seq, l.Stored, stored)
		}
		stored = l.Stored
	}

	into := startApp(t)
	own := into.messages(t) // the publication of its catalog
	if dry := into.restore(t, dir, "--dry-run"); dry.Stored != m.Messages || !dry.DryRun || into.messages(t) != own {
		t.Errorf("a dry run: %+v, and %d messages", dry, into.messages(t))
	}
	done := into.restore(t, dir)
	if done.Stored != m.Messages || done.Present != 0 || done.Erased != 0 || !done.OtherKey || done.Catalog != m.Seen.Catalog {
		t.Errorf("imported %+v of %+v", done, m)
	}
	from.sameReports(t, into, 3, from.cuts...)
	if want, got := from.letters(t), into.letters(t); !reflect.DeepEqual(want, got) || !slices.ContainsFunc(got, func(d admin.DeadLetter) bool { return d.Dropped }) {
		t.Errorf("dead letters\n%.3000v\ninstead of\n%.3000v", got, want)
	}
	into.verified(t)

	if again := into.restore(t, dir); again.Stored != 0 || again.Present != m.Messages || into.messages(t) != own+m.Messages+1 { // and the drop
		t.Errorf("a second import: %+v, %d messages", again, into.messages(t))
	}
	dir, _ = into.export(t)
	third := startApp(t)
	third.restore(t, dir)
	from.sameReports(t, third, 3, from.cuts...)
}

// TestArchiveInParts: parts by time that follow each other hold what the whole does.
func TestArchiveInParts(t *testing.T) {
	t.Parallel()
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
	first, _ := a.export(t, "--to", cut)
	second, _ := a.export(t, "--from", cut)
	whole, m := a.export(t)
	lines := func(dir string) (all []string) {
		opened, err := archive.Open(dir)
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
	if all := lines(whole); !slices.Equal(slices.Concat(lines(first), lines(second)), all) || len(lines(first)) < 20 || len(lines(second)) != 19 {
		t.Errorf("parts of %d and %d, the whole of %d", len(lines(first)), len(lines(second)), len(all))
	}
	// In the wrong order, then the whole: what is there isn't put back again.
	into := startApp(t, "--catalog", otherCourse)
	stored := into.restore(t, second).Stored + into.restore(t, first).Stored
	if again := into.restore(t, whole); stored != m.Messages || again.Stored != 0 || again.Present != m.Messages {
		t.Errorf("%d messages, then %+v", stored, again)
	}
}

// TestArchiveWhileTraffic: what is stored while an export goes on isn't in it, and what
// was before is, without a gap.
func TestArchiveWhileTraffic(t *testing.T) {
	a := startArchived(t)
	stop, stopped := make(chan struct{}), make(chan int)
	go func() {
		n := 0
		defer func() { stopped <- n }()
		for {
			select {
			case <-stop:
				return
			default:
			}
			e, err := event.New("traffic", fmt.Sprint(n), "ada", a.to, &event.Answer{Item: "sli-slo-sla", Score: 1})
			if err == nil {
				_, err = a.publishEvents(t.Context(), []*event.Event{e})
			}
			if err != nil {
				t.Error(err)
				return
			}
			n++
		}
	}()
	before := a.messages(t)
	_, m := a.export(t)
	after := a.messages(t)
	close(stop)
	if n := <-stopped; m.Messages < before || m.Messages > after || m.First != 1 || m.Last != m.Messages || n == 0 {
		t.Errorf("%d messages before, %d after, %d sent meanwhile, exported %+v", before, after, n, m)
	}
}

// TestArchiveBringsNobodyBack: an archive from before an erasure puts everything back
// but the learner; a deployment with the same key keeps an erasure that the archive has.
func TestArchiveBringsNobodyBack(t *testing.T) {
	t.Parallel()
	a := startArchived(t)
	dir, m := a.export(t)
	learner := a.events[0].Subject
	if _, err := a.command(t, "erase", learner, "--yes"); err != nil {
		t.Fatal(err)
	}
	held := a.messages(t)
	again := a.restore(t, dir)
	if again.Erased == 0 || again.Stored != 0 || again.Present+again.Erased != m.Messages || a.messages(t) != held {
		t.Errorf("imported %+v of %d messages, the log has %d after %d", again, m.Messages, a.messages(t), held)
	}
	a.verified(t)

	data := t.TempDir()
	keep(t, a.Config.Data.Dir, data, "keys/learners.key", "keys/erased.ndjson")
	into := startApp(t, "--data-dir", data)
	done := into.restore(t, dir)
	if done.OtherKey || done.Erased != again.Erased || done.Stored != m.Messages-done.Erased {
		t.Errorf("beside the same keys: %+v", done)
	}
	a.sameReports(t, into, 2, a.cuts[2])
	into.verified(t)
}

// keep copies files of a data folder into another one.
func keep(t *testing.T, from, to string, names ...string) {
	t.Helper()
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join(from, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Dir(filepath.Join(to, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestArchiveSeenThroughAnotherModel: the import says what differs and what to do, and
// that done, reports are the same.
func TestArchiveSeenThroughAnotherModel(t *testing.T) {
	t.Parallel()
	from := startArchived(t)
	from.when = "now" // none of them was active then where it is put back
	version := from.published(t)
	dir, m := from.export(t)
	if m.Seen.Model != version {
		t.Fatalf("%+v", m)
	}
	into := startApp(t)
	out, err := into.command(t, "import", "--events", dir)
	if err != nil || !strings.Contains(out, "gapwise model publish "+version) || !strings.Contains(out, "starting-1") {
		t.Errorf("it says %s, %v", out, err)
	}
	if _, err := into.command(t, "model", "publish", version, "--yes"); err != nil {
		t.Fatal(err)
	}
	from.sameReports(t, into, 12, from.cuts[2])
}

// published fits a model to the answers and publishes it.
func (a testApp) published(t *testing.T) string {
	t.Helper()
	c, _ := a.operator(t)
	if _, err := c.waitProjected(t.Context()); err != nil {
		t.Fatal(err)
	}
	out, err := a.command(t, "model", "fit", "--wait", "--json")
	if err != nil {
		t.Fatal(err)
	}
	var fit struct{ Version string }
	if err := json.Unmarshal([]byte(out), &fit); err != nil || fit.Version == "" {
		t.Fatal(out, err)
	}
	if _, err := a.command(t, "model", "publish", fit.Version, "--yes"); err != nil {
		t.Fatal(err)
	}
	return fit.Version
}

// TestArchiveRefused: what can't be imported or exported is told.
func TestArchiveRefused(t *testing.T) {
	a := startApp(t, "--catalog", otherCourse)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "notes"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	damaged, _ := a.export(t)
	file := filepath.Join(damaged, "events-000001.ndjson.zst")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text[len(text)/2] ^= 1
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	before := a.messages(t)
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"export"}, "--events"},
		{[]string{"export", "--events", dir}, "not empty"},
		{[]string{"export", "--events", filepath.Join(dir, "a"), "--from", "yesterday"}, "yesterday"},
		{[]string{"export", "--events", filepath.Join(dir, "b"), "--from", "2026-01-02T00:00:00Z", "--to", "2026-01-01T00:00:00Z"}, "not before"},
		{[]string{"import", "--events", dir}, "no SHA256SUMS"},
		{[]string{"export", "--events", filepath.Join(dir, "c"), "--to", "2126-01-01"}, "lies in the future"},
		{[]string{"import", "--events", dir, "file.tsv"}, "file.tsv"},
		{[]string{"import", "--events", damaged, "--cohort", "spring"}, "--cohort"},
		{[]string{"import", "--events", damaged}, "events-000001.ndjson.zst: damaged from line 1 on"},
		{[]string{"import", "--events", damaged, "--dry-run"}, "events-000001.ndjson.zst: damaged from line 1 on"},
	} {
		if _, err := a.command(t, c.args...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("gapwise %v: %v, want something about %q", c.args, err, c.want)
		}
	}
	if a.messages(t) != before {
		t.Error("something was imported")
	}
}

// callArchive: the log read as lines, and lines put back that can and can't be.
func (s *system) callArchive(t *testing.T, c *contract, operator string) {
	exported := s.do(t, http.MethodGet, "/v1/admin/exports", operator, nil, "")
	lines := strings.SplitAfter(string(exported.body), "\n")
	if !strings.HasPrefix(lines[0], `{"begin":true`) || !strings.Contains(string(exported.body), `"end":true`) || len(lines) < 10 {
		t.Fatalf("exported %.300s", exported.body)
	}
	const other = "/v1/admin/imports?stream=2026-01-01T00:00:00Z"
	line := func(change string) string {
		return `{"seq":1,"stored":"2026-01-01T00:00:00Z","subject":"study.events.07","event":{},` + change + "}"
	}
	for _, call := range []struct {
		path, body string
		status     int
		says       string
	}{
		{other, lines[1] + lines[2], 200, `"stored":2`},
		{other, lines[1] + lines[2], 200, `"duplicates":2`},
		{other, "", 200, `"stored":0`},
		{other, "{", 400, "line 1"},
		{other, lines[1] + "7", 400, "line 2"},
		{other, line(`"seq":0`), 400, "seq is missing"},
		{other, line(`"stored":"0001-01-01T00:00:00Z"`), 400, "stored is missing"},
		{other, line(`"stored":"2999-01-01T00:00:00Z"`), 400, "2999"},
		{other, line(`"subject":"study.events.6.4"`), 400, "study.events.6.4"},
		{other, line(`"subject":"other"`), 400, "other"},
		{other, line(`"sealed":true,"event":{"type":"study.learner.forgotten.v1"}`), 400, "names sequences"},
		{other, strings.Repeat(" ", 17<<20), 413, "bytes"},
		{"/v1/admin/imports", lines[1], 400, "stream is missing"},
		{"/v1/admin/imports?stream=that", lines[1], 400, "that"},
	} {
		got := s.do(t, http.MethodPost, call.path, operator, map[string]string{"Content-Type": "application/x-ndjson"}, call.body)
		c.hold(t, "POST /v1/admin/imports", got)
		if got.status != call.status || !strings.Contains(string(got.body), call.says) {
			t.Errorf("%.80s: %d instead of %d (%s): %.300s", call.body, got.status, call.status, call.says, got.body)
		}
	}
	c.hold(t, "POST /v1/admin/imports", s.do(t, http.MethodPost, other, operator, map[string]string{"Content-Type": "text/csv"}, lines[1]))
	c.hold(t, "GET /v1/admin/imports", s.do(t, http.MethodGet, "/v1/admin/imports", operator, nil, ""))
	var found admin.Present
	for text := range strings.Lines(string(s.do(t, http.MethodGet, other, operator, nil, "").body)) {
		if err := json.Unmarshal([]byte(text), &found); err != nil {
			t.Fatal(err)
		}
	}
	if !found.End || found.Sequences != "1-2" {
		t.Errorf("found %+v, want the two that were put back", found)
	}
	s.settle(t)
}
