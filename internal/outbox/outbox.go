package outbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gofrs/flock"
)

// Config says where an outbox is and how large it may grow. Dir is needed.
type Config struct {
	Dir      string
	MaxBytes int64 // on disk; 0: 256 MiB

	// SegmentBytes is how large a segment grows: what the log has leaves the disk in
	// pieces of this size. 0: 4 MiB, and at most an eighth of MaxBytes.
	SegmentBytes int64

	Logger *slog.Logger     // nil: none
	Now    func() time.Time // nil: time.Now
}

func (c Config) withDefaults() Config {
	if c.MaxBytes <= 0 {
		c.MaxBytes = 256 << 20
	}
	if c.SegmentBytes <= 0 {
		c.SegmentBytes = min(4<<20, max(c.MaxBytes/8, 4<<10))
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// Record is one event that waits.
type Record struct {
	Number  uint64 // of this Outbox, ascending in order
	Payload []byte
	Earlier bool // appended before the outbox was opened
}

// Outbox is an opened outbox. It is safe for concurrent use; records go to
// whoever calls Next first.
type Outbox struct {
	config Config
	lock   *flock.Flock

	mu       sync.Mutex
	segments []*segment // oldest first; all but those with their records back
	active   *segment   // the last of segments, which is written; nil: none yet
	files    uint64     // number of the newest file
	last     uint64     // number of the newest record
	earlier  uint64     // number of the last record that was there at Open

	bytes      int64 // of the files, what is being written included
	waiting    []*write
	committing bool
	committer  sync.WaitGroup

	cursor   cursor
	appended chan struct{} // closed when there is more to read
	freed    chan struct{} // closed when there is more room
	broken   error
	closed   bool
}

// write is one call of Append on its way to the disk.
type write struct {
	payloads [][]byte
	size     int64
	last     uint64 // number of its last record
	err      error
	done     chan struct{}
}

// Open opens the outbox in a folder, which it makes where there is none, and locks
// it against other processes.
func Open(config Config) (*Outbox, error) {
	config = config.withDefaults()
	if err := os.MkdirAll(config.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("open the outbox: %w; name a folder that this user may write", err)
	}
	lock := flock.New(filepath.Join(config.Dir, "lock"), flock.SetPermissions(0o600))
	held, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock the outbox %s: %w; name a folder that this user may write, on a disk that can lock files", config.Dir, err)
	}
	if !held {
		return nil, fmt.Errorf("%w: another process has %s open; stop that one, or name another folder", ErrInUse, config.Dir)
	}
	o := &Outbox{config: config, lock: lock, appended: make(chan struct{}), freed: make(chan struct{})}
	if err := o.recover(); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return o, nil
}

// Dir is the outbox's folder.
func (o *Outbox) Dir() string { return o.config.Dir }

// Append puts events on disk, in their order, and returns the number of the last
// one when all are safe. A *FullError tells that there is no room and nothing was
// taken; with wait it comes only when ctx ends before there is some, with ctx's
// error. After another error events of the call may have been kept and be handed
// out in the next life.
func (o *Outbox) Append(ctx context.Context, wait bool, payloads ...[]byte) (last uint64, err error) {
	w := &write{payloads: payloads, done: make(chan struct{})}
	for _, p := range payloads {
		if len(p) == 0 || len(p) > MaxPayload {
			return 0, fmt.Errorf("an event of %d bytes can't be kept in the outbox; give 1 to %d", len(p), MaxPayload)
		}
		w.size += recordHeader + int64(len(p))
	}
	if len(payloads) == 0 {
		return o.Last(), nil
	}
	if err := o.enqueue(ctx, wait, w); err != nil {
		return 0, err
	}
	<-w.done
	return w.last, w.err
}

// enqueue waits for room and hands the write to the one who commits.
func (o *Outbox) enqueue(ctx context.Context, wait bool, w *write) error {
	for {
		o.mu.Lock()
		if err := o.usable(); err != nil {
			o.mu.Unlock()
			return err
		}
		if o.bytes+w.size+int64(fileHeader) <= o.config.MaxBytes {
			o.bytes += w.size
			o.waiting = append(o.waiting, w)
			if !o.committing {
				o.committing = true
				o.committer.Go(o.commit)
			}
			o.mu.Unlock()
			return nil
		}
		full := &FullError{Dir: o.config.Dir, Limit: o.config.MaxBytes, State: o.state()}
		freed := o.freed
		o.mu.Unlock()
		if !wait || w.size+int64(fileHeader) > o.config.MaxBytes {
			return full
		}
		select {
		case <-freed:
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", full, ctx.Err())
		}
	}
}

// usable tells why nothing can be done. It needs the lock, as all below that
// don't take it.
func (o *Outbox) usable() error {
	if o.closed {
		return ErrClosed
	}
	return o.broken
}

// Last is the number of the record that was appended last.
func (o *Outbox) Last() uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.last
}

// State returns what waits now.
func (o *Outbox) State() State {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.state()
}

func (o *Outbox) state() State {
	s := State{Bytes: o.bytes}
	for _, seg := range o.segments {
		if left := seg.outstanding(); left > 0 {
			if s.Events == 0 {
				s.Oldest = o.config.Now().Sub(seg.written)
			}
			s.Events += left
		}
	}
	return s
}

// Ack says that the log has these records: they are not handed out again, also
// not by the next who opens the outbox once their segment is gone.
func (o *Outbox) Ack(numbers ...uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, n := range numbers {
		for _, seg := range o.segments {
			if seg.ack(n) {
				break
			}
		}
	}
	if !o.closed {
		o.release()
	}
}

// release deletes the segments of which all records are back, and empties the one
// being written, unless someone writes it now: whoever does calls again.
func (o *Outbox) release() {
	kept, freed := o.segments[:0], false
	for _, seg := range o.segments {
		var err error
		switch {
		case seg.outstanding() > 0, seg == o.active && (o.committing || seg.size == 0):
			kept = append(kept, seg)
			continue
		case seg == o.active:
			kept = append(kept, seg)
			o.bytes -= seg.size
			err = o.empty()
		default:
			o.bytes -= seg.size
			err = errors.Join(o.cursor.leave(seg), os.Remove(seg.path), syncDir(o.config.Dir))
		}
		freed = true
		if err != nil {
			o.config.Logger.Error("what the log has stays in the outbox and is sent again at the next start", "file", seg.path, "error", err)
		}
	}
	clear(o.segments[len(kept):])
	o.segments = kept
	if freed {
		close(o.freed)
		o.freed = make(chan struct{})
	}
}

// Close waits for calls of Append and unlocks the folder. What was not
// acknowledged stays there.
func (o *Outbox) Close() error {
	o.mu.Lock()
	if o.closed {
		o.mu.Unlock()
		return nil
	}
	o.closed = true
	close(o.appended)
	close(o.freed)
	o.mu.Unlock()
	o.committer.Wait() // until what waits is written
	o.mu.Lock()
	defer o.mu.Unlock()
	var err error
	if o.active != nil {
		err = o.active.file.Close()
		if o.active.outstanding() == 0 {
			err = errors.Join(err, os.Remove(o.active.path), syncDir(o.config.Dir))
		}
	}
	err = errors.Join(err, o.cursor.close(), o.lock.Close())
	if err != nil {
		return fmt.Errorf("close the outbox %s: %w", o.config.Dir, err)
	}
	return nil
}
