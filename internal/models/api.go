package models

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/httpserver"
	"github.com/gapwise/gapwise/internal/project"
	"github.com/gapwise/gapwise/internal/query"
)

// Order is what an operator asks for.
type Order struct {
	Action string `json:"action"` // fit or publish
	// Version is the model to publish, or the starting model's version.
	Version string `json:"version,omitempty"`
	// Model is a document to publish that was made elsewhere.
	Model json.RawMessage `json:"model,omitempty"`
	// DryRun only tells what publishing would change.
	DryRun bool `json:"dry_run,omitempty"`
}

// Listed is one model of the list.
type Listed struct {
	Version    string              `json:"version"`
	State      string              `json:"state"`              // active, published or proposed
	Made       Made                `json:"made,omitzero"`      // not told for the starting model
	Created    *time.Time          `json:"created,omitzero"`   // likewise
	Catalog    string              `json:"catalog,omitzero"`   // likewise
	Fitted     *project.Fitted     `json:"fitted,omitzero"`    // likewise
	Published  uint64              `json:"published,omitzero"` // the sequence of its publication
	Comparison *project.Comparison `json:"comparison,omitzero"`
}

// The states of a model.
const (
	ActiveModel    = "active"
	PublishedModel = "published"
	ProposedModel  = "proposed"
)

// Models lists the versions of the active course's model.
type Models struct {
	Active   string   `json:"active"`
	Proposed string   `json:"proposed,omitzero"` // fitted since the active one was activated
	Models   []Listed `json:"models"`            // the newest first, the starting model last
	Jobs     []Job    `json:"jobs"`              // of this process, the newest first
}

// Routes adds the operator's routes of models to a router.
func (w *Workshop) Routes(r *httpserver.Router) {
	operator := httpserver.Roles(httpserver.RoleOperator)
	r.Handle("GET /v1/admin/models", w.models, operator)
	r.Handle("POST /v1/admin/models", w.order, operator, httpserver.MaxBody(event.MaxPublication))
	r.Handle("GET /v1/admin/models/{version}", w.model, operator)
	r.Handle("GET /v1/admin/models/jobs/{id}", w.oneJob, operator)
}

func (w *Workshop) order(rw http.ResponseWriter, r *http.Request) error {
	var o Order
	if err := httpserver.ReadJSON(r, &o); err != nil {
		return err
	}
	var job Job
	var err error
	switch o.Action {
	case ActionFit:
		if o.Version != "" || len(o.Model) > 0 || o.DryRun {
			return httpserver.Unprocessable("fit takes nothing else: a fit changes nothing until it is published")
		}
		job, err = w.fit(Asked)
	case ActionPublish:
		job, err = w.publish(r.Context(), o)
	default:
		return httpserver.Unprocessable("action is %.40q: must be fit or publish", o.Action)
	}
	if err != nil {
		return err
	}
	rw.Header().Set("Location", "/v1/admin/models/jobs/"+job.ID)
	return httpserver.WriteJSON(rw, http.StatusAccepted, job)
}

func (w *Workshop) oneJob(rw http.ResponseWriter, r *http.Request) error {
	job, known := w.job(r.PathValue("id"))
	if !known {
		return httpserver.NotFound("there is no job %q; the last %d of this process are remembered, until it ends", r.PathValue("id"), keptJobs)
	}
	return httpserver.WriteJSON(rw, http.StatusOK, job)
}

// model answers with the very document that proves the model's version.
func (w *Workshop) model(rw http.ResponseWriter, r *http.Request) error {
	active, version := w.Active(), r.PathValue("version")
	var m *project.Model
	var err error
	if version == project.StartingModel {
		var start *project.Course
		if start, err = active.Course.Start(); err == nil {
			m = start.Describe()
		}
	} else {
		m, err = w.Store.Model(r.Context(), active.Facts, version)
	}
	if err != nil {
		return err
	}
	if m == nil {
		return httpserver.NotFound("there is no model %q; GET /v1/admin/models lists those that are", version)
	}
	return query.WriteModel(rw, m)
}

func (w *Workshop) models(rw http.ResponseWriter, r *http.Request) error {
	active := w.Active()
	course := active.Course.Catalog.Course
	kept, err := w.Store.Models(r.Context(), course)
	if err != nil {
		return err
	}
	published, err := w.Store.Published(r.Context(), active.Facts, course)
	if err != nil {
		return err
	}
	list := Models{Active: active.Course.Model, Models: merge(kept, published), Jobs: w.list()}
	if list.Proposed, err = w.Store.Proposal(r.Context(), course, active.Derived); err != nil {
		return err
	}
	list.Models = append(list.Models, Listed{Version: project.StartingModel, State: PublishedModel})
	for i := range list.Models {
		if m := &list.Models[i]; m.Version == list.Active {
			m.State = ActiveModel
		}
	}
	return httpserver.WriteJSON(rw, http.StatusOK, list)
}

// merge lists what is kept, and what only the log holds, the newest first.
func merge(kept []Record, published []Published) []Listed {
	at := map[string]uint64{}
	for _, p := range published {
		at[p.Model.Version] = p.Seq
	}
	var list []Listed
	for _, r := range kept {
		l := Listed{
			Version: r.Model.Version, State: ProposedModel, Made: r.Made, Created: &r.Created, Catalog: r.Model.Catalog,
			Fitted: r.Model.Fitted, Comparison: r.Comparison, Published: at[r.Model.Version],
		}
		if l.Published > 0 {
			l.State = PublishedModel
		}
		list = append(list, l)
		delete(at, r.Model.Version)
	}
	for _, p := range published {
		if _, only := at[p.Model.Version]; only {
			list = append(list, Listed{
				Version: p.Model.Version, State: PublishedModel, Made: Log, Created: &p.Model.Fitted.Time, Catalog: p.Model.Catalog,
				Fitted: p.Model.Fitted, Published: p.Seq,
			})
		}
	}
	slices.SortStableFunc(list, func(a, b Listed) int {
		return cmp.Or(b.Created.Compare(*a.Created), cmp.Compare(a.Version, b.Version))
	})
	return list
}
