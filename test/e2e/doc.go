// Package e2e holds no code: its tests look at Gapwise from outside, as whoever
// installs it does. They build the binary once and run it as real processes with
// real engines, talk to it over HTTP, NATS and the command line, kill it, start it
// again, and count.
//
//   - An excerpt of answers (testdata/excerpt.tsv: made up for this test, 600
//     answers of 8 learners) is imported; what the reports say is compared with the
//     model's formulas written down a second time, in plain arithmetic
//     (reference_test.go). Then the same instance meets repeats, plain NATS, bad
//     input, rows written twice, a stop and a start, and its reports of a past
//     moment must keep every byte.
//   - Everything is killed in the middle of an import, again and again.
//   - The roles run apart, against outside servers; a projector takes over from a
//     killed one.
//   - Starts that can't work end with what to do.
//   - The recipes of docs/extending.md are followed in a copy of the tree, which is
//     built and used.
//   - The block of README.md that re-tags history is run line by line, with events
//     coming in.
//   - The data folder of the release before (testdata/folder-1.tar.gz, made by
//     .ci/folder-fixture) is opened, and its reports keep every byte.
//
// Nothing here waits for a fixed time: tests ask until the answer is there, and
// fail after a minute of asking. Each process has a data folder of its own and
// listens on free ports; what a test leaves running is killed at its end, and a
// test that fails shows the end of its processes' logs.
//
// GAPWISE_CLICKHOUSE_ADDR (with GAPWISE_CLICKHOUSE_USER and _PASSWORD) names an
// outside database, for machines on which the engine library has no build; the
// broker is always the embedded one.
package e2e
