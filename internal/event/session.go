package event

import (
	"math"
	"time"
)

// Session is a study session started or ended.
type Session struct {
	Session string
	Chapter string
	Started bool
	// Active is how long the learner was really active, in whole milliseconds: pauses and
	// a sleeping laptop left out. Nil when that can't be told. Only an end tells it.
	Active *time.Duration
}

func (s *Session) started() bool { return s.Started }

func (s *Session) ended() bool { return !s.Started }

func (f *fields) sessionStarted(*Event) *Session {
	s := f.session()
	s.Started = true
	return s
}

func (f *fields) sessionEnded(*Event) *Session {
	s := f.session()
	s.Active = f.active()
	return s
}

func (f *fields) session() *Session {
	return &Session{
		Session: f.identifier(required, "session", "the id of the session", MaxID),
		Chapter: f.identifier(optional, "chapter", "the id of the chapter studied", MaxID),
	}
}

// active reads the seconds of activity. Who can't tell them has to say so: a client that
// forgets them would make its users look busier than they were.
func (f *fields) active() *time.Duration {
	const name, what = "active_seconds", "the seconds in which the learner was active, or null when you can't tell"
	if !f.has(name) {
		f.fail(CodeMissingField, name, "missing; send %s", what)
		return nil
	}
	seconds, raw := f.number(name, what)
	if raw == nil {
		return nil
	}
	if seconds < 0 || seconds > MaxActive.Seconds() {
		f.fail(CodeOutOfRange, name, "%.40s is outside 0..%.0f; send %s (seconds, not milliseconds)", raw, MaxActive.Seconds(), what)
		return nil
	}
	active := time.Duration(math.Round(seconds*1000)) * time.Millisecond
	return &active
}

type sessionWire struct {
	Session string `json:"session"`
	Chapter string `json:"chapter,omitzero"`
}

type sessionEndedWire struct {
	sessionWire
	ActiveSeconds *float64 `json:"active_seconds"` // null: not known
}

func (s *Session) wire() any {
	w := sessionWire{s.Session, s.Chapter}
	switch {
	case !s.Started && s.Active == nil:
		return sessionEndedWire{w, nil}
	case !s.Started:
		return sessionEndedWire{w, new(float64(s.Active.Milliseconds()) / 1000)}
	case s.Active != nil:
		return nil
	}
	return w
}

// sessionEndedV1 is what the first version of an end told: not how much of the time
// since the start the learner was active.
type sessionEndedV1 struct{ session, chapter string }

func (f *fields) sessionEndedV1(*Event) *sessionEndedV1 {
	s := f.session()
	return &sessionEndedV1{s.Session, s.Chapter}
}

func (s *sessionEndedV1) upcast() *Session {
	return &Session{Session: s.session, Chapter: s.chapter}
}
