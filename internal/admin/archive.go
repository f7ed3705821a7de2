package admin

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gapwise/gapwise/internal/archive"
	"github.com/gapwise/gapwise/internal/httpserver"
)

// maxImport bounds what one request restores.
const maxImport = 8 << 20

// ExportEnd is the last line of an export: without it the answer was cut off.
type ExportEnd struct {
	End      bool      `json:"end"`
	Messages uint64    `json:"messages"`
	Stream   time.Time `json:"stream"` // when the broker created the log
}

// Restored says what became of the lines of an import.
type Restored struct {
	Stored     int `json:"stored"`     // in the log
	Duplicates int `json:"duplicates"` // that the broker knew; those it doesn't recognise are counted once all the same
}

// export streams the messages of the log, a line each, and the end.
func (a *API) export(w http.ResponseWriter, r *http.Request) error {
	from, err := timeOf(r, "from")
	if err != nil {
		return err
	}
	to, err := timeOf(r, "to")
	if err != nil {
		return err
	}
	if !to.IsZero() && !from.Before(to) {
		return httpserver.BadRequest("from=%s is not before to=%s", from.Format(time.RFC3339), to.Format(time.RFC3339))
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	out := bufio.NewWriterSize(w, 64<<10)
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	end := ExportEnd{End: true, Stream: a.Stream()}
	err = a.Messages(r.Context(), from, to, func(l *archive.Line) error {
		end.Messages++
		return encoder.Encode(l)
	})
	if err == nil {
		err = encoder.Encode(end)
	}
	if err == nil {
		err = out.Flush()
	}
	return err
}

// timeOf reads a parameter that is a time; the zero time where it isn't given.
func timeOf(r *http.Request, name string) (time.Time, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return t, httpserver.BadRequest("%s=%q is no time such as 2026-03-01T00:00:00Z", name, text)
	}
	return t, nil
}

// restore stores lines of an archive.
func (a *API) restore(w http.ResponseWriter, r *http.Request) error {
	if kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); strings.TrimSpace(kind) != "application/x-ndjson" {
		return httpserver.UnsupportedMedia("send the lines of an archive with Content-Type: application/x-ndjson")
	}
	decoder := json.NewDecoder(r.Body)
	var lines []archive.Line
	for decoder.More() {
		var l archive.Line
		if err := decoder.Decode(&l); err != nil {
			if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
				return err
			}
			return httpserver.BadRequest("line %d is no line of an archive: %s", len(lines)+1, err)
		}
		if !validSubject(l.Subject) {
			return httpserver.BadRequest("line %d has subject %q: must be study.events.00 to study.events.63", len(lines)+1, l.Subject)
		}
		lines = append(lines, l)
	}
	duplicates, err := a.Restore(r.Context(), lines)
	if err != nil {
		return httpserver.Unavailable(away, "the log did not confirm; send the same again, what was stored counts once").Because(err)
	}
	return httpserver.WriteJSON(w, http.StatusOK, Restored{Stored: len(lines) - duplicates, Duplicates: duplicates})
}

// validSubject reports whether the log holds messages under a subject.
func validSubject(subject string) bool {
	var number int
	n, err := fmt.Sscanf(subject, "study.events.%02d", &number)
	return n == 1 && err == nil && number >= 0 && number < 64 && subject == fmt.Sprintf("study.events.%02d", number)
}
