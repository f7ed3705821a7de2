package soak

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// Link is a TCP connection's way from one process to another, through this one,
// which can break it. While it is half open, bytes of one direction vanish and both
// ends see an open connection; what was connected then never works again, and is reset
// when the fault is over, while new connections work.
type Link struct {
	listener net.Listener

	mu     sync.Mutex
	target string
	pairs  map[*pair]struct{}
	down   bool          // connections are closed at once
	delay  time.Duration // of what goes either way
	lost   direction     // what vanishes
}

type direction uint8

const (
	none direction = iota
	upstream
	downstream
)

// pair is one connection through a link.
type pair struct {
	client, server net.Conn
	lost           direction
	stranded       bool // for good
}

// newLink listens on a free port of loopback.
func newLink(ctx context.Context) (*Link, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	l := &Link{listener: listener, pairs: map[*pair]struct{}{}}
	go l.accept()
	return l, nil
}

// Addr is where clients of the target connect.
func (l *Link) Addr() string { return l.listener.Addr().String() }

// Lead sends new connections to another address.
func (l *Link) Lead(target string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.target = target
}

// Drop closes all connections, and new ones until Heal.
func (l *Link) Drop() {
	l.set(func() { l.down = true })
	l.closeAll(false)
}

// Reset breaks all connections once.
func (l *Link) Reset() { l.closeAll(true) }

// Delay holds everything up until Heal.
func (l *Link) Delay(by time.Duration) { l.set(func() { l.delay = by }) }

// HalfOpen lets the bytes of one direction vanish until Heal, while both ends see open
// connections. Heal resets these, since bytes are missing in them.
func (l *Link) HalfOpen(lost direction) {
	l.set(func() {
		l.lost = lost
		for p := range l.pairs {
			if !p.stranded {
				p.lost = lost
			}
		}
	})
}

// Strand lets the bytes of one direction vanish for good on every connection that is
// open. New ones work; who has an old one must find out by itself.
func (l *Link) Strand(lost direction) {
	l.set(func() {
		for p := range l.pairs {
			p.lost, p.stranded = lost, true
		}
	})
}

// Heal ends every fault but Strand.
func (l *Link) Heal() {
	l.mu.Lock()
	l.down, l.delay, l.lost = false, 0, none
	var dead []*pair
	for p := range l.pairs {
		if p.lost != none && !p.stranded {
			dead = append(dead, p)
		}
	}
	l.mu.Unlock()
	for _, p := range dead {
		p.close(true)
	}
}

// Close ends the link.
func (l *Link) Close() {
	_ = l.listener.Close()
	l.closeAll(false)
}

func (l *Link) set(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
}

func (l *Link) closeAll(reset bool) {
	l.mu.Lock()
	pairs := make([]*pair, 0, len(l.pairs))
	for p := range l.pairs {
		pairs = append(pairs, p)
	}
	l.mu.Unlock()
	for _, p := range pairs {
		p.close(reset)
	}
}

func (l *Link) accept() {
	for {
		client, err := l.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			go l.serve(client)
		}
	}
}

// serve carries one connection until either end closes it.
func (l *Link) serve(client net.Conn) {
	l.mu.Lock()
	target, down := l.target, l.down
	l.mu.Unlock()
	p := &pair{client: client}
	if down || target == "" {
		p.close(false)
		return
	}
	dialer := net.Dialer{Timeout: 5 * time.Second}
	server, err := dialer.DialContext(context.Background(), "tcp", target)
	if err != nil {
		p.close(true)
		return
	}
	p.server = server
	l.set(func() {
		p.lost = l.lost
		l.pairs[p] = struct{}{}
		down = l.down
	})
	if down { // since it was asked
		p.close(false)
	}
	var both sync.WaitGroup
	both.Go(func() { l.carry(p, client, server, upstream) })
	both.Go(func() { l.carry(p, server, client, downstream) })
	both.Wait()
	l.set(func() { delete(l.pairs, p) })
}

// carry copies one direction.
func (l *Link) carry(p *pair, from, to net.Conn, way direction) {
	defer p.close(false)
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			l.mu.Lock()
			delay, vanishes := l.delay, p.lost == way
			l.mu.Unlock()
			if delay > 0 {
				<-time.After(delay)
			}
			if !vanishes {
				if _, err := to.Write(buffer[:n]); err != nil {
					return
				}
			}
		}
		if err != nil {
			if !errors.Is(err, io.EOF) {
				p.close(true)
			}
			return
		}
	}
}

// close ends both connections; with reset the peers see them break.
func (p *pair) close(reset bool) {
	for _, c := range []net.Conn{p.client, p.server} {
		if c == nil {
			continue
		}
		if tcp, ok := c.(*net.TCPConn); ok && reset {
			_ = tcp.SetLinger(0)
		}
		_ = c.Close()
	}
}
