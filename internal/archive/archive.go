package archive

import (
	"bytes"
	"encoding/json"
	"time"
)

// Line is one message of the log.
type Line struct {
	Seq     uint64    `json:"seq"`
	Stored  time.Time `json:"stored"`            // when its first log stored it
	Subject string    `json:"subject"`           // in NATS
	Sealed  bool      `json:"sealed,omitempty"`  // it carried the log's own seal
	Dropped bool      `json:"dropped,omitempty"` // a dead letter that was taken off the list
	// Event is the payload, where it is JSON written without spaces; else Raw is.
	Event json.RawMessage `json:"event,omitempty"`
	Raw   []byte          `json:"raw,omitempty"`

	text []byte // what it was parsed from
}

// ParseLine reads a line, of which it keeps the text.
func ParseLine(text []byte) (*Line, error) {
	l := &Line{text: bytes.Clone(text)}
	return l, json.Unmarshal(l.text, l)
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

// Encode writes the line as JSON, a newline at its end: as it was where it was parsed.
// Characters that HTML would misread stay as they are: the payload's bytes do.
func (l *Line) Encode(to *bytes.Buffer) error {
	if l.text != nil {
		to.Write(bytes.TrimSuffix(l.text, []byte{'\n'}))
		return to.WriteByte('\n')
	}
	encoder := json.NewEncoder(to)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(l)
}
