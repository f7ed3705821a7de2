package replay

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/gapwise/gapwise/internal/httpserver"
	"github.com/gapwise/gapwise/internal/project"
)

// Generation is all of history seen one way. It never changes: another catalog or
// model makes another one.
type Generation struct {
	Facts     uint32 `json:"facts"`             // the generation of facts
	Derived   uint32 `json:"derived"`           // its own number
	Catalog   string `json:"catalog"`           // version
	Published uint64 `json:"catalog_published"` // the catalog's publication in the log

	Model          string `json:"model"`           // version
	ModelPublished uint64 `json:"model_published"` // the model's publication; 0 for the starting model

	// Decoding is the [project.Decoding] that the facts were decoded by.
	Decoding int `json:"decoding"`
}

// Name is what reports call the generation.
func (g Generation) Name() string { return fmt.Sprintf("%d.%d", g.Facts, g.Derived) }

// Row is the generation as the database keeps it.
func (g Generation) Row() project.Generation {
	return project.Generation{Facts: g.Facts, Derived: g.Derived, Catalog: g.Catalog, Model: g.Model}
}

// From says what a replay begins with.
type From string

// The origins of a generation.
const (
	FromLog   From = "log"   // the log is decoded again
	FromFacts From = "facts" // the active generation's facts are folded again
)

// Candidate is a generation that is being built, or is ready to be activated.
type Candidate struct {
	ID string `json:"id"`
	Generation
	From    From      `json:"from"`
	Why     string    `json:"why"` // from there, in words
	Started time.Time `json:"started"`
	Head    uint64    `json:"head"` // the last sequence of the log then
	Built   *Built    `json:"built,omitzero"`
}

// Built tells what building a candidate took.
type Built struct {
	Ended   time.Time `json:"ended"`
	Events  uint64    `json:"events"`  // that were decoded, or answers that were folded
	Seconds float64   `json:"seconds"` // of work; time without a process to do it aside
}

// Activation tells since when a generation answered requests.
type Activation struct {
	Since time.Time `json:"since"`
	Generation
}

// State is the value of the pointer.
type State struct {
	Format    int          `json:"format"` // [StateFormat]
	Active    Generation   `json:"active"`
	Since     time.Time    `json:"since"` // requests before that are answered by the one before
	Kept      *Generation  `json:"kept,omitzero"`
	Candidate *Candidate   `json:"candidate,omitzero"`
	Leaving   []Generation `json:"leaving,omitempty"`
	History   []Activation `json:"history"` // ascending; the last one is of Active
	Fence     fence        `json:"facts"`
}

// fence keeps versions that knew format 1 only from taking the pointer for one of
// theirs, in which generation 0 is active: where they read a number there is this text.
type fence struct{}

func (fence) MarshalText() ([]byte, error) {
	return []byte("written by a newer gapwise: start that one"), nil
}
func (fence) UnmarshalJSON([]byte) error { return nil } // of format 1, too

// StateFormat is the form in which this version writes the pointer.
const StateFormat = 2

// stateOfFormat1 is the pointer as versions before wrote it: they kept neither a way
// back nor a history.
type stateOfFormat1 struct {
	Facts          uint32 `json:"facts"`
	Derived        uint32 `json:"derived"`
	Catalog        string `json:"catalog"`
	Published      uint64 `json:"published"`
	Model          string `json:"model"`
	ModelPublished uint64 `json:"model_published"`
	Before         uint32 `json:"before"`
}

// UnmarshalJSON reads the pointer, in the form of versions before, too: Format tells.
func (s *State) UnmarshalJSON(text []byte) error {
	type plain State
	var now plain
	if err := json.Unmarshal(text, &now); err != nil {
		return err
	}
	switch {
	case now.Format > StateFormat:
		return fmt.Errorf("the pointer has format %d, and this version knows those up to %d: start a newer gapwise", now.Format, StateFormat)
	case now.Format == StateFormat:
		*s = State(now)
		return nil
	}
	var old stateOfFormat1
	if err := json.Unmarshal(text, &old); err != nil {
		return err
	}
	*s = State{Format: 1, Active: Generation{
		Facts: old.Facts, Derived: old.Derived, Catalog: old.Catalog, Published: old.Published,
		Model: old.Model, ModelPublished: old.ModelPublished, Decoding: 1,
	}}
	if s.Active.Model == "" {
		s.Active.Model = project.StartingModel
	}
	s.History = []Activation{{Generation: s.Active}}
	if old.Before > 0 { // not written since, so no way back
		s.Leaving = []Generation{{Facts: old.Facts, Derived: old.Before, Decoding: 1}}
	}
	return nil
}

// First is the state of a deployment whose first generation is active.
func First(g Generation, now time.Time) State {
	return State{Format: StateFormat, Active: g, Since: now, History: []Activation{{Since: now, Generation: g}}}
}

// Written lists the generations that every event is written to.
func (s *State) Written() []Generation {
	list := []Generation{s.Active}
	if s.Kept != nil {
		list = append(list, *s.Kept)
	}
	if s.Candidate != nil {
		list = append(list, s.Candidate.Generation)
	}
	return list
}

// Uses reports whether a generation of facts is written.
func (s *State) Uses(facts uint32) bool {
	return slices.ContainsFunc(s.Written(), func(g Generation) bool { return g.Facts == facts })
}

// Knew reports whether a catalog was ever active.
func (s *State) Knew(catalog string) bool {
	return slices.ContainsFunc(s.History, func(a Activation) bool { return a.Catalog == catalog })
}

// clone copies what changes in place.
func (s State) clone() State {
	s.Format = StateFormat
	s.Leaving, s.History = slices.Clone(s.Leaving), slices.Clone(s.History)
	return s
}

// Replace makes another generation active at once, and lets the one before go.
func (s State) Replace(g Generation, now time.Time) State {
	s = s.clone()
	s.Leaving = append(s.Leaving, s.Active)
	s.switchTo(g, now)
	return s
}

func (s *State) switchTo(g Generation, at time.Time) {
	s.Active, s.Since = g, at
	s.History = append(s.History, Activation{Since: at, Generation: g})
}

// Begin adds a candidate, which is to be built.
func (s State) Begin(c Candidate) (State, error) {
	if s.Candidate != nil {
		return s, s.Candidate.inTheWay()
	}
	s = s.clone()
	s.Candidate = &c
	return s, nil
}

// inTheWay tells why a second replay is refused.
func (c *Candidate) inTheWay() error {
	if c.Built == nil {
		return httpserver.Conflict("replay %s is building generation %s since %s: wait for it, or cancel it (gapwise replay cancel)",
			c.ID, c.Name(), c.Started.Format(time.RFC3339))
	}
	return httpserver.Conflict("generation %s is ready: activate it (gapwise replay activate) or cancel it (gapwise replay cancel) before another replay",
		c.Name())
}

// Ready says that a candidate is built.
func (s State) Ready(id string, b Built) (State, error) {
	if s.Candidate == nil || s.Candidate.ID != id {
		return s, httpserver.Conflict("replay %s was cancelled", id)
	}
	s = s.clone()
	c := *s.Candidate
	c.Built = &b
	s.Candidate = &c
	return s, nil
}

// ready returns the candidate, if it can be activated.
func (s *State) ready() (*Candidate, error) {
	switch {
	case s.Candidate == nil:
		return nil, httpserver.Conflict("there is no generation to activate: gapwise replay start makes one")
	case s.Candidate.Built == nil:
		return nil, httpserver.Conflict("generation %s is not built yet: gapwise replay status tells how far it is", s.Candidate.Name())
	}
	return s.Candidate, nil
}

// Activate lets the candidate answer requests from a moment on. The active
// generation is kept; one that was kept before goes.
func (s State) Activate(at time.Time) (State, error) {
	c, err := s.ready()
	if err != nil {
		return s, err
	}
	s = s.clone()
	if s.Kept != nil {
		s.Leaving = append(s.Leaving, *s.Kept)
	}
	active := s.Active
	s.Kept, s.Candidate = &active, nil
	s.switchTo(c.Generation, at)
	return s, nil
}

// Rollback lets the kept generation answer requests from a moment on. The one that
// was active is kept in its place.
func (s State) Rollback(at time.Time) (State, error) {
	if s.Kept == nil {
		return s, httpserver.Conflict("there is no generation to go back to: none was activated over generation %s, or the one before was dropped", s.Active.Name())
	}
	s = s.clone()
	kept, active := *s.Kept, s.Active
	s.Kept = &active
	s.switchTo(kept, at)
	return s, nil
}

// Cancel gives the candidate up, built or not.
func (s State) Cancel() (State, error) {
	if s.Candidate == nil {
		return s, httpserver.Conflict("there is no replay to cancel")
	}
	s = s.clone()
	s.Leaving = append(s.Leaving, s.Candidate.Generation)
	s.Candidate = nil
	return s, nil
}

// Drop gives up the way back.
func (s State) Drop() (State, error) {
	if s.Kept == nil {
		return s, httpserver.Conflict("no generation is kept: there is nothing to drop")
	}
	s = s.clone()
	s.Leaving = append(s.Leaving, *s.Kept)
	s.Kept = nil
	return s, nil
}

// Left says that the rows of a generation are gone.
func (s State) Left(derived uint32) State {
	s = s.clone()
	s.Leaving = slices.DeleteFunc(s.Leaving, func(g Generation) bool { return g.Derived == derived })
	return s
}

// leaves reports whether the rows of a generation are still to be deleted.
func (s *State) leaves(derived uint32) bool {
	return slices.ContainsFunc(s.Leaving, func(g Generation) bool { return g.Derived == derived })
}

// UnreadSince is from when on no request that begins is answered by a derived
// generation: zero when none ever was.
func (s *State) UnreadSince(derived uint32) time.Time {
	var at time.Time
	for i, a := range s.History[:max(0, len(s.History)-1)] {
		if a.Derived == derived {
			at = s.History[i+1].Since
		}
	}
	return at
}
