package query

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/segmentio/ksuid"

	"github.com/gapwise/gapwise/internal/httpserver"
	"github.com/gapwise/gapwise/internal/project"
)

// Verification is one comparison of the tables with the log.
type Verification struct {
	ID       string                 `json:"id"`
	State    string                 `json:"state"` // running, done or failed
	Scope    project.VerifyScope    `json:"scope"`
	Started  time.Time              `json:"started"`
	Ended    *time.Time             `json:"ended,omitempty"`
	Progress project.VerifyProgress `json:"progress"`
	Result   *project.Ledger        `json:"result,omitempty"` // when it is done
	Error    string                 `json:"error,omitempty"`  // when it failed
}

// The states of a verification.
const (
	VerificationRunning = "running"
	VerificationDone    = "done"
	VerificationFailed  = "failed"
)

// Verifications is a list of verifications.
type Verifications struct {
	Verifications []Verification `json:"verifications"`
}

// keptVerifications is how many verifications are remembered.
const keptVerifications = 20

// Auditor runs verifications, one at a time, and remembers the last ones. They
// live in the memory of this process: what a verification finds is found by the
// next one, too.
type Auditor struct {
	// Verify compares, and tells how far it is.
	Verify func(context.Context, project.VerifyScope, func(project.VerifyProgress)) (*project.Ledger, error)
	// Context ends when the process does; verifications end with it.
	Context context.Context
	Now     func() time.Time
	Log     *slog.Logger

	mu   sync.Mutex
	list []*Verification // the newest first
	work sync.WaitGroup
}

// Routes adds the routes of verifications to a router.
func (a *Auditor) Routes(r *httpserver.Router) {
	operator := httpserver.Roles(httpserver.RoleOperator)
	r.Handle("POST /v1/admin/verifications", a.start, operator)
	r.Handle("GET /v1/admin/verifications", a.all, operator)
	r.Handle("GET /v1/admin/verifications/{id}", a.one, operator)
}

// Wait waits until no verification runs.
func (a *Auditor) Wait() { a.work.Wait() }

func (a *Auditor) start(w http.ResponseWriter, r *http.Request) error {
	var scope project.VerifyScope
	if err := httpserver.ReadJSON(r, &scope); err != nil {
		return err
	}
	if scope.From > 0 && scope.Newest > 0 {
		return httpserver.BadRequest("from=%d and newest=%d: give one of them", scope.From, scope.Newest)
	}
	v, err := a.begin(scope)
	if err != nil {
		return err
	}
	w.Header().Set("Location", "/v1/admin/verifications/"+v.ID)
	return httpserver.WriteJSON(w, http.StatusAccepted, v)
}

// begin starts a verification unless one is running.
func (a *Auditor) begin(scope project.VerifyScope) (Verification, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.list) > 0 && a.list[0].State == VerificationRunning {
		return Verification{}, httpserver.Conflict("verification %s is running since %s; wait for it, see /v1/admin/verifications/%[1]s",
			a.list[0].ID, a.list[0].Started.Format(time.RFC3339))
	}
	v := &Verification{ID: ksuid.New().String(), State: VerificationRunning, Scope: scope, Started: a.Now().UTC()}
	a.list = append([]*Verification{v}, a.list[:min(len(a.list), keptVerifications-1)]...)
	a.work.Go(func() { a.run(v) })
	return *v, nil
}

func (a *Auditor) run(v *Verification) {
	ledger, err := a.Verify(a.Context, v.Scope, func(p project.VerifyProgress) {
		a.mu.Lock()
		defer a.mu.Unlock()
		v.Progress = p
	})
	a.mu.Lock()
	defer a.mu.Unlock()
	ended := a.Now().UTC()
	v.Ended = &ended
	if err != nil {
		v.State, v.Error = VerificationFailed, err.Error()
		a.Log.Error("verification failed", "verification", v.ID, "error", err)
		return
	}
	v.State, v.Result = VerificationDone, ledger
	level := slog.LevelInfo
	if !ledger.OK {
		level = slog.LevelError
	}
	a.Log.Log(a.Context, level, "verification done", "verification", v.ID, "ok", ledger.OK,
		"messages", ledger.Messages, "differences", ledger.Differences, "seconds", ended.Sub(v.Started).Seconds())
}

func (a *Auditor) all(w http.ResponseWriter, _ *http.Request) error {
	a.mu.Lock()
	list := make([]Verification, len(a.list))
	for i, v := range a.list {
		list[i] = *v
	}
	a.mu.Unlock()
	return httpserver.WriteJSON(w, http.StatusOK, Verifications{list})
}

func (a *Auditor) one(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	a.mu.Lock()
	i := slices.IndexFunc(a.list, func(v *Verification) bool { return v.ID == id })
	var v Verification
	if i >= 0 {
		v = *a.list[i]
	}
	a.mu.Unlock()
	if i < 0 {
		return httpserver.NotFound("there is no verification %q; the last %d of this process are remembered, until it ends", id, keptVerifications)
	}
	return httpserver.WriteJSON(w, http.StatusOK, v)
}
