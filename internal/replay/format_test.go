package replay_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gapwise/gapwise/internal/replay"
)

// released is the pointer as the version before format 2 reads and writes it.
type released struct {
	Facts          uint32 `json:"facts"`
	Derived        uint32 `json:"derived"`
	Catalog        string `json:"catalog"`
	Published      uint64 `json:"published"`
	Model          string `json:"model,omitempty"`
	ModelPublished uint64 `json:"model_published,omitempty"`
	Before         uint32 `json:"before,omitempty"`
}

// What format 1 says is read; what it never said is left for the one who has the
// database, and the generation before has no way back.
func TestFormat1IsRead(t *testing.T) {
	first := replay.Generation{Facts: 1, Derived: 1, Catalog: "c-1", Published: 7, Model: "starting-1", Decoding: 1}
	fitted := replay.Generation{Facts: 1, Derived: 3, Catalog: "c-1", Published: 7, Model: "fitted-1", ModelPublished: 90, Decoding: 1}
	for _, c := range []struct {
		name string
		old  released
		want replay.State
	}{
		{"nothing was published", released{Facts: 1, Derived: 1, Catalog: "c-1", Published: 7},
			replay.State{Format: 1, Active: first, History: []replay.Activation{{Generation: first}}}},
		{"a model was", released{Facts: 1, Derived: 3, Catalog: "c-1", Published: 7, Model: "fitted-1", ModelPublished: 90, Before: 2},
			replay.State{
				Format: 1, Active: fitted, History: []replay.Activation{{Generation: fitted}},
				Leaving: []replay.Generation{{Facts: 1, Derived: 2, Decoding: 1}},
			}},
	} {
		t.Run(c.name, func(t *testing.T) {
			text, err := json.Marshal(c.old)
			if err != nil {
				t.Fatal(err)
			}
			var got replay.State
			if err := json.Unmarshal(text, &got); err != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("%s reads as\n%+v, %v; want\n%+v", text, got, err, c.want)
			}
		})
	}
}

// A version before can't read what this one writes, so that it doesn't take it for a
// generation 0; this one can, and refuses what a newer one wrote.
func TestFormat2IsFenced(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	s := replay.First(replay.Generation{Facts: 1, Derived: 1, Catalog: "c-1", Published: 7, Model: "starting-1", Decoding: 2}, at)
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var old released
	if err := json.Unmarshal(text, &old); err == nil || !strings.Contains(err.Error(), "facts") {
		t.Errorf("the version before reads %s as %+v, %v", text, old, err)
	}
	if !strings.Contains(string(text), "newer gapwise") {
		t.Errorf("who looks at the pointer isn't told what to do: %s", text)
	}
	var back replay.State
	if err := json.Unmarshal(text, &back); err != nil || !reflect.DeepEqual(back, s) {
		t.Errorf("%s reads as\n%+v, %v; want\n%+v", text, back, err, s)
	}
	newer := strings.Replace(string(text), `"format":2`, `"format":3`, 1)
	if err := json.Unmarshal([]byte(newer), &back); err == nil || !strings.Contains(err.Error(), "start a newer gapwise") {
		t.Errorf("a pointer of a newer version: %v", err)
	}
}
