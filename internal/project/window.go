package project

// A window holds what the tables should have and what was found of it, for each
// sequence two hashes and some marks.
type window struct {
	from  uint64
	log   []uint64 // hash of the row in sequences; 0: none should be there
	row   []uint64 // hash of the row of a fact or dead letter; 0: none
	marks []mark
}

type mark uint8

const (
	hasMessage mark = 1 << iota
	foundLog
	foundRow
	suspect
)

func (w *window) expect(h RowHash) {
	if h.Table == sequencesTable {
		w.log[h.Seq-w.from] = h.Hash
	} else {
		w.row[h.Seq-w.from] = h.Hash
	}
}

// found compares a stored row with what should be there.
func (r *verification) found(w *window, h RowHash) {
	i, want, mark := h.Seq-w.from, w.row, foundRow
	if h.Table == sequencesTable {
		want, mark = w.log, foundLog
	}
	switch {
	case want[i] != h.Hash:
		w.marks[i] |= suspect
	case w.marks[i]&mark != 0:
		r.PhysicalDuplicates++
	default:
		w.marks[i] |= mark
		if mark == foundRow && h.Table != deadLettersTable {
			r.Rows++
		}
	}
}
