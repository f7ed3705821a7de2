package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/gapwise/gapwise/internal/httpserver"
	"github.com/gapwise/gapwise/internal/ingest"
	"github.com/gapwise/gapwise/internal/outbox"
)

// box is the outbox of one run of emit or import.
type box struct {
	*outbox.Outbox
	client *client // sends what earlier runs left, which may be of any source
	resume string  // the command that sends what is left
	live   bool    // the input may make us wait for ever

	read chan struct{} // closed when all of the input is in the outbox

	mu     sync.Mutex
	places map[uint64]int // of the events in the outbox, by number
	place  int            // of the event that came in last
}

func addOutboxFlag(cmd *cobra.Command) {
	cmd.Flags().String("outbox", "", "folder that keeps events until gapwise has them (default: outbox in the data folder)")
}

// openBox opens an outbox for events that go where the client sends them. One
// folder holds outboxes for each destination, so that nothing is sent elsewhere
// than it was meant to, and in there one for each process that runs at a time.
func (t *terminal) openBox(cmd *cobra.Command, c *client) (*box, error) {
	config, err := t.config(cmd)
	if err != nil {
		return nil, err
	}
	b := &box{client: c, resume: "gapwise emit --pending", read: make(chan struct{}), places: map[uint64]int{}}
	for _, flag := range []string{"config", "data-dir", "url", "outbox"} {
		if value, _ := cmd.Flags().GetString(flag); value != "" {
			b.resume += " --" + flag + " " + value
		}
	}
	if token, _ := cmd.Flags().GetString("token"); token != "" {
		b.resume += " --token …"
	} else if b.client, err = t.newClient(cmd, httpserver.Claims{Role: httpserver.RoleOperator}); err != nil {
		return nil, err
	}
	folder, _ := cmd.Flags().GetString("outbox")
	if folder == "" {
		folder = filepath.Join(config.Data.Dir, "outbox")
	}
	folder = filepath.Join(folder, destination(c.base, config))
	for n := 1; ; n++ {
		b.Outbox, err = outbox.Open(outbox.Config{Dir: filepath.Join(folder, strconv.Itoa(n)), Logger: t.logger(config)})
		if errors.Is(err, outbox.ErrInUse) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("%w (see --outbox)", err)
		}
		return b, nil
	}
}

// destination names a folder for events that go to an address. The Gapwise of the
// data folder has one name, whatever address it got at its last start.
func destination(base string, c *Config) string {
	if base == strings.TrimRight(localURL(c), "/") {
		return "local"
	}
	u, err := url.Parse(base)
	if err != nil {
		return url.PathEscape(base)
	}
	return url.PathEscape(u.Host + u.Path)
}

// others opens the outboxes beside this one that processes have left with events
// in them, one after the other.
func (t *terminal) others(cmd *cobra.Command, b *box, send func(*box) error) error {
	config, err := t.config(cmd)
	if err != nil {
		return err
	}
	folder := filepath.Dir(b.Dir())
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		dir := filepath.Join(folder, entry.Name())
		if !entry.IsDir() || dir == b.Dir() {
			continue
		}
		opened, err := outbox.Open(outbox.Config{Dir: dir, Logger: t.logger(config)})
		if errors.Is(err, outbox.ErrInUse) {
			continue // who runs sends by itself
		}
		if err != nil {
			return err
		}
		left := &box{Outbox: opened, client: b.client, resume: b.resume, read: make(chan struct{})}
		if opened.State().Events > 0 {
			err = send(left)
		}
		if err := errors.Join(err, opened.Close()); err != nil {
			return err
		}
	}
	return nil
}

// sendKept sends what is in the outbox of the sender, what comes, and then what
// other processes have left. What it can't send stays, and the error says so.
func (t *terminal) sendKept(cmd *cobra.Command, s *sender, next func() (encoded, error)) error {
	err := s.send(cmd.Context(), next)
	if err == nil {
		err = t.others(cmd, s.box, func(left *box) error {
			own := s.box
			defer func() { s.box = own }()
			s.box = left
			return left.explain(s.send(cmd.Context(), func() (encoded, error) { return encoded{}, io.EOF }))
		})
	} else {
		err = s.box.explain(err)
	}
	return errors.Join(err, s.box.Close())
}

// explain adds to an error what is kept, and how it is sent.
func (b *box) explain(err error) error {
	if err == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if left := b.State().Events; left > 0 {
		err = fmt.Errorf("%w\n%d events are kept in %s; send them with: %s", err, left, b.Dir(), b.resume)
	}
	select {
	case <-b.read:
	default:
		err = fmt.Errorf("%w\nnot all of the input was read, the last was number %d; give it again, repeats count once", err, b.place)
	}
	return err
}

// keep puts what is read into the sender's outbox, as much at a time as there is.
func (s *sender) keep(ctx context.Context, read func(context.Context) (placed, error)) error {
	events := make(chan placed, senderEvents)
	var failed error
	reader := func() error {
		defer close(events)
		for {
			e, err := read(ctx)
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				failed = err
				return err
			}
			select {
			case events <- e:
			case <-ctx.Done():
				failed = ctx.Err()
				return failed
			}
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	if s.box.live {
		go func() { _ = reader() }()
	} else {
		group.Go(reader)
	}
	group.Go(func() error {
		for {
			some, open, err := gather(ctx, events)
			if err != nil {
				return err
			}
			if err := s.keepSome(ctx, some); err != nil {
				return err
			}
			if !open {
				if failed == nil { // reader has ended
					close(s.box.read)
				}
				return failed
			}
		}
	})
	return group.Wait()
}

// gather waits for one event and takes what else is there already.
func gather(ctx context.Context, events <-chan placed) (some []placed, open bool, err error) {
	select {
	case e, open := <-events:
		if !open {
			return nil, false, nil
		}
		some = append(some, e)
	case <-ctx.Done():
		return nil, false, ctx.Err()
	}
	for len(some) < senderEvents {
		select {
		case e, open := <-events:
			if !open {
				return some, false, nil
			}
			some = append(some, e)
		default:
			return some, true, nil
		}
	}
	return some, true, nil
}

// keepSome appends events to the outbox. One that the door can't take whoever
// sends it is rejected here.
func (s *sender) keepSome(ctx context.Context, events []placed) error {
	var payloads [][]byte
	b := s.box
	b.mu.Lock()
	next := b.Last() // nobody else appends
	for _, e := range events {
		b.place = e.at
		if len(e.payload) > ingest.MaxBody {
			s.reject(e, fmt.Sprintf("%d bytes are over the limit of %d for a request", len(e.payload), ingest.MaxBody))
			continue
		}
		next++
		b.places[next] = e.at
		payloads = append(payloads, e.payload)
	}
	b.mu.Unlock()
	_, err := b.Append(ctx, true, payloads...)
	return err
}

// next hands out what is in the outbox, until the input has ended and nothing is left.
func (b *box) next(ctx context.Context) (placed, error) {
	for {
		ended := false
		select {
		case <-b.read:
			ended = true // before looking: what came in since is seen
		default:
		}
		record, more, err := b.Next()
		if err != nil {
			return placed{}, err
		}
		if more == nil {
			return b.placed(record), nil
		}
		if ended {
			return placed{}, io.EOF
		}
		select {
		case <-more:
		case <-b.read:
		case <-ctx.Done():
			return placed{}, ctx.Err()
		}
	}
}

func (b *box) placed(record outbox.Record) placed {
	b.mu.Lock()
	defer b.mu.Unlock()
	return placed{
		encoded: rawEvent(record.Payload), at: b.places[record.Number],
		number: record.Number, earlier: record.Earlier,
	}
}

// settle lets events go that the door has answered for. Of an earlier run's event
// that it rejected nobody has the input any more: it is put aside.
func (b *box) settle(r ingest.Result, events []placed) error {
	rejected := map[uint64]bool{}
	if events[0].earlier {
		for _, rejection := range r.Rejected {
			if rejection.Index < 0 || rejection.Index >= len(events) {
				return fmt.Errorf("the answer names event %d of %d", rejection.Index+1, len(events))
			}
			e := events[rejection.Index]
			rejected[e.number] = true
			if err := b.Refuse(outbox.Record{Number: e.number, Payload: e.payload}, rejection.Error); err != nil {
				return err
			}
		}
	}
	numbers := make([]uint64, 0, len(events))
	b.mu.Lock()
	for _, e := range events {
		delete(b.places, e.number)
		if !rejected[e.number] {
			numbers = append(numbers, e.number)
		}
	}
	b.mu.Unlock()
	b.Ack(numbers...)
	return nil
}
