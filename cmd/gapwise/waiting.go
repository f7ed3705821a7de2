package main

import (
	"context"
	"time"
)

// lostAfter is how long a gapwise that doesn't answer is asked what became of
// something.
const lostAfter = 20 * time.Second

// waiting asks again and again how something that takes long is getting on. A gapwise
// that is away for a moment is asked on, one that stays away is given up: what became
// of the thing nobody knows then.
type waiting struct {
	client   *client
	path     string
	answered time.Time
}

// wait begins to ask for what a path answers.
func (c *client) wait(path string) *waiting { return &waiting{c, path, time.Now()} }

// ask decodes the answer into v. Without one for now v stays as it is, and that is no
// error; one that asking again won't mend is, and so is silence for too long.
func (w *waiting) ask(ctx context.Context, v any) error {
	err := w.client.get(ctx, w.path, nil, v)
	switch {
	case err == nil:
		w.answered = time.Now()
	case temporary(err) && time.Since(w.answered) <= w.client.lost:
		return nil
	}
	return err
}
