package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"golang.org/x/crypto/bcrypt"
	"golang.org/x/sys/unix"
)

const (
	// ProducerInbox is the inbox prefix (nats.CustomInboxPrefix) under which a producer hears its acknowledgements. It
	// is apart from everyone else's inboxes: the log's messages are delivered to those.
	ProducerInbox = "_INBOX.producer"

	// ProducerSubjects is what a producer may publish to.
	ProducerSubjects = "study.events.*"

	// MaxPayload is the largest message the embedded broker takes, in bytes.
	MaxPayload = 8 << 20

	producerUser         = "producer"
	natsPasswordFile     = "password"
	producerPasswordFile = "producer.password"
	defaultNATSListen    = "127.0.0.1:4222"

	natsStartTimeout = 2 * time.Minute // JetStream reads its index at start; a damaged one is rebuilt from all messages
	natsStopTimeout  = 20 * time.Second
	jetStreamMemory  = 64 << 20 // for streams in memory, of which Gapwise has none
)

// NATSConfig says how to start the broker.
type NATSConfig struct {
	Dir    string // made if it is not there: JetStream's files and the users' passwords
	Listen string // host:port (port 0: any free one); empty: 127.0.0.1, 4222 if that is free, else any free port
	// MaxStore bounds the bytes of all streams; 0: the size of the disk.
	MaxStore int64
	Logger   *slog.Logger
}

// NATS is a NATS server with JetStream that runs in this process.
type NATS struct {
	server   *server.Server
	logger   *slog.Logger
	internal Login
	producer Login
}

// StartNATS starts the broker and waits until it takes connections and JetStream has recovered its streams.
func StartNATS(ctx context.Context, cfg NATSConfig) (*NATS, error) {
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("nats: %w: %w", ErrUnusable, err)
	}
	internal, err := login(internalUser, filepath.Join(cfg.Dir, natsPasswordFile))
	if err != nil {
		return nil, fmt.Errorf("nats: %w", err)
	}
	producer, err := login(producerUser, filepath.Join(cfg.Dir, producerPasswordFile))
	if err != nil {
		return nil, fmt.Errorf("nats: %w", err)
	}
	host, port, err := chooseListen(cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("nats: %w", err)
	}
	opts, err := natsOptions(cfg, host, port, internal, producer)
	if err != nil {
		return nil, fmt.Errorf("nats: %w", err)
	}
	srv, err := runServer(ctx, opts, cfg.Logger)
	if err != nil {
		return nil, fmt.Errorf("nats: %w", err)
	}
	n := &NATS{server: srv, logger: cfg.Logger, internal: internal, producer: producer}
	cfg.Logger.Info("nats started", "url", n.URL(), "dir", cfg.Dir)
	return n, nil
}

// URL is the address for clients, without a login: nats://127.0.0.1:4222.
func (n *NATS) URL() string { return n.server.ClientURL() }

// Login is the user with all rights.
func (n *NATS) Login() Login { return n.internal }

// Producer is the user that may publish study events and nothing else. It connects with nats.CustomInboxPrefix of
// [ProducerInbox] to hear acknowledgements.
func (n *NATS) Producer() Login { return n.producer }

// Connect opens a connection with all rights that goes through memory instead of a socket.
func (n *NATS) Connect(opts ...nats.Option) (*nats.Conn, error) {
	conn, err := nats.Connect("", append([]nats.Option{n.InProcess(), n.UserInfo(), nats.Name(internalUser)}, opts...)...)
	if err != nil {
		return nil, fmt.Errorf("connect to embedded nats: %w", err)
	}
	return conn, nil
}

// InProcess is the option that lets a client in this process connect without a socket.
func (n *NATS) InProcess() nats.Option { return nats.InProcessServer(n.server) }

// UserInfo is the option that logs a client in with all rights.
func (n *NATS) UserInfo() nats.Option { return nats.UserInfo(n.internal.User, n.internal.Password) }

// Health says whether the broker runs with JetStream.
func (n *NATS) Health(context.Context) error {
	if !n.server.Running() || !n.server.JetStreamEnabled() {
		return errors.New("nats: the embedded server does not run")
	}
	return nil
}

// Close stops the broker: clients are disconnected, JetStream's files are flushed and closed. It waits for that until
// ctx ends, 20 seconds at most; nothing acknowledged is lost by not waiting.
func (n *NATS) Close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, natsStopTimeout)
	defer cancel()
	n.logger.Info("nats stopping")
	done := make(chan struct{})
	go func() {
		defer close(done)
		n.server.Shutdown()
		n.server.WaitForShutdown()
	}()
	select {
	case <-done:
		n.logger.Info("nats stopped")
		return nil
	case <-ctx.Done():
		return fmt.Errorf("nats: stop: %w", ctx.Err())
	}
}

func natsOptions(cfg NATSConfig, host string, port int, internal, producer Login) (*server.Options, error) {
	internalHash, err := bcryptHash(internal.Password)
	if err != nil {
		return nil, err
	}
	producerHash, err := bcryptHash(producer.Password)
	if err != nil {
		return nil, err
	}
	maxStore := cfg.MaxStore
	if maxStore == 0 {
		if maxStore, err = diskSize(cfg.Dir); err != nil {
			return nil, err
		}
	}
	return &server.Options{
		ServerName: "gapwise",
		Host:       host,
		Port:       port,
		MaxPayload: MaxPayload,
		Users: []*server.User{
			{Username: internal.User, Password: internalHash},
			{Username: producer.User, Password: producerHash, Permissions: &server.Permissions{
				Publish:   &server.SubjectPermission{Allow: []string{ProducerSubjects}},
				Subscribe: &server.SubjectPermission{Allow: []string{ProducerInbox + ".>"}},
			}},
		},
		JetStream: true,
		StoreDir:  cfg.Dir,
		// Every acknowledged message is on the disk. The default, an fsync every two minutes, loses acknowledged
		// messages when the power fails.
		SyncAlways: true,
		// The default store limit is a share of the space that is free at start: after a restart the log itself could
		// exceed it. The disk is the limit; callers watch it with FreeBytes.
		JetStreamMaxStore:      maxStore,
		JetStreamMaxMemory:     jetStreamMemory,
		DisableJetStreamBanner: true,
		NoSigs:                 true,
	}, nil
}

// bcryptHash keeps the password itself out of the server's memory and its complaint about that out of the log. The
// least cost is enough: the password is random.
func bcryptHash(password string) (string, error) {
	h, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		return "", fmt.Errorf("hash password: %w", err)
	}
	return string(h), nil
}

func diskSize(dir string) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, fmt.Errorf("size of the disk of %s: %w", dir, err)
	}
	return int64(st.Blocks) * int64(st.Bsize), nil //nolint:unconvert // its type differs by system
}

// chooseListen resolves the address to listen on. The returned port is server.RANDOM_PORT when any will do.
func chooseListen(listen string) (host string, port int, err error) {
	explicit := listen != ""
	if !explicit {
		listen = defaultNATSListen
	}
	host, portText, err := net.SplitHostPort(listen)
	if err != nil {
		return "", 0, fmt.Errorf("listen address %q: %w; write it as 127.0.0.1:4222", listen, err)
	}
	port, err = strconv.Atoi(portText)
	if err != nil || port < 0 || port > 65535 {
		return "", 0, fmt.Errorf("listen address %q: port %q is not a number from 0 to 65535; write it as 127.0.0.1:4222", listen, portText)
	}
	if port == 0 {
		return host, server.RANDOM_PORT, nil
	}
	l, err := net.Listen("tcp", listen)
	switch {
	case err == nil:
		return host, port, l.Close()
	case !explicit && errors.Is(err, unix.EADDRINUSE):
		return host, server.RANDOM_PORT, nil
	case errors.Is(err, unix.EADDRINUSE):
		return "", 0, fmt.Errorf("%w: another process listens on %s; stop it, or choose another address (port 0: any free one)", ErrPortTaken, listen)
	default:
		return "", 0, fmt.Errorf("listen on %s: %w; choose an address of this machine", listen, err)
	}
}

// runServer starts the server. The library reports a failed start by a fatal log line, which is caught here.
func runServer(ctx context.Context, opts *server.Options, logger *slog.Logger) (*server.Server, error) {
	srv, err := server.NewServer(opts)
	if err != nil {
		return nil, fmt.Errorf("configure: %w", err)
	}
	bridge := &natsLogger{logger: logger, fatal: make(chan error, 1)}
	srv.SetLoggerV2(bridge, false, false, false)
	go srv.Start()

	ready := make(chan bool, 1)
	go func() {
		deadline, ok := ctx.Deadline()
		ready <- srv.ReadyForConnections(remaining(deadline, ok, natsStartTimeout))
	}()
	err = nil
	select {
	case err = <-bridge.fatal:
	case <-ctx.Done():
		err = ctx.Err()
	case ok := <-ready:
		if !ok {
			err = errors.New("not ready in time; the log above tells what it was doing")
		}
	}
	if err != nil {
		srv.Shutdown()
		return nil, fmt.Errorf("start: %w", err)
	}
	return srv, nil
}

// natsLogger passes the server's log on. The server's notices are about its own start and stop: debug here.
type natsLogger struct {
	logger *slog.Logger
	fatal  chan error // the first fatal message
}

func (l *natsLogger) log(level slog.Level, format string, v []any) {
	if l.logger.Enabled(context.Background(), level) {
		l.logger.Log(context.Background(), level, "nats server", "text", fmt.Sprintf(format, v...))
	}
}

func (l *natsLogger) Noticef(format string, v ...any) { l.log(slog.LevelDebug, format, v) }
func (l *natsLogger) Warnf(format string, v ...any)   { l.log(slog.LevelWarn, format, v) }
func (l *natsLogger) Errorf(format string, v ...any)  { l.log(slog.LevelError, format, v) }
func (l *natsLogger) Debugf(format string, v ...any)  { l.log(slog.LevelDebug, format, v) }
func (l *natsLogger) Tracef(format string, v ...any)  { l.log(slog.LevelDebug, format, v) }

// Fatalf must not end the process, unlike the server's own logger.
func (l *natsLogger) Fatalf(format string, v ...any) {
	l.log(slog.LevelError, format, v)
	select {
	case l.fatal <- fmt.Errorf(format, v...):
	default:
	}
}
