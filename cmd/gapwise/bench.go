package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/gapwise/gapwise/internal/embedded"
	"github.com/gapwise/gapwise/internal/httpserver"
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

// benchmark is one thing that can be measured.
type benchmark struct {
	name, short string
	measure     func(*benchRun, context.Context) ([]benchRow, error)
}

var benchmarks = [...]benchmark{
	{"freshness", "Time from the door's answer to the event in a report, at a steady rate", (*benchRun).freshness},
	{"memory", "Memory of the process, idle and while many events pass", (*benchRun).memory},
}

func (t *terminal) benchVerb() *cobra.Command {
	cmd := t.benchCommand("bench", "Measure this machine against what Gapwise promises",
		benchSize{rate: 1000, duration: 10 * time.Second, events: 200_000}, benchmarks[:])
	cmd.Long = `Measure fresh gapwises, in temporary folders, and print a table with the limit, what
was measured, and how far they are apart (above 1 is better). Without the name of one
benchmark all are run, each shorter than alone.`
	cmd.Example = "  gapwise bench --json\n  gapwise bench freshness --rate 2000\n  gapwise bench memory --events 5000000"
	for i, one := range benchmarks {
		whole := benchSize{rate: 1000, duration: 30 * time.Second, events: 1_000_000}
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
	if len(wrong) > 0 {
		return &usageError{errors.Join(wrong...)}
	}
	return nil
}

// The bounds of a benchmark.
const (
	maxBenchRate   = 100_000
	maxBenchEvents = 100_000_000
	benchStart     = time.Minute      // for a gapwise to start
	benchStop      = 45 * time.Second // for it to stop
)

// benchRun is one benchmark on a gapwise of its own.
type benchRun struct {
	benchSize
	terminal *terminal

	dir     string
	process *exec.Cmd
	ended   chan struct{} // closed when the process ended
	exit    error         // how; to be read after that
	client  *client
}

func (t *terminal) benchCommand(name, short string, size benchSize, measured []benchmark) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: name, Short: short, Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := size.validate(); err != nil {
				return err
			}
			var rows []benchRow
			for _, one := range measured {
				b := &benchRun{terminal: t, benchSize: size}
				more, err := b.run(cmd.Context(), one.measure)
				if err != nil {
					return fmt.Errorf("benchmark %s: %w", one.name, err)
				}
				rows = append(rows, more...)
			}
			return t.printBench(rows, asJSON)
		},
	}
	cmd.Flags().IntVar(&size.rate, "rate", size.rate, "events a second (freshness)")
	cmd.Flags().DurationVar(&size.duration, "duration", size.duration, "how long (freshness)")
	cmd.Flags().IntVar(&size.events, "events", size.events, "how many events (memory)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (t *terminal) printBench(rows []benchRow, asJSON bool) error {
	if asJSON {
		encoder := json.NewEncoder(t.out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(map[string]any{"rows": rows})
	}
	fmt.Fprintf(t.out, "%-44s %-10s %12s %12s %12s %8s\n", "", "unit", "limit", "peer", "ours", "ratio")
	for _, r := range rows {
		fmt.Fprintf(t.out, "%-44s %-10s %12s %12s %12.4g %8s\n", r.Name, r.Unit, figure(r.Limit), figure(r.Peer), r.Ours, figure(r.Ratio))
	}
	return nil
}

func figure(x *float64) string {
	if x == nil {
		return "–"
	}
	return strconv.FormatFloat(*x, 'g', 4, 64)
}

// run starts a gapwise, measures and stops it.
func (b *benchRun) run(ctx context.Context, measure func(*benchRun, context.Context) ([]benchRow, error)) (rows []benchRow, err error) {
	if b.dir, err = os.MkdirTemp("", "gapwise-bench-"); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	if err := b.launch(); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.stop()) }()
	if err := b.ready(ctx); err != nil {
		return nil, err
	}
	return measure(b, ctx)
}

func (b *benchRun) data() string { return filepath.Join(b.dir, "data") }
func (b *benchRun) log() string  { return filepath.Join(b.dir, "log") }

// launch runs this same program on the bench's folder.
func (b *benchRun) launch() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	log, err := os.Create(b.log())
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	b.process = exec.Command(self, "run", "--data-dir", b.data(), "--listen", "127.0.0.1:0", "--log-level", "warn") //nolint:noctx,gosec // stopped softly; it is this program
	b.process.Stdout, b.process.Stderr = log, log
	if err := b.process.Start(); err != nil {
		return err
	}
	b.ended = make(chan struct{})
	go func() {
		b.exit = b.process.Wait()
		close(b.ended)
	}()
	return nil
}

// ready waits until the gapwise takes requests.
func (b *benchRun) ready(ctx context.Context) error {
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	deadline := time.After(benchStart)
	for {
		if info, err := embedded.ReadRunInfo(b.data()); err == nil && info.HTTPURL != "" {
			c := &Config{}
			c.Data.Dir = b.data()
			token, err := mint(c, httpserver.Claims{Role: httpserver.RoleOperator, Life: 12 * time.Hour})
			if err != nil {
				return err
			}
			b.client = newHTTPClient(info.HTTPURL, token)
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-b.ended:
			return b.unready("ended")
		case <-deadline:
			return b.unready("was not ready after " + benchStart.String())
		case <-again.C:
		}
	}
}

func (b *benchRun) unready(what string) error {
	text, _ := os.ReadFile(b.log())
	return fmt.Errorf("the gapwise to measure %s: %s", what, strings.TrimSpace(string(text)))
}

// stop stops the gapwise softly, and by force when that takes too long.
func (b *benchRun) stop() error {
	_ = b.process.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-b.ended:
		return b.exit
	case <-time.After(benchStop):
		_ = b.process.Process.Kill()
		<-b.ended
		return fmt.Errorf("the gapwise to measure did not stop within %s", benchStop)
	}
}

// percentile returns the value below which a share of sorted values lies.
func percentile(sorted []float64, share float64) float64 {
	return sorted[min(len(sorted)-1, int(share*float64(len(sorted))))]
}

// memoryOf reads a figure of a process from the kernel, in MB.
func memoryOf(pid int, name string) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.SplitSeq(string(text), "\n") {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			kb, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 64)
			return kb / 1024, err
		}
	}
	return 0, fmt.Errorf("the kernel tells no %s", name)
}

// memory measures resident memory when idle and the highest while events pass.
func (b *benchRun) memory(ctx context.Context) ([]benchRow, error) {
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(5 * time.Second):
	}
	idle, err := memoryOf(b.process.Process.Pid, "VmRSS")
	if err != nil {
		return nil, err
	}
	p := newProgress(b.terminal.err, "events", nil)
	events, stop, err := b.simulated(ctx, b.events)
	if err != nil {
		return nil, err
	}
	defer stop()
	s := &sender{client: b.client, patience: time.Minute, progress: p}
	started := time.Now()
	err = s.send(ctx, events)
	p.end()
	if err != nil {
		return nil, err
	}
	if s.rejected > 0 {
		return nil, fmt.Errorf("%d of %d events were rejected, the first one since: %s", s.rejected, b.events, s.total.Rejected[0].Error)
	}
	sent := time.Since(started)
	if _, err := b.client.waitProjected(ctx); err != nil {
		return nil, err
	}
	projected := time.Since(started)
	peak, err := memoryOf(b.process.Process.Pid, "VmHWM")
	if err != nil {
		return nil, err
	}
	return []benchRow{
		atMost("memory idle", "MB", 150, idle),
		atMost(fmt.Sprintf("memory peak while %d events pass", b.events), "MB", 400, peak),
		{Name: "events taken at the door", Unit: "1/s", Ours: float64(b.events) / sent.Seconds()},
		{Name: "events taken and projected", Unit: "1/s", Ours: float64(b.events) / projected.Seconds()},
	}, nil
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
