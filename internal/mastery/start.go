package mastery

import "fmt"

// The starting model's assumptions. Of a set of questions of which nothing is
// known, topics too would have a variance of 1, and no interval would be narrow
// enough to call anything weak. A course whose authors chose topics and levels
// with care says more: with these variances nearly all cells of a cohort carry a
// word after five answers a topic, also where items have two topics (a test holds
// them to it). A fit replaces them once there are answers.
const (
	startTopicVariance = 0.03
	startItemVariance  = 0.2
	// unfittedSpread is σ² until a fit finds it: how much questions differ on
	// public answer sets, and what keeps mastery from sounding too sure.
	unfittedSpread = 1
)

// startDifficulty is the assumed difficulty of an item of each level, in
// logits: a learner without answers, whose weights give +.2, gets about 70% of
// foundational items and 37% of staff items right.
var startDifficulty = [NumLevels]float64{Foundational: -0.9, Intermediate: -0.3, Senior: 0.3, Staff: 0.9}

// Course is what a model can know before any answer.
type Course struct {
	Topics int // number of topics; tags refer to 0..Topics-1
	Items  []CourseItem
}

// CourseItem is an item as its authors describe it. A course without levels has
// Intermediate everywhere.
type CourseItem struct {
	Level Level
	Tags  []Tag // weights summing to 1; EqualTags makes them from bare topics
	Aside bool  // see Item
}

// EqualTags returns tags of equal weight.
func EqualTags(topics ...int) []Tag {
	tags := make([]Tag, len(topics))
	for i, t := range topics {
		tags[i] = Tag{Topic: t, Weight: 1 / float64(len(topics))}
	}
	return tags
}

// Start returns the starting model of a course: item difficulties by level,
// default weights, a topic's typical difficulty the mean of its items.
func Start(c Course) (*Model, error) {
	p, err := c.parameters(startTopicVariance, startItemVariance)
	if err != nil {
		return nil, err
	}
	for i := range p.Items {
		p.Items[i].B = startDifficulty[p.Items[i].Level]
	}
	p.describeTopics()
	return New(p)
}

// Default returns the model of a set of questions of which nothing is known:
// difficulties 0 and variances 1 everywhere. A fit and the evaluation on plain
// data begin with it; a course begins with Start.
func Default(c Course) (*Model, error) {
	p, err := c.parameters(1, 1)
	if err != nil {
		return nil, err
	}
	p.describeTopics()
	return New(p)
}

// parameters returns the course with default weights, difficulties of 0 and these
// variances.
func (c Course) parameters(topicVariance, itemVariance float64) (Parameters, error) {
	if c.Topics < 0 {
		return Parameters{}, fmt.Errorf("mastery: course has %d topics: must be 0 or more", c.Topics)
	}
	p := Parameters{
		Weights:      DefaultWeights,
		Prior:        DefaultPrior,
		ItemVariance: unfittedSpread,
		Topics:       make([]Topic, c.Topics),
		Items:        make([]Item, len(c.Items)),
	}
	for k := range p.Topics {
		p.Topics[k].VC = topicVariance
	}
	for i, it := range c.Items {
		if err := validateTags(it.Level, it.Tags, c.Topics); err != nil {
			return Parameters{}, fmt.Errorf("mastery: course item %d: %w", i, err)
		}
		p.Items[i] = Item{VB: itemVariance, Level: it.Level, Tags: it.Tags, Aside: it.Aside}
	}
	return p, nil
}

// describeTopics sets the typical difficulty of every topic, and by level, to
// the mean over its typical items; a topic without any keeps its C.
func (p *Parameters) describeTopics() {
	items := make([]int, len(p.Topics))
	for k := range p.Topics {
		p.Topics[k].D = 0
		p.Topics[k].Levels = [NumLevels]LevelDifficulty{}
	}
	for _, it := range p.Items {
		if it.Aside {
			continue
		}
		difficulty := p.difficulty(it)
		for _, tag := range it.Tags {
			t := &p.Topics[tag.Topic]
			items[tag.Topic]++
			t.D += difficulty
			t.Levels[it.Level].D += difficulty
			t.Levels[it.Level].Items++
		}
	}
	for k := range p.Topics {
		t := &p.Topics[k]
		if items[k] == 0 {
			t.D = t.C
			continue
		}
		t.D /= float64(items[k])
		for l := range t.Levels {
			if n := t.Levels[l].Items; n > 0 {
				t.Levels[l].D /= float64(n)
			}
		}
	}
}

// difficulty returns b plus the weighted c of the item's topics.
func (p *Parameters) difficulty(it Item) float64 {
	d := it.B
	for _, tag := range it.Tags {
		d += float64(tag.Weight * p.Topics[tag.Topic].C)
	}
	return d
}
