package soak

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/gapwise/gapwise/internal/catalog"
	"github.com/gapwise/gapwise/internal/event"
)

func guide(t *testing.T) *catalog.Catalog {
	t.Helper()
	c, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func draw(t *testing.T, seed uint64, events int) *Plan {
	t.Helper()
	items, lists := itemsOf(guide(t))
	plan, err := NewPlan(Config{Seed: seed, Events: events, Faults: Kinds()}, items, lists, time.Unix(1_790_000_000, 0))
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

func TestSeedDecidesThePlan(t *testing.T) {
	if a, b := draw(t, 7, 2000), draw(t, 7, 2000); !reflect.DeepEqual(a, b) {
		t.Error("one seed gave two plans")
	}
	if a, b := draw(t, 7, 2000), draw(t, 8, 2000); reflect.DeepEqual(a.Faults, b.Faults) || reflect.DeepEqual(a.Lanes, b.Lanes) {
		t.Error("two seeds gave the same faults or messages")
	}
}

// TestPlanHasItAll: what a schedule is there for is in it, over a dozen seeds.
func TestPlanHasItAll(t *testing.T) {
	kinds, future := map[Kind]int{}, 0
	for seed := range uint64(12) {
		plan := draw(t, seed, 6000)
		for kind, n := range CountFaults(plan.Faults) {
			kinds[kind] += n
		}
		if !slices.IsSortedFunc(plan.Faults, func(a, b Fault) int { return a.At - b.At }) {
			t.Errorf("seed %d: the faults are out of order", seed)
		}
		contents := map[event.Key]map[event.Content]int{}
		var poison, bad, strays, early, latest, earliest int
		answers := map[event.Key]bool{}
		for _, lane := range plan.Lanes {
			for _, m := range lane.Sends {
				switch {
				case m.Bad:
					bad++
				case m.Event == nil:
					poison++
				default:
					if m.ID == "" {
						strays++
					}
					if contents[m.Event.Key] == nil {
						contents[m.Event.Key] = map[event.Content]int{}
					}
					contents[m.Event.Key][m.Event.Content]++
					switch d := m.Event.Data.(type) {
					case *event.Answer:
						answers[m.Event.Key] = true
					case *event.Void:
						if !answers[d.Target] {
							early++
						}
					}
					at := int(m.Event.Time.Unix() - 1_790_000_000)
					latest, earliest = max(latest, at), min(earliest, at)
				}
			}
		}
		repeated, contradicted := 0, 0
		for _, of := range contents {
			if len(of) > 1 {
				contradicted++
			}
			for _, n := range of {
				repeated += n - 1
			}
		}
		for what, n := range map[string]int{
			"poison": poison, "refused": bad, "without an id": strays, "voided early": early, "repeated": repeated, "contradicted": contradicted,
		} {
			if n < 10 {
				t.Errorf("seed %d: %d messages %s, want some dozens", seed, n, what)
			}
		}
		if latest > 0 {
			future++
		}
		if latest > 3600 || earliest > -30*24*3600 {
			t.Errorf("seed %d: events from %d s to %d s of its start", seed, earliest, latest)
		}
	}
	if future == 0 {
		t.Error("no clock of a dozen schedules is fast")
	}
	for _, kind := range Kinds() {
		if kinds[kind] < 2 {
			t.Errorf("%d faults of kind %s in a dozen schedules", kinds[kind], kind)
		}
	}
}
