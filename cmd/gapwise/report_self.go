package main

import (
	"fmt"
	"strconv"

	"github.com/gapwise/gapwise/internal/query"
)

func printSelf(t *terminal, r *query.SelfAssessment) {
	t.heading(fmt.Sprintf("self-assessment of learner %s by %s%s", r.Learner, r.By, measured(r.Target)), r.Basis)
	rests := "no topic has both ticks and answers"
	if r.Bias != nil {
		rests = fmt.Sprintf("ticked less shown, topics: %d", r.Bias.Topics)
	}
	printThought(t, biasOf(r.Bias), rests, &r.Confidence, &r.SelfGrades)
	list := table{columns: []column{left("topic"), right("ticked"), right("mastery"), right("gap"), left("so far"), right("confidence"), right("self-grades")}}
	for i := range r.Topics {
		topic := &r.Topics[i]
		ticked, mastery, gap, view := "–", "–", "–", ""
		if c := topic.Checklist; c != nil {
			ticked, view = fmt.Sprintf("%d of %d", c.Ticked, c.Items), word(string(c.View))
			gap = wholePoints(c.Gap)
			if c.Mastery != nil {
				mastery = percentOf(&c.Mastery.Estimate)
			}
		}
		if topic.Checklist != nil || topic.Confidence.Answers > 0 || topic.SelfGrades.Self > 0 {
			list.add(topic.Title, ticked, mastery, gap, view, wholePoints(topic.Confidence.Difference), wholePoints(topic.SelfGrades.Difference))
		}
	}
	if len(list.rows) > 0 {
		fmt.Fprintln(t.out)
		list.write(t.out)
	}
	fmt.Fprint(t.out, "\n  gap: share ticked less mastery; confidence: stated less scored; self-grades: less those of others; in points\n")
}

func printCohortSelf(t *terminal, r *query.CohortSelfAssessment) {
	t.heading(fmt.Sprintf("self-assessment of cohort %s by %s, %d learners%s", r.Cohort, r.By, r.Members, measured(r.Target)), r.Basis)
	printThought(t, wholePoints(r.Bias), fmt.Sprintf("ticked less shown, of %d learners", r.Biased), &r.Confidence, &r.SelfGrades)
	list := table{columns: []column{left("topic"), right("ticked"), right("gap"), right("of"), right("over"), right("unticked"), right("confidence"), right("self-grades")}}
	for i := range r.Topics {
		topic := &r.Topics[i]
		c := &topic.Checklist
		list.add(topic.Title, percentOf(c.Share), wholePoints(c.Gap), strconv.Itoa(c.Compared), strconv.Itoa(c.Overconfident), strconv.Itoa(c.Unticked),
			wholePoints(topic.Confidence.Difference), wholePoints(topic.SelfGrades.Difference))
	}
	fmt.Fprintln(t.out)
	list.write(t.out)
	list = table{columns: []column{left("learner"), right("bias"), right("judged"), right("over"), right("unticked"), right("confidence"), right("self-grades")}}
	for i := range r.Learners {
		m := &r.Learners[i]
		list.add(m.Learner, biasOf(m.Bias), strconv.Itoa(m.Judged), strconv.Itoa(m.Overconfident), strconv.Itoa(m.Unticked),
			wholePoints(m.Confidence.Difference), wholePoints(m.SelfGrades.Difference))
	}
	if len(list.rows) > 0 {
		fmt.Fprintln(t.out)
		list.write(t.out)
	}
	fmt.Fprint(t.out, "\n  ticked: of the checklist, mean of those who use it; gap: less mastery, of so many; over: mostly ticked, but weak;\n"+
		"  unticked: strong, but at most half ticked; confidence: stated less scored; self-grades: less those of others; in points\n")
	t.more(r.Next)
}

// printThought prints the three ways in which learners tell what they think.
func printThought(t *terminal, bias, rests string, c *query.StatedConfidence, g *query.SelfGrades) {
	list := table{columns: []column{left(""), right("points"), left("")}}
	list.add("ticks", bias, rests)
	list.add("confidence", wholePoints(c.Difference), fmt.Sprintf("stated less scored, of %d answers", c.Answers))
	list.add("self-grades", wholePoints(g.Difference), fmt.Sprintf("less those of others, of %d against %d answers", g.Self, g.Others))
	list.write(t.out)
	if c.Answers > 0 {
		list = table{columns: []column{left("confidence"), right("answers"), right("score")}}
		for _, l := range c.Levels {
			list.add(strconv.Itoa(l.Confidence), strconv.Itoa(l.Answers), interval(l.Score))
		}
		fmt.Fprintln(t.out)
		list.write(t.out)
	}
	if g.Self > 0 {
		list = table{columns: []column{left("graded by"), right("answers"), right("less expected")}}
		for _, by := range g.Graders {
			list.add(by.Grader, strconv.Itoa(by.Answers), wholePoints(by.Residual))
		}
		fmt.Fprintln(t.out)
		list.write(t.out)
	}
}

func biasOf(b *query.Bias) string {
	if b == nil {
		return "–"
	}
	return wholePoints(&b.Interval)
}

// widestTold is the width from which on an interval of a difference says nothing.
const widestTold = 0.6

// wholePoints writes a difference with its bounds, in points: +3 (−1 to +7).
func wholePoints(d *query.Interval) string {
	switch {
	case d == nil:
		return "–"
	case d.High-d.Low > widestTold:
		return "too few"
	}
	return fmt.Sprintf("%s (%s to %s)", wholeSigned(d.Estimate), wholeSigned(d.Low), wholeSigned(d.High))
}
