package outbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// suffix of segments. Before it is a number: the order of the segments.
const suffix = ".segment"

func (o *Outbox) path(number uint64) string {
	return filepath.Join(o.config.Dir, fmt.Sprintf("%016d%s", number, suffix))
}

// segment is one file of records.
type segment struct {
	path    string
	first   uint64    // number of its first record
	acked   []bool    // one a record
	back    int       // of them true
	size    int64     // of the file, as far as it is synced
	written time.Time // when the first record was
	file    *os.File  // of the active one only
}

func (s *segment) outstanding() int { return len(s.acked) - s.back }

// ack notes that a record is back, and is false when it is another segment's.
func (s *segment) ack(number uint64) bool {
	if number < s.first || number >= s.first+uint64(len(s.acked)) {
		return false
	}
	if i := number - s.first; !s.acked[i] {
		s.acked[i] = true
		s.back++
	}
	return true
}

// recover reads the segments that an earlier life left.
func (o *Outbox) recover() error {
	numbers, err := o.list()
	if err != nil {
		return fmt.Errorf("open the outbox: %w", err)
	}
	for i, number := range numbers {
		path := o.path(number)
		file, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("open the outbox: %w", err)
		}
		found := scan(file)
		if found.wrong != "" {
			if found.synced || i < len(numbers)-1 {
				return &DamageError{Path: path, Offset: found.end, Sound: found.records, What: found.wrong}
			}
			o.config.Logger.Warn("cut off the torn end of the outbox; no emit was told that it is safe", "file", path,
				"offset", found.end, "bytes", int64(len(file))-found.end, "reason", found.wrong)
			if err := truncate(path, found.end); err != nil {
				return fmt.Errorf("open the outbox: %w", err)
			}
		}
		o.files = number
		if found.records == 0 {
			if err := errors.Join(os.Remove(path), syncDir(o.config.Dir)); err != nil {
				return fmt.Errorf("open the outbox: %w", err)
			}
			continue
		}
		o.segments = append(o.segments, &segment{
			path: path, first: o.last + 1, acked: make([]bool, found.records), size: found.end, written: found.written,
		})
		o.last += uint64(found.records)
		o.bytes += found.end
	}
	o.earlier = o.last
	return nil
}

// list returns the numbers of the files that are there, in order.
func (o *Outbox) list() ([]uint64, error) {
	entries, err := os.ReadDir(o.config.Dir)
	if err != nil {
		return nil, err
	}
	var numbers []uint64
	for _, entry := range entries {
		name, ours := strings.CutSuffix(entry.Name(), suffix)
		if !ours {
			continue
		}
		number, err := strconv.ParseUint(name, 10, 64)
		if err != nil || o.path(number) != filepath.Join(o.config.Dir, entry.Name()) {
			return nil, fmt.Errorf("%s is no name of a segment; move the file elsewhere", filepath.Join(o.config.Dir, entry.Name()))
		}
		numbers = append(numbers, number)
	}
	slices.Sort(numbers)
	return numbers, nil
}

// begin makes the next file, which is written from then on.
func (o *Outbox) begin() error {
	path := o.path(o.files + 1)
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err := syncDir(o.config.Dir); err != nil {
		return errors.Join(err, file.Close(), os.Remove(path))
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.files++
	if o.active != nil {
		if err := o.active.file.Close(); err != nil {
			o.config.Logger.Warn("closing a segment failed; it is synced", "file", o.active.path, "error", err)
		}
		o.active.file = nil
	}
	o.active = &segment{path: path, first: o.last + 1, file: file}
	o.segments = append(o.segments, o.active)
	return nil
}

// empty takes the records from the active segment, which are all back, and uses
// its file again. The file's number stays the highest.
func (o *Outbox) empty() error {
	s := o.active
	*s = segment{path: s.path, first: o.last + 1, file: s.file}
	o.cursor.rewind(s)
	if err := s.file.Truncate(0); err != nil {
		// What is there would be read as the beginning of what comes.
		o.broken = fmt.Errorf("%w: %w", ErrBroken, err)
		return err
	}
	return nil
}

func truncate(path string, size int64) error {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(file.Truncate(size), file.Sync(), file.Close())
}

// syncDir makes files that were made or removed stay so after a power failure.
func syncDir(path string) error {
	if runtime.GOOS == "windows" {
		return nil // it can't be asked for there
	}
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
