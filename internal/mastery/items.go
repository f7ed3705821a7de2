package mastery

import (
	"cmp"
	"math/bits"
	"slices"
)

// itemTable maps items to what a learner got of them: open addressing with
// linear probing, since a learner may have answered three items or twelve
// thousand, and every answer looks one up. Slots are a power of two, at most
// three quarters taken; nothing is ever removed.
type itemTable struct {
	slots []itemSlot
	count int
}

// itemSlot is empty while key is 0.
type itemSlot struct {
	key          uint32 // item + 1
	right, wrong float64
}

// slot returns where the item is, or the empty slot it would take. The table
// must have slots.
func (t *itemTable) slot(item uint32) int {
	mask := len(t.slots) - 1
	// Fibonacci hashing: the top bits of the product are well mixed.
	shift := 32 - bits.Len(uint(mask))
	i := int(item * 0x9E3779B1 >> shift)
	for t.slots[i].key != 0 && t.slots[i].key != item+1 {
		i = (i + 1) & mask
	}
	return i
}

// find returns the item's entry, nil when there is none.
func (t *itemTable) find(item uint32) *itemSlot {
	if t.count == 0 {
		return nil
	}
	if e := &t.slots[t.slot(item)]; e.key != 0 {
		return e
	}
	return nil
}

// touch returns the item's entry, made when there is none. The pointer holds
// until the next touch.
func (t *itemTable) touch(item uint32) *itemSlot {
	if e := t.find(item); e != nil {
		return e
	}
	if 4*(t.count+1) > 3*len(t.slots) {
		t.resize(max(4, 2*len(t.slots)))
	}
	t.count++
	e := &t.slots[t.slot(item)]
	e.key = item + 1
	return e
}

// resize moves the entries to a table of so many slots.
func (t *itemTable) resize(slots int) {
	old := t.slots
	t.slots = make([]itemSlot, slots)
	for _, e := range old {
		if e.key != 0 {
			t.slots[t.slot(e.key-1)] = e
		}
	}
}

// sorted returns the entries, ascending by item.
func (t *itemTable) sorted() []itemSlot {
	entries := make([]itemSlot, 0, t.count)
	for _, e := range t.slots {
		if e.key != 0 {
			entries = append(entries, e)
		}
	}
	slices.SortFunc(entries, func(a, b itemSlot) int { return cmp.Compare(a.key, b.key) })
	return entries
}

// equal reports whether both tables hold the same entries, to the bit.
func (t *itemTable) equal(o *itemTable) bool {
	if t.count != o.count {
		return false
	}
	for _, e := range t.slots {
		if e.key == 0 {
			continue
		}
		f := o.find(e.key - 1)
		if f == nil || !sameBits(e.right, f.right) || !sameBits(e.wrong, f.wrong) {
			return false
		}
	}
	return true
}
