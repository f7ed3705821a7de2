package event_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"strconv"
	"testing"
	"unicode/utf16"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/gapwise/gapwise/internal/event"
)

// FuzzDecode holds Decode to what doc.go promises: it never panics; what it accepts
// has the documented identity, in every spelling; and after one trip through Encode,
// which drops what this package doesn't know and writes the newest version of a type,
// nothing changes any more.
func FuzzDecode(f *testing.F) {
	for _, file := range []string{"testdata/valid.ndjson", "testdata/invalid.ndjson"} {
		corpus, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for lines := bufio.NewScanner(bytes.NewReader(corpus)); lines.Scan(); {
			f.Add(bytes.Clone(lines.Bytes()))
		}
	}
	for _, c := range refused {
		if len(c.raw) < 1000 {
			f.Add([]byte(c.raw))
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		given := bytes.Clone(raw)
		e, err := event.Decode(raw)
		if !bytes.Equal(raw, given) {
			t.Fatalf("Decode changed its input %q to %q", given, raw)
		}
		if err != nil {
			if err.Error() == "" {
				t.Fatal("an error without words")
			}
			_, _ = event.IDOf(raw)
			_, _ = event.SubjectOf(raw)
			return
		}
		if id, ok := event.IDOf(raw); !ok || id != e.ID {
			t.Fatalf("IDOf is %q, want %q", id, e.ID)
		}
		if subject, ok := event.SubjectOf(raw); !ok || subject != e.Subject {
			t.Fatalf("SubjectOf is %q, want %q", subject, e.Subject)
		}
		checkIdentity(t, raw, e)

		seed := sha256.Sum256(raw)
		choices := rand.New(rand.NewPCG(binary.BigEndian.Uint64(seed[:]), 0))
		other := respell(raw, choices.IntN)
		if again := decode(t, string(other)); !reflect.DeepEqual(again, e) {
			t.Fatalf("%s reads as %+v, want %+v", other, again, e)
		}

		newest := *e
		newest.Type = e.Type.Newest() // upcast: what an old version says, the newest can say
		written, err := event.Encode(&newest)
		if err != nil {
			t.Fatal(err)
		}
		known := decode(t, string(written))
		if known.Key != e.Key || known.Time != e.Time || !reflect.DeepEqual(known.Data, e.Data) {
			t.Fatalf("%s reads as %+v %+v, want %+v %+v", written, known, known.Data, e, e.Data)
		}
		roundTrip(t, known)
	})
}

// respell writes the same JSON value in another way: white space, the order of
// members, and the spelling of strings and numbers are chosen by choose, which
// returns a number below its argument. The JSON must be valid.
func respell(raw []byte, choose func(n int) int) []byte {
	dec := jsontext.NewDecoder(bytes.NewBuffer(raw))
	r := respeller{dec, choose}
	return append(r.value(), r.space()...)
}

type respeller struct {
	dec    *jsontext.Decoder
	choose func(n int) int
}

func (r respeller) value() []byte {
	out := r.space()
	switch kind := r.dec.PeekKind(); kind {
	case '{', '[':
		_, _ = r.dec.ReadToken()
		var parts [][]byte
		for k := r.dec.PeekKind(); k != '}' && k != ']'; k = r.dec.PeekKind() {
			part := r.value()
			if kind == '{' {
				part = append(append(part, ':'), r.value()...)
			}
			parts = append(parts, append(part, r.space()...))
		}
		end, _ := r.dec.ReadToken()
		if kind == '{' {
			for i := range parts {
				j := i + r.choose(len(parts)-i)
				parts[i], parts[j] = parts[j], parts[i]
			}
		}
		out = append(append(out, byte(kind)), bytes.Join(parts, []byte{','})...)
		return append(append(out, r.space()...), byte(end.Kind()))
	case '"':
		token, _ := r.dec.ReadToken()
		return append(out, r.string(token.String())...)
	case '0':
		value, _ := r.dec.ReadValue()
		return append(out, r.number(string(value))...)
	default:
		value, _ := r.dec.ReadValue()
		return append(out, value...)
	}
}

func (r respeller) space() []byte {
	return []byte([]string{"", "", "", " ", "\n", "\t ", "\r\n"}[r.choose(7)])
}

func (r respeller) string(text string) []byte {
	out := []byte{'"'}
	for _, c := range text {
		switch {
		case c < ' ' || c == '"' || c == '\\' || r.choose(8) == 0:
			for _, unit := range utf16.AppendRune(nil, c) {
				out = fmt.Appendf(out, []string{`\u%04x`, `\u%04X`}[r.choose(2)], unit)
			}
		case c == '/' && r.choose(2) == 0:
			out = append(out, `\/`...)
		default:
			out = append(out, string(c)...)
		}
	}
	return append(out, '"')
}

func (r respeller) number(text string) []byte {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return []byte(text)
	}
	switch r.choose(4) {
	case 0:
		return strconv.AppendFloat(nil, v, 'e', -1, 64)
	case 1:
		return strconv.AppendFloat(nil, v, 'E', 20, 64)
	case 2:
		return strconv.AppendFloat(nil, v, 'f', -1, 64)
	default:
		return []byte(text)
	}
}
