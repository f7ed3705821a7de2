package embedded

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// DefaultMinFree is the free space in bytes below which a data folder is not opened.
const DefaultMinFree = 256 << 20

const lockFile = "lock"

// Errors that [OpenDataDir] wraps; the wrapping error says what to do.
var (
	ErrInUse         = errors.New("data folder is in use")
	ErrNewerFormat   = errors.New("data folder has a newer format")
	ErrUnusable      = errors.New("data folder is not usable")
	ErrDiskLow       = errors.New("disk is low")
	ErrPortTaken     = errors.New("port is taken")
	ErrEngineMissing = errors.New("engine library is missing")
	ErrWrongEngine   = errors.New("engine library does not fit this machine")
)

// A DataDir is an opened data folder. It stays locked against other processes until Close.
type DataDir struct {
	Path string // absolute
	// From is the format that the folder had before: less than [FormatVersion] if this opening has upgraded it.
	From int
	lock *os.File
}

// OpenDataDir makes the folder if needed (mode 0700), checks that it can be written, that at least minFree bytes are
// free (0: [DefaultMinFree]), that no other process has it open, and that its format is known. A folder of an older format
// is marked as one of [FormatVersion] before anything in it changes.
func OpenDataDir(path string, minFree uint64) (*DataDir, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("%w: %w; set data.dir to a folder that this user may write", ErrUnusable, err)
	}
	if err := checkFree(path, minFree); err != nil {
		return nil, err
	}
	lock, err := acquire(path)
	if err != nil {
		return nil, err
	}
	d := &DataDir{Path: path, lock: lock}
	if d.From, err = claimFormat(path); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// Close unlocks the folder. The lock file stays: removing it would let two processes lock two different files.
func (d *DataDir) Close() error {
	if err := d.lock.Close(); err != nil {
		return fmt.Errorf("unlock data folder %s: %w", d.Path, err)
	}
	return nil
}

// FreeBytes is the space left for this user on the file system that holds dir.
func FreeBytes(dir string) (uint64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, fmt.Errorf("free space of %s: %w", dir, err)
	}
	return st.Bavail * uint64(st.Bsize), nil
}

func checkFree(dir string, minFree uint64) error {
	if minFree == 0 {
		minFree = DefaultMinFree
	}
	free, err := FreeBytes(dir)
	if err != nil {
		return err
	}
	if free < minFree {
		return fmt.Errorf("%w: %d MiB free in %s, at least %d MiB are needed; free some space or set data.dir to another disk",
			ErrDiskLow, free>>20, dir, minFree>>20)
	}
	return nil
}

// acquire takes the folder's lock and writes this process's id into it for the one who is refused.
func acquire(dir string) (*os.File, error) {
	path := filepath.Join(dir, lockFile)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("%w: %w; give this user the right to write in it, or set data.dir to another folder", ErrUnusable, err)
	}
	if err := flock(f, unix.LOCK_EX|unix.LOCK_NB); err != nil {
		holder := "another process"
		if b, readErr := os.ReadFile(path); readErr == nil && len(b) > 0 {
			holder = "process " + strings.TrimSpace(string(b))
		}
		_ = f.Close()
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("%w: lock %s: %w; use a file system that can lock files", ErrUnusable, path, err)
		}
		return nil, fmt.Errorf("%w: %s runs on %s; stop it first, or set data.dir to another folder", ErrInUse, holder, dir)
	}
	if err := writePID(f); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("%w: write %s: %w", ErrUnusable, path, err)
	}
	return f, nil
}

func writePID(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

// flock retries when a signal interrupts the call.
func flock(f *os.File, how int) error {
	for {
		err := unix.Flock(int(f.Fd()), how)
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// writeFileAtomic leaves either the old or the new content after a crash, never a part of one, and the new one once it
// has returned. Only this user may read
// the file: CreateTemp gives it mode 0600.
func writeFileAtomic(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err == nil {
		err = syncFolder(filepath.Dir(path))
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// syncFolder makes the names in a folder outlast a power failure.
func syncFolder(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// remaining is the smaller of limit and the time that is left until deadline.
func remaining(deadline time.Time, ok bool, limit time.Duration) time.Duration {
	if ok {
		return min(limit, time.Until(deadline))
	}
	return limit
}
