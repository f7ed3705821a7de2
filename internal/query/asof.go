package query

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/gapwise/gapwise/internal/httpserver"
)

// Moment is what a report was asked for: as_of as it was written, and through
// which catalog and model. The zero value is now.
type Moment struct {
	Catalog When // the catalog of which time
	Model   When // the model of which time

	seq  *uint64    // nil: the last one by the time
	time *time.Time // nil: that of the sequence
	text string
}

// When says of which time a catalog or a model shall be.
type When uint8

// The times. Of a report of now both are the same.
const (
	Then When = iota // when the report's moment was
	Now
)

// parseWhen reads catalog= or model=; empty is then: a report says what was said.
func parseWhen(name, text string) (When, error) {
	switch text {
	case "", "then":
		return Then, nil
	case "now":
		return Now, nil
	}
	return Then, httpserver.BadRequest("%s=%q: must be then or now", name, text)
}

// isPast reports whether a moment was asked for, and not what is now.
func (m Moment) isPast() bool { return m.seq != nil || m.time != nil }

// ParseMoment reads as_of: SEQ@TIME as a report echoed it, a sequence, or a
// time (RFC 3339). Empty is now.
func ParseMoment(text string) (Moment, error) {
	m := Moment{text: text}
	if text == "" {
		return m, nil
	}
	before, after, both := strings.Cut(text, "@")
	if seq, err := strconv.ParseUint(before, 10, 64); err == nil {
		m.seq = &seq
		if !both {
			return m, nil
		}
	} else {
		after = text
	}
	t, err := time.Parse(time.RFC3339Nano, after)
	if err != nil {
		return Moment{}, httpserver.BadRequest(
			"as_of=%q is none of SEQ@TIME, SEQ and TIME; write it as a report echoes it, such as 1200@2026-03-01T12:00:00Z", text)
	}
	t = t.UTC().Truncate(time.Microsecond)
	m.time = &t
	return m, nil
}

// resolve turns what was asked for into a sequence and a time. An instructor, who
// may read who was a member then, can't ask for facts that were stored later. The
// log's clock may be ahead of ours, so now is not before the last fact was stored.
//
// A sequence alone is seen from the time when it was stored: sequence 0, before
// anything was, from the Unix epoch.
func (s *Service) resolve(ctx context.Context, facts uint32, head AsOf, now time.Time, m Moment) (AsOf, error) {
	if head.Time.After(now) {
		now = head.Time
	}
	switch {
	case m.seq != nil && *m.seq > head.Seq:
		return AsOf{}, httpserver.BadRequest("as_of=%s: the projection is at sequence %d; ask for one up to there", m.text, head.Seq)
	case m.time != nil && m.time.After(now):
		return AsOf{}, httpserver.BadRequest("as_of=%s lies in the future; leave it out for now", m.text)
	case m.seq == nil && m.time == nil:
		return AsOf{head.Seq, now}, nil
	case m.seq == nil:
		seq, err := s.Store.SequenceAt(ctx, facts, *m.time)
		return AsOf{seq, *m.time}, err
	}
	if m.time != nil && !mayReadByMembership(ctx) {
		return AsOf{*m.seq, *m.time}, nil
	}
	stored, err := s.Store.StoredBy(ctx, facts, *m.seq)
	switch {
	case err != nil:
		return AsOf{}, err
	case m.time == nil:
		return AsOf{*m.seq, stored}, nil
	case *m.seq > 0 && m.time.Before(stored):
		return AsOf{}, httpserver.BadRequest("as_of=%s: sequence %d was stored later, at %s; leave the sequence or the time out",
			m.text, *m.seq, stored.Format(timeLayout))
	}
	return AsOf{*m.seq, *m.time}, nil
}

// generationName names a generation in reports: facts, then what they are seen
// through.
func generationName(a Active) string {
	if a.Name != "" {
		return a.Name
	}
	return fmt.Sprintf("%d.%d", a.Facts, a.Derived)
}
