package admin

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/gapwise/gapwise/internal/archive"
	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/httpserver"
)

// maxImport bounds what one request puts back: a few megabytes, or one message of the
// largest size.
const maxImport = 16 << 20

// Archivist reads the log for archives, and puts back what they hold.
type Archivist interface {
	// Extent tells what the log holds now.
	Extent(ctx context.Context) (ExportBegin, error)
	// Messages yields what the log holds up to a sequence, in its order and as it was
	// published: the messages stored from one time on, and before another where that
	// isn't zero. What was deleted meanwhile is left out.
	Messages(ctx context.Context, last uint64, from, to time.Time, yield func(*archive.Line) error) error
	// Present returns the sequences of a log, known by its creation, whose messages
	// this log holds, put back by an import or because it is that log; tell hears now
	// and then how many of how many messages were looked at.
	Present(ctx context.Context, stream time.Time, tell func(looked, of uint64) error) (event.Ranges, error)
	// Restore stores messages of a log in this one, in their order.
	Restore(ctx context.Context, stream time.Time, lines []archive.Line) (Restored, error)
}

// ExportBegin is the first line of an export.
type ExportBegin struct {
	Begin  bool         `json:"begin"`
	Stream time.Time    `json:"stream"` // when the broker created the log
	Key    string       `json:"data_key"`
	First  uint64       `json:"first"` // sequences that the log holds
	Last   uint64       `json:"last"`
	Seen   archive.Seen `json:"seen_through"`
}

// ExportEnd is the last line of an export: without it the answer was cut off.
type ExportEnd struct {
	End      bool   `json:"end"`
	Messages uint64 `json:"messages"`
}

// Present is a line of the answer about what of another log is there already: how far
// the search is, and at its end what was found.
type Present struct {
	Looked    uint64 `json:"looked"` // messages
	Of        uint64 `json:"of"`
	End       bool   `json:"end,omitempty"`
	Sequences string `json:"sequences,omitempty"` // of the other log: ascending runs, 7,12-40
	Key       string `json:"data_key,omitempty"`
}

// Restored says what became of the lines of an import.
type Restored struct {
	Stored     int `json:"stored"`     // in the log
	Duplicates int `json:"duplicates"` // stored by a request of a moment ago
	Erased     int `json:"erased"`     // not stored: of learners who are forgotten here
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
	if to.After(a.Now()) { // who goes on from there would miss what comes until then
		return httpserver.BadRequest("to=%s lies in the future; leave it out for all that there is", to.Format(time.RFC3339))
	}
	begin, err := a.Archive.Extent(r.Context())
	if err != nil {
		return err
	}
	out := newLines(w)
	if err := out.add(begin); err != nil {
		return err
	}
	end := ExportEnd{End: true}
	err = a.Archive.Messages(r.Context(), begin.Last, from, to, func(l *archive.Line) error {
		end.Messages++
		return out.add(l)
	})
	if err != nil {
		return err
	}
	return errors.Join(out.add(end), out.Flush())
}

// present tells which messages of a log are in this one.
func (a *API) present(w http.ResponseWriter, r *http.Request) error {
	stream, err := timeOf(r, "stream")
	if err != nil {
		return err
	}
	if stream.IsZero() {
		return httpserver.BadRequest("stream is missing: when the log was created that the archive is of, as its manifest says")
	}
	begin, err := a.Archive.Extent(r.Context())
	if err != nil {
		return err
	}
	out := newLines(w)
	last := Present{End: true, Key: begin.Key}
	found, err := a.Archive.Present(r.Context(), stream, func(looked, of uint64) error {
		last.Looked, last.Of = looked, of
		return errors.Join(out.add(Present{Looked: looked, Of: of}), out.Flush(), http.NewResponseController(w).Flush())
	})
	if err != nil {
		return err
	}
	last.Sequences = found.String()
	return errors.Join(out.add(last), out.Flush())
}

// lines writes JSON documents, one a line.
type lines struct {
	*bufio.Writer
	encoder *json.Encoder
}

func newLines(w http.ResponseWriter) *lines {
	w.Header().Set("Content-Type", "application/x-ndjson")
	l := &lines{Writer: bufio.NewWriterSize(w, 64<<10)}
	l.encoder = json.NewEncoder(l.Writer)
	l.encoder.SetEscapeHTML(false)
	return l
}

func (l *lines) add(document any) error { return l.encoder.Encode(document) }

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
	return t.UTC(), nil
}

// restore stores lines of an archive.
func (a *API) restore(w http.ResponseWriter, r *http.Request) error {
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/x-ndjson" {
		return httpserver.UnsupportedMedia("send the lines with Content-Type: application/x-ndjson")
	}
	stream, err := timeOf(r, "stream")
	if err != nil {
		return err
	}
	if stream.IsZero() {
		return httpserver.BadRequest("stream is missing: when the log was created that the lines are of, as the archive's manifest says")
	}
	if a.Admit != nil {
		if err := a.Admit(); err != nil {
			return httpserver.Unavailable(awayFull, "nothing is put back for now: %s; send the same again later", err).Because(err)
		}
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
		if err := a.checkLine(&l); err != nil {
			return httpserver.BadRequest("line %d: %s", len(lines)+1, err)
		}
		lines = append(lines, l)
	}
	restored, err := a.Archive.Restore(r.Context(), stream, lines)
	if err != nil {
		return httpserver.Unavailable(away, "the log did not confirm; send the same again, what was stored counts once").Because(err)
	}
	return httpserver.WriteJSON(w, http.StatusOK, restored)
}

// awayFull is when to ask again while there is no room.
const awayFull = 30 * time.Second

// checkLine says why a line can't be put back.
func (a *API) checkLine(l *archive.Line) error {
	switch {
	case l.Seq == 0:
		return errors.New("seq is missing: the message's sequence in the log that it comes from")
	case l.Stored.IsZero():
		return errors.New("stored is missing: when the log that the message comes from stored it")
	case l.Stored.After(a.Now().Add(event.MaxAhead)):
		return fmt.Errorf("stored is %s, which is more than %s ahead", l.Stored.Format(time.RFC3339), event.MaxAhead)
	case !validSubject(l.Subject):
		return fmt.Errorf("subject is %q: must be as study.events.00", l.Subject)
	}
	if typ := event.TypeIn(l.Message()); l.Sealed && AboutTheLog(typ) {
		return fmt.Errorf("a %s names sequences of the log that it comes from, which are others here: archives leave it out", typ)
	}
	return nil
}

// AboutTheLog reports whether events of a type speak of sequences of the log that
// they are in. Put back into another one they would speak of others.
func AboutTheLog(t event.Type) bool {
	return t == event.DeadLetterRetried || t == event.DeadLetterDropped || t == event.LearnerForgotten
}

// validSubject reports whether the log takes messages under a subject of NATS: one
// token after the prefix. What isn't two digits no producer of ours writes, but it
// may be there.
func validSubject(subject string) bool {
	token, ok := strings.CutPrefix(subject, "study.events.")
	return ok && token != "" && !strings.ContainsFunc(token, func(r rune) bool {
		return r == '.' || r == '*' || r == '>' || r <= ' ' || r == 0x7f
	})
}
