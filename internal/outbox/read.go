package outbox

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// cursor is the place of the record that is handed out next.
type cursor struct {
	number  uint64 // of the record handed out last
	segment *segment
	file    *os.File
	offset  int64
	ahead   []byte // of the file, from offset on; may be short or empty
}

// readAhead is how much is read at once, where there is as much.
const readAhead = 128 << 10

// open goes to the beginning of a segment.
func (c *cursor) open(s *segment) error {
	if err := c.close(); err != nil {
		return err
	}
	file, err := os.Open(s.path)
	if err != nil {
		return err
	}
	c.segment, c.file, c.offset, c.ahead = s, file, int64(fileHeader), nil
	return nil
}

// rewind goes back to the beginning of a segment that was emptied.
func (c *cursor) rewind(s *segment) {
	if c.segment == s {
		c.offset, c.ahead = int64(fileHeader), nil
	}
}

// leave closes the file of a segment that goes: open, it would stay on the disk.
func (c *cursor) leave(s *segment) error {
	if c.segment != s {
		return nil
	}
	return c.close()
}

func (c *cursor) close() error {
	if c.file == nil {
		return nil
	}
	err := c.file.Close()
	c.segment, c.file, c.ahead = nil, nil, nil
	return err
}

// Next hands out the oldest record that was not handed out yet. When there is
// none, more is not nil, and closed as soon as one comes.
func (o *Outbox) Next() (record Record, more <-chan struct{}, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return Record{}, nil, ErrClosed
	}
	if o.cursor.number == o.last {
		return Record{}, o.appended, nil
	}
	payload, err := o.read(o.cursor.number + 1)
	if err != nil {
		if o.broken == nil {
			o.broken = fmt.Errorf("%w: %w", ErrBroken, err)
		}
		return Record{}, nil, o.broken
	}
	o.cursor.number++
	return Record{Number: o.cursor.number, Payload: payload, Earlier: o.cursor.number <= o.earlier}, nil, nil
}

// read reads the record after the one that was read last.
func (o *Outbox) read(number uint64) ([]byte, error) {
	for _, s := range o.segments {
		if number < s.first || number >= s.first+uint64(len(s.acked)) {
			continue
		}
		if s != o.cursor.segment {
			if err := o.cursor.open(s); err != nil {
				return nil, err
			}
		}
		c := &o.cursor
		damaged := func(what string) error {
			return &DamageError{Path: s.path, Offset: c.offset, Sound: int(number - s.first), What: what}
		}
		if err := c.fill(recordHeader); err != nil {
			return nil, damaged(err.Error())
		}
		size := int64(recordHeader) + int64(binary.LittleEndian.Uint32(c.ahead))
		if c.offset+size > s.size {
			return nil, damaged("the record is longer than what was written")
		}
		if err := c.fill(size); err != nil {
			return nil, damaged(err.Error())
		}
		payload, _, wrong := parseRecord(c.ahead)
		if wrong != "" {
			return nil, damaged(wrong)
		}
		c.offset += size
		c.ahead = c.ahead[size:]
		return payload, nil
	}
	return nil, fmt.Errorf("record %d is in no segment of %s", number, o.config.Dir)
}

// fill reads so that size bytes are there at least. The memory is not used again:
// payloads are parts of it.
func (c *cursor) fill(size int64) error {
	if int64(len(c.ahead)) >= size {
		return nil
	}
	c.ahead = make([]byte, max(size, min(readAhead, c.segment.size-c.offset)))
	_, err := c.file.ReadAt(c.ahead, c.offset)
	return err
}

// Refused is the file, in the outbox's folder, of events that the log will never
// take: one object a line, with time, reason and event.
const Refused = "refused.ndjson"

// Refuse moves a record to the file of the refused. On an error it stays.
func (o *Outbox) Refuse(record Record, reason string) error {
	refused := struct {
		Time   time.Time       `json:"time"`
		Reason string          `json:"reason"`
		Event  json.RawMessage `json:"event,omitempty"`
		Raw    []byte          `json:"raw,omitempty"` // in base64: what is no JSON
	}{Time: o.config.Now().UTC(), Reason: reason}
	if json.Valid(record.Payload) {
		refused.Event = record.Payload
	} else {
		refused.Raw = record.Payload
	}
	line, err := json.Marshal(refused)
	if err == nil {
		err = o.appendRefused(append(line, '\n'))
	}
	if err != nil {
		return fmt.Errorf("write to %s: %w", filepath.Join(o.config.Dir, Refused), err)
	}
	o.Ack(record.Number)
	return nil
}

func (o *Outbox) appendRefused(line []byte) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return ErrClosed
	}
	file, err := os.OpenFile(filepath.Join(o.config.Dir, Refused), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(line)
	return errors.Join(err, file.Sync(), file.Close(), syncDir(o.config.Dir))
}
