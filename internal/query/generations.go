package query

import (
	"context"
	"time"

	"github.com/gapwise/gapwise/internal/project"
)

// Active is what reports are computed with: a generation of facts, one of
// snapshots, and the course they were made with.
type Active struct {
	Facts   uint32
	Derived uint32 // 0: there are no snapshots of the course, and all of history is folded
	Course  *project.Course
	// Name is what reports call the generation, where another one gave the report; empty:
	// it follows from the numbers.
	Name string
}

// Generations knows which generation answers requests.
type Generations interface {
	// Active is the one that does now.
	Active() Active
	// ActiveAt is Active for a request of a moment, which is now: a switch takes place
	// at a moment that is agreed on.
	ActiveAt(now time.Time) Active
	// Then is how reports of a moment were given: with the catalog of then, with the
	// model of then, or both; from the facts that are active. With both it has the name of
	// the generation that gave them.
	Then(ctx context.Context, active Active, at time.Time, catalog, model bool) (Active, error)
	// InUse tells the versions of catalog and model that reports of a moment were given
	// with.
	InUse(at time.Time) (catalog, model string)
	// ProposedCatalog returns the version of the catalog that waits for a replay;
	// empty: none does.
	ProposedCatalog(ctx context.Context) (string, error)
	// Rebuild tells how far the generation is that is built beside the active one; nil:
	// there is none.
	Rebuild(ctx context.Context) (*Rebuild, error)
}

// Rebuild is a generation that is being built, or is ready to be activated.
type Rebuild struct {
	Generation string  `json:"generation"`
	Catalog    string  `json:"catalog"`
	Model      string  `json:"model"`
	State      string  `json:"state"`          // building or ready
	Step       string  `json:"step,omitempty"` // of building
	Done       uint64  `json:"done"`           // of the step
	Of         uint64  `json:"of"`             // about
	Unit       string  `json:"unit,omitempty"`
	Left       float64 `json:"seconds_left"` // of the step; 0 when it can't be told
}

// Only is the one generation that there ever was.
type Only Active

// Active returns it.
func (o Only) Active() Active { return Active(o) }

// ActiveAt returns it, at any time.
func (o Only) ActiveAt(time.Time) Active { return Active(o) }

// Then returns it: nothing else was then.
func (o Only) Then(context.Context, Active, time.Time, bool, bool) (Active, error) {
	return Active(o), nil
}

// InUse tells those of the only one.
func (o Only) InUse(time.Time) (catalog, model string) {
	return o.Course.Catalog.Version, o.Course.Model
}

// ProposedCatalog is empty: nothing waits.
func (o Only) ProposedCatalog(context.Context) (string, error) { return "", nil }

// Rebuild is nil: nothing else is built.
func (o Only) Rebuild(context.Context) (*Rebuild, error) { return nil, nil }

// fixed are generations of which the one that was active stays so.
type fixed struct {
	Generations
	active Active
}

func (f fixed) Active() Active            { return f.active }
func (f fixed) ActiveAt(time.Time) Active { return f.active }
