package query

import (
	"math"
	"time"

	"github.com/gapwise/gapwise/internal/mastery"
	"github.com/gapwise/gapwise/internal/project"
)

// Arithmetic is what the numbers of a learner are computed from, beside the answers:
// with it, every step from the first answer to mastery can be redone by hand. The
// formulas stand in the package comment of mastery and in docs/reports.md.
type Arithmetic struct {
	By         string       `json:"by"`
	Target     *string      `json:"target"` // as in LearnerWeakTopics
	Parameters ModelNumbers `json:"parameters"`
	// Start is the state when the reader's sight begins; null: sight begins with the
	// first answer, before which a, s and form are 0 and va and vs the prior's.
	Start     *StartState     `json:"start"`
	Estimates []WorkedNumbers `json:"estimates"` // of the topics asked for that have answers, in the course's order
}

// ModelNumbers are what all answers of a lens share.
type ModelNumbers struct {
	Weights      [mastery.NumFeatures]float64 `json:"weights"` // B, in the order of x
	Prior        PriorNumbers                 `json:"prior"`
	ItemVariance float64                      `json:"item_variance"` // σ²
	WeakBelow    float64                      `json:"weak_below"`    // τ
}

// PriorNumbers are what every learner starts with: see mastery.Prior.
type PriorNumbers struct {
	Ability      float64 `json:"ability"`       // va
	Skill        float64 `json:"skill"`         // vs, and its ceiling
	AbilityDrift float64 `json:"ability_drift"` // growth of va an answer
	SkillDrift   float64 `json:"skill_drift"`   // growth of vs an answer, times the weight
}

// StartState sums up answers that the reader may not see one by one.
type StartState struct {
	Answers int             `json:"answers"`
	Last    time.Time       `json:"last"` // of these answers
	State   GeneralNumbers  `json:"state"`
	Topics  []StartingTopic `json:"topics"`
}

// StartingTopic is the state on one topic then.
type StartingTopic struct {
	ID string `json:"id"`
	SkillNumbers
	LastPractised time.Time `json:"last_practised"`
}

// GeneralNumbers are what is known of a learner on all topics.
type GeneralNumbers struct {
	A    float64 `json:"a"`
	VA   float64 `json:"va"`
	Form float64 `json:"form"`
}

// SkillNumbers are what is known of a learner on one topic, after n answers on it.
type SkillNumbers struct {
	S  float64 `json:"s"`
	VS float64 `json:"vs"`
	N  int     `json:"n"`
}

// StepNumbers is one answer with all that went into the step and came of it.
type StepNumbers struct {
	Number int                          `json:"number"` // place in the order of the fold, from 1
	X      [mastery.NumFeatures]float64 `json:"x"`
	Z      float64                      `json:"z"`
	V      float64                      `json:"v"`
	P      float64                      `json:"p"`
	R      float64                      `json:"r"`
	H      float64                      `json:"h"`
	D      float64                      `json:"d"`
	Item   ItemNumbers                  `json:"item"`
	Tags   []TagNumbers                 `json:"tags"`
	Before GeneralNumbers               `json:"before"`
	After  GeneralNumbers               `json:"after"`
}

// ItemNumbers are an item's difficulty, and what the learner had got of it before.
type ItemNumbers struct {
	B     float64 `json:"b"`
	VB    float64 `json:"vb"`
	Right float64 `json:"right"` // W: scores so far
	Wrong float64 `json:"wrong"` // L: what was missing to full ones
}

// TagNumbers are one topic of an answer's item.
type TagNumbers struct {
	ID       string       `json:"id"`
	Weight   float64      `json:"weight"`
	C        float64      `json:"c"`
	VC       float64      `json:"vc"`
	GapHours *float64     `json:"gap_hours"` // since the last answer on it; null: this is the first
	Before   SkillNumbers `json:"before"`
	After    SkillNumbers `json:"after"`
}

// WorkedNumbers is a mastery with all that it is computed from.
type WorkedNumbers struct {
	ID       string   `json:"id"`
	Title    string   `json:"title"`
	Against  *string  `json:"against"` // the level that D is of; null: a typical question
	D        float64  `json:"d"`
	A        float64  `json:"a"`
	VA       float64  `json:"va"`
	C        float64  `json:"c"` // within D
	VC       float64  `json:"vc"`
	S        float64  `json:"s"`
	VS       float64  `json:"vs"`
	N        int      `json:"n"`
	GapHours float64  `json:"gap_hours"`
	K        float64  `json:"k"` // 1/√(1+πσ²/8)
	Zeta     float64  `json:"zeta"`
	SD       float64  `json:"sd"`
	Mastery  Interval `json:"mastery"`
	PWeak    float64  `json:"p_weak"`
}

// ledger keeps the books of a replay: what each answer met and what came of it.
type ledger struct {
	model *project.LensModel
	since int64 // the reader's sight begins here, µs since the Unix epoch

	number    int
	hidden    map[int]bool // items answered before that
	start     *StartState
	predicted map[uint64]float64 // by sequence
	steps     map[uint64]*StepNumbers
	withheld  map[uint64]bool
}

func newLedger(model *project.LensModel, since time.Time) *ledger {
	l := &ledger{
		model: model, since: math.MinInt64, hidden: map[int]bool{},
		predicted: map[uint64]float64{}, steps: map[uint64]*StepNumbers{}, withheld: map[uint64]bool{},
	}
	if !since.IsZero() {
		l.since = since.UnixMicro()
	}
	return l
}

// visit books one answer. Of those before the reader's sight, which all come first,
// it keeps the state after the last one and nothing else.
func (l *ledger) visit(g project.Given, item int, state *mastery.State, fold func() mastery.Step) {
	l.number++
	if g.Time < l.since {
		l.hidden[item] = true
		fold()
		l.start = l.starting(state)
		return
	}
	if l.hidden[item] {
		// Its inputs would tell how the learner did on this question before.
		l.predicted[g.Seq], l.withheld[g.Seq] = fold().P, true
		return
	}
	it := &l.model.Parameters.Items[item]
	step := &StepNumbers{Number: l.number, Item: ItemNumbers{B: it.B, VB: it.VB}, Before: general(state)}
	step.Item.Right, step.Item.Wrong = state.Item(item)
	for _, tag := range it.Tags {
		topic := &l.model.Parameters.Topics[tag.Topic]
		numbers := TagNumbers{ID: l.model.Topics[tag.Topic].ID, Weight: tag.Weight, C: topic.C, VC: topic.VC, Before: l.skill(state, tag.Topic)}
		if t, practised := state.Topic(tag.Topic); practised {
			gap := hoursBetween(t.Last, g.Time)
			numbers.GapHours = &gap
		}
		step.Tags = append(step.Tags, numbers)
	}
	made := fold()
	step.X, step.Z, step.V, step.P, step.R, step.H, step.D = made.X, made.Z, made.V, made.P, made.R, made.H, made.D
	step.After = general(state)
	for i, tag := range it.Tags {
		step.Tags[i].After = l.skill(state, tag.Topic)
	}
	l.predicted[g.Seq], l.steps[g.Seq] = made.P, step
}

// starting is the state of a learner as the line that a reader's sight begins with.
func (l *ledger) starting(state *mastery.State) *StartState {
	start := &StartState{Answers: l.number, Last: time.UnixMicro(state.Last).UTC(), State: general(state), Topics: []StartingTopic{}}
	for _, t := range state.Topics() {
		start.Topics = append(start.Topics, StartingTopic{
			ID:            l.model.Topics[t.Topic].ID,
			SkillNumbers:  SkillNumbers{t.S, t.VS, int(t.N)},
			LastPractised: time.UnixMicro(t.Last).UTC(),
		})
	}
	return start
}

func (l *ledger) skill(state *mastery.State, topic int) SkillNumbers {
	t, practised := state.Topic(topic)
	if !practised {
		return SkillNumbers{VS: l.model.Prior.Skill}
	}
	return SkillNumbers{t.S, t.VS, int(t.N)}
}

func general(state *mastery.State) GeneralNumbers {
	return GeneralNumbers{state.A, state.VA, state.Form}
}

// hoursBetween returns the hours from one time to another, at least 0.
func hoursBetween(from, to int64) float64 {
	return max(0, float64(to-from)/3.6e9)
}

// numbers returns what all answers share, and the estimates of the topics wanted.
func (l *ledger) numbers(lens project.Lens, target mastery.Target, state *mastery.State, topics []int, now int64) *Arithmetic {
	p := &l.model.Parameters
	a := &Arithmetic{
		By: lens.String(), Target: levelName(target), Start: l.start, Estimates: []WorkedNumbers{},
		Parameters: ModelNumbers{
			Weights: p.Weights, Prior: PriorNumbers(p.Prior), ItemVariance: p.ItemVariance, WeakBelow: mastery.WeakBelow,
		},
	}
	for _, k := range topics {
		t, practised := state.Topic(k)
		if !practised {
			continue // nothing that rests on no answer is told
		}
		used, difficulty := l.model.Against(k, target)
		e := l.model.MasteryAgainst(state, k, target, now)
		a.Estimates = append(a.Estimates, WorkedNumbers{
			ID: l.model.Topics[k].ID, Title: l.model.Topics[k].Title, Against: levelName(used), D: difficulty,
			A: state.A, VA: state.VA, C: p.Topics[k].C, VC: p.Topics[k].VC, S: t.S, VS: t.VS, N: int(t.N), GapHours: e.GapHours,
			K: l.model.Shrink(), Zeta: e.Zeta, SD: e.SD, Mastery: *interval(e), PWeak: e.PWeak,
		})
	}
	return a
}
