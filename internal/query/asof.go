package query

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/gapwise/gapwise/internal/httpserver"
)

// Moment is what a report was asked for: as_of as it was written. The zero value
// is now.
type Moment struct {
	seq  uint64
	time time.Time // zero: that of the sequence
	set  bool
	text string
}

// ParseMoment reads as_of: SEQ@TIME as a report echoed it, a sequence, or a
// time (RFC 3339). Empty is now.
func ParseMoment(text string) (Moment, error) {
	m := Moment{text: text, set: text != ""}
	if text == "" {
		return m, nil
	}
	before, after, both := strings.Cut(text, "@")
	seq, err := strconv.ParseUint(before, 10, 64)
	if err == nil {
		m.seq = seq
		if !both {
			return m, nil
		}
		if m.time, err = time.Parse(time.RFC3339Nano, after); err == nil {
			m.time = m.time.UTC().Truncate(time.Microsecond)
			return m, nil
		}
	} else if m.time, err = time.Parse(time.RFC3339Nano, text); err == nil {
		m.time = m.time.UTC().Truncate(time.Microsecond)
		return m, nil
	}
	return Moment{}, httpserver.BadRequest(
		"as_of=%q is none of SEQ@TIME, SEQ and TIME; write it as a report echoes it, such as 1200@2026-03-01T12:00:00Z", text)
}

// resolve turns what was asked for into a sequence and a time.
func (s *Service) resolve(ctx context.Context, facts uint32, floor uint64, m Moment) (AsOf, error) {
	now := s.Now().UTC().Truncate(time.Microsecond)
	switch {
	case !m.set:
		return AsOf{floor, now}, nil
	case m.seq > floor:
		return AsOf{}, httpserver.BadRequest("as_of=%s: the projection is at sequence %d; ask for one up to there", m.text, floor)
	case m.time.After(now):
		return AsOf{}, httpserver.BadRequest("as_of=%s lies in the future", m.text)
	case m.seq > 0 && !m.time.IsZero():
		return AsOf{m.seq, m.time}, nil
	case m.seq > 0:
		stored, err := s.Store.StoredAt(ctx, facts, m.seq)
		if err != nil {
			return AsOf{}, err
		}
		return AsOf{m.seq, stored}, nil
	}
	seq, err := s.Store.SequenceAt(ctx, facts, m.time)
	if err != nil {
		return AsOf{}, err
	}
	return AsOf{seq, m.time}, nil
}

// generationName names a generation in reports: facts, then what they are seen
// through.
func generationName(a Active) string {
	return fmt.Sprintf("%d.%d", a.Facts, a.Derived)
}
