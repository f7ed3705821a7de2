package event_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/gapwise/gapwise/internal/event"
)

// Every set has one spelling, which reads back as the set.
func TestRangesReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		set := ranges(t, 0)
		read, err := event.ParseRanges(set.String())
		if err != nil || !slices.Equal(read, set) {
			t.Fatalf("%s reads back as %v, %v", set, read, err)
		}
		if listed := slices.Collect(set.All()); uint64(len(listed)) != set.Len() || !slices.IsSorted(listed) {
			t.Fatalf("%s lists %v, and has %d", set, listed, set.Len())
		}
	})
}

func TestRangesThatAreRefused(t *testing.T) {
	for _, text := range []string{
		"0", "-1", "1-", "-", ",", "1,", "2,1", "1,1", "1,2", "1-2,3", "5-5", "5-3", "01", "+1", "1-+2", " 1", "1.5", "9223372036854775808", "a",
	} {
		if r, err := event.ParseRanges(text); err == nil {
			t.Errorf("%q reads as %v", text, r)
		}
	}
}
