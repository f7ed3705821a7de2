package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/gapwise/gapwise/internal/admin"
	"github.com/gapwise/gapwise/internal/embedded"
	"github.com/gapwise/gapwise/internal/httpserver"
	"github.com/gapwise/gapwise/internal/ingest"
	"github.com/gapwise/gapwise/internal/query"
	"github.com/gapwise/gapwise/internal/web"
	"github.com/gapwise/gapwise/schemas"
)

// routes builds the routes of this process's roles.
func (a *App) routes() (*httpserver.Router, error) {
	pages, err := web.New(a.service)
	if err != nil {
		return nil, err
	}
	router, err := httpserver.NewRouter(httpserver.Options{
		Logger: a.Log, Keys: a.keys, Revocations: a.revoked, Metrics: a.metrics.http,
		OpenMetrics: a.Config.HTTP.OpenMetrics, Checks: a.checks(), ErrorPage: pages.ErrorPage,
	})
	if err != nil {
		return nil, err
	}
	if a.Roles.Ingest {
		door := &ingest.Handler{
			Publisher: publisher{a.log, a.key}, Members: members{a}, Catalogs: a.active.Catalogs, Admit: a.admit(),
			HMAC: func(learner string) string { return a.key.learner(learner).String() }, Erased: a.forgotten.has,
			Now: time.Now, Log: a.Log, Observe: a.metrics.ingested,
		}
		router.Handle("POST /v1/events", door.Events, httpserver.MaxBody(ingest.MaxBody))
	}
	if a.Roles.Query {
		(&query.API{Service: a.service, Contract: schemas.OpenAPI}).Routes(router)
		a.auditor.Routes(router)
		a.workshop.Routes(router)
		a.replays.Routes(router)
		pages.Routes(router)
		(&admin.API{
			Store: a.store, Reports: a.service, Publish: a.publishEvents, HMAC: a.key.learner, Forget: a.forgotten.add, Now: time.Now,
			Archive: archivist{a}, Admit: a.admit(),
		}).Routes(router)
	}
	return router, nil
}

// listen takes the address and serves the routes there.
func (a *App) listen(ctx context.Context) error {
	router, err := a.routes()
	if err != nil {
		return err
	}
	c := a.Config.HTTP
	a.server, err = httpserver.Listen(ctx, httpserver.ServerConfig{
		Addr: c.Listen, CertFile: c.TLS.Cert, KeyFile: c.TLS.Key, TrustedProxy: c.TrustedProxy, Logger: a.Log,
	}, router)
	if err != nil {
		return err
	}
	a.closers = append(a.closers, a.server.Shutdown)
	if a.engines != nil {
		info := a.engines.RunInfo()
		info.HTTPURL = a.server.URL()
		return embedded.WriteRunInfo(a.Config.Data.Dir, info)
	}
	return nil
}

// checks are what /readyz asks.
func (a *App) checks() []httpserver.Check {
	checks := []httpserver.Check{
		{Name: "keys", Probe: a.keys.Check},
		{Name: "log", Probe: func(ctx context.Context) error { _, err := a.log.Info(ctx); return err }},
		{Name: "store", Probe: a.store.Ping},
		{Name: "generation", Probe: a.active.Check},
		{Name: "revocations", Probe: a.revoked.Check},
	}
	if a.Roles.Projector {
		checks = append(checks, httpserver.Check{Name: "projection", Probe: func(context.Context) error {
			return a.progress().Err
		}})
	}
	return checks
}

// admit returns the door's guard of the disk: embedded engines must never find
// it full. It looks once a second at most.
func (a *App) admit() func() error {
	if a.engines == nil {
		return nil
	}
	var (
		mu     sync.Mutex
		looked time.Time
		last   error
	)
	return func() error {
		mu.Lock()
		defer mu.Unlock()
		if time.Since(looked) < time.Second {
			return last
		}
		looked = time.Now()
		free, err := embedded.FreeBytes(a.Config.Data.Dir)
		if last = err; err == nil && free < a.Config.minFree {
			last = fmt.Errorf("disk low: %d MB free, disk.min_free asks for %d MB", free>>20, a.Config.minFree>>20)
		}
		return last
	}
}
