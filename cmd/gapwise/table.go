package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// tableWidth is what a table fits into, in columns of a terminal.
const tableWidth = 100

// table prints aligned columns. When all together are too wide, the flexible one
// gives way, or else the first.
type table struct {
	columns []column
	rows    [][]string
	width   int // of all columns together; 0: tableWidth
}

type column struct {
	title string
	right bool // aligned
	flex  bool // gives way
}

func left(title string) column     { return column{title: title} }
func right(title string) column    { return column{title: title, right: true} }
func flexible(title string) column { return column{title: title, flex: true} }

// flexed is the column that gives way.
func (t *table) flexed() int {
	return max(0, slices.IndexFunc(t.columns, func(c column) bool { return c.flex }))
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// write prints the table with two spaces between its columns, and before the first.
func (t *table) write(w io.Writer) {
	widths := make([]int, len(t.columns))
	titles := make([]string, len(t.columns))
	total := 0
	for i, c := range t.columns {
		titles[i] = strings.ToUpper(c.title)
		widths[i] = utf8.RuneCountInString(c.title)
		for _, row := range t.rows {
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i]))
		}
		total += widths[i] + 2
	}
	if over := total - cmp.Or(t.width, tableWidth); over > 0 {
		flexed := t.flexed()
		widths[flexed] = max(widths[flexed]-over, 12)
	}
	for _, row := range append([][]string{titles}, t.rows...) {
		var line strings.Builder
		for i, cell := range row {
			cell = shorten(cell, widths[i])
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			line.WriteString("  ")
			if t.columns[i].right {
				line.WriteString(pad + cell)
			} else {
				line.WriteString(cell + pad)
			}
		}
		fmt.Fprintln(w, strings.TrimRight(line.String(), " "))
	}
}

// markdown prints the table for a page of documentation.
func (t *table) markdown(w io.Writer) {
	titles, rules := make([]string, len(t.columns)), make([]string, len(t.columns))
	for i, c := range t.columns {
		titles[i], rules[i] = c.title, "---"
		if c.right {
			rules[i] = "---:"
		}
	}
	for _, row := range append([][]string{titles, rules}, t.rows...) {
		fmt.Fprintf(w, "| %s |\n", strings.Join(row, " | "))
	}
}

// shorten cuts a text to a width, and shows that it did.
func shorten(text string, width int) string {
	if utf8.RuneCountInString(text) <= width {
		return text
	}
	return string([]rune(text)[:width-1]) + "…"
}

// wrap breaks a text into lines of a width, each behind an indentation.
func wrap(w io.Writer, indent, text string) { wrapWithin(w, tableWidth, indent, text) }

func wrapWithin(w io.Writer, width int, indent, text string) {
	line := indent
	for _, word := range strings.Fields(text) {
		if len(line) > len(indent) && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width {
			fmt.Fprintln(w, line)
			line = strings.Repeat(" ", utf8.RuneCountInString(indent))
		} else if line != indent {
			line += " "
		}
		line += word
	}
	fmt.Fprintln(w, line)
}
