package mastery

import (
	"math"
	"testing"
)

// reference is a second implementation, written for reading: maps instead of
// compiled slices, package math instead of our own functions, the formulas of
// doc.go line by line. It shares nothing with the model but its parameters.
type reference struct {
	p           Parameters
	a, va, form float64
	last        int64
	s, vs, n    map[int]float64
	lastOn      map[int]int64
	right, left map[int]float64
}

func newReference(p Parameters) *reference {
	return &reference{p: p, va: p.Prior.Ability, last: NoTime,
		s: map[int]float64{}, vs: map[int]float64{}, n: map[int]float64{}, lastOn: map[int]int64{},
		right: map[int]float64{}, left: map[int]float64{}}
}

func hours(from, to int64) float64 {
	if from == NoTime || to == NoTime {
		return 0
	}
	return math.Max(0, float64(to-from)/3600e6)
}

func logistic(z float64) float64 { return 1 / (1 + math.Exp(-z)) }

// update returns z, V, p and r of an answer and learns from it.
func (f *reference) update(a Answer) (z, v, p, r float64) {
	item := f.p.Items[a.Item]
	for _, k := range item.Tags {
		if f.n[k.Topic] == 0 {
			f.vs[k.Topic], f.lastOn[k.Topic] = f.p.Prior.Skill, NoTime
		}
	}
	x := [7]float64{0: 1, 3: math.Log(1 + f.right[a.Item]), 4: math.Log(1 + f.left[a.Item])}
	if hours(f.last, a.Time) <= 6 {
		x[5] = f.form
	}
	z, v = f.a-item.B, f.va+item.VB
	for _, k := range item.Tags {
		w, topic := k.Weight, f.p.Topics[k.Topic]
		x[1] += w * math.Log(1+f.n[k.Topic])
		if f.n[k.Topic] == 0 {
			x[6] += w
		} else {
			x[2] += w * math.Log(1+hours(f.lastOn[k.Topic], a.Time))
		}
		z += w * (f.s[k.Topic] - topic.C)
		v += w * w * (f.vs[k.Topic] + topic.VC)
	}
	for i := range x {
		z += f.p.Weights[i] * x[i]
	}
	p = logistic(z / math.Sqrt(1+math.Pi*v/8))
	r = a.Score - p
	q := logistic(z)
	h := q * (1 - q)
	d := 1 + h*v

	f.a += f.va * r / d
	f.va = f.va - f.va*f.va*h/d + f.p.Prior.AbilityDrift
	for _, k := range item.Tags {
		w, vs := k.Weight, f.vs[k.Topic]
		f.s[k.Topic] += w * vs * r / d
		f.vs[k.Topic] = math.Min(vs-w*w*vs*vs*h/d+f.p.Prior.SkillDrift*w, f.p.Prior.Skill)
		f.n[k.Topic]++
		f.lastOn[k.Topic] = max(f.lastOn[k.Topic], a.Time)
	}
	f.form = .8*f.form + r
	f.right[a.Item] += a.Score
	f.left[a.Item] += 1 - a.Score
	f.last = max(f.last, a.Time)
	return z, v, p, r
}

// mastery returns ζ, sd, m, the interval and P(weak).
func (f *reference) mastery(k int, difficulty float64, now int64) [6]float64 {
	b, topic := f.p.Weights, f.p.Topics[k]
	shrink := 1 / math.Sqrt(1+math.Pi*f.p.ItemVariance/8)
	zeta := b[0] + f.a + f.s[k] - difficulty + b[1]*math.Log(1+f.n[k])
	vs := f.p.Prior.Skill
	if f.n[k] == 0 {
		zeta += b[6]
	} else {
		vs = f.vs[k]
		zeta += b[2] * math.Log(1+hours(f.lastOn[k], now))
	}
	zeta *= shrink
	sd := shrink * math.Sqrt(f.va+vs+topic.VC)
	return [6]float64{
		zeta, sd, logistic(zeta / math.Sqrt(1+math.Pi*sd*sd/8)),
		logistic(zeta - 1.645*sd), logistic(zeta + 1.645*sd),
		math.Erfc(-(math.Log(.6/.4)-zeta)/sd/math.Sqrt2) / 2,
	}
}

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-12*math.Max(1, math.Abs(b)) }

// fittedSample is a model with every parameter away from its default.
func fittedSample(tb testing.TB, topics, items int) *Model {
	m := must(Start(sampleCourse(topics, items)))(tb)
	p := m.Parameters
	random := stream(11)
	for i := range p.Weights {
		p.Weights[i] += .4*random.float() - .2
	}
	for k := range p.Topics {
		p.Topics[k].C, p.Topics[k].VC = 2*random.float()-1, random.float()
		p.Topics[k].D += random.float() - .5
	}
	for i := range p.Items {
		p.Items[i].B, p.Items[i].VB = 4*random.float()-2, random.float()
	}
	p.ItemVariance = .7
	return must(New(p))(tb)
}

// unequalTags gives an item's topics different weights.
func unequalTags(tags []Tag) []Tag {
	out, left := make([]Tag, len(tags)), 1.0
	for i, t := range tags {
		w := left
		if i < len(tags)-1 {
			w = .6 * left
		}
		out[i] = Tag{Topic: t.Topic, Weight: w}
		left -= w
	}
	return out
}

func TestAgainstReference(t *testing.T) {
	weighted := sampleCourse(8, 60)
	for i := range weighted.Items {
		weighted.Items[i].Tags = unequalTags(weighted.Items[i].Tags)
	}
	for name, m := range map[string]*Model{
		"default":  must(Default(sampleCourse(25, 300)))(t),
		"start":    must(Start(sampleCourse(25, 300)))(t),
		"fitted":   fittedSample(t, 25, 300),
		"weighted": must(Start(weighted))(t),
	} {
		t.Run(name, func(t *testing.T) {
			s, ref := m.NewState(), newReference(m.Parameters)
			for i, a := range sampleAnswers(5, len(m.Items), 3000) {
				st := m.Update(s, a)
				z, v, p, r := ref.update(a)
				if !near(st.Z, z) || !near(st.V, v) || !near(st.P, p) || !near(st.R, r) {
					t.Fatalf("answer %d: got z=%v V=%v p=%v r=%v, want %v %v %v %v", i, st.Z, st.V, st.P, st.R, z, v, p, r)
				}
				if !near(s.A, ref.a) || !near(s.VA, ref.va) || !near(s.Form, ref.form) || s.Last != ref.last {
					t.Fatalf("after answer %d: got a=%v va=%v form=%v, want %v %v %v", i, s.A, s.VA, s.Form, ref.a, ref.va, ref.form)
				}
				for _, tag := range m.Items[a.Item].Tags {
					k := tag.Topic
					ts, _ := s.Topic(k)
					if !near(ts.S, ref.s[k]) || !near(ts.VS, ref.vs[k]) || float64(ts.N) != ref.n[k] || ts.Last != ref.lastOn[k] {
						t.Fatalf("after answer %d: topic %d is %+v, want s=%v vs=%v n=%v", i, k, ts, ref.s[k], ref.vs[k], ref.n[k])
					}
				}
				checkMastery(t, m, s, ref, m.Items[a.Item].Tags[0].Topic, a.Time)
			}
			for k := range m.Topics {
				checkMastery(t, m, s, ref, k, s.Last+86400e6*12)
			}
		})
	}
}

func checkMastery(t *testing.T, m *Model, s *State, ref *reference, k int, now int64) {
	t.Helper()
	check := func(e Estimate, difficulty float64) {
		t.Helper()
		want := ref.mastery(k, difficulty, now)
		for j, got := range []float64{e.Zeta, e.SD, e.Mean, e.Low, e.High, e.PWeak} {
			if !near(got, want[j]) {
				t.Fatalf("topic %d: %+v, want %v", k, e, want)
			}
		}
	}
	check(m.Mastery(s, k, now), m.Topics[k].D)
	for l := range Level(NumLevels) {
		if e, ok := m.MasteryAtLevel(s, k, l, now); ok {
			check(e, m.Topics[k].Levels[l].D)
		}
	}
}

// TestUpdateByHand goes through one answer on an item of two topics in plain
// numbers.
func TestUpdateByHand(t *testing.T) {
	m := must(New(Parameters{
		Weights:      DefaultWeights,
		Prior:        DefaultPrior,
		ItemVariance: 1,
		Topics:       []Topic{{VC: 1}, {C: .2, VC: .5}},
		Items:        []Item{{B: .1, VB: .4, Tags: []Tag{{Topic: 1, Weight: .75}, {Topic: 0, Weight: .25}}}},
	}))(t)
	s := m.NewState()
	st := m.Update(s, Answer{Item: 0, Score: 1, Time: NoTime})

	// z = 0 - .1 - .75·.2 + .4 - .2·1; V = .64 + .4 + .75²(.36+.5) + .25²(.36+1)
	z, v := -.05, 1.60875
	p := logistic(z / math.Sqrt(1+math.Pi*v/8))
	h := logistic(z) * (1 - logistic(z))
	d := 1 + h*v
	want := map[string][2]float64{
		"z": {st.Z, z}, "V": {st.V, v}, "p": {st.P, p}, "p0": {st.P0, p}, "r": {st.R, 1 - p}, "d": {st.D, d},
		"a": {s.A, .64 * (1 - p) / d}, "va": {s.VA, .64 - .4096*h/d + .0015}, "form": {s.Form, 1 - p},
	}
	for k, w := range map[int]float64{0: .25, 1: .75} {
		ts, ok := s.Topic(k)
		if !ok || ts.N != 1 || ts.First != 1 || ts.FirstRight != 1 || ts.Weight != 1 || ts.Right != 1 {
			t.Errorf("topic %d: %+v", k, ts)
		}
		want["s"+string(rune('0'+k))] = [2]float64{ts.S, w * .36 * (1 - p) / d}
		want["vs"+string(rune('0'+k))] = [2]float64{ts.VS, math.Min(.36, .36-w*w*.1296*h/d+.01*w)}
	}
	for name, pair := range want {
		if !near(pair[0], pair[1]) {
			t.Errorf("%s is %v, want %v", name, pair[0], pair[1])
		}
	}
}
