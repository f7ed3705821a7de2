package outbox

import (
	"errors"
	"fmt"
	"time"
)

var (
	// ErrInUse says that another process has the outbox open.
	ErrInUse = errors.New("the outbox is in use")

	// ErrClosed says that the outbox was closed.
	ErrClosed = errors.New("the outbox is closed")

	// ErrBroken says that the disk failed. What was appended before is as safe as
	// the disk; nothing more is taken until the outbox is opened again.
	ErrBroken = errors.New("the outbox is broken")
)

// State is what waits in an outbox.
type State struct {
	Events int
	Bytes  int64         // on disk
	Oldest time.Duration // since the oldest was appended, at most
}

// FullError says that an outbox has no room for more events. None of the call
// was taken.
type FullError struct {
	Dir   string
	Limit int64 // of Bytes
	State
}

func (e *FullError) Error() string {
	return fmt.Sprintf("the outbox %s is full: %d events wait there for the log (%d of %d KiB), the oldest for %s",
		e.Dir, e.Events, e.Bytes>>10, e.Limit>>10, e.Oldest.Round(time.Second))
}

// DamageError says that a segment was changed after it had been written.
type DamageError struct {
	Path   string
	Offset int64
	Sound  int // records before
	What   string
}

func (e *DamageError) Error() string {
	return fmt.Sprintf("the outbox's file %s is damaged at byte %d: %s; the %d events before are sound. "+
		"Put a sound copy in its place, or move it elsewhere: its events are then not sent, and are to be emitted again from where they came",
		e.Path, e.Offset, e.What, e.Sound)
}
