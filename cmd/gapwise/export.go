package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/gapwise/gapwise/internal/admin"
	"github.com/gapwise/gapwise/internal/archive"
	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/httpserver"
)

func (t *terminal) exportVerb() *cobra.Command {
	var dir, from, to string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "export --events FOLDER",
		Short: "Write the log into an archive: compressed files that can be imported anywhere",
		Long: `Write the log into an archive: a folder of compressed files, one message a line as it
was published, and a manifest with counts and hashes. gapwise import --events reads it
into another deployment, which then gives the same reports.

--from and --to choose by when messages were stored, so parts that follow each other
give the whole. What operators said about this log itself (retried and dropped dead
letters, receipts of erasures) is left out and counted. An archive names learners:
keep it as safe as the data folder, and mind it when somebody asks to be forgotten.`,
		Example: `  gapwise export --events archive-2026
  gapwise export --events march --from 2026-03-01T00:00:00Z --to 2026-04-01T00:00:00Z`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if dir == "" {
				return usagef("say with --events into which folder")
			}
			parameters := url.Values{}
			for name, text := range map[string]string{"from": from, "to": to} {
				if text == "" {
					continue
				}
				if _, err := time.Parse(time.RFC3339, text); err != nil {
					return usagef("--%s %q is no time such as 2026-03-01T00:00:00Z", name, text)
				}
				parameters.Set(name, text)
			}
			c, err := t.newClient(cmd, httpserver.Claims{Role: httpserver.RoleOperator})
			if err != nil {
				return err
			}
			m, err := t.export(cmd.Context(), c, dir, parameters)
			if err != nil {
				return err
			}
			if asJSON {
				return t.printJSON(m)
			}
			printManifest(t.out, m)
			return nil
		},
	}
	cmd.Flags().StringVar(&dir, "events", "", "the folder to write, which must not hold anything yet")
	cmd.Flags().StringVar(&from, "from", "", "messages stored from this time on")
	cmd.Flags().StringVar(&to, "to", "", "messages stored before this time")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the manifest")
	addClientFlags(cmd)
	return cmd
}

// export writes what the running gapwise streams. Interrupted, it leaves a folder
// without a manifest, which nothing takes for an archive.
func (t *terminal) export(ctx context.Context, c *client, dir string, parameters url.Values) (*archive.Manifest, error) {
	w, err := archive.Create(dir)
	if err != nil {
		return nil, err
	}
	defer w.Abandon()
	body, err := c.stream(ctx, "/v1/admin/exports", parameters)
	if err != nil {
		return nil, err
	}
	defer func() { _ = body.Close() }() // only read
	p := newProgress(t.err, "messages", nil)
	end, err := copyLines(body, w, func() { p.add(1) })
	p.end()
	if err != nil {
		return nil, fmt.Errorf("%w; %s is no archive, export again into another folder", err, dir)
	}
	return w.Close(func(m *archive.Manifest) {
		m.Created, m.Stream = time.Now().UTC().Truncate(time.Second), end.Stream
		m.From, m.To = timeOrNil(parameters.Get("from")), timeOrNil(parameters.Get("to"))
	})
}

// aboutTheLog are the types that speak of sequences of one log.
var aboutTheLog = map[event.Type]bool{
	event.DeadLetterRetried: true, event.DeadLetterDropped: true, event.LearnerForgotten: true,
}

// copyLines writes the lines of an export into an archive, up to its end.
func copyLines(body io.Reader, w *archive.Writer, added func()) (*admin.ExportEnd, error) {
	decoder := json.NewDecoder(bufio.NewReaderSize(body, 256<<10))
	read := uint64(0)
	for {
		var line struct {
			archive.Line
			admin.ExportEnd
		}
		if err := decoder.Decode(&line); err != nil {
			return nil, fmt.Errorf("the export was cut off after %d messages: %w", read, noEOF(err))
		}
		if line.End {
			if line.Messages != read {
				return nil, fmt.Errorf("the export sent %d messages, %d came", line.Messages, read)
			}
			return &line.ExportEnd, nil
		}
		read++
		var envelope struct {
			Type event.Type `json:"type"`
		}
		_ = json.Unmarshal(line.Message(), &envelope) // what isn't JSON has no type
		if aboutTheLog[envelope.Type] && line.Sealed {
			w.LeaveOut(string(envelope.Type))
			continue
		}
		if err := w.Add(&line.Line, string(envelope.Type)); err != nil {
			return nil, err
		}
		added()
	}
}

// noEOF tells an end that came too soon.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func timeOrNil(text string) *time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return nil
	}
	t = t.UTC()
	return &t
}

func printManifest(out io.Writer, m *archive.Manifest) {
	size := int64(0)
	for _, f := range m.Files {
		size += f.Bytes
	}
	fmt.Fprintf(out, "%d messages, sequences %d to %d, %d files, %.1f MB\n", m.Messages, m.First, m.Last, len(m.Files), float64(size)/1e6)
	rows := table{columns: []column{left("type"), right("messages"), right("left out")}}
	for _, typ := range sortedNames(m.Types, m.LeftOut) {
		name := typ
		if name == "" {
			name = "(no event)"
		}
		rows.add(name, fmt.Sprint(m.Types[typ]), fmt.Sprint(m.LeftOut[typ]))
	}
	rows.write(out)
	fmt.Fprintf(out, "\ncontent %s\n", m.Content)
}

// stream asks for a resource and returns the answer's body, to be read as it comes.
func (c *client) stream(ctx context.Context, path string, parameters url.Values) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+path+"?"+parameters.Encode(), nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+c.token)
	unhurried := *c.http
	unhurried.Timeout = 0
	response, err := unhurried.Do(request)
	if err != nil {
		return nil, fmt.Errorf("no answer from %s (is gapwise running there? see --url): %w", c.base, err)
	}
	if response.StatusCode < 300 {
		return response.Body, nil
	}
	defer func() { _ = response.Body.Close() }()
	text, _ := io.ReadAll(response.Body)
	return nil, answerOf(response, text)
}
