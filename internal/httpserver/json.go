package httpserver

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// WriteJSON answers with v as JSON. It encodes before it sends, so that an
// error of encoding can still become a proper answer. Equal values give equal
// bytes. Bytes that are not UTF-8, such as a stranger's in a dead letter or in
// a path, become U+FFFD: they are no reason to withhold the rest.
func WriteJSON(w http.ResponseWriter, status int, v any) error {
	var buf bytes.Buffer
	if err := json.MarshalWrite(&buf, v, json.Deterministic(true), jsontext.AllowInvalidUTF8(true)); err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	buf.WriteByte('\n')
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(buf.Len()))
	w.WriteHeader(status)
	_, err := w.Write(buf.Bytes())
	return err
}

// ReadJSON reads the body, one JSON value and nothing after it, into v. Fields
// that v does not have are refused. The error is one to return from the
// handler: 400, 413 over [MaxBody], 415 for another content type.
func ReadJSON(r *http.Request, v any) error {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/json" {
		return UnsupportedMedia("send the body with Content-Type: application/json")
	}
	if err := json.UnmarshalRead(r.Body, v, json.RejectUnknownMembers(true)); err != nil {
		return explainJSON(err)
	}
	return nil
}

// explainJSON says where the body is wrong. Errors of reading it (too large,
// too slow) pass unchanged: they have their own answers.
func explainJSON(err error) error {
	var (
		syntax  *jsontext.SyntacticError
		meaning *json.SemanticError
		tooBig  *http.MaxBytesError
		problem *Problem
	)
	switch {
	case errors.As(err, &tooBig), errors.As(err, &problem):
		return err
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return BadRequest("the body ends before its JSON value does; send it whole").Because(err)
	case errors.As(err, &syntax):
		return BadRequest("the body is not JSON at byte %d; mend it there", syntax.ByteOffset).Because(err).
			With(Violation{Detail: syntax.Err.Error(), Pointer: string(syntax.JSONPointer)})
	case errors.As(err, &meaning) && errors.Is(err, json.ErrUnknownName):
		return BadRequest("the body has a field at %s that is not known here; leave it out, or see /v1/openapi.yaml for its name", at(meaning)).
			Because(err).With(Violation{Detail: "unknown field", Pointer: string(meaning.JSONPointer)})
	case errors.As(err, &meaning):
		return BadRequest("%s does not fit at %s of the body; see /v1/openapi.yaml for what does", kindName(meaning.JSONKind), at(meaning)).
			Because(err).With(Violation{Detail: kindName(meaning.JSONKind) + " does not fit here", Pointer: string(meaning.JSONPointer)})
	default: // the connection broke
		return BadRequest("the body could not be read to its end").Because(err)
	}
}

// at names the place of an error in the body.
func at(e *json.SemanticError) string {
	if e.JSONPointer == "" {
		return "the top"
	}
	return fmt.Sprintf("%.80q", string(e.JSONPointer))
}

func kindName(kind jsontext.Kind) string {
	switch kind {
	case '{':
		return "an object"
	case '[':
		return "an array"
	}
	return "a " + kind.String()
}
