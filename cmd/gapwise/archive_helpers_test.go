package main

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gapwise/gapwise/internal/admin"
	"github.com/gapwise/gapwise/internal/archive"
	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/simulate"
	"github.com/gapwise/gapwise/internal/stream"
)

// archived is a deployment whose log holds what a log may hold.
type archived struct {
	testApp
	events []*event.Event // of a cohort
	cuts   []time.Time    // between two messages' storing
	to     time.Time      // no event but one is after it
	when   string         // catalog and model of reports: then or now
	said   map[time.Time]map[string]string
}

// startArchived starts one. Its events are old, but for one that was too far ahead when
// it was stored.
func startArchived(t *testing.T) *archived {
	t.Helper()
	a := &archived{testApp: startApp(t), when: "then", said: map[time.Time]map[string]string{}, to: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	simulation, err := simulate.New(simulate.Config{
		Seed: 3, Learners: 12, Prefix: "l-", Cohort: "spring", Source: "sim", From: a.to.AddDate(0, 0, -28), To: a.to,
		Events: 900, Ability: 0.5, Late: 0.1, Repeats: 0.1,
	}, a.active.Active().Course.Catalog)
	if err != nil {
		t.Fatal(err)
	}
	for e := range simulation.Events() {
		a.events = append(a.events, e)
	}
	third := len(a.events) / 3
	a.store(t, a.events[:third])
	a.cut()
	a.store(t, a.events[third:2*third])
	a.odd(t)
	a.cut()
	a.store(t, a.events[2*third:])
	a.cut()
	return a
}

func (a *archived) cut() { a.cuts = append(a.cuts, time.Now().UTC().Truncate(time.Microsecond)) }

func (a *archived) store(t *testing.T, events []*event.Event) {
	t.Helper()
	var messages []stream.Message
	for _, e := range events {
		messages = append(messages, a.key.message(e, encodedEvent(t, e)))
		messages[len(messages)-1].ID = "" // a repeat is to be in the log
	}
	a.send(t, messages)
}

func (a *archived) send(t *testing.T, messages []stream.Message) {
	t.Helper()
	if _, err := a.log.Publish(t.Context(), messages); err != nil {
		t.Fatal(err)
	}
}

// odd stores what isn't just another event: an answer taken back, a conflict, one too
// far ahead, one with a forged origin and without a seal, one under an odd subject, and
// what is no event at all.
func (a *archived) odd(t *testing.T) {
	t.Helper()
	var of *event.Event
	for _, e := range a.events {
		if _, ok := e.Data.(*event.Answer); ok {
			of = e
		}
	}
	answer := func(id string, at time.Time) []byte {
		return encodedEvent(t, newEvent(t, "odd", id, of.Subject, at, &event.Answer{Item: "sli-slo-sla", Score: 1, GradedBy: event.GradedByKey}))
	}
	forged := a.key.origin(origin{a.log.Created(), 1, a.to}, []byte("another"))
	var messages []stream.Message
	for _, m := range []stream.Message{
		{Payload: encodedEvent(t, newEvent(t, of.Source, "void", of.Subject, a.to, &event.Void{Event: of.ID, Reason: "a test"}))},
		{Payload: encodedEvent(t, newEvent(t, of.Source, of.ID, of.Subject, a.to, &event.Answer{Item: "sli-slo-sla", Score: 0}))},
		{Payload: answer("ahead", time.Now().Add(event.MaxAhead+time.Minute))},
		{Payload: answer("forged", a.to), Headers: map[string]string{stream.OriginHeader: forged}},
		{Payload: encodedEvent(t, newEvent(t, "odd", "erase", strings.Repeat("0", 32), a.to,
			&event.Erasure{LearnerHMAC: strings.Repeat("0", 32), Request: "forged"}))},
		{Payload: answer("subject", a.to), Subject: "study.events.odd"},
		{Payload: []byte("no event\xff")}, {Payload: []byte(`{ "id": "1" }`)}, {Payload: nil},
		{Payload: bytes.Repeat([]byte("long"), 1<<20)},
	} {
		m.Learner = of.Subject
		messages = append(messages, m)
	}
	a.send(t, messages)
}

func encodedEvent(t *testing.T, e *event.Event) []byte {
	t.Helper()
	payload, err := event.Encode(e)
	if err != nil {
		t.Fatal(err)
	}
	return payload
}

// basis is what differs between two logs that say the same: how far each is, and the
// sequence of each event.
var basis = regexp.MustCompile(`"seq":\d+|"lag_ms":\d+|"generation":"[^"]*"|"next":"[^"]*"|"floor":\d+|"last":\d+`)

// reportsOf returns what the reports of the cohort and of so many of its learners say as
// of a time, by what was asked for.
func reportsOf(t *testing.T, a testApp, at time.Time, when string, learners int) map[string]string {
	t.Helper()
	c, _ := a.operator(t)
	if _, err := c.waitProjected(t.Context()); err != nil {
		t.Fatal(err)
	}
	reports := map[string]string{}
	add := func(path string, parameters url.Values) []byte {
		parameters.Set("as_of", at.Format(time.RFC3339Nano))
		parameters.Set("catalog", when)
		parameters.Set("model", when)
		text, err := c.getRaw(t.Context(), path, parameters)
		if err != nil {
			t.Fatal(path, err)
		}
		reports[path+"?"+parameters.Encode()] = basis.ReplaceAllString(string(text), "")
		return text
	}
	for _, by := range []string{"concern", "chapter"} {
		for _, report := range []string{"weak-topics", "heatmap", "weeks"} {
			add("/v1/cohorts/spring/"+report, url.Values{"by": {by}})
		}
	}
	add("/v1/cohorts/spring/items", url.Values{})
	var list struct{ Learners []struct{ Learner string } }
	if err := json.Unmarshal(add("/v1/cohorts/spring/learners", url.Values{}), &list); err != nil {
		t.Fatal(err)
	}
	for _, l := range list.Learners[:min(learners, len(list.Learners))] {
		base := "/v1/learners/" + l.Learner
		add(base+"/weak-topics", url.Values{"by": {"concern"}})
		add(base+"/weak-topics", url.Values{"by": {"chapter"}})
		add(base+"/next-topics", url.Values{"limit": {"20"}})
		add(base+"/progress", url.Values{})
		add(base+"/evidence", url.Values{"concern": {"security"}})
		add(base+"/export", url.Values{})
	}
	return reports
}

// sameReports fails when another deployment says anything else as of some of the times.
func (a *archived) sameReports(t *testing.T, into testApp, learners int, cuts ...time.Time) {
	t.Helper()
	for _, at := range cuts {
		want, known := a.said[at]
		if !known {
			want = reportsOf(t, a.testApp, at, a.when, learners)
			a.said[at] = want
		}
		got := reportsOf(t, into, at, a.when, learners)
		if len(want) != 8+6*learners {
			t.Fatalf("%d reports of %d learners as of %s", len(want), learners, at)
		}
		for _, path := range slices.Sorted(maps.Keys(want)) {
			if got[path] != want[path] {
				t.Fatalf("%s says\n%.2000s\ninstead of\n%.2000s", path, got[path], want[path])
			}
		}
	}
}

// letters lists all dead letters but for their sequences.
func (a testApp) letters(t *testing.T) (list []admin.DeadLetter) {
	t.Helper()
	c, _ := a.operator(t)
	if _, err := c.waitProjected(t.Context()); err != nil {
		t.Fatal(err)
	}
	var page admin.DeadLetters
	if err := c.get(t.Context(), "/v1/admin/deadletters", url.Values{"dropped": {"true"}, "limit": {"100"}}, &page); err != nil {
		t.Fatal(err)
	}
	for _, d := range page.DeadLetters {
		d.Seq = 0
		if d.Reason == "conflict" { // it names a sequence
			d.Detail = ""
		}
		list = append(list, d)
	}
	return list
}

// export writes an archive and returns its folder and manifest.
func (a testApp) export(t *testing.T, args ...string) (string, archive.Manifest) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "archive")
	out, err := a.command(t, append([]string{"export", "--json", "--events", dir}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	var m archive.Manifest
	if err := json.Unmarshal([]byte(out), &m); err != nil {
		t.Fatal(err)
	}
	return dir, m
}

// restore imports an archive.
func (a testApp) restore(t *testing.T, dir string, args ...string) (done restored) {
	t.Helper()
	out, err := a.command(t, append([]string{"import", "--json", "--events", dir}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(out), &done); err != nil {
		t.Fatal(err)
	}
	return done
}

// messages counts those of the log.
func (a testApp) messages(t *testing.T) uint64 {
	t.Helper()
	info, err := a.log.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return info.Messages
}

// verified fails unless the tables hold what the log says.
func (a testApp) verified(t *testing.T) {
	t.Helper()
	if _, err := a.command(t, "verify"); err != nil {
		t.Error("verify:", err)
	}
}
