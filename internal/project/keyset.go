package project

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/bits"

	"github.com/gapwise/gapwise/internal/event"
)

// keySet tells of most keys that were never added that they weren't: a Bloom filter in
// blocks of one cache line (Putze, Sanders, Singler 2007), of sixteen bits a key, that
// grows by layers. Keys are hashes, so they are their own. Of new keys one in some
// hundred is taken for known; of known ones none for new.
type keySet struct {
	layers []keyLayer
	full   bool // it knows nothing any more: all keys may be known
}

type keyLayer struct {
	blocks [][8]uint64
	room   int // for keys
}

// The size of a key set: layers of 256 KB, 1, 4, 16 and 64 MB, for 44 million keys.
const (
	firstBlocks  = 1 << 12
	layerGrowth  = 4
	mostLayers   = 5
	keysPerBlock = 32
	probesPerKey = 7 // nine bits each, of the key's second half
)

// has reports whether a key may have been added.
func (s *keySet) has(key event.Key) bool {
	if s.full {
		return true
	}
	first, second := binary.LittleEndian.Uint64(key[:8]), binary.LittleEndian.Uint64(key[8:])
	for i := range s.layers {
		if s.layers[i].has(first, second) {
			return true
		}
	}
	return false
}

func (l *keyLayer) has(first, second uint64) bool {
	block := l.block(first)
	for range probesPerKey {
		if block[second>>6&7]&(1<<(second&63)) == 0 {
			return false
		}
		second >>= 9
	}
	return true
}

func (s *keySet) add(key event.Key) {
	if s.full {
		return
	}
	if n := len(s.layers); n == 0 || s.layers[n-1].room == 0 {
		if n == mostLayers {
			s.layers, s.full = nil, true
			return
		}
		blocks := firstBlocks
		if n > 0 {
			blocks = layerGrowth * len(s.layers[n-1].blocks)
		}
		s.layers = append(s.layers, keyLayer{blocks: make([][8]uint64, blocks), room: keysPerBlock * blocks})
	}
	last := &s.layers[len(s.layers)-1]
	last.room--
	block, second := last.block(binary.LittleEndian.Uint64(key[:8])), binary.LittleEndian.Uint64(key[8:])
	for range probesPerKey {
		block[second>>6&7] |= 1 << (second & 63)
		second >>= 9
	}
}

func (l *keyLayer) block(first uint64) *[8]uint64 {
	at, _ := bits.Mul64(first, uint64(len(l.blocks)))
	return &l.blocks[at]
}

// lookUp returns the first valid event of the keys that the store knows, and asks it only
// about those that it may. Its keys are read once, when the projector begins: from then
// on all that is added to the generation passes here. Another projector that wakes up late
// adds nothing but what this one reads in the log, too.
func (p *Projector) lookUp(ctx context.Context, keys []event.Key) (map[event.Key]Seen, error) {
	if p.known == nil {
		known := new(keySet)
		if err := p.Writer.Keys(ctx, p.Generation, known.add); err != nil {
			return nil, fmt.Errorf("read the keys: %w", err)
		}
		p.known = known
	}
	maybe := make([]event.Key, 0, 64)
	for _, key := range keys {
		if p.known.has(key) {
			maybe = append(maybe, key)
		} else {
			p.known.add(key)
		}
	}
	seen, err := p.Writer.Seen(ctx, p.Generation, maybe)
	if err != nil {
		return nil, fmt.Errorf("look up repeats: %w", err)
	}
	return seen, nil
}
