package embedded

import (
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// EngineVersion is the pinned version of the npm package that carries the ClickHouse engine. deploy/engine holds the
// same version with its checksum; a test compares the two.
const EngineVersion = "26.7.3-stable.1"

// EngineDirEnv names a folder to keep engines in, instead of the user's cache folder.
const EngineDirEnv = "GAPWISE_ENGINE_DIR"

const libraryName = "libchdb.so"

// LibraryPath is where `make engine` puts the engine library: VERSION/libchdb.so below $GAPWISE_ENGINE_DIR, or else
// below gapwise/engine in the user's cache folder.
func LibraryPath() (string, error) {
	root := os.Getenv(EngineDirEnv)
	if root == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("engine library: %w; set %s", err, EngineDirEnv)
		}
		root = filepath.Join(cache, "gapwise", "engine")
	}
	return filepath.Join(root, EngineVersion, libraryName), nil
}

// FindLibrary is the path of the engine library: one beside the program (a release or a container image brings it so),
// or else the one that `make engine` fetched.
func FindLibrary() (string, error) {
	if exe, err := os.Executable(); err == nil {
		beside := filepath.Join(filepath.Dir(exe), libraryName)
		if _, err := os.Stat(beside); err == nil {
			return beside, nil
		}
	}
	path, err := LibraryPath()
	if err != nil {
		return "", err
	}
	return path, checkLibrary(path)
}

// checkLibrary tells apart, before a child is started, what the dynamic loader would report in its own words.
func checkLibrary(path string) error {
	const otherwise = "or set clickhouse.addr to a ClickHouse server that runs elsewhere"
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%w: %s; run `make engine` to fetch it, %s", ErrEngineMissing, path, otherwise)
	}
	if err != nil {
		return fmt.Errorf("%w: %w; run `make engine` to fetch it anew, %s", ErrEngineMissing, err, otherwise)
	}
	defer func() { _ = f.Close() }()
	if runtime.GOOS != "linux" {
		return nil
	}
	bin, err := elf.NewFile(f)
	if err != nil {
		return fmt.Errorf("%w: %s is not a shared library (%w); remove it and run `make engine`, %s", ErrWrongEngine, path, err, otherwise)
	}
	if want := elfMachine(runtime.GOARCH); bin.Machine != want || bin.Type != elf.ET_DYN {
		return fmt.Errorf("%w: %s is %v for %v, this program runs on %s (%v); fetch the build for this machine, %s",
			ErrWrongEngine, path, bin.Type, bin.Machine, runtime.GOARCH, want, otherwise)
	}
	return nil
}

func elfMachine(arch string) elf.Machine {
	switch arch {
	case "amd64":
		return elf.EM_X86_64
	case "arm64":
		return elf.EM_AARCH64
	default: // the engine is built for no other
		return elf.EM_NONE
	}
}
