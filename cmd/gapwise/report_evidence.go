package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/gapwise/gapwise/internal/query"
)

func printEvidence(t *terminal, r *query.Evidence) {
	what := r.Topic + r.Item
	if what == "" {
		what = "all topics"
	}
	t.heading(fmt.Sprintf("answers of learner %s to %s", r.Learner, what), r.Basis)
	if r.Arithmetic != nil {
		t.arithmetic(r)
	} else {
		t.answers(r)
	}
	if r.Before > 0 {
		fmt.Fprintf(t.out, "\n  and %d answers from before the learner joined your cohort\n", r.Before)
	}
	t.more(r.Next)
}

func (t *terminal) answers(r *query.Evidence) {
	list := table{columns: []column{left("item"), left("time"), right("score"), right("expected"), left("graded by"), left(""), right("sequence"), flexible("source")}}
	for i := range r.Events {
		e := &r.Events[i]
		note := ""
		if e.Voided {
			note = "voided"
		}
		list.add(e.Item, e.Time.UTC().Format("2006-01-02 15:04"), percentOf(&e.Score), percentOf(e.Predicted), e.GradedBy, note,
			strconv.FormatUint(e.Seq, 10), e.Source)
	}
	list.write(t.out)
}

// arithmetic prints every answer with its step, and the estimates worked out.
func (t *terminal) arithmetic(r *query.Evidence) {
	for i := range r.Events {
		e := &r.Events[i]
		fmt.Fprintf(t.out, "  %s  %s  expected %s, got %s%s\n", e.Time.UTC().Format("2006-01-02 15:04"), e.Item,
			percentOf(e.Predicted), percentOf(&e.Score), moved(e))
		if e.Arithmetic != nil {
			for _, line := range e.Arithmetic.Worked(e.Score) {
				wrap(t.out, "      ", line)
			}
		}
	}
	if start := r.Arithmetic.Start; start != nil {
		fmt.Fprintf(t.out, "\n  after %d answers that are not shown: a %.4f, va %.4f, form %.4f\n",
			start.Answers, start.State.A, start.State.VA, start.State.Form)
		for _, topic := range start.Topics {
			fmt.Fprintf(t.out, "      %s: s %.4f, vs %.4f, n %d\n", topic.ID, topic.S, topic.VS, topic.N)
		}
	}
	for i := range r.Arithmetic.Estimates {
		w := &r.Arithmetic.Estimates[i]
		fmt.Fprintf(t.out, "\n  %s, against %s questions: mastery %s, P(weak) %s\n", w.Title, targetOf(w.Against), interval(&w.Mastery), percentOf(&w.PWeak))
		for _, line := range w.Worked(&r.Arithmetic.Parameters) {
			wrap(t.out, "      ", line)
		}
	}
}

// moved tells what an answer moved: → ability +0.05, adding −0.12.
func moved(e *query.EvidenceEvent) string {
	switch {
	case e.Voided:
		return ", voided: it doesn't count"
	case e.Withheld:
		return ": not told, the same question was answered before the learner joined your cohort"
	case e.Arithmetic == nil:
		return ", in no topic"
	}
	s := e.Arithmetic
	parts := []string{fmt.Sprintf("ability %+.2f", s.After.A-s.Before.A)}
	for _, tag := range s.Tags {
		parts = append(parts, fmt.Sprintf("%s %+.2f", tag.ID, tag.After.S-tag.Before.S))
	}
	return " → " + strings.ReplaceAll(strings.Join(parts, ", "), "-0.", "−0.")
}
