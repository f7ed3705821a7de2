// Package outbox keeps events on disk until the log has them, so that a producer
// that dies, or finds no log for a while, loses none.
//
// # How it is kept
//
// An outbox is a folder of segments: files of some megabytes to which records are
// appended, one an event. Append returns when its records are synced to disk; calls
// made at the same time share one sync. Next hands the records out in the order in
// which they were appended, once in the life of an Outbox. Ack takes them back in
// any order, and a segment goes as soon as each of its records came back; the one
// being written is emptied instead. So what the log has soon leaves the disk, and a
// drained outbox holds no byte of a learner, but what was refused.
//
// Acknowledgements are nowhere else. Whoever opens the folder after a crash is
// handed all records of the segments that are left, also some that the log has
// already. The ids of the events make that harmless.
//
// # When something fails
//
// A record carries its length, a checksum, and how much of its segment was synced
// when it was written. A crash may leave the end of the last segment torn; nobody
// was told that those records are safe, and Open cuts them off and logs it. A
// record that is broken although it was synced is a *DamageError, which says
// where it is and what to do: nothing is skipped in silence.
//
// A write that fails, as on a full disk, is undone and its Append fails; the next
// may succeed. After a sync that failed nobody knows what the disk has: the outbox
// takes nothing more until it is opened again.
//
// An outbox is bounded in bytes on disk. Beyond, Append waits or fails with a
// *FullError. A file lock keeps other processes out. An event that the log will
// never take is moved to refused.ndjson with the reason, where a person finds it.
package outbox
