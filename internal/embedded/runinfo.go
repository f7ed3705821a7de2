package embedded

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

const runFile = "run.json"

// ErrNotRunning says that no process runs on a data folder.
var ErrNotRunning = errors.New("no gapwise runs on this data folder")

// RunInfo tells other programs on the machine where the instance of a data folder listens. It holds no secret.
// An address is empty when that engine is an outside one.
type RunInfo struct {
	PID            int       `json:"pid"`
	Started        time.Time `json:"started"`
	HTTPURL        string    `json:"http_url,omitempty"`        // http://127.0.0.1:8080
	NATSURL        string    `json:"nats_url,omitempty"`        // nats://127.0.0.1:4222
	ClickHouseAddr string    `json:"clickhouse_addr,omitempty"` // host:port of the native protocol
	ClickHouseHTTP string    `json:"clickhouse_http,omitempty"` // host:port of the HTTP interface
}

// WriteRunInfo writes the folder's run.json in one step. The folder must be open in this process.
func WriteRunInfo(dataDir string, info RunInfo) error {
	b, err := json.MarshalIndent(info, "", "  ")
	if err != nil {
		return fmt.Errorf("run info: %w", err)
	}
	return writeFileAtomic(filepath.Join(dataDir, runFile), append(b, '\n'))
}

// ReadRunInfo finds the instance that runs on dataDir. It answers [ErrNotRunning] when there is none, also when a
// killed one left its run.json behind: what counts is whether the folder's lock is held.
func ReadRunInfo(dataDir string) (RunInfo, error) {
	b, err := os.ReadFile(filepath.Join(dataDir, runFile))
	if errors.Is(err, os.ErrNotExist) {
		return RunInfo{}, fmt.Errorf("%w: %s", ErrNotRunning, dataDir)
	}
	if err != nil {
		return RunInfo{}, fmt.Errorf("run info: %w", err)
	}
	var info RunInfo
	if err := json.Unmarshal(b, &info); err != nil {
		return RunInfo{}, fmt.Errorf("run info %s: %w", filepath.Join(dataDir, runFile), err)
	}
	held, err := locked(dataDir)
	if err != nil {
		return RunInfo{}, err
	}
	if !held || !processAlive(info.PID) {
		return RunInfo{}, fmt.Errorf("%w: %s (process %d is gone)", ErrNotRunning, dataDir, info.PID)
	}
	return info, nil
}

// removeRunInfo is for a soft stop; a file left by a kill is recognised as stale.
func removeRunInfo(dataDir string) error {
	if err := os.Remove(filepath.Join(dataDir, runFile)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("run info: %w", err)
	}
	return nil
}

// locked tells whether some process, this one included, has the data folder open.
func locked(dataDir string) (bool, error) {
	f, err := os.Open(filepath.Join(dataDir, lockFile))
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("run info: %w", err)
	}
	defer func() { _ = f.Close() }()
	err = flock(f, unix.LOCK_SH|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("run info: lock: %w", err)
	}
	return false, nil
}

// processAlive also counts a process of another user as alive (EPERM).
func processAlive(pid int) bool {
	err := unix.Kill(pid, 0)
	return err == nil || errors.Is(err, unix.EPERM)
}
