package main

import (
	"cmp"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/httpserver"
	"github.com/gapwise/gapwise/internal/query"
)

// arithmetic: a person with pencil and paper, who has the evidence and the formulas,
// gets the numbers of the learner's report and of the cohort's heatmap. The
// arithmetic here is written down from the formulas, with package math alone.
func (r *reports) arithmetic(t *testing.T) {
	r.joins(t, "demo", "senior", "demo-001")
	r.tell(t, "demo-002", r.start.AddDate(0, 0, 3), &event.Answer{Item: "what-a-log-line-carries", Score: .25, GradedBy: event.GradedBySelf})
	taken := r.events[len(r.events)-1].ID
	r.tell(t, "demo-002", r.start.AddDate(0, 0, 9), &event.Answer{Item: "what-a-log-line-carries", Score: .75})
	r.tell(t, "demo-002", r.start.AddDate(0, 0, 9), &event.Void{Event: taken})
	at := r.send(t).String()
	for _, by := range []string{"concern", "chapter"} {
		heat := read[query.Heatmap](t, r, "/v1/cohorts/demo/heatmap", "by", by, "as_of", at)
		for _, learner := range []string{"demo-001", "demo-002", "demo-007"} {
			p, evidence := r.pencil(t, learner, by, at)
			for _, e := range evidence {
				p.answer(t, e)
			}
			worked := p.numbers
			weak := read[query.LearnerWeakTopics](t, r, "/v1/learners/"+learner+"/weak-topics", "by", by, "as_of", at)
			row := heat.Rows[slices.IndexFunc(heat.Rows, func(row query.HeatmapRow) bool { return row.Learner == learner })]
			for k, name := range heat.Topics {
				topic := weak.Topics[slices.IndexFunc(weak.Topics, func(topic query.LearnerTopic) bool { return topic.ID == name.ID })]
				i := slices.IndexFunc(worked.Estimates, func(w query.WorkedNumbers) bool { return w.ID == name.ID })
				if i < 0 {
					if topic.Mastery != nil || row.Cells[k].Mastery != nil || topic.Answers != 0 {
						t.Errorf("%s has an estimate of %s that no arithmetic tells of: %+v, %+v", learner, name.ID, topic, row.Cells[k])
					}
					continue
				}
				p.estimate(t, worked.Estimates[i], weak.AsOf.Time, topic, row.Cells[k])
			}
			if len(worked.Estimates) < 5 {
				t.Errorf("%s by %s has %d estimates only", learner, by, len(worked.Estimates))
			}
		}
		r.recomputeCohort(t, heat, "demo", by, at)
	}
}

// pencil is what a person knows while going through the answers.
type pencil struct {
	numbers     query.Arithmetic
	a, va, form float64
	last        time.Time // of any answer; zero: none
	number      int
	skills      map[string]*skill
	right, miss map[string]float64 // by item
}

type skill struct {
	s, vs float64
	n     int
	last  time.Time
}

// pencil begins with nobody, and returns the answers that count in the order of time
// and key.
func (r *reports) pencil(t *testing.T, learner, by, at string) (*pencil, []query.EvidenceEvent) {
	t.Helper()
	var list []query.EvidenceEvent
	var last query.Evidence
	for cursor := ""; ; cursor = last.Next {
		last = read[query.Evidence](t, r, "/v1/learners/"+learner+"/evidence",
			"by", by, "arithmetic", "true", "as_of", at, "limit", "50", "cursor", cursor)
		for _, e := range last.Events {
			if e.Voided != (e.Arithmetic == nil) || e.Withheld {
				t.Fatalf("an answer of %s has no arithmetic, or one though it was taken back: %+v", learner, e)
			}
			if !e.Voided {
				list = append(list, e)
			}
		}
		if last.Next == "" {
			break
		}
	}
	slices.SortFunc(list, func(a, b query.EvidenceEvent) int {
		return cmp.Or(a.Time.Compare(b.Time), strings.Compare(a.Key, b.Key))
	})
	if len(list) < 50 || last.Arithmetic.Start != nil {
		t.Fatalf("%s gave %d answers, and sight begins with %+v", learner, len(list), last.Arithmetic.Start)
	}
	return &pencil{
		numbers: *last.Arithmetic, va: last.Arithmetic.Parameters.Prior.Ability,
		skills: map[string]*skill{}, right: map[string]float64{}, miss: map[string]float64{},
	}, list
}

func sigma(z float64) float64 { return 1 / (1 + math.Exp(-z)) }

// hours from one moment to another; 0 where there was none before, or it lies ahead.
func hours(from, to time.Time) float64 {
	if from.IsZero() || to.Before(from) {
		return 0
	}
	return float64(to.Sub(from).Microseconds()) / 3.6e9
}

// same fails the test unless two numbers are the same but for rounding.
func same(t *testing.T, what string, got, want float64) {
	t.Helper()
	if !near(got, want) {
		t.Errorf("%s is %.12f, by hand %.12f", what, got, want)
	}
}

// answer redoes one answer from its score and time, its item's numbers and those that
// all answers share, and compares all that the step told.
func (p *pencil) answer(t *testing.T, e query.EvidenceEvent) {
	t.Helper()
	step, prior := e.Arithmetic, p.numbers.Parameters.Prior
	p.number++
	x := [7]float64{0: 1, 3: math.Log(1 + p.right[e.Item]), 4: math.Log(1 + p.miss[e.Item])}
	if hours(p.last, e.Time) <= 6 {
		x[5] = p.form
	}
	z, v := p.a-step.Item.B, p.va+step.Item.VB
	for _, tag := range step.Tags {
		w, k := tag.Weight, p.skills[tag.ID]
		if k == nil {
			k = &skill{vs: prior.Skill}
			p.skills[tag.ID] = k
			x[6] += w
		} else {
			x[1] += w * math.Log(1+float64(k.n))
			x[2] += w * math.Log(1+hours(k.last, e.Time))
		}
		z += w * (k.s - tag.C)
		v += w * w * (k.vs + tag.VC)
		same(t, "s before", tag.Before.S, k.s)
		same(t, "vs before", tag.Before.VS, k.vs)
	}
	for i, b := range p.numbers.Parameters.Weights {
		same(t, fmt.Sprintf("x%d of sequence %d", i, e.Seq), step.X[i], x[i])
		z += b * x[i]
	}
	expected := sigma(z / math.Sqrt(1+math.Pi*v/8))
	residual := e.Score - expected
	q := sigma(z)
	h := q * (1 - q)
	d := 1 + h*v
	for name, pair := range map[string][2]float64{
		"number": {float64(step.Number), float64(p.number)}, "z": {step.Z, z}, "V": {step.V, v}, "p": {step.P, expected}, "r": {step.R, residual},
		"h": {step.H, h}, "d": {step.D, d}, "predicted": {*e.Predicted, expected},
		"W": {step.Item.Right, p.right[e.Item]}, "L": {step.Item.Wrong, p.miss[e.Item]},
		"a before": {step.Before.A, p.a}, "va before": {step.Before.VA, p.va}, "form before": {step.Before.Form, p.form},
	} {
		same(t, fmt.Sprintf("%s of sequence %d", name, e.Seq), pair[0], pair[1])
	}

	p.a, p.va = p.a+p.va*residual/d, p.va-p.va*p.va*h/d+prior.AbilityDrift
	p.form = .8*p.form + residual
	p.last = later(p.last, e.Time)
	p.right[e.Item] += e.Score
	p.miss[e.Item] += 1 - e.Score
	same(t, "a after", step.After.A, p.a)
	same(t, "va after", step.After.VA, p.va)
	same(t, "form after", step.After.Form, p.form)
	for _, tag := range step.Tags {
		w, k := tag.Weight, p.skills[tag.ID]
		k.s, k.vs = k.s+w*k.vs*residual/d, math.Min(k.vs-w*w*k.vs*k.vs*h/d+prior.SkillDrift*w, prior.Skill)
		k.n++
		k.last = later(k.last, e.Time)
		same(t, "s after", tag.After.S, k.s)
		same(t, "vs after", tag.After.VS, k.vs)
		if tag.Before.N != k.n-1 || tag.After.N != k.n {
			t.Errorf("sequence %d is answer %d to %d on %s, by hand %d", e.Seq, tag.Before.N, tag.After.N, tag.ID, k.n)
		}
	}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// estimate redoes the mastery of a topic, and compares what the arithmetic, the
// learner's report and the cohort's heatmap say of it.
func (p *pencil) estimate(t *testing.T, told query.WorkedNumbers, now time.Time, topic query.LearnerTopic, cell query.Cell) {
	t.Helper()
	k, b := p.skills[told.ID], p.numbers.Parameters.Weights
	shrink := 1 / math.Sqrt(1+math.Pi*p.numbers.Parameters.ItemVariance/8)
	zeta := shrink * (b[0] + p.a + k.s - told.D + b[1]*math.Log(1+float64(k.n)) + b[2]*math.Log(1+hours(k.last, now)))
	sd := shrink * math.Sqrt(p.va+k.vs+told.VC)
	m := sigma(zeta / math.Sqrt(1+math.Pi*sd*sd/8))
	low, high := sigma(zeta-1.645*sd), sigma(zeta+1.645*sd)
	tau := p.numbers.Parameters.WeakBelow
	pWeak := math.Erfc(-(math.Log(tau/(1-tau))-zeta)/sd/math.Sqrt2) / 2
	for name, pair := range map[string][2]float64{
		"a": {told.A, p.a}, "va": {told.VA, p.va}, "s": {told.S, k.s}, "vs": {told.VS, k.vs}, "k": {told.K, shrink}, "zeta": {told.Zeta, zeta},
		"sd": {told.SD, sd}, "gap hours": {told.GapHours, hours(k.last, now)}, "n": {float64(told.N), float64(k.n)},
		"worked mastery": {told.Mastery.Estimate, m}, "worked low": {told.Mastery.Low, low}, "worked high": {told.Mastery.High, high},
		"worked P(weak)": {told.PWeak, pWeak},
		"mastery":        {topic.Mastery.Estimate, m}, "low": {topic.Mastery.Low, low}, "high": {topic.Mastery.High, high}, "P(weak)": {*topic.PWeak, pWeak},
		"mastery in the heatmap": {cell.Mastery.Estimate, m}, "low in the heatmap": {cell.Mastery.Low, low},
		"high in the heatmap": {cell.Mastery.High, high}, "P(weak) in the heatmap": {*cell.PWeak, pWeak},
	} {
		same(t, name+" of "+told.ID, pair[0], pair[1])
	}
	if cmpLevel(told.Against) != cmpLevel(topic.Against) || cell.Answers != k.n || topic.Answers != k.n {
		t.Errorf("%s is measured against %v by %+v, the report says %+v", told.ID, told.Against, told, topic)
	}
}

func cmpLevel(level *string) string {
	if level == nil {
		return "typical"
	}
	return *level
}

// recomputeCohort redoes a cohort's share weak and mastery from its heatmap.
func (r *reports) recomputeCohort(t *testing.T, heat query.Heatmap, cohort, by, at string) {
	t.Helper()
	weak := read[query.CohortWeakTopics](t, r, "/v1/cohorts/"+cohort+"/weak-topics", "by", by, "as_of", at)
	sums, masteries, measured := map[string]float64{}, map[string]float64{}, map[string]float64{}
	for _, row := range heat.Rows {
		for k, cell := range row.Cells {
			if cell.PWeak != nil {
				sums[heat.Topics[k].ID] += *cell.PWeak
				masteries[heat.Topics[k].ID] += cell.Mastery.Estimate
				measured[heat.Topics[k].ID]++
			}
		}
	}
	g := 0.0
	for id, sum := range sums {
		g += sum / measured[id] / float64(len(sums))
	}
	for _, topic := range weak.Topics {
		n := measured[topic.ID]
		if float64(topic.LearnersMeasured) != n || (topic.ShareWeak == nil) != (n == 0) {
			t.Errorf("%+v, the heatmap has %v measured", topic, n)
			continue
		}
		if n > 0 {
			same(t, "share weak of "+topic.ID, topic.ShareWeak.Estimate, (sums[topic.ID]+5*g)/(n+5))
			same(t, "mean mastery of "+topic.ID, topic.Mastery.Estimate, masteries[topic.ID]/n)
		}
	}
}

// sight: an instructor sees no single answer from before a learner joined, nor what
// it would take to work one out by reading: the arithmetic begins with the state that
// they left, and is withheld where the same question was answered before.
func (r *reports) sight(t *testing.T) {
	items := r.itemsOf(t, "concern", "security")
	joined := r.start.Add(time.Hour)
	for n, item := range items[:4] {
		r.tell(t, "late", r.start.Add(time.Duration(n)*time.Minute), &event.Answer{Item: item, Score: float64(n % 2)})
	}
	for n, item := range []string{items[4], items[0], items[5], items[4]} {
		r.tell(t, "late", joined.Add(time.Duration(n)*time.Minute), &event.Answer{Item: item, Score: 1})
	}
	r.tell(t, "late", joined, &event.Membership{Cohort: "sight", Joined: true})
	at := r.send(t).String()
	instructor := r.token(t, httpserver.Claims{Role: httpserver.RoleInstructor, Cohorts: []string{"sight"}})
	parameters := []string{"concern", "security", "arithmetic", "true", "as_of", at}
	own := read[query.Evidence](t, r, "/v1/learners/late/evidence", parameters...)
	seen := readAs[query.Evidence](t, r, instructor, "/v1/learners/late/evidence", parameters...)
	if len(own.Events) != 8 || own.Arithmetic.Start != nil || len(seen.Events) != 4 || seen.Before != 4 {
		t.Fatalf("of eight answers the learner sees %d, the instructor %d after %d", len(own.Events), len(seen.Events), seen.Before)
	}
	body := string(r.do(t, http.MethodGet, "/v1/learners/late/evidence?concern=security&arithmetic=true", instructor, nil, "").body)
	page := string(r.do(t, http.MethodGet, "/learners/late/evidence?concern=security", instructor, nil, "").body)
	for _, e := range own.Events[4:] { // the four before joining
		if strings.Contains(body, e.Key) || e.Item != items[0] && strings.Contains(body, e.Item) || e.Item != items[0] && strings.Contains(page, e.Item) {
			t.Errorf("an instructor reads of %+v", e)
		}
	}
	first := own.Events[4].Arithmetic // the last one before joining; newest come first
	start := seen.Arithmetic.Start
	if start == nil || start.Answers != 4 || start.State != first.After || !start.Last.Equal(own.Events[4].Time) {
		t.Fatalf("sight begins with %+v, want what the first four answers left: %+v", start, first.After)
	}
	for _, topic := range start.Topics {
		for _, tag := range first.Tags {
			if topic.ID == tag.ID && topic.SkillNumbers != tag.After {
				t.Errorf("sight begins with %+v on %s, want %+v", topic, tag.ID, tag.After)
			}
		}
	}
	for i, e := range seen.Events {
		whole := own.Events[i]
		again := e.Item == items[0] // it was answered before joining, too
		if e.Seq != whole.Seq || e.Withheld != again || (e.Arithmetic == nil) != again || whole.Withheld || whole.Arithmetic == nil {
			t.Errorf("the instructor's line is %+v, the learner's %+v", e, whole)
		}
	}
	if seen.Arithmetic.Estimates[0] != own.Arithmetic.Estimates[0] {
		t.Errorf("the instructor's estimate is worked from %+v, the learner's from %+v", seen.Arithmetic.Estimates, own.Arithmetic.Estimates)
	}
}
