package event

import (
	"encoding/hex"
	"time"
)

// Key identifies an event for ever: the first 16 bytes of
// SHA-256(source, 0x00, id).
type Key [16]byte

// String returns the key in lower-case hexadecimal.
func (k Key) String() string { return hex.EncodeToString(k[:]) }

// Content is the first 8 bytes of the hash over type, subject, time and data.
// Two events with one key and one content are repeats of each other; with one
// key and different contents they conflict.
type Content [8]byte

// String returns the content hash in lower-case hexadecimal.
func (c Content) String() string { return hex.EncodeToString(c[:]) }

// Event is one decoded and validated study event.
type Event struct {
	Source  string
	ID      string
	Subject string // the learner; the course for publications, DeadLetters for dead letters
	Type    Type
	Time    time.Time // the moment of the act, UTC, whole microseconds
	Data    Data

	Key     Key
	Content Content
}

// Data is what events of one type, or of a few, carry. There is a file for each, with
// how it is read and written.
type Data interface {
	// wire returns what is written as JSON; nil when it holds what its type can't tell.
	wire() any
}
