package outbox

import (
	"bytes"
	"testing"
	"time"
)

// TornForTest is at most what EncodeForTest returns without its last byte.
const TornForTest = 2*(recordHeader+6) - 1

// EncodeForTest is one group of records, written when synced bytes are safe.
func EncodeForTest(synced int64, payloads ...[]byte) []byte {
	var b []byte
	if synced == 0 {
		b = appendFileHeader(b, time.Unix(0, 0))
	}
	for _, p := range payloads {
		b = appendRecord(b, synced, p)
	}
	return b
}

// FuzzScan reads anything as a segment: what is sound reads back as it was
// written, and the rest is told.
func FuzzScan(f *testing.F) {
	whole := EncodeForTest(0, []byte("one"), []byte("two"))
	whole = append(whole, EncodeForTest(int64(len(whole)), []byte(`{"id":"three"}`))...)
	f.Add([]byte{})
	f.Add(whole)
	f.Add(whole[:len(whole)-3])
	f.Add(append(bytes.Clone(whole), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))
	broken := bytes.Clone(whole)
	broken[30] ^= 1
	f.Add(broken)
	f.Fuzz(func(t *testing.T, file []byte) {
		s := scan(file)
		if s.end < 0 || s.end > int64(len(file)) || (s.wrong == "") != (s.end == int64(len(file))) {
			t.Fatalf("%d bytes give %+v", len(file), s)
		}
		if again := scan(file[:s.end]); again.wrong != "" || again.records != s.records {
			t.Fatalf("the sound %d bytes of %+v give %+v", s.end, s, again)
		}
		if s.records == 0 {
			return
		}
		b := appendFileHeader(nil, s.written)
		for at := int64(fileHeader); at < s.end; {
			payload, synced, wrong := parseRecord(file[at:])
			if wrong != "" {
				t.Fatalf("at %d: %s", at, wrong)
			}
			b = appendRecord(b, synced, payload)
			at += recordHeader + int64(len(payload))
		}
		if !bytes.Equal(b, file[:s.end]) {
			t.Fatalf("%x reads and writes as %x", file[:s.end], b)
		}
	})
}
