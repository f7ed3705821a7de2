package web

import (
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
}

// choice is one link of several, one of which is the page itself.
type choice struct {
	Text    string
	URL     string
	Current bool
}

func (p *Pages) basis(r *http.Request, path string, b query.Basis, by string) basis {
	asked := r.URL.Query().Get("as_of")
	with := func(by, asOf string) string {
		values := url.Values{}
		if by == "chapter" {
			values.Set("by", by)
		}
		if asOf != "" {
			values.Set("as_of", asOf)
		}
		return link(path, values)
	}
	return basis{
		Basis: b, Time: b.AsOf.Time.In(p.service.Zone), Past: asked != "",
		Exact: with(by, b.AsOf.String()), Now: with(by, ""), By: by, Path: path, Chosen: asked,
		Switch: []choice{
			{"Concerns", with("concern", asked), by == "concern"},
			{"Chapters", with("chapter", asked), by == "chapter"},
		},
	}
}

// LearnerURL links to a learner's page: of the same moment, unless this page
// shows what is now.
func (b basis) LearnerURL(id string) string {
	values := url.Values{}
	if b.Past {
		values.Set("as_of", b.AsOf.String())
	}
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
