package models

import (
	"context"
	"errors"
	"time"

	"github.com/gapwise/gapwise/internal/httpserver"
)

// Rule says when there are enough new answers for a fit.
type Rule struct {
	Never    bool    // however many there are
	Answers  uint64  // at least so many
	Learners uint64  // by at least so many learners
	Growth   float64 // and so many more than at the last fit: .5 is half as many again
}

// missing returns how many sequences must come at least before there can be enough;
// 0 when there is enough now. Each answer takes one.
func (r Rule) missing(g Growth) uint64 {
	return max(
		lack(r.Answers, g.Answers),
		lack(r.Learners, g.Learners),
		lack(uint64(float64(g.Before)*(1+r.Growth)), g.Answers),
	)
}

func lack(want, have uint64) uint64 {
	if have >= want {
		return 0
	}
	return want - have
}

// proposeEvery is how often it is looked whether there are enough new answers.
const proposeEvery = time.Minute

// Proposer makes fits by itself. One goroutine runs it.
type Proposer struct {
	Workshop *Workshop
	Rule     Rule
	// Busy tells whether a fit shall wait: facts are missing that the log holds, so an
	// import is under way and the fit would be followed by the next; or a generation is
	// being built, and the fit would take a core from that.
	Busy  func(ctx context.Context) (bool, error)
	Every time.Duration // between two looks; 0: a minute

	next uint64 // there can't be enough before this sequence
}

// Run proposes until the context ends. Errors are told to the log and tried again.
func (p *Proposer) Run(ctx context.Context) error {
	if p.Rule.Never {
		return nil
	}
	every := p.Every
	if every == 0 {
		every = proposeEvery
	}
	look := time.NewTicker(every)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-look.C:
		}
		if err := p.Look(ctx); err != nil && ctx.Err() == nil {
			p.Workshop.Log.WarnContext(ctx, "can't look for enough new answers to propose a model, will go on", "error", err)
		}
	}
}

// Look starts a fit if there are enough new answers and nothing else is going on.
func (p *Proposer) Look(ctx context.Context) error {
	w := p.Workshop
	active := w.Active()
	floor, err := w.Store.Floor(ctx, active.Facts)
	if err != nil || floor < p.next {
		return err
	}
	if busy, err := p.Busy(ctx); err != nil || busy {
		return err
	}
	last, err := p.lastFit(ctx)
	if err != nil {
		return err
	}
	growth, err := w.Store.Growth(ctx, active.Facts, last)
	if err != nil {
		return err
	}
	if missing := p.Rule.missing(growth); missing > 0 {
		p.next = floor + missing
		return nil
	}
	_, err = w.fit(Itself)
	if busy := (*httpserver.Problem)(nil); errors.As(err, &busy) {
		return nil // another order is carried out: look again later
	}
	p.next = floor + 1 // should it fail, it is not worth trying again before there is something new
	return err
}

// lastFit returns up to which sequence the last fit knows the answers: the active
// model, or one that was proposed since. A model that was made elsewhere knows none
// of this log's answers; it was right for those that there were when it was published.
func (p *Proposer) lastFit(ctx context.Context) (uint64, error) {
	w := p.Workshop
	active := w.Active()
	course := active.Course.Catalog.Course
	kept, err := w.Store.Models(ctx, course)
	if err != nil {
		return 0, err
	}
	published, err := w.Store.Published(ctx, active.Facts, course)
	if err != nil {
		return 0, err
	}
	last, own := uint64(0), map[string]bool{}
	for _, r := range kept {
		if own[r.Model.Version] = r.Made == Asked || r.Made == Itself; own[r.Model.Version] {
			last = max(last, r.Model.Fitted.Seq)
		}
	}
	for _, m := range published {
		if m.Model.Version == active.Course.Model && !own[m.Model.Version] {
			last = max(last, m.Seq)
		}
	}
	return last, nil
}
