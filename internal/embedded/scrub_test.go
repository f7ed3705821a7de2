package embedded

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// secret is what messages of the one to be forgotten hold.
const secret = "the-id-of-one-to-be-forgotten"

// A message that the broker noted as deleted, and died before it overwrote it, is
// overwritten while the broker is stopped; so is one that it had not come to. All
// others stay, and the broker takes the blocks for its own.
func TestScrubOverwritesWhatADeletionLeft(t *testing.T) {
	dir := t.TempDir()
	withStream(t, dir, func(ctx context.Context, js jetstream.JetStream, s jetstream.Stream) {
		for i := range 200 {
			text := fmt.Sprint("message ", i+1)
			if i%10 == 0 {
				text = secret
			}
			m := &nats.Msg{Subject: "scrub.x", Data: []byte(text), Header: nats.Header{}}
			if i%3 == 0 {
				m.Header.Set("Nats-Msg-Id", fmt.Sprint(i))
			}
			if _, err := js.PublishMsg(ctx, m); err != nil {
				t.Fatal(err)
			}
		}
		for _, seq := range []uint64{11, 21, 31} { // noted, not overwritten
			if err := s.DeleteMsg(ctx, seq); err != nil {
				t.Fatal(err)
			}
		}
	})
	if !holds(t, dir, secret) {
		t.Fatal("the deleted messages left no bytes: this shows nothing")
	}
	found, err := scrub(dir, "SCRUB", func(seq uint64) bool { return seq%10 == 1 })
	if err != nil || found != 20 {
		t.Fatalf("found %d messages, %v", found, err)
	}
	if holds(t, dir, secret) {
		t.Error("the bytes are still there")
	}
	if again, err := scrub(dir, "SCRUB", func(seq uint64) bool { return seq%10 == 1 }); err != nil || again != 0 {
		t.Errorf("scrubbed twice, found %d, %v", again, err)
	}
	withStream(t, dir, func(ctx context.Context, js jetstream.JetStream, s jetstream.Stream) {
		info, err := s.Info(ctx)
		if err != nil || info.State.Msgs != 180 || info.State.LastSeq != 200 {
			t.Errorf("the stream has %+v, %v", info.State, err)
		}
		for seq := uint64(1); seq <= 200; seq++ {
			m, err := s.GetMsg(ctx, seq)
			if gone := errors.Is(err, jetstream.ErrMsgNotFound); gone != (seq%10 == 1) || !gone && err != nil {
				t.Errorf("message %d: %v", seq, err)
			} else if !gone && string(m.Data) != fmt.Sprint("message ", seq) {
				t.Errorf("message %d is %q", seq, m.Data)
			}
		}
		if ack, err := js.Publish(ctx, "scrub.x", []byte("more")); err != nil || ack.Sequence != 201 {
			t.Errorf("the next message got %+v, %v", ack, err)
		}
	})
}

// What isn't a block as this version knows them is left as it is, and told.
func TestScrubLeavesStrangeBlocksAlone(t *testing.T) {
	dir := t.TempDir()
	withStream(t, dir, func(ctx context.Context, js jetstream.JetStream, _ jetstream.Stream) {
		if _, err := js.Publish(ctx, "scrub.x", []byte(secret)); err != nil {
			t.Fatal(err)
		}
	})
	block := filepath.Join(dir, "jetstream", "$G", "streams", "SCRUB", "msgs", "1.blk")
	content, err := os.ReadFile(block)
	if err != nil {
		t.Fatal(err)
	}
	content[len(content)-1] ^= 1
	if err := os.WriteFile(block, content, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = scrub(dir, "SCRUB", func(uint64) bool { return true })
	if !errors.Is(err, errNoBlock) || !strings.Contains(err.Error(), block) {
		t.Errorf("a block with a wrong checksum: %v", err)
	}
	if after, err := os.ReadFile(block); err != nil || !bytes.Equal(after, content) {
		t.Error("it was changed")
	}
	if found, err := scrub(t.TempDir(), "SCRUB", func(uint64) bool { return true }); err != nil || found != 0 {
		t.Errorf("a folder without the stream: %d, %v", found, err)
	}
}

// withStream runs a broker on a folder for as long as use takes.
func withStream(t *testing.T, dir string, use func(context.Context, jetstream.JetStream, jetstream.Stream)) {
	t.Helper()
	n, err := StartNATS(t.Context(), NATSConfig{Dir: dir, Listen: "127.0.0.1:0", Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := n.Connect()
	if err != nil {
		t.Fatal(err)
	}
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	s, err := js.CreateOrUpdateStream(t.Context(), jetstream.StreamConfig{Name: "SCRUB", Subjects: []string{"scrub.>"}})
	if err != nil {
		t.Fatal(err)
	}
	use(t.Context(), js, s)
	conn.Close()
	if err := n.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// holds reports whether any file of the broker holds a text.
func holds(t *testing.T, dir, text string) (found bool) {
	t.Helper()
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err != nil || !info.Mode().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		found = found || bytes.Contains(content, []byte(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
