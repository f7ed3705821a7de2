package stream

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"
)

// maxCommitters is how many batches are on their way at a time. While one is
// being written to disk the next is encoded and sent; calls that arrive
// meanwhile wait and form the batch after. The broker takes 50 open batches a
// stream from all its clients together.
const maxCommitters = 2

// minBatch is how many messages make an atomic batch worth its while. Staging one
// costs the broker as much as 15 messages stored one by one, on a busy disk 60.
const minBatch = 32

// enqueue puts a call in the queue and sees to it that a committer serves it.
// Committers live as long as there is something to send.
func (p *Publisher) enqueue(c *call) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting = append(p.waiting, c)
	if p.committers < maxCommitters {
		p.committers++
		go p.commitWaiting()
	}
}

func (p *Publisher) commitWaiting() {
	for {
		calls := p.claim()
		if len(calls) == 0 {
			return
		}
		p.commit(calls)
		for _, c := range calls {
			p.inFlight.Release(c.weight)
			close(c.done)
		}
	}
}

// claim takes the calls from the head of the queue that fit one batch. With
// none left the committer ends.
func (p *Publisher) claim() []*call {
	p.mu.Lock()
	defer p.mu.Unlock()
	var (
		claimed  []*call
		taken    int
		messages int
		size     int64
	)
	for _, c := range p.waiting {
		fits := messages+len(c.messages) <= maxBatch && size+c.size <= maxBatchBytes
		if len(claimed) > 0 && !fits {
			break
		}
		taken++
		if !c.state.CompareAndSwap(callWaiting, callClaimed) {
			p.inFlight.Release(c.weight)
			continue
		}
		claimed = append(claimed, c)
		messages += len(c.messages)
		size += c.size
	}
	p.waiting = append(p.waiting[:0:0], p.waiting[taken:]...)
	if len(claimed) == 0 {
		p.committers--
	}
	return claimed
}

// commit stores the messages of some calls and fills in their acks.
func (p *Publisher) commit(calls []*call) {
	var (
		messages []*Message
		acks     []*Ack
		repeats  []repeat
		first    = make(map[string]*Ack)
	)
	for _, c := range calls {
		for i := range c.messages {
			m, ack := &c.messages[i], &c.acks[i]
			if ack.Err != nil {
				continue
			}
			if m.ID != "" {
				if original, known := first[m.ID]; known {
					repeats = append(repeats, repeat{ack: ack, of: original})
					continue
				}
				first[m.ID] = ack
			}
			messages = append(messages, m)
			acks = append(acks, ack)
		}
	}
	p.send(messages, acks)
	for _, r := range repeats {
		*r.ack = *r.of
		r.ack.Duplicate = r.of.Err == nil
	}
}

// repeat is a message with the id of an earlier one of its batch, whose fate it
// shares.
type repeat struct{ ack, of *Ack }

// send stores messages with different ids.
func (p *Publisher) send(messages []*Message, acks []*Ack) {
	if len(messages) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), p.config.PublishTimeout)
	defer cancel()
	stop := cancelOnDisconnect(p.nc, cancel)
	defer stop()
	if !p.nc.IsConnected() {
		err := fmt.Errorf("%w: not connected to the broker", ErrUnavailable)
		if cause := p.nc.LastError(); cause != nil {
			err = fmt.Errorf("%w: %w", err, cause)
		}
		failAll(acks, err)
		return
	}

	if len(messages) < minBatch {
		p.sendSingly(ctx, messages, acks)
		return
	}
	encoded := make([]*nats.Msg, len(messages))
	for i, m := range messages {
		encoded[i] = m.encode()
	}
	batch, err := jetstreamext.PublishMsgBatch(ctx, p.js, encoded, jetstreamext.BatchFlowControl{AckFirst: false})
	switch {
	case err == nil:
		base := batch.Sequence - uint64(len(acks)) + 1
		for i, ack := range acks {
			ack.Seq = base + uint64(i)
		}
	case errors.Is(err, jetstreamext.ErrBatchPublishDuplicateMsgID):
		p.sendSingly(ctx, messages, acks)
	default:
		failAll(acks, publishError(err))
	}
}

// sendSingly stores messages each on its own: few of them, and those of which the
// broker knows some already, since an atomic batch is refused for one repeat and
// doesn't say which. Different learners don't wait for each other, but a learner's
// message is sent only when the one before is stored: whatever breaks between the
// two, a later one is never in the log without the earlier.
func (p *Publisher) sendSingly(ctx context.Context, messages []*Message, acks []*Ack) {
	for _, round := range rounds(messages) {
		p.sendRound(ctx, messages, acks, round)
		failed := map[string]error{}
		for _, i := range round {
			if err := acks[i].Err; err != nil && !errors.Is(err, ErrTooLarge) {
				failed[messages[i].Learner] = err
			}
		}
		if len(failed) == 0 {
			continue
		}
		for i, m := range messages {
			if err := failed[m.Learner]; err != nil && acks[i].Seq == 0 && acks[i].Err == nil {
				acks[i].Err = fmt.Errorf("%w: not sent, since an earlier message of the learner failed: %w", ErrUnavailable, err)
			}
		}
	}
}

// rounds lists the indexes of every learner's first message, then of the second
// ones, and so on.
func rounds(messages []*Message) [][]int {
	var all [][]int
	sent := make(map[string]int, len(messages))
	for i, m := range messages {
		round := sent[m.Learner]
		sent[m.Learner]++
		if round == len(all) {
			all = append(all, nil)
		}
		all[round] = append(all[round], i)
	}
	return all
}

// sendRound stores the messages of one round that may be sent, without waiting
// for one before the next.
func (p *Publisher) sendRound(ctx context.Context, messages []*Message, acks []*Ack, round []int) {
	futures := make(map[int]jetstream.PubAckFuture, len(round))
	for _, i := range round {
		if acks[i].Err != nil {
			continue // an earlier one of the learner failed
		}
		// Without attempts of its own: whoever called sends again, in order.
		future, err := p.js.PublishMsgAsync(messages[i].encode(), jetstream.WithRetryAttempts(0))
		if err != nil {
			acks[i].Err = publishError(err)
			continue
		}
		futures[i] = future
	}
	for i, future := range futures {
		select {
		case ok := <-future.Ok():
			*acks[i] = ackOf(ok, nil)
		case err := <-future.Err():
			*acks[i] = ackOf(nil, err)
		case <-ctx.Done():
			*acks[i] = ackOf(nil, ctx.Err())
		}
	}
}

func (m *Message) encode() *nats.Msg {
	header := make(nats.Header, len(m.Headers)+4)
	for k, v := range m.Headers {
		header[k] = []string{v}
	}
	if m.ID != "" {
		header[jetstream.MsgIDHeader] = []string{m.ID}
	}
	subject := m.Subject
	if subject == "" {
		subject = Subject(m.Learner)
	}
	return &nats.Msg{Subject: subject, Header: header, Data: m.Payload}
}

func ackOf(ok *jetstream.PubAck, err error) Ack {
	if err != nil {
		return Ack{Err: publishError(err)}
	}
	return Ack{Seq: ok.Sequence, Duplicate: ok.Duplicate}
}

func failAll(acks []*Ack, err error) {
	for _, ack := range acks {
		ack.Err = err
	}
}

// cancelOnDisconnect calls cancel when the connection is lost, since an answer
// that was on its way then never comes. The returned function ends the watch.
func cancelOnDisconnect(nc *nats.Conn, cancel context.CancelFunc) (stop func()) {
	lost := nc.StatusChanged(nats.DISCONNECTED, nats.RECONNECTING, nats.CLOSED)
	go func() {
		if _, ok := <-lost; ok {
			cancel()
		}
	}()
	return func() { nc.RemoveStatusListener(lost) }
}
