package gapwise

import (
	"fmt"
	"time"

	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/stream"
)

// Event is what happened to a learner.
type Event struct {
	// ID is unique within the producer's source. The same id with the same content
	// is a repeat and counts once, whenever it is sent again; so an id derived from
	// the producer's own records makes a rerun harmless. Empty: a new KSUID.
	ID string

	Learner string    // the producer's name for the learner
	Time    time.Time // when it happened, kept to the microsecond; zero: now

	// Data is one of *Answer, *Void, *Tick, *Session and *Membership.
	Data Data
}

// Data is what an event carries beside its envelope. It tells the event's type.
type Data = event.Data

// What producers report.
type (
	// Answer is one answer to one Item, with its Score from 0 (wrong) to 1 (right).
	// The rest may be left out: GradedBy, Points (ids of the rubric points met),
	// Response (as given), Attempt, Confidence (1 to 5), Duration, Session.
	Answer = event.Answer

	// Void takes back the answer with the id Event, for a Reason. Source is the
	// answer's; empty: the client's own.
	Void = event.Void

	// Tick is a checklist Item ticked, or unticked when Ticked is false.
	Tick = event.Tick

	// Session is a study Session started, or ended when Started is false. It may
	// name its Chapter. An end tells with Active how long the learner was really
	// active, from 0 to 24 hours: nil when that can't be known, and then the time from
	// start to end counts.
	Session = event.Session

	// Membership is a learner joining a Cohort, or leaving it when Joined is false.
	Membership = event.Membership

	// Grader says who judged an answer.
	Grader = event.Grader
)

// The graders. An answer that names none counts as graded by key.
const (
	GradedBySelf       = event.GradedBySelf
	GradedByKey        = event.GradedByKey
	GradedByInstructor = event.GradedByInstructor
	GradedByPeer       = event.GradedByPeer
)

// Invalid is the type of the errors that say what is wrong with an event: its
// Field, and in Message how to mend it.
// errors.As finds it in what Emit returns.
type Invalid = event.Error

// encode checks the event as the projection will, and makes the message to send.
func (e Event) encode(source string, now time.Time) (stream.Message, error) {
	if e.ID == "" {
		e.ID = event.NewID()
	}
	if e.Time.IsZero() {
		e.Time = now
	}
	typ, known := event.TypeOf(e.Data)
	if !known {
		return stream.Message{}, fmt.Errorf("event %s: its data is %T; give *Answer, *Void, *Tick, *Session or *Membership", e.ID, e.Data)
	}
	raw, err := event.Encode(&event.Event{Source: source, ID: e.ID, Subject: e.Learner, Type: typ, Time: e.Time, Data: e.Data})
	if err != nil {
		return stream.Message{}, fmt.Errorf("event %s: %w", e.ID, err)
	}
	decoded, err := event.Decode(raw)
	if err == nil {
		err = decoded.CheckTime(now)
	}
	if err != nil {
		return stream.Message{}, fmt.Errorf("event %s: %w", e.ID, err)
	}
	return stream.Message{Learner: e.Learner, ID: decoded.MsgID(), Payload: raw}, nil
}
