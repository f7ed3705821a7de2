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
	"pgregory.net/rapid"

	"github.com/gapwise/gapwise/internal/event"
)

// complete returns an event of every type with every field of its data set.
func complete(t *testing.T) []*event.Event {
	t.Helper()
	steering := &event.Steering{Topic: "caching", Until: at.Add(time.Hour), Note: "before the review"}
	publication := &event.Publication{Version: "7", Content: "{}"}
	var events []*event.Event
	for _, typ := range event.Types() {
		var data event.Data
		subject := "ada"
		switch typ {
		case event.AnswerSubmitted:
			data = &event.Answer{Item: "q1", Score: 0.5, GradedBy: event.GradedBySelf, Points: []string{"p1", "p2"}, Response: "a\nb",
				Attempt: 2, Confidence: 3, Duration: 1500 * time.Millisecond, Session: "s1"}
		case event.AnswerVoided:
			data = &event.Void{Event: "7", Source: "/exam", Target: event.KeyOf("/exam", "7"), Reason: "wrong key"}
		case event.ChecklistTicked, event.ChecklistUnticked:
			data = &event.Tick{Item: "c1", Ticked: typ == event.ChecklistTicked}
		case event.SessionStarted, event.SessionEnded:
			data = &event.Session{Session: "s1", Chapter: "caching", Started: typ == event.SessionStarted}
		case event.CohortJoined:
			data = &event.Membership{Cohort: "spring", Joined: true, Target: "staff"}
		case event.CohortLeft:
			data = &event.Membership{Cohort: "spring"}
		case event.TopicPinned, event.TopicExcluded, event.TopicReleased:
			data = steering
		case event.LearnerErased:
			data, subject = &event.Erasure{LearnerHMAC: "9f2b", Request: "r1", Sequences: event.Ranges{{From: 3, To: 3}, {From: 5, To: 8}}}, "9f2b"
		case event.LearnerForgotten:
			data, subject = &event.Receipt{LearnerHMAC: "9f2b", Request: "r1", Sequences: event.Ranges{{From: 1, To: 9}}, Rows: 12}, "9f2b"
		case event.DeadLetterRetried, event.DeadLetterDropped:
			data, subject = &event.DeadLetter{Target: 7, Reason: "mended"}, event.DeadLetters
		default:
			data = publication
		}
		e, err := event.NewTyped(typ, "/quiz", "1", subject, at, data)
		if err != nil {
			t.Fatalf("%s: %v", typ, err)
		}
		if !reflect.DeepEqual(e.Data, data) {
			t.Errorf("%s: data %+v, want %+v", typ, e.Data, data)
		}
		events = append(events, e)
	}
	return events
}

var at = time.Date(2026, 3, 1, 9, 30, 0, 123456000, time.UTC)

func TestCompleteEventsSetEveryField(t *testing.T) {
	for _, e := range complete(t) {
		data := reflect.ValueOf(e.Data).Elem()
		for i := range data.NumField() {
			name := data.Type().Field(i).Name
			if e.Type == event.CohortLeft && name == "Target" { // who leaves tells none
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
		"no data":             {"", nil, `type: <nil> doesn't tell the event's type; use NewTyped`},
		"steering":            {"", &event.Steering{Topic: "x"}, `type: *event.Steering doesn't tell the event's type; use NewTyped`},
		"publication":         {"", &event.Publication{}, `type: *event.Publication doesn't tell the event's type; use NewTyped`},
		"another type's data": {event.AnswerVoided, &event.Answer{}, `data: *event.Answer doesn't fit the type "study.answer.voided.v1"`},
		"a tick unticked":     {event.ChecklistUnticked, &event.Tick{Ticked: true}, `data: *event.Tick doesn't fit the type "study.checklist.unticked.v1"`},
		"leaving for a level": {event.CohortLeft, &event.Membership{Cohort: "spring", Target: "staff"}, `data: *event.Membership doesn't fit the type "study.cohort.left.v1"`},
		"a pin as a model":    {event.ModelPublished, &event.Steering{}, `data: *event.Steering doesn't fit the type "study.model.published.v1"`},
		"nil data":            {event.AnswerSubmitted, nil, `data: <nil> doesn't fit the type "study.answer.submitted.v1"`},
		"bad UTF-8":           {"", &event.Answer{Item: "q\xff"}, `data.item: holds bytes that are not UTF-8; send UTF-8`},
		"not a number":        {"", &event.Answer{Item: "q", Score: math.NaN()}, `data.score: NaN is outside 0..1; send a share between 0 and 1`},
		"infinite":            {"", &event.Answer{Item: "q", Score: math.Inf(1)}, `data.score: +Inf is outside 0..1; send a share between 0 and 1`},
		"score over 1":        {"", &event.Answer{Item: "q", Score: 2}, `data.score: 2 is outside 0..1; send a share between 0 and 1, or "correct": true|false`},
		"attempt below 0":     {"", &event.Answer{Item: "q", Attempt: -1}, `data.attempt: -1 is outside 1..65535; send 1 for the first attempt, 2 for the second, …`},
		"until 9999":          {event.TopicPinned, &event.Steering{Topic: "x", Until: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)}, `data.until: the year 9999 (UTC) is outside 1900..2299; check the producer's clock and units`},
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

// Any event of any type survives the wire, and any other spelling of it has the
// same key and content, which are those that doc.go tells others to compute.
func TestAnyEventRoundTrips(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		raw := roundTrip(t, anyEvent(t))
		e, err := event.Decode(raw)
		if err != nil {
			t.Fatal(err)
		}
		checkIdentity(t, raw, e)
		other := respell(raw, func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "choice") })
		again, err := event.Decode(other)
		if err != nil {
			t.Fatalf("decode %s: %v", other, err)
		}
		if !reflect.DeepEqual(again, e) {
			t.Fatalf("%s reads as %+v, want %+v as from %s", other, again, e, raw)
		}
	})
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

func anyEvent(t *rapid.T) *event.Event {
	id := rapid.StringOfN(rapid.Rune().Filter(func(r rune) bool { return r >= ' ' && r != 0x7f }), 1, 30, 120)
	text := rapid.StringN(0, 40, 200)
	maybe := func(g *rapid.Generator[string]) string { return rapid.OneOf(rapid.Just(""), g).Draw(t, "optional") }
	moment := rapid.Custom(func(t *rapid.T) time.Time {
		return time.UnixMicro(rapid.Int64Range(-2208988800000000, 10413791999999999).Draw(t, "micros")).UTC()
	})
	source := rapid.StringMatching(`[a-zA-Z0-9:/._~%é-]{1,60}`)

	typ := rapid.SampledFrom(event.Types()).Draw(t, "type")
	subject := id.Draw(t, "subject")
	var data event.Data
	switch typ {
	case event.AnswerSubmitted:
		data = &event.Answer{
			Item:       id.Draw(t, "item"),
			Score:      rapid.OneOf(rapid.Float64Range(0, 1), rapid.SampledFrom([]float64{0, 1, 0.5, 1e-7, 0.001, 1.0 / 3})).Draw(t, "score"),
			GradedBy:   rapid.SampledFrom([]event.Grader{"", event.GradedByKey, event.GradedBySelf, event.GradedByPeer, event.GradedByInstructor}).Draw(t, "grader"),
			Points:     rapid.SliceOfN(id, 0, 5).Draw(t, "points"),
			Response:   text.Draw(t, "response"),
			Attempt:    rapid.IntRange(0, event.MaxAttempt).Draw(t, "attempt"),
			Confidence: rapid.IntRange(0, event.MaxConfidence).Draw(t, "confidence"),
			Duration:   time.Duration(rapid.Int64Range(0, int64(event.MaxDuration)).Draw(t, "duration")),
			Session:    maybe(id),
		}
	case event.AnswerVoided:
		data = &event.Void{Event: id.Draw(t, "event"), Source: maybe(source), Reason: text.Draw(t, "reason")}
	case event.ChecklistTicked, event.ChecklistUnticked:
		data = &event.Tick{Item: id.Draw(t, "item"), Ticked: typ == event.ChecklistTicked}
	case event.SessionStarted, event.SessionEnded:
		data = &event.Session{Session: id.Draw(t, "session"), Chapter: maybe(id), Started: typ == event.SessionStarted}
	case event.CohortJoined:
		data = &event.Membership{Cohort: id.Draw(t, "cohort"), Joined: true, Target: maybe(rapid.SampledFrom(event.Levels[:]))}
	case event.CohortLeft:
		data = &event.Membership{Cohort: id.Draw(t, "cohort")}
	case event.TopicPinned, event.TopicExcluded, event.TopicReleased:
		data = &event.Steering{Topic: id.Draw(t, "topic"), Until: rapid.OneOf(rapid.Just(time.Time{}), moment).Draw(t, "until"), Note: text.Draw(t, "note")}
	case event.LearnerErased:
		data = &event.Erasure{LearnerHMAC: subject, Request: id.Draw(t, "request"), Sequences: ranges(t, 0)}
	case event.LearnerForgotten:
		data = &event.Receipt{LearnerHMAC: subject, Request: id.Draw(t, "request"), Sequences: ranges(t, 0), Rows: int64(rapid.IntRange(0, 1<<40).Draw(t, "rows"))}
	case event.DeadLetterRetried, event.DeadLetterDropped:
		data = &event.DeadLetter{Target: rapid.Uint64Range(1, 1<<53-1).Draw(t, "seq"), Reason: text.Draw(t, "reason")}
	default:
		data = &event.Publication{Version: id.Draw(t, "version"), Content: "x" + text.Draw(t, "content")}
	}
	e, err := event.NewTyped(typ, source.Draw(t, "source"), id.Draw(t, "id"), subject, moment.Draw(t, "time"), data)
	if err != nil {
		t.Fatalf("new: %v", err)
	}
	return e
}

// ranges draws a set of sequences, of at least so many.
func ranges(t *rapid.T, least int) event.Ranges {
	var r event.Ranges
	seq := uint64(0)
	for _, gap := range rapid.SliceOfN(rapid.Uint64Range(1, 3), least, 20).Draw(t, "gaps") {
		seq += gap
		r = r.Add(seq)
	}
	return r
}
