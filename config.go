package gapwise

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/gapwise/gapwise/internal/event"
)

// Config says where a client sends events and how. URL and Source are needed;
// the rest has defaults.
type Config struct {
	URL         string // of a NATS server, or more separated by commas
	Credentials Credentials
	Name        string // how the connection is listed at the broker; empty: Source

	// Source is the CloudEvents source of every event. With an event's id it
	// identifies the event for ever, so it stays the same when a program restarts.
	Source string

	// A batch is sent when it has BatchEvents (at most 1,000) or BatchBytes, or
	// Linger after its first event was taken up. While the broker is busy with one,
	// the next collects anyway. Defaults: 500, 1 MiB, 5 ms.
	BatchEvents int
	BatchBytes  int
	Linger      time.Duration

	// Outbox is a folder that keeps events until the log has them: they survive the
	// death of the program and the absence of the broker. It belongs to one client
	// at a time, and is made where there is none. Empty: events that are not
	// confirmed are in memory only.
	//
	// OutboxBytes bounds what it takes on disk. Default: 256 MiB.
	Outbox      string
	OutboxBytes int64

	// BufferBytes bounds the events in memory that are not confirmed yet; an event
	// counts 512 bytes at least. Default: 16 MiB.
	//
	// When it, or with an outbox that one, is full, Emit waits, or with FailWhenFull
	// returns ErrFull.
	BufferBytes  int64
	FailWhenFull bool

	// A batch that the log did not take is sent again after a random time of at
	// most RetryWait, which doubles with each attempt up to MaxRetryWait, for as
	// long as the client is open. Defaults: 50 ms, 5 s.
	RetryWait    time.Duration
	MaxRetryWait time.Duration

	// OnResult learns of every event what became of it, also of those that an
	// earlier client left in the outbox; nil: nobody does, beside Flush and Close.
	// It is called for one learner's events in order, from
	// several goroutines, which send nothing meanwhile. It must not call Flush or
	// Close, nor an Emit that may wait.
	OnResult func(Result)

	Logger *slog.Logger     // default: none
	Now    func() time.Time // default: time.Now
}

// Credentials say who connects. Empty ones connect without.
type Credentials struct {
	User     string
	Password string
	Token    string
	File     string // a .creds file; wins over the others

	// InboxPrefix is where the broker's answers go, for users who may not listen
	// on the usual _INBOX.
	InboxPrefix string
}

func (c Config) withDefaults() Config {
	setDefault(&c.Name, c.Source)
	setDefault(&c.BatchEvents, 500)
	setDefault(&c.BatchBytes, 1<<20)
	setDefault(&c.Linger, 5*time.Millisecond)
	setDefault(&c.BufferBytes, 16<<20)
	setDefault(&c.OutboxBytes, 256<<20)
	setDefault(&c.RetryWait, 50*time.Millisecond)
	setDefault(&c.MaxRetryWait, 5*time.Second)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

func setDefault[T comparable](field *T, value T) {
	var unset T
	if *field == unset {
		*field = value
	}
}

// validate reports everything that is wrong at once.
func (c Config) validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	check(c.URL != "", "no URL: give the address of the NATS server, such as nats://127.0.0.1:4222")
	check(c.Source != "", "no Source: name this producer, such as lms.example.org/quiz")
	check(len(c.Source) <= event.MaxSource, "the Source has %d bytes; shorten it to %d", len(c.Source), event.MaxSource)
	check(c.BatchEvents >= 1 && c.BatchEvents <= 1000, "BatchEvents is %d; give 1 to 1,000", c.BatchEvents)
	check(c.BatchBytes >= 1, "BatchBytes is %d; give 1 or more", c.BatchBytes)
	check(c.Linger > 0, "Linger is %s; give a positive duration", c.Linger)
	check(c.BufferBytes >= eventWeight, "BufferBytes is %d; give %d or more", c.BufferBytes, eventWeight)
	check(c.OutboxBytes >= 64<<10, "OutboxBytes is %d; give %d or more", c.OutboxBytes, 64<<10)
	check(c.RetryWait > 0, "RetryWait is %s; give a positive duration", c.RetryWait)
	check(c.MaxRetryWait >= c.RetryWait, "MaxRetryWait is %s; give no less than RetryWait, %s", c.MaxRetryWait, c.RetryWait)
	if len(errs) > 0 {
		return fmt.Errorf("gapwise client configuration: %w", errors.Join(errs...))
	}
	return nil
}
