package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/gapwise/gapwise/internal/catalog"
	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/httpserver"
)

// The bounds of one request.
const (
	MaxBody   = 9 << 20 // bytes: one catalog of 8 MiB with its envelope
	MaxEvents = 10_000
)

// Message is one event on its way to the log.
type Message struct {
	Learner string // decides the subject, and so who works on it
	ID      string // the log recognises quick repeats by it
	Payload []byte
	Trace   string // W3C traceparent; empty for none
	Sealed  bool   // only Gapwise itself may let it in: it is to be sealed
}

// Ack says what the log made of one message.
type Ack struct {
	Duplicate bool  // a repeat that the log recognised
	Err       error // not stored, for a reason of its own
}

// Publisher stores messages in the log.
type Publisher interface {
	// Publish returns one Ack a message once all are stored, in their order. An
	// error says that some may not be stored: all must be sent again. It is
	// ErrFull when there is no room.
	Publish(ctx context.Context, messages []Message) ([]Ack, error)
}

// ErrFull says that the log or the disk has no room.
var ErrFull = errors.New("ingest: the log is full")

// Handler serves POST /v1/events.
type Handler struct {
	Publisher Publisher
	Members   Members
	Catalogs  func() []*catalog.Catalog   // whose items are taken
	Admit     func() error                // nil: always; an error refuses all events for now
	HMAC      func(learner string) string // how an erasure names a learner
	Erased    func(learner string) bool   // whose events are refused for ever
	Now       func() time.Time
	Log       *slog.Logger
	Observe   func(accepted, duplicates, rejected int)
}

// Rejection is one event that was not taken.
type Rejection struct {
	Index int     `json:"index"` // from 0, in the order of the request
	ID    *string `json:"id"`    // null where it can't be read
	Error string  `json:"error"`
}

// Result is the answer of the door.
type Result struct {
	Accepted   int         `json:"accepted"`
	Duplicates int         `json:"duplicates"`
	Rejected   []Rejection `json:"rejected"`
}

// Events answers POST /v1/events, as schemas/openapi.yaml says.
func (h *Handler) Events(w http.ResponseWriter, r *http.Request) error {
	principal, err := httpserver.RequireRole(r.Context())
	if err != nil {
		return err
	}
	if h.Admit != nil {
		if err := h.Admit(); err != nil {
			return httpserver.Unavailable(retryFull, "no new events for now: %s; send all again later", err).Because(err)
		}
	}
	body, err := io.ReadAll(r.Body) // the route bounds it
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return httpserver.BadRequest("the body ends early, after %d bytes; nothing was stored, send it all again", len(body)).Because(err)
	}
	if err != nil {
		return err
	}
	raw, single, err := split(r, body)
	if err != nil {
		return err
	}
	if len(raw) > MaxEvents {
		return httpserver.NewProblem(http.StatusRequestEntityTooLarge,
			"%d events are over the limit of %d a request; send them in parts", len(raw), MaxEvents)
	}
	messages, indexes, result, err := h.judge(r, principal, raw, single)
	if err != nil {
		return err
	}
	if single && len(result.Rejected) == 1 {
		return h.refuse(result)
	}
	if err := h.publish(r.Context(), messages, indexes, &result); err != nil {
		return err
	}
	if h.Observe != nil {
		h.Observe(result.Accepted, result.Duplicates, len(result.Rejected))
	}
	return httpserver.WriteJSON(w, http.StatusOK, result)
}

// How long a caller waits before sending all again.
const (
	retryFull = 30 * time.Second
	retryAway = 2 * time.Second
)

// judge decodes and holds every event against time, catalog and rights.
func (h *Handler) judge(r *http.Request, p httpserver.Principal, raw [][]byte, single bool) ([]Message, []int, Result, error) {
	now, trace := h.Now(), r.Header.Get("Traceparent")
	members := &asked{members: h.Members, known: map[string]bool{}}
	result := Result{Rejected: []Rejection{}}
	messages := make([]Message, 0, len(raw))
	indexes := make([]int, 0, len(raw))
	for i, payload := range raw {
		e, err := event.Decode(payload)
		if err == nil {
			err = h.check(r.Context(), p, e, now, members)
		}
		var known *event.Error
		var denied *forbidden
		switch {
		case err == nil:
			messages = append(messages, Message{Learner: e.Subject, ID: e.MsgID(), Payload: payload, Trace: trace, Sealed: e.Type.IsSealed()})
			indexes = append(indexes, i)
		case errors.As(err, &known), errors.As(err, &denied):
			if denied != nil && single {
				return nil, nil, result, httpserver.Forbidden("%s", denied.reason)
			}
			if known != nil && single && unreadable(known.Code) {
				return nil, nil, result, httpserver.BadRequest("%s", err)
			}
			result.Rejected = append(result.Rejected, Rejection{Index: i, ID: idOf(payload), Error: err.Error()})
		default:
			return nil, nil, result, httpserver.Unavailable(retryAway, "rights can't be checked now; send all again").Because(err)
		}
	}
	return messages, indexes, result, nil
}

// unreadable says that a body is no event at all, rather than one that isn't valid.
func unreadable(code event.Code) bool {
	switch code {
	case event.CodeMalformedJSON, event.CodeInvalidUTF8, event.CodeNotAnObject:
		return true
	}
	return false
}

// check holds a decoded event against the clock, the rights and the catalog.
func (h *Handler) check(ctx context.Context, p httpserver.Principal, e *event.Event, now time.Time, members Members) error {
	if err := e.CheckTime(now); err != nil {
		return err
	}
	if err := authorise(ctx, p, e, members, h.HMAC); err != nil {
		return err
	}
	if !e.Type.IsErasure() && h.Erased(e.Subject) {
		return &event.Error{Code: "erased", Field: "subject",
			Message: "this learner asked to be forgotten, so the id is refused for ever; a learner who comes back needs a new one"}
	}
	return h.checkCatalog(e)
}

// checkCatalog refuses what no catalog of this instance has.
func (h *Handler) checkCatalog(e *event.Event) error {
	switch d := e.Data.(type) {
	case *event.Answer:
		return h.checkItem(d.Item)
	case *event.Tick:
		return h.checkItem(d.Item)
	case *event.Steering:
		return h.checkTopic(d.Topic)
	}
	return nil
}

func (h *Handler) checkItem(id string) error {
	catalogs := h.Catalogs()
	for _, c := range catalogs {
		if _, ok := c.Item(id); ok {
			return nil
		}
	}
	return &event.Error{Code: "unknown_item", Field: "data.item", Message: fmt.Sprintf(
		"%q is not in the catalog (%s); GET /v1/catalog lists the items", id, catalogs[0].Version)}
}

func (h *Handler) checkTopic(id string) error {
	catalogs := h.Catalogs()
	for _, c := range catalogs {
		_, concern := c.Concern(id)
		_, chapter := c.Chapter(id)
		if concern || chapter {
			return nil
		}
	}
	return &event.Error{Code: "unknown_topic", Field: "data.topic", Message: fmt.Sprintf(
		"%q is no concern or chapter of the catalog (%s); GET /v1/catalog lists them", id, catalogs[0].Version)}
}

// publish stores the messages and counts what became of them.
func (h *Handler) publish(ctx context.Context, messages []Message, indexes []int, result *Result) error {
	if len(messages) == 0 {
		return nil
	}
	acks, err := h.Publisher.Publish(ctx, messages)
	switch {
	case errors.Is(err, ErrFull):
		return httpserver.Unavailable(retryFull, "the log has no room; nothing is lost when you send all again later").Because(err)
	case err != nil:
		return httpserver.Unavailable(retryAway, "the log did not confirm; send all again, repeats are recognised").Because(err)
	}
	for i, ack := range acks {
		switch {
		case ack.Err != nil:
			result.Rejected = append(result.Rejected, Rejection{indexes[i], idOf(messages[i].Payload), ack.Err.Error()})
		case ack.Duplicate:
			result.Duplicates++
		default:
			result.Accepted++
		}
	}
	return nil
}

// refuse answers a single invalid event.
func (h *Handler) refuse(result Result) error {
	if h.Observe != nil {
		h.Observe(0, 0, 1)
	}
	return httpserver.Unprocessable("%s", result.Rejected[0].Error)
}
