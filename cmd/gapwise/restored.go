package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/gapwise/gapwise/internal/stream"
)

// origin is where a message that an archive put back was stored first.
type origin struct {
	stream time.Time // when the broker created that log
	seq    uint64    // there
	stored time.Time // when
}

func (o origin) String() string {
	return fmt.Sprintf("%s %d %s", o.stream.UTC().Format(time.RFC3339Nano), o.seq, o.stored.UTC().Format(time.RFC3339Nano))
}

// origin is what a message carries beside its payload when it was put back. It is
// signed: whoever may publish study events must not be able to say when the log
// stored them.
func (k dataKey) origin(o origin, payload []byte) string {
	return o.String() + " " + k.signed(o.String(), payload)
}

// signed begins its hash as no learner's id and no seal does.
func (k dataKey) signed(origin string, payload []byte) string {
	mac := hmac.New(sha256.New, k)
	mac.Write([]byte{1})
	mac.Write([]byte(origin))
	mac.Write([]byte{0})
	mac.Write(payload)
	return hex.EncodeToString(mac.Sum(nil))
}

// originOf returns where an entry of the log was stored first; false for what was
// stored here first.
func (k dataKey) originOf(e stream.Entry) (o origin, ok bool) {
	if e.Origin == "" {
		return o, false
	}
	text, signature, _ := cutLast(e.Origin, " ")
	if !hmac.Equal([]byte(signature), []byte(k.signed(text, e.Payload))) {
		return o, false
	}
	words := strings.Split(text, " ")
	if len(words) != 3 {
		return o, false
	}
	var errs [3]error
	o.stream, errs[0] = time.Parse(time.RFC3339Nano, words[0])
	o.seq, errs[1] = strconv.ParseUint(words[1], 10, 64)
	o.stored, errs[2] = time.Parse(time.RFC3339Nano, words[2])
	return o, errs == [3]error{}
}

// stored is when the first log that held an entry stored it. Whether an event was too
// far ahead, and as of when a report has it, doesn't change when it is put back.
func (k dataKey) stored(e stream.Entry) time.Time {
	if o, ok := k.originOf(e); ok {
		return o.stored
	}
	return e.Stored
}

// fingerprint tells keys apart and gives nothing of them away.
func (k dataKey) fingerprint() string {
	mac := hmac.New(sha256.New, k)
	mac.Write([]byte{2})
	return hex.EncodeToString(mac.Sum(nil)[:8])
}

// cutLast is strings.Cut around the last separator.
func cutLast(text, separator string) (before, after string, found bool) {
	if i := strings.LastIndex(text, separator); i >= 0 {
		return text[:i], text[i+len(separator):], true
	}
	return text, "", false
}
