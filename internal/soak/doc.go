// Package soak breaks a whole deployment on purpose while producers send to it, and
// compares what came of it with a model of what was acknowledged.
//
// # A schedule
//
// [Run] runs one schedule. A seed decides its [Plan]: who sends what in which order
// (answers, ticks, sessions; repeats, contradictions, voids before and after their
// answers, late events, clocks that are up to ten minutes wrong, messages that are no
// events), and which faults come when. The clock of the faults is the number of
// messages acknowledged so far, never the time of day, so a seed breaks the same things
// at the same places. What the operating system does in between isn't decided by it: a
// seed that failed once may need a few runs to fail again. The times of events are
// relative to the schedule's start.
//
// # What is real
//
// Broker, database engine, ingest, two projectors and query are processes of the same
// binary, started again when they end as a supervisor of services would. Every
// connection between them goes through a [Link] in this process, which can drop, break,
// delay or half-open it. Broker and engine keep their files on small file systems of
// their own, which can be full; hence the mount namespace in which a soak runs
// ([MountsAttributes]). The links are of this package because a half-open connection
// must stay dead while new ones work: proxies that only switch toxics on and off close
// it, or let it go on with a hole.
//
// # The model
//
// When all is healed, [NewModel] reads the log and holds it against what was sent:
// everything that was acknowledged is there, and nothing else. The log's order decides
// which of two contradicting events holds; from that alone follow the outcome of every
// sequence and each learner's answers. [Model.Report] folds these from scratch. Of the
// product the model uses the arithmetic of the model and the course, neither the
// projection nor the database.
//
// # Failure
//
// What differs is in [Result].Wrong, a process that panicked too; the schedule's folder
// then stays, with every process's log, a diary of the faults and the files of broker
// and engine. A process that gives up and is started again is no failure, but counted.
package soak
