package main

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/project"
	"github.com/gapwise/gapwise/internal/stream"
)

// dataKey is the secret of the data: of the hashes that stand for learners, and of
// the seals on what only Gapwise itself may write to the log.
type dataKey []byte

// openDataKey reads the key. It is made on the first start and must be kept as long
// as the data, but not with its backups: with the key the hashes in a backup would
// lead back to learners.
func openDataKey(path string) (dataKey, error) {
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
	return key, nil
}

// learner is the keyed hash that stands for a learner's id.
func (k dataKey) learner(id string) (h project.HMAC) {
	mac := hmac.New(sha256.New, k)
	mac.Write([]byte(id))
	copy(h[:], mac.Sum(nil))
	return h
}

// seal is what a message carries beside its payload when Gapwise lets it in. No
// learner's id begins with a zero, so no hash of one is a seal.
func (k dataKey) seal(payload []byte) string {
	mac := hmac.New(sha256.New, k)
	mac.Write([]byte{0})
	mac.Write(payload)
	return hex.EncodeToString(mac.Sum(nil))
}

// message is an event as Gapwise itself publishes it.
func (k dataKey) message(e *event.Event, payload []byte) stream.Message {
	m := stream.Message{Learner: e.Subject, ID: e.MsgID(), Payload: payload}
	if e.Type.IsSealed() {
		m.Headers = map[string]string{stream.SealHeader: k.seal(payload)}
	}
	return m
}

// sealed reports whether an entry of the log carries its seal.
func (k dataKey) sealed(e stream.Entry) bool {
	return e.Seal != "" && hmac.Equal([]byte(e.Seal), []byte(k.seal(e.Payload)))
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
