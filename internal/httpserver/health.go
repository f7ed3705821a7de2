package httpserver

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

const (
	// checkTime bounds one round of readiness checks.
	checkTime = 2 * time.Second
	// checkReuse is for how long an answer holds, so that anonymous callers
	// can't make work by asking often.
	checkReuse = 500 * time.Millisecond
)

// Check is one thing that must work for the process to be of use. Probe has
// two seconds, returns nil when it works and else says what is wrong. It is
// never called twice at once.
type Check struct {
	Name  string
	Probe func(ctx context.Context) error
}

// readiness is what /readyz answers.
type readiness struct {
	Status string        `json:"status"` // ready or unready
	Checks []checkResult `json:"checks"`
}

type checkResult struct {
	Name  string `json:"name"`
	OK    bool   `json:"ok"`
	Error string `json:"error,omitempty"`
}

func (rt *Router) addMachines(checks []Check, openMetrics bool) {
	rt.Handle("GET /healthz", func(w http.ResponseWriter, _ *http.Request) error {
		return WriteJSON(w, http.StatusOK, map[string]string{"status": "ok"})
	}, machine())

	board := newCheckBoard(checks, rt.now)
	rt.Handle("GET /readyz", func(w http.ResponseWriter, r *http.Request) error {
		return rt.readyz(w, r, board.run())
	}, machine())

	metrics := rt.metrics.handler()
	rt.Handle("GET /metrics", func(w http.ResponseWriter, r *http.Request) error {
		if !openMetrics && !mayLookInside(r) {
			_, err := RequireRole(r.Context(), RoleOperator)
			return err
		}
		metrics.ServeHTTP(w, r)
		return nil
	}, machine())
}

// readyz answers 200 when every check works and 503 otherwise; reasons are for
// those who may look inside.
func (rt *Router) readyz(w http.ResponseWriter, r *http.Request, results []checkResult) error {
	answer, status := readiness{Status: "ready", Checks: results}, http.StatusOK
	for _, result := range results {
		if !result.OK {
			answer.Status, status = "unready", http.StatusServiceUnavailable
		}
	}
	if !mayLookInside(r) {
		answer.Checks = make([]checkResult, len(results))
		for i, result := range results {
			answer.Checks[i] = checkResult{Name: result.Name, OK: result.OK}
		}
	}
	w.Header().Set("Cache-Control", "no-store")
	return WriteJSON(w, status, answer)
}

// mayLookInside reports whether the caller is an operator or on this machine.
func mayLookInside(r *http.Request) bool {
	p, ok := PrincipalFrom(r.Context())
	return ok && p.Is(RoleOperator) || onThisMachine(r)
}

// onThisMachine reports whether the request came over loopback, to a loopback
// name (else a page could reach us under its own name), through no proxy.
func onThisMachine(r *http.Request) bool {
	if listenerFrom(r.Context()).behindProxy || r.Header.Get("Forwarded") != "" || r.Header.Get("X-Forwarded-For") != "" {
		return false
	}
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && from.Addr().Unmap().IsLoopback() && loopbackName(r.Host)
}

func loopbackName(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = strings.Trim(hostport, "[]")
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

// checkBoard runs the checks side by side and remembers the answers shortly.
type checkBoard struct {
	checks []Check
	now    func() time.Time
	flight singleflight.Group // a probe that hangs is joined, not started again

	mu      sync.Mutex
	results []checkResult
	asked   time.Time
}

func newCheckBoard(checks []Check, now func() time.Time) *checkBoard {
	return &checkBoard{checks: checks, now: now}
}

func (b *checkBoard) run() []checkResult {
	b.mu.Lock()
	defer b.mu.Unlock()
	if age := b.now().Sub(b.asked); b.results != nil && age >= 0 && age < checkReuse {
		return b.results
	}
	// Not the caller's context: the answer is for all who ask meanwhile.
	ctx, cancel := context.WithTimeout(context.Background(), checkTime)
	defer cancel()
	results := make([]checkResult, len(b.checks))
	var probes sync.WaitGroup
	for i, check := range b.checks {
		probes.Go(func() { results[i] = b.probe(ctx, check) })
	}
	probes.Wait()
	b.results, b.asked = results, b.now()
	return results
}

func (b *checkBoard) probe(ctx context.Context, check Check) checkResult {
	done := b.flight.DoChan(check.Name, func() (any, error) {
		own, cancel := context.WithTimeout(context.Background(), checkTime)
		defer cancel()
		return nil, check.Probe(own)
	})
	var err error
	select {
	case result := <-done:
		err = result.Err
	case <-ctx.Done():
		err = errors.New("no answer within " + checkTime.String())
	}
	if err != nil {
		return checkResult{Name: check.Name, Error: err.Error()}
	}
	return checkResult{Name: check.Name, OK: true}
}
