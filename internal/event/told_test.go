package event_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/schemas"
)

// Every type of event is in the contract of the door and in what producers read.
func TestEveryTypeIsTold(t *testing.T) {
	_, list, _ := strings.Cut(string(schemas.OpenAPI), "        type:\n          type: string\n          enum:\n")
	for _, typ := range event.Types() {
		var found bool
		if list, found = strings.CutPrefix(list, "            - "+string(typ)+"\n"); !found {
			t.Fatalf("schemas/openapi.yaml: the types that the schema Event lists are not event.Types in their order: %s is missing before\n%.100s", typ, list)
		}
	}
	if strings.HasPrefix(list, "            - ") {
		t.Errorf("schemas/openapi.yaml: the schema Event lists what is no type:\n%.100s", list)
	}
	producers, err := os.ReadFile("../../docs/producers.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, typ := range event.Types() {
		short := "`…" + strings.SplitAfterN(string(typ), ".", 3)[2] + "`" // `…unticked.v1`, after `study.checklist.ticked.v1`
		if !bytes.Contains(producers, []byte("`"+string(typ)+"`")) && !bytes.Contains(producers, []byte(short)) {
			t.Errorf("docs/producers.md: tell producers of %s", typ)
		}
	}
}
