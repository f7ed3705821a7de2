package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/segmentio/ksuid"

	"github.com/gapwise/gapwise/internal/catalog"
	"github.com/gapwise/gapwise/internal/httpserver"
	"github.com/gapwise/gapwise/internal/project"
	"github.com/gapwise/gapwise/internal/query"
	"github.com/gapwise/gapwise/internal/replay"
	"github.com/gapwise/gapwise/internal/store"
)

// plan is what a replay would make.
type plan struct {
	replay.Candidate
	catalog *catalog.Catalog
	model   *project.Model // nil: the starting model
}

// Choose tells what a replay would make, and from where, and changes nothing.
func (g *generations) Choose(ctx context.Context, s replay.State, o replay.Order) (replay.Candidate, error) {
	p, err := g.choose(ctx, s, o)
	return p.Candidate, err
}

// Plan numbers the generation that a replay makes, and stores in the log and the
// database what it is seen through.
func (g *generations) Plan(ctx context.Context, s replay.State, o replay.Order) (replay.Candidate, error) {
	p, err := g.choose(ctx, s, o)
	if err != nil {
		return p.Candidate, err
	}
	course, err := project.NewCourse(p.catalog, p.model)
	if err != nil {
		return p.Candidate, httpserver.Unprocessable("%s", err)
	}
	if p.Published == 0 {
		if p.Published, err = g.publishCatalog(ctx, p.catalog); err != nil {
			return p.Candidate, fmt.Errorf("publish catalog %s: %w", p.Catalog, err)
		}
	}
	if p.model != nil {
		if p.ModelPublished, err = g.publishModel(ctx, s.Active.Facts, p.model); err != nil {
			return p.Candidate, fmt.Errorf("publish model %s: %w", p.Model, err)
		}
	}
	if p.Derived, err = g.reserve(ctx, s.Active.Derived); err != nil {
		return p.Candidate, fmt.Errorf("number a new generation: %w", err)
	}
	if p.From == replay.FromLog {
		p.Facts, p.Decoding = p.Derived, project.Decoding
	}
	if p.Head, err = g.app.last(ctx); err != nil {
		return p.Candidate, err
	}
	return p.Candidate, g.save(ctx, p.Generation, course)
}

// choose finds the catalog and the model that are asked for, and where to begin.
func (g *generations) choose(ctx context.Context, s replay.State, o replay.Order) (plan, error) {
	p := plan{Candidate: replay.Candidate{ID: ksuid.New().String(), Generation: s.Active, Started: time.Now().UTC()}}
	if err := g.chooseCatalog(ctx, s, o.Catalog, &p); err != nil {
		return p, err
	}
	if err := g.chooseModel(ctx, s, o.Model, &p); err != nil {
		return p, err
	}
	chooseFrom(s, o.From, &p)
	return p, nil
}

func (g *generations) chooseCatalog(ctx context.Context, s replay.State, version string, p *plan) error {
	p.Catalog, p.Published = version, 0
	if version == "" {
		proposed, seq, err := g.Proposed(ctx, s)
		if err != nil {
			return err
		}
		if p.Catalog, p.Published = proposed, seq; proposed == "" {
			p.Catalog = s.Active.Catalog
		}
	}
	if p.Published == 0 {
		p.Published = publishedAt(s, p.Catalog)
	}
	var err error
	if p.catalog, err = g.catalogOf(ctx, s.Active.Facts, p.Catalog); err == nil && p.catalog == nil {
		err = httpserver.Unprocessable("there is no catalog %.80q: gapwise catalog publish brings one to the log, GET /v1/admin/replays lists those that were active",
			p.Catalog)
	}
	return err
}

// publishedAt is where the log holds a catalog that was active.
func publishedAt(s replay.State, version string) uint64 {
	for _, a := range slices.Backward(s.History) {
		if a.Catalog == version {
			return a.Published
		}
	}
	return 0
}

// catalogOf finds a catalog by its version; nil when there is none.
func (g *generations) catalogOf(ctx context.Context, facts uint32, version string) (*catalog.Catalog, error) {
	c, err := g.app.store.Catalog(ctx, version)
	if err != nil || c != nil {
		return c, err
	}
	if version == g.found.Version {
		return g.found, nil
	}
	published, err := g.app.store.PublishedCatalogs(ctx, facts, 0)
	for _, one := range published {
		if one.Catalog.Version == version {
			return one.Catalog, nil
		}
	}
	return nil, err
}

// Proposed returns the catalog that waits for a replay, and its publication, if it has
// one: the last one published since the active one was, and never used or published
// since the last switch; else the one found at start. Empty: there is none.
func (g *generations) Proposed(ctx context.Context, s replay.State) (version string, seq uint64, err error) {
	published, err := g.app.store.PublishedCatalogs(ctx, s.Active.Facts, s.Active.Published)
	if err != nil {
		return "", 0, err
	}
	fits := func(one store.PublishedCatalog) bool {
		return one.Catalog.Version != s.Active.Catalog && (!s.Knew(one.Catalog.Version) || one.Stored.After(s.Since))
	}
	if i := slices.IndexFunc(published, fits); i >= 0 {
		return published[i].Catalog.Version, published[i].Seq, nil
	}
	return g.foundProposal(&s), 0, nil
}

// ProposedCatalog is the version of the catalog that waits for a replay; empty: none.
func (g *generations) ProposedCatalog(ctx context.Context) (string, error) {
	s := g.now.Load().State
	if s.Candidate != nil && s.Candidate.Catalog != s.Active.Catalog {
		return s.Candidate.Catalog, nil
	}
	version, _, err := g.Proposed(ctx, s)
	return version, err
}

// building reports whether a generation is being built beside the active one.
func (g *generations) building() bool {
	c := g.now.Load().Candidate
	return c != nil && c.Built == nil
}

// Rebuild tells how far the generation is that is built beside the active one; nil: there
// is none.
func (g *generations) Rebuild(ctx context.Context) (*query.Rebuild, error) {
	c := g.now.Load().Candidate
	if c == nil {
		return nil, nil
	}
	r := &query.Rebuild{Generation: c.Name(), Catalog: c.Catalog, Model: c.Model, State: replay.IsReady}
	if c.Built != nil {
		return r, nil
	}
	r.State = replay.Building
	p, err := g.app.kept().Progress(ctx, c.ID)
	if err == nil && p != nil {
		r.Step, r.Done, r.Of, r.Unit, r.Left = p.Step, p.Done, p.Of, p.Unit, p.Left
	}
	return r, err
}

func (g *generations) chooseModel(ctx context.Context, s replay.State, version string, p *plan) error {
	p.Model, p.ModelPublished = version, 0
	if version == "" {
		p.Model = s.Active.Model
	}
	if p.Model == project.StartingModel {
		return nil
	}
	m, err := g.app.store.Model(ctx, s.Active.Facts, p.Model)
	switch {
	case err != nil:
		return err
	case m == nil:
		return httpserver.Unprocessable("there is no model %.80q: gapwise model list shows those that there are", p.Model)
	case m.Course == p.catalog.Course:
		p.model = m
	case version == "": // that of another course
		p.Model = project.StartingModel
	}
	return nil
}

// chooseFrom chooses where a replay begins, as what changed calls for.
func chooseFrom(s replay.State, asked replay.From, p *plan) {
	course := ""
	if p.Catalog != s.Active.Catalog {
		course = "catalog " + p.Catalog + " in place of " + s.Active.Catalog
	}
	if p.Model != s.Active.Model {
		if course != "" {
			course += " and "
		}
		course += "model " + p.Model + " in place of " + s.Active.Model
	}
	switch {
	case asked != "":
		p.From, p.Why = asked, "as asked"
		if course != "" {
			p.Why += ", with " + course
		}
	case s.Active.Decoding < project.Decoding:
		p.From, p.Why = replay.FromLog, "this version decodes events otherwise than the one that wrote the facts"
		if course != "" {
			p.Why += "; with " + course
		}
	case course != "":
		p.From, p.Why = replay.FromFacts, course+": the facts stay as they are"
	default:
		p.From, p.Why = replay.FromLog, "nothing has changed: a rebuild from the log shows that the tables are what the log says"
	}
}
