package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"iter"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/time/rate"

	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/httpserver"
	"github.com/gapwise/gapwise/internal/simulate"
)

// simulateJob is what a simulation was asked for.
type simulateJob struct {
	config   simulate.Config
	from, to string
	days     int
	rate     float64
	out      string
	json     bool
	patience time.Duration
}

func (t *terminal) simulateVerb() *cobra.Command {
	var job simulateJob
	cmd := &cobra.Command{
		Use:   "simulate",
		Short: "Send the events of made-up learners to a running gapwise",
		Long: `Make up learners who study the course, with abilities, forgetting, sessions and
habits of their own, and send their events to a running gapwise, or write them as
lines of JSON. The same flags, course and span of time give the same events, so that
sending them again adds nothing.`,
		Example: `  gapwise simulate --cohort trial --learners 200 --events 50000
  gapwise simulate --seed 7 --from 2026-01-01 --to 2026-03-01 --rate 100
  gapwise simulate --events 1000 --out events.ndjson`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := job.span(time.Now()); err != nil {
				return &usageError{err}
			}
			if job.out != "" {
				return t.simulateTo(cmd, job)
			}
			return t.simulateSend(cmd, job)
		},
	}
	flags := cmd.Flags()
	flags.Uint64Var(&job.config.Seed, "seed", 1, "another seed makes up another cohort")
	flags.IntVar(&job.config.Learners, "learners", 50, "how many learners")
	flags.IntVar(&job.config.Events, "events", 10_000, "how many different events")
	flags.StringVar(&job.from, "from", "", "first moment, a date or RFC 3339 (default: --days before --to)")
	flags.StringVar(&job.to, "to", "", "end of the time, a date or RFC 3339 (default: the beginning of today, UTC)")
	flags.IntVar(&job.days, "days", 30, "how many days, where --from is not given")
	flags.StringVar(&job.config.Cohort, "cohort", "", "let all join this cohort")
	flags.StringVar(&job.config.Source, "source", "gapwise/simulate", "source of the events")
	flags.StringVar(&job.config.Prefix, "prefix", "sim-", "how the learners' ids begin")
	flags.StringSliceVar(&job.config.Weak, "weak", nil, "concerns in which most learners are weak (default: as the seed decides)")
	flags.Float64Var(&job.config.Late, "late", 0, "share of the events that come after later ones, up to 0.5")
	flags.Float64Var(&job.config.Repeats, "repeats", 0, "share of the events that come a second time, up to 0.5")
	flags.Float64Var(&job.rate, "rate", 0, "events per second (default: as fast as they are taken)")
	flags.StringVar(&job.out, "out", "", "write lines of JSON to this file, or - for standard output, instead of sending")
	flags.BoolVar(&job.json, "json", false, "print the summary as JSON")
	flags.DurationVar(&job.patience, "patience", 2*time.Minute, "how long to wait for a gapwise that is away or full")
	addClientFlags(cmd)
	return cmd
}

// span settles which time is simulated.
func (job *simulateJob) span(now time.Time) error {
	job.config.To = now.UTC().Truncate(24 * time.Hour)
	var err error
	if job.to != "" {
		if job.config.To, err = parseTime("--to", job.to); err != nil {
			return err
		}
	}
	if job.days < 1 {
		return fmt.Errorf("--days %d: it must be at least 1", job.days)
	}
	if job.rate < 0 {
		return fmt.Errorf("--rate %v: it must not be negative", job.rate)
	}
	job.config.From = job.config.To.AddDate(0, 0, -job.days)
	if job.from != "" {
		job.config.From, err = parseTime("--from", job.from)
	}
	return err
}

// parseTime reads a date, which is its beginning in UTC, or a time.
func parseTime(flag, text string) (time.Time, error) {
	for _, layout := range []string{time.DateOnly, time.RFC3339Nano} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC().Truncate(time.Microsecond), nil
		}
	}
	return time.Time{}, fmt.Errorf("%s %q is neither a date such as 2026-03-01 nor a time such as 2026-03-01T09:30:00Z", flag, text)
}

// simulateTo writes the events. The course is the configured one: nothing needs to run.
func (t *terminal) simulateTo(cmd *cobra.Command, job simulateJob) error {
	c, err := t.config(cmd)
	if err != nil {
		return err
	}
	course, err := loadCatalog(c.Catalog.Path)
	if err != nil {
		return err
	}
	simulation, err := simulate.New(job.config, course)
	if err != nil {
		return &usageError{err}
	}
	if job.out == "-" {
		return writeEvents(cmd.Context(), t.out, simulation.Events(), job.rate)
	}
	file, err := os.Create(job.out)
	if err != nil {
		return err
	}
	if err := writeEvents(cmd.Context(), file, simulation.Events(), job.rate); err != nil {
		_ = file.Close()
		return err
	}
	return file.Close()
}

func writeEvents(ctx context.Context, to io.Writer, events iter.Seq[*event.Event], perSecond float64) error {
	buffered := bufio.NewWriter(to)
	for e := range throttled(ctx, events, perSecond) {
		line, err := event.Encode(e)
		if err != nil {
			return err
		}
		if _, err := buffered.Write(append(line, '\n')); err != nil {
			return err
		}
		if perSecond > 0 {
			if err := buffered.Flush(); err != nil {
				return err
			}
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return buffered.Flush()
}

func (t *terminal) simulateSend(cmd *cobra.Command, job simulateJob) error {
	claims := httpserver.Claims{Role: httpserver.RoleProducer, Source: job.config.Source}
	if job.config.Cohort != "" {
		claims.Cohorts = []string{job.config.Cohort}
	}
	c, err := t.newClient(cmd, claims)
	if err != nil {
		return err
	}
	course, err := c.catalog(cmd.Context())
	if err != nil {
		return err
	}
	simulation, err := simulate.New(job.config, course)
	if err != nil {
		return &usageError{err}
	}
	s := &sender{client: c, patience: job.patience}
	all := float64(job.config.Events)
	s.progress = newProgress(t.err, "events", func() float64 { return float64(s.progress.done) / all })
	err = s.sendEvents(cmd.Context(), throttled(cmd.Context(), simulation.Events(), job.rate))
	s.progress.end()
	if err != nil {
		return err
	}
	return t.tellSent(s.sum(), "event", job.json)
}

// throttled lets so many events a second pass, 0: all at once. It ends early when
// the context ends.
func throttled(ctx context.Context, events iter.Seq[*event.Event], perSecond float64) iter.Seq[*event.Event] {
	if perSecond == 0 {
		return events
	}
	limiter := rate.NewLimiter(rate.Limit(perSecond), max(1, int(perSecond/10)))
	return func(yield func(*event.Event) bool) {
		for e := range events {
			if limiter.Wait(ctx) != nil || !yield(e) {
				return
			}
		}
	}
}
