package soak

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gapwise/gapwise/internal/httpserver"
)

// Broker is what the broker's process tells once it takes connections.
type Broker struct {
	Addr             string `json:"addr"`
	User             string `json:"user"`
	Password         string `json:"password"`
	Producer         string `json:"producer"`
	ProducerPassword string `json:"producer_password"`
	InboxPrefix      string `json:"inbox_prefix"`
}

// Engine is what the engine's process tells once it takes connections.
type Engine struct {
	Addr     string `json:"addr"`
	User     string `json:"user"`
	Password string `json:"password"`
}

// Lease is how long a projector that vanished holds the others off in a schedule.
const Lease = time.Second

// The sizes of the file systems: what a schedule of 100,000 events needs, and more.
const (
	brokerDisk = 512 << 20
	engineDisk = 1 << 30
)

// patience is how long what must come is waited for.
const patience = 90 * time.Second

// cluster is a whole deployment, each part a process of its own, and the links
// between them.
type cluster struct {
	config    Config
	dir       string
	keys      *httpserver.Keys
	processes map[string]*process
	links     map[string]*Link
	urls      map[string]string // of roles
	disks     []string          // folders with a file system of their own

	mu     sync.Mutex
	broker Broker
	engine Engine
	ready  map[string]chan struct{} // closed when broker and engine are there for the first time
}

// startCluster starts all processes and waits until they are ready.
func startCluster(ctx context.Context, c Config, dir string) (*cluster, error) {
	s := &cluster{
		config: c, dir: dir, processes: map[string]*process{}, links: map[string]*Link{}, urls: map[string]string{},
		ready: map[string]chan struct{}{broker: make(chan struct{}), engine: make(chan struct{})},
	}
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *cluster) start(ctx context.Context) (err error) {
	if s.keys, err = httpserver.OpenKeys(filepath.Join(s.dir, "keys", "tokens.json")); err != nil {
		return err
	}
	if err := s.openLinks(ctx); err != nil {
		return err
	}
	if err := s.startEngines(ctx); err != nil {
		return err
	}
	for _, name := range []string{ingest, reports, first, second} {
		if err := s.startRole(ctx, name); err != nil {
			return err
		}
	}
	return s.allReady(ctx)
}

// openLinks makes the links, which lead nowhere yet.
func (s *cluster) openLinks(ctx context.Context) error {
	for _, from := range []string{ingest, reports, first, second} {
		for _, to := range []string{broker, engine} {
			if err := s.open(ctx, from+">"+to); err != nil {
				return err
			}
		}
	}
	return errors.Join(s.open(ctx, clients+">"+broker), s.open(ctx, clients+">"+ingest))
}

func (s *cluster) open(ctx context.Context, name string) (err error) {
	s.links[name], err = newLink(ctx)
	return err
}

// lead points every link to a process at its address.
func (s *cluster) lead(to, addr string) {
	for name, link := range s.links {
		if strings.HasSuffix(name, ">"+to) {
			link.Lead(addr)
		}
	}
}

// startEngines starts broker and engine, each on a disk of its own.
func (s *cluster) startEngines(ctx context.Context) error {
	sizes := map[string]int64{broker: brokerDisk, engine: engineDisk}
	for name, size := range sizes {
		dir := s.folder(name)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
		if slices.Contains(s.config.Faults, DiskFull) {
			if err := mountSmall(dir, size); err != nil {
				return err
			}
			s.disks = append(s.disks, dir)
		}
	}
	address, err := freeAddress(ctx)
	if err != nil {
		return err
	}
	var brokerOnce, engineOnce sync.Once
	s.add(broker, s.brokerArgs(address, 0)...).announce = announced(func(b Broker) {
		s.mu.Lock()
		s.broker = b
		s.mu.Unlock()
		s.lead(broker, b.Addr)
		brokerOnce.Do(func() { close(s.ready[broker]) })
	})
	s.add(engine, "soak", "engine", "--dir", s.folder(engine)).announce = announced(func(e Engine) {
		s.mu.Lock()
		s.engine = e
		s.mu.Unlock()
		s.lead(engine, e.Addr)
		engineOnce.Do(func() { close(s.ready[engine]) })
	})
	for name := range sizes {
		if err := s.processes[name].start(); err != nil {
			return err
		}
	}
	for name := range sizes {
		select {
		case <-s.ready[name]:
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(patience):
			return fmt.Errorf("soak: %s is not there after %s; see %s", name, patience, s.processes[name].logFile)
		}
	}
	return nil
}

// brokerArgs are those of the broker; maxStore 0 is no limit.
func (s *cluster) brokerArgs(address string, maxStore int64) []string {
	return []string{"soak", "broker", "--dir", s.folder(broker), "--address", address, "--max-store", strconv.FormatInt(maxStore, 10)}
}

func (s *cluster) folder(name string) string { return filepath.Join(s.dir, name) }

// startRole starts a process that connects through links.
func (s *cluster) startRole(ctx context.Context, name string) error {
	address, err := freeAddress(ctx)
	if err != nil {
		return err
	}
	role, _, _ := strings.Cut(name, "-")
	p := s.add(name, role, "--listen", address)
	b, e := s.login()
	p.env = append(p.env,
		"GAPWISE_NATS_URL=nats://"+s.links[name+">"+broker].Addr(), "GAPWISE_NATS_USER="+b.User, "GAPWISE_NATS_PASSWORD="+b.Password,
		"GAPWISE_CLICKHOUSE_ADDR="+s.links[name+">"+engine].Addr(), "GAPWISE_CLICKHOUSE_USER="+e.User, "GAPWISE_CLICKHOUSE_PASSWORD="+e.Password,
	)
	s.urls[name] = "http://" + address
	if name == ingest {
		s.lead(ingest, address)
	}
	return p.start()
}

// add describes a process.
func (s *cluster) add(name string, args ...string) *process {
	p := &process{
		name: name, program: s.config.Program, args: args, logFile: filepath.Join(s.dir, name+".log"), env: s.environment(),
	}
	s.processes[name] = p
	return p
}

// environment is what every process sees: nothing of the caller's configuration but
// where the engine's library is.
func (s *cluster) environment() []string {
	var env []string
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, "GAPWISE_") || strings.HasPrefix(entry, "GAPWISE_ENGINE_") {
			env = append(env, entry)
		}
	}
	return append(env,
		"GAPWISE_DATA_DIR="+filepath.Join(s.dir, "data"), "GAPWISE_AUTH_KEYS="+filepath.Join(s.dir, "keys", "tokens.json"),
		"GAPWISE_PROJECTOR_LEASE="+Lease.String(), "GAPWISE_HTTP_OPEN_METRICS=true", "GAPWISE_LOG_LEVEL=info")
}

func (s *cluster) login() (Broker, Engine) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.broker, s.engine
}

// allReady waits until every role says so.
func (s *cluster) allReady(ctx context.Context) error {
	for _, name := range []string{ingest, reports, first, second} {
		if err := s.isReady(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

func (s *cluster) isReady(ctx context.Context, name string) error {
	return eventually(ctx, name+" is ready", func() error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.urls[name]+"/readyz", nil)
		if err != nil {
			return err
		}
		response, err := quick.Do(request)
		if err != nil {
			return err
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("/readyz answers %s", response.Status)
		}
		return nil
	})
}

// quick asks for what is answered at once.
var quick = &http.Client{Timeout: 5 * time.Second}

// metric reads one of the metrics of a role.
func (s *cluster) metric(ctx context.Context, role, name string) (uint64, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.urls[role]+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	response, err := quick.Do(request)
	if err != nil {
		return 0, err
	}
	defer func() { _ = response.Body.Close() }()
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		if text, found := strings.CutPrefix(lines.Text(), name+" "); found {
			n, err := strconv.ParseFloat(text, 64)
			return uint64(n), err
		}
	}
	return 0, errors.Join(lines.Err(), fmt.Errorf("no metric %s", name))
}

// close ends everything at once.
func (s *cluster) close() error {
	var errs []error
	for _, name := range []string{first, second, ingest, reports, engine, broker} {
		if p := s.processes[name]; p != nil {
			_ = p.thaw()
			p.close()
		}
	}
	for _, link := range s.links {
		link.Close()
	}
	for _, dir := range s.disks {
		errs = append(errs, unmount(dir))
	}
	return errors.Join(errs...)
}

// save copies what is on the small file systems, which end with this process.
func (s *cluster) save() error {
	var errs []error
	for _, dir := range s.disks {
		errs = append(errs, os.CopyFS(dir+".disk", os.DirFS(dir)))
	}
	return errors.Join(errs...)
}

// eventually asks until there is no error any more.
func eventually(ctx context.Context, what string, ask func() error) error {
	deadline, again := time.After(patience), time.NewTicker(30*time.Millisecond)
	defer again.Stop()
	for {
		err := ask()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-deadline:
			return fmt.Errorf("soak: waited %s in vain: %s: %w", patience, what, err)
		case <-again.C:
		}
	}
}

// Ports of processes that come back to the same one after each kill. They lie below
// those that the system hands out by itself, so nobody takes one meanwhile.
const (
	firstPort = 15_000
	ports     = 15_000
)

// lastPort is shared by schedules that run side by side.
var lastPort atomic.Uint32

// freeAddress is an address on loopback where nobody listens now, and that no other
// schedule of this process gets soon.
func freeAddress(ctx context.Context) (string, error) {
	var config net.ListenConfig
	for range ports {
		port := firstPort + (uint32(os.Getpid())*97+lastPort.Add(1))%ports // processes begin apart
		address := net.JoinHostPort("127.0.0.1", strconv.FormatUint(uint64(port), 10))
		l, err := config.Listen(ctx, "tcp", address)
		if err == nil {
			return address, l.Close()
		}
	}
	return "", fmt.Errorf("soak: none of the ports %d to %d is free", firstPort, firstPort+ports-1)
}
