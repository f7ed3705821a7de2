package httpserver

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"syscall"
	"time"
)

const (
	readHeaderTimeout = 10 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 64 << 10
	defaultGrace      = 10 * time.Second
)

// What [Listen] refuses, so that a caller can name its configuration keys, and
// why a stream's context ends ([context.Cause]).
var (
	ErrAddressTaken = errors.New("another program listens on the address")
	ErrNeedsTLS     = errors.New("reachable from other machines without TLS")
	ErrStopping     = errors.New("the server is stopping")
)

// ServerConfig says where and how to listen.
type ServerConfig struct {
	Addr     string // host:port; port 0 takes any free one; an empty host means every interface
	CertFile string // with KeyFile: TLS of our own
	KeyFile  string
	// TrustedProxy declares that every request beyond loopback comes through a
	// proxy that ends TLS. Cookies are Secure then, and no caller counts as
	// being on this machine.
	TrustedProxy bool
	Grace        time.Duration // how long running requests may take when stopping; 0 means 10 s
	Logger       *slog.Logger
}

// Server is one listener and the requests that came through it.
type Server struct {
	listener net.Listener
	http     *http.Server
	log      *slog.Logger
	tls      bool
	grace    time.Duration
	drain    context.CancelFunc // ends the streams
	abandon  context.CancelFunc // ends every request
}

// listenerInfo is what requests know of the listener they came through.
type listenerInfo struct {
	draining    context.Context // ends when the server begins to stop
	behindProxy bool
}

type listenerKey struct{}

func listenerFrom(ctx context.Context) listenerInfo {
	if info, ok := ctx.Value(listenerKey{}).(listenerInfo); ok {
		return info
	}
	return listenerInfo{draining: context.Background()}
}

// Listen takes the address; connections wait until [Server.Run]. It refuses an
// address beyond loopback without TLS, own or of a declared proxy
// (ErrNeedsTLS), and tells what to do when the address is taken
// (ErrAddressTaken).
func Listen(ctx context.Context, cfg ServerConfig, handler http.Handler) (*Server, error) {
	addr, err := net.ResolveTCPAddr("tcp", cfg.Addr)
	if err != nil {
		return nil, fmt.Errorf("listen on %q: want host:port: %w", cfg.Addr, err)
	}
	if (cfg.CertFile == "") != (cfg.KeyFile == "") {
		return nil, errors.New("listen with TLS: give both the certificate and its key, or neither")
	}
	var tlsConfig *tls.Config
	if cfg.CertFile != "" {
		cert, err := tls.LoadX509KeyPair(cfg.CertFile, cfg.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("listen with TLS: %w", err)
		}
		tlsConfig = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{cert}}
	}
	if !addr.IP.IsLoopback() && tlsConfig == nil && !cfg.TrustedProxy {
		return nil, fmt.Errorf("listen on %q: %w: listen on 127.0.0.1, give a certificate and its key, "+
			"or declare the proxy that ends TLS", cfg.Addr, ErrNeedsTLS)
	}
	// The resolved address, so that what was checked is what is listened on.
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", addr.String())
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("listen on %q: %w: stop that program, or choose another port (0 takes any free one)",
			cfg.Addr, ErrAddressTaken)
	}
	if err != nil {
		return nil, fmt.Errorf("listen on %q: %w", cfg.Addr, err)
	}
	return newServer(cfg, listener, tlsConfig, handler), nil
}

func newServer(cfg ServerConfig, listener net.Listener, tlsConfig *tls.Config, handler http.Handler) *Server {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Grace == 0 {
		cfg.Grace = defaultGrace
	}
	draining, drain := context.WithCancel(context.Background())
	base, abandon := context.WithCancel(context.WithValue(context.Background(), listenerKey{},
		listenerInfo{draining: draining, behindProxy: cfg.TrustedProxy}))
	return &Server{
		listener: listener,
		http: &http.Server{
			Handler:           handler,
			TLSConfig:         tlsConfig,
			ReadHeaderTimeout: readHeaderTimeout,
			IdleTimeout:       idleTimeout,
			MaxHeaderBytes:    maxHeaderBytes,
			BaseContext:       func(net.Listener) context.Context { return base },
			ErrorLog:          slog.NewLogLogger(cfg.Logger.Handler(), slog.LevelDebug), // broken handshakes and the like
		},
		log: cfg.Logger, tls: tlsConfig != nil, grace: cfg.Grace,
		drain: drain, abandon: abandon,
	}
}

// Addr returns the address that is listened on, with its real port.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// URL returns the address as people on this machine open it.
func (s *Server) URL() string {
	addr := s.Addr()
	if host, port, err := net.SplitHostPort(addr); err == nil {
		if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
			addr = net.JoinHostPort("localhost", port)
		}
	}
	if s.tls {
		return "https://" + addr
	}
	return "http://" + addr
}

// Run serves until ctx ends and then stops softly within the grace. It returns
// nil when every request could finish. Call it once; without Run, end the
// server with [Server.Shutdown].
func (s *Server) Run(ctx context.Context) error {
	served := make(chan error, 1)
	go func() {
		if s.tls {
			served <- s.http.ServeTLS(s.listener, "", "")
			return
		}
		served <- s.http.Serve(s.listener)
	}()
	select {
	case err := <-served: // the listener failed, or Shutdown was called
		if errors.Is(err, http.ErrServerClosed) {
			return nil
		}
		return errors.Join(fmt.Errorf("serve http: %w", err), s.Shutdown(ctx))
	case <-ctx.Done():
	}
	s.log.Info("http server stops", "addr", s.Addr(), "grace", s.grace.String())
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.grace)
	defer cancel()
	return s.Shutdown(grace)
}

// Shutdown takes no new connections, ends the streams, and waits for running
// requests until ctx ends; those left then are cut, which is the error.
func (s *Server) Shutdown(ctx context.Context) error {
	defer s.abandon()
	s.drain()
	err := s.http.Shutdown(ctx)
	// A listener that was never served is not the http.Server's to close.
	if closeErr := s.listener.Close(); closeErr != nil && !errors.Is(closeErr, net.ErrClosed) {
		err = errors.Join(err, closeErr)
	}
	if err == nil {
		return nil
	}
	return errors.Join(fmt.Errorf("stop http server: requests still ran and were cut: %w", err), s.http.Close())
}
