// Package embedded runs the two real engines that a self-contained Gapwise needs: a NATS server with JetStream inside
// this process, and the ClickHouse engine as a guarded child process. Nothing here imitates an engine: clients speak
// the same protocols to them as to a cluster.
//
// # Shape
//
// [Start] opens the data folder, starts NATS, then ClickHouse, and writes run.json; [Engines.Close] does the reverse.
// [StartNATS] and [StartClickHouse] can be used alone. The folder holds
//
//	lock, format        one start at a time; which layout the folder has
//	run.json            where the running instance listens (absent when none runs)
//	nats/               JetStream's file store, the passwords of its two users
//	clickhouse/         the engine's generated configuration, its password, data, log and backups
//
// The ClickHouse engine is a shared library (libchdb.so, fetched by `make engine`). It is loaded by a child of this
// same binary, so that the binary is built without cgo, so that a crash of the engine is not a crash of Gapwise, and so
// that its memory can be given back by a restart. A program that starts the engine calls [ChildMain] first thing in
// main (tests: in TestMain); in the child it never returns.
//
// # Guarantees
//
//   - The broker acknowledges a message after fsync (SyncAlways).
//   - One start per data folder: the second gets an error that names the first one's process id. A folder written in
//     a newer layout is refused.
//   - The child never outlives its parent, kill -9 included: it blocks reading a pipe whose only writer is the parent
//     and ends itself at end-of-file; on Linux the kernel's parent-death signal is the second belt. A successor's child
//     waits for the predecessor's to be gone (a file lock held by the child) before it touches the data.
//   - A terminal's Ctrl-C reaches the parent alone (the child has a process group of its own), so that the parent can
//     finish its inserts first.
//   - Both engines listen on loopback only. Passwords are random, made for the data folder, kept in files of mode 0600
//     and never logged. The engine's own session needs a user without a password; that user may do nothing but open
//     listeners and count (see clickhouse_config.go).
//   - The producer user of the broker can publish study events and nothing else: it reads no events, not even by
//     listening to other clients' inboxes.
//
// # Failure
//
// When the child ends unasked it is started again on the same ports, with growing pauses; [ClickHouse.Health] reports
// the outage meanwhile, and [ClickHouse.Exited] delivers the cause once [ClickHouseConfig].MaxRestarts starts in a row
// have failed. An engine whose disk takes no more ends at once, before it can acknowledge what was not written
// (diskerrors.go), and is started again when there is room. Data that the engine acknowledged before a kill is there
// again afterwards. Every refusal to start (folder in use, unwritable, newer; disk low; port taken; library missing or
// for another machine) is an error that says what to do about it. Readiness is found by asking the engine a question,
// never by reading its log.
package embedded
