package stream

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// What remains after a failed publish. Every error of Publish matches exactly
// one of these with errors.Is.
var (
	// ErrLogFull says that the log took nothing, because it has reached its byte
	// limit or the broker its storage limit. Sending again helps once there is room.
	ErrLogFull = errors.New("the log is full")

	// ErrUnavailable says that nothing was stored: the broker could not be reached, was
	// not ready, or had too much in flight. Send again.
	ErrUnavailable = errors.New("the log is unavailable")

	// ErrUnknown says that the message may be stored or not: the answer did not
	// come. Send again: the message ids make it safe.
	ErrUnknown = errors.New("the log did not answer")

	// ErrTooLarge says that the message was not stored and never will be.
	ErrTooLarge = errors.New("the message is too large for the log")
)

var (
	// ErrNotFound says that the log holds no message with that sequence: it was
	// deleted, or never stored.
	ErrNotFound = errors.New("no such message in the log")

	// ErrLogBehind says that the log ends before the place of a reader. Its end was
	// lost, or it was restored from an older copy, and new messages would
	// reuse sequences that have been read already.
	ErrLogBehind = errors.New("the log ends before what was read from it")

	// ErrReplaced says that the broker has another stream of the log's name than the
	// one that was opened: it was deleted and made again, so its sequences mean
	// other messages.
	ErrReplaced = errors.New("the log was replaced by another stream")

	// ErrClosed says that the reader was closed.
	ErrClosed = errors.New("reader closed")
)

// Codes of the JetStream API that say there is no room.
// See server/errors.json of nats-server.
const (
	codeAccountResources = 10002
	codeNoResources      = 10023
	codeStorageResources = 10047
	codeMessageTooLarge  = 10054
	codeStoreFailed      = 10077
)

// publishError turns what a publish returned into one of the sentinels above,
// keeping the cause.
func publishError(err error) error {
	var api *jetstream.APIError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &api):
		return fmt.Errorf("%w: %w", refusal(api), err)
	case errors.Is(err, nats.ErrMaxPayload):
		return fmt.Errorf("%w: %w", ErrTooLarge, err)
	case errors.Is(err, nats.ErrNoResponders),
		errors.Is(err, jetstream.ErrNoStreamResponse),
		errors.Is(err, nats.ErrReconnectBufExceeded):
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	default:
		return fmt.Errorf("%w: %w", ErrUnknown, err)
	}
}

// refusal names what an answer of the broker means. An answer with an error
// always means that nothing of the request was stored.
func refusal(api *jetstream.APIError) error {
	switch api.ErrorCode {
	case codeAccountResources, codeNoResources, codeStorageResources:
		return ErrLogFull
	case codeStoreFailed:
		if strings.Contains(api.Description, "maximum") {
			return ErrLogFull
		}
		return ErrUnavailable
	case codeMessageTooLarge:
		return ErrTooLarge
	default:
		return ErrUnavailable
	}
}

// lookupError keeps ErrNotFound apart from a broker that did not answer.
func lookupError(err error, seq uint64) error {
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return fmt.Errorf("sequence %d: %w", seq, ErrNotFound)
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("read sequence %d: %w", seq, err)
	}
	return fmt.Errorf("read sequence %d: %w: %w", seq, ErrUnavailable, err)
}
