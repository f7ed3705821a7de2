package schemas

import "embed"

// ClickHouse holds the numbered, forward-only migrations of the database.
// Every statement is idempotent and ends with a semicolon at the end of a line.
//
//go:embed clickhouse/*.sql
var ClickHouse embed.FS
