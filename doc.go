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
// An event that Emit took is sent until the log has it on disk, as long as the
// program runs: a batch that failed is sent again after a growing, random time.
// The event's id makes that safe. Whatever is sent twice, now or by a rerun of the
// program, counts once, if id and content are the same. So take ids from your own
// records where you can.
//
// The events of one learner reach the log in the order in which they were
// emitted, except that some may overtake others that had to be sent again. Nothing
// depends on that: learning is computed in the order of the events' times.
//
// # What it doesn't
//
// Events that are not confirmed are in memory only. A program that ends without
// Close, or dies, loses them: at most BufferBytes. It learns what is safe from
// OnResult or Flush.
//
// # How it works
//
// Emit validates with the same code that later reads the log, so that what is
// refused is refused at once, and puts the event in one of two lanes by its
// learner. A lane sends one batch at a time; while the log writes it to disk, the
// next collects. Batches of both share an atomic batch in the log when they meet.
// When the log is slow or away, the buffer fills and Emit waits.
package gapwise
