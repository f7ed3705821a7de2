package store

import (
	"context"
	"fmt"
	"time"
)

// Origins returns when the streams were created that a generation of facts was
// projected from: none before its first start, one after.
func (s *Store) Origins(ctx context.Context, facts uint32) ([]time.Time, error) {
	var nanos []int64
	err := s.conn.QueryRow(ctx, "SELECT arraySort(groupUniqArray(toUnixTimestamp64Nano(created))) FROM origins WHERE generation = ?", facts).
		Scan(&nanos)
	if err != nil {
		return nil, fmt.Errorf("store: read the origin of generation %d: %w", facts, err)
	}
	list := make([]time.Time, len(nanos))
	for i, n := range nanos {
		list[i] = time.Unix(0, n).UTC()
	}
	return list, nil
}

// SaveOrigin stores which stream a generation of facts is projected from. Storing
// it again is harmless.
func (s *Store) SaveOrigin(ctx context.Context, facts uint32, created time.Time) error {
	err := s.conn.Exec(ctx, "INSERT INTO origins (generation, created) VALUES (?, fromUnixTimestamp64Nano(?, 'UTC'))", facts, created.UnixNano())
	if err != nil {
		return fmt.Errorf("store: write the origin of generation %d: %w", facts, err)
	}
	return nil
}
