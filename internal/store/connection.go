package store

import (
	"context"

	"github.com/ClickHouse/ch-go"
)

// connection is one connection that reads and writes whole columns. It is used by
// one goroutine at a time, opened when it is needed and given up after an error:
// nothing is known of its state then.
type connection struct {
	store  *Store
	client *ch.Client // nil: none is open
}

// do runs a query.
func (c *connection) do(ctx context.Context, q ch.Query) error {
	if c.client == nil || c.client.IsClosed() {
		client, err := c.store.dial(ctx)
		if err != nil {
			return err
		}
		c.client = client
	}
	if err := c.client.Do(ctx, q); err != nil {
		_ = c.client.Close()
		c.client = nil
		return trim(err)
	}
	return nil
}

func (c *connection) close() error {
	if c.client == nil {
		return nil
	}
	return c.client.Close()
}
