package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

const (
	clickHousePasswordFile = "password"

	defaultMaxMemory   = 4 << 30
	defaultMaxRestarts = 5

	engineStartTimeout = 2 * time.Minute // 0.3 s when there is little data; tables are attached before it listens
	engineStopTimeout  = 20 * time.Second
	engineAskTimeout   = 2 * time.Second
	engineAskPause     = 20 * time.Millisecond
	portAttempts       = 5
)

// ClickHouseConfig says how to start the database engine.
type ClickHouseConfig struct {
	Dir         string   // made if it is not there: configuration, password, data and log
	BackupDir   string   // where BACKUP … TO File may write; empty: backups in Dir
	Library     string   // the engine library; empty: [FindLibrary]
	MaxMemory   uint64   // bytes; 0: 4 GiB. Never more than half of what the machine or container has.
	Command     []string // program and first arguments of a child that calls [ChildMain]; empty: this program
	MaxRestarts int      // failed starts in a row after which an ended engine is given up; 0: 5; negative: at once
	Logger      *slog.Logger
	Now         func() time.Time // nil: time.Now
}

// ClickHouse is a running database engine.
type ClickHouse struct {
	cfg      ClickHouseConfig
	login    Login
	tcp      string // host:port, the same for all lives of the child
	http     string
	conn     driver.Conn
	stopping chan struct{} // closed by Close
	finished chan struct{} // closed when no child runs and none will be started
	exited   chan error
	stop     sync.Once

	mu      sync.Mutex
	current *process // nil while there is none
	down    error    // why there is none
	stopCtx context.Context
	stopErr error
}

// StartClickHouse starts the engine and waits until it answers. It runs, and is started again when it ends unasked,
// until Close.
func StartClickHouse(ctx context.Context, cfg ClickHouseConfig) (*ClickHouse, error) {
	c, err := prepare(cfg)
	if err != nil {
		return nil, fmt.Errorf("clickhouse: %w", err)
	}
	p, err := c.startOnFreePorts(ctx)
	if err != nil {
		return nil, fmt.Errorf("clickhouse: %w", err)
	}
	c.setCurrent(p, nil)
	go c.supervise(p)
	c.cfg.Logger.Info("clickhouse started", "addr", c.tcp, "http_addr", c.http, "pid", p.cmd.Process.Pid, "dir", c.cfg.Dir)
	return c, nil
}

// Addr is the host:port of the native protocol. It stays the same over restarts of the engine.
func (c *ClickHouse) Addr() string { return c.tcp }

// HTTPAddr is the host:port of the HTTP interface.
func (c *ClickHouse) HTTPAddr() string { return c.http }

// Login is the user that has the rights Gapwise needs.
func (c *ClickHouse) Login() Login { return c.login }

// Options are for clickhouse.Open: address, login and the given database ("": default). The caller owns the copy.
func (c *ClickHouse) Options(database string) *clickhouse.Options {
	return &clickhouse.Options{
		Addr: []string{c.tcp},
		Auth: clickhouse.Auth{Database: database, Username: c.login.User, Password: c.login.Password},
	}
}

// PID is the process id of the engine's child, 0 while none runs.
func (c *ClickHouse) PID() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current == nil {
		return 0
	}
	return c.current.cmd.Process.Pid
}

// Health asks the engine for an answer. While the engine is being restarted the error tells why.
func (c *ClickHouse) Health(ctx context.Context) error {
	c.mu.Lock()
	down := c.down
	c.mu.Unlock()
	if down != nil {
		return down
	}
	return c.ask(ctx)
}

// Exited delivers the cause when the engine has been given up, and is closed when the engine is gone for good, also by
// Close.
func (c *ClickHouse) Exited() <-chan error { return c.exited }

// Close stops the engine: running queries are cancelled, parts are written, files are closed. After 20 seconds, or when
// ctx ends, the child is killed instead, which loses nothing that was acknowledged.
func (c *ClickHouse) Close(ctx context.Context) error {
	c.stop.Do(func() {
		c.mu.Lock()
		c.stopCtx = ctx
		c.mu.Unlock()
		close(c.stopping)
	})
	<-c.finished
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stopErr
}

// prepare checks and writes all that a child needs.
func prepare(cfg ClickHouseConfig) (*ClickHouse, error) {
	if err := cfg.fillIn(); err != nil {
		return nil, err
	}
	dataDir, logDir := filepath.Join(cfg.Dir, "data"), filepath.Join(cfg.Dir, "log")
	for _, dir := range []string{dataDir, logDir, cfg.BackupDir} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrUnusable, err)
		}
	}
	user, err := login(internalUser, filepath.Join(cfg.Dir, clickHousePasswordFile))
	if err != nil {
		return nil, err
	}
	err = writeEngineConfig(configValues{
		Dir: cfg.Dir, DataDir: dataDir, BackupDir: cfg.BackupDir, LogFile: filepath.Join(logDir, "clickhouse.log"),
		UsersFile: filepath.Join(cfg.Dir, usersFile),
		User:      user.User, PasswordHash: passwordHash(user.Password), MaxMemory: cfg.MaxMemory,
	})
	if err != nil {
		return nil, err
	}
	return &ClickHouse{
		cfg: cfg, login: user,
		stopping: make(chan struct{}), finished: make(chan struct{}), exited: make(chan error, 1),
	}, nil
}

func (cfg *ClickHouseConfig) fillIn() (err error) {
	if err := findLibrary(&cfg.Library); err != nil {
		return err
	}
	// The child works in Dir: no path may be relative.
	for _, path := range []*string{&cfg.Dir, &cfg.Library} {
		if *path, err = filepath.Abs(*path); err != nil {
			return err
		}
	}
	if cfg.BackupDir == "" {
		cfg.BackupDir = filepath.Join(cfg.Dir, "backups")
	}
	if cfg.BackupDir, err = filepath.Abs(cfg.BackupDir); err != nil {
		return err
	}
	if cfg.MaxMemory == 0 {
		cfg.MaxMemory = defaultMaxMemory
	}
	if cfg.MaxRestarts == 0 {
		cfg.MaxRestarts = defaultMaxRestarts
	}
	if len(cfg.Command) == 0 {
		cfg.Command = []string{thisProgram}
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return nil
}

// startOnFreePorts chooses ports and starts the first child on them, on others if some process was quicker.
func (c *ClickHouse) startOnFreePorts(ctx context.Context) (*process, error) {
	for attempt := 1; ; attempt++ {
		if err := c.choosePorts(); err != nil {
			return nil, err
		}
		p, err := c.startReady(ctx)
		if err == nil {
			return p, nil
		}
		err = errors.Join(err, c.conn.Close())
		if attempt == portAttempts || ctx.Err() != nil || c.portsFree() {
			return nil, err
		}
		c.cfg.Logger.Warn("clickhouse port was taken meanwhile", "addr", c.tcp, "http_addr", c.http, "attempt", attempt)
	}
}

// choosePorts finds two free ports on loopback and opens the (lazy) connection that the engine is asked over.
func (c *ClickHouse) choosePorts() error {
	var listeners [2]net.Listener // both held until both are chosen, so that they differ
	for i := range listeners {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return fmt.Errorf("find a free port: %w", err)
		}
		listeners[i] = l
	}
	c.tcp, c.http = listeners[0].Addr().String(), listeners[1].Addr().String()
	if err := errors.Join(listeners[0].Close(), listeners[1].Close()); err != nil {
		return fmt.Errorf("find a free port: %w", err)
	}
	opts := c.Options("")
	opts.DialTimeout = engineAskTimeout
	opts.MaxOpenConns, opts.MaxIdleConns = 2, 1
	conn, err := clickhouse.Open(opts)
	if err != nil {
		return fmt.Errorf("configure client: %w", err)
	}
	c.conn = conn
	return nil
}

func (c *ClickHouse) portsFree() bool {
	for _, addr := range []string{c.tcp, c.http} {
		l, err := net.Listen("tcp", addr)
		if err != nil {
			return false
		}
		_ = l.Close()
	}
	return true
}

// startReady starts one child on the chosen ports and waits until it answers.
func (c *ClickHouse) startReady(ctx context.Context) (*process, error) {
	_, tcpPort, err := net.SplitHostPort(c.tcp)
	if err != nil {
		return nil, err
	}
	host, httpPort, err := net.SplitHostPort(c.http)
	if err != nil {
		return nil, err
	}
	p, err := startProcess(c.cfg.Dir, c.cfg.Library, c.cfg.Command, []string{
		"--config-file=" + filepath.Join(c.cfg.Dir, configFile),
		"--path=" + filepath.Join(c.cfg.Dir, "data"),
		"--listen_host=" + host, "--tcp_port=" + tcpPort, "--http_port=" + httpPort,
		"--query=" + servingQuery,
	})
	if err != nil {
		return nil, err
	}
	if err := c.waitReady(ctx, p); err != nil {
		p.kill()
		return nil, err
	}
	return p, nil
}

func (c *ClickHouse) waitReady(ctx context.Context, p *process) error {
	ctx, cancel := context.WithTimeout(ctx, engineStartTimeout)
	defer cancel()
	for {
		answer := c.ask(ctx)
		if answer == nil {
			return nil
		}
		select {
		case <-p.done:
			return p.cause()
		case <-ctx.Done():
			return fmt.Errorf("engine not ready: %w: %w", ctx.Err(), answer)
		case <-time.After(engineAskPause):
		}
	}
}

// ask runs the smallest query, as Gapwise's user, over the protocol that Gapwise uses.
func (c *ClickHouse) ask(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, engineAskTimeout)
	defer cancel()
	var one uint8
	if err := c.conn.QueryRow(ctx, "SELECT 1").Scan(&one); err != nil {
		return fmt.Errorf("clickhouse engine does not answer: %w", err)
	}
	return nil
}

func (c *ClickHouse) setCurrent(p *process, down error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.current, c.down = p, down
}
