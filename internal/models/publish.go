package models

import (
	"context"
	"fmt"
	"time"

	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/httpserver"
	"github.com/gapwise/gapwise/internal/project"
	"github.com/gapwise/gapwise/internal/query"
)

// Publication is what publishing a model did, or would do.
type Publication struct {
	Version    string `json:"version"`
	Catalog    string `json:"catalog"`     // that it is used with
	Before     string `json:"before"`      // the active model until then
	KnownItems int    `json:"known_items"` // of the catalog, that the model has parameters for
	Items      int    `json:"items"`       // of the catalog that can be answered
	// Already: it was active, so there was nothing to do.
	Already bool `json:"already"`
	// Generation is the one that answers with it now; nil in a dry run.
	Generation *uint32 `json:"generation"`
	// Published is the sequence of its publication in the log; 0 in a dry run, and for
	// the starting model.
	Published uint64              `json:"published"`
	Changes   *query.StateChanges `json:"changes"` // nil when it was active already
}

// ordered finds the model that is to be published: nil is the starting model.
func (w *Workshop) ordered(ctx context.Context, o Order) (*project.Model, Made, error) {
	switch {
	case (o.Version == "") == (len(o.Model) == 0):
		return nil, "", httpserver.Unprocessable("publish takes a version or a model, one of them: GET /v1/admin/models lists the versions")
	case len(o.Model) > 0:
		m, err := project.DecodeModel(o.Model)
		if err != nil {
			return nil, "", httpserver.Unprocessable("the model is none: %s", err)
		}
		return m, File, nil
	case o.Version == project.StartingModel:
		return nil, "", nil
	}
	m, err := w.Store.Model(ctx, w.Active().Facts, o.Version)
	if err == nil && m == nil {
		err = httpserver.Unprocessable("there is no model %.80q; GET /v1/admin/models lists those that are, and %s is the one that follows from the catalog",
			o.Version, project.StartingModel)
	}
	return m, Log, err
}

// publish starts a publication, or tells what it would do.
func (w *Workshop) publish(ctx context.Context, o Order) (Job, error) {
	m, made, err := w.ordered(ctx, o)
	if err != nil {
		return Job{}, err
	}
	course, err := w.compile(m)
	if err != nil {
		return Job{}, err
	}
	return w.begin(Job{Action: ActionPublish, DryRun: o.DryRun, Version: course.Model},
		func(ctx context.Context, tell func(Progress), result *Job) error {
			p := &Publication{Version: course.Model, Catalog: course.Catalog.Version, Before: w.Active().Course.Model}
			result.Publication = p
			p.KnownItems, p.Items = course.Describe().Known(course.Catalog)
			if p.Already = p.Before == p.Version; p.Already {
				return nil
			}
			if o.DryRun {
				return w.compare(ctx, course, tell, p)
			}
			if made == File {
				if err := w.Store.SaveModel(ctx, Record{Model: m, Made: File, Created: w.Now()}); err != nil {
					return err
				}
			}
			return w.activate(ctx, course, tell, p)
		})
}

// compile makes the course that a model would be used with.
func (w *Workshop) compile(m *project.Model) (*project.Course, error) {
	course, err := project.NewCourse(w.Active().Course.Catalog, m)
	if err != nil {
		return nil, httpserver.Unprocessable("%s", err)
	}
	if ahead := w.Now().Add(event.MaxAhead); m != nil && m.Fitted.Time.After(ahead) {
		return nil, httpserver.Unprocessable("model %s was fitted at %s, which is yet to come: mend fitted.time",
			m.Version, m.Fitted.Time.Format(time.RFC3339))
	}
	return course, nil
}

// activate makes a generation with the course, and moves the pointer to it.
func (w *Workshop) activate(ctx context.Context, course *project.Course, tell func(Progress), p *Publication) error {
	made, err := w.Replays.Make(ctx, course.Model, tell)
	if err != nil {
		return err
	}
	tell(Progress{Step: "activating", Unit: "learners"})
	if err := w.Replays.Activate(ctx); err != nil {
		return fmt.Errorf("activate model %s: %w", course.Model, err)
	}
	p.Published, p.Generation, p.Changes = made.Published, &made.Derived, made.Changes
	return nil
}

// compare counts what the course changes of what people read.
func (w *Workshop) compare(ctx context.Context, course *project.Course, tell func(Progress), p *Publication) error {
	var err error
	p.Changes, err = w.Changes(ctx, course, func(done, of uint64) {
		tell(Progress{Step: "comparing", Done: done, Of: of, Unit: "learners"})
	})
	return err
}
