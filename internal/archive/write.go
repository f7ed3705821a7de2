package archive

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/zstd"
)

// perFile is how many messages a file holds.
const perFile = 500_000

// Writer writes an archive. It is not safe for concurrent use.
type Writer struct {
	dir      string
	manifest Manifest
	perFile  uint64
	content  hash.Hash
	line     bytes.Buffer
	file     *fileWriter // nil: none is open
}

// Create begins an archive in a folder, which it makes; one that holds anything is
// refused.
func Create(dir string) (*Writer, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("archive: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("archive: %w", err)
	}
	if len(entries) > 0 {
		return nil, fmt.Errorf("archive: folder %s is not empty: name another one", dir)
	}
	return &Writer{dir: dir, perFile: perFile, content: sha256.New(),
		manifest: Manifest{Format: Format, Types: map[string]uint64{}, LeftOut: map[string]uint64{}, Files: []File{}}}, nil
}

// Add adds a message of a type of event; "" stands for what is no event. Messages
// must come in the order of their sequences.
func (w *Writer) Add(l *Line, typ string) error {
	if l.Seq <= w.manifest.Last {
		return fmt.Errorf("archive: sequence %d comes after %d", l.Seq, w.manifest.Last)
	}
	w.line.Reset()
	if err := l.Encode(&w.line); err != nil {
		return fmt.Errorf("archive: sequence %d: %w", l.Seq, err)
	}
	if w.file == nil {
		var err error
		if w.file, err = createFile(w.dir, len(w.manifest.Files)+1); err != nil {
			return err
		}
	}
	w.content.Write(w.line.Bytes())
	if err := w.file.add(l.Seq, w.line.Bytes()); err != nil {
		return err
	}
	if w.manifest.First == 0 {
		w.manifest.First = l.Seq
	}
	w.manifest.Last = l.Seq
	w.manifest.Messages++
	w.manifest.Types[typ]++
	if w.file.Messages == w.perFile {
		return w.endFile()
	}
	return nil
}

// LeaveOut counts a message that isn't kept.
func (w *Writer) LeaveOut(typ string) { w.manifest.LeftOut[typ]++ }

// Close ends the archive: all files are on disk, then the manifest is, with what
// describe adds to it, then the sums.
func (w *Writer) Close(describe func(*Manifest)) (*Manifest, error) {
	if err := w.endFile(); err != nil {
		return nil, err
	}
	w.manifest.Content = hex.EncodeToString(w.content.Sum(nil))
	describe(&w.manifest)
	text, err := json.MarshalIndent(&w.manifest, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("archive: %w", err)
	}
	text = append(text, '\n')
	if err := writeSynced(filepath.Join(w.dir, manifestName), text); err != nil {
		return nil, fmt.Errorf("archive: %w", err)
	}
	sums := filepath.Join(w.dir, sumsName)
	if err := writeSynced(sums+".part", w.manifest.sums(text)); err != nil {
		return nil, fmt.Errorf("archive: %w", err)
	}
	if err := os.Rename(sums+".part", sums); err != nil {
		return nil, fmt.Errorf("archive: %w", err)
	}
	return &w.manifest, syncFolder(w.dir)
}

// Abandon closes what is open. The folder stays without sums, so it is no archive.
func (w *Writer) Abandon() {
	if w.file != nil {
		_ = w.file.file.Close() // nobody will read it
	}
}

func (w *Writer) endFile() error {
	if w.file == nil {
		return nil
	}
	described, err := w.file.end()
	w.file = nil
	if err != nil {
		return err
	}
	w.manifest.Files = append(w.manifest.Files, described)
	return nil
}

// fileWriter writes one file and describes it.
type fileWriter struct {
	File
	file    *os.File
	hash    hash.Hash
	encoder *zstd.Encoder
	lines   int    // in plain
	plain   []byte // of the frame that is being filled
	frame   []byte // compressed
}

func createFile(dir string, number int) (*fileWriter, error) {
	f := &fileWriter{File: File{Name: fileName(number)}, hash: sha256.New()}
	var err error
	if f.encoder, err = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1)); err != nil {
		return nil, fmt.Errorf("archive: %w", err)
	}
	if f.file, err = os.OpenFile(filepath.Join(dir, f.Name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600); err != nil {
		return nil, fmt.Errorf("archive: %w", err)
	}
	return f, nil
}

func (f *fileWriter) add(seq uint64, line []byte) error {
	f.plain = append(f.plain, line...)
	f.lines++
	if f.First == 0 {
		f.First = seq
	}
	f.Last = seq
	f.Messages++
	if f.lines < frameLines && len(f.plain) < frameBytes {
		return nil
	}
	return f.flush()
}

// flush writes what was gathered as a frame.
func (f *fileWriter) flush() error {
	if f.lines == 0 {
		return nil
	}
	f.frame = f.encoder.EncodeAll(f.plain, f.frame[:0])
	f.plain, f.lines = f.plain[:0], 0
	if _, err := f.file.Write(f.frame); err != nil {
		return fmt.Errorf("archive: %s: %w", f.Name, err)
	}
	f.hash.Write(f.frame)
	f.Bytes += int64(len(f.frame))
	return nil
}

func (f *fileWriter) end() (File, error) {
	err := errors.Join(f.flush(), f.encoder.Close(), f.file.Sync(), f.file.Close())
	if err != nil {
		return File{}, fmt.Errorf("archive: %s: %w", f.Name, err)
	}
	f.SHA256 = hex.EncodeToString(f.hash.Sum(nil))
	return f.File, nil
}

func writeSynced(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Sync(), f.Close())
}

func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
