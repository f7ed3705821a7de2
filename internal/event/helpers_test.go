package event_test

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/gapwise/gapwise/internal/event"
)

var update = flag.Bool("update", false, "write the golden files anew")

func decode(t *testing.T, raw string) *event.Event {
	t.Helper()
	e, err := event.Decode([]byte(raw))
	if err != nil {
		t.Fatalf("decode %s: %v", raw, err)
	}
	return e
}

// attributes are the envelope's, in the order in which they are written.
var attributes = []struct{ name, value string }{
	{"specversion", `"1.0"`},
	{"id", `"1"`},
	{"source", `"/quiz"`},
	{"type", `"study.answer.submitted.v1"`},
	{"subject", `"ada"`},
	{"time", `"2026-03-01T09:30:00.123456Z"`},
}

// answer writes an answer event with these members of data.
func answer(data string) string { return envelope("", data) }

func void(data string) string { return envelope(`"type":"study.answer.voided.v1"`, data) }

func typed(typ event.Type, data string) string { return envelope(`"type":"`+string(typ)+`"`, data) }

// envelope writes an event with these members in place of the usual ones of the
// same names, and these members of data.
func envelope(members, data string) string {
	return object(members, `"data":{`+data+`}`)
}

// object writes an event whose data member is given in full, or left out.
func object(members, data string) string {
	var parts []string
	for _, a := range attributes {
		if name := `"` + a.name + `":`; !strings.Contains(members, name) {
			parts = append(parts, name+a.value)
		}
	}
	for _, part := range []string{members, data} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("differs from %s (see the change with -update and git diff):\n%s", path, got)
	}
}
