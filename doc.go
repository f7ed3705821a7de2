// Package gapwise is the Go client for programs that report what learners do:
// answers, checklist ticks, study sessions, cohort memberships. It sends them as
// CloudEvents to the log of a Gapwise deployment, straight to its NATS server.
//
//	client, err := gapwise.Dial(gapwise.Config{
//		URL:    "nats://127.0.0.1:4222",
//		Source: "lms.example.org/quiz",
//	})
//	…
//	id, err := client.Emit(ctx, gapwise.Event{
//		Learner: "ada",
//		Data:    &gapwise.Answer{Item: "q-17", Score: 1},
//	})
//
// # What it promises
//
// An event that Emit took is sent until the log has it on disk: a batch that failed
// is sent again after a growing, random time. The event's id makes that safe.
// Whatever is sent twice, now or by a rerun of the program, counts once, if id and
// content are the same. So take ids from your own records where you can.
//
// With Config.Outbox that holds beyond the life of the program. Emit returns when
// the event is synced to disk; it leaves the disk when the log has confirmed it. The
// program may be killed, the machine lose power, the broker be away, also at Dial:
// the next client that opens the folder sends what is left, first. An outbox is
// bounded; when it is full, Emit waits or fails with ErrFull, which says how many
// events wait, where, and since when.
//
// The events of one learner reach the log in the order in which they were emitted: a
// later one is sent only when the log has, or has refused for good, every earlier
// one. What is sent again, since the log's answer got lost, may appear in the log a
// second time, behind later ones, and is dropped there as a repeat. Calls of Emit at
// the same time have no order, and two clients know nothing of each other.
//
// # What it doesn't
//
// Without an outbox, events that are not confirmed are in memory only. A program
// that ends without Close, or dies, loses them: at most BufferBytes. It learns what
// is safe from OnResult or Flush.
//
// With an outbox, Close with a context that ends leaves the rest there. It says so
// with ErrKept; nothing is lost, and OnResult is told of those events when a later
// client has sent them. What the log will never take, an event too large for it, is
// moved to refused.ndjson in the folder, with the reason, and told to OnResult and
// Logger: it doesn't hold up the others, and it stays until a person removes it. The
// outbox holds personal data while the log is away, readable for its owner only; it
// is as safe as its disk, and damage to it is an error that says where, never a gap.
//
// # How it works
//
// Emit validates with the same code that later reads the log, so that what is
// refused is refused at once, and puts the event in one of two lanes by its
// learner. A lane sends one batch at a time; while the log writes it to disk, the
// next collects. Batches of both share an atomic batch in the log when they meet.
// When the log is slow or away, the buffer fills and Emit waits.
//
// With an outbox Emit puts the event there instead, and the lanes are fed from it in
// order, as far ahead as BufferBytes allows. One sync to disk serves all who emit at
// the same time: a program that emits from one goroutine waits for the disk each time.
package gapwise
