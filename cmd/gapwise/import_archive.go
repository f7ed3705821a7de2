package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/gapwise/gapwise/internal/admin"
	"github.com/gapwise/gapwise/internal/archive"
	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/httpserver"
	"github.com/gapwise/gapwise/internal/stream"
)

// restored is what an import of an archive did.
type restored struct {
	Archive  string       `json:"archive"`
	Content  string       `json:"content"` // hash of its lines
	Messages uint64       `json:"messages"`
	Stored   uint64       `json:"stored"`  // by this import; with --dry-run: what it would store
	Present  uint64       `json:"present"` // there already
	Erased   uint64       `json:"erased"`  // left out: of learners who are forgotten here
	DryRun   bool         `json:"dry_run"`
	Seconds  float64      `json:"seconds"`
	Seen     archive.Seen `json:"archive_seen_through"`
	// Catalog and Model are what the deployment sees its log through; empty when it
	// can't be asked.
	Catalog string `json:"catalog"`
	Model   string `json:"model"`
	// OtherKey says that the archive's hashes of learners are made with another key.
	OtherKey bool `json:"other_data_key"`
}

// importEvents imports an archive and tells what became of it.
func (t *terminal) importEvents(cmd *cobra.Command, job importJob) error {
	c, err := t.newClient(cmd, httpserver.Claims{Role: httpserver.RoleOperator})
	if err != nil {
		return err
	}
	a, err := archive.Open(job.archive)
	if err != nil {
		return err
	}
	r := &restoring{
		client: c, archive: a, patience: job.patience, sum: restored{
			Archive: job.archive, Content: a.Content, Messages: a.Messages, DryRun: job.dryRun, Seen: a.Seen,
		},
	}
	began := time.Now()
	if err := r.run(cmd.Context(), t); err != nil {
		return err
	}
	r.sum.Seconds = time.Since(began).Seconds()
	r.look(cmd.Context(), t)
	if job.json {
		return t.printJSON(r.sum)
	}
	t.printRestored(a, &r.sum)
	return nil
}

// The size of what one request puts back.
const (
	restoreLines = 1000
	restoreBytes = 2 << 20
)

// restoring puts an archive back into a running gapwise, or with DryRun only reads it
// and asks.
type restoring struct {
	client   *client
	archive  *archive.Archive
	patience time.Duration
	progress *progress
	sum      restored

	there event.Ranges // sequences of the archive's log that are there already
}

// run sends what isn't there yet. Nothing is sent before all files are checked.
// Interrupted, it can be run again: what is there isn't sent again.
func (r *restoring) run(ctx context.Context, t *terminal) (err error) {
	r.progress = newProgress(t.err, "messages", nil)
	r.there, err = r.present(ctx)
	if err != nil && (!r.sum.DryRun || !temporary(err)) {
		return err
	}
	if err != nil {
		r.progress.note("what is there already is not known: %v", err)
	}
	r.progress = newProgress(t.err, "messages", func() float64 { return float64(r.progress.done) / float64(max(1, r.archive.Messages)) })
	defer r.progress.end()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	chunks := make(chan chunk)
	go func() {
		defer close(chunks)
		r.read(func(p chunk) bool {
			select {
			case chunks <- p:
				return true
			case <-ctx.Done():
				return false
			}
		})
	}()
	for p := range chunks {
		if p.err == nil {
			p.err = r.send(ctx, p.lines)
		}
		if p.err != nil {
			return p.err
		}
	}
	return ctx.Err()
}

// chunk is some lines that are sent together, or why there are no more.
type chunk struct {
	lines []*archive.Line
	err   error
}

// read yields the lines that aren't there yet. It reads ahead while others are sent.
func (r *restoring) read(yield func(chunk) bool) {
	var next []*archive.Line
	size := 0
	for line, err := range r.archive.Lines() {
		switch {
		case err != nil:
			yield(chunk{err: err})
			return
		case r.there.Has(line.Seq):
			r.sum.Present++
			r.progress.add(1)
			continue
		case r.sum.DryRun:
			r.sum.Stored++
			r.progress.add(1)
			continue
		}
		next = append(next, line)
		size += len(line.Message())
		if len(next) == restoreLines || size >= restoreBytes {
			if !yield(chunk{lines: next}) {
				return
			}
			next, size = nil, 0
		}
	}
	yield(chunk{lines: next})
}

// present asks which of the archive's sequences are there already.
func (r *restoring) present(ctx context.Context) (event.Ranges, error) {
	const path = "/v1/admin/imports"
	body, err := r.client.stream(ctx, path, url.Values{"stream": {r.archive.Stream.Format(time.RFC3339Nano)}})
	if err != nil {
		return nil, err
	}
	defer func() { _ = body.Close() }() // only read
	lines := json.NewDecoder(body)
	for {
		var p admin.Present
		if err := lines.Decode(&p); err != nil {
			return nil, &url.Error{Op: http.MethodGet, URL: r.client.base + path, Err: noEOF(err)}
		}
		if p.End {
			r.sum.OtherKey = p.Key != r.archive.Key
			return event.ParseRanges(p.Sequences)
		}
		r.progress.note("looking for what is there already: %d of %d messages", p.Looked, p.Of)
	}
}

// send puts back lines, again while the log is away. What was tried too long ago for
// the broker to know it again is looked for first.
func (r *restoring) send(ctx context.Context, lines []*archive.Line) error {
	began := time.Now()
	for sent := began; len(lines) > 0; {
		done, err := r.client.restore(ctx, r.archive.Stream, lines)
		if err == nil {
			r.sum.Stored += uint64(done.Stored + done.Duplicates) // those by a request of ours whose answer didn't come
			r.sum.Erased += uint64(done.Erased)
			r.progress.add(len(lines))
			return nil
		}
		if !temporary(err) || time.Since(began) > r.patience {
			return fmt.Errorf("after %d of %d messages: %w (import again; what is there isn't sent again)", r.progress.count(), r.archive.Messages, err)
		}
		if err := pause(ctx, err); err != nil {
			return err
		}
		if time.Since(sent) < stream.DuplicateWindow/2 {
			continue
		}
		there, err := r.present(ctx)
		if err != nil {
			continue // the log is still away
		}
		left := slices.DeleteFunc(lines, func(l *archive.Line) bool { return there.Has(l.Seq) })
		r.sum.Stored += uint64(len(lines) - len(left))
		r.progress.add(len(lines) - len(left))
		lines, sent = left, time.Now()
	}
	return nil
}

// restore sends lines of an archive.
func (c *client) restore(ctx context.Context, of time.Time, lines []*archive.Line) (done admin.Restored, err error) {
	var body bytes.Buffer
	for _, l := range lines {
		if err := l.Encode(&body); err != nil {
			return done, err
		}
	}
	path := "/v1/admin/imports?stream=" + url.QueryEscape(of.Format(time.RFC3339Nano))
	err = c.post(ctx, path, "application/x-ndjson", body.Bytes(), &done)
	return done, err
}

// pause waits until a request that failed for now may be sent again.
func pause(ctx context.Context, failure error) error {
	wait := time.Second
	if answer, ok := errors.AsType[*answerError](failure); ok && answer.retry > 0 && answer.status != http.StatusInternalServerError {
		wait = answer.retry
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(wait):
		return nil
	}
}

// look asks what reports are seen through once they rest on all that was put back.
func (r *restoring) look(ctx context.Context, t *terminal) {
	see := r.client.waitProjected
	if r.sum.DryRun {
		see = r.client.projections
	}
	p, err := see(ctx)
	if err != nil {
		fmt.Fprintf(t.err, "what reports rest on now is not known: %v\n", err)
		return
	}
	r.sum.Catalog, r.sum.Model = p.Catalog, p.Model
}
