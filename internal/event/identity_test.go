package event_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/segmentio/ksuid"

	"github.com/gapwise/gapwise/internal/event"
)

// The example of doc.go, whose key and content were computed with sha256sum.
func TestIdentityOfTheDocumentedExample(t *testing.T) {
	for _, raw := range []string{
		`{"specversion":"1.0","id":"1","source":"/quiz","type":"study.answer.submitted.v1","subject":"ada","time":"2026-03-01T10:30:00+01:00","data":{"score":1.0,"item":"q1"}}`,
		`{ "data" : {"item":"\u0071\u0031", "score":1e0}, "traceparent":"00-1-2-01", "time":"2026-03-01T09:30:00.0000009Z","subject":"ada","type":"study.answer.submitted.v1","source":"/quiz","id":"1","specversion":"1.0"}`,
	} {
		e := decode(t, raw)
		if got, want := e.MsgID(), "ba9c9927289c2be4d50f01f7a4563046-0e1e0a388022d405"; got != want {
			t.Errorf("message id %s, want %s", got, want)
		}
		if got, want := e.Key.String()+"-"+e.Content.String(), e.MsgID(); got != want {
			t.Errorf("key and content %s, want %s", got, want)
		}
	}
}

func TestContentTellsEventsApart(t *testing.T) {
	base := decode(t, answer(`"item":"q1","score":1`))
	for name, raw := range map[string]string{
		"other data":    answer(`"item":"q1","score":0.5`),
		"correct":       answer(`"item":"q1","correct":true`),
		"unknown field": answer(`"item":"q1","score":1,"color":"red"`),
		"null field":    answer(`"item":"q1","score":1,"session":null`),
		"other subject": envelope(`"subject":"bob"`, `"item":"q1","score":1`),
		"other time":    envelope(`"time":"2026-03-01T09:30:00.123457Z"`, `"item":"q1","score":1`),
		"other type":    envelope(`"type":"study.checklist.ticked.v1"`, `"item":"q1","score":1`),
	} {
		e := decode(t, raw)
		if e.Key != base.Key {
			t.Errorf("%s: key %s, want %s", name, e.Key, base.Key)
		}
		if e.Content == base.Content {
			t.Errorf("%s: same content as the base event", name)
		}
	}
	if e := decode(t, envelope(`"traceparent":"00-1-2-01","datacontenttype":"application/json; charset=utf-8"`, `"item":"q1","score":1`)); e.Content != base.Content {
		t.Errorf("other attributes change the content to %s, want %s", e.Content, base.Content)
	}
}

func TestKeyOfSeparatesSourceFromID(t *testing.T) {
	if event.KeyOf("/a", "b1") == event.KeyOf("/ab", "1") {
		t.Error("keys of different sources and ids are equal")
	}
	long := string(make([]byte, 5000)) // longer than any valid event's
	sum := sha256.Sum256([]byte(long + "\x00id"))
	if got, want := event.KeyOf(long, "id").String(), hex.EncodeToString(sum[:16]); got != want {
		t.Errorf("key %s, want %s", got, want)
	}
}

func TestShard(t *testing.T) {
	var learners [event.Shards]int
	for i := range 6400 {
		subject := "learner-" + time.Duration(i).String()
		sum := sha256.Sum256([]byte(subject))
		shard := event.Shard(subject)
		if want := int(sum[0]) % 64; shard != want {
			t.Fatalf("shard of %s is %d, want %d", subject, shard, want)
		}
		learners[shard]++
	}
	for shard, n := range learners {
		if n < 50 || n > 150 {
			t.Errorf("shard %d has %d of 6400 learners", shard, n)
		}
	}
}

func TestVoidTargets(t *testing.T) {
	own := decode(t, void(`"event":"7"`))
	if got, want := target(t, own), event.KeyOf("/quiz", "7"); got != want {
		t.Errorf("target %s, want the void's own source's %s", got, want)
	}
	other := decode(t, void(`"event":"7","source":"/exam"`))
	if got, want := target(t, other), event.KeyOf("/exam", "7"); got != want {
		t.Errorf("target %s, want the named source's %s", got, want)
	}
}

func target(t *testing.T, e *event.Event) event.Key {
	t.Helper()
	v, ok := e.Data.(*event.Void)
	if !ok {
		t.Fatalf("data is %T, want *event.Void", e.Data)
	}
	return v.Target
}

func TestTimesAreUTCMicroseconds(t *testing.T) {
	for text, want := range map[string]time.Time{
		"2026-03-01T09:30:00Z":                time.Date(2026, 3, 1, 9, 30, 0, 0, time.UTC),
		"2026-03-01T09:30:00.1234569+05:30":   time.Date(2026, 3, 1, 4, 0, 0, 123456000, time.UTC),
		"1900-01-01T00:00:00Z":                time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC),
		"1960-06-01T00:00:00.9999999Z":        time.Date(1960, 6, 1, 0, 0, 0, 999999000, time.UTC),
		"2299-12-31T23:59:59.999999999-00:00": time.Date(2299, 12, 31, 23, 59, 59, 999999000, time.UTC),
		"2300-01-01T00:30:00+01:00":           time.Date(2299, 12, 31, 23, 30, 0, 0, time.UTC),
	} {
		e := decode(t, envelope(`"time":"`+text+`"`, `"item":"q1","correct":true`))
		if !reflect.DeepEqual(e.Time, want) {
			t.Errorf("%s reads as %s, want %s", text, e.Time, want)
		}
	}
}

func TestCheckTime(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.FixedZone("", 3600))
	e := &event.Event{Time: now.UTC().Add(24 * time.Hour)}
	if err := e.CheckTime(now); err != nil {
		t.Errorf("24 h ahead: %v, want no error", err)
	}
	e.Time = e.Time.Add(time.Microsecond)
	err := e.CheckTime(now)
	var fault *event.Error
	if !errors.As(err, &fault) || fault.Code != event.CodeFutureTime {
		t.Fatalf("over 24 h ahead: %v, want %s", err, event.CodeFutureTime)
	}
	const want = "time: 2026-03-02T11:00:00Z is more than 24 h ahead of 2026-03-01T11:00:00Z; check the producer's clock and time zone"
	if err.Error() != want {
		t.Errorf("error %q, want %q", err, want)
	}
}

func TestNewIDIsAKSUID(t *testing.T) {
	id := event.NewID()
	if _, err := ksuid.Parse(id); err != nil {
		t.Errorf("%s: %v", id, err)
	}
	if id == event.NewID() {
		t.Errorf("two ids are both %s", id)
	}
}

func TestPeekReadsWhatItCan(t *testing.T) {
	for _, c := range []struct{ raw, id, subject string }{
		{answer(`"item":"q1"`), "1", "ada"},
		{`{"subject":"ada","id":"1","data":{`, "1", "ada"},
		{`{"data":{"id":"no","id":"no"},"id":"1","subject":"`, "1", ""},
		{`{"id":7,"subject":""}`, "", ""},
		{`{"id":null,"subject":{"id":"x"}}`, "", ""},
		{`{"id":`, "", ""},
		{`["id","1"]`, "", ""},
		{``, "", ""},
		{"{\"note\":\"\xff\",\"id\":\"1\"}", "1", ""},
	} {
		if id, ok := event.IDOf([]byte(c.raw)); id != c.id || ok != (c.id != "") {
			t.Errorf("id of %s is %q, %t; want %q", c.raw, id, ok, c.id)
		}
		if subject, ok := event.SubjectOf([]byte(c.raw)); subject != c.subject || ok != (c.subject != "") {
			t.Errorf("subject of %s is %q, %t; want %q", c.raw, subject, ok, c.subject)
		}
	}
}

func TestTypes(t *testing.T) {
	for _, typ := range event.Types() {
		if !typ.Known() {
			t.Errorf("%s is not known", typ)
		}
	}
	if event.Type("study.answer.submitted.v2").Known() {
		t.Error("an unknown type is known")
	}
	event.Types()[0] = "changed"
	if event.Types()[0] != event.AnswerSubmitted {
		t.Error("a caller can change the list of types")
	}
}
