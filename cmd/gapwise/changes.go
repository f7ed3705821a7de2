package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/gapwise/gapwise/internal/query"
)

// What is printed of what changes for people; the rest is in the JSON.
const (
	mostMoves        = 5  // from one word to another, in each lens
	mostNamed        = 12 // learners
	mostMoved        = 10 // estimates
	mostCohortsTold  = 5
	mostCohortTopics = 5
)

// narrow is what a comparison fits into, in columns of a terminal.
const narrow = 80

// tellChanges prints what changes of what people read: how many words of each lens, and
// how many learners read them.
func tellChanges(out io.Writer, c *query.StateChanges) {
	for _, l := range c.Lenses {
		fmt.Fprintf(out, "  by %s  %d of %d states have another word (%s)\n", l.By, l.Changed, l.States, percent(l.Changed, l.States))
		for _, m := range l.Moves[:min(mostMoves, len(l.Moves))] {
			fmt.Fprintf(out, "    %6d  %s → %s\n", m.States, stateWord(m.From), stateWord(m.To))
		}
		if more := len(l.Moves) - mostMoves; more > 0 {
			fmt.Fprintf(out, "            and %d other moves\n", more)
		}
	}
	fmt.Fprintf(out, "learners who read another word: %d of %d (%s)\n", c.Affected, c.Learners, percent(c.Affected, c.Learners))
}

// tellWho prints for whom it changes most: learners, estimates and cohorts.
func tellWho(out io.Writer, c *query.StateChanges) {
	if n := min(mostNamed, len(c.ChangedLearners)); n > 0 {
		text := strings.Join(c.ChangedLearners[:n], ", ")
		if more := c.Affected - n; more > 0 {
			text += fmt.Sprintf(" and %d more", more)
		}
		wrapWithin(out, narrow, "  ", text)
	}
	if len(c.Largest) > 0 {
		fmt.Fprint(out, "\nlargest movements of a learner's mastery\n\n")
		tellMovements(out, c.Largest)
	}
	told := 0
	for i := range c.Cohorts {
		if cohort := &c.Cohorts[i]; cohort.Changed > 0 && told < mostCohortsTold {
			told++
			tellCohort(out, cohort)
		}
	}
	changed := 0
	for i := range c.Cohorts {
		if c.Cohorts[i].Changed > 0 {
			changed++
		}
	}
	if more := changed - told; more > 0 {
		fmt.Fprintf(out, "\nand %d more cohorts with a topic that changes; --json lists them\n", more)
	}
	if more := c.OfCohorts - len(c.Cohorts); more > 0 {
		fmt.Fprintf(out, "the %d smallest of %d cohorts are not compared\n", more, c.OfCohorts)
	}
}

func tellMovements(out io.Writer, largest []query.Movement) {
	list := table{width: narrow, columns: []column{left("learner"), flexible("topic"), right("before"), right("after"), left("state")}}
	for _, m := range largest[:min(mostMoved, len(largest))] {
		list.add(shorten(m.Learner, 20), m.Title+lensMark(m.By), percentOf(&m.From.Mastery), percentOf(&m.To.Mastery), wordMove(m.From.State, m.To.State))
	}
	list.write(out)
}

func tellCohort(out io.Writer, c *query.CohortChange) {
	fmt.Fprintln(out)
	wrapWithin(out, narrow, "", fmt.Sprintf("cohort %s: %d of %d members read another word; %s, %d to another word",
		c.Cohort, c.Affected, c.Learners, counted(uint64(c.Changed), "topic moves", "topics move"), c.Words))
	fmt.Fprintln(out)
	list := table{width: narrow, columns: []column{flexible("topic"), right("weak before"), right("after"), left("state")}}
	for i := range c.Topics[:min(mostCohortTopics, len(c.Topics))] {
		topic := &c.Topics[i]
		list.add(topic.Title+lensMark(topic.By), weakShare(topic.From.ShareWeak), weakShare(topic.To.ShareWeak), wordMove(topic.From.State, topic.To.State))
	}
	list.write(out)
}

func weakShare(i *query.Interval) string {
	if i == nil {
		return "–"
	}
	return percentOf(&i.Estimate)
}

// lensMark tells chapters from concerns.
func lensMark(by string) string {
	if by == "chapter" {
		return " (chapter)"
	}
	return ""
}

// wordMove spells a move from one word to another, or the word that stays.
func wordMove(from, to string) string {
	if from == to {
		return stateWord(to)
	}
	return stateWord(from) + " → " + stateWord(to)
}

// stateWord spells a state's word for people; there is none without an answer, or without
// such a topic.
func stateWord(word string) string {
	if word == "" {
		return "no state"
	}
	return strings.ReplaceAll(word, "_", " ")
}
