package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/gapwise/gapwise/internal/embedded"
	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/store"
	"github.com/gapwise/gapwise/internal/stream"
)

// benchServers are a broker and a database apart from the gapwise that is measured,
// so that its memory and its work are its own. The broker runs in this process, the
// database in a child of it; both are reached over loopback, as the measured one
// reaches them.
type benchServers struct {
	dir     string
	engines *embedded.Engines
	nats    *nats.Conn
	log     *stream.Log
	store   *store.Store
	quiet   *slog.Logger
}

func (b *benchRun) servers(ctx context.Context, name string) (s *benchServers, err error) {
	s = &benchServers{dir: filepath.Join(b.dir, name), quiet: slog.New(slog.DiscardHandler)}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close(ctx))
		}
	}()
	s.engines, err = embedded.Start(ctx, embedded.Config{
		DataDir: filepath.Join(s.dir, "servers"), NATSListen: "127.0.0.1:0", Library: b.config.Engine.Path, Logger: s.quiet,
	})
	if err != nil {
		return s, err
	}
	login := s.engines.NATS.Login()
	s.nats, err = stream.Connect(s.engines.NATS.URL(), stream.Credentials{User: login.User, Password: login.Password}, "gapwise-bench", s.quiet)
	if err != nil {
		return s, err
	}
	if s.log, err = stream.Open(ctx, s.nats, stream.Config{}, s.quiet); err != nil {
		return s, err
	}
	s.store, err = s.open(ctx, "gapwise")
	return s, err
}

// open opens a database of the engine.
func (s *benchServers) open(ctx context.Context, database string) (*store.Store, error) {
	login := s.engines.ClickHouse.Login()
	return store.Open(ctx, store.Options{
		Addr: s.engines.ClickHouse.Addr(), User: login.User, Password: login.Password, Database: database,
		Log: s.quiet,
	})
}

// launch starts a gapwise of one role on the servers.
func (s *benchServers) launch(role string) (*benchProcess, error) {
	broker, engine := s.engines.NATS.Login(), s.engines.ClickHouse.Login()
	return launch(role, filepath.Join(s.dir, "data"), filepath.Join(s.dir, role+".log"),
		"GAPWISE_NATS_URL="+s.engines.NATS.URL(), "GAPWISE_NATS_USER="+broker.User, "GAPWISE_NATS_PASSWORD="+broker.Password,
		"GAPWISE_CLICKHOUSE_ADDR="+s.engines.ClickHouse.Addr(), "GAPWISE_CLICKHOUSE_USER="+engine.User,
		"GAPWISE_CLICKHOUSE_PASSWORD="+engine.Password, "GAPWISE_CLICKHOUSE_DATABASE=gapwise", "GAPWISE_CLICKHOUSE_TLS=false")
}

func (s *benchServers) close(ctx context.Context) error {
	var errs []error
	if s.store != nil {
		errs = append(errs, s.store.Close())
	}
	if s.nats != nil {
		s.nats.Close()
	}
	if s.engines != nil {
		errs = append(errs, s.engines.Close(context.WithoutCancel(ctx)))
	}
	return errors.Join(errs...)
}

// benchPublish is how many events are on their way to the log at once.
const benchPublish = 10_000

// fill publishes all events and returns how many.
func (s *benchServers) fill(ctx context.Context, next func() (encoded, error), p *progress) (int, error) {
	filled := 0
	for end := false; !end; {
		messages := make([]stream.Message, 0, benchPublish)
		for len(messages) < benchPublish && !end {
			message, err := publishable(next)
			switch {
			case errors.Is(err, io.EOF):
				end = true
			case err != nil:
				return filled, err
			default:
				messages = append(messages, message)
			}
		}
		if _, err := s.log.Publish(ctx, messages); err != nil {
			return filled, err
		}
		filled += len(messages)
		p.add(len(messages))
	}
	return filled, nil
}

// publishable is the next event as it goes to the log.
func publishable(next func() (encoded, error)) (stream.Message, error) {
	simulated, err := next()
	if err != nil {
		return stream.Message{}, err
	}
	e, err := event.Decode(simulated.payload)
	if err != nil {
		return stream.Message{}, fmt.Errorf("simulate events: %w", err)
	}
	return stream.Message{Learner: e.Subject, ID: e.MsgID(), Payload: simulated.payload}, nil
}

// perSecond is a rate.
func perSecond(n int, took time.Duration) float64 { return float64(n) / took.Seconds() }
