package admin

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/httpserver"
	"github.com/gapwise/gapwise/internal/project"
)

// Erasure is a request to forget a learner, and how far it is.
type Erasure struct {
	Request     string    `json:"request"`
	LearnerHMAC string    `json:"learner_hmac"`
	Seq         uint64    `json:"seq"` // of the request in the log; 0 while it isn't projected
	Requested   time.Time `json:"requested"`
	State       string    `json:"state"` // pending, or done: there is a receipt
	Receipts    []Receipt `json:"receipts"`
}

// The states of an erasure.
const (
	Pending = "pending"
	Done    = "done"
)

// Receipt says what was deleted. There is another one for each time that something
// of the learner came later.
type Receipt struct {
	Seq      uint64    `json:"seq"`
	Time     time.Time `json:"time"`
	Messages uint64    `json:"messages"` // of the log
	Rows     int64     `json:"rows"`     // of tables, in all generations
}

// Erasures is a page of requests, ascending by sequence.
type Erasures struct {
	Erasures []Erasure `json:"erasures"`
	Next     string    `json:"next,omitempty"`
}

// Belongings is what there is of a learner.
type Belongings struct {
	LearnerHMAC string            `json:"learner_hmac"`
	DryRun      bool              `json:"dry_run"`
	Messages    uint64            `json:"messages"` // of the log
	Rows        map[string]uint64 `json:"rows"`     // by table, in all generations
	// Letters are dead letters too broken to tell whose they are, in which the
	// learner's id is found.
	Letters uint64 `json:"dead_letters_that_mention"`
}

// erasureRequest is the body that asks for an erasure.
type erasureRequest struct {
	Learner string `json:"learner"`
	DryRun  bool   `json:"dry_run,omitzero"`
}

func (a *API) erase(w http.ResponseWriter, r *http.Request) error {
	var asked erasureRequest
	if err := httpserver.ReadJSON(r, &asked); err != nil {
		return err
	}
	if asked.Learner == "" || len(asked.Learner) > event.MaxSubject {
		return httpserver.Unprocessable("learner is %d bytes long: name the learner to forget, in 1 to %d", len(asked.Learner), event.MaxSubject)
	}
	who, err := httpserver.RequireRole(r.Context())
	if err != nil {
		return err
	}
	if !who.Is(httpserver.RoleOperator) && !who.IsLearner(asked.Learner) {
		return httpserver.Forbidden("a learner may ask to be forgotten, and nobody else to be")
	}
	hmac := a.HMAC(asked.Learner)
	letters, err := a.mentions(r, asked.Learner)
	if err != nil {
		return err
	}
	if asked.DryRun {
		return a.dryRun(w, r, hmac, letters)
	}
	facts := a.Reports.Active().Facts
	requests, err := a.Store.Requests(r.Context(), facts)
	if err != nil {
		return err
	}
	for _, before := range requests {
		if before.HMAC == hmac && len(letters) == 0 {
			a.Forget(hmac)
			return a.answerErasure(w, r, http.StatusOK, before.ID)
		}
	}
	request := event.NewID()
	e, err := a.newEvent(event.LearnerErased, request, hmac.String(),
		&event.Erasure{LearnerHMAC: hmac.String(), Request: request, Sequences: letters})
	if err != nil {
		return err
	}
	if _, err := a.publish(r.Context(), []*event.Event{e}); err != nil {
		return err
	}
	a.Forget(hmac)
	w.Header().Set("Location", "/v1/admin/erasures/"+request)
	return httpserver.WriteJSON(w, http.StatusAccepted, Erasure{
		Request: request, LearnerHMAC: hmac.String(), Requested: e.Time, State: Pending, Receipts: []Receipt{},
	})
}

// mentions lists the dead letters that hold the learner's id as JSON spells it.
func (a *API) mentions(r *http.Request, learner string) (event.Ranges, error) {
	quoted, err := json.Marshal(learner)
	if err != nil {
		return nil, fmt.Errorf("spell a learner's id: %w", err)
	}
	return a.Store.Mentions(r.Context(), a.Reports.Active().Facts, string(quoted))
}

func (a *API) dryRun(w http.ResponseWriter, r *http.Request, hmac project.HMAC, letters event.Ranges) error {
	messages, rows, err := a.Store.Belongings(r.Context(), a.Reports.Active().Facts, hmac)
	if err != nil {
		return err
	}
	return httpserver.WriteJSON(w, http.StatusOK, Belongings{
		LearnerHMAC: hmac.String(), DryRun: true, Messages: messages + letters.Len(), Rows: rows, Letters: letters.Len(),
	})
}

func (a *API) erasures(w http.ResponseWriter, r *http.Request) error {
	limit, after, err := page(r)
	if err != nil {
		return err
	}
	list, err := a.Store.Erasures(r.Context(), a.Reports.Active().Facts, "", after, limit+1)
	if err != nil {
		return err
	}
	answer := Erasures{Erasures: list}
	if len(list) > limit {
		answer.Erasures, answer.Next = list[:limit], fmt.Sprint(list[limit-1].Seq)
	}
	if answer.Erasures == nil {
		answer.Erasures = []Erasure{}
	}
	return httpserver.WriteJSON(w, http.StatusOK, answer)
}

func (a *API) erasure(w http.ResponseWriter, r *http.Request) error {
	return a.answerErasure(w, r, http.StatusOK, r.PathValue("request"))
}

// answerErasure tells how far a request is. Of others' requests a learner learns
// as much as of those that were never made.
func (a *API) answerErasure(w http.ResponseWriter, r *http.Request, status int, request string) error {
	who, err := httpserver.RequireRole(r.Context())
	if err != nil {
		return err
	}
	list, err := a.Store.Erasures(r.Context(), a.Reports.Active().Facts, request, 0, 1)
	if err != nil {
		return err
	}
	for _, e := range list {
		if who.Is(httpserver.RoleOperator) || a.HMAC(who.Learner).String() == e.LearnerHMAC {
			return httpserver.WriteJSON(w, status, e)
		}
	}
	return httpserver.NotFound("no erasure %q is projected yet", request)
}
