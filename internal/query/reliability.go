package query

import (
	"context"
	"maps"
	"math"
	"slices"

	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/mastery"
	"github.com/gapwise/gapwise/internal/project"
)

// Agreement compares what the model predicted before each of some answers with
// what came. Means and difference are null
// without answers.
type Agreement struct {
	State     string   `json:"state"` // AsPredicted, Better, Worse, or not_enough_answers
	Answers   int      `json:"answers"`
	Learners  int      `json:"learners"`  // who gave them
	Predicted *float64 `json:"predicted"` // mean
	Actual    *float64 `json:"actual"`    // mean score
	// Difference is actual less predicted.
	Difference *Interval `json:"difference"`
	AUC        *float64  `json:"auc"` // null with fewer than 100 scored answers, or none that are right or wrong
	ECE        *float64  `json:"ece"` // null with fewer than 100 scored answers
}

// The states of an agreement. Of parts that agree one in ten seems to differ.
const (
	AsPredicted = "as_predicted" // the interval of the difference holds 0
	Better      = "better"       // than predicted
	Worse       = "worse"        // than predicted
)

// AgreementRow is the agreement of one part of the answers.
type AgreementRow struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	Agreement
}

// CalibrationBin is a tenth of the scored answers, by rising prediction.
type CalibrationBin struct {
	Answers   int     `json:"answers"`
	Predicted float64 `json:"predicted"` // mean
	Actual    float64 `json:"actual"`    // mean score
}

// Reliability compares predictions with what came, for all answers and for parts of
// them. Answers taken back are in none, answers that no topic counts had none.
type Reliability struct {
	Basis
	Cohort   string           `json:"cohort,omitempty"` // empty: all learners
	By       string           `json:"by"`
	Unmapped int              `json:"unmapped"` // answers that no topic counts
	All      Agreement        `json:"all"`
	Scored   int              `json:"scored"`   // the answers that auc, ece, log_loss, rmse and bins rest on
	LogLoss  *float64         `json:"log_loss"` // null with fewer than 100 scored answers
	RMSE     *float64         `json:"rmse"`     // null with fewer than 100 scored answers
	Bins     []CalibrationBin `json:"bins"`     // none with fewer than 100 scored answers
	Topics   []AgreementRow   `json:"topics"`   // in the course's order; an answer counts in each of its topics
	Levels   []AgreementRow   `json:"levels"`   // of the items
	Earlier  []AgreementRow   `json:"earlier"`  // by earlier answers on the least-seen topic of the item
	Graders  []AgreementRow   `json:"graders"`
	Cohorts  []AgreementRow   `json:"cohorts,omitempty"` // of all learners: by cohort, a learner counts in each of the own
}

// CohortReliability compares predictions with what came for the members of a cohort.
func (s *Service) CohortReliability(ctx context.Context, cohort string, lens project.Lens, at Moment) (*Reliability, error) {
	v, err := s.view(ctx, at)
	if err != nil {
		return nil, err
	}
	members, err := s.members(ctx, v, cohort)
	if err != nil {
		return nil, err
	}
	c := newComparison(&v.Course.Lenses[lens], mostScored)
	for some := range slices.Chunk(members, comparedAtOnce) {
		if err := s.compare(ctx, v, lens, some, nil, c); err != nil {
			return nil, err
		}
	}
	r := c.report()
	r.Basis, r.By, r.Cohort = v.basis, lens.String(), cohort
	return r, nil
}

// Reliability compares predictions with what came for all learners, and by cohort.
func (s *Service) Reliability(ctx context.Context, lens project.Lens, at Moment) (*Reliability, error) {
	v, err := s.view(ctx, at)
	if err != nil {
		return nil, err
	}
	c := newComparison(&v.Course.Lenses[lens], mostScored)
	for after := ""; ; {
		some, err := s.Store.Answerers(ctx, v.Facts, v.at.Seq, after, comparedAtOnce)
		if err != nil {
			return nil, err
		}
		if len(some) == 0 {
			break
		}
		cohorts, err := s.Store.CohortsOf(ctx, v.Facts, some, v.at)
		if err != nil {
			return nil, err
		}
		if err := s.compare(ctx, v, lens, some, cohorts, c); err != nil {
			return nil, err
		}
		after = some[len(some)-1]
	}
	r := c.report()
	r.Basis, r.By = v.basis, lens.String()
	r.Cohorts = c.cohortRows()
	return r, nil
}

// comparedAtOnce is how many learners' answers are asked for at a time.
const comparedAtOnce = 500

// compare replays the answers of some learners, ascending, and takes down what was
// predicted before each.
func (s *Service) compare(ctx context.Context, v *view, lens project.Lens, learners []string, cohorts map[string][]string, c *comparison) error {
	q := v.query(lens, learners)
	q.Whole = true
	model := &v.Course.Lenses[lens]
	return s.Store.Histories(ctx, q, func(h *project.History) error {
		c.begin(h.HMAC, cohorts[h.Learner])
		known, err := model.Replay(h, v.at.Seq, func(g project.Given, item int, _ *mastery.State, fold func() mastery.Step) {
			c.add(item, g.GradedBy, fold().P, g.Score)
		})
		if err != nil {
			return err
		}
		c.unmapped += known.Unmapped
		c.end()
		return nil
	})
}

// The parts by earlier answers, each up to and with so many.
var earlierUpTo = [...]struct {
	id, title string
	upTo      uint32
}{{"0", "none", 0}, {"1-2", "1–2", 2}, {"3-5", "3–5", 5}, {"6-10", "6–10", 10}, {"11+", "11 or more", math.MaxUint32}}

func earlierPart(n uint32) int {
	part := 0
	for n > earlierUpTo[part].upTo {
		part++
	}
	return part
}

// gradersShown are the parts by grader.
var gradersShown = [...]event.Grader{event.GradedBySelf, event.GradedByKey, event.GradedByInstructor, event.GradedByPeer}

func (c *comparison) report() *Reliability {
	all := c.scored.scores(c.scored.every())
	r := &Reliability{
		Unmapped: c.unmapped, Scored: len(c.scored.p), All: c.all.agreement(all),
		Bins: []CalibrationBin{}, Topics: []AgreementRow{}, Levels: []AgreementRow{}, Earlier: []AgreementRow{}, Graders: []AgreementRow{},
	}
	if all != nil {
		r.LogLoss, r.RMSE = &all.LogLoss, &all.RMSE
		for _, b := range all.Bins {
			r.Bins = append(r.Bins, CalibrationBin{b.N, b.Predicted, b.Actual})
		}
	}
	row := func(id, title string, a *agreement, in func(answer int) bool) AgreementRow {
		return AgreementRow{id, title, a.agreement(c.scored.scores(c.scored.where(in)))}
	}
	for k := range c.topics {
		topic := &c.model.Topics[k]
		r.Topics = append(r.Topics, row(topic.ID, topic.Title, &c.topics[k], func(i int) bool {
			return slices.ContainsFunc(c.tags(int(c.scored.item[i])), func(t mastery.Tag) bool { return t.Topic == k })
		}))
	}
	for l := range c.levels {
		name := mastery.Level(l).String()
		r.Levels = append(r.Levels, row(name, name, &c.levels[l], func(i int) bool { return c.level(int(c.scored.item[i])) == mastery.Level(l) }))
	}
	for e := range c.earlier {
		part := &earlierUpTo[e]
		r.Earlier = append(r.Earlier, row(part.id, part.title, &c.earlier[e], func(i int) bool { return int(c.scored.earlier[i]) == e }))
	}
	for g := range c.graders {
		id := string(gradersShown[g])
		r.Graders = append(r.Graders, row(id, id, &c.graders[g], func(i int) bool { return int(c.scored.grader[i]) == g }))
	}
	return r
}

func (c *comparison) cohortRows() []AgreementRow {
	rows := []AgreementRow{}
	for _, id := range slices.Sorted(maps.Keys(c.cohorts)) {
		part := c.cohorts[id]
		rows = append(rows, AgreementRow{id, id, part.agreement(c.scored.scores(c.scored.of(part)))})
	}
	return rows
}
