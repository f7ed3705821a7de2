package admin

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/httpserver"
	"github.com/gapwise/gapwise/internal/query"
)

// DeadLetter is a message that is no fact, with its reason.
type DeadLetter struct {
	Seq     uint64    `json:"seq"`
	Reason  string    `json:"reason"`
	Detail  string    `json:"detail"`
	Subject string    `json:"subject"`
	Stored  time.Time `json:"stored"`
	Dropped bool      `json:"dropped"` // taken off the list by an operator
	Raw     string    `json:"raw"`
}

// DeadLetters is a page of dead letters, ascending by sequence.
type DeadLetters struct {
	query.Basis
	DeadLetters []DeadLetter `json:"dead_letters"`
	Next        string       `json:"next,omitempty"`
}

// Filter says which dead letters.
type Filter struct {
	After   uint64 // sequences after this one
	Limit   int
	Reason  string // empty: any
	Dropped bool   // those too that were dropped
}

// Outcome is what became of a message of the log.
type Outcome struct {
	query.Basis
	Seq     uint64 `json:"seq"`
	Outcome string `json:"outcome"` // fact, duplicate, conflict, dead or erased
	// DeadLetter is there while the message is one.
	DeadLetter *DeadLetter `json:"dead_letter,omitempty"`
}

func (a *API) deadLetters(w http.ResponseWriter, r *http.Request) error {
	limit, after, err := page(r)
	if err != nil {
		return err
	}
	values := r.URL.Query()
	dropped := values.Get("dropped")
	if dropped != "" && dropped != "true" && dropped != "false" {
		return httpserver.BadRequest("dropped=%q: must be true or false", dropped)
	}
	basis, facts, err := a.facts(r.Context())
	if err != nil {
		return err
	}
	list, err := a.Store.DeadLetters(r.Context(), facts, Filter{
		After: after, Limit: limit + 1, Reason: values.Get("reason"), Dropped: dropped == "true",
	})
	if err != nil {
		return err
	}
	d := DeadLetters{Basis: basis, DeadLetters: list}
	if len(list) > limit {
		d.DeadLetters, d.Next = list[:limit], strconv.FormatUint(list[limit-1].Seq, 10)
	}
	if d.DeadLetters == nil {
		d.DeadLetters = []DeadLetter{}
	}
	return httpserver.WriteJSON(w, http.StatusOK, d)
}

func (a *API) deadLetter(w http.ResponseWriter, r *http.Request) error {
	seq, err := strconv.ParseUint(r.PathValue("seq"), 10, 64)
	if err != nil || seq == 0 {
		return httpserver.NotFound("%q is no sequence of the log", r.PathValue("seq"))
	}
	basis, facts, err := a.facts(r.Context())
	if err != nil {
		return err
	}
	outcome, known, err := a.Store.Outcome(r.Context(), facts, seq)
	if err != nil {
		return err
	}
	if !known {
		return httpserver.NotFound("nothing is known of sequence %d: it is not projected yet, or was erased", seq)
	}
	outcome.Basis = basis
	return httpserver.WriteJSON(w, http.StatusOK, outcome)
}

// Action is what an operator does with dead letters.
type Action struct {
	Action    string   `json:"action"` // retry or drop
	Sequences []uint64 `json:"sequences"`
	Reason    string   `json:"reason,omitempty"`
}

// Stored says that what was asked for is in the log.
type Stored struct {
	Seq uint64 `json:"seq"` // of the last event; what was asked for is done once this is projected
}

// maxActions bounds how many dead letters one request is about.
const maxActions = 1000

func (a *API) act(w http.ResponseWriter, r *http.Request) error {
	var asked Action
	if err := httpserver.ReadJSON(r, &asked); err != nil {
		return err
	}
	typ, known := map[string]event.Type{"retry": event.DeadLetterRetried, "drop": event.DeadLetterDropped}[asked.Action]
	switch {
	case !known:
		return httpserver.Unprocessable("action is %q: must be retry or drop", asked.Action)
	case len(asked.Sequences) == 0:
		return httpserver.Unprocessable("sequences is empty: name the dead letters; GET /v1/admin/deadletters lists them")
	case len(asked.Sequences) > maxActions:
		return httpserver.Unprocessable("sequences has %d entries: name at most %d at a time", len(asked.Sequences), maxActions)
	}
	facts := a.Reports.Active().Facts
	others, err := a.Store.NoDeadLetters(r.Context(), facts, asked.Sequences)
	if err != nil {
		return err
	}
	if len(others) > 0 {
		return httpserver.Unprocessable("%s no dead letter; GET /v1/admin/deadletters lists those that are", sequencesAre(others))
	}
	events := make([]*event.Event, len(asked.Sequences))
	for i, seq := range asked.Sequences {
		data := &event.DeadLetter{Target: seq, Reason: asked.Reason}
		if events[i], err = a.newEvent(typ, event.NewID(), event.DeadLetters, data); err != nil {
			return httpserver.Unprocessable("%s", err)
		}
	}
	seq, err := a.publish(r.Context(), events)
	if err != nil {
		return err
	}
	return httpserver.WriteJSON(w, http.StatusOK, Stored{seq})
}

// sequencesAre names some sequences at the beginning of a sentence.
func sequencesAre(list []uint64) string {
	if len(list) == 1 {
		return fmt.Sprintf("sequence %d is", list[0])
	}
	const shown = 10
	var text strings.Builder
	text.WriteString("sequences")
	for _, seq := range list[:min(shown, len(list))] {
		fmt.Fprintf(&text, " %d", seq)
	}
	if more := len(list) - shown; more > 0 {
		fmt.Fprintf(&text, " and %d more", more)
	}
	return text.String() + " are"
}
