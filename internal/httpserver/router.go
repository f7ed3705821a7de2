package httpserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/gzhttp"
)

// DefaultContentSecurityPolicy lets a page load its own style sheets and
// images, send forms home, and nothing else: no script at all.
const DefaultContentSecurityPolicy = "default-src 'none'; style-src 'self'; img-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

const (
	defaultTimeout = time.Minute
	defaultMaxBody = 1 << 20
	// answerGrace is how much longer than its handler a connection lives, so
	// that the answer to a timeout can still be sent.
	answerGrace = 5 * time.Second
)

// HandlerFunc answers a request or returns the error to answer it with. See
// [Problem] for errors that are the caller's to see.
type HandlerFunc func(w http.ResponseWriter, r *http.Request) error

// Revocations knows which tokens were ended before their time. Revoked is
// asked on every authenticated request, from many goroutines: answer from
// memory.
type Revocations interface {
	Revoked(tokenID string) bool
}

// Options is what a [Router] needs. Logger and Keys are required.
type Options struct {
	Logger      *slog.Logger
	Keys        *Keys
	Revocations Revocations // nil: no token was ever revoked
	Metrics     *Metrics    // nil: a fresh one
	OpenMetrics bool        // /metrics answers everyone who reaches the listener
	Checks      []Check     // what /readyz asks
	Limits      Limits      // zero fields mean the defaults

	ErrorPage             ErrorPage // nil: a small page without style
	ContentSecurityPolicy string    // empty: [DefaultContentSecurityPolicy]
	TrustedOrigins        []string  // other origins ("https://study.example") whose forms and scripts may use the cookie

	Now func() time.Time // nil: time.Now
}

// Router serves routes by the patterns of [http.ServeMux]. Beside what is
// added with [Router.Handle] it serves /sign-in, /sign-out, /healthz, /readyz
// and /metrics. Add all routes before the first request.
type Router struct {
	mux      *http.ServeMux
	patterns []string
	log      *slog.Logger
	auth     authenticator
	metrics  *Metrics
	admitter *admitter
	page     ErrorPage
	csp      string
	compress func(http.Handler) http.HandlerFunc
	now      func() time.Time
}

// NewRouter returns a router with the routes of this package, or an error that
// tells what in opts is wrong.
func NewRouter(opts Options) (*Router, error) {
	if opts.Logger == nil || opts.Keys == nil {
		return nil, errors.New("http router: options need a logger and keys")
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Metrics == nil {
		opts.Metrics = NewMetrics()
	}
	if opts.ErrorPage == nil {
		opts.ErrorPage = plainErrorPage
	}
	if opts.ContentSecurityPolicy == "" {
		opts.ContentSecurityPolicy = DefaultContentSecurityPolicy
	}
	sameOrigin := http.NewCrossOriginProtection()
	for _, origin := range opts.TrustedOrigins {
		if err := sameOrigin.AddTrustedOrigin(origin); err != nil {
			return nil, fmt.Errorf("http router: trusted origin %q: %w", origin, err)
		}
	}
	// Answers carry no secrets (the session cookie is a header), so there is
	// nothing that their compressed length could give away.
	compress, err := gzhttp.NewWrapper(gzhttp.MinSize(1024), gzhttp.ContentTypes([]string{
		"application/json", "application/x-ndjson", "text/html", "text/css", "text/javascript", "text/csv", "image/svg+xml",
	}))
	if err != nil {
		return nil, fmt.Errorf("http router: %w", err)
	}
	rt := &Router{
		mux:      http.NewServeMux(),
		log:      opts.Logger,
		auth:     authenticator{keys: opts.Keys, revocations: opts.Revocations, sameOrigin: sameOrigin},
		metrics:  opts.Metrics,
		admitter: newAdmitter(opts.Limits, opts.Now),
		page:     opts.ErrorPage,
		csp:      opts.ContentSecurityPolicy,
		compress: compress,
		now:      opts.Now,
	}
	rt.addSession()
	rt.addMachines(opts.Checks, opts.OpenMetrics)
	return rt, nil
}

// RouteOption changes one route from the default: any principal, 1 MiB of
// body, one minute, compressed when the caller likes it.
type RouteOption func(*route)

// Public lets everyone in. A good token is still noticed ([PrincipalFrom]), a
// bad one is not complained about.
func Public() RouteOption { return func(rt *route) { rt.public = true } }

// Roles lets in principals with one of roles only; others are answered 403.
func Roles(roles ...Role) RouteOption { return func(rt *route) { rt.roles = roles } }

// MaxBody bounds the request's body in bytes. Reading over it returns an error
// that, returned from the handler, is answered 413.
func MaxBody(bytes int64) RouteOption { return func(rt *route) { rt.maxBody = bytes } }

// Timeout bounds the handler: its context ends after d, and the connection a
// little later.
func Timeout(d time.Duration) RouteOption { return func(rt *route) { rt.timeout = d } }

// Streaming is for answers without end (server-sent events): no time limit, no
// compression, counted apart from other requests. The handler's context ends
// when the server begins to stop.
func Streaming() RouteOption { return func(rt *route) { rt.streaming = true } }

// machine marks routes for probes and scrapers: never refused for load, logged
// at debug only.
func machine() RouteOption {
	return func(rt *route) { rt.public, rt.machine = true, true }
}

// route is one pattern with its handler and what it asks of requests.
type route struct {
	path      string // the pattern without its method, for logs and metrics
	handler   HandlerFunc
	public    bool
	roles     []Role
	maxBody   int64
	timeout   time.Duration
	streaming bool
	machine   bool
}

// Handle serves pattern (as [http.ServeMux] reads it: "GET /v1/cohorts/{cohort}")
// with h. Like ServeMux it panics on a pattern that is malformed or taken.
func (rt *Router) Handle(pattern string, h HandlerFunc, opts ...RouteOption) {
	ro := &route{path: pattern, handler: h, maxBody: defaultMaxBody, timeout: defaultTimeout}
	if _, path, ok := strings.Cut(pattern, " "); ok {
		ro.path = strings.TrimSpace(path)
	}
	for _, opt := range opts {
		opt(ro)
	}
	answer := http.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rt.answer(w, r, func(w http.ResponseWriter, r *http.Request) error { return rt.enter(w, r, ro) })
	}))
	if !ro.streaming && !ro.machine {
		answer = rt.compress(answer)
	}
	rt.patterns = append(rt.patterns, pattern)
	rt.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		ex := exchangeFrom(r.Context())
		ex.route, ex.machine = ro.path, ro.machine
		rt.setDeadlines(w, ro)
		answer.ServeHTTP(w, r)
	})
}

// Patterns lists the patterns of all routes, this package's own among them, so
// that a test can hold them to a contract.
func (rt *Router) Patterns() []string { return slices.Clone(rt.patterns) }

// ServeHTTP gives the request an id, answers it, and logs and counts it.
func (rt *Router) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ex := &exchange{id: requestID(r), started: rt.now()}
	rec := &recorder{ResponseWriter: w}
	r = r.WithContext(context.WithValue(r.Context(), exchangeKey{}, ex))
	setSecurityHeaders(w.Header(), ex.id, rt.csp)
	rt.metrics.inFlight.Inc()
	defer rt.finish(rec, r, ex) // also when an answer is cut by a panic

	unmatched, pattern := rt.mux.Handler(r)
	if pattern != "" {
		rt.mux.ServeHTTP(rec, r)
		return
	}
	rt.answer(rec, r, func(http.ResponseWriter, *http.Request) error { return whyUnmatched(unmatched, r) })
}

// whyUnmatched asks ServeMux's own handler for requests that match no pattern
// whether the path or only the method is unknown.
func whyUnmatched(h http.Handler, r *http.Request) error {
	probe := &headerProbe{header: http.Header{}}
	h.ServeHTTP(probe, r)
	if allow := probe.header.Get("Allow"); allow != "" {
		return MethodNotAllowed(r.Method, allow)
	}
	return NotFound("there is nothing at this address; /v1/openapi.yaml lists the calls")
}

// headerProbe keeps the headers of an answer and forgets the rest.
type headerProbe struct{ header http.Header }

func (p *headerProbe) Header() http.Header         { return p.header }
func (p *headerProbe) Write(b []byte) (int, error) { return len(b), nil }
func (p *headerProbe) WriteHeader(int)             {}

// enter lets the request through the bounds and rights of its route, in order
// of rising cost, and calls the handler.
func (rt *Router) enter(w http.ResponseWriter, r *http.Request, ro *route) error {
	if !ro.machine {
		leave, err := rt.admitter.enter(ro.streaming)
		if err != nil {
			return err
		}
		defer leave()
	}
	r, err := rt.auth.identify(r, ro.public)
	if err != nil {
		return err
	}
	if p, ok := PrincipalFrom(r.Context()); ok {
		w.Header().Set("Cache-Control", "no-store")
		ex := exchangeFrom(r.Context())
		ex.role, ex.who = p.Role, &p
		if !ro.machine {
			if err := rt.admitter.allow(p); err != nil {
				return err
			}
		}
	}
	if len(ro.roles) > 0 {
		if _, err := RequireRole(r.Context(), ro.roles...); err != nil {
			return err
		}
	}
	release, err := rt.admitter.reserveBody(w, r, ro.maxBody)
	if err != nil {
		return err
	}
	defer release()
	ctx, cancel := ro.context(r.Context())
	defer cancel()
	return ro.handler(w, r.WithContext(ctx))
}

// context bounds the handler by the route's time, or a stream by the server's.
func (ro *route) context(ctx context.Context) (context.Context, context.CancelFunc) {
	if !ro.streaming {
		return context.WithTimeout(ctx, ro.timeout)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(listenerFrom(ctx).draining, func() { cancel(ErrStopping) })
	return ctx, func() { stop(); cancel(nil) }
}

// setDeadlines bounds the connection. Test recorders have none, which is fine.
func (rt *Router) setDeadlines(w http.ResponseWriter, ro *route) {
	var deadline time.Time
	if !ro.streaming {
		deadline = time.Now().Add(ro.timeout + answerGrace) // the wall clock: the kernel compares
	}
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(deadline)
	_ = control.SetWriteDeadline(deadline)
}
