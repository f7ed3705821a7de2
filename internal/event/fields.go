package event

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// presence says whether a field may be absent. null counts as absent, as
// CloudEvents rules for attributes.
type presence bool

const (
	required presence = true
	optional presence = false
)

// member is one name and value of a JSON object. Both alias the raw event,
// except a name that was written with escapes.
type member struct {
	name    []byte // unquoted
	value   jsontext.Value
	escaped bool // the name was written with escapes
}

func newMember(quoted jsontext.Value) member {
	name, escaped := unquoted(quoted)
	return member{name: name, escaped: escaped}
}

// unquoted returns the text of a valid JSON string: without a copy where it holds
// no escapes.
func unquoted(quoted jsontext.Value) (text []byte, escaped bool) {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return quoted[1 : len(quoted)-1], false
	}
	text, _ = jsontext.AppendUnquote(nil, quoted) // valid: the decoder has read it
	return text, true
}

// fields reads typed fields out of an object's members and collects what is
// wrong with them. A field that is absent or wrong reads as the zero value.
type fields struct {
	prefix  string // what error messages put before a name
	members []member
	errs    *Errors
}

func (f *fields) clear() {
	clear(f.members)
	f.members = f.members[:0]
}

func (f *fields) fail(code Code, name, format string, args ...any) {
	*f.errs = append(*f.errs, fault(code, f.prefix+name, format, args...))
}

// find returns the value of a field, or nil when it is absent or null.
func (f *fields) find(name string) jsontext.Value {
	for i := range f.members {
		if string(f.members[i].name) == name {
			if value := f.members[i].value; value.Kind() != 'n' {
				return value
			}
			return nil
		}
	}
	return nil
}

// value returns the value of a field when it has the kind needed.
func (f *fields) value(p presence, name string, kind jsontext.Kind, what string) jsontext.Value {
	value := f.find(name)
	switch {
	case value == nil && p == required:
		f.fail(CodeMissingField, name, "missing; send %s, as %s", what, kindName(kind))
		return nil
	case value != nil && value.Kind() != kind:
		f.fail(CodeWrongType, name, "%s where %s is needed; send %s", kindName(value.Kind()), kindName(kind), what)
		return nil
	default:
		return value
	}
}

// object complains about a field that should have been an object.
func (f *fields) object(name, what string) { f.value(required, name, '{', what) }

// text reads a string of any characters.
func (f *fields) text(p presence, name, what string, limit int) string {
	text := f.bytes(p, name, what, limit)
	return string(text)
}

// bytes reads a string, which may alias the raw event. It is nil when the string is
// absent or wrong, and not nil when it is empty.
func (f *fields) bytes(p presence, name, what string, limit int) []byte {
	quoted := f.value(p, name, '"', what)
	if quoted == nil {
		return nil
	}
	text, _ := unquoted(quoted)
	if len(text) > limit {
		f.fail(CodeTooLong, name, "%d bytes long, over the limit of %d; shorten it", len(text), limit)
		return nil
	}
	return text
}

// identifier reads a string that is not empty and holds no control characters.
func (f *fields) identifier(p presence, name, what string, limit int) string {
	text := f.bytes(p, name, what, limit)
	if text == nil || !f.checkIdentifier(name, text, what) {
		return ""
	}
	return string(text)
}

func (f *fields) checkIdentifier(name string, text []byte, what string) bool {
	if len(text) == 0 {
		f.fail(CodeEmpty, name, "empty; send %s", what)
		return false
	}
	if i := bytes.IndexFunc(text, isControl); i >= 0 {
		f.fail(CodeBadCharacter, name, "holds the control character U+%04X; send %s without control characters", text[i], what)
		return false
	}
	return true
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

// source reads a URI-reference, as leniently as identity allows.
func (f *fields) source(p presence, name, what string, limit int) string {
	source := f.identifier(p, name, what, limit)
	if strings.Contains(source, " ") {
		f.fail(CodeBadCharacter, name, "holds a space; send %s, spaces written as %%20", what)
		return ""
	}
	return source
}

// constant reads a required string that has one allowed value.
func (f *fields) constant(name, want string) {
	what := strconv.Quote(want)
	if value := f.value(required, name, '"', what); value != nil {
		if text, _ := unquoted(value); string(text) != want {
			f.fail(CodeBadValue, name, "%.40q is not supported; send %s", text, what)
		}
	}
}

// eventType reads the type and returns "" for an unknown one.
func (f *fields) eventType() Type {
	value := f.value(required, "type", '"', "the event's type, e.g. "+string(AnswerSubmitted))
	if value == nil {
		return ""
	}
	text, _ := unquoted(value)
	for _, t := range types {
		if string(text) == string(t) {
			return t
		}
	}
	shown := fmt.Sprintf("%.60q", text)
	if len(text) > 60 {
		f.fail(CodeUnknownType, "type", "%s… is unknown; schemas/events lists the types", shown)
	} else if t := nearest(strings.ToLower(string(text))); t != "" {
		f.fail(CodeUnknownType, "type", "%s is unknown; did you mean %q?", shown, t)
	} else {
		f.fail(CodeUnknownType, "type", "%s is unknown; schemas/events lists the types", shown)
	}
	return ""
}

// contentType refuses data that is said to be something else than JSON.
func (f *fields) contentType() {
	text := f.bytes(optional, "datacontenttype", `"application/json"`, MaxSource)
	media, _, _ := bytes.Cut(text, []byte(";"))
	if text != nil && string(bytes.TrimRight(media, " ")) != "application/json" {
		f.fail(CodeBadValue, "datacontenttype", `%.40q is not supported; send "application/json" or leave it out`, text)
	}
}

// time reads an RFC 3339 time as UTC in whole microseconds.
func (f *fields) time(p presence, name, what string) time.Time {
	value := f.value(p, name, '"', what+" in RFC 3339")
	if value == nil {
		return time.Time{}
	}
	text, _ := unquoted(value)
	var t time.Time
	// UnmarshalText is the standard library's strict RFC 3339 parser; Parse is lenient.
	if err := t.UnmarshalText(text); err != nil {
		f.fail(CodeBadTime, name, `%.40q is not a time in RFC 3339; send e.g. "2026-03-01T09:30:00.123456Z"`, text)
		return time.Time{}
	}
	t = t.UTC().Truncate(time.Microsecond)
	if year := t.Year(); year < MinYear || year > MaxYear {
		f.fail(CodeOutOfRange, name, "the year %d (UTC) is outside %d..%d; check the producer's clock and units", year, MinYear, MaxYear)
		return time.Time{}
	}
	return t
}

// number reads a JSON number; ok is false when it is absent or wrong.
func (f *fields) number(name, what string) (v float64, raw jsontext.Value, ok bool) {
	raw = f.value(optional, name, '0', what)
	if raw == nil {
		return 0, nil, false
	}
	v, _ = strconv.ParseFloat(string(raw), 64) // valid syntax; out of range reads as ±Inf
	return v + 0, raw, true                    // -0 + 0 is 0
}

// integer reads a whole number between low and high, 0 when it is absent.
// 3.0 and 3e0 are whole numbers.
func (f *fields) integer(name, what string, low, high int64) int64 {
	v, raw, ok := f.number(name, what)
	switch {
	case !ok:
		return 0
	case v != math.Trunc(v):
		f.fail(CodeWrongType, name, "%.40s is not a whole number; send %s", raw, what)
		return 0
	case v < float64(low) || v > float64(high):
		f.fail(CodeOutOfRange, name, "%.40s is outside %d..%d; send %s", raw, low, high, what)
		return 0
	default:
		return int64(v)
	}
}

// boolean reads true or false; ok is false when it is absent or wrong.
func (f *fields) boolean(name, what string) (v, ok bool) {
	raw := f.find(name)
	if raw == nil {
		return false, false
	}
	kind := raw.Kind()
	if kind != 't' && kind != 'f' {
		f.fail(CodeWrongType, name, "%s where true or false is needed; send %s", kindName(kind), what)
		return false, false
	}
	return kind == 't', true
}

func kindName(k jsontext.Kind) string {
	switch k {
	case '"':
		return "a string"
	case '0':
		return "a number"
	case '{':
		return "an object"
	case '[':
		return "an array"
	case 't', 'f':
		return "a boolean"
	default:
		return "null"
	}
}
