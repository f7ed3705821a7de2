package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/gapwise/gapwise/internal/soak"
)

// soakJob is what was asked for.
type soakJob struct {
	config    soak.Config
	schedules int
	jobs      int // schedules at a time
	kinds     []string
	json      bool
	markdown  bool
	mounts    bool // this process has mounts of its own
}

func (t *terminal) soakVerb() *cobra.Command {
	var job soakJob
	cmd := &cobra.Command{
		Use:   "soak",
		Short: "Break a deployment on purpose, and check that nothing was lost or counted twice",
		Long: `Run schedules of faults against real processes: broker, engine, ingest, two projectors
and query, each killed, stopped, cut off, or out of room while producers send, repeat,
contradict and take back. At the end of each schedule every number is compared with a
model of what was acknowledged.

A seed decides a schedule; a schedule that fails prints its seed, with which it can be
run again, and keeps its folder. Needs Linux, and the right to mount a small file
system (in a namespace of its own).`,
		Example: "  gapwise soak\n  gapwise soak --seed 17 --events 20000 --keep\n  gapwise soak --schedules 100 --events 20000 --markdown",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if job.config.Events < 100 || job.schedules < 1 || job.jobs < 1 {
				return usagef("--events has to be 100 at least, --schedules and --jobs 1")
			}
			if job.config.Faults, err = soak.ParseKinds(job.kinds); err != nil {
				return &usageError{fmt.Errorf("--faults: %w", err)}
			}
			if !job.mounts {
				return t.withMounts(cmd.Context())
			}
			return t.soak(cmd.Context(), job)
		},
	}
	flags := cmd.Flags()
	flags.Uint64Var(&job.config.Seed, "seed", 1, "of the first schedule; the others follow")
	flags.IntVar(&job.schedules, "schedules", 1, "how many schedules")
	flags.IntVar(&job.jobs, "jobs", 1, "schedules that run at the same time (each takes a gigabyte of memory)")
	flags.IntVar(&job.config.Events, "events", 2000, "events a schedule")
	flags.StringSliceVar(&job.kinds, "faults", nil, "kinds of faults to choose among (default: all)")
	flags.StringVar(&job.config.Folder, "folder", "", "where schedules make their folders (default: the system's for temporary files)")
	flags.BoolVar(&job.config.Keep, "keep", false, "keep the folders of schedules that went well, too")
	flags.BoolVar(&job.json, "json", false, "print the results as JSON")
	flags.BoolVar(&job.markdown, "markdown", false, "print the table in Markdown")
	flags.BoolVar(&job.mounts, "own-mounts", false, "run in this mount namespace")
	_ = flags.MarkHidden("own-mounts") // it exists
	cmd.AddCommand(t.soakBrokerVerb(), t.soakEngineVerb())
	return cmd
}

// withMounts runs the same command in a mount namespace of its own.
func (t *terminal) withMounts(ctx context.Context) error {
	attributes, err := soak.MountsAttributes()
	if err != nil {
		return err
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, program, append(os.Args[1:], "--own-mounts")...) //nolint:gosec // this program
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = t.in, t.out, t.err, attributes
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = stopWithin
	err = cmd.Run()
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		return errSilent // it told why
	}
	if err != nil {
		return fmt.Errorf("start in a mount namespace: %w (needs root, or user namespaces: sysctl kernel.unprivileged_userns_clone, user.max_user_namespaces)", err)
	}
	return nil
}

// soak runs schedule after schedule.
func (t *terminal) soak(ctx context.Context, job soakJob) error {
	if err := soak.KeepMounts(); err != nil {
		return err
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	job.config.Program = program
	results, err := t.soakAll(ctx, job)
	if err != nil {
		return err
	}
	failed := 0
	for _, r := range results {
		if !r.OK() {
			failed++
		}
	}
	if job.json {
		if err := t.printJSON(map[string]any{"schedules": results, "failed": failed}); err != nil {
			return err
		}
	} else {
		t.soakTable(results, job.markdown)
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d schedules failed", failed, len(results))
	}
	return nil
}

// soakAll runs the schedules, some side by side: most of their time they wait.
func (t *terminal) soakAll(ctx context.Context, job soakJob) ([]*soak.Result, error) {
	results, started := make([]*soak.Result, job.schedules), time.Now()
	var mu sync.Mutex
	done := 0
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(job.jobs)
	for i := range job.schedules {
		group.Go(func() error {
			config := job.config
			config.Seed += uint64(i)
			r, err := soak.Run(ctx, config)
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			done++
			results[i] = r
			t.tellSchedule(job, r, done, time.Since(started))
			return nil
		})
	}
	return results, group.Wait()
}

// tellSchedule prints how one schedule went.
func (t *terminal) tellSchedule(job soakJob, r *soak.Result, done int, took time.Duration) {
	left := took / time.Duration(done) * time.Duration(job.schedules-done)
	fmt.Fprintf(t.err, "schedule %d of %d: seed %d, %d events, %.1f s, %s; %s left\n",
		done, job.schedules, r.Seed, r.Events, r.Seconds, soakWord(r), left.Round(time.Second))
	if r.OK() {
		return
	}
	for _, wrong := range r.Wrong {
		fmt.Fprintf(t.err, "  %s\n", wrong)
	}
	fmt.Fprintf(t.err, "  its folder: %s\n  again: gapwise soak --seed %d --events %d%s\n", r.Folder, r.Seed, job.config.Events, faultsFlag(job.kinds))
}

func faultsFlag(kinds []string) string {
	if len(kinds) == 0 {
		return ""
	}
	return " --faults " + strings.Join(kinds, ",")
}

func soakWord(r *soak.Result) string {
	if r.OK() {
		return "ok"
	}
	return "FAILED"
}

// soakTable prints a line a schedule, and their sum.
func (t *terminal) soakTable(results []*soak.Result, markdown bool) {
	faults := func(r *soak.Result) string { return faultsOf(r.Faults) }
	if !markdown { // too narrow for kinds
		faults = func(r *soak.Result) string { return strconv.Itoa(countOf(r.Faults)) }
	}
	rows := table{columns: []column{
		right("seed"), right("events"), left("faults"), right("messages"), right("accepted"), right("duplicates"),
		right("conflicts"), right("dead letters"), right("stored twice"), right("reports"), right("seconds"), left("result"),
	}}
	sum := soak.Result{Faults: map[soak.Kind]int{}}
	add := func(name string, r *soak.Result) {
		rows.add(name, strconv.Itoa(r.Events), faults(r), fmt.Sprint(r.Messages), fmt.Sprint(r.Accepted), fmt.Sprint(r.Duplicates),
			fmt.Sprint(r.Conflicts), fmt.Sprint(r.Dead), fmt.Sprint(r.Doubles), strconv.Itoa(r.Reports), fmt.Sprintf("%.1f", r.Seconds), soakWord(r))
	}
	for _, r := range results {
		add(strconv.FormatUint(r.Seed, 10), r)
		sum.Add(r)
	}
	if len(results) > 1 {
		add("all", &sum)
	}
	if markdown {
		rows.markdown(t.out)
		return
	}
	rows.write(t.out)
	fmt.Fprintf(t.out, "\nfaults: %s\n", faultsOf(sum.Faults))
}

func countOf(counts map[soak.Kind]int) (n int) {
	for _, count := range counts {
		n += count
	}
	return n
}

// faultsOf writes faults kind by kind.
func faultsOf(counts map[soak.Kind]int) string {
	var parts []string
	for _, kind := range soak.Kinds() {
		if n := counts[kind]; n > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", kind, n))
		}
	}
	return strings.Join(parts, ", ")
}
