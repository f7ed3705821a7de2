package archive

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

// Format is the version of the format that this package writes.
const Format = 1

// manifestName is the file that makes a folder an archive.
const manifestName = "manifest.json"

// Line is one message of the log.
type Line struct {
	Seq     uint64    `json:"seq"`
	Stored  time.Time `json:"stored"`
	Subject string    `json:"subject"`          // in NATS
	Sealed  bool      `json:"sealed,omitempty"` // it carried the log's own seal
	// Event is the payload, where it is JSON written without spaces; else Raw is.
	Event json.RawMessage `json:"event,omitempty"`
	Raw   []byte          `json:"raw,omitempty"`
}

// Message returns the payload.
func (l *Line) Message() []byte {
	if l.Event != nil {
		return l.Event
	}
	return l.Raw
}

// SetMessage sets the payload.
func (l *Line) SetMessage(payload []byte) {
	l.Event, l.Raw = nil, payload
	var compact bytes.Buffer
	if len(payload) > 0 && json.Compact(&compact, payload) == nil && bytes.Equal(compact.Bytes(), payload) {
		l.Event, l.Raw = payload, nil
	}
}

// append writes the line as JSON, a newline at its end. Characters that HTML would
// misread stay as they are: the payload's bytes do.
func (l *Line) append(to *bytes.Buffer) error {
	encoder := json.NewEncoder(to)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(l)
}

// Manifest says what is in an archive.
type Manifest struct {
	Format  int       `json:"format"`
	Created time.Time `json:"created"`
	// Stream is when the broker created the log: it tells logs apart.
	Stream time.Time `json:"stream"`
	// From and To bound the times at which messages were stored, From included; null
	// where nothing was asked for.
	From *time.Time `json:"from"`
	To   *time.Time `json:"to"`

	First    uint64            `json:"first"` // sequence; 0 without messages
	Last     uint64            `json:"last"`
	Messages uint64            `json:"messages"`
	Types    map[string]uint64 `json:"types"`    // messages by type of event; "" are no events
	LeftOut  map[string]uint64 `json:"left_out"` // by type: what operators said about the log itself
	Content  string            `json:"content"`  // SHA-256 of all lines, hexadecimal
	Files    []File            `json:"files"`
}

// File is one file of an archive.
type File struct {
	Name     string `json:"name"`
	Messages uint64 `json:"messages"`
	First    uint64 `json:"first"`
	Last     uint64 `json:"last"`
	Bytes    int64  `json:"bytes"`
	SHA256   string `json:"sha256"` // of the compressed bytes, hexadecimal
}

func (m *Manifest) validate() error {
	if m.Format != Format {
		return fmt.Errorf("it has format %d, this version reads %d: use the version of gapwise that wrote it, or a newer one", m.Format, Format)
	}
	messages := uint64(0)
	for i, f := range m.Files {
		if f.Name != fileName(i+1) {
			return fmt.Errorf("file %d is called %q, must be %q", i+1, f.Name, fileName(i+1))
		}
		messages += f.Messages
	}
	if messages != m.Messages {
		return fmt.Errorf("its files hold %d messages, it says %d", messages, m.Messages)
	}
	return nil
}

func fileName(number int) string { return fmt.Sprintf("events-%06d.ndjson.zst", number) }
