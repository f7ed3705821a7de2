package recommend

import "github.com/gapwise/gapwise/internal/mastery"

// outline is the course's topics: how important each is and which come before it.
// Its shape is that of the built-in guide: 25 topics, about half of them with
// prerequisites, in chains of up to three.
var outline = [...]topic{
	{importance: 1},
	{importance: 0.9, prerequisites: []int{3}},
	{importance: 0.95},
	{importance: 0.85},
	{importance: 0.85, prerequisites: []int{5}},
	{importance: 0.6},
	{importance: 0.8},
	{importance: 0.7, prerequisites: []int{4}},
	{importance: 0.55},
	{importance: 0.8},
	{importance: 0.95, prerequisites: []int{6}},
	{importance: 0.6},
	{importance: 0.75},
	{importance: 0.8, prerequisites: []int{8}},
	{importance: 0.75},
	{importance: 0.8, prerequisites: []int{0}},
	{importance: 0.95, prerequisites: []int{0, 10}},
	{importance: 0.6},
	{importance: 0.8, prerequisites: []int{3}},
	{importance: 0.65, prerequisites: []int{11}},
	{importance: 0.75, prerequisites: []int{6}},
	{importance: 0.5, prerequisites: []int{20}},
	{importance: 0.4, prerequisites: []int{3, 14}},
	{importance: 0.6},
	{importance: 0.7, prerequisites: []int{0}},
}

const (
	topics        = len(outline)
	itemsPerTopic = 12
	mainWeight    = 0.7 // of an item's first topic; the second has the rest
)

// allImportance is the sum over the topics.
var allImportance = func() (sum float64) {
	for _, t := range outline {
		sum += t.importance
	}
	return sum
}()

type topic struct {
	importance    float64
	prerequisites []int
}

// item is a question about two topics. Items of topic k have the numbers
// k·itemsPerTopic and on.
type item struct {
	tags     [2]mastery.Tag
	level    mastery.Level
	hardness float64 // odds against somebody who knows half
}

// levelHardness is what the levels mean on average.
var levelHardness = [mastery.NumLevels]float64{0.5, 0.8, 1.25, 2}

// newItems makes the course's questions: each topic's over all levels, each with
// a second topic, each as hard as its level and a factor of its own say.
func newItems() []item {
	items := make([]item, 0, topics*itemsPerTopic)
	for k := range topics {
		for i := range itemsPerTopic {
			number := uint64(len(items))
			other := (k + 1 + int(draw(courseSeed, drawCourse, number, 0)*float64(topics-1))) % topics
			level := mastery.Level(i % mastery.NumLevels)
			items = append(items, item{
				tags:     [2]mastery.Tag{{Topic: k, Weight: mainWeight}, {Topic: other, Weight: 1 - mainWeight}},
				level:    level,
				hardness: levelHardness[level] * (0.6 + float64(0.8*draw(courseSeed, drawCourse, number, 1))),
			})
		}
	}
	return items
}

// newModel is the model that measures: the starting model of a course of which
// topics, levels and tags are known, and nothing of the truth.
func newModel(items []item) (*mastery.Model, error) {
	course := mastery.Course{Topics: topics, Items: make([]mastery.CourseItem, len(items))}
	for i := range items {
		course.Items[i] = mastery.CourseItem{Level: items[i].level, Tags: items[i].tags[:]}
	}
	return mastery.Start(course)
}
