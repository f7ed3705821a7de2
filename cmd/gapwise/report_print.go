package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/query"
)

// heading prints what a report is about and what it rests on.
func (t *terminal) heading(what string, b query.Basis) {
	fmt.Fprintf(t.out, "%s\n", what)
	fmt.Fprintf(t.out, "as of %s · lag %s · generation %s · catalog %s · model %s\n\n",
		b.AsOf, (time.Duration(b.LagMS) * time.Millisecond).String(), b.Generation, b.Catalog, b.Model)
}

// more tells how to get the next page.
func (t *terminal) more(cursor string) {
	if cursor != "" {
		fmt.Fprintf(t.out, "\n  there is more: --cursor %s\n", cursor)
	}
}

// The words of reports, as people read them.
func word(state string) string { return strings.ReplaceAll(state, "_", " ") }

func percentOf(x *float64) string {
	if x == nil {
		return "–"
	}
	return strconv.Itoa(int(math.Round(100**x))) + "%"
}

// interval writes an estimate with its bounds: 48% (35–61%).
func interval(i *query.Interval) string {
	if i == nil {
		return "–"
	}
	return fmt.Sprintf("%s (%d–%s)", percentOf(&i.Estimate), int(math.Round(100*i.Low)), percentOf(&i.High))
}

func date(at *time.Time) string {
	if at == nil {
		return "–"
	}
	return at.UTC().Format(time.DateOnly)
}

func printCohortTopics(t *terminal, r *query.CohortWeakTopics) {
	members := 0
	if len(r.Topics) > 0 {
		members = r.Topics[0].Learners
	}
	t.heading(fmt.Sprintf("weak topics of cohort %s by %s, %d learners%s", r.Cohort, r.By, members, allAgainst(r.Target, r.Targets)), r.Basis)
	list := table{columns: []column{left("topic"), left("state"), right("weak"), right("mastery"),
		right(fmt.Sprintf("of %d", members)), right("answers"), right("first"), left("trend")}}
	for i := range r.Topics {
		topic := &r.Topics[i]
		list.add(topic.Title, word(topic.State), interval(topic.ShareWeak), interval(topic.Mastery),
			strconv.Itoa(topic.LearnersMeasured), strconv.Itoa(topic.Answers), percentOf(topic.FirstAttemptCorrect), trend(topic.Trend))
	}
	list.write(t.out)
	fmt.Fprintf(t.out, "\n  weak: share of the measured who are weak; of %d: measured; first: right at first attempt\n", members)
	if members == 0 {
		fmt.Fprintf(t.out, "\n  nobody is a member of %s; gapwise cohort list shows the cohorts that there are\n", r.Cohort)
	}
}

// targetOf names a level, or typical where there is none.
func targetOf(level *string) string {
	if level == nil {
		return "typical"
	}
	return *level
}

// measured tells what learners are measured against, unless that is told elsewhere.
func measured(target *string) string {
	if target == nil {
		return ""
	}
	return ", against " + *target + " questions"
}

// allAgainst tells what the learners of a report are measured against: what was
// asked for, or else how many of them against which level.
func allAgainst(asked *string, targets map[string]int) string {
	if asked != nil {
		return measured(asked)
	}
	if len(targets) == 0 || len(targets) == 1 && targets["typical"] > 0 {
		return ""
	}
	var parts []string
	for _, name := range append([]string{"typical"}, event.Levels[:]...) {
		if n := targets[name]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, name))
		}
	}
	return ", each against the own target: " + strings.Join(parts, ", ")
}

// trend draws a trend's word.
func trend(t query.Trend) string {
	return map[string]string{"improving": "↑", "declining": "↓", "steady": "→"}[t.Word]
}

func printHeatmap(t *terminal, r *query.Heatmap) {
	targets := map[string]int{}
	for i := range r.Rows {
		targets[targetOf(r.Rows[i].Target)]++
	}
	t.heading(fmt.Sprintf("heatmap of cohort %s by %s, %d learners%s", r.Cohort, r.By, len(r.Rows), allAgainst(r.Target, targets)), r.Basis)
	heatmapOf(r).write(t.out)
	fmt.Fprint(t.out, "\n  W weak   r rusty   b borderline   f fair   S strong   · not enough answers\n\n")
	half := (len(r.Topics) + 1) / 2
	legend := func(i int) string {
		return fmt.Sprintf("%2d %s", i+1, shorten(r.Topics[i].Title, 44))
	}
	for i := range half {
		line := "  " + legend(i)
		if i+half < len(r.Topics) {
			line += strings.Repeat(" ", 51-len([]rune(line))) + legend(i+half)
		}
		fmt.Fprintln(t.out, line)
	}
	t.more(r.Next)
}

// heatmapOf is the table of the cells, each one letter.
func heatmapOf(r *query.Heatmap) *table {
	list := &table{columns: []column{left("learner"), right("answers"), left(heatmapNumbers(len(r.Topics)))}}
	letters := map[string]string{"weak": "W", "rusty": "r", "borderline": "b", "fair": "f", "strong": "S"}
	for i := range r.Rows {
		var cells strings.Builder
		for _, c := range r.Rows[i].Cells {
			letter, measured := letters[c.State]
			if !measured {
				letter = "·"
			}
			cells.WriteString(" " + letter + " ")
		}
		list.add(r.Rows[i].Learner, strconv.Itoa(r.Rows[i].Answers), strings.TrimRight(cells.String(), " "))
	}
	return list
}

func heatmapNumbers(topics int) string {
	var numbers strings.Builder
	for i := range topics {
		fmt.Fprintf(&numbers, "%2d ", i+1)
	}
	return strings.TrimRight(numbers.String(), " ")
}

func printWeeks(t *terminal, r *query.CohortWeeks) {
	t.heading(fmt.Sprintf("share of weak learners of cohort %s by %s at the end of each week, %d learners%s",
		r.Cohort, r.By, r.Learners, measured(r.Target)), r.Basis)
	list := table{columns: []column{flexible("topic")}}
	for _, w := range r.Weeks {
		list.columns = append(list.columns, right(strings.TrimPrefix(w.Week, w.Week[:5])))
	}
	list.columns = append(list.columns, right("measured"), left("change in 4 weeks"))
	for i := range r.Topics {
		topic := &r.Topics[i]
		row := []string{topic.Title}
		for _, point := range topic.Weeks {
			share := "–"
			if point.ShareWeak != nil {
				share = percentOf(&point.ShareWeak.Estimate)
			}
			row = append(row, share)
		}
		list.add(append(row, strconv.Itoa(topic.Weeks[len(r.Weeks)-1].LearnersMeasured), change(topic.Change))...)
	}
	list.write(t.out)
	fmt.Fprint(t.out, "\n  weeks by their Mondays; –: nobody measured by then; a change only where its 90% interval leaves out 0\n")
}

// change writes how a share moved, and whether that is clear: −12 (−24 to −1) improving.
func change(c query.Change) string {
	if c.ShareWeak == nil {
		return "–"
	}
	points := func(x float64) string { return strings.Replace(fmt.Sprintf("%+.0f", 100*x), "-", "−", 1) }
	text := fmt.Sprintf("%s (%s to %s)", points(c.ShareWeak.Estimate), points(c.ShareWeak.Low), points(c.ShareWeak.High))
	if c.Word == "unclear" {
		return text
	}
	return text + " " + c.Word
}

func printLearners(t *terminal, r *query.CohortLearners) {
	t.heading(fmt.Sprintf("learners of cohort %s, who needs help most first; %d of %d measured%s",
		r.Cohort, r.Measured, r.Members, measured(r.Target)), r.Basis)
	list := table{columns: []column{left("learner"), right("need"), right("weak"), right("strong"), right("judged"), right("answers"),
		left("last active"), left("joined"), flexible("mostly")}}
	for i := range r.Learners {
		m := &r.Learners[i]
		list.add(m.Learner, needOf(m), strconv.Itoa(m.TopicsWeak), strconv.Itoa(m.TopicsStrong), strconv.Itoa(m.Measured),
			strconv.Itoa(m.Answers), date(m.LastActive), date(&m.Joined), mostly(m))
	}
	list.write(t.out)
	fmt.Fprint(t.out, "\n  need: expected number of weak concerns, weighted by importance, of those judged: with enough answers\n")
	t.more(r.Next)
}

func needOf(m *query.MemberSummary) string {
	if m.Need == nil {
		return "–"
	}
	return strconv.FormatFloat(*m.Need, 'f', 1, 64)
}

// mostly tells where a need comes from, or that nobody knows.
func mostly(m *query.MemberSummary) string {
	switch {
	case m.Answers == 0:
		return "not measured"
	case m.Need == nil:
		return "too few answers for a judgment"
	}
	var parts []string
	for _, topic := range m.Mostly {
		parts = append(parts, topic.Title+" ("+word(topic.State)+")")
	}
	return strings.Join(parts, ", ")
}

func printLearnerTopics(t *terminal, r *query.LearnerWeakTopics) {
	t.heading(fmt.Sprintf("weak topics of learner %s by %s, %d answers%s", r.Learner, r.By, r.Answers, measured(r.Target)), r.Basis)
	list := table{columns: []column{left("topic"), left("state"), right("mastery"), right("p weak"), right("answers"), left("practised"), left("trend")}}
	if r.Target != nil {
		list.columns = append(list.columns, left("against"))
	}
	for i := range r.Topics {
		topic := &r.Topics[i]
		row := []string{topic.Title, word(topic.State), interval(topic.Mastery), percentOf(topic.PWeak),
			strconv.Itoa(topic.Answers), date(topic.LastPractised), trend(topic.Trend)}
		if r.Target != nil {
			row = append(row, targetOf(topic.Against))
		}
		list.add(row...)
	}
	list.write(t.out)
	if r.Unmapped > 0 {
		fmt.Fprintf(t.out, "\n  %d answers are to items that this catalog doesn't have\n", r.Unmapped)
	}
}

func printNext(t *terminal, r *query.NextTopics) {
	t.heading(fmt.Sprintf("what learner %s should study next%s", r.Learner, measured(r.Target)), r.Basis)
	for i := range r.Topics {
		topic := &r.Topics[i]
		fmt.Fprintf(t.out, "%d. %s  (priority %.2f)\n", i+1, topic.Title, topic.Priority)
		wrap(t.out, "   why    ", topic.Reason)
		if topic.Note != "" {
			wrap(t.out, "   note   ", topic.Note)
		}
		for _, c := range topic.Chapters {
			wrap(t.out, "   read   ", strings.TrimSpace(c.Title+" "+c.URL))
		}
		if len(topic.Items) > 0 {
			wrap(t.out, "   answer ", strings.Join(topic.Items, " "))
		}
	}
	if len(r.Topics) == 0 {
		fmt.Fprintln(t.out, "  nothing: every topic is mastered or excluded")
	}
}

func printProgress(t *terminal, r *query.Progress) {
	t.heading("progress of learner "+r.Learner, r.Basis)
	fmt.Fprintf(t.out, "  %d answers, %d checklist items ticked, %d sessions, %s\n\n",
		r.Answers, r.Ticks, r.Sessions, spent(r.Seconds))
	list := table{columns: []column{left("day"), right("answers"), right("ticks"), right("sessions"), right("time")}}
	for _, d := range r.ByDay {
		list.add(d.Day, strconv.Itoa(d.Answers), strconv.Itoa(d.Ticks), strconv.Itoa(d.Sessions), spent(d.Seconds))
	}
	list.write(t.out)
}

// spent writes a time as people tell it: 3h 05m.
func spent(seconds int64) string {
	minutes := (seconds + 30) / 60
	if minutes < 60 {
		return fmt.Sprintf("%dm", minutes)
	}
	return fmt.Sprintf("%dh %02dm", minutes/60, minutes%60)
}
