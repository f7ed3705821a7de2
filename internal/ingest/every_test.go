package ingest

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"github.com/gapwise/gapwise/internal/catalog"
	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/event/eventtest"
)

// The door knows of every type who may write it.
func TestEveryTypeHasWriters(t *testing.T) {
	for _, typ := range event.Types() {
		if _, listed := writers[typ]; listed != (typ == typ.Newest()) {
			t.Errorf("%s is in writers: %t; list every type there, in its newest version only, with the roles that may write it", typ, listed)
		}
	}
	for typ := range writers {
		if !slices.Contains(event.Types(), typ) {
			t.Errorf("%s is in writers, and is no type", typ)
		}
	}
}

// What an event names of the course has to be in a catalog.
func TestEveryTypeIsHeldToTheCatalog(t *testing.T) {
	h := &Handler{Catalogs: func() []*catalog.Catalog { return []*catalog.Catalog{{Version: "empty"}} }}
	for typ, raw := range eventtest.Complete(t) {
		e, err := event.Decode(raw)
		if err != nil {
			t.Fatal(err)
		}
		var named struct {
			Data map[string]any `json:"data"`
		}
		if err := json.Unmarshal(raw, &named); err != nil {
			t.Fatal(err)
		}
		for _, field := range []string{"item", "topic"} {
			if named.Data[field] == nil {
				continue
			}
			var refusal *event.Error
			if err := h.checkCatalog(e); !errors.As(err, &refusal) || refusal.Field != "data."+field {
				t.Errorf("%s with an unknown %s gets %v: add its data to Handler.checkCatalog", typ, field, err)
			}
		}
	}
}
