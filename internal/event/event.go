package event

import (
	"encoding/hex"
	"time"
)

// Type names what happened. A new version of a type is a new name.
type Type string

// The event types, one for each JSON Schema in schemas/events.
const (
	AnswerSubmitted   Type = "study.answer.submitted.v1"
	AnswerVoided      Type = "study.answer.voided.v1"
	ChecklistTicked   Type = "study.checklist.ticked.v1"
	ChecklistUnticked Type = "study.checklist.unticked.v1"
	SessionStarted    Type = "study.session.started.v1"
	SessionEnded      Type = "study.session.ended.v1"
	CohortJoined      Type = "study.cohort.joined.v1"
	CohortLeft        Type = "study.cohort.left.v1"
	TopicPinned       Type = "study.topic.pinned.v1"
	TopicExcluded     Type = "study.topic.excluded.v1"
	TopicReleased     Type = "study.topic.released.v1"
	LearnerErased     Type = "study.learner.erased.v1"
	LearnerForgotten  Type = "study.learner.forgotten.v1"
	CatalogPublished  Type = "study.catalog.published.v1"
	ModelPublished    Type = "study.model.published.v1"
	DeadLetterRetried Type = "study.deadletter.retried.v1"
	DeadLetterDropped Type = "study.deadletter.dropped.v1"
)

// DeadLetters is the subject of events about dead letters, which are about no
// learner.
const DeadLetters = "deadletters"

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

// Data is what an event of one type carries: one of *Answer, *Void, *Tick,
// *Session, *Membership, *Steering, *Erasure, *Receipt, *Publication and
// *DeadLetter.
type Data interface{ isData() }

// Grader says who judged an answer.
type Grader string

// The graders. An answer that names none counts as graded by key.
const (
	GradedBySelf       Grader = "self"
	GradedByKey        Grader = "key"
	GradedByInstructor Grader = "instructor"
	GradedByPeer       Grader = "peer"
)

// Answer is one answer to one item.
type Answer struct {
	Item       string
	Score      float64 // 0 to 1; a correct answer is 1, a wrong one 0
	GradedBy   Grader
	Points     []string      // ids of the rubric points met
	Response   string        // what was answered, as given
	Attempt    int           // 0 when not told
	Confidence int           // 1 to 5; 0 when not told
	Duration   time.Duration // 0 when not told
	Session    string
}

// Void takes an answer back. It may be stored before its answer.
type Void struct {
	Event  string // the id of the voided event
	Source string // the source of the voided event; empty: the void's own source
	Target Key    // KeyOf the two, filled in by Decode and New
	Reason string
}

// Tick is a checklist item ticked or unticked.
type Tick struct {
	Item   string
	Ticked bool
}

// Session is a study session started or ended.
type Session struct {
	Session string
	Chapter string
	Started bool
}

// Membership is a learner joining or leaving a cohort.
type Membership struct {
	Cohort string
	Joined bool
	// Target is the level that the learner prepares for, one of Levels; empty when
	// not told. Only joining tells one.
	Target string
}

// Levels are those that a learner may prepare for, in rising order.
var Levels = [...]string{"foundational", "intermediate", "senior", "staff"}

// Steering is an instructor's word on a learner's next topics: pinned, excluded
// or released, as the event's type says.
type Steering struct {
	Topic string
	Until time.Time // zero: until released
	Note  string
}

// Erasure asks for a learner to be forgotten.
type Erasure struct {
	LearnerHMAC string
	Request     string
	// Sequences are dead letters too broken to tell whose they are, in which the
	// learner's id was found: they are forgotten too.
	Sequences Ranges
}

// Receipt says what was deleted to forget a learner. The sequences that are
// missing from the log are those of receipts, and no others.
type Receipt struct {
	LearnerHMAC string
	Request     string
	Sequences   Ranges // of the messages deleted
	Rows        int64  // deleted from the tables of facts, in all generations
}

// Publication is a version of a catalog or a model, as the event's type says.
type Publication struct {
	Version string
	Content string
}

// DeadLetter is an operator's word on a message that became a dead letter:
// retried, which decodes it again, or dropped, as the event's type says.
type DeadLetter struct {
	Target uint64 // the sequence of the dead letter
	Reason string
}

func (*Answer) isData()      {}
func (*Void) isData()        {}
func (*Tick) isData()        {}
func (*Session) isData()     {}
func (*Membership) isData()  {}
func (*Steering) isData()    {}
func (*Erasure) isData()     {}
func (*Receipt) isData()     {}
func (*Publication) isData() {}
func (*DeadLetter) isData()  {}
