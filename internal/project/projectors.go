package project

import "github.com/gapwise/gapwise/internal/event"

// All lists every projector in the order they run. A projector is a pure
// function from one fact to rows: it neither asks the clock nor the store.
var All = []func(Meta, *event.Event, *Batch){
	answers,
	voids,
	ticks,
	sessions,
	memberships,
	steerings,
	publications,
	erasures,
	receipts,
	deadLetterActions,
}

func answers(m Meta, e *event.Event, b *Batch) {
	if d, ok := e.Data.(*event.Answer); ok {
		b.Answers = append(b.Answers, Answer{m, *d})
	}
}

func voids(m Meta, e *event.Event, b *Batch) {
	if d, ok := e.Data.(*event.Void); ok {
		b.Voids = append(b.Voids, Void{m, *d})
	}
}

func ticks(m Meta, e *event.Event, b *Batch) {
	if d, ok := e.Data.(*event.Tick); ok {
		b.Ticks = append(b.Ticks, Tick{m, *d})
	}
}

func sessions(m Meta, e *event.Event, b *Batch) {
	if d, ok := e.Data.(*event.Session); ok {
		b.Sessions = append(b.Sessions, Session{m, *d})
	}
}

func memberships(m Meta, e *event.Event, b *Batch) {
	if d, ok := e.Data.(*event.Membership); ok {
		b.Memberships = append(b.Memberships, Membership{m, *d})
	}
}

func steerings(m Meta, e *event.Event, b *Batch) {
	d, ok := e.Data.(*event.Steering)
	if !ok {
		return
	}
	action := Pinned
	switch e.Type {
	case event.TopicExcluded:
		action = Excluded
	case event.TopicReleased:
		action = Released
	}
	b.Steerings = append(b.Steerings, Steering{m, *d, action})
}

func publications(m Meta, e *event.Event, b *Batch) {
	d, ok := e.Data.(*event.Publication)
	if !ok {
		return
	}
	kind := "catalog"
	if e.Type == event.ModelPublished {
		kind = "model"
	}
	b.Publications = append(b.Publications, Publication{m, *d, kind})
}

func erasures(m Meta, e *event.Event, b *Batch) {
	if d, ok := e.Data.(*event.Erasure); ok {
		b.Erasures = append(b.Erasures, Erasure{m, *d})
	}
}

func receipts(m Meta, e *event.Event, b *Batch) {
	if d, ok := e.Data.(*event.Receipt); ok {
		b.Receipts = append(b.Receipts, Receipt{m, *d})
	}
}

func deadLetterActions(m Meta, e *event.Event, b *Batch) {
	d, ok := e.Data.(*event.DeadLetter)
	if !ok {
		return
	}
	action := Retried
	if e.Type == event.DeadLetterDropped {
		action = Dropped
	}
	b.Actions = append(b.Actions, DeadLetterAction{m, *d, action})
}
