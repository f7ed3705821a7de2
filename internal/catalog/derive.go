package catalog

import (
	"fmt"
	"maps"
	"slices"
)

// Derive makes a course from a set of data: a concern for each skill, and a
// quick-fire question of intermediate level for each item, its skills weighing
// the same. There are no chapters and no rubrics.
//
// The keys of items and their skills are names as the data has them; ids are
// their Slugs, and whoever sends answers must name items by Slug too. An item
// without skills is refused, because its answers would measure nothing.
func Derive(course, title string, items map[string][]string) (*Catalog, error) {
	c := &Catalog{Course: course, Title: title}
	skills := make(map[string]bool)
	for _, name := range slices.Sorted(maps.Keys(items)) {
		own := slices.Compact(slices.Sorted(slices.Values(items[name])))
		if len(own) == 0 {
			return nil, fmt.Errorf("derive course %s: item %q has no skills: give it one, or leave it out", course, name)
		}
		it := Item{ID: Slug(name), Kind: QuickFire, Level: Intermediate, Judged: true, Prompt: "Item " + name}
		for _, skill := range own {
			skills[skill] = true
			it.Concerns = append(it.Concerns, Weight{ID: Slug(skill), Weight: 1 / float64(len(own))})
		}
		c.Items = append(c.Items, it)
	}
	for _, skill := range slices.Sorted(maps.Keys(skills)) {
		c.Concerns = append(c.Concerns, Concern{ID: Slug(skill), Title: skill, Importance: 1})
	}
	c, err := finish(c)
	if err != nil {
		return nil, fmt.Errorf("derive course %s:\n%w", course, err)
	}
	return c, nil
}
