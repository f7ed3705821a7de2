package query

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/gapwise/gapwise/internal/mastery"
	"github.com/gapwise/gapwise/internal/project"
)

// EvidenceFilter says which events to list: those of a topic, of an item, or all that
// the lens counts.
type EvidenceFilter struct {
	Measure
	Topic      string
	Item       string
	Arithmetic bool      // tell all that goes into the numbers
	Since      time.Time // events before it are counted, not listed
	Limit      int
	After      uint64 // sequence: the cursor
}

// Evidence lists the events behind a learner's number, newest first, with what
// the model expected before each.
func (s *Service) Evidence(ctx context.Context, learner string, f EvidenceFilter, at Moment) (*Evidence, error) {
	v, err := s.view(ctx, at)
	if err != nil {
		return nil, err
	}
	model := &v.Course.Lenses[f.Lens]
	topics, err := f.topics(model)
	if err != nil {
		return nil, err
	}
	targets, err := s.targets(ctx, v, f.Measure, []string{learner})
	if err != nil {
		return nil, err
	}
	e := &Evidence{Basis: v.basis, Learner: learner, Topic: f.Topic, Item: f.Item, Events: []EvidenceEvent{}}
	books, state := newLedger(model, f.Since), model.NewState()
	q := v.query(f.Lens, []string{learner})
	q.Whole = true
	err = s.Store.Histories(ctx, q, func(h *project.History) error {
		known, err := model.Replay(h, v.at.Seq, books.visit)
		state = known.State
		e.gather(h, f, model, topics, books, v.at.Seq)
		return err
	})
	if err != nil {
		return nil, err
	}
	if f.Arithmetic {
		e.Arithmetic = books.numbers(f.Lens, targets.of(learner), state, topics, v.now())
	}
	e.page(f)
	return e, s.detail(ctx, v, e)
}

// topics returns the topics that the filter means, those of its item, or all.
func (f EvidenceFilter) topics(model *project.LensModel) ([]int, error) {
	var list []int
	switch {
	case f.Item != "":
		if item, ok := model.Item(f.Item); ok {
			for _, tag := range model.Parameters.Items[item].Tags {
				list = append(list, tag.Topic)
			}
		}
	case f.Topic != "":
		topic := slices.IndexFunc(model.Topics, func(t project.Topic) bool { return t.ID == f.Topic })
		if topic < 0 {
			return nil, unknownTopic(f.Lens, f.Topic)
		}
		list = []int{topic}
	default:
		for k := range model.Topics {
			list = append(list, k)
		}
	}
	return list, nil
}

// lists reports whether answers to an item are among the events asked for.
func (f EvidenceFilter) lists(item string, model *project.LensModel, topics []int) bool {
	if f.Item != "" {
		return item == f.Item
	}
	i, counted := model.Item(item)
	return counted && slices.ContainsFunc(model.Parameters.Items[i].Tags, func(t mastery.Tag) bool { return slices.Contains(topics, t.Topic) })
}

// gather lists the events asked for.
func (e *Evidence) gather(h *project.History, f EvidenceFilter, model *project.LensModel, topics []int, books *ledger, seq uint64) {
	voided := h.Voided(seq)
	for _, g := range h.Given {
		if !f.lists(g.Item, model, topics) {
			continue
		}
		event := EvidenceEvent{
			Seq: g.Seq, Key: g.Key.String(), Time: time.UnixMicro(g.Time).UTC(), Item: g.Item, Score: g.Score,
			Voided: voided[g.Key],
		}
		if event.Time.Before(f.Since) {
			e.Before++
			continue
		}
		if predicted, folded := books.predicted[g.Seq]; folded {
			event.Predicted = &predicted
		}
		if f.Arithmetic {
			event.Arithmetic, event.Withheld = books.steps[g.Seq], books.withheld[g.Seq]
		}
		e.Events = append(e.Events, event)
	}
}

// page keeps one page of the events, newest first.
func (e *Evidence) page(f EvidenceFilter) {
	slices.SortFunc(e.Events, func(a, b EvidenceEvent) int { return cmp.Compare(b.Seq, a.Seq) })
	if f.After > 0 {
		e.Events = slices.DeleteFunc(e.Events, func(ev EvidenceEvent) bool { return ev.Seq >= f.After })
	}
	if len(e.Events) > f.Limit {
		e.Events = e.Events[:f.Limit]
		e.Next = fmt.Sprint(e.Events[f.Limit-1].Seq)
	}
}

// detail adds what the fold doesn't know.
func (s *Service) detail(ctx context.Context, v *view, e *Evidence) error {
	seqs := make([]uint64, len(e.Events))
	for i := range e.Events {
		seqs[i] = e.Events[i].Seq
	}
	details, err := s.Store.Details(ctx, v.Facts, e.Learner, seqs)
	if err != nil {
		return err
	}
	for i := range e.Events {
		d := details[e.Events[i].Seq]
		e.Events[i].Source, e.Events[i].Stored, e.Events[i].GradedBy = d.Source, d.Stored, d.GradedBy
	}
	return nil
}
