package ingest

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/httpserver"
)

// The content types that the door reads.
const (
	typeEvent  = "application/cloudevents+json"
	typeBatch  = "application/cloudevents-batch+json"
	typeNDJSON = "application/x-ndjson"
)

// split cuts a body into the bytes of its events without judging them. single
// says that the request was for one event, not for a list of one.
func split(r *http.Request, body []byte) (events [][]byte, single bool, err error) {
	contentType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		contentType = r.Header.Get("Content-Type")
	}
	switch contentType {
	case typeEvent:
		if len(bytes.TrimSpace(body)) == 0 {
			return nil, true, httpserver.BadRequest("the body is empty; send one event as JSON")
		}
		return [][]byte{bytes.TrimSpace(body)}, true, nil
	case typeBatch:
		events, err = splitArray(body)
		return events, false, err
	case typeNDJSON:
		return splitLines(body), false, nil
	}
	return nil, false, httpserver.UnsupportedMedia(
		"content type %q is none of %s, %s and %s", contentType, typeEvent, typeBatch, typeNDJSON)
}

// splitArray cuts a JSON array into its elements. What is inside an element may
// be anything that is JSON; its decoder judges it, neighbours are not touched.
func splitArray(body []byte) ([][]byte, error) {
	d := jsontext.NewDecoder(bytes.NewReader(body), jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))
	if token, err := d.ReadToken(); err != nil || token.Kind() != '[' {
		return nil, httpserver.BadRequest("the body is no JSON array; send [event, event, …], or another content type").Because(err)
	}
	var events [][]byte
	for d.PeekKind() != ']' {
		value, err := d.ReadValue()
		if err != nil {
			return nil, httpserver.BadRequest("the JSON array can't be read after element %d, near byte %d; nothing was stored, mend it and send it all again",
				len(events), d.InputOffset()).Because(err)
		}
		events = append(events, bytes.Clone(value))
	}
	if _, err := d.ReadToken(); err != nil {
		return nil, httpserver.BadRequest("the JSON array does not end; nothing was stored, send it all again").Because(err)
	}
	if _, err := d.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, httpserver.BadRequest("there is more after the JSON array, near byte %d; nothing was stored, send one array a request", d.InputOffset())
	}
	return events, nil
}

// splitLines cuts at line ends and passes over empty lines.
func splitLines(body []byte) [][]byte {
	var events [][]byte
	for line := range bytes.SplitSeq(body, []byte("\n")) {
		if line = bytes.TrimSpace(line); len(line) > 0 {
			events = append(events, line)
		}
	}
	return events
}

// idOf returns the id of an event that may be broken; nil where it can't be told.
// In place of bytes that aren't UTF-8 the reader gives U+FFFD: that is another id.
func idOf(payload []byte) *string {
	id, ok := event.IDOf(payload)
	if !ok || strings.ContainsRune(id, utf8.RuneError) {
		return nil
	}
	return &id
}
