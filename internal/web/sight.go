package web

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/gapwise/gapwise/internal/catalog"
	"github.com/gapwise/gapwise/internal/query"
)

// sight is what one page sees: reports of one moment, from the same facts and through
// the same catalog and model, and the course that they rest on.
type sight struct {
	*query.Service
	basis  query.Basis
	course course
}

// look fixes what a page sees.
func (p *Pages) look(ctx context.Context, at query.Moment) (*sight, error) {
	service, err := p.service.At(ctx, at)
	if err != nil {
		return nil, err
	}
	return p.sightOf(ctx, service)
}

// lookAt does so for a page of a list whose cursors name their moment.
func (p *Pages) lookAt(ctx context.Context, params query.Params) (*sight, error) {
	service, err := p.service.AtPage(ctx, params.Page, params.Moment)
	if err != nil {
		return nil, err
	}
	return p.sightOf(ctx, service)
}

func (p *Pages) sightOf(ctx context.Context, service *query.Service) (*sight, error) {
	basis, err := service.Basis(ctx)
	if err != nil {
		return nil, err
	}
	s := &sight{Service: service, basis: basis, course: course{Catalog: service.Active().Course.Catalog}}
	if s.course.Version != p.today().Version {
		s.course.asOf = basis.AsOf.String()
	}
	return s, nil
}

// today is the catalog that reports of now rest on.
func (p *Pages) today() *catalog.Catalog { return p.service.Active().Course.Catalog }

// course is the catalog that a page rests on, with the ways to its parts. Where it is
// not today's, these lead to the course as it was at the page's moment.
type course struct {
	*catalog.Catalog
	asOf string // empty: today's
}

// courseOf returns the course that a page of the course is about: today's, or that of
// the moment asked for, which it tells.
func (p *Pages) courseOf(r *http.Request) (course, *courseThen, error) {
	text := r.URL.Query().Get("as_of")
	if text == "" {
		return course{Catalog: p.today()}, nil, nil
	}
	at, err := query.ParseMoment(text)
	if err != nil {
		return course{}, nil, err
	}
	s, err := p.look(r.Context(), at)
	if err != nil || s.course.asOf == "" {
		return course{Catalog: p.today()}, nil, err
	}
	return s.course, &courseThen{s.basis.AsOf.Time.In(p.service.Zone)}, nil
}

// courseThen says on a page of the course that it is not today's.
type courseThen struct {
	Time time.Time // of which it is, in the reports' time zone
}

func (c course) link(path, id string) string {
	values := url.Values{}
	set(values, "as_of", c.asOf)
	return link("/catalog"+path+url.PathEscape(id), values)
}

// Home links to the course as a whole.
func (c course) Home() string { return c.link("", "") }

func (c course) concernURL(id string) string { return c.link("/concerns/", id) }
func (c course) chapterURL(id string) string { return c.link("/chapters/", id) }
func (c course) itemURL(id string) string    { return c.link("/items/", id) }

// topicURL links to a topic of a lens, "concern" or "chapter".
func (c course) topicURL(by, id string) string {
	if by == "chapter" {
		return c.chapterURL(id)
	}
	return c.concernURL(id)
}

// reference is a link to a part of the course.
type reference struct{ Title, URL string }

func (c course) toConcern(one *catalog.Concern) reference {
	return reference{one.Title, c.concernURL(one.ID)}
}

func (c course) toChapter(one *catalog.Chapter) reference {
	return reference{one.Title, c.chapterURL(one.ID)}
}

func (c course) toItem(one *catalog.Item) reference {
	return reference{one.Prompt, c.itemURL(one.ID)}
}

func (c course) toConcerns(ids []string) []reference {
	var list []reference
	for _, id := range ids {
		if one, ok := c.Concern(id); ok {
			list = append(list, c.toConcern(one))
		}
	}
	return list
}

func (c course) toChapters(ids []string) []reference {
	var list []reference
	for _, id := range ids {
		if one, ok := c.Chapter(id); ok {
			list = append(list, c.toChapter(one))
		}
	}
	return list
}

// items returns items to work on, of those that the course has.
func (c course) items(ids []string) []listedItem {
	var list []listedItem
	for _, id := range ids {
		if one, ok := c.Item(id); ok {
			list = append(list, listedItem{Item: one, URL: c.itemURL(id)})
		}
	}
	return list
}
