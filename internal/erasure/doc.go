// Package erasure forgets learners: it deletes their messages from the log and
// their rows from the tables, and leaves a receipt.
//
// # The way of an erasure
//
// A request is an event, study.learner.erased.v1, that names the learner by HMAC
// only. Once it is projected, [Eraser.Sweep] goes through these steps for each
// learner of whom anything is left:
//
//  1. A [Plan] is kept in the broker: which sequences are to go.
//  2. Each of their messages is overwritten in the log and removed.
//  3. Every row with the HMAC is deleted, in all generations, and the parts of
//     tables that held them have left the disk.
//  4. The receipt, study.learner.forgotten.v1, is published with the sequences
//     of the plan, and the plan is dropped.
//
// So there is a receipt only for what is gone, and what is missing from the log is
// listed in a receipt or in a plan that is being carried out.
//
// # Failure
//
// Every step may be done again. A process that dies in the middle leaves the plan;
// whoever projects next goes on with it. The receipt has the same id and content
// however often it is published, so it counts once.
//
// # What comes later
//
// The id is refused at the door. What reaches the log by another way is projected
// as a sequence with the outcome erased, no fact, and the next sweep deletes it
// with a receipt of its own. Rows that a stopped projector writes when it wakes,
// or that an older copy of the database brings back, are found by the sweeps at
// the start of each projection and every few minutes.
//
// # Older copies of the log
//
// The list of requests is also kept beside the keys ([List]), which are not in
// the backups. When a log is restored that doesn't know a request yet, the request
// is published to it again, word for word.
package erasure
