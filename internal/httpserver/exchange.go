package httpserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"runtime/debug"
	"strings"
	"time"

	"github.com/segmentio/ksuid"
)

// exchange is what is learnt of one request on its way, for its log line.
type exchange struct {
	id      string
	started time.Time
	route   string // empty: no pattern matched
	machine bool
	role    Role
	who     *Principal // nil: nobody, or not known yet
	err     error
}

type exchangeKey struct{}

// exchangeFrom returns the request's exchange, or a blank one for a context
// that did not come through a [Router].
func exchangeFrom(ctx context.Context) *exchange {
	if ex, ok := ctx.Value(exchangeKey{}).(*exchange); ok {
		return ex
	}
	return &exchange{}
}

// RequestID returns the id of the request that ctx belongs to, or "".
func RequestID(ctx context.Context) string { return exchangeFrom(ctx).id }

var (
	saneRequestID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{7,63}$`)
	traceParent   = regexp.MustCompile(`^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}`)
)

// requestID takes the caller's X-Request-Id or trace id, else makes a KSUID.
func requestID(r *http.Request) string {
	if id := r.Header.Get("X-Request-Id"); saneRequestID.MatchString(id) {
		return id
	}
	if m := traceParent.FindStringSubmatch(r.Header.Get("Traceparent")); len(m) == 2 && strings.Trim(m[1], "0") != "" {
		return m[1]
	}
	return ksuid.New().String()
}

func setSecurityHeaders(h http.Header, id, csp string) {
	h.Set("X-Request-Id", id)
	h.Set("Content-Security-Policy", csp)
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
}

// recorder remembers what became of an answer.
type recorder struct {
	http.ResponseWriter
	status   int // 0: nothing was sent
	bytes    int64
	writeErr error
}

func (rec *recorder) WriteHeader(status int) {
	if rec.status == 0 && status >= http.StatusOK { // 1xx go before the answer
		rec.status = status
	}
	rec.ResponseWriter.WriteHeader(status)
}

func (rec *recorder) Write(b []byte) (int, error) {
	if rec.status == 0 {
		rec.status = http.StatusOK
	}
	n, err := rec.ResponseWriter.Write(b)
	rec.bytes += int64(n)
	if err != nil {
		rec.writeErr = err
	}
	return n, err
}

// Unwrap serves [http.ResponseController].
func (rec *recorder) Unwrap() http.ResponseWriter { return rec.ResponseWriter }

// panicError is a panic caught in a handler.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }

// guard calls h and turns a panic into an error.
func guard(h HandlerFunc, w http.ResponseWriter, r *http.Request) (err error) {
	defer func() {
		switch v := recover(); v {
		case nil:
		case http.ErrAbortHandler:
			panic(v) // asked for by name: the way to cut an answer
		default:
			err = &panicError{value: v, stack: debug.Stack()}
		}
	}()
	return h(w, r)
}

// answer calls h and turns its error into the answer, once.
func (rt *Router) answer(w http.ResponseWriter, r *http.Request, h HandlerFunc) {
	rec := &recorder{ResponseWriter: w}
	err := guard(h, rec, r)
	if err == nil {
		return
	}
	exchangeFrom(r.Context()).err = err
	problem := problemOf(err)
	gone := errors.Is(r.Context().Err(), context.Canceled)
	switch {
	case rec.status != 0:
		panic(http.ErrAbortHandler) // half an answer must not look whole
	case gone && problem.Status >= http.StatusInternalServerError:
		// Nobody is there, or only to listen: net/http would tell them 200.
		panic(http.ErrAbortHandler)
	default: // also to whoever hung up in the middle of a body: they may still listen
		rt.writeProblem(rec, r, problem)
	}
}

// finish writes the request's one log line and counts it.
func (rt *Router) finish(rec *recorder, r *http.Request, ex *exchange) {
	took := rt.now().Sub(ex.started)
	gone := rec.writeErr != nil || errors.Is(r.Context().Err(), context.Canceled)
	status := rec.status
	switch {
	case status == 0 && gone:
		status = statusClientGone
	case status == 0:
		status = http.StatusOK // net/http sends it for a handler that wrote nothing
	}
	rt.metrics.inFlight.Dec()
	rt.metrics.observe(ex.route, r.Method, status, took)

	attrs := []slog.Attr{
		slog.String("request_id", ex.id),
		slog.String("method", methodLabel(r.Method)),
		slog.String("route", ex.route),
		slog.Int("status", status),
		slog.Int64("bytes", rec.bytes),
		slog.Float64("duration_ms", float64(took.Microseconds())/1000),
		slog.String("role", string(ex.role)),
	}
	if ex.err != nil {
		attrs = append(attrs, slog.String("error", ex.err.Error()))
	}
	var caught *panicError
	if errors.As(ex.err, &caught) {
		attrs = append(attrs, slog.String("stack", string(caught.stack)))
	}
	rt.log.LogAttrs(r.Context(), logLevel(ex, status, gone), "request answered", attrs...)
}

func logLevel(ex *exchange, status int, gone bool) slog.Level {
	cut := ex.err != nil && status < http.StatusBadRequest
	switch {
	case gone:
		return slog.LevelInfo
	case status == http.StatusServiceUnavailable:
		return slog.LevelWarn // asked to come back: backpressure or a failed check
	case status >= http.StatusInternalServerError, cut:
		return slog.LevelError
	case ex.machine:
		return slog.LevelDebug
	default:
		return slog.LevelInfo
	}
}
