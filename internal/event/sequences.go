package event

import (
	"cmp"
	"errors"
	"iter"
	"slices"
	"strconv"
	"strings"
)

// Range is a run of sequences of the log, both ends included.
type Range struct{ From, To uint64 }

// Ranges is a set of sequences of the log: ascending runs that don't touch. In
// events it is written as text, "7,12-40,56", which grows with the runs and not
// with the sequences.
type Ranges []Range

var errRanges = errors.New("not ascending sequences and ranges of them")

// ParseRanges reads what String writes, and nothing else: every set has one
// spelling, so that equal sets have equal content hashes.
func ParseRanges(text string) (Ranges, error) {
	if text == "" {
		return nil, nil
	}
	var r Ranges
	var last uint64
	for part := range strings.SplitSeq(text, ",") {
		first, second, isRange := strings.Cut(part, "-")
		from, err := parseSequence(first)
		to := from
		if isRange && err == nil {
			to, err = parseSequence(second)
		}
		switch {
		case err != nil:
			return nil, err
		case isRange && to <= from, len(r) > 0 && from <= last+1:
			return nil, errRanges
		}
		r, last = append(r, Range{from, to}), to
	}
	return r, nil
}

func parseSequence(text string) (uint64, error) {
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil || n == 0 || text[0] == '0' || text[0] == '+' {
		return 0, errRanges
	}
	return n, nil
}

// String writes the set as events spell it.
func (r Ranges) String() string {
	var b []byte
	for i, run := range r {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendUint(b, run.From, 10)
		if run.To > run.From {
			b = append(b, '-')
			b = strconv.AppendUint(b, run.To, 10)
		}
	}
	return string(b)
}

// Add returns the set with one more sequence, which lies behind all in it.
func (r Ranges) Add(seq uint64) Ranges {
	if n := len(r); n > 0 && r[n-1].To+1 == seq {
		r[n-1].To = seq
		return r
	}
	return append(r, Range{seq, seq})
}

// Union returns the set of all sequences that are in one of the sets.
func Union(sets ...Ranges) (joined Ranges) {
	all := slices.Concat(sets...)
	slices.SortFunc(all, func(a, b Range) int { return cmp.Compare(a.From, b.From) })
	for _, run := range all {
		if n := len(joined); n > 0 && run.From <= joined[n-1].To+1 {
			joined[n-1].To = max(joined[n-1].To, run.To)
		} else {
			joined = append(joined, run)
		}
	}
	return joined
}

// Len counts the sequences in the set.
func (r Ranges) Len() (n uint64) {
	for _, run := range r {
		n += run.To - run.From + 1
	}
	return n
}

// All lists the sequences in ascending order.
func (r Ranges) All() iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		for _, run := range r {
			for seq := run.From; seq <= run.To; seq++ {
				if !yield(seq) {
					return
				}
			}
		}
	}
}

// Has reports whether a sequence is in the set.
func (r Ranges) Has(seq uint64) bool {
	_, found := slices.BinarySearchFunc(r, seq, func(run Range, seq uint64) int {
		switch {
		case run.To < seq:
			return -1
		case run.From > seq:
			return 1
		}
		return 0
	})
	return found
}
