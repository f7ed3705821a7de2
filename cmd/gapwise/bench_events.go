package main

import (
	"context"
	"io"
	"iter"
	"time"

	"github.com/gapwise/gapwise/internal/catalog"
	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/simulate"
)

// benchPrefix begins the ids of simulated learners.
const benchPrefix = "bench-"

// benchLate is the share of simulated events that come after later ones.
const benchLate = 0.01

// simulated returns the events of a simulated cohort on the catalog of the gapwise
// that is measured, one a call, encoded; after the last one io.EOF.
func (b *benchRun) simulated(ctx context.Context, n int) (next func() (encoded, error), stop func(), err error) {
	course, err := b.client.catalog(ctx)
	if err != nil {
		return nil, nil, err
	}
	return simulated(course, simulate.Config{Seed: 1, Learners: max(10, min(10_000, n/100)), Events: n, Cohort: "bench"})
}

// simulated returns the events of a simulation that ends an hour ago.
func simulated(course *catalog.Catalog, config simulate.Config) (next func() (encoded, error), stop func(), err error) {
	config.Prefix, config.Source = benchPrefix, "gapwise/bench"
	config.To = time.Now().Add(-time.Hour).Truncate(time.Microsecond)
	config.From = config.To.AddDate(0, -2, 0)
	simulation, err := simulate.New(config, course)
	if err != nil {
		return nil, nil, err
	}
	pull, stop := iter.Pull(simulation.Events())
	return func() (encoded, error) {
		e, ok := pull()
		if !ok {
			return encoded{}, io.EOF
		}
		payload, err := event.Encode(e)
		return encoded{e.Subject, payload}, err
	}, stop, nil
}
