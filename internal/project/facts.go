package project

import (
	"encoding/hex"
	"reflect"
	"strings"
	"time"

	"github.com/gapwise/gapwise/internal/event"
)

// HMAC is the keyed hash of a learner's id: it finds a learner's rows where the
// id itself must not be.
type HMAC [16]byte

// String returns the hash in lower-case hexadecimal, as events spell it.
func (h HMAC) String() string { return hex.EncodeToString(h[:]) }

// ParseHMAC reads what String writes; false when that isn't it.
func ParseHMAC(text string) (h HMAC, ok bool) {
	if len(text) != hex.EncodedLen(len(h)) || strings.ToLower(text) != text {
		return h, false
	}
	_, err := hex.Decode(h[:], []byte(text))
	return h, err == nil
}

// Meta is what the rows of all facts share.
type Meta struct {
	Seq     uint64
	Key     event.Key
	Learner string // for publications the course
	HMAC    HMAC
	Source  string
	Time    time.Time // the moment of the act
	Stored  time.Time // when the log stored it
}

// Answer is one answered item.
type Answer struct {
	Meta
	event.Answer
}

// Void takes back the answer whose key is Target.
type Void struct {
	Meta
	event.Void
}

// Tick is one checklist item ticked or unticked.
type Tick struct {
	Meta
	event.Tick
}

// Session is one session started or ended.
type Session struct {
	Meta
	event.Session
}

// Membership is a learner joining or leaving a cohort.
type Membership struct {
	Meta
	event.Membership
}

// Action says what an instructor did with a topic, or an operator with a dead
// letter.
type Action string

// The actions on topics.
const (
	Pinned   Action = "pinned"
	Excluded Action = "excluded"
	Released Action = "released"
)

// Steering is an instructor's word on a learner's next topics.
type Steering struct {
	Meta
	event.Steering
	Action Action
}

// Publication is a version of a catalog or a model of a course.
type Publication struct {
	Meta
	event.Publication
	Kind string // catalog or model
}

// Erasure is a request to forget the learner with that HMAC.
type Erasure struct {
	Meta
	event.Erasure
}

// Receipt says what an erasure deleted.
type Receipt struct {
	Meta
	event.Receipt
}

// The actions on dead letters.
const (
	Retried Action = "retried"
	Dropped Action = "dropped"
)

// DeadLetterAction is an operator's word on a dead letter.
type DeadLetterAction struct {
	Meta
	event.DeadLetter
	Action Action
}

// Outcome says what a stored sequence became.
type Outcome string

// The outcomes. Exactly one of them holds for every stored sequence.
const (
	Fact      Outcome = "fact"
	Duplicate Outcome = "duplicate"
	Conflict  Outcome = "conflict"
	Dead      Outcome = "dead"
	Erased    Outcome = "erased" // of a learner who was erased before; to be deleted
)

// Sequence records what became of one message of the log.
type Sequence struct {
	Seq     uint64
	Key     event.Key
	Content event.Content
	Outcome Outcome
	Type    event.Type
	HMAC    HMAC
	Stored  time.Time
}

// DeadLetter is a message that is no fact, with its reason.
type DeadLetter struct {
	Seq     uint64
	Reason  string // a stable code
	Detail  string // what, where and how to mend it
	Key     event.Key
	HMAC    HMAC
	Subject string // in NATS
	Stored  time.Time
	Raw     []byte
}

// Batch holds all rows that consecutive messages of the log gave. Its slices are
// reused from batch to batch.
type Batch struct {
	First, Last uint64 // sequences, both included

	Answers      []Answer
	Voids        []Void
	Ticks        []Tick
	Sessions     []Session
	Memberships  []Membership
	Steerings    []Steering
	Publications []Publication
	Erasures     []Erasure
	Receipts     []Receipt
	Actions      []DeadLetterAction
	DeadLetters  []DeadLetter
	Sequences    []Sequence
}

// reset empties every slice and lets go of what its rows pointed to.
func (b *Batch) reset() {
	fields := reflect.ValueOf(b).Elem()
	for i := range fields.NumField() {
		if rows := fields.Field(i); rows.Kind() == reflect.Slice {
			rows.Clear()
			rows.SetLen(0)
		}
	}
	b.First, b.Last = 0, 0
}
