package query

import (
	"context"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/gapwise/gapwise/internal/httpserver"
)

// News is what a listener of GET /v1/stream hears of.
type News struct {
	Floor      uint64 `json:"floor"`   // the last projected sequence
	Last       uint64 `json:"last"`    // the last sequence of the log
	LagMS      int64  `json:"lag_ms"`  // how long the oldest unprojected event has waited
	Answers    uint64 `json:"answers"` // counted ones
	Generation string `json:"generation"`
}

// How often listeners hear at most, and how long a quiet stream stays silent.
const (
	newsEvery = time.Second
	beatEvery = 15 * time.Second
)

// newsroom asks once for all listeners: however many there are, the database is
// asked once a second at most, and not at all without any.
type newsroom struct {
	service *Service

	mu     sync.Mutex
	asked  time.Time
	latest News
}

// news returns what is new, at most newsEvery old.
func (n *newsroom) news(ctx context.Context) (News, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	now := n.service.Now()
	if age := now.Sub(n.asked); age >= 0 && age < newsEvery {
		return n.latest, nil
	}
	p, _, err := n.service.progressOfLog(ctx)
	if err != nil {
		return News{}, err
	}
	n.asked = now
	n.latest = News{Floor: p.Floor, Last: p.Last, LagMS: p.LagMS, Answers: p.Counts.Answers, Generation: p.Generation}
	return n.latest, nil
}

// stream sends news as they happen until the caller leaves. An error of the
// database ends the stream: the browser connects again by itself.
func (n *newsroom) stream(w http.ResponseWriter, r *http.Request) error {
	first, err := n.news(r.Context())
	if err != nil {
		return err // still an answer with a status
	}
	events, err := httpserver.NewEventStream(w)
	if err != nil {
		return err
	}
	send := func(news News) error { return events.Send(strconv.FormatUint(news.Floor, 10), "news", news) }
	if err := send(first); err != nil {
		return err
	}
	tick := time.NewTicker(newsEvery)
	defer tick.Stop()
	sent, quiet := first, time.Duration(0)
	for {
		select {
		case <-r.Context().Done():
			return nil
		case <-tick.C:
		}
		latest, err := n.news(r.Context())
		switch {
		case r.Context().Err() != nil:
			return nil
		case err != nil:
			return err
		case latest != sent:
			sent, quiet = latest, 0
			err = send(latest)
		default:
			if quiet += newsEvery; quiet >= beatEvery {
				quiet = 0
				err = events.Beat()
			}
		}
		if err != nil {
			return err
		}
	}
}
