package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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

func (t *terminal) benchVerb() *cobra.Command {
	cmd := group("bench", "Measure this machine against what Gapwise promises",
		t.benchCommand("freshness", "Time from the door's answer to the event in a report, at a steady rate", (*benchRun).freshness),
		t.benchCommand("memory", "Memory of the process, idle and while many events pass", (*benchRun).memory),
	)
	cmd.Long = `Measure a fresh gapwise of its own, in a temporary folder, and print a table with the
limit, what was measured, and how far they are apart (above 1 is better).`
	cmd.Example = "  gapwise bench freshness\n  gapwise bench memory --events 1000000 --json"
	return cmd
}

// benchRun is one benchmark on a gapwise of its own.
type benchRun struct {
	terminal *terminal
	rate     int
	events   int
	duration time.Duration

	dir     string
	process *exec.Cmd
	client  *client
}

func (t *terminal) benchCommand(name, short string, measure func(*benchRun, context.Context) ([]benchRow, error)) *cobra.Command {
	b := &benchRun{terminal: t}
	var asJSON bool
	cmd := &cobra.Command{
		Use: name, Short: short, Args: noArgs,
		Example: "  gapwise bench " + name,
		RunE: func(cmd *cobra.Command, _ []string) error {
			rows, err := b.run(cmd.Context(), measure)
			if err != nil {
				return err
			}
			return t.printBench(rows, asJSON)
		},
	}
	cmd.Flags().IntVar(&b.rate, "rate", 1000, "events a second (freshness)")
	cmd.Flags().DurationVar(&b.duration, "duration", 30*time.Second, "how long (freshness)")
	cmd.Flags().IntVar(&b.events, "events", 1_000_000, "how many events (memory)")
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
	if err := b.start(ctx); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.stop()) }()
	return measure(b, ctx)
}

// start runs this same program on the bench's folder.
func (b *benchRun) start(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(b.dir, "log"))
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	data := filepath.Join(b.dir, "data")
	b.process = exec.Command(self, "run", "--data-dir", data, "--listen", "127.0.0.1:0", "--log-level", "warn") //nolint:noctx,gosec // stopped softly; it is this program
	b.process.Stdout, b.process.Stderr = log, log
	if err := b.process.Start(); err != nil {
		return err
	}
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for deadline := time.Now().Add(time.Minute); ; <-again.C {
		info, err := embedded.ReadRunInfo(data)
		if err == nil && info.HTTPURL != "" {
			c := &Config{}
			c.Data.Dir = data
			token, err := mint(c, httpserver.Claims{Role: httpserver.RoleOperator, Life: 12 * time.Hour})
			if err != nil {
				return err
			}
			b.client = newHTTPClient(info.HTTPURL, token)
			return nil
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			text, _ := os.ReadFile(log.Name())
			return fmt.Errorf("the gapwise to measure did not start: %s", strings.TrimSpace(string(text)))
		}
	}
}

func (b *benchRun) stop() error {
	if err := b.process.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return b.process.Wait()
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
	if err := s.send(ctx, func() (encoded, error) {
		e, ok := events()
		if !ok {
			return encoded{}, io.EOF
		}
		return e, nil
	}); err != nil {
		return nil, err
	}
	p.end()
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
