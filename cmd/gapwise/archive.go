package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/gapwise/gapwise/internal/admin"
	"github.com/gapwise/gapwise/internal/archive"
	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/stream"
)

const (
	exportMessages = 2000                   // read at a time
	exportLinger   = 200 * time.Millisecond // after which the log is asked whether there is more
	presentEvery   = time.Second            // how often a search is told of
)

// archivist reads the log for archives, and puts back what they hold.
type archivist struct{ app *App }

var _ admin.Archivist = archivist{}

// Extent tells what the log holds now.
func (a archivist) Extent(ctx context.Context) (admin.ExportBegin, error) {
	info, err := a.app.log.Info(ctx)
	course := a.app.active.Active().Course
	return admin.ExportBegin{
		Begin: true, Stream: a.app.log.Created(), Key: a.app.key.fingerprint(), First: info.First, Last: info.Last,
		Seen: archive.Seen{Course: course.Catalog.Course, Catalog: course.Catalog.Version, Model: course.Model},
	}, err
}

// Messages yields what the log holds of a time, up to a sequence.
func (a archivist) Messages(ctx context.Context, last uint64, from, to time.Time, yield func(*archive.Line) error) error {
	dropped, err := a.app.store.Dropped(ctx, a.app.active.Active().Facts)
	if err != nil {
		return err
	}
	key := a.app.key
	return a.read(ctx, last, func(e stream.Entry) error {
		stored := key.stored(e)
		if stored.Before(from) || !to.IsZero() && !stored.Before(to) {
			return nil
		}
		l := archive.Line{Seq: e.Seq, Stored: stored, Subject: e.Subject, Sealed: key.sealed(e), Dropped: dropped.Has(e.Seq)}
		l.SetMessage(e.Payload)
		return yield(&l)
	})
}

// read yields the entries of the log up to a sequence.
func (a archivist) read(ctx context.Context, last uint64, yield func(stream.Entry) error) error {
	info, err := a.app.log.Info(ctx)
	if err != nil {
		return err
	}
	reader, err := a.app.log.Consume(ctx, info.First)
	if err != nil {
		return err
	}
	defer reader.Close()
	for at := info.First; at <= last; {
		entries, err := reader.Next(ctx, exportMessages, readBytes, exportLinger)
		if err != nil {
			return err
		}
		for _, e := range entries {
			at = e.Seq + 1
			if e.Seq > last {
				break
			}
			if err := yield(e); err != nil {
				return err
			}
		}
		if len(entries) > 0 {
			continue
		}
		// The last ones may have been deleted since.
		next, more, err := a.app.log.Next(ctx, at)
		if err != nil {
			return err
		}
		if !more || next > last {
			return nil
		}
	}
	return nil
}

// Present looks through the whole log: nothing but the log itself says surely what was
// put back when an import was cut off.
func (a archivist) Present(ctx context.Context, created time.Time, tell func(looked, of uint64) error) (event.Ranges, error) {
	info, err := a.app.log.Info(ctx)
	if err != nil {
		return nil, err
	}
	own := created.Equal(a.app.log.Created())
	var found, other event.Ranges
	looked, told := uint64(0), time.Now()
	err = a.read(ctx, info.Last, func(e stream.Entry) error {
		if own {
			found = found.Add(e.Seq)
		}
		if o, ok := a.app.key.originOf(e); ok && o.stream.Equal(created) {
			if n := len(other); n > 0 && o.seq <= other[n-1].To { // parts that were imported in another order
				found, other = event.Union(found, other), nil
			}
			other = other.Add(o.seq)
		}
		looked++
		if looked%exportMessages == 0 && time.Since(told) > presentEvery {
			told = time.Now()
			return tell(looked, info.Messages)
		}
		return nil
	})
	return event.Union(found, other), err
}

// restoredMessage names a message by where it comes from, so that an import that sends
// it again at once stores it once. A learner's name it isn't: the order of all of them
// is to stay, since it says which of two messages with one key came first.
const restoredMessage = "archive"

// Restore stores lines of an archive. What carried the seal of its log gets this one's.
// What is of a learner who is forgotten here is left out.
func (a archivist) Restore(ctx context.Context, created time.Time, lines []archive.Line) (done admin.Restored, err error) {
	messages := make([]stream.Message, 0, len(lines))
	dropped := map[int]time.Time{} // by index of the message: when it was stored
	for i := range lines {
		l := &lines[i]
		if a.forgotten(l) {
			done.Erased++
			continue
		}
		if l.Dropped {
			dropped[len(messages)] = l.Stored
		}
		messages = append(messages, a.message(created, l))
	}
	acks, err := a.app.log.Publish(ctx, messages)
	if err != nil {
		return done, err
	}
	letters := map[uint64]time.Time{}
	for i, ack := range acks {
		if ack.Duplicate {
			done.Duplicates++
		}
		if stored, ok := dropped[i]; ok {
			letters[ack.Seq] = stored
		}
	}
	done.Stored = len(messages) - done.Duplicates
	return done, a.drop(ctx, letters)
}

func (a archivist) message(created time.Time, l *archive.Line) stream.Message {
	payload := l.Message()
	m := stream.Message{
		Learner: restoredMessage, Subject: l.Subject, Payload: payload, Headers: map[string]string{},
		ID: fmt.Sprintf("%s-%d-%d", restoredMessage, created.UnixNano(), l.Seq),
	}
	if l.Sealed {
		m.Headers[stream.SealHeader] = a.app.key.seal(payload)
	}
	// A message that has no room for it is stored as of now.
	if len(payload) <= stream.MaxMessageBytes-stream.HeaderRoom {
		m.Headers[stream.OriginHeader] = a.app.key.origin(origin{created, l.Seq, l.Stored}, payload)
	}
	return m
}

// forgotten reports whether a line is of a learner who is forgotten here. Their
// erasure itself goes in: it names a hash.
func (a archivist) forgotten(l *archive.Line) bool {
	if a.app.forgotten.none() {
		return false
	}
	learner, ok := event.SubjectOf(l.Message())
	return ok && a.app.forgotten.has(learner)
}

// drop takes dead letters off the list that were off it where they come from. Done
// again for one of them it writes the same event.
func (a archivist) drop(ctx context.Context, letters map[uint64]time.Time) error {
	if len(letters) == 0 {
		return nil
	}
	events := make([]*event.Event, 0, len(letters))
	for _, seq := range slices.Sorted(maps.Keys(letters)) {
		e, err := event.NewTyped(event.DeadLetterDropped, admin.Source, fmt.Sprintf("%s-dropped-%d", restoredMessage, seq), event.DeadLetters,
			letters[seq].UTC().Truncate(time.Microsecond), &event.DeadLetter{Target: seq, Reason: "dropped where the archive comes from"})
		if err != nil {
			return err
		}
		events = append(events, e)
	}
	_, err := a.app.publishEvents(ctx, events)
	return err
}
