// Package store keeps rows in ClickHouse and reads them back.
//
// Two ways lead there. Facts, snapshots and histories go column by column over
// the native protocol, with buffers used again ([Writer], [Store.Histories]);
// reports ask row by row. Both bind parameters, and lists of learners or keys
// travel as tables beside the query.
//
// # Guarantees
//
// Rows may be stored twice before merges: after an error the projector writes a
// batch again, and the sort keys end with the sequence, so that ReplacingMergeTree
// keeps one. Until then every query here takes one row a sequence: streams skip
// a sequence that they have just seen, aggregates count distinct ones. FINAL is
// never used on a hot read. A batch is visible as a whole once its sequences
// are, since they are written last; readers bound what they read by the floor.
//
// # Failure
//
// An error of the server comes without its stack trace. A connection that
// failed is given up. Migrations are numbered, forward-only and idempotent; a
// database that a newer version made is refused.
package store
