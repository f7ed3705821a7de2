package event

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Shards is the number of subjects that learners are spread over.
const Shards = 64

// KeyOf returns the key of the event with this source and id.
func KeyOf(source, id string) Key {
	var room [MaxSource + 1 + MaxEventID]byte
	text := append(append(append(room[:0], source...), 0), id...)
	sum := sha256.Sum256(text)
	return Key(sum[:len(Key{})])
}

// Shard returns the shard of a learner, 0 to Shards-1: SHA-256(subject)[0] mod 64.
func Shard(subject string) int {
	var room [MaxSubject]byte
	sum := sha256.Sum256(append(room[:0], subject...))
	return int(sum[0]) % Shards
}

// MsgID returns the Nats-Msg-Id under which the broker recognises a repeat:
// the key and the content in hexadecimal, with a dash between.
func (e *Event) MsgID() string {
	var room [2*len(Key{}) + 1 + 2*len(Content{})]byte
	text := hex.AppendEncode(room[:0], e.Key[:])
	text = append(text, '-')
	return string(hex.AppendEncode(text, e.Content[:]))
}

// content hashes what makes two events with one key the same; doc.go spells the
// hash out for others.
func (p *parser) content(e *Event) Content {
	b := p.scratch[:0]
	b = append(b, e.Type...)
	b = append(b, 0)
	b = append(b, e.Subject...)
	b = append(b, 0)
	b = appendTime(b, e.Time)
	b = append(b, 0)
	b = p.appendCanonicalData(b)
	p.scratch = b
	sum := sha256.Sum256(b)
	return Content(sum[:len(Content{})])
}

// appendTime writes a UTC time with six decimals, e.g. 2026-03-01T09:30:00.000000Z.
func appendTime(b []byte, t time.Time) []byte {
	b = t.AppendFormat(b, time.RFC3339)
	b = b[:len(b)-len("Z")]
	micros := t.Nanosecond() / int(time.Microsecond)
	b = append(b, '.')
	for unit := 100_000; unit > 0; unit /= 10 {
		b = append(b, byte('0'+micros/unit%10))
	}
	return append(b, 'Z')
}

// appendCanonicalData writes the data in the form of RFC 8785. Members with plain
// names are sorted and copied, each value by itself; anything unusual is left to
// the library as a whole.
func (p *parser) appendCanonicalData(b []byte) []byte {
	f := &p.data
	for _, m := range f.members {
		if m.escaped || !isASCII(f.at(m.name)) { // else names sort by bytes as they do by UTF-16
			return appendCanonical(b, f.at(p.dataSpan))
		}
	}
	slices.SortFunc(f.members, func(x, y member) int {
		return bytes.Compare(f.raw[x.name.start+1:x.name.end-1], f.raw[y.name.start+1:y.name.end-1])
	})
	b = append(b, '{')
	for i, m := range f.members {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, f.at(m.name)...)
		b = append(b, ':')
		if value := f.at(m.value); isCanonical(value) {
			b = append(b, value...)
		} else {
			b = appendCanonical(b, value)
		}
	}
	return append(b, '}')
}

func isASCII(text []byte) bool {
	for _, c := range text {
		if c >= 0x80 {
			return false
		}
	}
	return true
}

// exactDigits is the number of decimal digits that a float64 holds exactly, so that
// numbers of so many digits differ exactly when their float64s do.
const exactDigits = 15

// isCanonical reports whether a value is surely in canonical form: literals, strings
// without escapes, and short numbers in their shortest plain spelling.
func isCanonical(value jsontext.Value) bool {
	switch value[0] {
	case 't', 'f', 'n':
		return true
	case '"':
		return bytes.IndexByte(value, '\\') < 0
	case '[', '{', '-':
		return false
	}
	if _, ok := digits(value); ok {
		return true
	}
	whole, fraction, found := bytes.Cut(value, []byte{'.'})
	_, plain := digits(fraction)
	return found && plain && len(value) <= exactDigits && // one of them the point
		fraction[len(fraction)-1] != '0' &&
		(whole[0] != '0' || !bytes.HasPrefix(fraction, []byte("000"))) // small ones take an exponent
}

// appendCanonical writes any valid JSON value in the form of RFC 8785.
func appendCanonical(b []byte, value jsontext.Value) []byte {
	b, _ = jsontext.AppendFormat(b, value, // valid: the decoder has read it
		jsontext.CanonicalizeRawInts(true),
		jsontext.CanonicalizeRawFloats(true),
		jsontext.ReorderRawObjects(true))
	return b
}
