package store

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/ClickHouse/ch-go"
	"github.com/ClickHouse/ch-go/chpool"
	"github.com/ClickHouse/ch-go/proto"
	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Options say which database to use.
type Options struct {
	Addr     string // host:port of the native protocol
	User     string
	Password string
	Database string // created when it is not there; empty: gapwise
	TLS      bool
	Log      *slog.Logger
}

// Store is one database of a ClickHouse server. It is safe for concurrent use.
type Store struct {
	options Options
	conn    driver.Conn  // reports, row by row
	pool    *chpool.Pool // histories, column by column
	log     *slog.Logger
}

// The bounds of one query. A report that needs more is a mistake in a query, and
// shall fail rather than take the server with it.
const (
	dialTimeout  = 5 * time.Second
	readTimeout  = 60 * time.Second
	queryMemory  = 2 << 30 // bytes
	querySeconds = 60
	columnConns  = 12 // connections that read whole columns: up to 8 derive snapshots, the rest is for reports
)

// Open connects, creates the database where it is missing and applies the
// migrations that it lacks.
func Open(ctx context.Context, o Options) (*Store, error) {
	if o.Database == "" {
		o.Database = "gapwise"
	}
	if err := createDatabase(ctx, o); err != nil {
		return nil, err
	}
	conn, err := clickhouse.Open(connOptions(o, o.Database))
	if err != nil {
		return nil, fmt.Errorf("store: connect to ClickHouse at %s: %w", o.Addr, err)
	}
	s := &Store{options: o, conn: conn, log: o.Log}
	s.pool, err = chpool.New(ctx, chpool.Options{ClientOptions: s.columnOptions(), MaxConns: columnConns})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("store: connect to ClickHouse at %s: %w", o.Addr, err), conn.Close())
	}
	if err := s.migrate(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("store: migrate database %s: %w", o.Database, err), s.Close())
	}
	return s, nil
}

func createDatabase(ctx context.Context, o Options) error {
	conn, err := clickhouse.Open(connOptions(o, "default"))
	if err != nil {
		return fmt.Errorf("store: connect to ClickHouse at %s: %w", o.Addr, err)
	}
	defer func() { _ = conn.Close() }()
	create := "CREATE DATABASE IF NOT EXISTS {name:Identifier}"
	ctx = clickhouse.Context(ctx, clickhouse.WithParameters(clickhouse.Parameters{"name": o.Database}))
	if err := conn.Exec(ctx, create); err != nil {
		return fmt.Errorf("store: create database %s at %s (check clickhouse.addr, user and password): %w", o.Database, o.Addr, err)
	}
	return nil
}

func connOptions(o Options, database string) *clickhouse.Options {
	options := &clickhouse.Options{
		Addr:         []string{o.Addr},
		Auth:         clickhouse.Auth{Database: database, Username: o.User, Password: o.Password},
		DialTimeout:  dialTimeout,
		ReadTimeout:  readTimeout,
		MaxOpenConns: 8,
		MaxIdleConns: 4,
		Settings: clickhouse.Settings{
			"max_memory_usage":   queryMemory,
			"max_execution_time": querySeconds,
		},
	}
	if o.TLS {
		options.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	return options
}

// columnOptions are those of connections that read and write whole columns.
func (s *Store) columnOptions() ch.Options {
	options := ch.Options{
		Address:     s.options.Addr,
		Database:    s.options.Database,
		User:        s.options.User,
		Password:    s.options.Password,
		DialTimeout: dialTimeout,
		ReadTimeout: readTimeout,
		Compression: ch.CompressionDisabled, // costs more than loopback and a local network do
		Settings: []ch.Setting{
			// Repeats are decided by the projector; the server's own idea of a
			// repeated block must never drop an acknowledged insert.
			ch.SettingInt("insert_deduplicate", 0),
			ch.SettingInt("async_insert", 0),
			// Rows that repeat a sort key lie in different batches: looking for them
			// in one block is in vain.
			ch.SettingInt("optimize_on_insert", 0),
			ch.SettingInt("max_memory_usage", queryMemory),
		},
	}
	if s.options.TLS {
		options.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	return options
}

// dial opens a connection that reads and writes whole columns.
func (s *Store) dial(ctx context.Context) (*ch.Client, error) {
	client, err := ch.Dial(ctx, s.columnOptions())
	if err != nil {
		return nil, fmt.Errorf("store: connect to ClickHouse at %s: %w", s.options.Addr, err)
	}
	return client, nil
}

// Ping asks the server whether it answers.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.conn.Ping(ctx); err != nil {
		return fmt.Errorf("store: ClickHouse at %s doesn't answer: %w", s.options.Addr, err)
	}
	return nil
}

// Close closes the connections.
func (s *Store) Close() error {
	s.pool.Close()
	return s.conn.Close()
}

// parameter binds a value to {name:Type} in a query of the column protocol. The
// server unescapes it like a quoted string, so it is quoted like one.
func parameter(name, value string) proto.Parameter {
	return proto.Parameter{Key: name, Value: quote(value)}
}
