package archive

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"iter"
	"os"
	"path/filepath"
)

// Archive is an archive whose files were checked.
type Archive struct {
	Manifest
	dir string
}

// Open reads the manifest and checks every file against it.
func Open(dir string) (*Archive, error) {
	m, err := readManifest(dir)
	if err != nil {
		return nil, fmt.Errorf("archive %s: %w", dir, err)
	}
	for _, f := range m.Files {
		if err := f.check(dir); err != nil {
			return nil, fmt.Errorf("archive %s: %s: %w", dir, f.Name, err)
		}
	}
	return &Archive{Manifest: *m, dir: dir}, nil
}

// Lines yields the messages in their order. After an error it ends.
func (a *Archive) Lines() iter.Seq2[*Line, error] {
	return func(yield func(*Line, error) bool) {
		r := &reader{dir: a.dir, content: sha256.New(), yield: yield}
		for _, f := range a.Files {
			if err := r.file(f); err != nil {
				if !errors.Is(err, errStopped) {
					yield(nil, fmt.Errorf("archive %s: %s: %w", a.dir, f.Name, err))
				}
				return
			}
		}
		if got := hex.EncodeToString(r.content.Sum(nil)); got != a.Content {
			yield(nil, fmt.Errorf("archive %s: its lines have SHA-256 %s, the manifest says %s: %s", a.dir, got, a.Content, goodCopy))
		}
	}
}

// errStopped says that no more lines are wanted.
var errStopped = errors.New("stopped")

// reader reads files that follow each other.
type reader struct {
	dir     string
	content hash.Hash
	yield   func(*Line, error) bool
	last    uint64 // sequence
}

func (r *reader) file(f File) error {
	file, err := os.Open(filepath.Join(r.dir, f.Name))
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // only read
	frames, err := newFrames(file)
	if err != nil {
		return err
	}
	defer frames.close()
	number := uint64(0)
	for {
		plain, err := frames.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("from line %d on: %w", number+1, err)
		}
		r.content.Write(plain)
		for text := range bytes.Lines(plain) {
			number++
			if err := r.line(text); err != nil {
				return fmt.Errorf("line %d: %w", number, err)
			}
		}
	}
	if number != f.Messages {
		return fmt.Errorf("it holds %d messages, the manifest says %d", number, f.Messages)
	}
	return nil
}

func (r *reader) line(text []byte) error {
	l, err := ParseLine(text)
	if err != nil {
		return err
	}
	if l.Seq <= r.last {
		return fmt.Errorf("sequence %d comes after %d", l.Seq, r.last)
	}
	r.last = l.Seq
	if !r.yield(l, nil) {
		return errStopped
	}
	return nil
}
