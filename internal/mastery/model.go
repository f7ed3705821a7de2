package mastery

import (
	"fmt"
	"math"
	"slices"
)

// Prior is what a learner starts with, before the first answer, and how fast that
// may change.
type Prior struct {
	Ability      float64 // va: variance of a (logits²)
	Skill        float64 // vs: variance of s on a topic, and its ceiling (logits²)
	AbilityDrift float64 // growth of va an answer: abilities change (logits²)
	SkillDrift   float64 // growth of vs an answer on the topic, times its weight (logits²)
}

// DefaultPrior is the prior of an unfitted course, chosen on eight public answer
// sets.
var DefaultPrior = Prior{Ability: 0.64, Skill: 0.36, AbilityDrift: 0.0015, SkillDrift: 0.01}

// The features x of a prediction, in the order of the weights B.
const (
	FeatureOne       = iota // 1
	FeaturePractice         // Σ w·ln(1 + earlier answers on the topic)
	FeatureGap              // Σ w·ln(1 + hours since the last answer on the topic), 0 where there is none
	FeatureItemRight        // ln(1 + scores on this item so far)
	FeatureItemWrong        // ln(1 + what was missing to full scores on it)
	FeatureForm             // decayed sum of the last residuals, 0 after a pause of more than 6 hours
	FeatureNew              // Σ w over topics without an earlier answer
	NumFeatures
)

// DefaultWeights is B⁰, the weights B0..B6 of an unfitted course.
var DefaultWeights = [NumFeatures]float64{0.4, 0.2, -0.04, 0.4, 0, 0.3, -0.2}

// Level is how demanding an item is meant to be.
type Level uint8

// The levels of a course, in rising order.
const (
	Foundational Level = iota
	Intermediate
	Senior
	Staff
	NumLevels = iota
)

var levelNames = [NumLevels]string{"foundational", "intermediate", "senior", "staff"}

// String returns the level's name as catalogs write it.
func (l Level) String() string {
	if int(l) < NumLevels {
		return levelNames[l]
	}
	return fmt.Sprintf("Level(%d)", uint8(l))
}

// ParseLevel returns the level of a name.
func ParseLevel(name string) (Level, error) {
	if i := slices.Index(levelNames[:], name); i >= 0 {
		return Level(i), nil
	}
	return 0, fmt.Errorf("level %q: must be one of %v", name, levelNames)
}

// Parameters are the shared part of the model for one lens of one course: what
// a fit finds and a model version publishes. Topics and items are known by
// their index; the caller keeps the ids in the same order.
type Parameters struct {
	Weights [NumFeatures]float64 // B, in logits per unit of the feature
	Prior   Prior                // of every learner
	// ItemVariance is σ², the variance of the difficulty of a topic's items
	// around the topic's typical difficulty, in logits².
	ItemVariance float64
	Topics       []Topic
	Items        []Item
}

// Topic is a concern or a chapter, whatever the lens counts.
type Topic struct {
	C, VC float64 // extra difficulty of the topic and its variance (logits, logits²)
	D     float64 // typical difficulty of its items, C included (logits)
	// Levels are the typical difficulties of its items of each level.
	Levels [NumLevels]LevelDifficulty
}

// LevelDifficulty is the mean difficulty of a topic's items of one level.
type LevelDifficulty struct {
	D     float64 // logits, the topics' C included; 0 without items
	Items int
}

// Item is a question or a checklist line.
type Item struct {
	B, VB float64 // difficulty and its variance (logits, logits²)
	Level Level
	Tags  []Tag // its topics, weights summing to 1
	// Aside: it is no typical item of its topics, such as a line of a checklist.
	// Answers to it count, but it doesn't say how difficult its topics are.
	Aside bool
}

// Tag links an item to one of its topics.
type Tag struct {
	Topic  int
	Weight float64 // > 0
}

// Model is a set of parameters ready for use. It doesn't change and may be
// shared, as long as no Filter learns on it.
type Model struct {
	Parameters
	baseline []float64 // by item: P of a learner without any answer
	shrink   float64   // 1/√(1+πσ²/8)
}

// Shrink returns k = 1/√(1+πσ²/8), by which a logit is drawn towards 0 since items
// differ around a topic's typical difficulty.
func (m *Model) Shrink() float64 { return m.shrink }

// New checks parameters and makes a model of copies of them.
func New(p Parameters) (*Model, error) {
	if err := p.validate(); err != nil {
		return nil, fmt.Errorf("mastery: %w", err)
	}
	p.Topics = slices.Clone(p.Topics)
	p.Items = slices.Clone(p.Items)
	var tags []Tag // of all items, in one block of memory
	for i := range p.Items {
		from := len(tags)
		tags = append(tags, p.Items[i].Tags...)
		slices.SortFunc(tags[from:], func(a, b Tag) int { return a.Topic - b.Topic })
		p.Items[i].Tags = tags[from:len(tags):len(tags)]
	}
	m := &Model{
		Parameters: p,
		baseline:   make([]float64, len(p.Items)),
		shrink:     1 / math.Sqrt(1+float64(math.Pi/8*p.ItemVariance)),
	}
	fresh := m.NewState()
	for i := range m.baseline {
		m.baseline[i] = m.Predict(fresh, i, NoTime).P
	}
	return m, nil
}

// Limit bounds parameters: difficulties and weights lie within ±Limit logits,
// variances within 0..Limit logits². Beyond it probabilities round to 0 or 1.
const Limit = 30

func inside(x float64) bool   { return x >= -Limit && x <= Limit }
func variance(x float64) bool { return x >= 0 && x <= Limit }

func (p *Prior) validate() error {
	if !variance(p.Ability) || !variance(p.Skill) || p.Ability == 0 || p.Skill == 0 {
		return fmt.Errorf("learner's prior has the variances %v and %v: must be above 0 and at most %d", p.Ability, p.Skill, Limit)
	}
	if !variance(p.AbilityDrift) || !variance(p.SkillDrift) {
		return fmt.Errorf("learner's prior has the drifts %v and %v: must lie in 0..%d", p.AbilityDrift, p.SkillDrift, Limit)
	}
	return nil
}

// validate tells the first parameter that no arithmetic should meet.
func (p *Parameters) validate() error {
	for i, b := range p.Weights {
		if !inside(b) {
			return fmt.Errorf("weight B%d is %v: must lie within ±%d", i, b, Limit)
		}
	}
	if err := p.Prior.validate(); err != nil {
		return err
	}
	if !variance(p.ItemVariance) {
		return fmt.Errorf("item variance is %v: must lie in 0..%d", p.ItemVariance, Limit)
	}
	if err := p.validateTopics(); err != nil {
		return err
	}
	return p.validateItems()
}

func (p *Parameters) validateTopics() error {
	for k, t := range p.Topics {
		if !inside(t.C) || !inside(t.D) || !variance(t.VC) {
			return fmt.Errorf("topic %d has C=%v, VC=%v, D=%v: difficulties must lie within ±%d, variances in 0..%d",
				k, t.C, t.VC, t.D, Limit, Limit)
		}
		for l, at := range t.Levels {
			if !inside(at.D) || at.Items < 0 {
				return fmt.Errorf("topic %d, level %v has D=%v from %d items: difficulties must lie within ±%d, counts be 0 or more",
					k, Level(l), at.D, at.Items, Limit)
			}
		}
	}
	return nil
}

func (p *Parameters) validateItems() error {
	for i, it := range p.Items {
		if !inside(it.B) || !variance(it.VB) {
			return fmt.Errorf("item %d has B=%v, VB=%v: the difficulty must lie within ±%d, the variance in 0..%d",
				i, it.B, it.VB, Limit, Limit)
		}
		if err := validateTags(it.Level, it.Tags, len(p.Topics)); err != nil {
			return fmt.Errorf("item %d: %w", i, err)
		}
	}
	return nil
}

// validateTags checks what both a model's and a course's item have.
func validateTags(level Level, tags []Tag, topics int) error {
	if int(level) >= NumLevels {
		return fmt.Errorf("level %d is unknown: there are %v", level, levelNames)
	}
	if len(tags) == 0 {
		return fmt.Errorf("it has no topic: tag it with one at least")
	}
	sum := 0.0
	for i, t := range tags {
		if t.Topic < 0 || t.Topic >= topics {
			return fmt.Errorf("topic %d does not exist: there are %d", t.Topic, topics)
		}
		if !(t.Weight > 0 && t.Weight <= 1) {
			return fmt.Errorf("the weight of topic %d is %v: must be above 0 and at most 1", t.Topic, t.Weight)
		}
		if slices.ContainsFunc(tags[:i], func(u Tag) bool { return u.Topic == t.Topic }) {
			return fmt.Errorf("topic %d is tagged twice: add up its weights", t.Topic)
		}
		sum += t.Weight
	}
	if math.Abs(sum-1) > 1e-9 {
		return fmt.Errorf("its tag weights sum to %v: must be 1", sum)
	}
	return nil
}
