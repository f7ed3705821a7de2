package httpserver

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/segmentio/ksuid"
)

const (
	keyFileVersion = 1
	secretBytes    = 32 // HS256 wants a key as long as its hash
	reloadEvery    = time.Second
)

// Keys are the signing keys of one data folder. They are safe for concurrent
// use and follow their file: what another process adds or removes there holds
// here within a second.
type Keys struct {
	Now func() time.Time // the clock; time.Now unless a test sets it before use

	path string

	mu      sync.Mutex
	keys    []signingKey // oldest first, never empty
	checked time.Time    // when the file was last looked at
	seen    fs.FileInfo  // what it looked like then
	broken  error        // why it could not be read then
}

// signingKey is one key as the file holds it.
type signingKey struct {
	ID      string    `json:"kid"`
	Created time.Time `json:"created"`
	Secret  []byte    `json:"secret"` // base64 in the file
}

type keyFile struct {
	Version int          `json:"version"`
	Keys    []signingKey `json:"keys"`
}

// OpenKeys reads the key file at path, or creates it with one fresh key, for
// its owner's eyes only (0600). Of two processes that create it at once, both
// get the same key. A file that others may read is refused.
func OpenKeys(path string) (*Keys, error) {
	k := &Keys{Now: time.Now, path: path}
	err := k.read()
	if errors.Is(err, fs.ErrNotExist) {
		if err = k.create(); err == nil {
			err = k.read()
		}
	}
	if err != nil {
		return nil, fmt.Errorf("key file: %w", err)
	}
	return k, nil
}

// Rotate adds a fresh key, with which all tokens are signed from now on, and
// drops the keys whose tokens have all expired. It returns the new key's id.
// Two processes must not rotate one file at the same time.
func (k *Keys) Rotate() (kid string, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.read(); err != nil {
		return "", fmt.Errorf("rotate keys: %w", err)
	}
	now := k.Now()
	fresh, err := newSigningKey(now)
	if err != nil {
		return "", fmt.Errorf("rotate keys: %w", err)
	}
	if last := k.keys[len(k.keys)-1]; fresh.Created.Before(last.Created) {
		fresh.Created = last.Created // the clock was set back; the order of keys holds
	}
	keys := append(livingKeys(k.keys, now), fresh)
	temp, err := k.writeTemp(keys)
	if err != nil {
		return "", fmt.Errorf("rotate keys: %w", err)
	}
	if err := os.Rename(temp, k.path); err != nil {
		return "", errors.Join(fmt.Errorf("rotate keys: %w", err), os.Remove(temp))
	}
	if err := k.read(); err != nil {
		return "", fmt.Errorf("rotate keys: %w", err)
	}
	return fresh.ID, nil
}

// Check is a readiness probe: it tells why the key file can't be read.
func (k *Keys) Check(context.Context) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.refresh()
	return k.broken
}

// livingKeys leaves out the keys that signed no token still alive: those
// replaced longer ago than any token lives.
func livingKeys(keys []signingKey, now time.Time) []signingKey {
	var living []signingKey
	for i, key := range keys {
		replaced := now
		if i+1 < len(keys) {
			replaced = keys[i+1].Created
		}
		if now.Sub(replaced) <= MaxTokenLife+clockSkew {
			living = append(living, key)
		}
	}
	return living
}

func (k *Keys) newest() signingKey {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.refresh()
	return k.keys[len(k.keys)-1]
}

func (k *Keys) secret(kid string) ([]byte, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.refresh()
	for _, key := range k.keys {
		if key.ID == kid {
			return key.Secret, true
		}
	}
	return nil, false
}

// refresh reads the file again when it changed, looking at most once a
// second. On failure the keys read last stay: a half-edited file must not sign
// everyone out.
func (k *Keys) refresh() {
	now := k.Now()
	if since := now.Sub(k.checked); since >= 0 && since < reloadEvery {
		return
	}
	k.checked = now
	info, err := os.Stat(k.path)
	if err == nil && k.broken == nil && sameFile(k.seen, info) {
		return
	}
	if err == nil {
		err = k.read()
	}
	k.broken = err
}

func sameFile(a, b fs.FileInfo) bool {
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size()
}

// read replaces the keys by those in the file.
func (k *Keys) read() error {
	file, err := os.Open(k.path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // only read from
	info, err := file.Stat()
	if err != nil {
		return err
	}
	// Windows has no permission bits to look at.
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("%s can be read by others (%v); run: chmod 600 %[1]s", k.path, info.Mode().Perm())
	}
	raw, err := io.ReadAll(file)
	if err != nil {
		return err
	}
	keys, err := parseKeys(raw)
	if err != nil {
		return fmt.Errorf("%s: %w; restore it from a backup, or remove it to start with a fresh key (all tokens end)", k.path, err)
	}
	k.keys, k.seen = keys, info
	return nil
}

func parseKeys(raw []byte) ([]signingKey, error) {
	var file keyFile
	if err := json.Unmarshal(raw, &file, json.RejectUnknownMembers(true)); err != nil {
		return nil, fmt.Errorf("not a key file: %w", err)
	}
	if file.Version != keyFileVersion {
		return nil, fmt.Errorf("format version %d, this program reads %d", file.Version, keyFileVersion)
	}
	if len(file.Keys) == 0 {
		return nil, errors.New("it holds no key")
	}
	for i, key := range file.Keys {
		switch {
		case key.ID == "":
			return nil, fmt.Errorf("key %d has no kid", i)
		case len(key.Secret) < secretBytes:
			return nil, fmt.Errorf("key %s has a secret of %d bytes, want at least %d", key.ID, len(key.Secret), secretBytes)
		case i > 0 && key.Created.Before(file.Keys[i-1].Created):
			return nil, fmt.Errorf("key %s is older than the key before it; keys go from the oldest to the newest", key.ID)
		}
	}
	return file.Keys, nil
}

// create writes a file with one fresh key, unless another process was first.
func (k *Keys) create() error {
	if err := os.MkdirAll(filepath.Dir(k.path), 0o700); err != nil {
		return err
	}
	key, err := newSigningKey(k.Now())
	if err != nil {
		return err
	}
	temp, err := k.writeTemp([]signingKey{key})
	if err != nil {
		return err
	}
	// A link appears whole or not at all and never replaces a file.
	err = os.Link(temp, k.path)
	if errors.Is(err, fs.ErrExist) {
		err = nil
	}
	return errors.Join(err, os.Remove(temp))
}

// writeTemp writes keys to a synced file beside the key file.
func (k *Keys) writeTemp(keys []signingKey) (name string, err error) {
	raw, err := json.Marshal(keyFile{Version: keyFileVersion, Keys: keys}, jsontext.WithIndent("  "))
	if err != nil {
		return "", err
	}
	file, err := os.CreateTemp(filepath.Dir(k.path), filepath.Base(k.path)+".*") // 0600
	if err != nil {
		return "", err
	}
	_, err = file.Write(append(raw, '\n'))
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return "", errors.Join(err, os.Remove(file.Name()))
	}
	return file.Name(), nil
}

func newSigningKey(now time.Time) (signingKey, error) {
	id, err := ksuid.NewRandom()
	if err != nil {
		return signingKey{}, err
	}
	secret := make([]byte, secretBytes)
	rand.Read(secret) // never fails: crypto/rand ends the program instead
	return signingKey{ID: id.String(), Created: now.UTC(), Secret: secret}, nil
}
