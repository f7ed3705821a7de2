// Package project turns the log into tables: pure functions from events to
// rows, the loop that carries batches of them to the store, and the fold from
// facts to what a learner knows.
//
// # Facts
//
// [Projector.Run] reads the log in sequence order, from the first sequence that
// the store lacks. Each batch goes through the same steps: decode all messages
// (in parallel, they are independent), look up which keys the store has seen,
// decide for every sequence what it is (a fact, a duplicate, a conflict, a dead
// letter), let the functions in [All] add rows, and write. The rows of facts are
// written first and the rows of [Sequence] last: those are the commit marker.
//
// # Exactly once
//
// The data is the checkpoint. Every row carries its stream sequence, and what a
// batch writes is a function of the log alone, so writing it twice gives equal
// rows and every reader takes one row a sequence. Batches are committed in order,
// one at a time, so the highest committed sequence is the floor: after a start, a
// lost lease or an error the projector asks the store for it and goes on there.
// While one batch is committed the next one is looked up and decided, and the one
// after that is read and decoded. What the store can't tell yet of repeats is then
// known from the batch before; when that batch fails, all after it are given up.
// Most keys were never seen, and a Bloom filter of all keys of the generation, read
// from the store at the start, says so without asking it; each key that it can't
// rule out is looked up.
// A projector that was stopped and wakes can only write again what another one
// wrote meanwhile. The first valid event of a key holds, so a rebuild decides
// alike.
//
// # Failure
//
// What can't be decoded becomes a dead letter with its reason, and the loop goes
// on: one bad message never stops its neighbours. When the store is slow or away
// the loop holds three batches and asks again, with pauses; the log keeps the rest.
//
// # State
//
// What a learner knows at sequence S is a pure function of that learner's facts
// up to S, folded in (event time, key) order by the model. [Histories] computes
// it from the latest snapshot at or before S and the facts after it, and
// [Deriver] writes a snapshot at every [SnapshotEvery]th fact of a learner, so
// where snapshots lie doesn't depend on batches. A late fact or a void that
// reaches behind the snapshot refolds that learner from the first fact. The
// projector and every report use the same fold, and a report about the past is
// the same computation with a smaller S.
package project
