package catalog

import (
	"maps"
	"math"
	"net/url"
	"slices"
	"strings"
)

// weightSlack is how far from 1 the sum of an item's weights may be, so that
// thirds and sevenths can be written with a few digits.
const weightSlack = 1e-3

// finish completes a catalog that was just read or made: it orders and indexes
// its content, checks it and derives its version. Problems are returned as
// Problems, all at once.
func finish(c *Catalog) (*Catalog, error) {
	c.complete()
	v := &validator{Catalog: c}
	v.head()
	v.topics()
	v.items()
	v.lists()
	if err := v.err(); err != nil {
		return nil, err
	}
	version, err := c.version()
	if err != nil {
		return nil, err
	}
	c.Version = version
	return c, nil
}

// complete fills what people may leave out, and builds the indexes.
func (c *Catalog) complete() {
	c.Concerns, c.Chapters, c.Items = filled(c.Concerns), filled(c.Chapters), filled(c.Items)
	c.concern = make(map[string]int, len(c.Concerns))
	for i := range c.Concerns {
		v := &c.Concerns[i]
		v.Prerequisites, v.Chapters = filled(v.Prerequisites), filled(v.Chapters)
		c.concern[v.ID] = i
	}
	c.chapter = make(map[string]int, len(c.Chapters))
	for i := range c.Chapters {
		v := &c.Chapters[i]
		v.Prerequisites = filled(v.Prerequisites)
		c.chapter[v.ID] = i
	}
	c.item = make(map[string]int, len(c.Items))
	for i := range c.Items {
		v := &c.Items[i]
		v.Chapters = filled(v.Chapters)
		v.Concerns.sort()
		c.item[v.ID] = i
	}
}

// filled keeps "there are none" an empty list, which JSON writes as [].
func filled[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// validator checks what every user of a catalog relies on.
type validator struct {
	report
	*Catalog
}

func (v *validator) where(kind, id string) position { return v.source[kind+"/"+id] }

func (v *validator) head() {
	at := position{file: "course.yaml"}
	if v.source == nil {
		at = position{}
	}
	if v.Course == "" {
		v.errorf(at, "the course has no id: add a line such as \"course: my-course\"")
	} else {
		v.slug(at, "course", v.Course)
	}
	if v.Title == "" {
		v.errorf(at, "the course has no title: add a line such as \"title: My course\"")
	}
	if len(v.Concerns) == 0 {
		v.errorf(at, "the course has no concerns: add at least one, since answers are measured by concern")
	}
	if len(v.Items) == 0 {
		v.errorf(at, "the course has no items: add at least one")
	}
}

func (v *validator) slug(at position, kind, id string) {
	if !isSlug(id) {
		v.errorf(at, "%s id %q is not a slug: use lower-case letters, digits and single hyphens, for instance %q", kind, abridge(id, 60), Slug(id))
	}
}

// unique tells of entries that share an id. Courses from files were told
// already, with both places; this is for those that came another way.
func unique[T any](v *validator, kind string, list []T, id func(*T) string) {
	seen := make(map[string]bool, len(list))
	for i := range list {
		id := id(&list[i])
		if seen[id] {
			v.errorf(v.where(kind, id), "%s %q is there twice: give one of them another id", kind, id)
		}
		seen[id] = true
	}
}

func (v *validator) topics() {
	unique(v, "concern", v.Concerns, func(c *Concern) string { return c.ID })
	unique(v, "chapter", v.Chapters, func(c *Chapter) string { return c.ID })
	for _, c := range v.Concerns {
		at := v.where("concern", c.ID)
		v.slug(at, "concern", c.ID)
		v.required(at, "concern", c.ID, "title", c.Title)
		if !(c.Importance > 0 && c.Importance <= 1) { // written so that NaN is refused too
			v.errorf(at, "concern %q has importance %v: give a number above 0 and up to 1", c.ID, c.Importance)
		}
		links(v, at, "concern", c.ID, "prerequisite", c.Prerequisites, v.concern)
		links(v, at, "concern", c.ID, "chapter", c.Chapters, v.chapter)
	}
	for _, c := range v.Chapters {
		at := v.where("chapter", c.ID)
		v.slug(at, "chapter", c.ID)
		v.required(at, "chapter", c.ID, "title", c.Title)
		if _, both := v.concern[c.ID]; both {
			v.errorf(at, "%q is a concern and a chapter: give the chapter another id, since reports name both by id alone", c.ID)
		}
		if !isLink(c.URL) {
			v.errorf(at, "chapter %q has the url %q: write it whole, as in https://example.org/page", c.ID, c.URL)
		}
		links(v, at, "chapter", c.ID, "prerequisite", c.Prerequisites, v.chapter)
	}
	v.acyclic("concern", v.concern, func(id string) []string { return v.Concerns[v.concern[id]].Prerequisites })
	v.acyclic("chapter", v.chapter, func(id string) []string { return v.Chapters[v.chapter[id]].Prerequisites })
}

// isLink reports whether link is empty or leads to a web page. Other schemes
// are refused because pages show these links to learners.
func isLink(link string) bool {
	if link == "" {
		return true
	}
	u, err := url.Parse(link)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != ""
}

func (v *validator) required(at position, kind, id, key, value string) {
	if value == "" {
		v.errorf(at, "%s %q has no %s: add one", kind, id, key)
	}
}

// links checks that every id in list is known, and named once.
func links[T any](v *validator, at position, kind, id, what string, list []string, known map[string]T) {
	for i, to := range list {
		if _, ok := known[to]; !ok {
			v.errorf(at, "%s %q names the %s %q, which the course doesn't have%s", kind, id, what, to, nearest(to, known))
		} else if slices.Contains(list[:i], to) {
			v.errorf(at, "%s %q names the %s %q twice: remove one", kind, id, what, to)
		}
	}
}

func nearest[T any](id string, known map[string]T) string {
	ids := make([]string, 0, len(known))
	for k := range known {
		ids = append(ids, k)
	}
	slices.Sort(ids)
	if text := hint(id, ids); text != "" {
		return text
	}
	return ": add it, or correct the id"
}

// acyclic reports each cycle of prerequisites once, at its first member.
func (v *validator) acyclic(kind string, ids map[string]int, before func(string) []string) {
	const visiting, done = 1, 2
	state := make(map[string]int, len(ids))
	var path []string
	var visit func(string)
	visit = func(id string) {
		state[id] = visiting
		path = append(path, id)
		for _, next := range before(id) {
			if _, known := ids[next]; !known {
				continue // reported as a link
			}
			switch state[next] {
			case 0:
				visit(next)
			case visiting:
				cycle := append(slices.Clone(path[slices.Index(path, next):]), next)
				v.errorf(v.where(kind, next), "prerequisites go in a circle: %s; remove one of them", strings.Join(cycle, " needs "))
			}
		}
		path = path[:len(path)-1]
		state[id] = done
	}
	for _, id := range slices.SortedFunc(maps.Keys(ids), func(a, b string) int { return ids[a] - ids[b] }) {
		if state[id] == 0 {
			visit(id)
		}
	}
}

func (v *validator) lists() {
	unique(v, "section", v.Sections, func(s *Section) string { return s.ID })
	for _, s := range v.Sections {
		at := v.where("section", s.ID)
		v.slug(at, "section", s.ID)
		v.required(at, "section", s.ID, "title", s.Title)
	}
	at := position{}
	if v.source != nil {
		at.file = "course.yaml"
	}
	links(v, at, "course", v.Course, "placement item", v.Placement, v.item)
	for _, id := range v.Placement {
		if it, ok := v.Item(id); ok && !it.Answerable() {
			v.errorf(v.where("item", id), "item %q is ticked, not answered, so it can't be in the placement: name a question instead", id)
		}
	}
	for name := range v.Promises.Counts {
		if _, ok := counted[name]; !ok {
			v.errorf(v.where("promises", ""), "promises count %q, which is nothing that is counted%s", name, nearest(name, counted))
		}
	}
}

// sums reports whether the weights sum to 1, near enough.
func (ws Weights) sums() (float64, bool) {
	var sum float64
	for _, w := range ws {
		sum += w.Weight
	}
	return sum, math.Abs(sum-1) <= weightSlack
}
