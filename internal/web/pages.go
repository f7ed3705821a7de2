package web

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"net/url"

	"github.com/gapwise/gapwise/internal/httpserver"
	"github.com/gapwise/gapwise/internal/query"
)

//go:embed templates/*.html
var templates embed.FS

// Pages serves the pages over one service. It is safe for concurrent use.
type Pages struct {
	service *query.Service
	assets  *assets
	pages   map[string]*template.Template
}

// New prepares the pages. The service may be nil in a process that serves no
// reports: then only [Pages.ErrorPage] is of use.
func New(service *query.Service) (*Pages, error) {
	p := &Pages{service: service, pages: map[string]*template.Template{}}
	var err error
	if p.assets, err = loadAssets(); err != nil {
		return nil, err
	}
	layout, err := template.New("layout.html").Funcs(p.functions()).ParseFS(templates, "templates/layout.html", "templates/parts.html")
	if err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	for _, name := range []string{"visitor", "notice", "cohort", "questions", "reliability", "self", "learner", "evidence", "course", "topic", "item", "error"} {
		page, err := layout.Clone()
		if err == nil {
			_, err = page.ParseFS(templates, "templates/"+name+".html")
		}
		if err != nil {
			return nil, fmt.Errorf("web: page %s: %w", name, err)
		}
		p.pages[name] = page
	}
	return p, nil
}

// Routes adds the pages to a router.
func (p *Pages) Routes(r *httpserver.Router) {
	r.Handle("GET /{$}", p.front, httpserver.Public())
	r.Handle("GET /cohorts/{cohort}", p.cohort)
	r.Handle("GET /cohorts/{cohort}/items", p.ofCohort(p.questions))
	r.Handle("GET /cohorts/{cohort}/self-assessment", p.ofCohort(p.cohortSelf))
	r.Handle("GET /cohorts/{cohort}/reliability", p.ofCohort(p.reliability))
	r.Handle("GET /learners/{learner}", p.learner)
	r.Handle("GET /learners/{learner}/evidence", p.evidence)
	r.Handle("GET /catalog", p.course)
	r.Handle("GET /catalog/concerns/{concern}", p.concern)
	r.Handle("GET /catalog/chapters/{chapter}", p.chapter)
	r.Handle("GET /catalog/items/{item}", p.item)
	r.Handle("GET /static/{file}", p.assets.serve, httpserver.Public())
}

// ofCohort reads what the pages about one cohort share: whose it is, as of when, and
// whether the reader may see it.
func (p *Pages) ofCohort(page func(w http.ResponseWriter, r *http.Request, id string, params query.Params, seen *sight) error) httpserver.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		if done, err := p.wantsDay(w, r); done || err != nil {
			return err
		}
		params, err := p.params(r)
		if err != nil {
			return err
		}
		id := r.PathValue("cohort")
		if err := query.MayReadCohort(r.Context(), id); err != nil {
			return err
		}
		seen, err := p.lookAt(r.Context(), params)
		if err != nil {
			return err
		}
		return page(w, r, id, params, seen)
	}
}

// frame is what the layout shows around every page.
type frame struct {
	Title string
	Who   *httpserver.Principal // nil: not signed in
}

func newFrame(r *http.Request, title string) frame {
	f := frame{Title: title}
	if who, ok := httpserver.PrincipalFrom(r.Context()); ok {
		f.Who = &who
	}
	return f
}

// show renders a page whole and sends it.
func (p *Pages) show(w http.ResponseWriter, name string, data any) error {
	var page bytes.Buffer
	if err := p.pages[name].Execute(&page, data); err != nil {
		return fmt.Errorf("web: page %s: %w", name, err)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, err := page.WriteTo(w)
	return err
}

// ErrorPage renders a problem for a browser.
func (p *Pages) ErrorPage(w io.Writer, r *http.Request, problem *httpserver.Problem) error {
	return p.pages["error"].Execute(w, struct {
		frame
		Problem *httpserver.Problem
	}{newFrame(r, problem.Title), problem})
}

// front shows a visitor what this is, a learner the own page, and others their
// first cohort.
func (p *Pages) front(w http.ResponseWriter, r *http.Request) error {
	who, ok := httpserver.PrincipalFrom(r.Context())
	switch {
	case !ok:
		return p.show(w, "visitor", newFrame(r, "Welcome"))
	case who.Is(httpserver.RoleLearner):
		return redirect(w, r, learnerPath(who.Learner), r.URL.Query())
	case who.Is(httpserver.RoleProducer):
		return p.notice(w, r, "A token for a program", "You signed in with a producer's token. It writes events of source "+
			who.Source+" and reads no reports. Ask for an instructor's or a learner's sign-in link.")
	}
	values := r.URL.Query()
	if cohort := values.Get("cohort"); cohort != "" { // chosen in the form
		values.Del("cohort")
		return redirect(w, r, cohortPath(cohort), values)
	}
	if done, err := p.wantsDay(w, r); done || err != nil {
		return err
	}
	params, err := p.params(r)
	if err != nil {
		return err
	}
	seen, err := p.look(r.Context(), params.Moment)
	if err != nil {
		return err
	}
	cohorts, err := seen.Cohorts(r.Context(), sees(who), query.Page{Limit: 1}, params.Moment)
	if err != nil {
		return err
	}
	if len(cohorts.Cohorts) == 0 {
		return p.notice(w, r, "No cohort yet", "None of your cohorts had a member at this moment. A cohort comes into being when "+
			"its first learner joins: gapwise cohort add, or an event study.cohort.joined.v1.")
	}
	return p.showCohort(w, r, cohorts.Cohorts[0].ID, params, seen)
}

func (p *Pages) notice(w http.ResponseWriter, r *http.Request, title, text string) error {
	return p.show(w, "notice", struct {
		frame
		Text string
	}{newFrame(r, title), text})
}

// sees tells which cohorts are the principal's.
func sees(who httpserver.Principal) func(cohort string) bool {
	return func(cohort string) bool { return who.Is(httpserver.RoleOperator) || who.HasCohort(cohort) }
}

func cohortPath(id string) string  { return "/cohorts/" + url.PathEscape(id) }
func learnerPath(id string) string { return "/learners/" + url.PathEscape(id) }

func redirect(w http.ResponseWriter, r *http.Request, path string, values url.Values) error {
	http.Redirect(w, r, link(path, values), http.StatusSeeOther) //nolint:gosec // G710: the path is a page's own, and values can't leave the query
	return nil
}

// link adds values to a path.
func link(path string, values url.Values) string {
	if len(values) == 0 {
		return path
	}
	return path + "?" + values.Encode()
}
