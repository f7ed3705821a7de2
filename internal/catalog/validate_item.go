package catalog

import (
	"slices"
)

func (v *validator) items() {
	unique(v, "item", v.Items, func(it *Item) string { return it.ID })
	sections := make(map[string]bool, len(v.Sections))
	for _, s := range v.Sections {
		sections[s.ID] = true
	}
	for i := range v.Items {
		it := &v.Items[i]
		at := v.where("item", it.ID)
		v.slug(at, "item", it.ID)
		v.required(at, "item", it.ID, "prompt", it.Prompt)
		v.levels(at, it)
		v.weights(at, it)
		links(v, at, "item", it.ID, "chapter", it.Chapters, v.chapter)
		if it.Section != "" {
			links(v, at, "item", it.ID, "section", []string{it.Section}, sections)
		}
		v.place(at, it)
		v.points(at, it)
		v.choices(at, it)
	}
}

func (v *validator) levels(at position, it *Item) {
	oneOf(v, at, it.ID, "kind", it.Kind, Kinds())
	oneOf(v, at, it.ID, "level", it.Level, Levels())
	if it.LevelTo == "" {
		return
	}
	oneOf(v, at, it.ID, "level_to", it.LevelTo, Levels())
	from, to := slices.Index(Levels(), it.Level), slices.Index(Levels(), it.LevelTo)
	if from >= 0 && to >= 0 && to <= from {
		v.errorf(at, "item %q goes from %s to %s: level_to is the higher one, so raise it or leave it out", it.ID, it.Level, it.LevelTo)
	}
}

func oneOf[T ~string](v *validator, at position, id, key string, value T, known []T) {
	if slices.Contains(known, value) {
		return
	}
	names := make([]string, len(known))
	for i, k := range known {
		names[i] = string(k)
	}
	if value == "" {
		v.errorf(at, "item %q has no %s%s", id, key, hint("", names))
		return
	}
	v.errorf(at, "item %q has the %s %q%s", id, key, abridge(string(value), 40), hint(string(value), names))
}

func (v *validator) weights(at position, it *Item) {
	if len(it.Concerns) == 0 {
		v.errorf(at, "item %q has no concerns, so its answers would count for nothing: add concerns with weights, for instance {some-concern: 1}", it.ID)
		return
	}
	ids := make([]string, len(it.Concerns))
	positive := true
	for i, w := range it.Concerns {
		ids[i] = w.ID
		if !(w.Weight > 0 && w.Weight <= 1) {
			positive = false
			v.errorf(at, "item %q gives the concern %q the weight %v: weights are above 0 and up to 1", it.ID, w.ID, w.Weight)
		}
	}
	links(v, at, "item", it.ID, "concern", ids, v.concern)
	if sum, ok := it.Concerns.sums(); positive && !ok {
		v.errorf(at, "item %q has weights that sum to %.3g: change them to sum to 1", it.ID, sum)
	}
}

// place checks what ties an item to its section or its parent.
func (v *validator) place(at position, it *Item) {
	switch {
	case it.Kind == Checklist && it.Section == "":
		v.errorf(at, "checklist item %q has no section: name one of the course's sections", it.ID)
	case it.Kind != Checklist && it.Section != "":
		v.errorf(at, "item %q is a %s, and only checklist items have a section: remove it", it.ID, it.Kind)
	}
	if it.Deeper && it.Kind != FollowUp {
		v.errorf(at, "item %q is a %s, and only a followup can be deeper: remove the key", it.ID, it.Kind)
	}
	if it.Kind != FollowUp {
		if it.Parent != "" {
			v.errorf(at, "item %q is a %s, and only a followup has a parent: remove it, or change the kind", it.ID, it.Kind)
		}
		return
	}
	parent, ok := v.Item(it.Parent)
	switch {
	case it.Parent == "":
		v.errorf(at, "followup %q has no parent: name the item that it continues", it.ID)
	case !ok:
		v.errorf(at, "followup %q names the parent %q, which the course doesn't have%s", it.ID, it.Parent, nearest(it.Parent, v.item))
	case parent.Kind == FollowUp || parent.Kind == Checklist:
		v.errorf(at, "followup %q continues %q, which is a %s: name the question that starts the conversation", it.ID, it.Parent, parent.Kind)
	}
}

func (v *validator) points(at position, it *Item) {
	seen := make(map[string]bool, len(it.Points))
	for _, p := range it.Points {
		if !isSlug(p.ID) || seen[p.ID] {
			v.errorf(at, "item %q has a point with the id %q: give each point an id of its own, in lower-case words joined by hyphens", it.ID, abridge(p.ID, 60))
		}
		seen[p.ID] = true
		if p.Text == "" {
			v.errorf(at, "point %q of item %q has no text: say what a good answer contains", p.ID, it.ID)
		}
		if p.Level != "" {
			oneOf(v, at, it.ID+"/"+p.ID, "level", p.Level, Levels())
		}
	}
	if slices.Contains(it.Pitfalls, "") {
		v.errorf(at, "item %q has an empty pitfall: remove it", it.ID)
	}
}

func (v *validator) choices(at position, it *Item) {
	if len(it.Choices) == 0 {
		return
	}
	if it.Kind == Checklist {
		v.errorf(at, "checklist item %q has choices, but it is ticked, not answered: remove them, or change the kind", it.ID)
	}
	seen := make(map[string]bool, len(it.Choices))
	right := 0
	for _, c := range it.Choices {
		if !isSlug(c.ID) || seen[c.ID] {
			v.errorf(at, "item %q has a choice with the id %q: give each choice an id of its own, in lower-case words joined by hyphens", it.ID, abridge(c.ID, 60))
		}
		seen[c.ID] = true
		if c.Text == "" {
			v.errorf(at, "choice %q of item %q has no text: add it", c.ID, it.ID)
		}
		if c.Right {
			right++
		}
		if c.Right && c.Misconception != "" {
			v.errorf(at, "choice %q of item %q is right and names a misconception: remove one of the two", c.ID, it.ID)
		}
	}
	if right != 1 || len(it.Choices) < 2 {
		v.errorf(at, "item %q has %d choices, %d of them right: give at least two, and mark exactly one with right: true", it.ID, len(it.Choices), right)
	}
}
