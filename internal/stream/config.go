package stream

import (
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/gapwise/gapwise/internal/event"
)

const (
	// Name is the stream's name in JetStream.
	Name = "STUDY"

	// MaxMessageBytes bounds one stored message, headers included. The broker's
	// max_payload must allow as much.
	MaxMessageBytes = 8 << 20

	// DuplicateWindow is how long the broker recognises a repeated message id. A
	// longer one costs it 130 MB of memory for each million ids; later repeats are
	// found by the projection.
	DuplicateWindow = 30 * time.Second

	// SealHeader is the header by which Gapwise knows again what it let into the log
	// itself. The log carries it and doesn't look at it.
	SealHeader = "Gapwise-Seal"

	// OriginHeader is the header by which Gapwise knows where a message that it put
	// back from an archive was stored first. The log doesn't look at it either.
	OriginHeader = "Gapwise-Origin"

	subjectPrefix = "study.events."
)

// Subject returns the subject that events about a learner are published to:
// study.events. and the two decimal digits of the learner's shard. One learner
// has one subject.
func Subject(learner string) string {
	return fmt.Sprintf("%s%02d", subjectPrefix, event.Shard(learner))
}

// Config is how the stream is stored and how this process uses it. The zero
// value is a log without a size limit, on one server.
type Config struct {
	MaxBytes int64 // bytes the log may take on disk; 0: no limit
	Replicas int   // servers that keep a copy, 1 to 5; 0: 1

	// PublishTimeout bounds the wait for the broker's answer to one batch;
	// 0: 5 seconds.
	PublishTimeout time.Duration

	// MaxInFlight bounds the bytes handed to Publish that have no answer yet;
	// beyond it Publish waits. 0: 64 MiB.
	MaxInFlight int64
}

func (c Config) withDefaults() Config {
	if c.MaxBytes <= 0 {
		c.MaxBytes = -1
	}
	if c.Replicas <= 0 {
		c.Replicas = 1
	}
	if c.PublishTimeout <= 0 {
		c.PublishTimeout = 5 * time.Second
	}
	if c.MaxInFlight <= 0 {
		c.MaxInFlight = 64 << 20
	}
	return c
}

// stream is the JetStream configuration. Nothing may ever leave the log but by
// an erasure: no limit on age or count, and a full log refuses new messages.
func (c Config) stream() jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:               Name,
		Description:        "Gapwise study events: the log from which every table can be rebuilt",
		Subjects:           []string{subjectPrefix + "*"},
		Retention:          jetstream.LimitsPolicy,
		Storage:            jetstream.FileStorage,
		Discard:            jetstream.DiscardNew,
		MaxBytes:           c.MaxBytes,
		MaxMsgs:            -1,
		MaxMsgsPerSubject:  -1,
		MaxConsumers:       -1,
		MaxMsgSize:         MaxMessageBytes,
		Duplicates:         DuplicateWindow,
		Replicas:           c.Replicas,
		AllowDirect:        true,
		AllowAtomicPublish: true,
		DenyPurge:          true,
	}
}

// Difference is one setting of the stream that is not as wanted.
type Difference struct {
	Setting string // as in `nats stream edit`
	Want    string
	Have    string
}

// MismatchError says that a stream exists with other settings. It was left as
// it is.
type MismatchError struct {
	Stream      string
	Differences []Difference
}

func (e *MismatchError) Error() string {
	parts := make([]string, len(e.Differences))
	for i, d := range e.Differences {
		parts[i] = fmt.Sprintf("%s is %s, wanted %s", d.Setting, d.Have, d.Want)
	}
	return fmt.Sprintf("the stream %s has other settings than configured: %s (change the configuration, or the stream with `nats stream edit %s`)",
		e.Stream, strings.Join(parts, "; "), e.Stream)
}

// setting is one setting of a stream, as wanted and as it is.
type setting struct {
	name       string
	want, have any
}

// compare returns the settings that differ.
func compare(settings []setting) []Difference {
	var found []Difference
	for _, s := range settings {
		if want, have := fmt.Sprint(s.want), fmt.Sprint(s.have); want != have {
			found = append(found, Difference{Setting: s.name, Want: want, Have: have})
		}
	}
	return found
}

// differences compares the settings that the guarantees of this package rest on.
func differences(want, have jetstream.StreamConfig) []Difference {
	return compare([]setting{
		{"subjects", want.Subjects, have.Subjects},
		{"storage", want.Storage, have.Storage},
		{"retention", want.Retention, have.Retention},
		{"discard", want.Discard, have.Discard},
		{"max_bytes", want.MaxBytes, have.MaxBytes},
		{"max_msgs", want.MaxMsgs, have.MaxMsgs},
		{"max_msgs_per_subject", want.MaxMsgsPerSubject, have.MaxMsgsPerSubject},
		{"max_age", want.MaxAge, have.MaxAge},
		{"max_msg_size", want.MaxMsgSize, have.MaxMsgSize},
		{"duplicate_window", want.Duplicates, have.Duplicates},
		{"num_replicas", want.Replicas, have.Replicas},
		{"allow_direct", want.AllowDirect, have.AllowDirect},
		{"allow_atomic", want.AllowAtomicPublish, have.AllowAtomicPublish},
		{"allow_rollup_hdrs", want.AllowRollup, have.AllowRollup},
		{"deny_delete", want.DenyDelete, have.DenyDelete},
		{"deny_purge", want.DenyPurge, have.DenyPurge},
		{"sealed", want.Sealed, have.Sealed},
		{"no_ack", want.NoAck, have.NoAck},
		{"persist_mode", want.PersistMode, have.PersistMode},
		{"mirror", want.Mirror != nil, have.Mirror != nil},
		{"sources", len(want.Sources), len(have.Sources)},
		{"subject_transform", want.SubjectTransform != nil, have.SubjectTransform != nil},
	})
}
