package store

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/ClickHouse/ch-go/proto"

	"github.com/gapwise/gapwise/internal/project"
)

// uncompared are columns that are no part of what a row says: the generation is
// asked for, and the words of an explanation may change with the version.
var uncompared = []string{"generation", "detail"}

// shown are the columns whose values a mismatch may show: none that tells who a
// learner is or holds what somebody wrote. Where a name is of use in several tables,
// the table is named, too.
var shown = []string{
	"key", "learner_hmac", "stored", "time", "item", "score", "graded_by", "attempt", "confidence", "duration_ms",
	"target", "ticked", "chapter", "started", "active_ms", "cohort", "joined", "topic", "action", "until", "course", "kind", "version",
	"rows", "sequences.content", "sequences.outcome", "sequences.type", "dead_letters.reason", "dead_letters.subject",
	"states.facts", "states.unmapped", "states.last_time", "states.last_key", "states.ability", "states.variance",
	"states.form", "states.last", "states.answers",
}

func compareUint(a, b uint64) int { return cmp.Compare(a, b) }

func (t *table) column(name string) any {
	for _, column := range t.output {
		if column.Name == name {
			return column.Data
		}
	}
	panic("store: table " + t.name + " has no column " + name)
}

func (t *table) sequences() *proto.ColUInt64 {
	seqs, _ := t.column("seq").(*proto.ColUInt64) // of every table here
	return seqs
}

// appendRow appends the cells of one row that are compared, each with its length.
func (t *table) appendRow(b []byte, row int) []byte {
	for _, column := range t.output {
		if slices.Contains(uncompared, column.Name) {
			continue
		}
		b = append(b, 0, 0, 0, 0)
		start := len(b)
		b = appendCell(b, column.Data, row)
		binary.LittleEndian.PutUint32(b[start-4:], uint32(len(b)-start))
	}
	return b
}

// appendCell appends one cell, bit by bit.
func appendCell(b []byte, column any, row int) []byte {
	switch c := column.(type) {
	case *proto.ColStr:
		return append(b, c.RowBytes(row)...)
	case *proto.ColLowCardinality[string]:
		return append(b, c.Row(row)...)
	case *proto.ColEnum:
		return append(b, c.Row(row)...)
	case *proto.ColFixedStr16:
		cell := c.Row(row)
		return append(b, cell[:]...)
	case *proto.ColFixedStr8:
		cell := c.Row(row)
		return append(b, cell[:]...)
	case *proto.ColUInt8:
		return append(b, c.Row(row))
	case *proto.ColBool:
		if c.Row(row) {
			return append(b, 1)
		}
		return append(b, 0)
	case *proto.ColUInt32:
		return binary.LittleEndian.AppendUint32(b, c.Row(row))
	case *proto.ColInt32:
		return binary.LittleEndian.AppendUint32(b, uint32(c.Row(row)))
	case *proto.ColUInt64:
		return binary.LittleEndian.AppendUint64(b, c.Row(row))
	case *proto.ColInt64:
		return binary.LittleEndian.AppendUint64(b, uint64(c.Row(row)))
	case *proto.ColFloat64:
		return binary.LittleEndian.AppendUint64(b, math.Float64bits(c.Row(row)))
	case *proto.ColDateTime64:
		return binary.LittleEndian.AppendUint64(b, uint64(c.Data[row]))
	}
	return appendCells(b, column, row)
}

// appendCells appends a cell that is an array.
func appendCells(b []byte, column any, row int) []byte {
	switch c := column.(type) {
	case *proto.ColArr[string]:
		for _, s := range c.Row(row) {
			b = append(binary.LittleEndian.AppendUint32(b, uint32(len(s))), s...)
		}
		return b
	case *proto.ColArr[uint32]:
		for _, n := range c.Row(row) {
			b = binary.LittleEndian.AppendUint32(b, n)
		}
		return b
	case *proto.ColArr[int64]:
		for _, n := range c.Row(row) {
			b = binary.LittleEndian.AppendUint64(b, uint64(n))
		}
		return b
	case *proto.ColArr[float64]:
		for _, f := range c.Row(row) {
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(f))
		}
		return b
	}
	panic(fmt.Sprintf("store: cells of a %T can't be compared", column))
}

// textOf spells a cell for people.
func textOf(column any, row int) string {
	switch c := column.(type) {
	case *proto.ColFixedStr16:
		cell := c.Row(row)
		return hex.EncodeToString(cell[:])
	case *proto.ColFixedStr8:
		cell := c.Row(row)
		return hex.EncodeToString(cell[:])
	case *proto.ColUInt8:
		return fmt.Sprint(c.Row(row))
	case *proto.ColBool:
		return strconv.FormatBool(c.Row(row))
	case *proto.ColUInt32:
		return fmt.Sprint(c.Row(row))
	case *proto.ColInt32:
		return fmt.Sprint(c.Row(row))
	case *proto.ColUInt64:
		return fmt.Sprint(c.Row(row))
	case *proto.ColInt64:
		return fmt.Sprint(c.Row(row))
	case *proto.ColFloat64:
		return fmt.Sprint(c.Row(row))
	case *proto.ColDateTime64:
		return c.Row(row).UTC().Format("2006-01-02T15:04:05.999999Z")
	}
	return string(appendCell(nil, column, row))
}

// A diff compares rows of a table with those that should be there.
type diff struct {
	want, stored *table
	present      []bool // of the rows wanted
	equal        []bool // one of the rows stored was
	doubles      uint64 // rows that are there more than once
	found        []project.Mismatch
	a, b         []byte
}

func newDiff(want, stored *table, rows int) *diff {
	return &diff{want: want, stored: stored, present: make([]bool, rows), equal: make([]bool, rows)}
}

// compare compares a stored row with the one that should be there; -1: none should.
func (d *diff) compare(want, row int) {
	m := d.mismatch(d.stored, row)
	if want < 0 {
		m.What, m.Expected, m.Found = "a row that should not be there", "no row", "a row"
		d.found = append(d.found, m)
		return
	}
	d.a, d.b = d.want.appendRow(d.a[:0], want), d.stored.appendRow(d.b[:0], row)
	d.present[want] = true
	if bytes.Equal(d.a, d.b) {
		if d.equal[want] {
			d.doubles++
		}
		d.equal[want] = true
		return
	}
	var names, expected, found []string
	for i, column := range d.want.output {
		other := d.stored.output[i]
		d.a, d.b = appendCell(d.a[:0], column.Data, want), appendCell(d.b[:0], other.Data, row)
		if slices.Contains(uncompared, column.Name) || bytes.Equal(d.a, d.b) {
			continue
		}
		names = append(names, column.Name)
		if slices.Contains(shown, column.Name) || slices.Contains(shown, d.want.name+"."+column.Name) {
			expected = append(expected, column.Name+" "+textOf(column.Data, want))
			found = append(found, column.Name+" "+textOf(other.Data, row))
		} else {
			expected = append(expected, fmt.Sprintf("%s of %d bytes, not shown", column.Name, len(d.a)))
			found = append(found, fmt.Sprintf("%s of %d bytes, not shown", column.Name, len(d.b)))
		}
	}
	m.What = "the row differs in " + strings.Join(names, ", ")
	m.Expected, m.Found = strings.Join(expected, "; "), strings.Join(found, "; ")
	d.found = append(d.found, m)
}

func (d *diff) mismatch(t *table, row int) project.Mismatch {
	return project.Mismatch{Seq: t.sequences().Row(row), Table: t.name, HMAC: textOf(t.column("learner_hmac"), row)}
}

// close adds the rows that are missing, and returns all differences.
func (d *diff) close() []project.Mismatch {
	for row, present := range d.present {
		if !present {
			m := d.mismatch(d.want, row)
			m.What, m.Expected, m.Found = "the row is missing", "a row", "none"
			d.found = append(d.found, m)
		}
	}
	return d.found
}
