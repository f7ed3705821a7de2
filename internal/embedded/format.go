package embedded

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// FormatVersion is the layout of the data folder that this binary writes. It grows when an older binary could no
// longer read what a newer one writes into the folder, or would take it for something else.
//
//  1. the first one
//  2. The pointer in the log's bucket names all generations of tables that are written, and since when each answered:
//     an older binary would read no generation from it. A migration adds a column to sessions.
const FormatVersion = 2

const formatFile = "format"

// ReadFormat tells the format of a data folder, whether it is in use or not; 0 when nothing was started on it yet. It
// refuses one that this binary can't open.
func ReadFormat(dir string) (int, error) {
	path := filepath.Join(dir, formatFile)
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrUnusable, err)
	}
	version, err := strconv.Atoi(strings.TrimSpace(string(b)))
	switch {
	case err != nil || version < 1:
		return 0, fmt.Errorf("%w: %s holds %.40q, not a version number; restore the folder from a backup or set data.dir to another",
			ErrUnusable, path, b)
	case version > FormatVersion:
		return 0, fmt.Errorf("%w: %s is of version %d, this binary knows up to %d; run the newer gapwise that wrote it, "+
			"restore a copy of the folder from before that one was started, or set data.dir to another folder",
			ErrNewerFormat, dir, version, FormatVersion)
	}
	return version, nil
}

// claimFormat makes the folder one of [FormatVersion], and returns what it was. Nothing else in it has changed by then,
// so from here on an older binary refuses whatever this one leaves, also when it is killed in the middle. What the
// format says of the contents each part brings about itself, at every start, so that the next one completes it.
func claimFormat(dir string) (int, error) {
	version, err := ReadFormat(dir)
	if err != nil || version == FormatVersion {
		return version, err
	}
	if err := writeFileAtomic(filepath.Join(dir, formatFile), []byte(strconv.Itoa(FormatVersion)+"\n")); err != nil {
		return 0, err
	}
	if version == 0 { // a new folder
		version = FormatVersion
	}
	return version, nil
}

// tellFormat says what opening the folder meant, if it upgraded it: an operator who starts an older binary next
// should know why it refuses.
func (d *DataDir) tellFormat(log *slog.Logger) {
	if d.From < FormatVersion {
		log.Warn("data folder upgraded: an older gapwise refuses it from now on, and the way back is a copy of the folder from before",
			"dir", d.Path, "from", d.From, "format", FormatVersion)
	}
}
