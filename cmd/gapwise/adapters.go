package main

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gapwise/gapwise/internal/ingest"
	"github.com/gapwise/gapwise/internal/project"
	"github.com/gapwise/gapwise/internal/stream"
)

// logSource lets the projector read the log.
type logSource struct{ log *stream.Log }

func (s logSource) Open(ctx context.Context, from uint64) (project.Reader, error) {
	r, err := s.log.Consume(ctx, from)
	if err != nil {
		return nil, err
	}
	return logReader{r}, nil
}

func (s logSource) Get(ctx context.Context, seq uint64) (project.Message, error) {
	e, err := s.log.Get(ctx, seq)
	if errors.Is(err, stream.ErrNotFound) {
		return project.Message{}, fmt.Errorf("%w: %w", project.ErrNoMessage, err)
	}
	return project.Message{Seq: e.Seq, Subject: e.Subject, Stored: e.Stored, Payload: e.Payload}, err
}

type logReader struct{ r *stream.Reader }

// readBytes bounds the payload of what is read at a time.
const readBytes = 4 << 20

func (r logReader) Next(ctx context.Context, limit int, linger time.Duration) ([]project.Message, error) {
	for {
		entries, err := r.r.Next(ctx, limit, readBytes, linger)
		if err != nil {
			return nil, err
		}
		if len(entries) == 0 {
			continue
		}
		messages := make([]project.Message, len(entries))
		for i, e := range entries {
			messages[i] = project.Message{Seq: e.Seq, Subject: e.Subject, Stored: e.Stored, Payload: e.Payload}
		}
		return messages, nil
	}
}

func (r logReader) Close() { r.r.Close() }

// publisher lets the door store events in the log.
type publisher struct{ log *stream.Log }

func (p publisher) Publish(ctx context.Context, messages []ingest.Message) ([]ingest.Ack, error) {
	out := make([]stream.Message, len(messages))
	for i, m := range messages {
		out[i] = stream.Message{Learner: m.Learner, ID: m.ID, Payload: m.Payload}
		if m.Trace != "" {
			out[i].Headers = map[string]string{"traceparent": m.Trace}
		}
	}
	stored, err := p.log.Publish(ctx, out)
	if errors.Is(err, stream.ErrLogFull) {
		return nil, fmt.Errorf("%w: %w", ingest.ErrFull, err)
	}
	acks := make([]ingest.Ack, len(stored))
	for i, ack := range stored {
		acks[i] = ingest.Ack{Duplicate: ack.Duplicate}
		switch {
		case errors.Is(ack.Err, stream.ErrTooLarge):
			acks[i].Err = ack.Err // its own fault: the others are stored
		case ack.Err != nil:
			return nil, ack.Err
		}
	}
	return acks, nil
}

// members lets the door ask who belongs to a cohort now.
type members struct{ app *App }

func (m members) IsMember(ctx context.Context, learner string, cohorts []string) (bool, error) {
	return m.app.store.IsMember(ctx, m.app.active.Active().Facts, learner, cohorts, time.Now())
}

// learnerHash returns the keyed hash of learner ids. Its key is made on the first
// start and must be kept as long as the data, but not with its backups: with the
// key the hashes in a backup would lead back to learners.
func learnerHash(path string) (func(string) project.HMAC, error) {
	key, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		key, err = createKey(path)
	}
	if err != nil {
		return nil, fmt.Errorf("key of learners' hashes: %w", err)
	}
	if len(key) != sha256.Size {
		return nil, fmt.Errorf("key of learners' hashes: %s has %d bytes instead of %d; restore it from where keys are kept", path, len(key), sha256.Size)
	}
	return func(learner string) (h project.HMAC) {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(learner))
		copy(h[:], mac.Sum(nil))
		return h
	}, nil
}

// createKey writes a fresh key; when another process did so first, that one holds.
// The key is whole and on disk before anything is hashed with it.
func createKey(path string) ([]byte, error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	key := make([]byte, sha256.Size)
	_, _ = rand.Read(key)                                      // never fails
	draft, err := os.CreateTemp(dir, filepath.Base(path)+".*") // 0600
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.Remove(draft.Name()) }()
	_, err = draft.Write(key)
	if err := errors.Join(err, draft.Sync(), draft.Close()); err != nil {
		return nil, err
	}
	if err := os.Link(draft.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	if err := syncFolder(dir); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}

// syncFolder puts the names in a folder on disk.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
