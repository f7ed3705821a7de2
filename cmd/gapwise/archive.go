package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/gapwise/gapwise/internal/archive"
	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/stream"
)

const (
	exportMessages = 2000                   // read at a time
	exportLinger   = 200 * time.Millisecond // after which the log is asked whether there is more
)

// messages yields what the log holds of a time, up to its last message of now.
func (a *App) messages(ctx context.Context, from, to time.Time, yield func(*archive.Line) error) error {
	info, err := a.log.Info(ctx)
	if err != nil {
		return err
	}
	reader, err := a.log.Consume(ctx, info.First)
	if err != nil {
		return err
	}
	defer reader.Close()
	for at := info.First; at <= info.Last; {
		entries, err := reader.Next(ctx, exportMessages, readBytes, exportLinger)
		if err != nil {
			return err
		}
		for _, e := range entries {
			at = e.Seq + 1
			if e.Seq > info.Last || e.Stored.Before(from) || !to.IsZero() && !e.Stored.Before(to) {
				continue
			}
			l := archive.Line{Seq: e.Seq, Stored: e.Stored, Subject: e.Subject, Sealed: a.key.sealed(e)}
			l.SetMessage(e.Payload)
			if err := yield(&l); err != nil {
				return err
			}
		}
		if len(entries) > 0 {
			continue
		}
		// The last ones may have been deleted since.
		next, more, err := a.log.Next(ctx, at)
		if err != nil {
			return err
		}
		if !more || next > info.Last {
			return nil
		}
	}
	return nil
}

// restoreMessages stores lines of an archive in the log, in their order whoever they
// are about: which of two messages with one key came first must stay so. What carried
// the seal of its log gets this one's.
func (a *App) restoreMessages(ctx context.Context, lines []archive.Line) (duplicates int, err error) {
	messages := make([]stream.Message, len(lines))
	for i := range lines {
		l := &lines[i]
		m := stream.Message{Learner: "archive", Subject: l.Subject, ID: messageID(l.Message()), Payload: l.Message()}
		if l.Sealed {
			m.Headers = map[string]string{stream.SealHeader: a.key.seal(m.Payload)}
		}
		messages[i] = m
	}
	acks, err := a.log.Publish(ctx, messages)
	for _, ack := range acks {
		if ack.Duplicate {
			duplicates++
		}
	}
	return duplicates, err
}

// messageID is what the broker knows a message by: that of its event, or of its bytes
// where it is none.
func messageID(payload []byte) string {
	if e, err := event.Decode(payload); err == nil {
		return e.MsgID()
	}
	sum := sha256.Sum256(payload)
	return "bytes-" + hex.EncodeToString(sum[:16])
}
