package main

import (
	"context"
	"fmt"
	"time"

	"github.com/gapwise/gapwise/internal/stream"
)

// checkOrigin refuses facts that were projected from another stream than the one
// the broker has now: their sequences mean other events. Who projects notes the
// origin of a generation that has none.
func (g *generations) checkOrigin(ctx context.Context, facts uint32) error {
	created := g.app.log.Created()
	origins, err := g.app.store.Origins(ctx, facts)
	if err != nil {
		return err
	}
	if len(origins) == 0 && g.app.Roles.Projector {
		return g.app.store.SaveOrigin(ctx, facts, created)
	}
	for _, origin := range origins {
		if !origin.Equal(created) {
			return fmt.Errorf("generation %d of facts was projected from a stream %s created at %s, and the broker has one created at %s: "+
				"nothing was changed. Point nats.url at the broker with the first one, or restore it from its backup; "+
				"to go on with this one, start with an empty database (another clickhouse.database, or the folder clickhouse of data.dir moved away), which is filled from the log",
				facts, stream.Name, origin.Format(time.RFC3339Nano), created.Format(time.RFC3339Nano))
		}
	}
	return nil
}
