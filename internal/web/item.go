package web

import (
	"crypto/sha256"
	"net/http"
	"slices"

	"github.com/gapwise/gapwise/internal/catalog"
	"github.com/gapwise/gapwise/internal/httpserver"
)

// itemPage is one item with its rubric.
type itemPage struct {
	frame
	*catalog.Item
	Then      *courseThen
	Home      string // link to the course
	Open      bool   // show the rubric at once: to those who don't answer themselves
	Options   []catalog.Choice
	InSection string // title of the section, of a line of the checklist
	Continues *reference
	Follow    []listedItem
	Weights   []weight
	Read      []reference
	Place     int    // in the placement, from 1; 0: not in it
	Evidence  string // link to the reader's own answers; empty for those who give none
}

// weight is how much of an item is about one concern.
type weight struct {
	reference
	Share float64
}

func (p *Pages) item(w http.ResponseWriter, r *http.Request) error {
	course, then, err := p.courseOf(r)
	if err != nil {
		return err
	}
	id := r.PathValue("item")
	it, ok := course.Item(id)
	if !ok {
		return notInCourse("item", id)
	}
	page := itemPage{
		frame: newFrame(r, it.Prompt), Item: it, Then: then, Home: course.Home(),
		Options: shuffled(it), Read: course.toChapters(it.Chapters), Follow: course.listed(after(id)), Place: slices.Index(course.Placement, id) + 1,
	}
	page.Open = !page.Who.Is(httpserver.RoleLearner)
	if parent, ok := course.Item(it.Parent); ok {
		before := course.toItem(parent)
		page.Continues = &before
	}
	if it.Answerable() {
		page.Evidence = course.ownEvidence(r, "item", id)
	}
	for _, s := range course.Sections {
		if s.ID == it.Section {
			page.InSection = s.Title
		}
	}
	for _, share := range it.Concerns {
		if c, ok := course.Concern(share.ID); ok {
			page.Weights = append(page.Weights, weight{course.toConcern(c), share.Weight})
		}
	}
	return p.show(w, "item", page)
}

// shuffled returns an item's choices in an order that stays the same and says
// nothing about which is right: that of hashes.
func shuffled(it *catalog.Item) []catalog.Choice {
	options := slices.Clone(it.Choices)
	slices.SortFunc(options, func(a, b catalog.Choice) int {
		x, y := sha256.Sum256([]byte(it.ID+"/"+a.ID)), sha256.Sum256([]byte(it.ID+"/"+b.ID))
		return slices.Compare(x[:], y[:])
	})
	return options
}

// listedItem is an item in a list, with how much of it is about the list's topic.
type listedItem struct {
	*catalog.Item
	URL   string
	Share float64 // 0: the course doesn't say
}

// about tells whether an item belongs to a list, and its share.
type about func(*catalog.Item) (share float64, ok bool)

func everything(*catalog.Item) (float64, bool) { return 0, true }

func aboutConcern(id string) about {
	return func(it *catalog.Item) (float64, bool) {
		for _, w := range it.Concerns {
			if w.ID == id {
				return w.Weight, true
			}
		}
		return 0, false
	}
}

func aboutChapter(id string) about {
	return func(it *catalog.Item) (float64, bool) { return 0, slices.Contains(it.Chapters, id) }
}

func inSection(id string) about {
	return func(it *catalog.Item) (float64, bool) { return 0, it.Section == id }
}

func after(id string) about {
	return func(it *catalog.Item) (float64, bool) { return 0, it.Parent == id }
}

// listed returns the course's items that belong to a list, in its order.
func (c course) listed(in about) []listedItem {
	var list []listedItem
	for i := range c.Items {
		it := &c.Items[i]
		if share, ok := in(it); ok {
			list = append(list, listedItem{it, c.itemURL(it.ID), share})
		}
	}
	return list
}

// kindGroup is the items of one kind.
type kindGroup struct {
	Kind  catalog.Kind
	Items []listedItem
}

// byKind groups items by kind, in the order in which people meet kinds.
func byKind(items []listedItem) []kindGroup {
	var groups []kindGroup
	for _, kind := range catalog.Kinds() {
		group := kindGroup{Kind: kind}
		for _, it := range items {
			if it.Kind == kind {
				group.Items = append(group.Items, it)
			}
		}
		if len(group.Items) > 0 {
			groups = append(groups, group)
		}
	}
	return groups
}

// tally counts items that are answered and items that are ticked.
func tally(items []listedItem) (answered, ticks int) {
	for _, it := range items {
		if it.Answerable() {
			answered++
		} else {
			ticks++
		}
	}
	return answered, ticks
}
