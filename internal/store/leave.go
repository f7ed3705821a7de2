package store

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// derivedTables hold what derives from facts, by generation.
var derivedTables = []string{"states", "cohort_weeks"}

// DropDerived deletes all rows of a derived generation. They follow from the facts.
func (s *Store) DropDerived(ctx context.Context, derived uint32) error {
	// First: where snapshots are missing nothing may say that they are complete.
	if err := s.delete(ctx, "state_floors", "generation IN (?)", []uint32{derived}); err != nil {
		return err
	}
	return s.drop(ctx, derivedTables, derived)
}

// DropFacts deletes all rows of a generation of facts. They follow from the log.
func (s *Store) DropFacts(ctx context.Context, facts uint32) error {
	// The sequences go first: a floor says that all rows below it are there.
	if err := s.drop(ctx, factTableNames, facts); err != nil {
		return err
	}
	return s.delete(ctx, "origins", "generation IN (?)", []uint32{facts})
}

// drop deletes the partitions of a generation, whatever came into them meanwhile.
func (s *Store) drop(ctx context.Context, tables []string, generation uint32) error {
	for _, table := range tables {
		var partitions []string
		err := s.conn.QueryRow(ctx, `SELECT groupUniqArray(partition_id) FROM system.parts
WHERE database = currentDatabase() AND table = ? AND active`, table).Scan(&partitions)
		if err != nil {
			return fmt.Errorf("store: list the generations of %s: %w", table, err)
		}
		slices.Sort(partitions)
		for _, id := range partitions { // the generation's number, or that and a span of sequences
			number, _, _ := strings.Cut(id, "-")
			if number != strconv.FormatUint(uint64(generation), 10) {
				continue
			}
			one := clickhouse.Context(ctx, clickhouse.WithParameters(clickhouse.Parameters{"id": id}))
			if err := s.conn.Exec(one, "ALTER TABLE "+table+" DROP PARTITION ID {id:String}"); err != nil {
				return fmt.Errorf("store: drop generation %s of %s: %w", id, table, err)
			}
		}
	}
	return nil
}
