// Package schemas holds the contracts of Gapwise as files, embedded so that the
// binary, the tests and the documentation all use the same ones.
//
//   - events (Events): one JSON Schema (draft 2020-12) a type of study event, envelope and
//     data together. They are what a producer in any language validates against;
//     a test holds the Go decoder of package event to them.
//     testdata/released keeps every schema that was ever released, and a test refuses a
//     change that breaks with one: `make release-schemas` adds what is new there.
//   - clickhouse (ClickHouse): the tables, as numbered migrations.
//
// Each kind of contract has a file here that embeds it, and nothing else: the
// package imports the standard library only, so every package may import it.
package schemas
