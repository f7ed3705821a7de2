package project

import "github.com/gapwise/gapwise/internal/event"

// Voided returns the keys of the answers that were taken back up to a sequence,
// of those too that no topic counts.
func (h *History) Voided(seq uint64) map[event.Key]bool {
	keys := make(map[event.Key]bool, len(h.Taken))
	for _, t := range h.Taken {
		if t.Seq <= seq {
			keys[t.Target] = true
		}
	}
	return keys
}
