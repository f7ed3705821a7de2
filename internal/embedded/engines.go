package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"
)

const (
	natsFolder       = "nats"
	clickHouseFolder = "clickhouse"
	internalUser     = "gapwise"
)

// Config says what [Start] starts. The zero value of everything but DataDir and Logger is the usual choice.
type Config struct {
	DataDir string // made if it is not there
	MinFree uint64 // bytes that must be free at start; 0: [DefaultMinFree]

	OutsideNATS       bool // the broker is another process: don't start one
	OutsideClickHouse bool // the database is another process: don't start one

	// Erased tells which messages of the stream of that name were being erased when the broker ended last: what is left
	// of their bytes is overwritten before it starts. It is asked once the folder is this process's own, and returns nil
	// when there are none.
	ErasedStream string
	Erased       func() (func(seq uint64) bool, error)

	NATSListen string   // host:port; empty: 127.0.0.1, 4222 if that is free, else any free port
	Library    string   // the engine library; empty: [FindLibrary]
	MaxMemory  uint64   // bytes the database may use; 0: half of the machine's memory, 4 GiB at most
	Command    []string // program and first arguments of the engine's child; empty: this program

	Logger *slog.Logger
	Now    func() time.Time // nil: time.Now
}

// Engines are the running engines of one data folder. NATS or ClickHouse is nil when it is an outside one.
type Engines struct {
	Dir        *DataDir
	NATS       *NATS
	ClickHouse *ClickHouse

	logger *slog.Logger
	info   RunInfo
}

// Start opens the data folder, starts the engines in order and writes run.json. When something fails, what was started
// is stopped again.
func Start(ctx context.Context, cfg Config) (*Engines, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if !cfg.OutsideClickHouse { // before anything is made on disk: the likeliest thing to be missing on a new machine
		if err := findLibrary(&cfg.Library); err != nil {
			return nil, err
		}
	}
	dir, err := OpenDataDir(cfg.DataDir, cfg.MinFree)
	if err != nil {
		return nil, err
	}
	e := &Engines{Dir: dir, logger: cfg.Logger, info: RunInfo{PID: os.Getpid(), Started: cfg.Now().UTC()}}
	cfg.Logger.Info("data folder opened", "dir", dir.Path)
	dir.tellFormat(cfg.Logger)
	if err := e.start(ctx, cfg); err != nil {
		return nil, errors.Join(err, e.Close(context.WithoutCancel(ctx)))
	}
	return e, nil
}

func (e *Engines) start(ctx context.Context, cfg Config) (err error) {
	if !cfg.OutsideNATS {
		if err := e.scrub(cfg); err != nil {
			return err
		}
		e.NATS, err = StartNATS(ctx, NATSConfig{
			Dir: filepath.Join(e.Dir.Path, natsFolder), Listen: cfg.NATSListen, Logger: cfg.Logger,
		})
		if err != nil {
			return err
		}
		e.info.NATSURL = e.NATS.URL()
	}
	if !cfg.OutsideClickHouse {
		e.ClickHouse, err = StartClickHouse(ctx, ClickHouseConfig{
			Dir: filepath.Join(e.Dir.Path, clickHouseFolder), Library: cfg.Library, MaxMemory: cfg.MaxMemory,
			Command: cfg.Command, Logger: cfg.Logger, Now: cfg.Now,
		})
		if err != nil {
			return err
		}
		e.info.ClickHouseAddr, e.info.ClickHouseHTTP = e.ClickHouse.Addr(), e.ClickHouse.HTTPAddr()
	}
	return WriteRunInfo(e.Dir.Path, e.info)
}

// scrub overwrites what an interrupted erasure left in the log.
func (e *Engines) scrub(cfg Config) error {
	if cfg.Erased == nil {
		return nil
	}
	erased, err := cfg.Erased()
	if err != nil || erased == nil {
		return err
	}
	found, err := scrub(filepath.Join(e.Dir.Path, natsFolder), cfg.ErasedStream, erased)
	if err != nil {
		return err
	}
	cfg.Logger.Info("overwrote what an interrupted erasure had left in the log", "messages", found)
	return nil
}

// RunInfo is what Start wrote to run.json. The caller adds its HTTP address and writes it again with [WriteRunInfo].
func (e *Engines) RunInfo() RunInfo { return e.info }

// Close stops the engines in reverse order, each within bounded time, and unlocks the data folder. Clients of the
// engines should have been closed before.
func (e *Engines) Close(ctx context.Context) error {
	errs := []error{removeRunInfo(e.Dir.Path)}
	if e.ClickHouse != nil {
		errs = append(errs, e.ClickHouse.Close(ctx))
	}
	if e.NATS != nil {
		errs = append(errs, e.NATS.Close(ctx))
	}
	errs = append(errs, e.Dir.Close())
	e.logger.Info("data folder closed", "dir", e.Dir.Path)
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("stop engines: %w", err)
	}
	return nil
}

// findLibrary fills in the default path and checks that what lies there can be loaded.
func findLibrary(path *string) (err error) {
	if *path == "" {
		*path, err = FindLibrary()
		return err
	}
	return checkLibrary(*path)
}
