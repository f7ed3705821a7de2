package project

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/gapwise/gapwise/internal/event"
)

// A key that was added is never taken for new, and few new ones for known, in every layer
// and when the set is full.
func TestKeySet(t *testing.T) {
	const keys = 3_000_000 // three layers and the beginning of a fourth
	key := func(dice *rand.Rand) (k event.Key) {
		binary.LittleEndian.PutUint64(k[:8], dice.Uint64())
		binary.LittleEndian.PutUint64(k[8:], dice.Uint64())
		return k
	}
	seed := func(n uint64) *rand.Rand { return rand.New(rand.NewPCG(n, n)) }
	var s keySet
	dice := seed(1)
	for range keys {
		s.add(key(dice))
	}
	if len(s.layers) != 4 {
		t.Errorf("%d layers, want 4", len(s.layers))
	}
	dice = seed(1)
	for i := range keys {
		if !s.has(key(dice)) {
			t.Fatalf("key %d was added and isn't known", i)
		}
	}
	taken := 0
	for dice, i := seed(2), 0; i < keys; i++ {
		if s.has(key(dice)) {
			taken++
		}
	}
	if share := float64(taken) / keys; share > 0.01 {
		t.Errorf("%.4f of new keys are taken for known", share)
	}

	s.layers = append(s.layers, keyLayer{}) // of the greatest number, and no room
	s.add(key(dice))
	if dice := seed(3); !s.full || !s.has(key(dice)) {
		t.Error("a set that is full takes keys for new")
	}
}
