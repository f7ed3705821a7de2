package httpserver

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// eventWriteTime is how long one event may take to leave for the caller: one
// who reads no more is let go.
const eventWriteTime = 20 * time.Second

// EventStream sends server-sent events. Use it on a [Streaming] route, from
// one goroutine, until the request's context ends; then return nil.
type EventStream struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

// NewEventStream begins the answer.
func NewEventStream(w http.ResponseWriter) (*EventStream, error) {
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // nginx would hold events back
	w.WriteHeader(http.StatusOK)
	s := &EventStream{w: w, control: http.NewResponseController(w)}
	if err := s.send([]byte(": connected\n\n")); err != nil {
		return nil, err
	}
	return s, nil
}

// Send sends v as JSON under an event name and, when not empty, an id that the
// browser gives back as Last-Event-ID when it connects again.
func (s *EventStream) Send(id, event string, v any) error {
	if strings.ContainsAny(id+event, "\r\n\x00") {
		return fmt.Errorf("send event: line break in id %q or name %q", id, event)
	}
	data, err := json.Marshal(v) // one line: JSON escapes line breaks
	if err != nil {
		return fmt.Errorf("send event: %w", err)
	}
	var buf bytes.Buffer
	if id != "" {
		fmt.Fprintf(&buf, "id: %s\n", id)
	}
	fmt.Fprintf(&buf, "event: %s\ndata: %s\n\n", event, data)
	return s.send(buf.Bytes())
}

// Beat sends a comment, which keeps proxies from closing a quiet stream.
func (s *EventStream) Beat() error { return s.send([]byte(": beat\n\n")) }

func (s *EventStream) send(b []byte) error {
	// Test recorders have no deadlines, which is fine.
	_ = s.control.SetWriteDeadline(time.Now().Add(eventWriteTime))
	if _, err := s.w.Write(b); err != nil {
		return err
	}
	return s.control.Flush()
}
