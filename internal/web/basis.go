package web

import (
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/gapwise/gapwise/internal/httpserver"
	"github.com/gapwise/gapwise/internal/query"
)

// basis is what a page says about what its numbers rest on, with the links that
// ask for the same page in another way.
type basis struct {
	query.Basis
	Time   time.Time // of as_of, in the reports' time zone
	Past   bool      // the page was asked for a moment, not for now
	Exact  string    // link to exactly these numbers, for ever
	Now    string    // link to the numbers of now
	By     string
	Switch []choice // by concern or by chapter
	Path   string
	Chosen string // as_of as it was asked for; empty: now
	Target string // what the page was asked to measure against; empty: each learner's own
	Sort   string // the order that was asked for, of a page that has several; empty: its usual one

	Through *through // catalog and model of a page of the past; nil: it is of now
}

// choice is one link of several, one of which is the page itself.
type choice struct {
	Text    string
	URL     string
	Current bool
}

func (p *Pages) basis(r *http.Request, path string, b query.Basis, by string) basis {
	asked := r.URL.Query()
	page := basis{
		Basis: b, Time: b.AsOf.Time.In(p.service.Zone), Past: asked.Get("as_of") != "",
		By: by, Path: path, Chosen: asked.Get("as_of"), Target: asked.Get("target"),
		Sort: asked.Get("sort"),
	}
	if page.Past {
		page.Through = p.through(asked, b, path, page.kept())
	}
	page.Exact = page.link("as_of", b.AsOf.String())
	page.Now = page.now()
	page.Switch = []choice{
		{"Concerns", page.link("by", ""), by == "concern"},
		{"Chapters", page.link("by", "chapter"), by == "chapter"},
	}
	return page
}

// kept are the parameters that links to the same page, or to others like it, hand on.
func (b *basis) kept() url.Values {
	values := url.Values{}
	set(values, "as_of", b.Chosen)
	b.Through.keep(values)
	set(values, "target", b.Target)
	set(values, "sort", b.Sort)
	if b.By == "chapter" {
		set(values, "by", b.By)
	}
	return values
}

// pages links to the first and the next page of a list at the same moment; empty where
// there is none.
func (b *basis) pages(page query.Page, cursor, anchor string) (first, next string) {
	values := b.kept()
	values.Set("as_of", b.AsOf.String())
	if page.After != "" {
		first = link(b.Path, values) + anchor
	}
	if cursor != "" {
		values.Set("cursor", cursor)
		next = link(b.Path, values) + anchor
	}
	return first, next
}

// link asks for the same page with one parameter changed, or without it.
func (b *basis) link(name, value string) string {
	values := b.kept()
	values.Del(name)
	set(values, name, value)
	return link(b.Path, values)
}

// now asks for the same page of now.
func (b *basis) now() string {
	values := b.kept()
	values.Del("as_of")
	for _, name := range throughParameters {
		values.Del(name)
	}
	return link(b.Path, values)
}

// elsewhere links to another page, of the same moment where one was asked for.
func (b *basis) elsewhere(path string) string {
	values := b.kept()
	values.Del("sort")
	return link(path, values)
}

// set adds a parameter unless it is empty.
func set(values url.Values, name, value string) {
	if value != "" {
		values.Set(name, value)
	}
}

// without copies values, one aside.
func without(values url.Values, name string) url.Values {
	others := maps.Clone(values)
	others.Del(name)
	return others
}

// Fields are the parameters that a form for one of them hands on.
func (b *basis) Fields(parameter string) url.Values {
	return without(b.kept(), parameter)
}

// LearnerURL links to a learner's page: of the same moment, unless this page
// shows what is now, and measured against the same.
func (b *basis) LearnerURL(id string) string {
	values := url.Values{}
	if b.Past {
		values.Set("as_of", b.AsOf.String())
	}
	b.Through.keep(values)
	set(values, "target", b.Target)
	return link(learnerPath(id), values)
}

// heatmapRows is how many learners one page of a heatmap shows.
const heatmapRows = 50

// params reads the parameters of the API, and the page's own: day, the last
// moment of a day in the reports' time zone.
func (p *Pages) params(r *http.Request) (query.Params, error) {
	values := r.URL.Query()
	if values.Get("limit") == "" {
		values.Set("limit", strconv.Itoa(heatmapRows))
	}
	return query.ParseParams(values)
}

// wantsDay answers a form that names a day: with the same page as known at the
// end of that day, written as as_of, so that the address is exact. It returns
// false when the form names none.
func (p *Pages) wantsDay(w http.ResponseWriter, r *http.Request) (bool, error) {
	values := r.URL.Query()
	text := values.Get("day")
	if text == "" {
		return false, nil
	}
	day, err := time.ParseInLocation(time.DateOnly, text, p.service.Zone)
	if err != nil {
		return true, httpserver.BadRequest("day=%q is no day; write it as 2026-03-01", text)
	}
	values.Del("day")
	values.Del("as_of")
	if end := day.AddDate(0, 0, 1).Add(-time.Microsecond); end.Before(p.service.Now()) {
		values.Set("as_of", end.UTC().Format(time.RFC3339Nano))
	}
	return true, redirect(w, r, r.URL.EscapedPath(), values)
}
