package catalog

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// decoder turns YAML nodes into a catalog. It reads nodes instead of decoding
// into structs because every complaint must name its line, unknown keys
// included, and one mistake must not hide the next.
type decoder struct {
	report
	name    string // of the file at hand
	catalog *Catalog
	titled  position // where course and title were given
}

// fields says how to read each key of a mapping.
type fields map[string]func(*yaml.Node)

func (d *decoder) at(n *yaml.Node) position { return position{file: d.name, line: n.Line} }

// course reads the top of a file.
func (d *decoder) course(n *yaml.Node) {
	c := d.catalog
	d.mapping(n, "a course file", fields{
		"course":    d.once(&c.Course),
		"title":     d.once(&c.Title),
		"concerns":  each(d, "concerns", &c.Concerns, d.concern),
		"chapters":  each(d, "chapters", &c.Chapters, d.chapter),
		"sections":  each(d, "sections", &c.Sections, d.section),
		"items":     each(d, "items", &c.Items, d.item),
		"placement": each(d, "placement", &c.Placement, d.scalar),
		"promises":  d.promises,
	})
}

func (d *decoder) concern(n *yaml.Node) Concern {
	var v Concern
	d.mapping(n, "a concern", fields{
		"id":            d.text(&v.ID),
		"title":         d.text(&v.Title),
		"summary":       d.text(&v.Summary),
		"importance":    d.number(&v.Importance),
		"prerequisites": each(d, "prerequisites", &v.Prerequisites, d.scalar),
		"chapters":      each(d, "chapters", &v.Chapters, d.scalar),
		"origin":        d.text(&v.Origin),
	})
	d.remember("concern", v.ID, n)
	return v
}

func (d *decoder) chapter(n *yaml.Node) Chapter {
	var v Chapter
	d.mapping(n, "a chapter", fields{
		"id":            d.text(&v.ID),
		"title":         d.text(&v.Title),
		"url":           d.text(&v.URL),
		"note":          d.text(&v.Note),
		"prerequisites": each(d, "prerequisites", &v.Prerequisites, d.scalar),
		"origin":        d.text(&v.Origin),
	})
	d.remember("chapter", v.ID, n)
	return v
}

func (d *decoder) section(n *yaml.Node) Section {
	var v Section
	d.mapping(n, "a section", fields{"id": d.text(&v.ID), "title": d.text(&v.Title)})
	d.remember("section", v.ID, n)
	return v
}

func (d *decoder) item(n *yaml.Node) Item {
	var v Item
	d.mapping(n, "an item", fields{
		"id":       d.text(&v.ID),
		"kind":     d.text((*string)(&v.Kind)),
		"level":    d.text((*string)(&v.Level)),
		"level_to": d.text((*string)(&v.LevelTo)),
		"judged":   d.flag(&v.Judged),
		"prompt":   d.text(&v.Prompt),
		"tests":    d.text(&v.Tests),
		"points":   each(d, "points", &v.Points, d.point),
		"pitfalls": each(d, "pitfalls", &v.Pitfalls, d.scalar),
		"choices":  each(d, "choices", &v.Choices, d.choice),
		"concerns": d.weights(&v.Concerns),
		"chapters": each(d, "chapters", &v.Chapters, d.scalar),
		"section":  d.text(&v.Section),
		"parent":   d.text(&v.Parent),
		"deeper":   d.flag(&v.Deeper),
		"origin":   d.text(&v.Origin),
	})
	d.remember("item", v.ID, n)
	return v
}

func (d *decoder) point(n *yaml.Node) Point {
	var v Point
	d.mapping(n, "a point", fields{
		"id": d.text(&v.ID), "text": d.text(&v.Text), "level": d.text((*string)(&v.Level)),
	})
	return v
}

func (d *decoder) choice(n *yaml.Node) Choice {
	var v Choice
	d.mapping(n, "a choice", fields{
		"id": d.text(&v.ID), "text": d.text(&v.Text), "right": d.flag(&v.Right), "misconception": d.text(&v.Misconception),
	})
	return v
}

func (d *decoder) promises(n *yaml.Node) {
	p := &d.catalog.Promises
	d.catalog.source["promises/"] = d.at(n)
	d.mapping(n, "promises", fields{
		"items_per_concern": d.count(&p.ItemsPerConcern),
		"items_per_chapter": d.count(&p.ItemsPerChapter),
		"choices":           d.count(&p.Choices),
		"rubrics":           d.flag(&p.Rubrics),
		"counts": func(n *yaml.Node) {
			p.Counts = make(map[string]int)
			d.pairs(n, "counts", func(key, value *yaml.Node) {
				var exact int
				d.count(&exact)(value)
				p.Counts[key.Value] = exact
			})
		},
	})
}

// weights reads concerns with their weights, heaviest first.
func (d *decoder) weights(into *Weights) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if n.Kind != yaml.MappingNode {
			d.errorf(d.at(n), "concerns of an item carry weights: write them as {first-concern: 0.7, second-concern: 0.3}")
			return
		}
		d.pairs(n, "concerns", func(key, value *yaml.Node) {
			w := Weight{ID: key.Value}
			d.number(&w.Weight)(value)
			*into = append(*into, w)
		})
		into.sort()
	}
}

// remember keeps where an entry was written, and tells of a second one.
func (d *decoder) remember(kind, id string, n *yaml.Node) {
	if n.Kind != yaml.MappingNode {
		return // told already
	}
	key := kind + "/" + id
	if first, ok := d.catalog.source[key]; ok && id != "" {
		d.errorf(d.at(n), "%s %q is already at %s:%d: give one of them another id, or remove it", kind, id, first.file, first.line)
		return
	}
	if id == "" {
		d.errorf(d.at(n), "this %s has no id: add one (lower-case words joined by hyphens; it must never change)", kind)
		return
	}
	d.catalog.source[key] = d.at(n)
}

// mapping reads the keys of n, each at most once, and refuses others.
func (d *decoder) mapping(n *yaml.Node, what string, known fields) {
	d.pairs(n, what, func(key, value *yaml.Node) {
		read, ok := known[key.Value]
		if !ok {
			d.errorf(d.at(key), "%s has no key %q%s", what, key.Value, hint(key.Value, slices.Sorted(maps.Keys(known))))
			return
		}
		read(value)
	})
}

func (d *decoder) pairs(n *yaml.Node, what string, each func(key, value *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		d.errorf(d.at(n), "%s must be a mapping (key: value), but this is %s", what, describe(n))
		return
	}
	seen := make(map[string]int, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind != yaml.ScalarNode {
			d.errorf(d.at(key), "%s has a key that is %s: keys are words", what, describe(key))
			continue
		}
		if line, twice := seen[key.Value]; twice {
			d.errorf(d.at(key), "%s has %q twice, first on line %d: keep one", what, key.Value, line)
			continue
		}
		seen[key.Value] = key.Line
		each(key, value)
	}
}

// each reads a list and appends it to into.
func each[T any](d *decoder, what string, into *[]T, read func(*yaml.Node) T) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if n.Kind != yaml.SequenceNode {
			d.errorf(d.at(n), "%s must be a list, but this is %s", what, describe(n))
			return
		}
		if *into == nil {
			*into = make([]T, 0, len(n.Content))
		}
		for _, entry := range n.Content {
			*into = append(*into, read(entry))
		}
	}
}

// once reads a text that the whole course gives only once.
func (d *decoder) once(into *string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if *into != "" {
			d.errorf(d.at(n), "course and title are given once, and %s:%d has them already: remove this line", d.titled.file, d.titled.line)
			return
		}
		d.titled = d.at(n)
		d.text(into)(n)
	}
}

func (d *decoder) text(into *string) func(*yaml.Node) {
	return func(n *yaml.Node) { *into = d.scalar(n) }
}

func (d *decoder) scalar(n *yaml.Node) string {
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		d.errorf(d.at(n), "expected text, but this is %s", describe(n))
		return ""
	}
	return strings.TrimSpace(n.Value)
}

func (d *decoder) number(into *float64) func(*yaml.Node) {
	return func(n *yaml.Node) {
		v, err := strconv.ParseFloat(n.Value, 64)
		if n.Kind != yaml.ScalarNode || err != nil {
			d.errorf(d.at(n), "expected a number, but this is %s", describe(n))
			return
		}
		*into = v
	}
}

func (d *decoder) count(into *int) func(*yaml.Node) {
	return func(n *yaml.Node) {
		v, err := strconv.Atoi(n.Value)
		if n.Kind != yaml.ScalarNode || err != nil || v < 0 {
			d.errorf(d.at(n), "expected a whole number from 0, but this is %s", describe(n))
			return
		}
		*into = v
	}
}

func (d *decoder) flag(into *bool) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if n.Kind != yaml.ScalarNode || n.Value != "true" && n.Value != "false" {
			d.errorf(d.at(n), "expected true or false, but this is %s", describe(n))
			return
		}
		*into = n.Value == "true"
	}
}

// describe says what a node is, for people who don't think in YAML.
func describe(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping (key: value)"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Kind == yaml.AliasNode:
		return "an alias (*name), which course files don't use: write the value out"
	case n.Tag == "!!null":
		return "empty"
	default:
		return fmt.Sprintf("%q", abridge(n.Value, 40))
	}
}
