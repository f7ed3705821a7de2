package archive

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Format is the version of the format that this package writes.
const Format = 1

const (
	manifestName = "manifest.json"
	// sumsName is the file that makes a folder an archive. It is written last, and is
	// what sha256sum -c reads.
	sumsName = "SHA256SUMS"
)

// Manifest says what is in an archive.
type Manifest struct {
	Format  int       `json:"format"`
	Created time.Time `json:"created"`
	// Stream is when the broker created the log: it tells logs apart.
	Stream time.Time `json:"stream"`
	// Key is a fingerprint of the secret that the log's seals and the hashes of
	// learners are made with.
	Key  string `json:"data_key"`
	Seen Seen   `json:"seen_through"`
	// From and To bound the times at which messages were stored, From included; null
	// where nothing was asked for.
	From *time.Time `json:"from"`
	To   *time.Time `json:"to"`

	First    uint64            `json:"first"` // sequence; 0 without messages
	Last     uint64            `json:"last"`
	Messages uint64            `json:"messages"`
	Types    map[string]uint64 `json:"types"`    // messages by type of event; "" are no events
	LeftOut  map[string]uint64 `json:"left_out"` // by type: what operators said about the log itself
	Content  string            `json:"content"`  // SHA-256 of all lines, hexadecimal
	Files    []File            `json:"files"`
}

// Seen is what the log's reports were seen through when it was exported.
type Seen struct {
	Course  string `json:"course"`
	Catalog string `json:"catalog"` // its version
	Model   string `json:"model"`   // likewise
}

// File is one file of an archive.
type File struct {
	Name     string `json:"name"`
	Messages uint64 `json:"messages"`
	First    uint64 `json:"first"`
	Last     uint64 `json:"last"`
	Bytes    int64  `json:"bytes"`
	SHA256   string `json:"sha256"` // of the compressed bytes, hexadecimal
}

// readManifest reads the manifest of a folder and holds it to the sums.
func readManifest(dir string) (*Manifest, error) {
	sums, err := os.ReadFile(filepath.Join(dir, sumsName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("it has no %s: it is no archive, or its export was interrupted; export again into another folder", sumsName)
	}
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(filepath.Join(dir, manifestName))
	if err != nil {
		return nil, err
	}
	if !bytes.HasPrefix(sums, sumLine(text)) {
		return nil, fmt.Errorf("%s is not the one that %s was written for: %s", manifestName, sumsName, goodCopy)
	}
	m := &Manifest{}
	if err := json.Unmarshal(text, m); err != nil {
		return nil, fmt.Errorf("%s: %w", manifestName, err)
	}
	if err := m.validate(); err != nil {
		return nil, fmt.Errorf("%s: %w", manifestName, err)
	}
	if !bytes.Equal(sums, m.sums(text)) {
		return nil, fmt.Errorf("%s doesn't say what %s says of the files: %s", sumsName, manifestName, goodCopy)
	}
	return m, nil
}

// goodCopy is what to do about damage.
const goodCopy = "take a good copy of the archive, or export again"

// sums is the content of the file of sums.
func (m *Manifest) sums(manifest []byte) []byte {
	text := sumLine(manifest)
	for _, f := range m.Files {
		text = fmt.Appendf(text, "%s  %s\n", f.SHA256, f.Name)
	}
	return text
}

func sumLine(manifest []byte) []byte {
	sum := sha256.Sum256(manifest)
	return fmt.Appendf(nil, "%x  %s\n", sum, manifestName)
}

func (m *Manifest) validate() error {
	if m.Format != Format {
		return fmt.Errorf("it has format %d, this version reads %d: use the version of gapwise that wrote it, or a newer one", m.Format, Format)
	}
	messages := uint64(0)
	for i, f := range m.Files {
		if f.Name != fileName(i+1) {
			return fmt.Errorf("file %d is called %q, must be %q", i+1, f.Name, fileName(i+1))
		}
		messages += f.Messages
	}
	if messages != m.Messages {
		return fmt.Errorf("its files hold %d messages, it says %d", messages, m.Messages)
	}
	return nil
}

func fileName(number int) string { return fmt.Sprintf("events-%06d.ndjson.zst", number) }

// check compares a file with its hash.
func (f *File) check(dir string) error {
	file, err := os.Open(filepath.Join(dir, f.Name))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("it is missing: %s", goodCopy)
	}
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // only read
	h := sha256.New()
	n, err := io.Copy(h, file)
	if err != nil {
		return err
	}
	if n == f.Bytes && hex.EncodeToString(h.Sum(nil)) == f.SHA256 {
		return nil
	}
	return fmt.Errorf("damaged %s: it has %d bytes with SHA-256 %x, the manifest says %d and %s: %s",
		f.damage(file), n, h.Sum(nil), f.Bytes, f.SHA256, goodCopy)
}

// damage tells where a damaged file can't be read any more.
func (f *File) damage(file io.ReadSeeker) string {
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return "(" + err.Error() + ")"
	}
	frames, err := newFrames(file)
	if err != nil {
		return "(" + err.Error() + ")"
	}
	defer frames.close()
	lines := uint64(0)
	for {
		plain, err := frames.next()
		switch {
		case errors.Is(err, io.EOF) && lines < f.Messages:
			return fmt.Sprintf("after line %d: it ends there, of %d lines", lines, f.Messages)
		case errors.Is(err, io.EOF):
			return "behind its last line"
		case err != nil:
			return fmt.Sprintf("from line %d on (%s)", lines+1, err)
		}
		lines += uint64(bytes.Count(plain, []byte{'\n'}))
	}
}
