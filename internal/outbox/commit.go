package outbox

import (
	"errors"
	"fmt"
)

// maxGroup bounds the bytes of one sync, unless one call has more.
const maxGroup = 1 << 20

// commit writes what waits, group by group, one sync each. It lives as long as
// there is something to write.
func (o *Outbox) commit() {
	for {
		group, segment := o.take()
		if len(group) == 0 {
			return
		}
		err := o.write(group, segment)
		for _, w := range group {
			if w.err == nil {
				w.err = err
			}
			close(w.done)
		}
	}
}

// take takes a group from the head of the queue, and the segment to write to.
// With none left the committer ends.
func (o *Outbox) take() (group []*write, to *segment) {
	o.mu.Lock()
	defer o.mu.Unlock()
	size := int64(0)
	for _, w := range o.waiting {
		if size > 0 && size+w.size > maxGroup {
			break
		}
		group = append(group, w)
		size += w.size
	}
	o.waiting = append(o.waiting[:0:0], o.waiting[len(group):]...)
	if len(group) == 0 {
		o.committing = false
		if !o.closed {
			o.release()
		}
		return nil, nil
	}
	if o.active != nil && (o.active.size == 0 || o.active.size+size <= o.config.SegmentBytes) {
		to = o.active
	}
	return group, to
}

// write puts a group on disk, into the segment or a new one, and lets it be read.
func (o *Outbox) write(group []*write, to *segment) (err error) {
	var size, added int64
	for _, w := range group {
		size += w.size
	}
	defer func() {
		if err != nil {
			o.mu.Lock()
			o.bytes -= size
			o.mu.Unlock()
		}
	}()
	if err := o.brokenNow(); err != nil {
		return err
	}
	if to == nil {
		if err := o.begin(); err != nil {
			return fmt.Errorf("write to the outbox: %w", err)
		}
		to = o.active // only the committer sets it
	}
	written := o.config.Now()
	buffer := make([]byte, 0, size+int64(fileHeader))
	if to.size == 0 {
		buffer = appendFileHeader(buffer, written)
		added = int64(fileHeader)
	}
	records := 0
	for _, w := range group {
		for _, payload := range w.payloads {
			buffer = appendRecord(buffer, to.size, payload)
		}
		records += len(w.payloads)
	}
	if _, err := to.file.WriteAt(buffer, to.size); err != nil {
		if undone := to.file.Truncate(to.size); undone != nil {
			return o.breaks(errors.Join(err, undone))
		}
		return fmt.Errorf("write to the outbox: %w", err)
	}
	if err := to.file.Sync(); err != nil {
		return o.breaks(err)
	}

	o.mu.Lock()
	defer o.mu.Unlock()
	if to.size == 0 {
		to.written = written
	}
	to.size += int64(len(buffer))
	to.acked = append(to.acked, make([]bool, records)...)
	o.bytes += added
	for _, w := range group {
		o.last += uint64(len(w.payloads))
		w.last = o.last
	}
	if !o.closed {
		close(o.appended)
		o.appended = make(chan struct{})
	}
	return nil
}

func (o *Outbox) brokenNow() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.broken
}

// breaks ends the outbox's use: what the disk has is not known any more.
func (o *Outbox) breaks(err error) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.broken = fmt.Errorf("%w: %w; what is in %s is sent when the program starts again", ErrBroken, err, o.config.Dir)
	if !o.closed {
		close(o.freed)
		o.freed = make(chan struct{})
	}
	return o.broken
}
