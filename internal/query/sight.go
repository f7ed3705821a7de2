package query

import (
	"context"
	"time"
)

// At returns the service as it is seen at one moment: all of its reports are of that,
// whatever they are asked for, from the same facts and through the same catalog and
// model, which Active has. It is for pages that show several reports as one.
func (s *Service) At(ctx context.Context, asked Moment) (*Service, error) {
	v, err := s.view(ctx, asked)
	return s.fixed(v), err
}

// AtPage is At for a page of a list whose cursors name their moment, such as
// [Service.CohortItems]: without as_of it is the cursor's.
func (s *Service) AtPage(ctx context.Context, page Page, asked Moment) (*Service, error) {
	v, _, err := s.viewAfter(ctx, page, asked)
	return s.fixed(v), err
}

func (s *Service) fixed(v *view) *Service {
	if v == nil {
		return nil
	}
	one := *s
	one.Generations, one.sight = fixed{s.Generations, v.Active}, v
	return &one
}

// view fixes what a request sees: the active generation, read once, and the
// moment it asks for. A report of the past is seen through the catalog and the model
// of then, unless it asks for those of now.
func (s *Service) view(ctx context.Context, asked Moment) (*view, error) {
	if s.sight != nil {
		v := *s.sight
		return &v, nil
	}
	v, floor, err := s.look(ctx, asked)
	if err != nil {
		return nil, err
	}
	if asked.isPast() && (asked.Catalog == Then || asked.Model == Then) {
		if v.Active, err = s.Then(ctx, v.Active, v.at.Time, asked.Catalog == Then, asked.Model == Then); err != nil {
			return nil, err
		}
	}
	lag, err := s.Lag(ctx, floor)
	if err != nil {
		return nil, err
	}
	v.basis = Basis{
		AsOf: v.at, LagMS: lag.Milliseconds(), Generation: generationName(v.Active),
		Catalog: v.Course.Catalog.Version, Model: v.Course.Model,
	}
	return v, nil
}

// look finds the generation that answers now and, in its facts, the moment asked for.
// The moment of a report of now may come after the clock was read: the log's clock may
// be ahead, and events are projected meanwhile. Then the generation of that moment
// answers, so that the same moment, asked for later, is answered by the same one.
func (s *Service) look(ctx context.Context, asked Moment) (*view, uint64, error) {
	now := s.Now().UTC().Truncate(time.Microsecond)
	for {
		v := &view{Active: s.ActiveAt(now)}
		head, err := s.Store.Head(ctx, v.Facts)
		if err != nil {
			return nil, 0, err
		}
		if v.at, err = s.resolve(ctx, v.Facts, head, now, asked); err != nil {
			return nil, 0, err
		}
		if asked.isPast() {
			return v, head.Seq, nil
		}
		if then := s.ActiveAt(v.at.Time); then.Derived == v.Derived && then.Facts == v.Facts {
			return v, head.Seq, nil
		}
		now = v.at.Time
	}
}
