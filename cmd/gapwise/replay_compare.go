package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/gapwise/gapwise/internal/query"
)

// printComparison prints how a candidate generation differs from the active one: the
// verdict first, then rows, then what changes for people.
func (t *terminal) printComparison(c *query.Comparison) {
	fmt.Fprintln(t.out, verdict(c))
	fmt.Fprintf(t.out, "generation %s beside %s, the active one\nup to sequence %s, as read at %s\n",
		c.To.Generation, c.From.Generation, thousands(c.AsOf.Seq), c.AsOf.Time.Format("2006-01-02 15:04 UTC"))
	tellCourses(t, c)
	fmt.Fprintln(t.out)
	printTables(t, c)
	for i, d := range c.Changed {
		if i == 0 {
			fmt.Fprint(t.out, "\nwhat differs\n\n")
		}
		wrapWithin(t.out, narrow, "  - ", d.Text)
	}
	if c.People != nil {
		fmt.Fprintln(t.out)
		tellChanges(t.out, c.People)
		tellWho(t.out, c.People)
	}
}

// verdict says in one line whether anything differs, and for how many.
func verdict(c *query.Comparison) string {
	var rows, snapshots, differing uint64
	tables, unequal := 0, 0
	compared := false
	for i := range c.Tables {
		table := &c.Tables[i]
		if table.Table == "states" {
			snapshots, compared = table.To.Rows, true
		} else {
			tables++
			rows += table.To.Rows
		}
		if !table.Equal {
			unequal++
			differing += table.Differing
		}
	}
	of := "the same facts"
	if tables > 0 {
		of = fmt.Sprintf("%s rows in %d tables", thousands(rows), tables)
	}
	if compared {
		of += ", " + thousands(snapshots) + " snapshots"
	}
	if c.Identical {
		return "identical: " + of
	}
	var parts []string
	if unequal > 0 {
		parts = append(parts, fmt.Sprintf("%s in %s", counted(differing, "row differs", "rows differ"), counted(uint64(unequal), "table", "tables")))
	}
	if c.People != nil {
		parts = append(parts, affected(c.People))
	}
	return strings.Join(parts, "; ")
}

// affected says how many learners read another word.
func affected(c *query.StateChanges) string {
	switch c.Affected {
	case 0:
		return fmt.Sprintf("nobody of %d learners reads another word", c.Learners)
	case 1:
		return fmt.Sprintf("1 of %d learners reads another word", c.Learners)
	}
	return fmt.Sprintf("%d of %d learners read another word", c.Affected, c.Learners)
}

// tellCourses prints what both sides see facts through.
func tellCourses(t *terminal, c *query.Comparison) {
	for _, part := range []struct{ name, from, to string }{{"catalog", c.From.Catalog, c.To.Catalog}, {"model", c.From.Model, c.To.Model}} {
		if part.from == part.to {
			fmt.Fprintf(t.out, "both with %s %s\n", part.name, part.to)
		} else {
			fmt.Fprintf(t.out, "%s %s in place of %s\n", part.name, part.to, part.from)
		}
	}
}

// printTables prints the ledger and the rows of both sides.
func printTables(t *terminal, c *query.Comparison) {
	list := table{width: narrow, columns: []column{left(""), right("before"), right("after"), right("different"), left("")}}
	row := func(name string, from, to uint64, differing, note string) {
		list.add(name, thousands(from), thousands(to), differing, note)
	}
	from, to := &c.Ledger.From, &c.Ledger.To
	row("messages", from.Messages, to.Messages, "", "")
	row("facts", from.Rows, to.Rows, "", "")
	row("repeats", from.Duplicates, to.Duplicates, "", "")
	row("conflicts", from.Conflicts, to.Conflicts, "", "")
	row("dead letters", from.DeadLetters, to.DeadLetters, "", "")
	row("erased", from.Erased, to.Erased, "", "")
	if from.Missing+to.Missing > 0 {
		row("missing", from.Missing, to.Missing, "", "")
	}
	list.add("sum of keys", from.Checksum[:8], to.Checksum[:8], "", "")
	for i := range c.Tables {
		name, note, differing := c.Tables[i].Table, "", "none"
		if name == "states" {
			name = "snapshots"
		}
		if c.Tables[i].Part == query.PartPlaces {
			note = "where they lie"
		}
		if c.Tables[i].Differing > 0 {
			differing = thousands(c.Tables[i].Differing)
		}
		row(name, c.Tables[i].From.Rows, c.Tables[i].To.Rows, differing, note)
	}
	list.write(t.out)
}

// counted writes a number and what is counted, in singular or plural.
func counted(n uint64, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return thousands(n) + " " + more
}

// thousands writes a number with a comma before every three digits.
func thousands(n uint64) string {
	text := strconv.FormatUint(n, 10)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
