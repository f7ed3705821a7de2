package main

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gapwise/gapwise/internal/httpserver"
	"github.com/gapwise/gapwise/internal/project"
)

// metrics are the numbers of this process for Prometheus. No label is ever made
// from a learner, a cohort or an item.
type metrics struct {
	http      *httpserver.Metrics
	events    *prometheus.CounterVec // at the door, by outcome
	sequences *prometheus.CounterVec // projected, by outcome
	batches   prometheus.Histogram   // seconds a batch
}

// scrapeWithin bounds what a scrape asks the log.
const scrapeWithin = 2 * time.Second

func newMetrics(a *App) *metrics {
	m := &metrics{
		http: httpserver.NewMetrics(),
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gapwise_ingest_events_total", Help: "Events at the door, by what became of them."}, []string{"outcome"}),
		sequences: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gapwise_projection_sequences_total", Help: "Messages of the log projected by this process, by what they became."}, []string{"outcome"}),
		batches: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "gapwise_projection_batch_seconds", Help: "Time to decide and write one batch.",
			Buckets: prometheus.ExponentialBuckets(0.002, 2, 13)}),
	}
	for _, outcome := range []string{"accepted", "duplicate", "rejected"} {
		m.events.WithLabelValues(outcome)
	}
	for _, outcome := range []project.Outcome{project.Fact, project.Duplicate, project.Conflict, project.Dead, project.Erased} {
		m.sequences.WithLabelValues(string(outcome))
	}
	m.http.Registry.MustRegister(m.events, m.sequences, m.batches,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "gapwise_projection_floor", Help: "Last sequence that this process has projected; 0 while another one does."},
			func() float64 { return float64(a.progress().Floor) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "gapwise_erasures_pending", Help: "Learners who asked to be forgotten and are not yet; 0 while another process projects."},
			func() float64 { return float64(a.erasuresPending()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "gapwise_model_proposed", Help: "1 while a model is proposed that was fitted since the active one was activated, else 0."}, a.scrapeProposal),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "gapwise_generations_written", Help: "Generations that every event is written to: the active one, the way back, and what a replay builds."},
			func() float64 { return float64(len(a.active.now.Load().Written())) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "gapwise_generations_leaving", Help: "Generations whose rows are being deleted."},
			func() float64 { return float64(len(a.active.now.Load().Leaving)) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "gapwise_log_last_sequence", Help: "Last sequence of the log."}, a.scrapeLast),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "gapwise_projection_lag_seconds", Help: "How long the oldest event that isn't projected has waited."}, a.scrapeLag),
	)
	return m
}

func (a *App) scrapeLast() float64 {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeWithin)
	defer cancel()
	last, err := a.last(ctx)
	if err != nil {
		return -1
	}
	return float64(last)
}

func (a *App) scrapeLag() float64 {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeWithin)
	defer cancel()
	floor, err := a.store.Floor(ctx, a.active.Active().Facts)
	if err != nil {
		return -1
	}
	lag, err := a.lag(ctx, floor)
	if err != nil {
		return -1
	}
	return lag.Seconds()
}

func (a *App) scrapeProposal() float64 {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeWithin)
	defer cancel()
	active := a.active.Active()
	version, err := a.store.Proposal(ctx, active.Course.Catalog.Course, active.Derived)
	switch {
	case err != nil:
		return -1
	case version == "":
		return 0
	}
	return 1
}

func (m *metrics) ingested(accepted, duplicates, rejected int) {
	m.events.WithLabelValues("accepted").Add(float64(accepted))
	m.events.WithLabelValues("duplicate").Add(float64(duplicates))
	m.events.WithLabelValues("rejected").Add(float64(rejected))
}

func (m *metrics) projected(b *project.Batch, took time.Duration) {
	counts := map[project.Outcome]int{}
	for i := range b.Sequences {
		counts[b.Sequences[i].Outcome]++
	}
	for outcome, n := range counts {
		m.sequences.WithLabelValues(string(outcome)).Add(float64(n))
	}
	m.batches.Observe(took.Seconds())
}
