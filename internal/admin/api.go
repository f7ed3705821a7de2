package admin

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/gapwise/gapwise/internal/erasure"
	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/httpserver"
	"github.com/gapwise/gapwise/internal/project"
	"github.com/gapwise/gapwise/internal/query"
)

// Store reads what operators ask for. All methods take a generation of facts.
type Store interface {
	// DeadLetters lists dead letters, ascending.
	DeadLetters(ctx context.Context, facts uint32, filter Filter) ([]DeadLetter, error)
	// Outcome tells what became of a sequence; false when it isn't projected.
	Outcome(ctx context.Context, facts uint32, seq uint64) (Outcome, bool, error)
	// NoDeadLetters returns those of some sequences that are no dead letters.
	NoDeadLetters(ctx context.Context, facts uint32, sequences []uint64) ([]uint64, error)

	// Requests lists all requests to forget a learner, ascending.
	Requests(ctx context.Context, facts uint32) ([]erasure.Request, error)
	// Erasures lists them with their receipts, ascending: those of one request, or
	// of any where that is empty.
	Erasures(ctx context.Context, facts uint32, request string, after uint64, limit int) ([]Erasure, error)
	// Belongings counts what there is of a learner: messages, and rows by table.
	Belongings(ctx context.Context, facts uint32, learner project.HMAC) (uint64, map[string]uint64, error)
	// Mentions lists the dead letters that can't tell whose they are, but hold a
	// text.
	Mentions(ctx context.Context, facts uint32, text string) (event.Ranges, error)
}

// API serves the operator's routes.
type API struct {
	Store   Store
	Reports *query.Service
	// Publish stores events in the log and returns the sequence of the last.
	Publish func(ctx context.Context, events []*event.Event) (uint64, error)
	HMAC    func(learner string) project.HMAC
	Archive Archivist
	// Admit refuses what is to be put back while there is no room; nil: always room.
	Admit func() error
	// Forget makes this process refuse a learner's events from now on.
	Forget func(learner project.HMAC)
	Now    func() time.Time
}

// Source is the source of the events that operators cause here.
const Source = "gapwise/admin"

// Routes adds the operator's routes to a router.
func (a *API) Routes(r *httpserver.Router) {
	operator := httpserver.Roles(httpserver.RoleOperator)
	r.Handle("GET /v1/admin/deadletters", a.deadLetters, operator)
	r.Handle("POST /v1/admin/deadletters", a.act, operator, httpserver.MaxBody(maxBody))
	r.Handle("GET /v1/admin/deadletters/{seq}", a.deadLetter, operator)
	r.Handle("GET /v1/admin/exports", a.export, operator, httpserver.Streaming())
	r.Handle("GET /v1/admin/imports", a.present, operator, httpserver.Streaming())
	r.Handle("POST /v1/admin/imports", a.restore, operator, httpserver.MaxBody(maxImport))
	r.Handle("GET /v1/admin/erasures", a.erasures, operator)
	r.Handle("POST /v1/admin/erasures", a.erase,
		httpserver.Roles(httpserver.RoleOperator, httpserver.RoleLearner), httpserver.MaxBody(maxBody))
	r.Handle("GET /v1/admin/erasures/{request}", a.erasure,
		httpserver.Roles(httpserver.RoleOperator, httpserver.RoleLearner))
}

// maxBody bounds the body of a request.
const maxBody = 64 << 10

// away is when to ask again while the log is away.
const away = 2 * time.Second

// publish stores events, or answers that it can't be done now.
func (a *API) publish(ctx context.Context, events []*event.Event) (uint64, error) {
	seq, err := a.Publish(ctx, events)
	if err != nil {
		return 0, httpserver.Unavailable(away, "the log did not confirm; ask again, asking twice does no harm").Because(err)
	}
	return seq, nil
}

// newEvent makes an event that a request causes now.
func (a *API) newEvent(typ event.Type, id, subject string, data event.Data) (*event.Event, error) {
	e, err := event.NewTyped(typ, Source, id, subject, a.Now(), data)
	if err != nil {
		return nil, fmt.Errorf("write the event: %w", err)
	}
	return e, nil
}

// facts returns the basis of an answer and the generation that it reads.
func (a *API) facts(ctx context.Context) (query.Basis, uint32, error) {
	basis, err := a.Reports.Basis(ctx)
	return basis, a.Reports.Active().Facts, err
}

// page reads limit and cursor.
func page(r *http.Request) (limit int, after uint64, err error) {
	params, err := query.ParseParams(r.URL.Query())
	if err != nil {
		return 0, 0, err
	}
	after, err = params.Page.Sequence()
	return params.Page.Limit, after, err
}
