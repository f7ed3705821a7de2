package event_test

import (
	"reflect"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/gapwise/gapwise/internal/event"
)

// A version is a number at the end of the name, and what took its place is the same type
// with a higher one.
func TestVersionsAreNames(t *testing.T) {
	name := regexp.MustCompile(`^(study\.[a-z]+\.[a-z]+)\.v([1-9]\d*)$`)
	newest := map[string]event.Type{}
	for _, typ := range event.Types() {
		parts := name.FindStringSubmatch(string(typ))
		if parts == nil {
			t.Errorf("%s is not named like study.answer.submitted.v1", typ)
			continue
		}
		to := name.FindStringSubmatch(string(typ.Newest()))
		version, _ := strconv.Atoi(parts[2])
		if latest, _ := strconv.Atoi(to[2]); to[1] != parts[1] || latest < version {
			t.Errorf("%s is read as %s, which is no later version of it", typ, typ.Newest())
		}
		if other, known := newest[parts[1]]; known && other != typ.Newest() {
			t.Errorf("of %s both %s and %s are newest: define the older one with older(…)", parts[1], other, typ.Newest())
		}
		newest[parts[1]] = typ.Newest()
	}
	if unknown := event.Type("study.nothing.happened.v1"); unknown.Newest() != unknown {
		t.Errorf("an unknown type becomes %s", unknown.Newest())
	}
}

// An event of an old version is decoded into what the newest holds. It keeps its type, and
// with it the key and the content that whoever sent it computes.
func TestOldVersionsAreUpcast(t *testing.T) {
	for _, c := range []struct {
		typ   event.Type
		data  string
		want  event.Data
		msgID string // as doc.go's commands print it
	}{
		{event.SessionEndedV1, `"session":"s1","chapter":"caching"`, &event.Session{Session: "s1", Chapter: "caching"},
			"ba9c9927289c2be4d50f01f7a4563046-bee141d722a1fea4"},
		{event.SessionEndedV1, `"session":"s1","active_seconds":60`, &event.Session{Session: "s1"}, // unknown there
			"ba9c9927289c2be4d50f01f7a4563046-61ae74c7e9927a42"},
		{event.SessionEnded, `"session":"s1","chapter":"caching","active_seconds":null`, &event.Session{Session: "s1", Chapter: "caching"},
			"ba9c9927289c2be4d50f01f7a4563046-3da76a7f5f109359"},
		{event.SessionEnded, `"session":"s1","active_seconds":61.2505`, &event.Session{Session: "s1", Active: new(61251 * time.Millisecond)},
			"ba9c9927289c2be4d50f01f7a4563046-509be104799fc77d"},
	} {
		e := decode(t, typed(c.typ, c.data))
		if e.Type != c.typ || !reflect.DeepEqual(e.Data, c.want) {
			t.Errorf("%s with %s reads as %s %+v, want %+v", c.typ, c.data, e.Type, e.Data, c.want)
		}
		if got := e.MsgID(); got != c.msgID {
			t.Errorf("%s with %s has the message id %s, want %s", c.typ, c.data, got, c.msgID)
		}
	}
}
