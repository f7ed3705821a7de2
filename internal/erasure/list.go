package erasure

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/gapwise/gapwise/internal/event"
)

// List is the file of all requests ever made, one event a line. It holds HMACs
// only. It is kept with the keys and not with the backups, so that an older copy
// of log and tables can't bring a learner back. It is safe for concurrent use.
type List struct {
	path string

	mu      sync.Mutex
	entries []Entry
	keys    map[event.Key]bool
}

// Entry is one request on the list.
type Entry struct {
	Event   *event.Event
	Payload []byte // as the log held it
}

// OpenList reads the list, which begins empty where there is none. A last line that a
// crash left unfinished is cut off: its request is in the log.
func OpenList(path string) (*List, error) {
	l := &List{path: path, keys: map[event.Key]bool{}}
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return l, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list of erasures: %w", err)
	}
	whole := content[:bytes.LastIndexByte(content, '\n')+1]
	n := 0
	for line := range bytes.Lines(whole) {
		n++
		e, err := event.Decode(bytes.TrimSuffix(line, []byte("\n")))
		if err != nil || e.Type != event.LearnerErased {
			return nil, fmt.Errorf("list of erasures: line %d of %s is no erasure; restore the file from where keys are kept, "+
				"or take the line out and ask for that erasure again", n, path)
		}
		l.add(e, bytes.TrimSuffix(line, []byte("\n")))
	}
	if len(whole) < len(content) {
		if err := os.Truncate(path, int64(len(whole))); err != nil {
			return nil, fmt.Errorf("list of erasures: %w", err)
		}
	}
	return l, nil
}

func (l *List) add(e *event.Event, payload []byte) {
	l.entries = append(l.entries, Entry{e, bytes.Clone(payload)})
	l.keys[e.Key] = true
}

// Has reports whether a request is on the list.
func (l *List) Has(key event.Key) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.keys[key]
}

// Entries lists the requests in the order in which they were added.
func (l *List) Entries() []Entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.entries[:len(l.entries):len(l.entries)]
}

// Add puts a request on the list, and returns when it is on the disk.
func (l *List) Add(payload []byte) error {
	e, err := event.Decode(payload)
	if err != nil {
		return fmt.Errorf("list of erasures: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.keys[e.Key] {
		return nil
	}
	if err := l.append(bytes.ReplaceAll(payload, []byte("\n"), []byte(" "))); err != nil {
		return fmt.Errorf("list of erasures: %w", err)
	}
	l.add(e, payload)
	return nil
}

func (l *List) append(line []byte) error {
	return write(l.path, os.O_APPEND, append(bytes.Clone(line), '\n'))
}

// write puts text into a file, and both it and its name on the disk.
func write(path string, how int, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	file, err := os.OpenFile(path, how|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// Begin notes which messages are about to be deleted, until End. A broker that dies
// meanwhile may have taken a message off the log and left its bytes on the disk:
// who starts it again reads [Unfinished] first.
func (l *List) Begin(plans []Plan) error {
	var text strings.Builder
	for _, p := range plans {
		text.WriteString(p.Sequences + "\n")
	}
	if err := write(unfinished(l.path), os.O_TRUNC, []byte(text.String())); err != nil {
		return fmt.Errorf("note which messages are to be deleted: %w", err)
	}
	return nil
}

// End says that what was begun is done.
func (l *List) End() error {
	if err := os.Remove(unfinished(l.path)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("note that the messages are deleted: %w", err)
	}
	return nil
}

func unfinished(path string) string { return path + ".unfinished" }

// Unfinished reads which messages were about to be deleted when a process ended,
// by the list at that path; none is the usual case. A file that the crash left
// unfinished itself is none: then nothing was deleted yet.
func Unfinished(path string) ([]event.Ranges, error) {
	text, err := os.ReadFile(unfinished(path))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read which messages were to be deleted: %w", err)
	}
	var all []event.Ranges
	for line := range strings.Lines(string(text)) {
		whole, ended := strings.CutSuffix(line, "\n")
		ranges, err := event.ParseRanges(whole)
		if err != nil || !ended {
			continue
		}
		all = append(all, ranges)
	}
	return all, nil
}
