package web

import (
	"net/http"
	"net/url"
	"slices"

	"github.com/gapwise/gapwise/internal/catalog"
	"github.com/gapwise/gapwise/internal/httpserver"
)

// coursePage is the course at a glance.
type coursePage struct {
	frame
	Course    *catalog.Catalog
	Answered  int // items that are answered; the others are ticked
	Kinds     []kindGroup
	Concerns  []courseConcern
	Chapters  []courseChapter
	Sections  []courseSection
	Placement []catalog.Item
}

// courseConcern is a concern with what it leans on and how it is measured.
type courseConcern struct {
	*catalog.Concern
	Before, Read    []reference
	Answered, Ticks int
}

type courseChapter struct {
	*catalog.Chapter
	Before          []reference
	Answered, Ticks int
}

// courseSection is a part of the checklist.
type courseSection struct {
	catalog.Section
	Items []listedItem
}

// course and its fellows show the catalog of the active generation, the one
// that every number rests on, to whoever is signed in.
func (p *Pages) course(w http.ResponseWriter, r *http.Request) error {
	course := p.service.Active().Course.Catalog
	page := coursePage{
		frame: newFrame(r, course.Title), Course: course, Answered: len(course.Answerable()),
		Kinds: byKind(listed(course, everything)), Placement: items(course, course.Placement),
	}
	for i := range course.Concerns {
		c := &course.Concerns[i]
		entry := courseConcern{Concern: c, Before: concernLinks(course, c.Prerequisites), Read: chapterLinks(course, c.Chapters)}
		entry.Answered, entry.Ticks = tally(listed(course, aboutConcern(c.ID)))
		page.Concerns = append(page.Concerns, entry)
	}
	for i := range course.Chapters {
		c := &course.Chapters[i]
		entry := courseChapter{Chapter: c, Before: chapterLinks(course, c.Prerequisites)}
		entry.Answered, entry.Ticks = tally(listed(course, aboutChapter(c.ID)))
		page.Chapters = append(page.Chapters, entry)
	}
	for _, s := range course.Sections {
		page.Sections = append(page.Sections, courseSection{s, listed(course, inSection(s.ID))})
	}
	return p.show(w, "course", page)
}

// topicPage is one concern or one chapter with its items.
type topicPage struct {
	frame
	Lens       string // "concern" or "chapter"
	Summary    string
	URL        string  // of a chapter that can be read somewhere
	Importance float64 // of a concern; 0 for chapters
	Origin     string
	Before     []reference // topics of the same lens to have a grip on first
	After      []reference // those that build on this one
	Across     []reference // a concern's chapters, a chapter's concerns
	Kinds      []kindGroup
	Answered   int
	Ticks      int
	Evidence   string // link to the reader's own answers; empty for those who give none
}

func (p *Pages) concern(w http.ResponseWriter, r *http.Request) error {
	course, id := p.service.Active().Course.Catalog, r.PathValue("concern")
	c, ok := course.Concern(id)
	if !ok {
		return notInCourse("concern", id)
	}
	page := topicPage{
		frame: newFrame(r, c.Title), Lens: "concern", Summary: c.Summary, Importance: c.Importance, Origin: c.Origin,
		Before: concernLinks(course, c.Prerequisites), Across: chapterLinks(course, c.Chapters),
		Evidence: ownEvidence(r, "concern", id),
	}
	for _, other := range course.Concerns {
		if slices.Contains(other.Prerequisites, id) {
			page.After = append(page.After, concernLink(other))
		}
	}
	page.list(listed(course, aboutConcern(id)))
	return p.show(w, "topic", page)
}

func (p *Pages) chapter(w http.ResponseWriter, r *http.Request) error {
	course, id := p.service.Active().Course.Catalog, r.PathValue("chapter")
	c, ok := course.Chapter(id)
	if !ok {
		return notInCourse("chapter", id)
	}
	page := topicPage{
		frame: newFrame(r, c.Title), Lens: "chapter", Summary: c.Note, URL: c.URL, Origin: c.Origin,
		Before: chapterLinks(course, c.Prerequisites), Evidence: ownEvidence(r, "chapter", id),
	}
	for _, other := range course.Chapters {
		if slices.Contains(other.Prerequisites, id) {
			page.After = append(page.After, chapterLink(other))
		}
	}
	for _, other := range course.Concerns {
		if slices.Contains(other.Chapters, id) {
			page.Across = append(page.Across, concernLink(other))
		}
	}
	page.list(listed(course, aboutChapter(id)))
	return p.show(w, "topic", page)
}

func (t *topicPage) list(items []listedItem) {
	t.Kinds = byKind(items)
	t.Answered, t.Ticks = tally(items)
}

func notInCourse(what, id string) error {
	return httpserver.NotFound("the course has no %s %q; /catalog shows all that it has", what, id)
}

// ownEvidence links a learner to the own answers behind a topic or an item.
func ownEvidence(r *http.Request, what, id string) string {
	who, _ := httpserver.PrincipalFrom(r.Context())
	if !who.Is(httpserver.RoleLearner) {
		return ""
	}
	return link(learnerPath(who.Learner)+"/evidence", url.Values{what: {id}})
}

// reference is a link to a part of the course.
type reference struct{ Title, URL string }

func concernLink(c catalog.Concern) reference { return reference{c.Title, concernPath(c.ID)} }
func chapterLink(c catalog.Chapter) reference { return reference{c.Title, chapterPath(c.ID)} }

func concernLinks(course *catalog.Catalog, ids []string) []reference {
	var list []reference
	for _, id := range ids {
		if c, ok := course.Concern(id); ok {
			list = append(list, concernLink(*c))
		}
	}
	return list
}

func chapterLinks(course *catalog.Catalog, ids []string) []reference {
	var list []reference
	for _, c := range chapters(course, ids) {
		list = append(list, chapterLink(c))
	}
	return list
}

func concernPath(id string) string { return "/catalog/concerns/" + url.PathEscape(id) }
func chapterPath(id string) string { return "/catalog/chapters/" + url.PathEscape(id) }
func itemPath(id string) string    { return "/catalog/items/" + url.PathEscape(id) }
