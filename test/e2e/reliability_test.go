package e2e_test

import (
	"cmp"
	"math"
	"slices"
	"testing"
)

// agreementRow is a row of the reliability report.
type agreementRow struct {
	ID, State         string
	Answers, Learners int
	Predicted, Actual *float64
	Difference        *interval
	AUC, ECE          *float64
}

type reliabilityReport struct {
	All     agreementRow
	Scored  int
	LogLoss *float64 `json:"log_loss"`
	RMSE    *float64
	Bins    []struct {
		Answers           int
		Predicted, Actual float64
	}
	Topics, Levels, Earlier, Graders, Cohorts []agreementRow
}

// reliability compares predictions against answers, as reported of the cohort and
// of all learners, with what the reference expected before each answer.
func (l *life) reliability(t *testing.T) {
	known := refFold(l.excerpt.course, l.answers)
	var all []refPrediction
	for _, learner := range l.learners() {
		all = append(all, known[learner].predicted...)
	}
	where := func(in func(refPrediction) bool) []refPrediction {
		return slices.DeleteFunc(slices.Clone(all), func(p refPrediction) bool { return !in(p) })
	}
	for _, path := range []string{"/v1/cohorts/" + cohort + "/reliability", "/v1/reliability"} {
		r := get[reliabilityReport](t, l.operator, path)
		r.All.ID = path
		compareAgreement(t, r.All, all)
		for _, row := range r.Topics {
			compareAgreement(t, row, where(func(p refPrediction) bool { return slices.Contains(p.topics, row.ID) }))
		}
		for _, row := range r.Levels {
			compareAgreement(t, row, where(func(refPrediction) bool { return row.ID == "intermediate" }))
		}
		upTo := map[string][2]int{"0": {0, 0}, "1-2": {1, 2}, "3-5": {3, 5}, "6-10": {6, 10}, "11+": {11, math.MaxInt}}
		for _, row := range r.Earlier {
			compareAgreement(t, row, where(func(p refPrediction) bool { return p.least >= upTo[row.ID][0] && p.least <= upTo[row.ID][1] }))
		}
		for _, row := range r.Graders {
			compareAgreement(t, row, where(func(p refPrediction) bool { return row.ID == "self" && p.self || row.ID == "key" && !p.self }))
		}
		if path == "/v1/reliability" {
			if len(r.Cohorts) != 1 || r.Cohorts[0].ID != cohort {
				t.Fatalf("cohorts are %+v", r.Cohorts)
			}
			compareAgreement(t, r.Cohorts[0], all)
		} else if r.Cohorts != nil {
			t.Errorf("a cohort's report is by cohort: %+v", r.Cohorts)
		}
		if len(r.Topics) != len(l.excerpt.course.topics()) || len(r.Levels) != 4 || len(r.Earlier) != 5 || len(r.Graders) != 4 || r.Scored != len(all) {
			t.Errorf("%d topics, %d levels, %d by earlier answers, %d graders, %d scored",
				len(r.Topics), len(r.Levels), len(r.Earlier), len(r.Graders), r.Scored)
		}
		compareScores(t, r, all)
	}
}

// compareAgreement recomputes one row from its definition.
func compareAgreement(t *testing.T, row agreementRow, list []refPrediction) {
	t.Helper()
	var p, y float64
	residuals, answers := map[string]float64{}, map[string]float64{}
	for _, v := range list {
		p += v.p
		y += v.y
		residuals[v.learner] += v.y - v.p
		answers[v.learner]++
	}
	n := float64(len(list))
	if row.Answers != len(list) || row.Learners != len(answers) || (row.Predicted == nil) != (n == 0) || (row.AUC == nil) != (n < 100) || (row.ECE == nil) != (n < 100) {
		t.Errorf("%s: %+v, recomputed %v answers of %d learners", row.ID, row, n, len(answers))
		return
	}
	if n == 0 {
		return
	}
	near(t, "mean prediction of "+row.ID, *row.Predicted, p/n)
	near(t, "mean score of "+row.ID, *row.Actual, y/n)

	// Mean residual, and its variance by chance alone and between learners.
	d := (y - p) / n
	var independent, clustered float64
	for _, v := range list {
		independent += v.p * (1 - v.p) / (n * n)
	}
	if l := float64(len(answers)); l > 1 {
		for learner, n1 := range answers {
			r := residuals[learner] - d*n1
			clustered += r * r / (n * n) * l / (l - 1)
		}
	}
	half := refZ * math.Sqrt(max(independent, clustered))
	nearInterval(t, "difference of "+row.ID, row.Difference, interval{d, max(-1, d-half), min(1, d+half)})
	state := "as_predicted"
	switch {
	case n < 100:
		state = "not_enough_answers"
	case d-half > 0:
		state = "better"
	case d+half < 0:
		state = "worse"
	}
	if row.State != state {
		t.Errorf("%s is %s, recomputed %s", row.ID, row.State, state)
	}
	if n >= 100 {
		near(t, "AUC of "+row.ID, *row.AUC, refAUC(list))
		ece, _ := refBins(list)
		near(t, "ECE of "+row.ID, *row.ECE, ece)
	}
}

// refAUC looks at each answer against each, partial scores by their parts.
func refAUC(list []refPrediction) float64 {
	var ordered, pairs float64
	for _, right := range list {
		for _, wrong := range list {
			weight := right.y * (1 - wrong.y)
			pairs += weight
			switch {
			case right.p > wrong.p:
				ordered += weight
			case right.p == wrong.p:
				ordered += weight / 2
			}
		}
	}
	return ordered / pairs
}

// refBins returns the ECE and ten bins: answers, mean prediction, mean score.
func refBins(list []refPrediction) (ece float64, bins [][3]float64) {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b refPrediction) int { return cmp.Compare(a.p, b.p) })
	for j := range 10 {
		var p, y float64
		some := list[j*len(list)/10 : (j+1)*len(list)/10]
		for _, v := range some {
			p += v.p
			y += v.y
		}
		n := float64(len(some))
		bins = append(bins, [3]float64{n, p / n, y / n})
		ece += n / float64(len(list)) * math.Abs(p/n-y/n)
	}
	return ece, bins
}

func compareScores(t *testing.T, r reliabilityReport, list []refPrediction) {
	t.Helper()
	var loss, square float64
	for _, v := range list {
		loss -= v.y*math.Log(v.p) + (1-v.y)*math.Log(1-v.p)
		square += (v.y - v.p) * (v.y - v.p)
	}
	n := float64(len(list))
	if r.LogLoss == nil || r.RMSE == nil || len(r.Bins) != 10 {
		t.Fatalf("%+v has no scores", r)
	}
	near(t, "log loss", *r.LogLoss, loss/n)
	near(t, "RMSE", *r.RMSE, math.Sqrt(square/n))
	_, bins := refBins(list)
	for j, b := range r.Bins {
		if float64(b.Answers) != bins[j][0] {
			t.Errorf("bin %d has %d answers, recomputed %v", j, b.Answers, bins[j][0])
		}
		near(t, "prediction of a bin", b.Predicted, bins[j][1])
		near(t, "score of a bin", b.Actual, bins[j][2])
	}
}
