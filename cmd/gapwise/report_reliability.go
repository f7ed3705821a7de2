package main

import (
	"fmt"
	"strconv"

	"github.com/gapwise/gapwise/internal/query"
)

func printReliability(t *terminal, r *query.Reliability) {
	of := "all learners"
	if r.Cohort != "" {
		of = "cohort " + r.Cohort
	}
	t.heading(fmt.Sprintf("predictions against answers of %s, %d answers of %d learners", of, r.All.Answers, r.All.Learners), r.Basis)
	all := agreements("", []query.AgreementRow{{Title: "all answers", Agreement: r.All}})
	all.write(t.out)
	printCalibration(t, r)
	for _, part := range []struct {
		title string
		rows  []query.AgreementRow
	}{
		{"earlier answers", r.Earlier}, {"graded by", r.Graders}, {"level", r.Levels}, {r.By, r.Topics}, {"cohort", r.Cohorts},
	} {
		if len(part.rows) > 0 {
			fmt.Fprintln(t.out)
			agreements(part.title, part.rows).write(t.out)
		}
	}
	fmt.Fprint(t.out, "\n  difference: right less predicted, in points, with its 90% interval; ↑ ↓ where that leaves 0 out\n"+
		"  earlier answers: on the item's least-seen topic; · fewer than 100 answers\n")
	if r.Unmapped > 0 {
		fmt.Fprintf(t.out, "  %d answers that no topic counts had no prediction\n", r.Unmapped)
	}
}

// agreements is the table of some parts of the answers.
func agreements(title string, rows []query.AgreementRow) *table {
	list := &table{columns: []column{flexible(title), right("answers"), right("learners"), right("predicted"), right("right"),
		right("difference"), left(""), right("auc"), right("ece")}}
	marks := map[string]string{query.Better: "↑", query.Worse: "↓", query.AsPredicted: ""}
	for i := range rows {
		row := &rows[i]
		mark, judged := marks[row.State]
		if !judged {
			mark = "·"
		}
		list.add(row.Title, strconv.Itoa(row.Answers), strconv.Itoa(row.Learners), percentOf(row.Predicted), percentOf(row.Actual),
			points(row.Difference), mark, decimal(row.AUC), decimal(row.ECE))
	}
	return list
}

// printCalibration prints the ten bins and the scores.
func printCalibration(t *terminal, r *query.Reliability) {
	if len(r.Bins) == 0 {
		return
	}
	fmt.Fprintf(t.out, "\n  log loss %s, RMSE %s", decimal(r.LogLoss), decimal(r.RMSE))
	if r.Scored < r.All.Answers {
		fmt.Fprintf(t.out, "; scores and groups rest on %d answers of a part of the learners", r.Scored)
	}
	fmt.Fprint(t.out, "\n\n")
	list := table{columns: []column{left("group"), right("answers"), right("predicted"), right("right")}}
	for i, b := range r.Bins {
		list.add(strconv.Itoa(i+1), strconv.Itoa(b.Answers), percentOf(&b.Predicted), percentOf(&b.Actual))
	}
	list.write(t.out)
}

// points writes a difference with its bounds, in points: +3.1 (−1.0 to +7.2).
func points(d *query.Interval) string {
	if d == nil {
		return "–"
	}
	return fmt.Sprintf("%+.1f (%+.1f to %+.1f)", 100*d.Estimate, 100*d.Low, 100*d.High)
}

// decimal writes a score; a dash where there is none.
func decimal(x *float64) string {
	if x == nil {
		return "–"
	}
	return strconv.FormatFloat(*x, 'f', 3, 64)
}
