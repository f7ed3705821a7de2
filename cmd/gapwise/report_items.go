package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/gapwise/gapwise/internal/query"
)

func printItems(t *terminal, r *query.CohortItems) {
	order := "what looks broken first, then what was harder than expected"
	if r.Sort == query.ByRight {
		order = "least often right at first attempt first"
	}
	t.heading(fmt.Sprintf("%d items of cohort %s, %d of them flagged; %s", r.Count, r.Cohort, r.Flagged, order), r.Basis)
	list := table{columns: []column{left(""), left("item"), left("level"), right("first"), right("expected"), right("harder by"),
		right("learners"), flexible("prompt")}}
	for i := range r.Items {
		item := &r.Items[i]
		mark := ""
		if len(item.Flags) > 0 {
			mark = "!"
		}
		list.add(mark, item.ID, item.Level, percentOf(item.FirstAttemptCorrect), percentOf(item.Expected), harderBy(item.Difficulty),
			strconv.Itoa(item.Learners), item.Prompt)
	}
	list.write(t.out)
	fmt.Fprint(t.out, "\n  first: right at first attempt; expected: of these very learners; harder by: than the model took it for, in logits\n")
	for i := range r.Items {
		printFlags(t, &r.Items[i])
	}
	t.more(r.Next)
}

// harderBy writes how much harder an item was than the model took it for.
func harderBy(d *query.Difficulty) string {
	if d == nil {
		return "–"
	}
	return fmt.Sprintf("%s (%s to %s)", signed(d.Estimate-d.Model), signed(d.Low-d.Model), signed(d.High-d.Model))
}

// signed writes a number with its sign.
func signed(x float64) string { return withSign(fmt.Sprintf("%+.1f", x)) }

// wholeSigned writes a difference of shares in whole points, with its sign.
func wholeSigned(x float64) string { return withSign(fmt.Sprintf("%+.0f", 100*x)) }

// withSign makes a minus as long as a plus; 0 has none.
func withSign(text string) string {
	if strings.Trim(text, "+-0.") == "" {
		return text[1:]
	}
	return strings.Replace(text, "-", "−", 1)
}

// printFlags says what looks broken about an item, and what was chosen instead.
func printFlags(t *terminal, item *query.ItemReport) {
	if len(item.Flags) == 0 {
		return
	}
	fmt.Fprintf(t.out, "\n! %s\n", item.ID)
	for _, flag := range item.Flags {
		wrap(t.out, fmt.Sprintf("  %-10s ", word(string(flag.Kind))), flag.Reason)
	}
	for _, choice := range item.WrongChoices {
		wrap(t.out, "  wrong      ", fmt.Sprintf("%d (%s) chose %s: “%s”", choice.Count, percentOf(&choice.Share), choice.ID, choice.Text))
	}
}
