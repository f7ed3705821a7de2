package query

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/gapwise/gapwise/internal/httpserver"
	"github.com/gapwise/gapwise/internal/project"
)

// API serves the reports as JSON. schemas/openapi.yaml is its contract.
type API struct {
	Service  *Service
	Contract []byte // schemas/openapi.yaml, served as it is
}

// The sizes of a page of a list.
const (
	defaultLimit     = 100
	maxLimit         = 1000
	defaultNextLimit = 5
)

// Routes adds the API to a router.
func (a *API) Routes(r *httpserver.Router) {
	r.Handle("GET /v1/cohorts", a.cohorts, httpserver.Roles(httpserver.RoleOperator, httpserver.RoleInstructor))
	r.Handle("GET /v1/cohorts/{cohort}/weak-topics", a.cohort(a.cohortWeakTopics))
	r.Handle("GET /v1/cohorts/{cohort}/heatmap", a.cohort(a.heatmap))
	r.Handle("GET /v1/cohorts/{cohort}/weeks", a.cohort(a.weeks))
	r.Handle("GET /v1/cohorts/{cohort}/items", a.cohort(a.items))
	r.Handle("GET /v1/cohorts/{cohort}/learners", a.cohort(a.learners))
	r.Handle("GET /v1/cohorts/{cohort}/self-assessment", a.cohort(a.cohortSelfAssessment))
	r.Handle("GET /v1/cohorts/{cohort}/reliability", a.cohort(a.cohortReliability))
	r.Handle("GET /v1/reliability", a.reliability, httpserver.Roles(httpserver.RoleOperator))
	r.Handle("GET /v1/learners/{learner}/weak-topics", a.learner(a.learnerWeakTopics))
	r.Handle("GET /v1/learners/{learner}/next-topics", a.learner(a.nextTopics))
	r.Handle("GET /v1/learners/{learner}/progress", a.learner(a.progress))
	r.Handle("GET /v1/learners/{learner}/self-assessment", a.learner(a.selfAssessment))
	r.Handle("GET /v1/learners/{learner}/evidence", a.learner(a.evidence))
	r.Handle("GET /v1/learners/{learner}/export", a.learner(a.export))
	r.Handle("GET /v1/catalog", a.catalog)
	readers := httpserver.Roles(httpserver.RoleOperator, httpserver.RoleInstructor, httpserver.RoleLearner)
	r.Handle("GET /v1/models/active", a.model, readers)
	r.Handle("GET /v1/projections", a.projections, readers)
	r.Handle("GET /v1/stream", (&newsroom{service: a.Service}).stream, readers, httpserver.Streaming())
	r.Handle("GET /v1/openapi.yaml", a.contract, httpserver.Public())
}

// request is what the routes of reports have in common.
type request struct {
	*http.Request
	Params
	subject string    // the cohort or the learner
	since   time.Time // an instructor's sight of a learner's events begins here
}

type report func(r *request) (any, error)

// cohort wraps a report about a cohort with its rights and parameters.
func (a *API) cohort(f report) httpserver.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		req, err := parse(r, r.PathValue("cohort"))
		if err != nil {
			return err
		}
		if err := MayReadCohort(r.Context(), req.subject); err != nil {
			return err
		}
		return answer(w, f, req)
	}
}

// learner wraps a report about a learner with its rights and parameters.
func (a *API) learner(f report) httpserver.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		req, err := parse(r, r.PathValue("learner"))
		if err != nil {
			return err
		}
		if req.since, err = a.Service.MayReadLearner(r.Context(), req.subject, req.Moment); err != nil {
			return err
		}
		return answer(w, f, req)
	}
}

func answer(w http.ResponseWriter, f report, req *request) error {
	v, err := f(req)
	if err != nil {
		return err
	}
	return httpserver.WriteJSON(w, http.StatusOK, v)
}

func parse(r *http.Request, subject string) (*request, error) {
	params, err := ParseParams(r.URL.Query())
	return &request{Request: r, Params: params, subject: subject}, err
}

func (a *API) cohorts(w http.ResponseWriter, r *http.Request) error {
	p, err := httpserver.RequireRole(r.Context())
	if err != nil {
		return err
	}
	req, err := parse(r, "")
	if err != nil {
		return err
	}
	list, err := a.Service.Cohorts(r.Context(), func(cohort string) bool {
		return p.Is(httpserver.RoleOperator) || p.HasCohort(cohort)
	}, req.Page, req.Moment)
	if err != nil {
		return err
	}
	return httpserver.WriteJSON(w, http.StatusOK, list)
}

func (a *API) cohortWeakTopics(r *request) (any, error) {
	return a.Service.CohortWeakTopics(r.Context(), r.subject, r.Measure, r.Moment)
}

func (a *API) heatmap(r *request) (any, error) {
	return a.Service.Heatmap(r.Context(), r.subject, r.Measure, r.Page, r.Moment)
}

func (a *API) weeks(r *request) (any, error) {
	weeks, err := ParseWeeks(r.URL.Query())
	if err != nil {
		return nil, err
	}
	return a.Service.CohortWeeks(r.Context(), r.subject, r.Measure, weeks, r.Moment)
}

func (a *API) items(r *request) (any, error) {
	order, err := ParseItemOrder(r.URL.Query().Get("sort"))
	if err != nil {
		return nil, err
	}
	return a.Service.CohortItems(r.Context(), r.subject, order, r.Page, r.Moment)
}

func (a *API) learners(r *request) (any, error) {
	return a.Service.CohortLearners(r.Context(), r.subject, r.Measure, r.Page, r.Moment)
}

func (a *API) cohortReliability(r *request) (any, error) {
	return a.Service.CohortReliability(r.Context(), r.subject, r.Lens, r.Moment)
}

func (a *API) reliability(w http.ResponseWriter, r *http.Request) error {
	req, err := parse(r, "")
	if err != nil {
		return err
	}
	report, err := a.Service.Reliability(r.Context(), req.Lens, req.Moment)
	if err != nil {
		return err
	}
	return httpserver.WriteJSON(w, http.StatusOK, report)
}

func (a *API) cohortSelfAssessment(r *request) (any, error) {
	return a.Service.CohortSelfAssessment(r.Context(), r.subject, r.Measure, r.Page, r.Moment)
}

func (a *API) selfAssessment(r *request) (any, error) {
	return a.Service.SelfAssessment(r.Context(), r.subject, r.Measure, r.since, r.Moment)
}

func (a *API) learnerWeakTopics(r *request) (any, error) {
	return a.Service.LearnerWeakTopics(r.Context(), r.subject, r.Measure, r.Moment)
}

func (a *API) nextTopics(r *request) (any, error) {
	limit := r.Page.Limit
	if r.URL.Query().Get("limit") == "" {
		limit = defaultNextLimit
	}
	return a.Service.NextTopics(r.Context(), r.subject, r.Measure, limit, r.Moment)
}

func (a *API) progress(r *request) (any, error) {
	return a.Service.Progress(r.Context(), r.subject, r.Moment)
}

func (a *API) evidence(r *request) (any, error) {
	filter, err := ParseEvidence(r.URL.Query(), r.Params)
	if err != nil {
		return nil, err
	}
	filter.Since = r.since
	return a.Service.Evidence(r.Context(), r.subject, filter, r.Moment)
}

func (a *API) export(r *request) (any, error) {
	return a.Service.Export(r.Context(), r.subject, r.since, r.Moment)
}

// catalog answers with the very document that proves the catalog's version: of the
// catalog that reports of now rest on, or those of a moment.
func (a *API) catalog(w http.ResponseWriter, r *http.Request) error {
	service := a.Service
	if text := r.URL.Query().Get("as_of"); text != "" {
		at, err := ParseMoment(text)
		if err != nil {
			return err
		}
		if service, err = a.Service.At(r.Context(), at); err != nil {
			return err
		}
	}
	content, err := service.Active().Course.Catalog.Encode()
	if err != nil {
		return err
	}
	return httpserver.WriteJSON(w, http.StatusOK, json.RawMessage(content))
}

// model answers with the parameters that reports are computed with: they say nothing
// of any learner, and whoever reads a report may redo its arithmetic.
func (a *API) model(w http.ResponseWriter, _ *http.Request) error {
	return WriteModel(w, a.Service.Active().Course.Describe())
}

// WriteModel answers with the very document that proves a model's version.
func WriteModel(w http.ResponseWriter, m *project.Model) error {
	content, err := m.Encode()
	if err != nil {
		return err
	}
	return httpserver.WriteJSON(w, http.StatusOK, json.RawMessage(content))
}

func (a *API) projections(w http.ResponseWriter, r *http.Request) error {
	p, err := a.Service.Projections(r.Context())
	if err != nil {
		return err
	}
	return httpserver.WriteJSON(w, http.StatusOK, p)
}

func (a *API) contract(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "application/yaml")
	_, err := w.Write(a.Contract)
	return err
}
