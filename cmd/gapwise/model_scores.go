package main

import (
	"fmt"
	"io"
	"math"

	"github.com/gapwise/gapwise/internal/evaluate"
	"github.com/gapwise/gapwise/internal/mastery"
)

// evaluation is what models reached on a set. What can't be said is null.
type evaluation struct {
	Set      string           `json:"set"`
	Mode     string           `json:"mode"`
	Learners int              `json:"learners"`
	Answers  int              `json:"answers"`
	Items    int              `json:"items"`
	Skills   int              `json:"skills"`
	LeftOut  int              `json:"left_out"` // rows that could not be used
	Models   []evaluatedModel `json:"models"`
	Weak     *weakEvaluation  `json:"weak,omitempty"`
}

// evaluatedModel are one model's scores. In mode weak they are about which topics
// came out weak.
type evaluatedModel struct {
	Name      string       `json:"name"`
	About     string       `json:"about"`
	AUC       *float64     `json:"auc"`
	LogLoss   *float64     `json:"log_loss"`
	ECE       *float64     `json:"ece"`
	RMSE      *float64     `json:"rmse"`
	Seconds   *float64     `json:"seconds_per_million"`
	Folds     []foldScores `json:"folds,omitempty"`
	ByAnswers []bandScores `json:"by_answers,omitempty"`
	Precision *float64     `json:"precision,omitempty"`
	Recall    *float64     `json:"recall,omitempty"`
}

type foldScores struct {
	Answers int      `json:"answers"`
	AUC     *float64 `json:"auc"`
}

// bandScores are those of the answers with so many earlier ones on the item's
// least-seen topic.
type bandScores struct {
	From    int      `json:"from"`
	Answers int      `json:"answers"`
	AUC     *float64 `json:"auc"`
	LogLoss *float64 `json:"log_loss"`
	ECE     *float64 `json:"ece"`
}

// weakEvaluation is what the check of weak topics says of our intervals.
type weakEvaluation struct {
	Cases  int           `json:"cases"` // learners × topics
	Share  float64       `json:"share"` // of them that came out weak
	Cover  []coverScores `json:"cover"` // of the 90% predictive interval
	Cohort cohortScores  `json:"cohort"`
}

type coverScores struct {
	From  int      `json:"from"` // answers on the topic before; 0: all
	Cases int      `json:"cases"`
	Share *float64 `json:"share"`
}

// cohortScores hold shares of weak learners, taking all learners for one cohort, to
// those that came.
type cohortScores struct {
	Topics int         `json:"topics"`
	Share  shareScores `json:"expected"` // of learners whose next answers come out weak
	Unseen shareScores `json:"unseen"`   // as reports show it: on items not seen before
}

type shareScores struct {
	Error *float64 `json:"error"`
	Width *float64 `json:"width"`
	Cover *float64 `json:"cover"`
}

// known returns a number for JSON, nil where it is none.
func known(x float64) *float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil
	}
	return &x
}

func (e *evaluation) addScores(rows []evaluate.Row) {
	for _, r := range rows {
		m := evaluatedModel{
			Name: r.Name, About: r.About, AUC: known(r.AUC), LogLoss: known(r.LogLoss), ECE: known(r.ECE),
			RMSE: known(r.RMSE), Seconds: known(r.Seconds * 1e6),
		}
		if len(r.Folds) > 1 {
			for _, f := range r.Folds {
				m.Folds = append(m.Folds, foldScores{f.N, known(f.AUC)})
			}
		}
		for i, b := range r.ByAnswers {
			m.ByAnswers = append(m.ByAnswers, bandScores{evaluate.Bands[i], b.N, known(b.AUC), known(b.LogLoss), known(b.ECE)})
		}
		e.Models = append(e.Models, m)
	}
}

func (e *evaluation) addWeak(rows []evaluate.WeakRow) {
	for _, r := range rows {
		e.Models = append(e.Models, evaluatedModel{
			Name: r.Name, About: r.About, AUC: known(r.AUC), Precision: known(r.Precision), Recall: known(r.Recall),
		})
		if r.Cohort == nil {
			continue
		}
		w := &weakEvaluation{Cases: r.N, Share: r.Weak}
		for _, c := range r.Cover {
			w.Cover = append(w.Cover, coverScores{c.From, c.N, known(c.Share)})
		}
		c := r.Cohort
		w.Cohort = cohortScores{
			Topics: c.Topics,
			Share:  shareScores{known(c.Error), known(c.Width), known(c.Cover)},
			Unseen: shareScores{known(c.Unseen.Error), known(c.Unseen.Width), known(c.Unseen.Cover)},
		}
		e.Weak = w
	}
}

// score writes a score to three digits, a dash where there is none.
func score(x *float64) string {
	if x == nil {
		return "–"
	}
	return fmt.Sprintf("%.3f", *x)
}

func (e *evaluation) print(out io.Writer) {
	fmt.Fprintf(out, "%s, %s: %d learners, %d answers, %d items, %d skills\n\n", e.Set, e.Mode, e.Learners, e.Answers, e.Items, e.Skills)
	if e.Mode == "weak" {
		e.printWeak(out)
	} else {
		e.printScores(out)
	}
	fmt.Fprintln(out)
	for _, m := range e.Models {
		fmt.Fprintf(out, "  %s: %s\n", m.Name, m.About)
	}
}

func (e *evaluation) printScores(out io.Writer) {
	rows := table{columns: []column{flexible("model"), right("AUC"), right("± folds"), right("log loss"), right("ECE"), right("RMSE")}}
	for i := range evaluate.Bands {
		rows.columns = append(rows.columns, right(bandName(i)))
	}
	rows.columns = append(rows.columns, right("s/million"))
	for _, m := range e.Models {
		cells := []string{m.Name, score(m.AUC), score(m.spread()), score(m.LogLoss), score(m.ECE), score(m.RMSE)}
		for _, b := range m.ByAnswers {
			cells = append(cells, score(b.AUC))
		}
		rows.add(append(cells, fmt.Sprintf("%.2f", *m.Seconds))...)
	}
	rows.write(out)
	fmt.Fprint(out, "\n  0 to 11+: AUC by how many answers came before on the item's least-seen skill")
	if e.Mode == "split" {
		fmt.Fprint(out, "\n  ± folds: standard deviation of the AUC over folds of")
		for _, f := range e.Models[0].Folds {
			fmt.Fprintf(out, " %d", f.Answers)
		}
		fmt.Fprint(out, " answers")
	}
	fmt.Fprintln(out)
}

// bandName is the range of a band, such as 3–5.
func bandName(i int) string {
	from := evaluate.Bands[i]
	switch {
	case i+1 == len(evaluate.Bands):
		return fmt.Sprintf("%d+", from)
	case evaluate.Bands[i+1] == from+1:
		return fmt.Sprint(from)
	}
	return fmt.Sprintf("%d–%d", from, evaluate.Bands[i+1]-1)
}

// spread is the standard deviation of the AUC over folds.
func (m *evaluatedModel) spread() *float64 {
	var sum, square, n float64
	for _, f := range m.Folds {
		if f.AUC != nil {
			sum += *f.AUC
			square += *f.AUC * *f.AUC
			n++
		}
	}
	if n < 2 {
		return nil
	}
	return known(math.Sqrt(max(0, square-sum*sum/n) / (n - 1)))
}

func (e *evaluation) printWeak(out io.Writer) {
	rows := table{columns: []column{flexible("model"), right("AUC"), right("precision"), right("recall")}}
	for _, m := range e.Models {
		rows.add(m.Name, score(m.AUC), score(m.Precision), score(m.Recall))
	}
	rows.write(out)
	w := e.Weak
	fmt.Fprintf(out, "\n  %d learners × topics, %.1f%% of them came out weak: below %.0f%% right in the next 5 to 10 answers\n"+
		"  precision and recall: of those thought weak with a probability of half or more\n", w.Cases, 100*w.Share, 100*mastery.WeakBelow)
	fmt.Fprint(out, "\n  gapwise's 90% interval of how many of the next answers are right held what came:\n")
	for i, c := range w.Cover {
		name := "in all"
		if i+1 < len(w.Cover) {
			name = "after " + bandName(i+1)
		}
		fmt.Fprintf(out, "    %-11s %s of %d\n", name, score(c.Share), c.Cases)
	}
	c := w.Cohort
	fmt.Fprintf(out, "\n  share of weak learners, all taken for one cohort, %d topics of 15 learners or more:\n"+
		"    expected of their next answers: off by %s on average, 90%% interval %s wide, held %s\n"+
		"    on unseen items, as reports say: off by %s on average, 90%% interval %s wide, held %s\n",
		c.Topics, score(c.Share.Error), score(c.Share.Width), score(c.Share.Cover),
		score(c.Unseen.Error), score(c.Unseen.Width), score(c.Unseen.Cover))
}
