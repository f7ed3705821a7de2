package query

import (
	"math"
	"time"

	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/mastery"
	"github.com/gapwise/gapwise/internal/project"
)

// opinion is what one learner thinks of the own mastery by ticks, stated confidence and
// self-grades, and the state that the answers gave.
type opinion struct {
	model  *project.LensModel
	state  *mastery.State
	ticks  []ticks // by topic
	stated stated
	grades grades
	topics []topicOpinion
}

// ticks are a topic's checklist items that the learner ever ticked or unticked.
type ticks struct {
	known  bool
	ticked []Tick
}

type topicOpinion struct {
	stated average // confidence − score
	grades graders
}

// stated sums up answers by how sure the learner was.
type stated struct {
	difference average
	levels     [event.MaxConfidence]average // scores
}

// graders sum up residuals by who graded.
type graders struct{ self, others average }

// grades sum them up by every kind of grader as well.
type grades struct {
	graders
	by [len(graderKinds)]average
}

var graderKinds = [...]event.Grader{event.GradedBySelf, event.GradedByKey, event.GradedByPeer, event.GradedByInstructor}

func newOpinion(model *project.LensModel) *opinion {
	return &opinion{
		model: model, state: model.NewState(), ticks: make([]ticks, len(model.Topics)), topics: make([]topicOpinion, len(model.Topics)),
	}
}

// tick counts a checklist item as it stands; items come ascending.
func (o *opinion) tick(t Tick) {
	i, known := o.model.Item(t.Item)
	if !known || !o.model.Parameters.Items[i].Aside {
		return
	}
	for _, tag := range o.model.Parameters.Items[i].Tags {
		of := &o.ticks[tag.Topic]
		of.known = true
		if t.Ticked {
			of.ticked = append(of.ticked, t)
		}
	}
}

// confide counts answers with a stated confidence.
func (o *opinion) confide(c Confidence) {
	said := float64(c.Level-1) / (event.MaxConfidence - 1)
	n := float64(c.Answers)
	sum := float64(said*n) - c.Score
	squares := float64(said*said*n) - float64(2*said*c.Score) + c.Squares
	o.stated.difference.addAll(c.Answers, sum, squares)
	o.stated.levels[c.Level-1].addAll(c.Answers, c.Score, c.Squares)
	if i, known := o.model.Item(c.Item); known {
		for _, tag := range o.model.Parameters.Items[i].Tags {
			o.topics[tag.Topic].stated.addAll(c.Answers, sum, squares)
		}
	}
}

// fold folds the learner's whole history and compares grades on the way.
func (o *opinion) fold(h *project.History, seq uint64) error {
	known, err := o.model.Replay(h, seq, func(g project.Given, item int, _ *mastery.State, fold func() mastery.Step) {
		r := fold().R
		o.grades.add(g.GradedBy, r)
		for k, kind := range graderKinds {
			if kind == g.GradedBy {
				o.grades.by[k].add(1, r)
			}
		}
		for _, tag := range o.model.Parameters.Items[item].Tags {
			o.topics[tag.Topic].grades.add(g.GradedBy, r)
		}
	})
	o.state = known.State
	return err
}

func (g *graders) add(by event.Grader, r float64) {
	if by == event.GradedBySelf {
		g.self.add(1, r)
	} else {
		g.others.add(1, r)
	}
}

// checklists compares ticks with mastery, by topic: null where nothing was ever ticked.
// The bias is null where there is no gap. Ticks before a time are counted, not listed.
func (o *opinion) checklists(lists [][]string, target mastery.Target, now int64, since time.Time) ([]*Checklist, *Bias) {
	found := make([]*Checklist, len(o.ticks))
	var b bias
	for k := range o.ticks {
		if !o.ticks[k].known {
			continue
		}
		c := &Checklist{Items: len(lists[k]), Ticked: len(o.ticks[k].ticked), View: NoView, Doubtful: []string{}, since: since}
		c.Share = float64(c.Ticked) / float64(c.Items)
		found[k] = c
		e := o.model.MasteryAgainst(o.state, k, target, now)
		if e.N == 0 {
			continue
		}
		c.Mastery = interval(e)
		c.Gap = &Interval{Estimate: c.Share - e.Mean, Low: c.Share - e.High, High: c.Share - e.Low}
		c.sharedSD = float64(e.Mean * (1 - e.Mean) * e.SharedSD)
		c.judge(e, o.ticks[k].ticked)
		b.add(c.Gap.Estimate, e, o.sharedError(k))
	}
	return found, b.bias()
}

// judge says how ticks stand to an estimate, where that is a judgment.
func (c *Checklist) judge(e mastery.Estimate, ticked []Tick) {
	mostly := 2*c.Ticked > c.Items
	switch e.Word() {
	case mastery.NotEnoughAnswers:
		return
	case mastery.Weak, mastery.Rusty:
		c.View = InLine
		if mostly {
			c.View = Overconfident
		}
		for _, t := range ticked {
			if !t.Time.Before(c.since) {
				c.Doubtful = append(c.Doubtful, t.Item)
			}
		}
	case mastery.Strong:
		c.View = InLine
		if !mostly {
			c.View = Unticked
		}
	default:
		c.View = InLine
	}
}

// sharedError is the share of a mastery's variance that comes from the general ability, and
// so is the same on all topics of the learner.
func (o *opinion) sharedError(k int) float64 {
	topic, _ := o.state.Topic(k)
	return o.state.VA / (o.state.VA + topic.VS + o.model.Parameters.Topics[k].VC)
}

// biasWeight is how many topics without a gap a bias is drawn towards 0 by.
const biasWeight = 5

// bias sums up the gaps of a learner's topics.
type bias struct {
	topics        int
	gaps, squares float64
	shared        float64 // Σ of the standard deviations that the ability gives all of them
}

func (b *bias) add(gap float64, e mastery.Estimate, shared float64) {
	b.topics++
	b.gaps += gap
	b.squares += float64(gap * gap)
	b.shared += float64(e.Mean * (1 - e.Mean) * e.SD * math.Sqrt(shared)) // to first order
}

// bias is the mean gap g times n/(n+5) with its 90% interval, for topics of which these are
// a sample: the posterior of a normal mean under the prior N-Inv-χ²(0, σ²/5; 1, ¼) (Gelman
// et al., Bayesian Data Analysis, 3.3), Student's t with n + 1 degrees of freedom and
//
//	variance = (¼ + Σg² - (Σg)²/(n+5)) / ((n+1)(n+5))
//
// and beside it what is uncertain about the ability, which is in all gaps alike.
func (b *bias) bias() *Bias {
	if b.topics == 0 {
		return nil
	}
	n := float64(b.topics)
	weight := n + biasWeight
	variance := (coinVariance + b.squares - float64(b.gaps*b.gaps)/weight) / ((n + 1) * weight)
	margin := math.Hypot(float64(student90(b.topics+1)*math.Sqrt(variance)), float64(z90*b.shared)/weight)
	return &Bias{Interval: *around(b.gaps/weight, margin, -1, 1), Topics: b.topics}
}

// against puts a comparison of stated confidence into a report.
func against(difference *average) StatedAgainstScore {
	return StatedAgainstScore{Answers: difference.numbers, Difference: difference.interval(-1)}
}

func (s *stated) report() StatedConfidence {
	r := StatedConfidence{StatedAgainstScore: against(&s.difference)}
	for i := range s.levels {
		r.Levels = append(r.Levels, ConfidenceLevel{Confidence: i + 1, Answers: s.levels[i].numbers, Score: s.levels[i].interval(0)})
	}
	return r
}

func (g *graders) report() SelfGradedAgainstOthers {
	return SelfGradedAgainstOthers{Self: g.self.numbers, Others: g.others.numbers, Difference: g.self.minus(&g.others)}
}

func (g *grades) report() SelfGrades {
	r := SelfGrades{SelfGradedAgainstOthers: g.graders.report()}
	for k := range g.by {
		r.Graders = append(r.Graders, GraderResidual{Grader: string(graderKinds[k]), Answers: g.by[k].numbers, Residual: g.by[k].interval(-1)})
	}
	return r
}
