package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/httpserver"
)

func (t *terminal) emitVerb() *cobra.Command {
	var asJSON bool
	var pending bool
	var patience time.Duration
	cmd := &cobra.Command{
		Use:   "emit [FILE]",
		Short: "Send events to a running gapwise",
		Long: `Send events to a running gapwise, as they are: CloudEvents in JSON, one a line, or one
event, or an array. Without a file they are read from standard input and sent as they
come. Sending events again adds nothing.

Events are kept in an outbox on disk until gapwise has stored them. Where it stays
away for longer than --patience, or emit is killed, they wait there: the next emit or
import to the same address sends them first, and emit --pending sends nothing else.
What gapwise then refuses for good is put aside in refused.ndjson in the outbox.

The commands below make single events.`,
		Example: `  gapwise emit events.ndjson
  tail -F events.ndjson | gapwise emit
  gapwise emit --pending
  gapwise emit answer --learner ada --item shard-key-choice --correct`,
		Args: takes(0, "file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if pending && len(args) > 0 {
				return usagef("--pending sends what waits in the outbox, and takes no file")
			}
			if pending {
				return t.emitPending(cmd, patience, asJSON)
			}
			in, live := t.in, true
			if len(args) == 1 && args[0] != "-" {
				file, err := os.Open(args[0])
				if err != nil {
					return err
				}
				defer func() { _ = file.Close() }()
				in, live = file, false
			}
			return t.emitFrom(cmd, in, live, patience, asJSON)
		},
	}
	flags := cmd.PersistentFlags()
	flags.BoolVar(&asJSON, "json", false, "print what became of the events as JSON")
	flags.DurationVar(&patience, "patience", 2*time.Minute, "how long to wait for a gapwise that is away or full")
	cmd.Flags().BoolVar(&pending, "pending", false, "send what earlier runs left in the outbox, and nothing else")
	addClientFlags(cmd)
	addOutboxFlag(cmd)
	cmd.AddCommand(t.emitAnswerVerb(), t.emitTickVerb("tick", true), t.emitTickVerb("untick", false), t.emitSessionVerb(), t.emitVoidVerb())
	for _, sub := range cmd.Commands() {
		addClientFlags(sub)
		addOutboxFlag(sub)
	}
	return cmd
}

// emitFrom sends events as they were written: what is not understood here may be
// understood there, and is refused there with a reason.
func (t *terminal) emitFrom(cmd *cobra.Command, in io.Reader, live bool, patience time.Duration, asJSON bool) error {
	c, err := t.newClient(cmd, httpserver.Claims{Role: httpserver.RoleOperator})
	if err != nil {
		return err
	}
	events, place, err := readEvents(in)
	if err != nil {
		return err
	}
	b, err := t.openBox(cmd, c)
	if err != nil {
		return err
	}
	b.live = live
	s := &sender{client: c, patience: patience, place: func() int { return place.at }, box: b}
	s.progress = newProgress(t.err, "events", nil)
	if err := t.sendKept(cmd, s, events); err != nil {
		return err
	}
	return t.tellSent(s.sum(), place.what, asJSON)
}

// emitPending sends what earlier runs left.
func (t *terminal) emitPending(cmd *cobra.Command, patience time.Duration, asJSON bool) error {
	c, err := t.newClient(cmd, httpserver.Claims{Role: httpserver.RoleOperator})
	if err != nil {
		return err
	}
	b, err := t.openBox(cmd, c)
	if err != nil {
		return err
	}
	s := &sender{client: c, patience: patience, box: b}
	s.progress = newProgress(t.err, "events", nil)
	if err := t.sendKept(cmd, s, func() (encoded, error) { return encoded{}, io.EOF }); err != nil {
		return err
	}
	all := s.sum()
	if all.Earlier == nil && !asJSON {
		_, err := fmt.Fprintln(t.out, "nothing waits in the outbox")
		return err
	}
	return t.tellSent(all, "event", asJSON)
}

// place says where in a file the event is that was read last.
type place struct {
	what string // line or event
	at   int    // from 1
}

// readEvents reads lines, or one JSON value that spans several lines: an event or
// an array of them.
func readEvents(in io.Reader) (next func() (encoded, error), at *place, err error) {
	reader := bufio.NewReaderSize(in, 64<<10)
	first, err := reader.ReadBytes('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, err
	}
	if start := bytes.TrimSpace(first); bytes.HasPrefix(start, []byte("[")) || bytes.Equal(start, []byte("{")) {
		return readValue(io.MultiReader(bytes.NewReader(first), reader))
	}
	at = &place{what: "line"}
	lines := bufio.NewReaderSize(io.MultiReader(bytes.NewReader(first), reader), 64<<10)
	return func() (encoded, error) {
		for {
			line, err := lines.ReadBytes('\n')
			if err != nil && !errors.Is(err, io.EOF) {
				return encoded{}, err
			}
			at.at++
			if line = bytes.TrimSpace(line); len(line) > 0 {
				return rawEvent(line), nil
			}
			if err != nil {
				return encoded{}, err
			}
		}
	}, at, nil
}

// readValue reads an array, or events that are laid out over several lines.
func readValue(in io.Reader) (next func() (encoded, error), at *place, err error) {
	decoder := json.NewDecoder(in)
	var values []json.RawMessage
	for {
		var value json.RawMessage
		if err := decoder.Decode(&value); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, nil, fmt.Errorf("this is neither JSON nor JSON lines: %w", err)
		}
		var list []json.RawMessage
		if bytes.HasPrefix(value, []byte("[")) && json.Unmarshal(value, &list) == nil {
			values = append(values, list...)
		} else {
			values = append(values, value)
		}
	}
	at = &place{what: "event"}
	return func() (encoded, error) {
		if at.at == len(values) {
			return encoded{}, io.EOF
		}
		at.at++
		var line bytes.Buffer // a line of its own: only space outside of strings goes
		if err := json.Compact(&line, values[at.at-1]); err != nil {
			return encoded{}, err
		}
		return rawEvent(line.Bytes()), nil
	}, at, nil
}

func rawEvent(raw []byte) encoded {
	learner, _ := event.SubjectOf(raw)
	return encoded{learner, raw}
}
