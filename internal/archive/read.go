package archive

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/zstd"
)

// maxLine bounds a line: a message of the log is at most a megabyte, base64 and the
// rest come on top.
const maxLine = 4 << 20

// Archive is an archive whose files were checked.
type Archive struct {
	Manifest
	dir string
}

// Open reads the manifest and checks every file against it.
func Open(dir string) (*Archive, error) {
	a, err := open(dir)
	if err != nil {
		return nil, fmt.Errorf("archive %s: %w", dir, err)
	}
	return a, nil
}

func open(dir string) (*Archive, error) {
	text, err := os.ReadFile(filepath.Join(dir, manifestName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("it has no %s: it is no archive, or its export was interrupted; export again into another folder", manifestName)
	}
	if err != nil {
		return nil, err
	}
	a := &Archive{dir: dir}
	if err := json.Unmarshal(text, &a.Manifest); err != nil {
		return nil, fmt.Errorf("%s: %w", manifestName, err)
	}
	if err := a.validate(); err != nil {
		return nil, fmt.Errorf("%s: %w", manifestName, err)
	}
	for _, f := range a.Files {
		if err := f.check(dir); err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	return a, nil
}

// check compares a file with its hash.
func (f *File) check(dir string) error {
	file, err := os.Open(filepath.Join(dir, f.Name))
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // only read
	h := sha256.New()
	n, err := io.Copy(h, file)
	if err != nil {
		return err
	}
	if got := hex.EncodeToString(h.Sum(nil)); n != f.Bytes || got != f.SHA256 {
		return fmt.Errorf("it has %d bytes with SHA-256 %s, the manifest says %d and %s: take a good copy of the archive", n, got, f.Bytes, f.SHA256)
	}
	return nil
}

// Lines yields the messages in their order. After an error it ends.
func (a *Archive) Lines() iter.Seq2[*Line, error] {
	return func(yield func(*Line, error) bool) {
		content := sha256.New()
		for _, f := range a.Files {
			if !a.lines(f, content, yield) {
				return
			}
		}
		if got := hex.EncodeToString(content.Sum(nil)); got != a.Content {
			yield(nil, fmt.Errorf("archive %s: its lines have SHA-256 %s, the manifest says %s", a.dir, got, a.Content))
		}
	}
}

// lines yields those of one file; false to end.
func (a *Archive) lines(f File, content io.Writer, yield func(*Line, error) bool) bool {
	fail := func(err error) bool {
		yield(nil, fmt.Errorf("archive %s: %s: %w", a.dir, f.Name, err))
		return false
	}
	file, err := os.Open(filepath.Join(a.dir, f.Name))
	if err != nil {
		return fail(err)
	}
	defer func() { _ = file.Close() }() // only read
	plain, err := zstd.NewReader(file, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return fail(err)
	}
	defer plain.Close()
	scanner := bufio.NewScanner(plain)
	scanner.Buffer(make([]byte, 64<<10), maxLine)
	number := uint64(0)
	for scanner.Scan() {
		number++
		var l Line
		if err := json.Unmarshal(scanner.Bytes(), &l); err != nil {
			return fail(fmt.Errorf("line %d: %w", number, err))
		}
		// Errors of a hash's Write are always nil.
		_, _ = content.Write(scanner.Bytes())
		_, _ = content.Write([]byte{'\n'})
		if !yield(&l, nil) {
			return false
		}
	}
	if err := scanner.Err(); err != nil {
		return fail(err)
	}
	if number != f.Messages {
		return fail(fmt.Errorf("it holds %d messages, the manifest says %d", number, f.Messages))
	}
	return true
}
