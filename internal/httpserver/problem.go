package httpserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"
)

// statusClientGone is logged and counted, never sent, when the caller left
// before the answer began.
const statusClientGone = 499

// Problem is an error with an RFC 9457 problem document for the caller and a
// private cause for the log. Build it with the constructors below.
type Problem struct {
	Type     string      `json:"type"`               // URI; about:blank when the status says it all
	Title    string      `json:"title"`              // the same for every problem of this type
	Status   int         `json:"status"`             // HTTP status code
	Detail   string      `json:"detail,omitempty"`   // what is wrong, where, how to mend it
	Instance string      `json:"instance,omitempty"` // the request id, set when answered
	Errors   []Violation `json:"errors,omitempty"`   // each thing that is wrong, when there are several

	// RetryAfter, rounded up to seconds, becomes the Retry-After header.
	RetryAfter time.Duration `json:"-"`
	// Header is added to the answer (WWW-Authenticate, Allow, …).
	Header http.Header `json:"-"`

	cause error
}

// Violation is one thing that is wrong with a request.
type Violation struct {
	Detail    string `json:"detail"`
	Pointer   string `json:"pointer,omitempty"`   // JSON pointer into the body
	Parameter string `json:"parameter,omitempty"` // name of a query or path parameter
}

// NewProblem returns a problem with the standard title of status. The detail
// is shown to the caller: put causes into [Problem.Because], never into args.
func NewProblem(status int, format string, args ...any) *Problem {
	return &Problem{
		Type:   "about:blank",
		Title:  http.StatusText(status),
		Status: status,
		Detail: fmt.Sprintf(format, args...),
	}
}

// BadRequest (400): the request can't be read.
func BadRequest(format string, args ...any) *Problem {
	return NewProblem(http.StatusBadRequest, format, args...)
}

// Unauthorized (401): no principal, or a token that is no longer good.
func Unauthorized(format string, args ...any) *Problem {
	p := NewProblem(http.StatusUnauthorized, format, args...)
	p.Header = http.Header{"Www-Authenticate": {`Bearer realm="gapwise"`}}
	return p
}

// Forbidden (403): the principal has no right to this.
func Forbidden(format string, args ...any) *Problem {
	return NewProblem(http.StatusForbidden, format, args...)
}

// NotFound (404): there is no such thing, or none that the principal may know of.
func NotFound(format string, args ...any) *Problem {
	return NewProblem(http.StatusNotFound, format, args...)
}

// MethodNotAllowed (405): the path exists, for the methods in allow only.
func MethodNotAllowed(method, allow string) *Problem {
	p := NewProblem(http.StatusMethodNotAllowed, "%s is not offered here; use %s", method, allow)
	p.Header = http.Header{"Allow": {allow}}
	return p
}

// Conflict (409): the state of things forbids it now.
func Conflict(format string, args ...any) *Problem {
	return NewProblem(http.StatusConflict, format, args...)
}

// TooLarge (413): the body is over limit bytes.
func TooLarge(limit int64) *Problem {
	return NewProblem(http.StatusRequestEntityTooLarge,
		"the body is over the limit of %d bytes; send it in smaller parts", limit)
}

// UnsupportedMedia (415): the content type is none that the route reads.
func UnsupportedMedia(format string, args ...any) *Problem {
	return NewProblem(http.StatusUnsupportedMediaType, format, args...)
}

// Unprocessable (422): readable, but what it says is not valid.
func Unprocessable(format string, args ...any) *Problem {
	return NewProblem(http.StatusUnprocessableEntity, format, args...)
}

// TooMany (429): over this principal's rate; nothing was done.
func TooMany(retryAfter time.Duration, format string, args ...any) *Problem {
	p := NewProblem(http.StatusTooManyRequests, format, args...)
	p.RetryAfter = retryAfter
	return p
}

// Unavailable (503): not now; nothing was done, so the same may be sent again.
func Unavailable(retryAfter time.Duration, format string, args ...any) *Problem {
	p := NewProblem(http.StatusServiceUnavailable, format, args...)
	p.RetryAfter = retryAfter
	return p
}

// Because keeps err as the private cause: logged, found by errors.Is and
// errors.As, never shown.
func (p *Problem) Because(err error) *Problem {
	p.cause = err
	return p
}

// With adds violations to the document's errors list.
func (p *Problem) With(violations ...Violation) *Problem {
	p.Errors = append(p.Errors, violations...)
	return p
}

// Error returns the public and the private text: it is for the log.
func (p *Problem) Error() string {
	text := fmt.Sprintf("%d %s: %s", p.Status, p.Title, p.Detail)
	if p.cause != nil {
		text += ": " + p.cause.Error()
	}
	return text
}

// Unwrap returns the private cause.
func (p *Problem) Unwrap() error { return p.cause }

// problemOf returns a copy of the problem that err stands for, which the
// caller may change.
func problemOf(err error) Problem {
	var (
		problem *Problem
		tooBig  *http.MaxBytesError
		network *net.OpError
	)
	switch {
	case errors.As(err, &problem):
		return *problem
	case errors.As(err, &tooBig):
		return *TooLarge(tooBig.Limit)
	case errors.As(err, &network), errors.Is(err, io.EOF):
		return *Unavailable(retryIn, "a server that the answer needs is away; try again shortly")
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return *Unavailable(retryIn, "the answer took too long; try again, or ask for less")
	default:
		return *NewProblem(http.StatusInternalServerError,
			"something went wrong on our side; quote the request id to the operator")
	}
}
