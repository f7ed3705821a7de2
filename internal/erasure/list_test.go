package erasure_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gapwise/gapwise/internal/erasure"
	"github.com/gapwise/gapwise/internal/event"
)

const hmac = "00112233445566778899aabbccddeeff"

func request(t *testing.T, id string) (*event.Event, []byte) {
	t.Helper()
	e, err := event.New("test", id, hmac, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), &event.Erasure{LearnerHMAC: hmac, Request: id})
	if err != nil {
		t.Fatal(err)
	}
	payload, err := event.Encode(e)
	if err != nil {
		t.Fatal(err)
	}
	return e, payload
}

func open(t *testing.T, path string) *erasure.List {
	t.Helper()
	l, err := erasure.OpenList(path)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// What was added is there for whoever opens the list next, once, and a line that a
// crash left unfinished hides none of the others.
func TestListKeepsRequests(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys", "erased.ndjson")
	l := open(t, path)
	first, payload := request(t, "r1")
	second, more := request(t, "r2")
	spread := []byte(strings.Replace(string(more), ",", ",\n ", 1)) // an event may be written over lines
	for _, p := range [][]byte{payload, payload, spread} {
		if err := l.Add(p); err != nil {
			t.Fatal(err)
		}
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteString(`{"specversion":"1.0","id":"r3`); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the torn line is gone the second time
		l = open(t, path)
		entries := l.Entries()
		if len(entries) != 2 || !l.Has(first.Key) || !l.Has(second.Key) || entries[1].Event.Content != second.Content {
			t.Fatalf("the list has %d entries", len(entries))
		}
		if err := l.Add(payload); err != nil || len(l.Entries()) != 2 {
			t.Errorf("adding again: %v, %d entries", err, len(l.Entries()))
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file's mode is %v, %v", info.Mode(), err)
	}
}

func TestListRefusesWhatIsNoRequest(t *testing.T) {
	path := filepath.Join(t.TempDir(), "erased.ndjson")
	if err := os.WriteFile(path, []byte("{}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := erasure.OpenList(path)
	if err == nil || !strings.Contains(err.Error(), "line 1 of "+path) || !strings.Contains(err.Error(), "restore the file") {
		t.Errorf("got %v", err)
	}
}

// What was about to be deleted is told until it is done.
func TestUnfinished(t *testing.T) {
	path := filepath.Join(t.TempDir(), "erased.ndjson")
	l := open(t, path)
	told := func() string {
		t.Helper()
		all, err := erasure.Unfinished(path)
		if err != nil {
			t.Fatal(err)
		}
		var text strings.Builder
		for _, ranges := range all {
			text.WriteString(ranges.String() + ";")
		}
		return text.String()
	}
	if got := told(); got != "" {
		t.Errorf("before anything was begun: %q", got)
	}
	if err := l.Begin([]erasure.Plan{{Sequences: "1-3,9"}, {Sequences: "12"}}); err != nil {
		t.Fatal(err)
	}
	if got := told(); got != "1-3,9;12;" {
		t.Errorf("begun: %q", got)
	}
	if err := os.Truncate(path+".unfinished", 7); err != nil { // torn within the second line
		t.Fatal(err)
	}
	if got := told(); got != "1-3,9;" {
		t.Errorf("torn: %q", got)
	}
	if err := l.End(); err != nil {
		t.Fatal(err)
	}
	if got := told(); got != "" {
		t.Errorf("ended: %q", got)
	}
	if err := l.End(); err != nil {
		t.Errorf("ended twice: %v", err)
	}
}
