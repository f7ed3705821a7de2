package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"
)

// benchRow is one line of a benchmark's table. Ratio is ours against the limit,
// above 1 where ours is the better one.
type benchRow struct {
	Name  string   `json:"name"`
	Unit  string   `json:"unit"`
	Limit *float64 `json:"limit"` // what was promised, or what the machine gives
	Peer  *float64 `json:"peer"`
	Ours  float64  `json:"ours"`
	Ratio *float64 `json:"ratio"`
}

// atMost is a row that promises not to exceed a limit.
func atMost(name, unit string, limit, ours float64) benchRow {
	ratio := limit / ours
	return benchRow{Name: name, Unit: unit, Limit: &limit, Ours: ours, Ratio: &ratio}
}

// against is a row that compares a rate with what the machine gives.
func against(name string, limit, ours float64) benchRow {
	ratio := ours / limit
	return benchRow{Name: name, Unit: "1/s", Limit: &limit, Ours: ours, Ratio: &ratio}
}

// benchmark is one thing that can be measured.
type benchmark struct {
	name, short string
	learners    int // where --learners isn't given; 0: the flag's default
	measure     func(*benchRun, context.Context) ([]benchRow, error)
}

var benchmarks = [...]benchmark{
	{"freshness", "Time from the door's answer to the event in a report, at a steady rate", 0, (*benchRun).freshness},
	{"memory", "Memory of the process, idle and while many events pass", 0, (*benchRun).memory},
	{"project", "Catching up with a log that is full, against what the machine gives", 0, (*benchRun).project},
	{"replay", "Rebuilding from the log and from facts beside live events", 0, (*benchRun).replay},
	{"past", "Reports of the past of a cohort of 500, with the catalog of today and of then", 10_000, (*benchRun).past},
	{"ingest", "Events taken over HTTP, against publishing them to the log alone", 0, (*benchRun).ingest},
	{"recommend", "What simulated learners gain by the recommended topics, against other policies", 2000, (*benchRun).recommend},
}

func (t *terminal) benchVerb() *cobra.Command {
	cmd := t.benchCommand("bench", "Measure this machine against what Gapwise promises",
		benchSize{rate: 1000, duration: 10 * time.Second, events: 200_000, learners: 100_000}, benchmarks[:])
	cmd.Long = `Measure fresh gapwises, in temporary folders, and print a table with the limit (what was
promised, or what the machine gives when it does nothing else), what was measured, and how
they compare (for times and memory above 1 is better, for rates it is the share of the limit).
For recommendations the limit is an oracle that knows what simulated learners know, the peer
the best of the other policies, and the share of the limit what our learners gain of it.
Without the name of one benchmark all are run, each shorter than alone.`
	cmd.Example = "  gapwise bench --json\n  gapwise bench freshness --rate 2000\n  gapwise bench memory --events 5000000"
	for i, one := range benchmarks {
		whole := benchSize{rate: 1000, duration: 30 * time.Second, events: 1_000_000, learners: 100_000}
		if one.learners > 0 {
			whole.learners = one.learners
		}
		sub := t.benchCommand(one.name, one.short, whole, benchmarks[i:i+1])
		sub.Example = "  gapwise bench " + one.name
		cmd.AddCommand(sub)
	}
	return cmd
}

// benchSize is how much is measured.
type benchSize struct {
	rate     int           // events a second
	duration time.Duration // of that rate
	events   int           // as fast as they are taken
	learners int           // whose events they are, where memory is measured, or who study
}

// validate tells everything that is wrong at once.
func (s benchSize) validate() error {
	var wrong []error
	if s.rate < 1 || s.rate > maxBenchRate {
		wrong = append(wrong, fmt.Errorf("--rate %d is not 1 to %d", s.rate, maxBenchRate))
	}
	if s.duration < time.Second || s.duration > time.Hour {
		wrong = append(wrong, fmt.Errorf("--duration %s is not 1s to 1h", s.duration))
	}
	if s.events < 1 || s.events > maxBenchEvents {
		wrong = append(wrong, fmt.Errorf("--events %d is not 1 to %d", s.events, maxBenchEvents))
	}
	if s.learners < 1 || s.learners > maxBenchLearners {
		wrong = append(wrong, fmt.Errorf("--learners %d is not 1 to %d", s.learners, maxBenchLearners))
	}
	if len(wrong) > 0 {
		return &usageError{errors.Join(wrong...)}
	}
	return nil
}

// The bounds of a benchmark.
const (
	maxBenchRate     = 100_000
	maxBenchEvents   = 100_000_000
	maxBenchLearners = 10_000_000
)

// benchRun is one benchmark in a folder of its own.
type benchRun struct {
	benchSize
	terminal *terminal
	config   *Config // of this command: where the engine is

	dir     string
	client  *client      // of the gapwise that is measured
	details bytes.Buffer // what there is to say beyond rows, for people
}

func (t *terminal) benchCommand(name, short string, size benchSize, measured []benchmark) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: name, Short: short, Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := size.validate(); err != nil {
				return err
			}
			c, err := t.config(cmd)
			if err != nil {
				return err
			}
			var rows []benchRow
			var details []byte
			for _, one := range measured {
				b := &benchRun{terminal: t, config: c, benchSize: size}
				if one.learners > 0 && !cmd.Flags().Changed("learners") {
					b.learners = one.learners
				}
				more, err := b.run(cmd.Context(), one.measure)
				if err != nil {
					return fmt.Errorf("benchmark %s: %w", one.name, err)
				}
				rows, details = append(rows, more...), append(details, b.details.Bytes()...)
			}
			if err := t.printBench(rows, asJSON); err != nil || asJSON {
				return err
			}
			_, err = t.out.Write(details)
			return err
		},
	}
	cmd.Flags().IntVar(&size.rate, "rate", size.rate, "events a second (freshness, replay)")
	cmd.Flags().DurationVar(&size.duration, "duration", size.duration, "how long (freshness)")
	cmd.Flags().IntVar(&size.events, "events", size.events, "how many events (memory, project, replay, ingest)")
	cmd.Flags().IntVar(&size.learners, "learners", size.learners, "how many learners (project, where it measures memory; recommend, 2000 if not given)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// run measures in a folder that is removed afterwards.
func (b *benchRun) run(ctx context.Context, measure func(*benchRun, context.Context) ([]benchRow, error)) (rows []benchRow, err error) {
	if b.dir, err = os.MkdirTemp("", "gapwise-bench-"); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	return measure(b, ctx)
}

// start starts a whole gapwise.
func (b *benchRun) start(ctx context.Context) (*benchProcess, error) {
	p, err := launch("run", filepath.Join(b.dir, "data"), filepath.Join(b.dir, "log"))
	if err != nil {
		return nil, err
	}
	if b.client, err = p.ready(ctx); err != nil {
		return nil, errors.Join(err, p.stop())
	}
	return p, nil
}

func (t *terminal) printBench(rows []benchRow, asJSON bool) error {
	if asJSON {
		encoder := json.NewEncoder(t.out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(map[string]any{"rows": rows})
	}
	fmt.Fprintf(t.out, "%-56s %-10s %12s %12s %12s %8s\n", "", "unit", "limit", "peer", "ours", "ratio")
	for _, r := range rows {
		fmt.Fprintf(t.out, "%-56s %-10s %12s %12s %12.4g %8s\n", r.Name, r.Unit, figure(r.Limit), figure(r.Peer), r.Ours, figure(r.Ratio))
	}
	return nil
}

func figure(x *float64) string {
	if x == nil {
		return "–"
	}
	return strconv.FormatFloat(*x, 'g', 4, 64)
}

// percentile returns the value below which a share of sorted values lies.
func percentile(sorted []float64, share float64) float64 {
	return sorted[min(len(sorted)-1, int(share*float64(len(sorted))))]
}

// sortedMillis turns durations into sorted milliseconds.
func sortedMillis(durations []time.Duration) []float64 {
	out := make([]float64, len(durations))
	for i, d := range durations {
		out[i] = float64(d.Microseconds()) / 1000
	}
	slices.Sort(out)
	return out
}
