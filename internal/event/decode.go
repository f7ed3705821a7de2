package event

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// Decode reads one CloudEvents 1.0 JSON object and validates it. The result
// depends on raw alone: neither on the clock (see Event.CheckTime) nor on any
// catalog. The event doesn't alias raw.
//
// The error is an *Error, or Errors when several things are wrong.
func Decode(raw []byte) (*Event, error) {
	if len(raw) > MaxPublication {
		return nil, tooLarge(len(raw), MaxPublication)
	}
	p, _ := parsers.Get().(*parser)
	defer p.release()
	if err := p.scan(raw); err != nil {
		return nil, err
	}
	return p.event(raw)
}

// parser holds the buffers of one decoding. It reads the JSON once, into the
// members of the envelope and of its data.
type parser struct {
	src  bytes.Buffer
	json jsontext.Decoder

	envelope fields
	data     fields
	dataSpan span // empty when data is not an object
	errs     Errors
	scratch  []byte
	known    interned
}

// parsers reuses buffers between calls; no state crosses from one to the next.
var parsers = sync.Pool{New: func() any {
	p := new(parser)
	p.envelope.errs, p.data.errs = &p.errs, &p.errs
	p.envelope.known, p.data.known = &p.known, &p.known
	p.data.prefix = "data."
	return p
}}

// release gives the parser back without any reference to the event it read.
func (p *parser) release() {
	const keep = 64 << 10 // a publication's buffer is not worth keeping
	if cap(p.scratch) > keep {
		p.scratch = nil
	}
	p.src = bytes.Buffer{}
	p.json.Reset(&p.src)
	p.envelope.reset(nil)
	p.data.reset(nil)
	p.dataSpan, p.errs = span{}, nil
	parsers.Put(p)
}

// scan collects the members of the event's envelope and data.
func (p *parser) scan(raw []byte) error {
	p.src = *bytes.NewBuffer(raw)
	p.json.Reset(&p.src)
	p.envelope.reset(raw)
	p.data.reset(raw)
	if kind := p.json.PeekKind(); kind != '{' {
		if err := p.json.SkipValue(); err != nil {
			return syntaxError(raw, err)
		}
		return fault(CodeNotAnObject, "", "%s where one event is needed; send a JSON object in CloudEvents 1.0 form", kindName(kind))
	}
	if err := p.object(&p.envelope); err != nil {
		return syntaxError(raw, err)
	}
	switch _, err := p.json.ReadToken(); {
	case errors.Is(err, io.EOF):
		return nil
	case err == nil:
		return fault(CodeMalformedJSON, "", "more JSON after the end of the event; send one JSON object a message")
	default:
		return syntaxError(raw, err)
	}
}

// object reads one object's members into f, and those of the envelope's data
// into p.data.
func (p *parser) object(f *fields) error {
	if _, err := p.json.ReadToken(); err != nil {
		return err
	}
	for p.json.PeekKind() != '}' {
		name, err := p.json.ReadValue()
		if err != nil {
			return err
		}
		m := member{name: p.last(name)}
		m.escaped = bytes.IndexByte(name, '\\') >= 0
		if f == &p.envelope && f.named(m, "data") && p.json.PeekKind() == '{' {
			if err := p.object(&p.data); err != nil {
				return err
			}
			// The members lie between the name and here; so does the colon.
			p.dataSpan = span{m.name.end, p.offset()}
			p.dataSpan.start += int32(bytes.IndexByte(f.raw[p.dataSpan.start:], '{'))
			continue
		}
		value, err := p.json.ReadValue()
		if err != nil {
			return err
		}
		m.value = p.last(value)
		f.members = append(f.members, m)
	}
	_, err := p.json.ReadToken()
	return err
}

// offset is where the decoder stands in the raw event, which is at most
// MaxPublication long.
func (p *parser) offset() int32 { return int32(p.json.InputOffset()) }

// last is where the value just read lies in the raw event. The value itself may
// be overwritten by the next read.
func (p *parser) last(value jsontext.Value) span {
	end := p.offset()
	return span{end - int32(len(value)), end}
}

// event validates what scan has read.
func (p *parser) event(raw []byte) (*Event, error) {
	env := &p.envelope
	env.specVersion()
	e := &Event{
		ID:      string(env.unique(required, "id", "an id that is unique within the source", MaxEventID)),
		Source:  env.source(required, "source", "a URI-reference that names the producer"),
		Type:    env.eventType(),
		Subject: env.identifier(required, "subject", "the id of the learner, or of the course for publications", MaxSubject),
		Time:    env.time(required, "time", "the moment of the act in RFC 3339"),
	}
	env.contentType()
	if len(raw) > MaxEvent && !e.Type.IsPublication() {
		p.errs = append(p.errs, tooLarge(len(raw), MaxEvent))
	}
	switch {
	case p.dataSpan.end == 0:
		env.object("data", "the facts of the act")
	case e.Type != "":
		e.Data = definitionOf(e.Type).decode(&p.data, e)
	}
	if err := p.errs.err(); err != nil {
		return nil, err
	}
	e.Key = KeyOf(e.Source, e.ID)
	e.Content = p.content(e)
	return e, nil
}

// CheckTime refuses an event whose time is more than MaxAhead after now.
func (e *Event) CheckTime(now time.Time) error {
	if !e.Time.After(now.Add(MaxAhead)) {
		return nil
	}
	return fault(CodeFutureTime, "time", "%s is more than 24 h ahead of %s; check the producer's clock and time zone",
		e.Time.Format(time.RFC3339), now.UTC().Format(time.RFC3339))
}

// IDOf reads the id of an event that Decode may refuse, so that a report can
// name it. It reads as far as the JSON goes.
func IDOf(raw []byte) (string, bool) { return peek(raw, "id", MaxEventID) }

// SubjectOf reads the subject of an event that Decode may refuse, so that a dead
// letter can be erased with its learner. It reads as far as the JSON goes.
func SubjectOf(raw []byte) (string, bool) { return peek(raw, "subject", MaxSubject) }

// TypeIn reads the type of an event that Decode may refuse; empty where that is none
// of Types. It reads as far as the JSON goes.
func TypeIn(raw []byte) Type {
	text, _ := peek(raw, "type", maxTypeName)
	if t := Type(text); t.Known() {
		return t
	}
	return ""
}

// maxTypeName is longer than any type's name.
const maxTypeName = 64

func peek(raw []byte, name string, limit int) (string, bool) {
	dec := jsontext.NewDecoder(bytes.NewBuffer(raw), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if open, err := dec.ReadToken(); err != nil || open.Kind() != '{' {
		return "", false
	}
	for dec.PeekKind() == '"' {
		token, err := dec.ReadToken()
		if err != nil {
			return "", false
		}
		if token.String() != name {
			if err := dec.SkipValue(); err != nil {
				return "", false
			}
			continue
		}
		value, err := dec.ReadToken()
		if err != nil || value.Kind() != '"' {
			return "", false
		}
		text := value.String()
		return text, text != "" && len(text) <= limit
	}
	return "", false
}

func tooLarge(size, limit int) *Error {
	return fault(CodeTooLarge, "", "the event has %d bytes, over the limit of %d; send less, or split it", size, limit)
}

// syntaxError turns the JSON decoder's error into ours.
func syntaxError(raw []byte, err error) *Error {
	if len(bytes.TrimSpace(raw)) == 0 {
		return fault(CodeMalformedJSON, "", "the event is empty; send a JSON object in CloudEvents 1.0 form")
	}
	if !utf8.Valid(raw) {
		return fault(CodeInvalidUTF8, "", "byte %d is not UTF-8; send the event as JSON in UTF-8", invalidUTF8(raw))
	}
	var syntax *jsontext.SyntacticError
	if !errors.As(err, &syntax) {
		return fault(CodeMalformedJSON, "", "not JSON: %v; send a JSON object in CloudEvents 1.0 form", err)
	}
	field := fieldName(syntax.JSONPointer)
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName):
		return fault(CodeDuplicateName, field, "the name appears twice in its object; send it once")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fault(CodeMalformedJSON, field, "the JSON ends early, at byte %d; send the whole event", len(raw))
	default:
		// What the decoder quotes, in backquotes, may be a learner's words.
		reason, _, _ := strings.Cut(syntax.Err.Error(), " `")
		return fault(CodeMalformedJSON, field, "not JSON at byte %d: %s; mend it there", syntax.ByteOffset, reason)
	}
}

func invalidUTF8(raw []byte) int {
	offset := 0
	for {
		r, size := utf8.DecodeRune(raw[offset:])
		if r == utf8.RuneError && size <= 1 {
			return offset
		}
		offset += size
	}
}

// fieldName spells a JSON pointer as the other errors do: /data/score as
// data.score, cut where a hostile name would make it long.
func fieldName(pointer jsontext.Pointer) string {
	const longest = 80
	name := strings.ReplaceAll(strings.TrimPrefix(string(pointer), "/"), "/", ".")
	if len(name) > longest {
		name = strings.ToValidUTF8(name[:longest], "") + "…"
	}
	return name
}
