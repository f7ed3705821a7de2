// Package simulate makes up a cohort that studies a course: the events that its
// learners would write, and what they really know at the end. The demo shows it,
// load tests send it, and the model is judged against its truth.
//
// # The learners
//
// A learner has a general ability and one for each concern around it. Answers
// are practice, which counts less while the concern's prerequisites are missing.
// What was practised is forgotten by a power law of the time since, at a speed of
// the learner's own. An answer is right by knowledge less difficulty, by a lucky
// guess, and wrong by a slip. In some concerns most of the cohort is weak, so
// that a report has something to say. All of this is deliberately another model
// than the one that measures (package mastery): a copy of it would prove nothing.
//
// Learners come back on some days, mostly in the evening, less at weekends, and
// work through the chapters in an order that respects their prerequisites, each
// at their own pace, with looks back at others. Some items are asked far more
// often than others (Zipf: the frequency falls as one over the rank). Answers
// carry what the item allows: the choice taken, or the rubric's points met,
// graded by the learner, a peer or an instructor. Some learners think too much of
// themselves; their self-grades, confidence and ticks show it.
//
// # Guarantees
//
//   - The same Config and course give the same events on every machine and with
//     every Go version: the dice are PCG, whose numbers are specified, no clock is
//     read, and the arithmetic is plain operations and square roots, which IEEE
//     754 rounds alike everywhere. Products are converted before they are added,
//     so that no compiler fuses the two.
//   - Exactly Config.Events different events come, in the order of their times,
//     each learner's joining before anything else of theirs. Config.Late and
//     Config.Repeats break the order or repeat events on purpose.
//   - Ids are unique in a run and differ between runs: sending a run twice adds
//     nothing, and two runs never conflict.
//   - Memory grows with learners (under 1 kB each for a course of 25 concerns) and
//     with the sessions of one day, not with the number of events.
//
// # Failure handling
//
// New tells everything that is wrong with a Config at once. After that nothing
// can fail.
package simulate
