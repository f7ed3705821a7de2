// Package replay makes new generations of the tables beside the live one, and
// moves the pointer between them: a rebuild is a safe, visible, reversible act.
//
// # Generations
//
// A generation of facts is what decoding the log gave. A derived generation is
// what those facts mean through one catalog and one model, for all of history. A
// [Generation] is one of each. [State] is the value of the pointer and names those
// that there are:
//
//	active     answers requests
//	candidate  is being built, or is ready to be activated
//	kept       was active before: the way back
//	leaving    is of no use any more; its rows are being deleted
//
// All of the first three are written with every event that comes, so activating
// the candidate and going back to the kept one lose nothing. Whatever changes the
// state does so by one compare-and-set, so of two that want something at the same
// time one is told to look again. Each request reads the pointer once.
//
// # A replay
//
// [Replays.Start] chooses from where: from the facts where only the catalog or the
// model changes, from the log otherwise. The process that projects builds the
// candidate ([Builder]): it decodes the log into facts of their own, unless those
// there are do, folds every learner, and compares the outcome with the active
// generation. Live projection goes first whenever it falls behind.
//
// # Guarantees
//
//   - Nothing that people read changes until the candidate is activated, and then
//     all of it does, at one moment: [State.Since]. That moment lies a little ahead
//     when it is agreed on, so that every process knows of it in time. A report
//     that tells a time before it was computed by the generation before, and one
//     that tells a later time by the new one.
//   - Going back is exact: the kept generation holds every event that came since.
//   - A build that is killed goes on where it was: facts from their floor, learners
//     from the last page of them that was done.
//   - Of what is cancelled or dropped nothing remains in the tables.
//
// # Failure
//
// While the log or the database is away a build waits and tries again, and tells
// so in its progress. The state says what is to be done; whichever process
// projects next does it.
package replay
