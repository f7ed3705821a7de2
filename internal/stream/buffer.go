package stream

import (
	"context"
	"slices"
	"sync"
	"time"
)

// bufferBytes bounds what a reader keeps until Next takes it (by one message
// more). Together with pullBytes it is all the memory a reader needs.
const bufferBytes = 8 << 20

// buffer hands entries from the consumer to the caller of Next, each once and in
// ascending order.
type buffer struct {
	mu      sync.Mutex
	entries []Entry
	bytes   int
	lastSeq uint64 // of the last entry put
	closed  error

	// What the waiting take asks for. Only when it is there is take woken, since
	// waking it for each message would cost more than the message.
	wantMessages, wantBytes int

	ready chan struct{} // one signal: what take asks for is there
	room  *sync.Cond    // take made room, or the buffer was closed
}

func newBuffer(last uint64) *buffer {
	b := &buffer{lastSeq: last, ready: make(chan struct{}, 1)}
	b.room = sync.NewCond(&b.mu)
	return b
}

// put adds an entry, once there is room. What was put before is dropped: two
// consumers may deliver for a moment when one replaces the other.
func (b *buffer) put(e Entry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.bytes >= bufferBytes && b.closed == nil {
		b.room.Wait()
	}
	if b.closed != nil || e.Seq <= b.lastSeq {
		return
	}
	b.entries = append(b.entries, e)
	b.bytes += e.size()
	b.lastSeq = e.Seq
	if b.has(b.wantMessages, b.wantBytes) {
		b.signal()
	}
}

// take returns what is there as soon as it is enough, at the latest after
// maxWait.
func (b *buffer) take(ctx context.Context, maxMessages, maxBytes int, maxWait time.Duration) ([]Entry, error) {
	maxBytes = min(maxBytes, bufferBytes)
	timer := time.NewTimer(maxWait)
	defer timer.Stop()
	for !b.await(maxMessages, maxBytes) {
		select {
		case <-b.ready:
		case <-timer.C:
			return b.remove(maxMessages, maxBytes)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return b.remove(maxMessages, maxBytes)
}

// await tells whether there is enough, or there will be no more, and else has
// ready signalled when that changes.
func (b *buffer) await(messages, size int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.wantMessages, b.wantBytes = messages, size
	return b.has(messages, size) || b.closed != nil
}

// remove cuts the head off. A closed buffer is emptied before it returns its error.
func (b *buffer) remove(maxMessages, maxBytes int) ([]Entry, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.entries) == 0 {
		return nil, b.closed
	}
	n, size := 0, 0
	for n < len(b.entries) && n < maxMessages {
		next := b.entries[n].size()
		if n > 0 && size+next > maxBytes {
			break
		}
		size += next
		n++
	}
	head := slices.Clone(b.entries[:n])
	b.entries = slices.Delete(b.entries, 0, n)
	b.bytes -= size
	b.room.Broadcast()
	return head, nil
}

// close makes take return err once it has taken all.
func (b *buffer) close(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed == nil {
		b.closed = err
	}
	b.room.Broadcast()
	b.signal()
}

func (b *buffer) last() uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.lastSeq
}

// has and signal need the lock.

func (b *buffer) has(messages, size int) bool {
	return len(b.entries) >= messages || b.bytes >= size
}

func (b *buffer) signal() {
	select {
	case b.ready <- struct{}{}:
	default:
	}
}
