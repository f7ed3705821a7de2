package project

import (
	"errors"
	"sort"
)

// Timeline folds a learner's whole history up to a sequence once and calls visit
// at each of the cuts (µs since the Unix epoch, ascending) with the state that
// the answers dated before it give. The state is the timeline's own: visit reads
// it and keeps nothing.
//
// A cut bounds when answers were given, not when they were stored: it shows what
// is known today of that moment, late answers included and answers taken back
// left out.
func (l *LensModel) Timeline(h *History, seq uint64, cuts []int64, visit func(cut int, k Known)) error {
	if h.Base != nil {
		return errors.New("project: a timeline needs the whole history, not the facts after a snapshot")
	}
	given, _ := h.upTo(seq) // without a snapshot there is nothing to reach behind
	k := l.newKnown(h.Learner)
	for i, cut := range cuts {
		n := sort.Search(len(given), func(i int) bool { return given[i].Time >= cut })
		l.fold(&k, given[:n], nil)
		given = given[n:]
		visit(i, k)
	}
	return nil
}
