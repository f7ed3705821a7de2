// Package recommend finds out whether the recommended topics (mastery.Rank) help
// learners: it lets the same simulated learners study by several policies and
// compares what they know at an exam. "gapwise bench recommend" prints it, the
// tests hold it.
//
// # The learners
//
// The truth is deliberately another model than the one that measures. There are
// no logits: a learner's knowledge of each of 25 topics is a share, 0 to 1. An
// item is about two topics, in parts of .7 and .3, and its hardness divides the
// odds of the knowledge of both; a guess may hit and a slip may miss. Every answer,
// right or wrong, teaches a share of what is missing, and each such lesson fades by
// a power law of its own age (as traces do in Anderson & Schooler 1991). Of a
// lesson only a part arrives while the topic's prerequisites are missing: a smooth
// threshold of the true knowledge of each. Learners differ in ability, in what
// they know of each topic and in how fast they forget. The course has the shape of
// the built-in guide: its importances and prerequisites, twelve items a topic.
//
// # The protocol
//
// After some answers to random topics come 14 days of study with five blocks of
// three answers on one topic, and on day 18 the exam: the knowledge of all topics,
// weighted by importance. The gain is what the same learner with the same warm-up
// has more than without any study.
//
// A policy chooses the topic of each block. Ours asks the real mastery.Rank, with
// estimates of the starting model that have been folded from the simulated answers
// by the real mastery.Update; it knows topics, levels, tags, importances and
// prerequisites, as a deployment does, and nothing of the truth. The others are
// any topic, the one not practised for longest, the one with the lowest accuracy
// so far, the one with the lowest estimated mastery, and an oracle, which knows the
// truth and takes the block that adds most to the exam by itself: no upper bound,
// but far more than anybody can know.
//
// The four regimes are the base; one without gating, where the declared
// prerequisites mean nothing; fast forgetting; and learners of whom little is
// known, with five answers for a warm-up instead of thirty.
//
// # What keeps it honest
//
// The truth's parameters were chosen by what random and oracle reach, which do not
// depend on ours: so that two weeks teach something without teaching everything,
// and that there is something to win by a good choice. A test draws other truths at
// random (guesses, slips, abilities, lessons, gates, memories) and asks the same of
// them: a policy that needs these very numbers would fail there. The policy itself
// was changed where this showed a weakness: docs/decisions/0016.
//
// # Guarantees
//
// The same configuration gives the same bits on every machine and with any number
// of workers. Every draw is a function of the seed and of what it is for, not of
// what was drawn before, so that a learner meets the same questions of a topic in
// the same order and with the same luck under every policy: differences are paired
// by learner, and their standard errors small. The arithmetic is plain operations
// and square roots, which IEEE 754 rounds alike everywhere; products are converted
// before they are added, so that no compiler fuses the two; sums are taken in the
// order of the learners.
//
// # Failure
//
// Run refuses a configuration that measures nothing, and ends when its context
// does. Nothing else can fail.
package recommend
