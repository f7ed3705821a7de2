package event_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/gapwise/gapwise/internal/event"
)

// complete returns an event of every type that is written, with every field of its data
// set: the last example of its schema.
func complete(t *testing.T) []*event.Event {
	t.Helper()
	all := loadSchemas(t)
	var events []*event.Event
	for _, typ := range event.Types() {
		if typ != typ.Newest() {
			continue
		}
		examples := all[typ].examples(t)
		raw := render(t, examples[len(examples)-1])
		example := decode(t, string(raw))
		e, err := event.NewTyped(typ, example.Source, example.ID, example.Subject, example.Time, example.Data)
		if err != nil {
			t.Fatalf("%s: %v", typ, err)
		}
		if !reflect.DeepEqual(e.Data, example.Data) {
			t.Errorf("%s: data %+v, want %+v", typ, e.Data, example.Data)
		}
		for field := range all[typ].fields(t) {
			if typ == event.AnswerSubmitted && field == "correct" { // the score tells more
				continue
			}
			if asObject(t, asObject(t, parse(t, raw))["data"])[field] == nil {
				t.Errorf("schemas/events/%s.json: the last example lacks %s; write all fields into it", typ, field)
			}
		}
		events = append(events, e)
	}
	return events
}

var at = time.Date(2026, 3, 1, 9, 30, 0, 123456000, time.UTC)

// What some types of several that share a Go type can't tell.
var untold = map[event.Type]string{event.CohortLeft: "Target", event.SessionStarted: "Active"}

func TestCompleteEventsSetEveryField(t *testing.T) {
	for _, e := range complete(t) {
		data := reflect.ValueOf(e.Data).Elem()
		for i := range data.NumField() {
			name := data.Type().Field(i).Name
			if name == untold[e.Type] {
				continue
			}
			if field := data.Field(i); field.IsZero() && field.Kind() != reflect.Bool {
				t.Errorf("%s: %s is not set", e.Type, name)
			}
		}
		if typ, ok := event.TypeOf(e.Data); ok && typ != e.Type {
			t.Errorf("data of %s tells the type %s", e.Type, typ)
		}
	}
}

func TestNewFillsIn(t *testing.T) {
	local := at.In(time.FixedZone("", 3600)).Add(789)
	e, err := event.New("/quiz", "1", "ada", local, &event.Answer{Item: "q1", Score: 1, Duration: time.Second + time.Microsecond, Points: []string{}})
	if err != nil {
		t.Fatal(err)
	}
	want := &event.Event{Source: "/quiz", ID: "1", Subject: "ada", Type: event.AnswerSubmitted, Time: at,
		Data: &event.Answer{Item: "q1", Score: 1, GradedBy: event.GradedByKey, Duration: time.Second},
		Key:  event.KeyOf("/quiz", "1"), Content: e.Content}
	if !reflect.DeepEqual(e, want) {
		t.Errorf("event %+v, want %+v", e, want)
	}
}

func TestNewRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		typ  event.Type
		data event.Data
		want string
	}{
		"no data":                 {"", nil, `type: <nil> doesn't tell the event's type; use NewTyped`},
		"steering":                {"", &event.Steering{Topic: "x"}, `type: *event.Steering doesn't tell the event's type; use NewTyped`},
		"publication":             {"", &event.Publication{}, `type: *event.Publication doesn't tell the event's type; use NewTyped`},
		"another type's data":     {event.AnswerVoided, &event.Answer{}, `data: *event.Answer doesn't fit the type "study.answer.voided.v1"`},
		"a tick unticked":         {event.ChecklistUnticked, &event.Tick{Ticked: true}, `data: *event.Tick doesn't fit the type "study.checklist.unticked.v1"`},
		"a start that was active": {event.SessionStarted, &event.Session{Session: "s", Started: true, Active: new(time.Hour)}, `data: *event.Session doesn't fit the type "study.session.started.v1"`},
		"active for 25 hours":     {"", &event.Session{Session: "s", Active: new(25 * time.Hour)}, `data.active_seconds: 90000 is outside 0..86400; send the seconds in which the learner was active, or null when you can't tell (seconds, not milliseconds)`},
		"an old version":          {event.SessionEndedV1, &event.Session{Session: "s"}, `type: "study.session.ended.v1" is read, and no longer written; write "study.session.ended.v2", or forward the message as it came`},
		"leaving for a level":     {event.CohortLeft, &event.Membership{Cohort: "spring", Target: "staff"}, `data: *event.Membership doesn't fit the type "study.cohort.left.v1"`},
		"a pin as a model":        {event.ModelPublished, &event.Steering{}, `data: *event.Steering doesn't fit the type "study.model.published.v1"`},
		"nil data":                {event.AnswerSubmitted, nil, `data: <nil> doesn't fit the type "study.answer.submitted.v1"`},
		"bad UTF-8":               {"", &event.Answer{Item: "q\xff"}, `data.item: holds bytes that are not UTF-8; send UTF-8`},
		"not a number":            {"", &event.Answer{Item: "q", Score: math.NaN()}, `data.score: NaN is outside 0..1; send a share between 0 and 1`},
		"infinite":                {"", &event.Answer{Item: "q", Score: math.Inf(1)}, `data.score: +Inf is outside 0..1; send a share between 0 and 1`},
		"score over 1":            {"", &event.Answer{Item: "q", Score: 2}, `data.score: 2 is outside 0..1; send a share between 0 and 1, or "correct": true|false`},
		"attempt below 0":         {"", &event.Answer{Item: "q", Attempt: -1}, `data.attempt: -1 is outside 1..65535; send 1 for the first attempt, 2 for the second, …`},
		"until 9999":              {event.TopicPinned, &event.Steering{Topic: "x", Until: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)}, `data.until: the year 9999 (UTC) is outside 1900..2299; check the producer's clock and units`},
	} {
		var err error
		if c.typ == "" {
			_, err = event.New("/quiz", "1", "ada", at, c.data)
		} else {
			_, err = event.NewTyped(c.typ, "/quiz", "1", "ada", at, c.data)
		}
		var fault *event.Error
		if !errors.As(err, &fault) || err.Error() != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	if _, err := event.New("/quiz", "1", "ada", time.Time{}, &event.Tick{Item: "c1"}); err == nil {
		t.Error("an event without a time is accepted")
	}
}

func TestLargePublication(t *testing.T) {
	e, err := event.NewTyped(event.CatalogPublished, "/operator", "1", "course", at,
		&event.Publication{Version: "1", Content: strings.Repeat("<é>", event.MaxPublication/5)})
	if err != nil {
		t.Fatal(err)
	}
	roundTrip(t, e)
}

// roundTrip encodes and decodes an event that Decode or New has made, and checks
// that nothing changes.
func roundTrip(t interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}, e *event.Event) []byte {
	t.Helper()
	raw, err := event.Encode(e)
	if err != nil {
		t.Fatal(err)
	}
	back, err := event.Decode(raw)
	if err != nil {
		t.Fatalf("decode %s: %v", raw, err)
	}
	if !reflect.DeepEqual(back, e) {
		t.Fatalf("%s reads as %+v %+v, want %+v %+v", raw, back, back.Data, e, e.Data)
	}
	return raw
}

func TestCompleteEventsRoundTrip(t *testing.T) {
	for _, e := range complete(t) {
		roundTrip(t, e)
	}
}

// checkIdentity computes key and content anew, as doc.go describes them, with the
// library's canonical form.
func checkIdentity(t interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}, raw []byte, e *event.Event) {
	t.Helper()
	var data jsontext.Value
	dec := jsontext.NewDecoder(bytes.NewBuffer(raw))
	if _, err := dec.ReadToken(); err != nil {
		t.Fatal(err)
	}
	for dec.PeekKind() == '"' {
		name, err := dec.ReadToken()
		if err != nil {
			t.Fatal(err)
		}
		isData := name.String() == "data"
		value, err := dec.ReadValue()
		if err != nil {
			t.Fatal(err)
		}
		if isData {
			data = value.Clone()
		}
	}
	if err := data.Canonicalize(); err != nil {
		t.Fatal(err)
	}
	content := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%s\x00%s", e.Type, e.Subject, e.Time.Format("2006-01-02T15:04:05.000000Z"), data))
	key := sha256.Sum256([]byte(e.Source + "\x00" + e.ID))
	want := hex.EncodeToString(key[:16]) + "-" + hex.EncodeToString(content[:8])
	if e.MsgID() != want {
		t.Fatalf("message id of %s is %s, want %s over data %s", raw, e.MsgID(), want, data)
	}
}
