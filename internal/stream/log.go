package stream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Log is the stream of study events. It is safe for concurrent use and holds
// nothing that must be closed; it lives as long as its connection.
type Log struct {
	*Publisher
	stream  jetstream.Stream
	created time.Time
	logger  *slog.Logger
}

// Open returns the stream, which it creates when there is none. A stream with
// other settings is left alone and told by a *MismatchError.
func Open(ctx context.Context, nc *nats.Conn, config Config, logger *slog.Logger) (*Log, error) {
	publisher, err := NewPublisher(nc, config)
	if err != nil {
		return nil, err
	}
	want := config.withDefaults().stream()
	stream, err := publisher.js.Stream(ctx, Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		stream, err = publisher.js.CreateStream(ctx, want)
	}
	if err != nil {
		return nil, fmt.Errorf("open stream %s: %w", Name, err)
	}
	// A server that does not know a setting ignores it, so a stream just created
	// is compared too.
	if found := differences(want, stream.CachedInfo().Config); len(found) > 0 {
		return nil, &MismatchError{Stream: Name, Differences: found}
	}
	if limit := nc.MaxPayload(); limit < MaxMessageBytes {
		logger.Warn("the broker takes smaller messages than the log allows",
			"max_payload", limit, "max_message_bytes", MaxMessageBytes)
	}
	return &Log{Publisher: publisher, stream: stream, created: stream.CachedInfo().Created.UTC(), logger: logger}, nil
}

// Created is when the broker created the stream. It tells the log from any other
// one of the same name: a restart and a restored copy of the broker's files keep
// it, a stream that is deleted and made again has another.
func (l *Log) Created() time.Time { return l.created }

// Info is the extent of the log.
type Info struct {
	First      uint64 // sequence of the first message; Last+1 when there is none
	Last       uint64 // sequence of the last message ever stored; 0: none yet
	Messages   uint64
	Bytes      uint64
	LastStored time.Time // when the broker stored Last; zero when there is none
}

// Info returns the extent of the log as of now. It fails with ErrReplaced when the
// stream is no longer the one that was opened.
func (l *Log) Info(ctx context.Context) (Info, error) {
	info, err := l.stream.Info(ctx)
	if err != nil {
		return Info{}, fmt.Errorf("stream information: %w", err)
	}
	if !info.Created.Equal(l.created) {
		return Info{}, fmt.Errorf("stream %s was created at %s, the one opened at %s: %w (point nats.url at the broker that has it, or restore it from its backup)",
			Name, info.Created.UTC().Format(time.RFC3339Nano), l.created.Format(time.RFC3339Nano), ErrReplaced)
	}
	s := info.State
	return Info{First: s.FirstSeq, Last: s.LastSeq, Messages: s.Msgs, Bytes: s.Bytes, LastStored: s.LastTime}, nil
}

// Get returns one message, or ErrNotFound.
func (l *Log) Get(ctx context.Context, seq uint64) (Entry, error) {
	raw, err := l.stream.GetMsg(ctx, seq)
	if err != nil {
		return Entry{}, lookupError(err, seq)
	}
	return Entry{
		Seq:     raw.Sequence,
		Subject: raw.Subject,
		ID:      raw.Header.Get(jetstream.MsgIDHeader),
		Seal:    raw.Header.Get(SealHeader),
		Origin:  raw.Header.Get(OriginHeader),
		Stored:  raw.Time.UTC(),
		Payload: raw.Data,
	}, nil
}

// Erase overwrites one message on the broker's disk and removes it from the log. A
// message that isn't there is no error.
func (l *Log) Erase(ctx context.Context, seq uint64) error {
	err := l.stream.SecureDeleteMsg(ctx, seq)
	if err == nil {
		return nil
	}
	if _, getErr := l.stream.GetMsg(ctx, seq); errors.Is(getErr, jetstream.ErrMsgNotFound) {
		return nil
	}
	return fmt.Errorf("erase sequence %d: %w", seq, err)
}

// Next returns the first sequence at or after one that the log holds a message
// with; false when there is none.
func (l *Log) Next(ctx context.Context, from uint64) (uint64, bool, error) {
	raw, err := l.stream.GetMsg(ctx, max(from, 1), jetstream.WithGetMsgSubject(subjectPrefix+"*"))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("look for the first message from sequence %d on: %w", from, err)
	}
	return raw.Sequence, true, nil
}
