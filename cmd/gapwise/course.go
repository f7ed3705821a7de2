package main

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/gapwise/gapwise/internal/catalog"
	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/project"
	"github.com/gapwise/gapwise/internal/replay"
)

// course compiles what a generation is seen through.
func (g *generations) course(ctx context.Context, p replay.Generation) (*project.Course, error) {
	c, err := g.catalog(ctx, p)
	if err != nil {
		return nil, err
	}
	m, err := g.model(ctx, p)
	if err != nil {
		return nil, err
	}
	return project.NewCourse(c, m)
}

// catalog returns the catalog of a generation, from where it is still to be had. The
// database comes first: moving text in a course's files doesn't change its version, and
// snapshots name topics and items by their places in the catalog that was stored.
func (g *generations) catalog(ctx context.Context, p replay.Generation) (*catalog.Catalog, error) {
	c, err := g.app.store.Catalog(ctx, p.Catalog)
	if err != nil || c != nil {
		return c, err
	}
	if p.Catalog == g.found.Version {
		return g.found, nil
	}
	text, err := g.published(ctx, p.Published)
	if err == nil {
		c, err = catalog.Decode(text)
	}
	if err == nil && c.Version != p.Catalog {
		err = fmt.Errorf("there is catalog %s", c.Version)
	}
	if err != nil {
		return nil, fmt.Errorf("generation %d keeps catalog %s, which is neither in the database nor at sequence %d of the log (%w): "+
			"start once with catalog.path set to that catalog's folder; what it leads to now is %s",
			p.Derived, p.Catalog, p.Published, err, g.found.Version)
	}
	return c, nil
}

// model returns the model of a generation, from where it is still to be had; nil is
// the starting model.
func (g *generations) model(ctx context.Context, p replay.Generation) (*project.Model, error) {
	if p.Model == project.StartingModel {
		return nil, nil
	}
	m, err := g.app.store.Model(ctx, p.Facts, p.Model)
	if err != nil || m != nil {
		return m, err
	}
	text, err := g.published(ctx, p.ModelPublished)
	if err == nil {
		m, err = project.DecodeModel(text)
	}
	if err == nil && m.Version != p.Model {
		err = fmt.Errorf("there is model %s", m.Version)
	}
	if err != nil {
		return nil, fmt.Errorf("generation %d keeps model %s, which is neither in the database nor at sequence %d of the log (%w): "+
			"restore the log or the database that has it from a backup", p.Derived, p.Model, p.ModelPublished, err)
	}
	return m, nil
}

// published reads the content of a publication from the log.
func (g *generations) published(ctx context.Context, seq uint64) ([]byte, error) {
	entry, err := g.app.log.Get(ctx, seq)
	if err != nil {
		return nil, err
	}
	e, err := event.Decode(entry.Payload)
	if err != nil {
		return nil, err
	}
	publication, ok := e.Data.(*event.Publication)
	if !ok {
		return nil, fmt.Errorf("there is a %s", e.Type)
	}
	return []byte(publication.Content), nil
}

func loadCatalog(path string) (*catalog.Catalog, error) {
	if path == "" {
		return catalog.Builtin()
	}
	return catalog.Load(path)
}

// keptCourses is how many courses of the past are held in memory.
const keptCourses = 4

// recentCourses are the courses that were asked for last.
type recentCourses struct {
	mu   sync.Mutex
	list []namedCourse // the one used last comes first
}

type namedCourse struct {
	name string
	*project.Course
}

// get returns a course, which is compiled if it isn't held.
func (r *recentCourses) get(name string, compile func() (*project.Course, error)) (*project.Course, error) {
	r.mu.Lock() // also while one is made: those who wait want the same
	defer r.mu.Unlock()
	i := slices.IndexFunc(r.list, func(c namedCourse) bool { return c.name == name })
	if i < 0 {
		course, err := compile()
		if err != nil {
			return nil, err
		}
		r.list = append(r.list, namedCourse{name, course})
		i = len(r.list) - 1
	}
	found := r.list[i]
	r.list = slices.Insert(slices.Delete(r.list, i, i+1), 0, found)
	r.list = r.list[:min(len(r.list), keptCourses)]
	return found.Course, nil
}
