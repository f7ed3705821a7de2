package soak

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gapwise/gapwise/internal/catalog"
	"github.com/gapwise/gapwise/internal/project"
	"github.com/gapwise/gapwise/internal/stream"
)

// Config says what a schedule is.
type Config struct {
	Program string // the binary that every process is
	Folder  string // where the schedule makes its own; empty: the system's for temporary files
	Seed    uint64
	Events  int    // drawn; a few more messages come of them
	Faults  []Kind // to choose among
	Keep    bool   // the folder, also when all went well
}

// Result is what came of a schedule.
type Result struct {
	Seed       uint64         `json:"seed"`
	Events     int            `json:"events"` // acknowledged
	Faults     map[Kind]int   `json:"faults"`
	Messages   uint64         `json:"messages"` // in the log
	Accepted   uint64         `json:"accepted"` // facts
	Duplicates uint64         `json:"duplicates"`
	Conflicts  uint64         `json:"conflicts"`
	Dead       uint64         `json:"dead_letters"`
	Doubles    uint64         `json:"physical_duplicates"` // rows written twice and not merged yet: harmless
	Learners   int            `json:"learners"`
	Reports    int            `json:"reports"`  // compared, two a learner
	Restarts   map[string]int `json:"restarts"` // of processes that gave up by themselves
	Seconds    float64        `json:"seconds"`
	Wrong      []string       `json:"wrong"`
	Folder     string         `json:"folder,omitempty"` // kept
}

// OK says that nothing was wrong.
func (r *Result) OK() bool { return len(r.Wrong) == 0 }

// Add adds what came of another schedule.
func (r *Result) Add(o *Result) {
	r.Events, r.Learners, r.Reports, r.Seconds = r.Events+o.Events, r.Learners+o.Learners, r.Reports+o.Reports, r.Seconds+o.Seconds
	r.Messages, r.Accepted, r.Duplicates = r.Messages+o.Messages, r.Accepted+o.Accepted, r.Duplicates+o.Duplicates
	r.Conflicts, r.Dead, r.Doubles = r.Conflicts+o.Conflicts, r.Dead+o.Dead, r.Doubles+o.Doubles
	for kind, n := range o.Faults {
		r.Faults[kind] += n
	}
	r.Wrong = append(r.Wrong, o.Wrong...)
}

// Run runs one schedule. An error says that it could not be run; what went wrong in it
// is in the result.
func Run(ctx context.Context, c Config) (*Result, error) {
	dir, err := os.MkdirTemp(c.Folder, "gapwise-soak-")
	if err != nil {
		return nil, err
	}
	started := time.Now()
	guide, err := catalog.Builtin()
	if err != nil {
		return nil, err
	}
	course, err := project.NewCourse(guide, nil)
	if err != nil {
		return nil, err
	}
	items, lists := itemsOf(guide)
	plan, err := NewPlan(c, items, lists, started)
	if err != nil {
		return nil, err
	}
	told, err := openDiary(filepath.Join(dir, "soak.log"), started)
	if err != nil {
		return nil, err
	}
	r := &Result{Seed: c.Seed, Faults: CountFaults(plan.Faults), Learners: len(plan.Learners), Wrong: []string{}}
	err = r.run(ctx, c, dir, plan, course, told)
	r.Seconds = time.Since(started).Seconds()
	if err != nil {
		r.Wrong = append(r.Wrong, err.Error())
	}
	for _, wrong := range r.Wrong {
		told.say("wrong: " + wrong)
	}
	if err := told.file.Close(); err != nil {
		return nil, err
	}
	if c.Keep || !r.OK() {
		r.Folder = dir
		return r, ctx.Err()
	}
	return r, errors.Join(ctx.Err(), os.RemoveAll(dir))
}

// run starts a cluster, breaks it while producers send, heals it and compares.
func (r *Result) run(ctx context.Context, c Config, dir string, plan *Plan, course *project.Course, told *diary) (err error) {
	s, err := startCluster(ctx, c, dir)
	if err != nil {
		return err
	}
	defer func() {
		if c.Keep || err != nil || !r.OK() {
			err = errors.Join(err, s.save())
		}
		err = errors.Join(err, s.close())
	}()
	told.say("started")
	if err := r.storm(ctx, s, plan, told); err != nil {
		return err
	}
	told.say("healed")
	if err := s.allReady(ctx); err != nil {
		return err
	}
	log, done, err := s.openLog(ctx)
	if err != nil {
		return err
	}
	defer done()
	model, wrong, err := NewModel(ctx, log, plan)
	if err != nil {
		return err
	}
	told.say("log read")
	r.Wrong = append(r.Wrong, wrong...)
	r.Messages, r.Accepted, r.Duplicates, r.Conflicts, r.Dead = model.Counts.Messages, model.Counts.Facts, model.Counts.Duplicates, model.Counts.Conflicts, model.Counts.Dead

	check := &checker{cluster: s, model: model, course: course}
	if check.token, err = s.operator(); err != nil {
		return err
	}
	err = check.all(ctx, plan, told)
	r.Wrong = append(r.Wrong, check.wrong...)
	r.Reports, r.Doubles = check.reports, check.doubles
	return errors.Join(err, r.lives(s))
}

// storm sends everything while things break.
func (r *Result) storm(ctx context.Context, s *cluster, plan *Plan, told *diary) error {
	var clock atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	breaking := &injector{cluster: s, clock: &clock, tell: told.say}
	sending := &producers{cluster: s, plan: plan, clock: &clock, log: slog.New(slog.NewJSONHandler(told.file, nil))}
	group.Go(func() error { return breaking.run(ctx, plan.Faults) })
	group.Go(func() error {
		defer told.say("all sent")
		return sending.run(ctx)
	})
	err := group.Wait()
	r.Events = int(clock.Load())
	return err
}

// all makes every comparison.
func (c *checker) all(ctx context.Context, plan *Plan, told *diary) error {
	p, err := c.settle(ctx, c.model.Last)
	if err != nil {
		return err
	}
	told.say("settled")
	c.counts(p.Counts)
	if err := c.nothingLeft(ctx, c.model.Last); err != nil {
		return err
	}
	told.say("nothing left")
	if p, err = c.settle(ctx, c.model.Last); err != nil {
		return err
	}
	c.counts(p.Counts)
	if err := c.deadLetters(ctx); err != nil {
		return err
	}
	if err := c.learners(ctx, plan.Learners); err != nil {
		return err
	}
	told.say("learners compared")
	l, err := c.verify(ctx)
	if err != nil {
		return err
	}
	c.doubles = l.PhysicalDuplicates
	told.say("verified")
	return nil
}

// lives tells which processes gave up by themselves, and fails on those that crashed.
func (r *Result) lives(s *cluster) error {
	r.Restarts = map[string]int{}
	for name, p := range s.processes {
		if n := p.unasked(); n > 0 {
			r.Restarts[name] = n
		}
		crashes, err := p.crashes()
		if err != nil {
			return err
		}
		r.Wrong = append(r.Wrong, crashes...)
	}
	return nil
}

// openLog opens the log past all links.
func (s *cluster) openLog(ctx context.Context) (*stream.Log, func(), error) {
	b, _ := s.login()
	logger := slog.New(slog.DiscardHandler)
	conn, err := stream.Connect("nats://"+b.Addr, stream.Credentials{User: b.User, Password: b.Password}, "soak", logger)
	if err != nil {
		return nil, nil, err
	}
	log, err := stream.Open(ctx, conn, stream.Config{}, logger)
	if err != nil {
		conn.Close()
		return nil, nil, err
	}
	return log, conn.Close, nil
}

// diary is the file in which a schedule tells what it did and when.
type diary struct {
	mu      sync.Mutex
	file    *os.File
	started time.Time
}

func openDiary(path string, started time.Time) (*diary, error) {
	file, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	return &diary{file: file, started: started}, nil
}

func (d *diary) say(what string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	// What can't be told is no reason to stop.
	fmt.Fprintf(d.file, "%7.3f %s\n", time.Since(d.started).Seconds(), strings.ReplaceAll(what, "\n", "\n        "))
}
