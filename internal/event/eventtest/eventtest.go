package eventtest

import (
	"encoding/json"
	"testing"

	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/schemas"
)

// Complete returns the last example of every type's schema: an event in which every
// field is set.
func Complete(t testing.TB) map[event.Type][]byte {
	t.Helper()
	all := map[event.Type][]byte{}
	for _, typ := range event.Types() {
		file := "events/" + string(typ) + ".json"
		text, err := schemas.Events.ReadFile(file)
		if err != nil {
			t.Fatalf("%s has no schema: write schemas/%s", typ, file)
		}
		var schema struct {
			Examples []json.RawMessage `json:"examples"`
		}
		if err := json.Unmarshal(text, &schema); err != nil || len(schema.Examples) == 0 {
			t.Fatalf("schemas/%s has no examples: add one with every field (%v)", file, err)
		}
		all[typ] = schema.Examples[len(schema.Examples)-1]
	}
	return all
}
