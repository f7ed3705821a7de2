// Package admin serves what operators do to a running Gapwise: look at dead
// letters, have them decoded again or take them off the list, and forget learners.
//
// # Guarantees
//
// Nothing is changed here. What an operator does is an event of the log, so it is
// projected in order with everything else, and a rebuild does it again. An answer
// says what was stored; whether it is done already tells a later question.
//
// Erasures may also be asked for by learners, for themselves alone. From the answer
// on this process refuses the learner's events; other processes do so within
// seconds, and what slips through is erased too.
//
// # Failure
//
// A request that was stored is carried out whatever happens to this process. One that
// failed with 503 may be sent again: asking twice for the same does no harm.
package admin
