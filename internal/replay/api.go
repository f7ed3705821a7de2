package replay

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"time"

	"github.com/gapwise/gapwise/internal/httpserver"
)

// Listed is a generation as the status shows it.
type Listed struct {
	Generation string     `json:"generation"`
	Catalog    string     `json:"catalog"`
	Model      string     `json:"model"`
	Since      *time.Time `json:"since,omitzero"` // it answers requests; not told for others
	Floor      uint64     `json:"floor"`          // the last sequence that it holds
}

// Replay is the candidate as the status shows it.
type Replay struct {
	ID    string `json:"id"`
	State string `json:"state"` // planned, building or ready
	From  From   `json:"from"`
	Why   string `json:"why"`
	Listed
	Started  time.Time `json:"started"`
	Head     uint64    `json:"head"` // the last sequence of the log then
	Progress *Progress `json:"progress,omitzero"`
	Built    *Built    `json:"built,omitzero"`
	// Identical: it holds the very rows that the active one does. Nil: not compared.
	Identical *bool `json:"identical,omitzero"`
	// Affected is the share of learners of whom some state has another word. Nil: not
	// compared, or nothing can differ.
	Affected *float64 `json:"affected,omitzero"`
}

// The states of a candidate.
const (
	Planned  = "planned"
	Building = "building"
	IsReady  = "ready"
)

// Status tells which generations there are.
type Status struct {
	Active  Listed       `json:"active"`
	Kept    *Listed      `json:"kept"`   // the way back; null: there is none
	Replay  *Replay      `json:"replay"` // null: there is none
	Leaving []string     `json:"leaving"`
	History []Activation `json:"history"` // ascending
}

// Status tells which generations there are, and how far a replay is.
func (r *Replays) Status(ctx context.Context) (*Status, error) {
	s, _, err := r.Pointer.Get(ctx)
	if err != nil {
		return nil, fmt.Errorf("read which generation is active: %w", err)
	}
	st := &Status{Leaving: []string{}, History: s.History}
	if st.Active, err = r.listed(ctx, s.Active); err != nil {
		return nil, err
	}
	st.Active.Since = &s.Since
	for _, g := range s.Leaving {
		st.Leaving = append(st.Leaving, g.Name())
	}
	if s.Kept != nil {
		kept, err := r.listed(ctx, *s.Kept)
		if err != nil {
			return nil, err
		}
		st.Kept = &kept
	}
	if s.Candidate != nil {
		if st.Replay, err = r.candidate(ctx, &s); err != nil {
			return nil, err
		}
	}
	return st, nil
}

func (r *Replays) listed(ctx context.Context, g Generation) (Listed, error) {
	floor, err := r.Store.Floor(ctx, g.Facts)
	return Listed{Generation: g.Name(), Catalog: g.Catalog, Model: g.Model, Floor: floor}, err
}

func planned(c *Candidate) *Replay {
	return &Replay{
		ID: c.ID, State: Planned, From: c.From, Why: c.Why, Started: c.Started, Head: c.Head,
		Listed: Listed{Generation: c.Name(), Catalog: c.Catalog, Model: c.Model},
	}
}

func (r *Replays) candidate(ctx context.Context, s *State) (*Replay, error) {
	shown := planned(s.Candidate)
	shown.State, shown.Built = Building, s.Candidate.Built
	var err error
	if shown.Listed, err = r.listed(ctx, s.Candidate.Generation); err != nil {
		return nil, err
	}
	if shown.Progress, err = r.Keeper.Progress(ctx, s.Candidate.ID); err != nil {
		return nil, err
	}
	if shown.Built == nil {
		return shown, nil
	}
	shown.State = IsReady
	c, err := r.against(ctx, s.Active, s.Candidate.Generation)
	if err != nil || c == nil {
		return shown, err
	}
	shown.Identical = &c.Identical
	if c.People != nil {
		shown.Affected = &c.People.Share
	}
	return shown, nil
}

// Routes adds the operator's routes of replays to a router.
func (r *Replays) Routes(router *httpserver.Router) {
	operator := httpserver.Roles(httpserver.RoleOperator)
	router.Handle("GET /v1/admin/replays", r.status, operator)
	router.Handle("POST /v1/admin/replays", r.order, operator)
	router.Handle("GET /v1/admin/replays/comparison", r.comparison, operator)
	router.Handle("GET /v1/admin/replays/stream", r.stream, operator, httpserver.Streaming())
}

func (r *Replays) status(w http.ResponseWriter, req *http.Request) error {
	s, err := r.Status(req.Context())
	if err != nil {
		return err
	}
	return httpserver.WriteJSON(w, http.StatusOK, s)
}

func (r *Replays) comparison(w http.ResponseWriter, req *http.Request) error {
	c, err := r.Comparison(req.Context())
	if err != nil {
		return err
	}
	return httpserver.WriteJSON(w, http.StatusOK, c)
}

func (r *Replays) order(w http.ResponseWriter, req *http.Request) error {
	var o Order
	if err := httpserver.ReadJSON(req, &o); err != nil {
		return err
	}
	if err := o.check(); err != nil {
		return err
	}
	status := http.StatusOK
	var err error
	switch o.Action {
	case ActionStart:
		var c *Candidate
		if c, err = r.Start(req.Context(), o); err == nil && o.DryRun {
			return httpserver.WriteJSON(w, http.StatusOK, &Status{Replay: planned(c), Leaving: []string{}, History: []Activation{}})
		}
		status = http.StatusAccepted
	case ActionCompare:
		_, err = r.begin(req.Context())
		status = http.StatusAccepted
	case ActionActivate:
		err = r.Activate(req.Context(), o.MostAffected)
	case ActionRollback:
		err = r.Rollback(req.Context())
	case ActionCancel:
		err = r.Cancel(req.Context())
	case ActionDrop:
		err = r.Drop(req.Context())
	}
	if err != nil {
		return err
	}
	s, err := r.Status(req.Context())
	if err != nil {
		return err
	}
	return httpserver.WriteJSON(w, status, s)
}

// check refuses what an action doesn't take.
func (o *Order) check() error {
	switch o.Action {
	case ActionStart, ActionCompare, ActionActivate, ActionRollback, ActionCancel, ActionDrop:
	default:
		return httpserver.Unprocessable("action is %.40q: must be start, compare, activate, rollback, cancel or drop", o.Action)
	}
	if o.From != "" && o.From != FromLog && o.From != FromFacts {
		return httpserver.Unprocessable("from is %.40q: must be log or facts; leave it out to let it be chosen", o.From)
	}
	if o.Action != ActionStart && (o.From != "" || o.Catalog != "" || o.Model != "" || o.DryRun) {
		return httpserver.Unprocessable("from, catalog, model and dry_run are for the action start; leave them out")
	}
	if o.MostAffected != nil && (o.Action != ActionActivate || *o.MostAffected < 0 || *o.MostAffected > 1) {
		return httpserver.Unprocessable("most_affected is a share from 0 to 1, and for the action activate only")
	}
	return nil
}

// How often listeners hear at most, and how long a quiet stream stays silent.
const (
	streamEvery = time.Second
	beatEvery   = 15 * time.Second
)

// stream sends the status whenever it changes, until the caller leaves.
func (r *Replays) stream(w http.ResponseWriter, req *http.Request) error {
	ctx := req.Context()
	now, err := r.Status(ctx)
	if err != nil {
		return err // still an answer with a status
	}
	events, err := httpserver.NewEventStream(w)
	if err != nil {
		return err
	}
	if err := events.Send("", "replay", now); err != nil {
		return err
	}
	tick := time.NewTicker(streamEvery)
	defer tick.Stop()
	for sent, quiet := now, time.Duration(0); ; {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		now, err := r.Status(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		case !reflect.DeepEqual(now, sent):
			sent, quiet = now, 0
			err = events.Send("", "replay", now)
		default:
			if quiet += streamEvery; quiet >= beatEvery {
				quiet = 0
				err = events.Beat()
			}
		}
		if err != nil {
			return err
		}
	}
}
