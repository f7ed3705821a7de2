package e2e_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/gapwise/gapwise/internal/soak"
)

// Eight schedules of faults, as make soak runs a hundred of ten times the size.
// internal/soak says what is broken and what compared.
const (
	soakSeed      = "4" // from here on every kind of fault comes within eight
	soakSchedules = "8"
	soakEvents    = "2000"
)

func TestSoak(t *testing.T) {
	t.Parallel()
	o := gapwise(t, environment(t.TempDir()), "soak", "--seed", soakSeed, "--schedules", soakSchedules, "--events", soakEvents, "--jobs", "3", "--json")
	var soaked struct {
		Schedules []struct {
			Seed    uint64
			Faults  map[soak.Kind]int
			Events  int
			Reports int
			Wrong   []string
		}
	}
	if err := json.Unmarshal([]byte(o.stdout), &soaked); err != nil {
		t.Fatalf("gapwise soak ended with %d and printed no JSON: %v\n%s%s", o.code, err, o.stdout, o.stderr)
	}
	if o.code != 0 || len(soaked.Schedules) != 8 {
		t.Errorf("gapwise soak ended with %d after %d schedules:\n%s", o.code, len(soaked.Schedules), o.stderr)
	}
	missing := soak.Kinds()
	for _, s := range soaked.Schedules {
		missing = slices.DeleteFunc(missing, func(k soak.Kind) bool { return s.Faults[k] > 0 })
		if s.Events < 2000 || s.Reports == 0 {
			t.Errorf("seed %d: %d events and %d reports compared, want 2000 events and some reports", s.Seed, s.Events, s.Reports)
		}
	}
	if len(missing) > 0 {
		t.Errorf("no schedule has a fault of %v: begin with another seed", missing)
	}
}
