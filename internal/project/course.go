package project

import (
	"fmt"

	"github.com/gapwise/gapwise/internal/catalog"
	"github.com/gapwise/gapwise/internal/mastery"
)

// Lens says what the topics of a state are. Both lenses see the same answers,
// and each has a state of its own: a chapter is estimated from the answers to
// its own items, never as a mean of its concerns.
type Lens uint8

// The lenses.
const (
	ByConcern Lens = iota
	ByChapter
	NumLenses = iota
)

// String returns the lens as parameters and columns spell it.
func (l Lens) String() string {
	if l == ByChapter {
		return "chapter"
	}
	return "concern"
}

// ParseLens reads a lens; empty is by concern.
func ParseLens(s string) (Lens, error) {
	switch s {
	case "", "concern":
		return ByConcern, nil
	case "chapter":
		return ByChapter, nil
	}
	return 0, fmt.Errorf("by=%q: must be concern or chapter", s)
}

// Course is a catalog with the model of each lens: what facts are folded with.
// It does not change and may be shared.
type Course struct {
	Catalog *catalog.Catalog
	Model   string // version
	Lenses  [NumLenses]LensModel

	fitted *Model // nil: the starting model
}

// LensModel is one lens of a course. Topics and items of the model have the
// catalog's order; items without a topic in this lens are not in it.
type LensModel struct {
	*mastery.Model
	Topics []Topic
	Items  []string

	item map[string]int32
}

// Topic is a concern or a chapter, whatever the lens counts.
type Topic struct {
	ID            string
	Title         string
	Importance    float64 // a chapter's is 1
	Prerequisites []int   // topics of the same lens
	Chapters      []string
}

// NewCourse compiles a catalog with a model of its course; nil is the starting
// model. The model may have been fitted with another catalog: what it doesn't know
// keeps what the starting model assumes.
func NewCourse(c *catalog.Catalog, m *Model) (*Course, error) {
	course := &Course{Catalog: c, Model: StartingModel, fitted: m}
	if m != nil {
		if course.Model = m.Version; m.Course != c.Course {
			return nil, fmt.Errorf("project: model %s is of course %s, and catalog %s of course %s: a model can be used with its own course only",
				m.Version, m.Course, c.Version, c.Course)
		}
	}
	for lens := range course.Lenses {
		l := &course.Lenses[lens]
		if err := l.start(c, Lens(lens)); err != nil {
			return nil, fmt.Errorf("project: course %s by %s: %w", c.Version, Lens(lens), err)
		}
		if m == nil {
			continue
		}
		if err := l.apply(m.Lenses.Of(Lens(lens))); err != nil {
			return nil, fmt.Errorf("project: course %s by %s with model %s: %w", c.Version, Lens(lens), m.Version, err)
		}
	}
	return course, nil
}

// start fills a lens with what a catalog says, and the starting model.
func (l *LensModel) start(c *catalog.Catalog, lens Lens) error {
	index := map[string]int{}
	l.Topics = topics(c, lens, index)
	l.item = make(map[string]int32, len(c.Items))
	description := mastery.Course{Topics: len(l.Topics)}
	for i := range c.Items {
		it := &c.Items[i]
		tags := tags(it, lens, index)
		if len(tags) == 0 {
			continue
		}
		level, err := mastery.ParseLevel(string(it.Level))
		if err != nil {
			return fmt.Errorf("item %s: %w", it.ID, err)
		}
		l.item[it.ID] = int32(len(l.Items))
		l.Items = append(l.Items, it.ID)
		description.Items = append(description.Items, mastery.CourseItem{
			Level: level, Tags: tags, Aside: !it.Answerable(),
		})
	}
	var err error
	l.Model, err = mastery.Start(description)
	return err
}

// topics lists a lens's topics and fills the index from their ids.
func topics(c *catalog.Catalog, lens Lens, index map[string]int) []Topic {
	var list []Topic
	var prerequisites [][]string
	if lens == ByConcern {
		for _, concern := range c.Concerns {
			index[concern.ID] = len(list)
			list = append(list, Topic{
				ID: concern.ID, Title: concern.Title, Importance: concern.Importance, Chapters: concern.Chapters})
			prerequisites = append(prerequisites, concern.Prerequisites)
		}
	} else {
		for _, chapter := range c.Chapters {
			index[chapter.ID] = len(list)
			list = append(list, Topic{ID: chapter.ID, Title: chapter.Title, Importance: 1, Chapters: []string{chapter.ID}})
			prerequisites = append(prerequisites, chapter.Prerequisites)
		}
	}
	for i := range list {
		for _, id := range prerequisites[i] {
			list[i].Prerequisites = append(list[i].Prerequisites, index[id])
		}
	}
	return list
}

// tags are an item's topics in a lens: concerns with the catalog's weights,
// chapters with equal ones.
func tags(it *catalog.Item, lens Lens, index map[string]int) []mastery.Tag {
	if lens == ByChapter {
		list := make([]int, len(it.Chapters))
		for i, id := range it.Chapters {
			list[i] = index[id]
		}
		return mastery.EqualTags(list...)
	}
	list := make([]mastery.Tag, len(it.Concerns))
	for i, weight := range it.Concerns {
		list[i] = mastery.Tag{Topic: index[weight.ID], Weight: weight.Weight}
	}
	return list
}

// Item returns an item's index in the model; false when the lens has no topic
// for it, or the catalog doesn't have it.
func (l *LensModel) Item(id string) (int, bool) {
	i, ok := l.item[id]
	return int(i), ok
}

// Generation is all of history seen one way: facts as decoding gave them,
// through one catalog and one version of the model. A generation never changes;
// a new catalog or model makes a new one.
type Generation struct {
	Facts   uint32 // the generation of facts
	Derived uint32 // its own number
	Catalog string // version
	Model   string // version
}

// Decoding grows whenever a version decodes the log into other facts than the one
// before: types that were dead letters, columns that had no values. A deployment
// whose facts are older is told to rebuild them from the log.
//
//	2  study.session.ended.v2
const Decoding = 2
