package event

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/segmentio/ksuid"
)

// NewID returns a fresh id for an event: a KSUID.
func NewID() string { return ksuid.New().String() }

// New makes an event of the type that its data tells (see TypeOf), validated and
// with its key and content: what Decode would return for it. Times are cut to
// microseconds, an answer's duration to milliseconds.
func New(source, id, subject string, t time.Time, data Data) (*Event, error) {
	typ, ok := TypeOf(data)
	if !ok {
		return nil, fault(CodeUnknownType, "type", "%T doesn't tell the event's type; use NewTyped", data)
	}
	return NewTyped(typ, source, id, subject, t, data)
}

// NewTyped makes an event as New does, for data that serves several types:
// *Steering, *Publication and *DeadLetter.
func NewTyped(typ Type, source, id, subject string, t time.Time, data Data) (*Event, error) {
	// One validation for all: an event is valid when what goes over the wire is.
	raw, err := Encode(&Event{Source: source, ID: id, Subject: subject, Type: typ, Time: t, Data: data})
	if err != nil {
		return nil, err
	}
	return Decode(raw)
}

// Encode writes an event as CloudEvents JSON. For an event from New,
// Decode(Encode(e)) equals e. Encode leaves validation to New and Decode: it
// refuses only what can't be written. An event from Decode loses the fields that
// this package doesn't know, and its score is spelled as a number: forward the
// raw message rather than encode it again.
func Encode(e *Event) ([]byte, error) {
	data, err := wireData(e)
	if err != nil {
		return nil, err
	}
	if a, ok := e.Data.(*Answer); ok && (math.IsNaN(a.Score) || math.IsInf(a.Score, 0)) {
		return nil, fault(CodeOutOfRange, "data.score", "%v is outside 0..1; send a share between 0 and 1", a.Score)
	}
	raw, err := json.Marshal(envelope{
		SpecVersion: "1.0",
		ID:          e.ID,
		Source:      e.Source,
		Type:        e.Type,
		Subject:     e.Subject,
		Time:        wireTime(e.Time),
		Data:        data,
	})
	var syntax *jsontext.SyntacticError
	switch {
	case errors.As(err, &syntax):
		return nil, fault(CodeInvalidUTF8, fieldName(syntax.JSONPointer), "holds bytes that are not UTF-8; send UTF-8")
	case err != nil:
		return nil, fmt.Errorf("encode event: %w", err)
	}
	return raw, nil
}

type envelope struct {
	SpecVersion string `json:"specversion"`
	ID          string `json:"id"`
	Source      string `json:"source"`
	Type        Type   `json:"type"`
	Subject     string `json:"subject"`
	Time        string `json:"time"`
	Data        any    `json:"data"`
}

// wireData returns the data as it is written.
func wireData(e *Event) (any, error) {
	d := definitionOf(e.Type)
	if d != nil && d.next != "" {
		return nil, fault(CodeBadValue, "type", "%q is read, and no longer written; write %q, or forward the message as it came", e.Type, e.Type.Newest())
	}
	if d != nil && d.is(e.Data) {
		if data := e.Data.wire(); data != nil {
			return data, nil
		}
	}
	return nil, fault(CodeBadValue, "data", "%T doesn't fit the type %q", e.Data, e.Type)
}

// wireTime writes a time in the form that the content hash uses, so that what
// is sent and what is hashed look the same; "" for the zero time.
func wireTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return string(appendTime(nil, t.UTC()))
}
