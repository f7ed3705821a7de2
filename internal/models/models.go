package models

import (
	"context"
	"time"

	"github.com/gapwise/gapwise/internal/project"
	"github.com/gapwise/gapwise/internal/query"
)

// Made says how a model came to be here.
type Made string

// The ways.
const (
	Asked  Made = "asked"  // fitted because an operator asked
	Itself Made = "itself" // fitted because there were enough new answers
	File   Made = "file"   // a document made elsewhere
	Log    Made = "log"    // found in the log: it was published, and the database lost
)

// Record is a model that is kept, with what speaks for it.
type Record struct {
	Model      *project.Model
	Made       Made
	Comparison *project.Comparison // nil: it was not fitted here
	Created    time.Time
}

// Published is a model that the log holds.
type Published struct {
	Model *project.Model
	Seq   uint64 // of its first publication
}

// Growth counts answers, those that are stored twice or taken back too.
type Growth struct {
	Answers  uint64
	Before   uint64 // of them up to a sequence
	Learners uint64 // about
}

// Store keeps models and reads what they are fitted to.
type Store interface {
	project.FitStore
	// Growth tells how many answers there are, and how many of them up to a sequence.
	Growth(ctx context.Context, facts uint32, before uint64) (Growth, error)
	// SaveModel keeps a model; one that is kept already stays as it is.
	SaveModel(ctx context.Context, r Record) error
	// Models lists the models of a course that are kept, the newest first.
	Models(ctx context.Context, course string) ([]Record, error)
	// Published lists the models of a course that the log holds, the newest first.
	Published(ctx context.Context, facts uint32, course string) ([]Published, error)
	// Model returns a model that is kept or was published; nil when there is none of
	// that version.
	Model(ctx context.Context, facts uint32, version string) (*project.Model, error)
	// Proposal returns the version of the newest model that was fitted here since a
	// derived generation was made, and isn't that generation's own; empty for none.
	Proposal(ctx context.Context, course string, derived uint32) (string, error)
}

// Replays makes generations and moves the pointer to them.
type Replays interface {
	// Make builds a generation of the active facts and catalog with a model beside the
	// live one, or waits for the one that is being built with it, and tells what it
	// changes. It fails while another one is in the way.
	Make(ctx context.Context, model string, tell func(Progress)) (*Built, error)
	// Activate moves the pointer to it, and waits until this process answers with it.
	Activate(ctx context.Context) error
}

// Built is a generation that is ready and not active yet.
type Built struct {
	Derived   uint32
	Published uint64 // the sequence of its model's publication; 0 for the starting model
	Changes   *query.StateChanges
}
