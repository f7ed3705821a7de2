package e2e_test

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"maps"
	"math"
	"slices"
	"testing"
)

// The model, written down a second time from its formulas and with the functions
// of package math, so that a mistake in one of the two shows. The package comment
// of internal/mastery has the formulas.
//
// A course derived from skills begins with: difficulty −.3 and variance .2 of every
// item (all are intermediate), 0 and .03 of every topic, σ² = 1, default weights.
var (
	refWeights = [7]float64{.4, .2, -.04, .4, 0, .3, -.2}
	refShrink  = 1 / math.Sqrt(1+math.Pi/8)
)

const (
	refItem, refItemVar                 = -.3, .2
	refTopicVar                         = .03
	refTypical                          = -.3 // difficulty of a topic's typical item
	refAbility, refSkill                = .64, .36
	refMicrosHour                       = 3.6e9
	refFormHours                        = 6
	refTwin                             = 60 * 24 * refMicrosHour
	refTau, refZ, refWide, refWideShare = .6, 1.645, .45, .6
	refTopicError                       = .15
)

// refAnswer is one answer as the fold takes it.
type refAnswer struct {
	learner, item string
	score         float64
	at            int64 // µs since 1970
	key           [16]byte
	self          bool
}

// refCourse tells the topics of every item.
type refCourse map[string][]string

func (c refCourse) topics() []string {
	all := map[string]bool{}
	for _, topics := range c {
		for _, topic := range topics {
			all[topic] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// refLearner is what is known of one learner.
type refLearner struct {
	a, va, form float64
	last        int64
	n           int
	topics      map[string]*refTopic
	items       map[string]*[2]float64 // right, wrong
	predicted   []refPrediction
}

// refPrediction is what was expected of an answer before it came.
type refPrediction struct {
	learner string
	topics  []string
	least   int // answers before on the topic with the fewest
	self    bool
	p, y    float64
}

type refTopic struct {
	s, vs           float64
	n, self         int
	last            int64
	right, expected []weighted // of the order-free twin
}

// weighted is a number and when it was.
type weighted struct {
	v  float64
	at int64
}

func refKey(source, id string) (key [16]byte) {
	sum := sha256.Sum256([]byte(source + "\x00" + id))
	copy(key[:], sum[:])
	return key
}

// refFold folds everyone's answers in the order of time and key.
func refFold(course refCourse, answers []refAnswer) map[string]*refLearner {
	answers = slices.Clone(answers)
	slices.SortFunc(answers, func(a, b refAnswer) int {
		return cmp.Or(cmp.Compare(a.at, b.at), bytes.Compare(a.key[:], b.key[:]))
	})
	known := map[string]*refLearner{}
	for _, answer := range answers {
		l := known[answer.learner]
		if l == nil {
			l = &refLearner{va: refAbility, last: math.MinInt64, topics: map[string]*refTopic{}, items: map[string]*[2]float64{}}
			known[answer.learner] = l
		}
		l.answer(course[answer.item], answer)
	}
	return known
}

func sigma(z float64) float64 { return 1 / (1 + math.Exp(-z)) }

func phi(z float64) float64 { return math.Erfc(-z/math.Sqrt2) / 2 }

func logitOf(p float64) float64 { return math.Log(p / (1 - p)) }

// hours from one moment to another; 0 where there was none, or it lies ahead.
func hours(from, to int64) float64 {
	if from == math.MinInt64 || to <= from {
		return 0
	}
	return float64(to-from) / refMicrosHour
}

// predict returns z, V and p of the next answer.
func (l *refLearner) predict(topics []string, item string, at int64) (z, v, p float64) {
	w := 1 / float64(len(topics))
	var right, wrong float64
	if seen := l.items[item]; seen != nil {
		right, wrong = seen[0], seen[1]
	}
	x := [7]float64{0: 1, 3: math.Log1p(right), 4: math.Log1p(wrong)}
	if hours(l.last, at) <= refFormHours {
		x[5] = l.form
	}
	z, v = l.a-refItem, l.va+refItemVar
	for _, name := range topics {
		s, vs := 0., refSkill
		if k := l.topics[name]; k != nil {
			s, vs = k.s, k.vs
			x[1] += w * math.Log(1+float64(k.n))
			x[2] += w * math.Log(1+hours(k.last, at))
		} else {
			x[6] += w
		}
		z += w * s
		v += w * w * (vs + refTopicVar)
	}
	for i, b := range refWeights {
		z += b * x[i]
	}
	return z, v, sigma(z / math.Sqrt(1+math.Pi*v/8))
}

// answer learns from one answer.
func (l *refLearner) answer(topics []string, a refAnswer) {
	fresh := &refLearner{va: refAbility, last: math.MinInt64}
	_, _, p0 := fresh.predict(topics, a.item, a.at)
	z, v, p := l.predict(topics, a.item, a.at)
	r := a.score - p
	q := sigma(z)
	h := q * (1 - q)
	d := 1 + h*v
	w := 1 / float64(len(topics))

	least := math.MaxInt
	for _, name := range topics {
		n := 0
		if k := l.topics[name]; k != nil {
			n = k.n
		}
		least = min(least, n)
	}
	l.predicted = append(l.predicted, refPrediction{a.learner, topics, least, a.self, p, a.score})

	va := l.va
	l.a += va * r / d
	l.va = va - va*va*h/d + .0015
	l.form = .8*l.form + r
	l.last = max(l.last, a.at)
	l.n++
	seen := l.items[a.item]
	if seen == nil {
		seen = new([2]float64)
		l.items[a.item] = seen
	}
	seen[0] += a.score
	seen[1] += 1 - a.score
	for _, name := range topics {
		k := l.topics[name]
		if k == nil {
			k = &refTopic{vs: refSkill, last: math.MinInt64}
			l.topics[name] = k
		}
		vs := k.vs
		k.s += w * vs * r / d
		k.vs = min(vs-w*w*vs*vs*h/d+.01*w, refSkill)
		k.n++
		k.last = max(k.last, a.at)
		if a.self {
			k.self++
		}
		k.right = append(k.right, weighted{a.score, a.at})
		k.expected = append(k.expected, weighted{p0, a.at})
	}
}

// refEstimate is the mastery of one topic.
type refEstimate struct {
	n                  int
	m, low, high       float64
	pWeak, pWeakRested float64
	zeta, sd, own      float64 // of the logit; own is the learner's own part of its variance
}

func (l *refLearner) mastery(topic string, now int64) (e refEstimate) {
	k := l.topics[topic]
	if k == nil {
		return e
	}
	e.n = k.n
	rested := refWeights[0] + l.a + k.s - refTypical + refWeights[1]*math.Log(1+float64(k.n))
	zeta := refShrink * (rested + refWeights[2]*math.Log(1+hours(k.last, now)))
	e.zeta = zeta
	e.sd = refShrink * math.Sqrt(l.va+k.vs+refTopicVar)
	e.own = refShrink * refShrink * (l.va + k.vs)
	e.m = sigma(zeta / math.Sqrt(1+math.Pi*e.sd*e.sd/8))
	e.low, e.high = sigma(zeta-refZ*e.sd), sigma(zeta+refZ*e.sd)
	e.pWeak = phi((logitOf(refTau) - zeta) / e.sd)
	e.pWeakRested = phi((logitOf(refTau) - refShrink*rested) / e.sd)
	return e
}

func (e refEstimate) word() string {
	switch {
	case e.n < 3 || e.high-e.low > refWide:
		return "not_enough_answers"
	case e.pWeak >= .8 && e.pWeakRested < .8:
		return "rusty"
	case e.pWeak >= .8:
		return "weak"
	case e.pWeak >= .5:
		return "borderline"
	case e.pWeak <= .2:
		return "strong"
	}
	return "fair"
}

// decayed sums what an answer's age halves every 60 days.
func decayed(list []weighted, now int64) (sum float64) {
	for _, w := range list {
		sum += w.v * math.Exp2(-float64(now-w.at)/refTwin)
	}
	return sum
}

// refCohortTopic is one topic over a cohort.
type refCohortTopic struct {
	measured, answers, self int
	share, mastery          interval
	word                    string
}

// refCohort sums up the members' estimates topic by topic.
func refCohort(topics, members []string, known map[string]*refLearner, now int64) map[string]refCohortTopic {
	estimates := map[string][]refEstimate{}
	report := map[string]refCohortTopic{}
	g, measured := 0., 0
	for _, topic := range topics {
		t := refCohortTopic{word: "not_enough_answers"}
		sum := 0.
		for _, member := range members {
			l := known[member]
			if l == nil || l.topics[topic] == nil {
				continue
			}
			e := l.mastery(topic, now)
			estimates[topic] = append(estimates[topic], e)
			sum += e.pWeak
			t.answers += e.n
			t.self += l.topics[topic].self
		}
		if t.measured = len(estimates[topic]); t.measured > 0 {
			g += sum / float64(t.measured)
			measured++
		}
		report[topic] = t
	}
	g /= float64(max(1, measured))
	for topic, list := range estimates {
		t := report[topic]
		n := float64(len(list))
		var p, pq, m, own, shared, moves float64
		for _, e := range list {
			p += e.pWeak
			pq += e.pWeak * (1 - e.pWeak)
			m += e.m
			apart := (logitOf(refTau) - e.zeta) / e.sd
			common := math.Hypot(refShrink*math.Sqrt(refTopicVar), refTopicError) // that all learners share
			moves += math.Exp(-apart*apart/2) / math.Sqrt(2*math.Pi) * common / e.sd / n
			slope := e.m * (1 - e.m)
			own += slope * slope * e.own                             // averages out over learners
			shared += slope * refShrink * math.Sqrt(refTopicVar) / n // doesn't
		}
		t.share = refAround((p+5*g)/(n+5), math.Sqrt(pq/(n*n)+moves*moves))
		t.mastery = refAround(m/n, math.Sqrt(own/(n*n)+shared*shared))
		switch width := t.share.High - t.share.Low; {
		case width > refWideShare:
			t.word = "not_enough_answers"
		case t.share.Estimate >= .5:
			t.word = "weak"
		case t.share.Estimate >= .35:
			t.word = "borderline"
		case t.share.Estimate <= .2:
			t.word = "strong"
		default:
			t.word = "fair"
		}
		report[topic] = t
	}
	return report
}

func refAround(estimate, sd float64) interval {
	return interval{estimate, max(0, estimate-refZ*sd), min(1, estimate+refZ*sd)}
}

// near fails the test unless two numbers are the same but for rounding.
func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if !(math.Abs(got-want) <= 1e-9) {
		t.Errorf("%s is %.12f, recomputed %.12f", what, got, want)
	}
}

func nearInterval(t *testing.T, what string, got *interval, want interval) {
	t.Helper()
	if got == nil {
		t.Errorf("%s is null, recomputed %v", what, want)
		return
	}
	near(t, what, got.Estimate, want.Estimate)
	near(t, what+" from", got.Low, want.Low)
	near(t, what+" to", got.High, want.High)
}
