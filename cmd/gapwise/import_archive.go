package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/gapwise/gapwise/internal/admin"
	"github.com/gapwise/gapwise/internal/archive"
	"github.com/gapwise/gapwise/internal/httpserver"
)

// The size of what one request restores.
const (
	restoreLines = 1000
	restoreBytes = 2 << 20
)

// restored is what an import of an archive did.
type restored struct {
	Archive string  `json:"archive"`
	Content string  `json:"content"` // hash of its lines
	Total   uint64  `json:"messages"`
	Seconds float64 `json:"seconds"`
	admin.Restored
}

// importEvents imports an archive and tells what became of it.
func (t *terminal) importEvents(cmd *cobra.Command, job importJob) error {
	c, err := t.newClient(cmd, httpserver.Claims{Role: httpserver.RoleOperator})
	if err != nil {
		return err
	}
	sum, err := t.importArchive(cmd.Context(), c, job.archive, job.dryRun, job.patience)
	if err != nil {
		return err
	}
	switch {
	case job.json:
		return t.printJSON(sum)
	case job.dryRun:
		fmt.Fprintf(t.out, "%d messages, all files as the manifest says; nothing was sent\n", sum.Total)
	default:
		fmt.Fprintf(t.out, "%d messages: %d stored, %d duplicates\n", sum.Total, sum.Stored, sum.Duplicates)
	}
	return nil
}

// importArchive reads an archive into a running gapwise. Nothing is sent before all
// its files are checked. Interrupted, it can be run again: what is there counts once.
func (t *terminal) importArchive(ctx context.Context, c *client, dir string, dryRun bool, patience time.Duration) (*restored, error) {
	a, err := archive.Open(dir)
	if err != nil {
		return nil, err
	}
	sum := &restored{Archive: dir, Content: a.Content, Total: a.Messages}
	if dryRun {
		return sum, nil
	}
	done := 0
	p := newProgress(t.err, "messages", func() float64 { return float64(done) / float64(max(1, a.Messages)) })
	var batch bytes.Buffer
	encoder := json.NewEncoder(&batch)
	encoder.SetEscapeHTML(false)
	waiting := 0
	send := func() error {
		if waiting == 0 {
			return nil
		}
		r, err := c.restore(ctx, batch.Bytes(), patience)
		if err != nil {
			return fmt.Errorf("after %d of %d messages: %w (run it again; what is there already counts once)", done, a.Messages, err)
		}
		sum.Stored += r.Stored
		sum.Duplicates += r.Duplicates
		done += waiting
		p.add(waiting)
		batch.Reset()
		waiting = 0
		return nil
	}
	for line, err := range a.Lines() {
		if err != nil {
			return nil, err
		}
		if err := encoder.Encode(line); err != nil {
			return nil, err
		}
		if waiting++; waiting == restoreLines || batch.Len() >= restoreBytes {
			if err := send(); err != nil {
				return nil, err
			}
		}
	}
	if err := send(); err != nil {
		return nil, err
	}
	p.end()
	sum.Seconds = p.seconds()
	return sum, nil
}

// restore sends lines of an archive, again while the log is away.
func (c *client) restore(ctx context.Context, lines []byte, patience time.Duration) (r admin.Restored, err error) {
	for since := time.Now(); ; {
		err = c.post(ctx, "/v1/admin/imports", "application/x-ndjson", lines, &r)
		if err == nil || !temporary(err) || time.Since(since) > patience {
			return r, err
		}
		pause := time.Second
		if answer, ok := errors.AsType[*answerError](err); ok && answer.retry > 0 && answer.status != http.StatusInternalServerError {
			pause = answer.retry
		}
		select {
		case <-ctx.Done():
			return r, ctx.Err()
		case <-time.After(pause):
		}
	}
}

func sortedNames(counts ...map[string]uint64) []string {
	all := map[string]uint64{}
	for _, m := range counts {
		maps.Copy(all, m)
	}
	return slices.Sorted(maps.Keys(all))
}
