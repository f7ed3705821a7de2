package event

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"math"
	"slices"
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

// span is a part of the raw event. Spans rather than slices keep the members free
// of pointers, which makes them cheap to collect and to sort.
type span struct{ start, end int32 }

// member is one name and value of a JSON object.
type member struct {
	name    span // with its quotes
	value   span
	escaped bool // the name is written with escapes
}

// unquoted returns the text of a valid JSON string: without a copy where it holds
// no escapes.
func unquoted(quoted jsontext.Value) []byte {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return quoted[1 : len(quoted)-1]
	}
	text, _ := jsontext.AppendUnquote(nil, quoted) // valid: the decoder has read it
	return text
}

// interned are texts that were read before: learners, items and sources come again
// and again, and needn't be allocated each time. One hides another at random.
type interned [1024]string

var internSeed = maphash.MakeSeed()

func (in *interned) text(b []byte) string {
	slot := &in[maphash.Bytes(internSeed, b)%uint64(len(in))]
	if *slot != string(b) {
		*slot = string(b)
	}
	return *slot
}

// fields reads typed fields out of an object's members and collects what is
// wrong with them. A field that is absent or wrong reads as the zero value.
type fields struct {
	prefix  string // what error messages put before a name
	raw     []byte // the whole event
	members []member
	errs    *Errors
	known   *interned
}

func (f *fields) reset(raw []byte) {
	f.raw, f.members = raw, f.members[:0]
}

func (f *fields) at(s span) jsontext.Value { return f.raw[s.start:s.end] }

// named reports whether a member has this name, however it is spelled.
func (f *fields) named(m member, name string) bool {
	if !m.escaped {
		return string(f.raw[m.name.start+1:m.name.end-1]) == name
	}
	return string(unquoted(f.at(m.name))) == name
}

func (f *fields) fail(code Code, name, format string, args ...any) {
	*f.errs = append(*f.errs, fault(code, f.prefix+name, format, args...))
}

// find returns the value of a field, or nil when it is absent or null.
func (f *fields) find(name string) jsontext.Value {
	for _, m := range f.members {
		if f.named(m, name) {
			if value := f.at(m.value); value[0] != 'n' {
				return value
			}
			return nil
		}
	}
	return nil
}

// has reports whether a field is there, be it null.
func (f *fields) has(name string) bool {
	return slices.ContainsFunc(f.members, func(m member) bool { return f.named(m, name) })
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

// text reads a string of any characters, which may be absent.
func (f *fields) text(name, what string, limit int) string {
	return string(f.bytes(optional, name, what, limit))
}

// bytes reads a string, which may alias the raw event. It is nil when the string is
// absent or wrong, and not nil when it is empty.
func (f *fields) bytes(p presence, name, what string, limit int) []byte {
	quoted := f.value(p, name, '"', what)
	if quoted == nil {
		return nil
	}
	text := unquoted(quoted)
	if len(text) > limit {
		f.fail(CodeTooLong, name, "%d bytes long, over the limit of %d; shorten it", len(text), limit)
		return nil
	}
	return text
}

// identifier reads a string that is not empty and holds no control characters.
func (f *fields) identifier(p presence, name, what string, limit int) string {
	return f.known.text(f.unique(p, name, what, limit))
}

// unique reads an identifier that is not expected a second time; it may alias the
// raw event. It is nil when the string is absent or wrong.
func (f *fields) unique(p presence, name, what string, limit int) []byte {
	text := f.bytes(p, name, what, limit)
	if text == nil || !f.checkIdentifier(name, text, what) {
		return nil
	}
	return text
}

func (f *fields) checkIdentifier(name string, text []byte, what string) bool {
	if len(text) == 0 {
		f.fail(CodeEmpty, name, "empty; send %s", what)
		return false
	}
	for _, c := range text { // bytes will do: UTF-8 never uses these within a longer sequence
		if c < ' ' || c == 0x7f {
			f.fail(CodeBadCharacter, name, "holds the control character U+%04X; send %s without control characters", c, what)
			return false
		}
	}
	return true
}

// source reads a URI-reference, as leniently as identity allows.
func (f *fields) source(p presence, name, what string) string {
	source := f.identifier(p, name, what, MaxSource)
	if strings.IndexByte(source, ' ') >= 0 {
		f.fail(CodeBadCharacter, name, "holds a space; send %s, spaces written as %%20", what)
		return ""
	}
	return source
}

// choice reads a string that is one of a few; noun says what they are.
func (f *fields) choice(p presence, name, noun string, choices ...string) string {
	quoted := make([]string, len(choices))
	for i, choice := range choices {
		quoted[i] = strconv.Quote(choice)
	}
	last := len(quoted) - 1
	how := strings.Join(quoted[:last], ", ") + " or " + quoted[last]
	value := f.value(p, name, '"', how)
	if value == nil {
		return ""
	}
	text := string(unquoted(value))
	if slices.Contains(choices, text) {
		return text
	}
	if p == optional {
		how += ", or leave it out"
	}
	f.fail(CodeBadValue, name, "%.40q is not %s; send %s", text, noun, how)
	return ""
}

// specVersion refuses other versions of CloudEvents than 1.0.
func (f *fields) specVersion() {
	const what = `"1.0"`
	if value := f.value(required, "specversion", '"', what); value != nil {
		if text := unquoted(value); string(text) != "1.0" {
			f.fail(CodeBadValue, "specversion", "%.40q is not supported; send %s", text, what)
		}
	}
}

// eventType reads the type and returns "" for an unknown one.
func (f *fields) eventType() Type {
	value := f.value(required, "type", '"', `the event's type, e.g. "study.answer.submitted.v1"`)
	if value == nil {
		return ""
	}
	text := unquoted(value)
	for i := range definitions {
		if string(text) == string(definitions[i].typ) {
			return definitions[i].typ
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
	value := f.value(p, name, '"', what)
	if value == nil {
		return time.Time{}
	}
	text := unquoted(value)
	var t time.Time
	if err := t.UnmarshalText(text); err != nil || !isStrict(text) {
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

// isStrict refuses what package time lets pass although RFC 3339 doesn't: an hour of
// one digit, a decimal comma, and offsets of 24 hours or 60 minutes.
func isStrict(text []byte) bool {
	const hour, seconds = len("2006-01-02T15"), len("2006-01-02T15:04:05")
	if text[hour] != ':' || text[seconds] == ',' {
		return false
	}
	if text[len(text)-1] == 'Z' {
		return true
	}
	offset := text[len(text)-len("15:04"):]
	return string(offset[:2]) < "24" && string(offset[3:]) < "60"
}

// number reads a JSON number; raw is nil when it is absent or wrong.
func (f *fields) number(name, what string) (v float64, raw jsontext.Value) {
	raw = f.value(optional, name, '0', what)
	if raw == nil {
		return 0, nil
	}
	if n, ok := digits(raw); ok {
		return float64(n), raw
	}
	v, _ = strconv.ParseFloat(string(raw), 64) // valid syntax; out of range reads as ±Inf
	return v + 0, raw                          // -0 + 0 is 0
}

// digits reads a number written in few enough digits to fit, as nearly all are.
func digits(raw []byte) (n int64, ok bool) {
	if len(raw) > exactDigits {
		return 0, false
	}
	for _, c := range raw {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}

// integer reads a whole number between low and high, 0 when it is absent.
// 3.0 and 3e0 are whole numbers.
func (f *fields) integer(name, what string, low, high int64) int64 {
	v, raw := f.number(name, what)
	switch {
	case raw == nil:
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
