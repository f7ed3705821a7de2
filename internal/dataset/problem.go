package dataset

import (
	"fmt"
	"unicode/utf8"
)

// Problem is something wrong with one row, and how to mend it.
type Problem struct {
	Line    int    `json:"line"`             // in the file, from 1 (the header)
	Column  string `json:"column,omitempty"` // as in the header; empty: the row as a whole
	Value   string `json:"value,omitempty"`  // what is there, shortened
	Message string `json:"message"`          // what is wrong with it and what to write instead
}

// String gives the problem on one line.
func (p Problem) String() string {
	switch {
	case p.Column == "":
		return fmt.Sprintf("line %d: %s", p.Line, p.Message)
	case p.Value == "":
		return fmt.Sprintf("line %d, column %q: %s", p.Line, p.Column, p.Message)
	default:
		return fmt.Sprintf("line %d, column %q: %q %s", p.Line, p.Column, p.Value, p.Message)
	}
}

// Problems sums up what was wrong with a file.
type Problems struct {
	Rows     int            `json:"rows"`      // rows left out
	ByColumn map[string]int `json:"by_column"` // problems by column; "" counts those of a row as a whole
	First    []Problem      `json:"first"`     // the first ones, in the order of the file
}

// note counts a problem and keeps it if it is among the first.
func (ps *Problems) note(p Problem, keep int) {
	if ps.ByColumn == nil {
		ps.ByColumn = make(map[string]int)
	}
	ps.ByColumn[p.Column]++
	if len(ps.First) < keep {
		p.Value = shorten(p.Value)
		ps.First = append(ps.First, p)
	}
}

// shorten cuts text for a message. Invalid UTF-8 is left for %q to show.
func shorten(text string) string {
	const most = 40
	if len(text) <= most {
		return text
	}
	cut := most
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "…"
}
