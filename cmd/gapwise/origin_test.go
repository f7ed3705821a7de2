package main

import (
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/gapwise/gapwise/internal/stream"
)

// Tables that another log filled are never gone on with: a start says what to do,
// and changes nothing.
func TestAnotherLogIsRefused(t *testing.T) {
	a := startParts(t, t.TempDir())
	first := generationOf(t, a, "")
	a.active = first
	carry(t, a)
	facts := first.Active().Facts
	before, err := a.store.Fingerprint(t.Context(), facts)
	if err != nil {
		t.Fatal(err)
	}
	generationOf(t, a, "") // the same log again

	js, err := jetstream.New(a.nats)
	if err != nil {
		t.Fatal(err)
	}
	if err := js.DeleteStream(t.Context(), stream.Name); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a new stream", func() bool {
		a.log, err = stream.Open(t.Context(), a.nats, stream.Config{}, a.Log)
		return err == nil
	})
	for range 20 {
		if _, err := first.publishCatalog(t.Context(), first.found); err != nil {
			t.Fatal(err)
		}
	}
	for _, projector := range []bool{true, false} {
		a.Roles.Projector = projector
		_, err := openGenerations(t.Context(), a)
		if err == nil {
			t.Fatal("tables of one log are gone on with from another")
		}
		for _, says := range []string{"generation 1", "created at", "nats.url", "backup", "empty database"} {
			if !strings.Contains(err.Error(), says) {
				t.Errorf("it doesn't say %q: %v", says, err)
			}
		}
	}
	if after, err := a.store.Fingerprint(t.Context(), facts); err != nil || after != before {
		t.Errorf("the tables changed (%v):\n got %s\nwant %s", err, after, before)
	}
}
