package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"golang.org/x/sync/errgroup"

	"github.com/gapwise/gapwise/internal/embedded"
	"github.com/gapwise/gapwise/internal/erasure"
	"github.com/gapwise/gapwise/internal/httpserver"
	"github.com/gapwise/gapwise/internal/models"
	"github.com/gapwise/gapwise/internal/project"
	"github.com/gapwise/gapwise/internal/query"
	"github.com/gapwise/gapwise/internal/replay"
	"github.com/gapwise/gapwise/internal/store"
	"github.com/gapwise/gapwise/internal/stream"
)

// Roles says which parts of the system a process runs.
type Roles struct {
	Ingest    bool // takes events over HTTP
	Projector bool // carries the log into tables
	Query     bool // answers reports and pages
}

// App is one running process, wired by hand. Parts start in the order of its
// fields and stop in reverse.
type App struct {
	Config *Config
	Roles  Roles
	Log    *slog.Logger

	name      string            // unique among the processes of a deployment
	engines   *embedded.Engines // nil: both are outside
	nats      *nats.Conn
	log       *stream.Log
	bucket    *stream.Bucket
	store     *store.Store
	keys      *httpserver.Keys
	revoked   *stream.Revocations
	key       dataKey
	erased    *erasure.List // requests to be forgotten
	forgotten *forgotten    // whose events are refused
	active    *generations
	metrics   *metrics
	writing   atomic.Pointer[writing] // nil: another process projects
	service   *query.Service
	auditor   *query.Auditor
	replays   *replay.Replays
	workshop  *models.Workshop
	server    *httpserver.Server

	background sync.WaitGroup
	stop       context.CancelFunc
	closers    []func(context.Context) error // in the order of starting
}

// softMemory is where Go's collector begins to work harder, unless GOMEMLIMIT says
// otherwise. The broker's caches and ids need a good half of it under full load.
const softMemory = 256 << 20

// collectAt is by how many percent memory in use grows between collections, unless
// GOGC says otherwise: below the soft limit there is room, and the processor is what
// bounds a projector.
const collectAt = 200

// rebuildMemory is the same while a generation is built: its batches are whole, and with
// less room the collector takes as much of the processor as the work.
const rebuildMemory = 640 << 20

// limitMemory asks the collector to keep the process small, and not to work harder
// than that takes.
func limitMemory() {
	softLimit(softMemory)
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(collectAt)
	}
}

func softLimit(bytes int64) {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(bytes)
	}
}

// stopWithin bounds how long a soft stop takes.
const stopWithin = 30 * time.Second

// OpenApp starts everything that a process of these roles needs and returns
// once it can take requests. On an error what was started is stopped again.
func OpenApp(ctx context.Context, c *Config, roles Roles, log *slog.Logger) (*App, error) {
	limitMemory()
	a := &App{Config: c, Roles: roles, Log: log, name: processName()}
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	a.stop = stop
	steps := []struct {
		name  string
		start func(context.Context) error
	}{
		{"engines", a.startEngines},
		{"keys", a.openKeys},
		{"log", func(ctx context.Context) error { return a.openLog(ctx, background) }},
		{"store", a.openStore},
		{"generation", func(ctx context.Context) error { return a.openGeneration(ctx, background) }},
		{"reports", func(context.Context) error { return a.buildReports(background) }},
		{"http", a.listen},
	}
	for _, step := range steps {
		if err := step.start(ctx); err != nil {
			return nil, errors.Join(fmt.Errorf("start %s: %w", step.name, err), a.Close(context.WithoutCancel(ctx)))
		}
		log.DebugContext(ctx, "started", "part", step.name)
	}
	return a, nil
}

func (a *App) startEngines(ctx context.Context) error {
	c := a.Config
	if c.NATS.URL != "" && c.ClickHouse.Addr != "" {
		return nil
	}
	engines, err := embedded.Start(ctx, embedded.Config{
		DataDir: c.Data.Dir, MinFree: c.minFree, ErasedStream: stream.Name,
		Erased:      func() (func(uint64) bool, error) { return interruptedErasure(c) },
		OutsideNATS: c.NATS.URL != "", OutsideClickHouse: c.ClickHouse.Addr != "",
		NATSListen: c.NATS.Listen, Library: c.Engine.Path, Logger: a.Log,
	})
	if err != nil {
		return err
	}
	a.engines = engines
	a.closers = append(a.closers, engines.Close)
	return nil
}

// openKeys opens the keys of tokens and of learners' hashes.
func (a *App) openKeys(context.Context) error {
	path := keysPath(a.Config)
	var err error
	if a.keys, err = httpserver.OpenKeys(path); err != nil {
		return err
	}
	if a.key, err = openDataKey(filepath.Join(filepath.Dir(path), "learners.key")); err != nil {
		return err
	}
	a.erased, err = erasure.OpenList(erasedPath(a.Config))
	return err
}

func (a *App) openLog(ctx, background context.Context) error {
	var options []nats.Option
	url, credentials := a.Config.NATS.URL, stream.Credentials{User: a.Config.NATS.User, Password: a.Config.NATS.Password}
	if a.engines != nil && a.engines.NATS != nil {
		login := a.engines.NATS.Login()
		url, credentials = a.engines.NATS.URL(), stream.Credentials{User: login.User, Password: login.Password}
		options = append(options, a.engines.NATS.InProcess())
	}
	var err error
	if a.nats, err = stream.Connect(url, credentials, "gapwise", a.Log, options...); err != nil {
		return err
	}
	a.closers = append(a.closers, func(context.Context) error { a.nats.Close(); return nil })
	config := stream.Config{MaxBytes: max(0, a.Config.NATS.MaxBytes), Replicas: a.Config.NATS.Replicas}
	if a.log, err = stream.Open(ctx, a.nats, config, a.Log); err != nil {
		return err
	}
	if a.bucket, err = stream.OpenBucket(ctx, a.nats, a.Config.NATS.Replicas, a.Log); err != nil {
		return err
	}
	a.revoked, err = a.bucket.Revocations(background)
	return err
}

func (a *App) openStore(ctx context.Context) error {
	c := a.Config.ClickHouse
	o := store.Options{Addr: c.Addr, User: c.User, Password: c.Password, Database: c.Database, TLS: c.TLS, Log: a.Log}
	if a.engines != nil && a.engines.ClickHouse != nil {
		login := a.engines.ClickHouse.Login()
		o.Addr, o.TLS, o.User, o.Password = a.engines.ClickHouse.Addr(), false, login.User, login.Password
	}
	var err error
	if a.store, err = store.Open(ctx, o); err != nil {
		return err
	}
	a.closers = append(a.closers, func(context.Context) error { return a.store.Close() })
	return a.store.CheckZone(ctx, a.Config.location)
}

func (a *App) openGeneration(ctx, background context.Context) error {
	var err error
	if a.active, err = openGenerations(ctx, a); err != nil {
		return err
	}
	a.background.Go(func() { a.active.follow(background) })
	a.forgotten = &forgotten{app: a}
	for _, entry := range a.erased.Entries() { // also those that an older log doesn't know
		if learner, ok := project.ParseHMAC(entry.Event.Subject); ok {
			a.forgotten.add(learner)
		}
	}
	a.background.Go(func() { a.forgotten.follow(background) })
	return a.forgotten.load(ctx)
}

func (a *App) buildReports(background context.Context) error {
	a.metrics = newMetrics(a)
	a.service = &query.Service{
		Store: query.Remember(a.store), Generations: a.active, Lag: a.lag, Last: a.last,
		Now: time.Now, Zone: a.Config.location, Log: a.Log, Pace: a.pace,
	}
	a.auditor = a.newAuditor(background)
	a.replays = &replay.Replays{
		Pointer: a.active.pointer, Plan: a.active.Plan, Choose: a.active.Choose, Keeper: a.kept(), Store: a.store,
		Reached: a.active.reached, Compare: a.compareGeneration, Context: background, Now: time.Now, Log: a.Log,
	}
	a.workshop = &models.Workshop{
		Store: a.store, Replays: modelReplays{a.replays}, Active: a.active.Active, Changes: a.changes,
		Context: background, Now: time.Now, Log: a.Log,
	}
	return nil
}

// Run serves until the context ends, then stops softly: no new requests, the
// last batch written, the engines closed by Close.
func (a *App) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return a.server.Run(ctx) })
	if a.Roles.Projector {
		group.Go(func() error { return a.project(ctx) })
	}
	return group.Wait()
}

// progress tells how far this process has projected; zero while another one does.
func (a *App) progress() project.Progress {
	if w := a.writing.Load(); w != nil {
		return w.progress()
	}
	return project.Progress{}
}

// holder names this process among those that want a lease. With its own broker it
// is the only one, and comes back under the same name after a crash: then it
// needn't wait for its own lease to expire. Others share a broker and perhaps a
// host's name and process number, as containers do.
func (a *App) holder() string {
	if a.engines != nil && a.engines.NATS != nil {
		return "embedded"
	}
	return a.name
}

// processName is unique among the processes of a deployment.
func processName() string {
	host, _ := os.Hostname()
	return host + "-" + strconv.Itoa(os.Getpid()) + "-" + rand.Text()
}

// Close stops everything in reverse order.
func (a *App) Close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, stopWithin)
	defer cancel()
	a.stop()
	a.background.Wait()
	if a.auditor != nil {
		a.auditor.Wait()
	}
	if a.workshop != nil {
		a.workshop.Wait()
	}
	if a.replays != nil {
		a.replays.Wait()
	}
	var errs []error
	for i := len(a.closers) - 1; i >= 0; i-- {
		errs = append(errs, a.closers[i](ctx))
	}
	a.closers = nil
	return errors.Join(errs...)
}

// last returns the last sequence of the log.
func (a *App) last(ctx context.Context) (uint64, error) {
	info, err := a.log.Info(ctx)
	return info.Last, err
}

// lag tells how long the oldest event after a sequence has waited.
func (a *App) lag(ctx context.Context, floor uint64) (time.Duration, error) {
	info, err := a.log.Info(ctx)
	if err != nil || info.Last <= floor {
		return 0, err
	}
	oldest, err := a.log.Get(ctx, max(floor+1, info.First))
	if errors.Is(err, stream.ErrNotFound) {
		return max(0, time.Since(info.LastStored)), nil
	}
	return max(0, time.Since(oldest.Stored)), err
}
