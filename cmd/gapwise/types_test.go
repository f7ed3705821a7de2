package main

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/gapwise/gapwise/internal/event"
)

// Every type of event is in the contract of the door and in what producers read.
func TestEveryTypeIsTold(t *testing.T) {
	listed := loadContract(t).doc.Components.Schemas["Event"].Value.Properties["type"].Value.Enum
	for _, typ := range event.Types() {
		if !slices.Contains(listed, any(string(typ))) {
			t.Errorf("schemas/openapi.yaml: the schema Event doesn't list the type %s", typ)
		}
	}
	if len(listed) != len(event.Types()) {
		t.Errorf("schemas/openapi.yaml: the schema Event lists %d types, want %d", len(listed), len(event.Types()))
	}
	producers, err := os.ReadFile("../../docs/producers.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, typ := range event.Types() {
		short := "`…" + strings.SplitAfterN(string(typ), ".", 3)[2] + "`" // `…unticked.v1`, after `study.checklist.ticked.v1`
		if !strings.Contains(string(producers), "`"+string(typ)+"`") && !strings.Contains(string(producers), short) {
			t.Errorf("docs/producers.md: tell producers of %s", typ)
		}
	}
}
