package simulate

import (
	"slices"
	"sort"

	"github.com/gapwise/gapwise/internal/catalog"
)

// course is a catalog as the simulation needs it: positions instead of ids, and
// what the catalog doesn't know, such as how hard an item really is.
type course struct {
	concerns []concern
	items    []item
	units    []unit // in the order of study
	all      unit   // everything, to look back at
}

type concern struct {
	prerequisites []int
	items         []int // answerable
	weak          bool  // for most of the cohort
}

// item is a question or a line of the checklist.
type item struct {
	*catalog.Item
	topics      []share
	difficulty  float64
	guess, slip float64
	open        bool // answered in words and graded by the rubric's points
	right       string
	wrong       []string // ids of the other choices
}

// share is the part of an item that is about one concern.
type share struct {
	concern int
	weight  float64
}

// unit is what is studied together: a chapter, or a concern in a course without
// chapters.
type unit struct {
	chapter   string
	questions popular
	checklist popular
}

// popular picks items, some far more often than others.
type popular struct {
	items []int
	upTo  []float64 // sums of the weights
}

func (p *popular) add(item int, weight float64) {
	if n := len(p.upTo); n > 0 {
		weight += p.upTo[n-1]
	}
	p.items = append(p.items, item)
	p.upTo = append(p.upTo, weight)
}

// pick needs at least one item.
func (p *popular) pick(d dice) int {
	at := float64(d.float() * p.upTo[len(p.upTo)-1])
	return p.items[min(sort.SearchFloat64s(p.upTo, at), len(p.items)-1)]
}

func newCourse(c *catalog.Catalog, d dice) *course {
	s := &course{concerns: make([]concern, len(c.Concerns)), items: make([]item, len(c.Items))}
	positions := make(map[string]int, len(c.Concerns))
	for i := range c.Concerns {
		positions[c.Concerns[i].ID] = i
	}
	for i := range c.Concerns {
		for _, id := range c.Concerns[i].Prerequisites {
			s.concerns[i].prerequisites = append(s.concerns[i].prerequisites, positions[id])
		}
	}
	for i := range c.Items {
		s.items[i] = newItem(&c.Items[i], positions, d)
		if !c.Items[i].Answerable() {
			continue
		}
		for _, t := range s.items[i].topics {
			s.concerns[t.concern].items = append(s.concerns[t.concern].items, i)
		}
	}
	s.arrange(c, d)
	return s
}

func newItem(it *catalog.Item, positions map[string]int, d dice) item {
	made := item{Item: it, guess: 0.04, slip: 0.06, open: len(it.Choices) == 0 && len(it.Points) > 1}
	for _, w := range it.Concerns {
		made.topics = append(made.topics, share{positions[w.ID], w.Weight})
	}
	levels := map[catalog.Level]float64{catalog.Foundational: -0.6, catalog.Senior: 0.5, catalog.Staff: 0.9}
	made.difficulty = levels[it.Level] + d.between(-0.7, 0.7)
	for _, choice := range it.Choices {
		if choice.Right {
			made.right = choice.ID
		} else {
			made.wrong = append(made.wrong, choice.ID)
		}
	}
	if len(it.Choices) > 0 {
		made.guess = 0.8 / float64(len(it.Choices)) // some choices tempt
	}
	return made
}

// arrange lays out the units and how popular each item is.
func (s *course) arrange(c *catalog.Catalog, d dice) {
	ranks := make([]int, len(s.items))
	for i := range ranks {
		other := d.below(i + 1)
		ranks[i], ranks[other] = ranks[other], i
	}
	units := make(map[string]*unit)
	for i := range s.items {
		weight := 1 / float64(ranks[i]+1)
		s.all.add(&s.items[i], i, weight)
		for _, name := range unitsOf(c, &c.Items[i]) {
			if units[name] == nil {
				units[name] = &unit{}
			}
			units[name].add(&s.items[i], i, weight)
		}
	}
	for _, name := range order(c) {
		u := units[name]
		if u == nil || len(u.questions.items) == 0 {
			continue // nothing to answer there; its checklist is met by looking back
		}
		if len(c.Chapters) > 0 {
			u.chapter = name
		}
		s.units = append(s.units, *u)
	}
	if len(s.units) == 0 {
		s.units = []unit{s.all}
	}
}

func (u *unit) add(it *item, at int, weight float64) {
	if it.Answerable() {
		u.questions.add(at, weight)
	} else {
		u.checklist.add(at, weight)
	}
}

// unitsOf names the units that an item belongs to.
func unitsOf(c *catalog.Catalog, it *catalog.Item) []string {
	if len(c.Chapters) > 0 {
		return it.Chapters
	}
	names := make([]string, len(it.Concerns))
	for i, w := range it.Concerns {
		names[i] = w.ID
	}
	return names
}

// order lists the units in the course's order, but prerequisites first.
func order(c *catalog.Catalog) []string {
	type entry struct {
		id            string
		prerequisites []string
	}
	var entries []entry
	for i := range c.Chapters {
		entries = append(entries, entry{c.Chapters[i].ID, c.Chapters[i].Prerequisites})
	}
	if len(entries) == 0 {
		for i := range c.Concerns {
			entries = append(entries, entry{c.Concerns[i].ID, c.Concerns[i].Prerequisites})
		}
	}
	placed := make(map[string]bool, len(entries))
	ids := make([]string, 0, len(entries))
	for len(entries) > 0 {
		next := slices.IndexFunc(entries, func(e entry) bool {
			return !slices.ContainsFunc(e.prerequisites, func(id string) bool { return !placed[id] })
		})
		next = max(next, 0) // a valid course has no cycle
		placed[entries[next].id] = true
		ids = append(ids, entries[next].id)
		entries = slices.Delete(entries, next, next+1)
	}
	return ids
}

// weaken marks the concerns in which most of the cohort is weak: the ones named,
// or up to three of those with at least two items.
func (s *course) weaken(c *catalog.Catalog, named []string, d dice) {
	if named != nil {
		for i := range c.Concerns {
			s.concerns[i].weak = slices.Contains(named, c.Concerns[i].ID)
		}
		return
	}
	var candidates []int
	for i := range s.concerns {
		if len(s.concerns[i].items) >= 2 {
			candidates = append(candidates, i)
		}
	}
	for range min(3, len(candidates)/3) {
		at := d.below(len(candidates))
		s.concerns[candidates[at]].weak = true
		candidates = slices.Delete(candidates, at, at+1)
	}
}
