package ingest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gapwise/gapwise/internal/catalog"
	"github.com/gapwise/gapwise/internal/embedded/enginetest"
	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/httpserver"
	"github.com/gapwise/gapwise/internal/ingest"
	"github.com/gapwise/gapwise/internal/stream"
)

// now is the time at the door.
var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// door is a door in front of a real log.
type door struct {
	handler *ingest.Handler
	log     *stream.Log
	item    string
	asked   int // how often someone wanted to know a membership
	away    error
}

func newDoor(t testing.TB) *door {
	t.Helper()
	course, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	quiet := slog.New(slog.DiscardHandler)
	log, err := stream.Open(t.Context(), enginetest.NATS(t), stream.Config{}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	d := &door{log: log, item: course.Answerable()[0].ID}
	d.handler = &ingest.Handler{
		Publisher: publisher{log}, Members: d,
		Catalogs: func() []*catalog.Catalog { return []*catalog.Catalog{course} },
		Now:      func() time.Time { return now }, Log: quiet,
		HMAC:   func(learner string) string { return fmt.Sprintf("%032x", learner) },
		Erased: func(learner string) bool { return learner == "forgotten" },
	}
	return d
}

// publisher stores messages in the log.
type publisher struct{ log *stream.Log }

func (p publisher) Publish(ctx context.Context, messages []ingest.Message) ([]ingest.Ack, error) {
	out := make([]stream.Message, len(messages))
	for i, m := range messages {
		out[i] = stream.Message{Learner: m.Learner, ID: m.ID, Payload: m.Payload}
	}
	stored, err := p.log.Publish(ctx, out)
	acks := make([]ingest.Ack, len(stored))
	for i, ack := range stored {
		acks[i] = ingest.Ack{Duplicate: ack.Duplicate, Err: ack.Err}
	}
	return acks, err
}

// IsMember knows the members of one cohort: all whose name begins with "our-".
func (d *door) IsMember(_ context.Context, learner string, _ []string) (bool, error) {
	d.asked++
	return strings.HasPrefix(learner, "our-"), d.away
}

func (d *door) post(t *testing.T, who httpserver.Principal, contentType, body string) (ingest.Result, error) {
	t.Helper()
	r := httptest.NewRequestWithContext(httpserver.WithPrincipal(t.Context(), who), http.MethodPost, "/v1/events", strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	w := httptest.NewRecorder()
	if err := d.handler.Events(w, r); err != nil {
		return ingest.Result{}, err
	}
	var result ingest.Result
	if err := json.Unmarshal(w.Body.Bytes(), &result); err != nil {
		t.Fatalf("%s: %v", w.Body, err)
	}
	return result, nil
}

const (
	single = "application/cloudevents+json"
	lines  = "application/x-ndjson"
)

var operator = httpserver.Principal{Role: httpserver.RoleOperator}

func line(t testing.TB, id, learner string, at time.Time, data event.Data) string {
	t.Helper()
	typ, ok := event.TypeOf(data)
	if !ok {
		t.Fatalf("%T tells no type", data)
	}
	return typed(t, typ, id, learner, at, data)
}

func typed(t testing.TB, typ event.Type, id, learner string, at time.Time, data event.Data) string {
	t.Helper()
	e, err := event.NewTyped(typ, "https://test.example", id, learner, at, data)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := event.Encode(e)
	if err != nil {
		t.Fatal(err)
	}
	return string(payload) + "\n"
}

// One bad event never rejects its neighbours, and each rejection names its event.
func TestEventsAreJudgedOneByOne(t *testing.T) {
	d := newDoor(t)
	answer := &event.Answer{Item: d.item, Score: 1}
	body := line(t, "good", "ada", now, answer) +
		"{\n" +
		line(t, "ahead", "ada", now.Add(25*time.Hour), answer) +
		line(t, "nowhere", "ada", now, &event.Answer{Item: "nowhere", Score: 1}) +
		typed(t, event.TopicPinned, "topic", "ada", now, &event.Steering{Topic: "nowhere"}) +
		"{\"id\":\"\xff\"}\n" +
		line(t, "good", "ada", now, answer) +
		line(t, "old", "bob", now.AddDate(-20, 0, 0), answer)
	got, err := d.post(t, operator, lines, body)
	if err != nil {
		t.Fatal(err)
	}
	if got.Accepted != 2 || got.Duplicates != 1 || len(got.Rejected) != 5 {
		t.Fatalf("got %+v", got)
	}
	for i, want := range []struct {
		index    int
		id, says string
	}{
		{1, "", "JSON"}, {2, "ahead", "24 h ahead"}, {3, "nowhere", "data.item"}, {4, "topic", "data.topic"}, {5, "", "UTF-8"},
	} {
		r := got.Rejected[i]
		id := ""
		if r.ID != nil {
			id = *r.ID
		}
		if r.Index != want.index || id != want.id || !strings.Contains(r.Error, want.says) {
			t.Errorf("rejection %d is %d, %q, %q; want %+v", i, r.Index, id, r.Error, want)
		}
	}
	info, err := d.log.Info(t.Context())
	if err != nil || info.Messages != 2 {
		t.Errorf("the log holds %d messages, %v", info.Messages, err)
	}
}

// What is no event, or not now, is answered by a problem and nothing is stored.
func TestEventsThatAreRefusedWhole(t *testing.T) {
	d := newDoor(t)
	instructor := httpserver.Principal{Role: httpserver.RoleInstructor, Cohorts: []string{"ours"}}
	learner := httpserver.Principal{Role: httpserver.RoleLearner, Learner: "ada"}
	graded := &event.Answer{Item: d.item, Score: 1, GradedBy: event.GradedByInstructor}
	full := errors.New("the disk is low")
	for name, c := range map[string]struct {
		who         httpserver.Principal
		contentType string
		body        string
		admit, away error
		status      int
	}{
		"a single invalid event":     {who: operator, contentType: single, body: "{}", status: http.StatusUnprocessableEntity},
		"a single event of another":  {who: learner, contentType: single, body: line(t, "x", "bob", now, &event.Answer{Item: d.item, Score: 1}), status: http.StatusForbidden},
		"too many":                   {who: operator, contentType: lines, body: strings.Repeat("{}\n", ingest.MaxEvents+1), status: http.StatusRequestEntityTooLarge},
		"no room":                    {who: operator, contentType: lines, body: "{}", admit: full, status: http.StatusServiceUnavailable},
		"rights that can't be asked": {who: instructor, contentType: lines, body: line(t, "x", "our-1", now, graded), away: errors.New("away"), status: http.StatusServiceUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			d.handler.Admit, d.away = func() error { return c.admit }, c.away
			_, err := d.post(t, c.who, c.contentType, c.body)
			var problem *httpserver.Problem
			if !errors.As(err, &problem) || problem.Status != c.status {
				t.Fatalf("got %v, want %d", err, c.status)
			}
			if c.status == http.StatusServiceUnavailable && problem.RetryAfter == 0 {
				t.Error("it doesn't say when to send all again")
			}
		})
	}
	info, err := d.log.Info(t.Context())
	if err != nil || info.Messages != 0 {
		t.Errorf("the log holds %d messages, %v", info.Messages, err)
	}
}

// Who is a member is asked once a learner, and of so many learners only.
func TestMembershipIsAskedOnce(t *testing.T) {
	d := newDoor(t)
	instructor := httpserver.Principal{Role: httpserver.RoleInstructor, Cohorts: []string{"ours"}}
	graded := &event.Answer{Item: d.item, Score: 1, GradedBy: event.GradedByInstructor}
	var body strings.Builder
	for i := range 300 {
		body.WriteString(line(t, fmt.Sprint("a-", i), fmt.Sprint("our-", i%10), now, graded))
		body.WriteString(line(t, fmt.Sprint("b-", i), "theirs", now, graded))
	}
	got, err := d.post(t, instructor, lines, body.String())
	if err != nil || got.Accepted != 300 || len(got.Rejected) != 300 {
		t.Fatalf("%d accepted, %d rejected, %v", got.Accepted, len(got.Rejected), err)
	}
	if d.asked != 11 {
		t.Errorf("asked %d times about 11 learners", d.asked)
	}

	body.Reset()
	for i := range 201 {
		body.WriteString(line(t, fmt.Sprint("c-", i), fmt.Sprint("our-", i), now, graded))
	}
	got, err = d.post(t, instructor, lines, body.String())
	if err != nil || got.Accepted != 200 || len(got.Rejected) != 1 || !strings.Contains(got.Rejected[0].Error, "200 learners") {
		t.Errorf("201 learners: %d accepted, rejected %+v, %v", got.Accepted, got.Rejected, err)
	}
}
