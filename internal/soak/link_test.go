package soak

import (
	"bufio"
	"net"
	"testing"
	"time"
)

// echo answers every line with itself.
func echo(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				lines := bufio.NewReader(conn)
				for {
					line, err := lines.ReadBytes('\n')
					if err != nil {
						return
					}
					if _, err := conn.Write(line); err != nil {
						return
					}
				}
			}()
		}
	}()
	return listener.Addr().String()
}

func link(t *testing.T) *Link {
	t.Helper()
	l, err := newLink(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	l.Lead(echo(t))
	return l
}

func dial(t *testing.T, l *Link) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", l.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// says sends a line and returns how long its answer took.
func says(conn net.Conn, within time.Duration) (took time.Duration, err error) {
	started := time.Now()
	if err := conn.SetDeadline(started.Add(within)); err != nil {
		return 0, err
	}
	if _, err := conn.Write([]byte("hello\n")); err != nil {
		return 0, err
	}
	_, err = bufio.NewReader(conn).ReadBytes('\n')
	return time.Since(started), err
}

const (
	soon  = 10 * time.Second // for what must come
	never = 200 * time.Millisecond
)

func mustSay(t *testing.T, what string, conn net.Conn) time.Duration {
	t.Helper()
	took, err := says(conn, soon)
	if err != nil {
		t.Errorf("%s: %v", what, err)
	}
	return took
}

func timesOut(err error) bool {
	netError, ok := err.(net.Error) //nolint:errorlint // as the connection returns it
	return ok && netError.Timeout()
}

func TestLinkDrops(t *testing.T) {
	l := link(t)
	before := dial(t, l)
	mustSay(t, "a healthy link", before)
	l.Drop()
	if _, err := says(before, soon); err == nil || timesOut(err) {
		t.Errorf("a dropped connection answers or hangs: %v", err)
	}
	if _, err := says(dial(t, l), soon); err == nil || timesOut(err) {
		t.Errorf("a new connection on a dropped link answers or hangs: %v", err)
	}
	l.Heal()
	after := dial(t, l)
	mustSay(t, "a healed link", after)
	l.Reset()
	if _, err := says(after, soon); err == nil || timesOut(err) {
		t.Errorf("a connection that was reset answers or hangs: %v", err)
	}
	mustSay(t, "a link after a reset", dial(t, l))
}

func TestLinkDelays(t *testing.T) {
	l := link(t)
	conn := dial(t, l)
	mustSay(t, "a healthy link", conn)
	l.Delay(100 * time.Millisecond)
	if took := mustSay(t, "a slow link", conn); took < 200*time.Millisecond {
		t.Errorf("100 ms either way took %s", took)
	}
}

// TestLinkHalfOpens: one direction is lost and nobody is told; the connection never
// works again, new ones do.
func TestLinkHalfOpens(t *testing.T) {
	for _, lost := range []direction{upstream, downstream} {
		l := link(t)
		before := dial(t, l)
		mustSay(t, "a healthy link", before)
		l.HalfOpen(lost)
		if _, err := says(before, never); !timesOut(err) {
			t.Errorf("a half-open connection says %v instead of nothing", err)
		}
		if _, err := says(dial(t, l), never); !timesOut(err) {
			t.Errorf("a new connection on a half-open link says %v instead of nothing", err)
		}
		l.Heal()
		if _, err := says(before, soon); err == nil || timesOut(err) {
			t.Errorf("a half-open connection goes on when the link is healed: %v", err)
		}
		mustSay(t, "a healed link", dial(t, l))
	}
}

// TestLinkStrands: what is open loses one direction for good and is never told.
func TestLinkStrands(t *testing.T) {
	l := link(t)
	before := dial(t, l)
	mustSay(t, "a healthy link", before)
	l.Strand(downstream)
	l.Heal()
	mustSay(t, "a new connection", dial(t, l))
	if _, err := says(before, never); !timesOut(err) {
		t.Errorf("a stranded connection says %v instead of nothing", err)
	}
}
