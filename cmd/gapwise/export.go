package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
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
  gapwise export --events march --from 2026-03-01 --to 2026-04-01`,
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
				at, err := parseTime("--"+name, text)
				if err != nil {
					return &usageError{err}
				}
				parameters.Set(name, at.Format(time.RFC3339Nano))
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
	cmd.Flags().StringVar(&from, "from", "", "messages stored from this time on, a date or RFC 3339")
	cmd.Flags().StringVar(&to, "to", "", "messages stored before this time, which must have come, a date or RFC 3339")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the manifest")
	addClientFlags(cmd)
	return cmd
}

// export writes what the running gapwise streams. Interrupted, it leaves a folder
// without sums, which nothing takes for an archive.
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
	e := &export{from: bufio.NewReaderSize(body, 256<<10), to: w}
	e.progress = newProgress(t.err, "messages", e.share)
	err = e.copy()
	e.progress.end()
	if err != nil {
		return nil, fmt.Errorf("%w; %s is no archive, export again into another folder", err, dir)
	}
	return w.Close(func(m *archive.Manifest) {
		m.Created, m.Stream, m.Key, m.Seen = time.Now().UTC().Truncate(time.Second), e.begin.Stream, e.begin.Key, e.begin.Seen
		m.From, m.To = timeOrNil(parameters.Get("from")), timeOrNil(parameters.Get("to"))
	})
}

// export writes the lines of one answer into an archive.
type export struct {
	from     *bufio.Reader
	to       *archive.Writer
	progress *progress
	begin    admin.ExportBegin
	last     uint64 // sequence that came last
}

// share is how much of the log's sequences came.
func (e *export) share() float64 {
	if e.last < e.begin.First {
		return 0
	}
	return float64(e.last-e.begin.First+1) / float64(e.begin.Last-e.begin.First+1)
}

// copy writes all lines, up to the answer's end.
func (e *export) copy() error {
	text, err := e.line()
	if err == nil {
		err = json.Unmarshal(text, &e.begin)
	}
	if err != nil {
		return fmt.Errorf("the export was cut off before its first message: %w", err)
	}
	if !e.begin.Begin {
		return errors.New("the answer begins otherwise than an export: is gapwise there of another version?")
	}
	for read := uint64(0); ; read++ {
		text, err := e.line()
		if err != nil {
			return fmt.Errorf("the export was cut off after %d messages: %w", read, err)
		}
		if bytes.HasPrefix(text, []byte(`{"end":`)) {
			return e.end(text, read)
		}
		l, err := archive.ParseLine(text)
		if err != nil {
			return fmt.Errorf("the answer's line %d is none of an archive: %w", read+2, err)
		}
		if err := e.add(l); err != nil {
			return err
		}
	}
}

// line reads a line; one that isn't whole is an error.
func (e *export) line() ([]byte, error) {
	text, err := e.from.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		var rest []byte
		text = bytes.Clone(text)
		rest, err = e.from.ReadBytes('\n')
		text = append(text, rest...)
	}
	return text, noEOF(err)
}

// end reads the last line.
func (e *export) end(text []byte, read uint64) error {
	var end admin.ExportEnd
	if err := json.Unmarshal(text, &end); err != nil {
		return err
	}
	if end.Messages != read {
		return fmt.Errorf("the export sent %d messages, %d came", end.Messages, read)
	}
	return nil
}

func (e *export) add(l *archive.Line) error {
	e.last = l.Seq
	typ := event.TypeIn(l.Message())
	if typ.IsSealed() && !l.Sealed {
		typ = "" // a dead letter
	}
	if l.Sealed && admin.AboutTheLog(typ) {
		e.to.LeaveOut(string(typ))
	} else if err := e.to.Add(l, string(typ)); err != nil {
		return err
	}
	e.progress.add(1)
	return nil
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
	unhurried := *c.http // an answer may take as long as it takes
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

func sortedNames(counts ...map[string]uint64) []string {
	all := map[string]uint64{}
	for _, m := range counts {
		maps.Copy(all, m)
	}
	return slices.Sorted(maps.Keys(all))
}
