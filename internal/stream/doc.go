// Package stream is the log of study events in NATS JetStream: how it is stored,
// written and read, and the few small values that the processes of one deployment
// agree on.
//
// # The log
//
// One stream, STUDY, holds every event in the order the broker gave it; its
// sequence is the only order there is. Events about one learner share one of 64
// subjects, so work can be divided without losing their order. Nothing leaves
// the log by age or number; a full one refuses new events. The stream allows to
// delete single messages, which an erasure needs.
//
// # Writing
//
// Publish stores messages in atomic batches. With a broker that syncs every
// write (sync_interval: always) a batch costs one fsync, a single message costs
// one too; so calls made at the same time are joined into one batch, without
// waiting for company: while one batch is being written, the next collects. Below
// 32 messages a batch costs the broker more than it saves.
// Nats-Msg-Id makes a repeat within half a minute harmless; an atomic batch with
// one repeat is refused whole, and is then sent message by message.
//
// A failed publish says what remains: ErrLogFull, ErrUnavailable and ErrTooLarge
// promise that nothing was stored, ErrUnknown promises nothing.
//
// A log at its limit of bytes refuses whole batches, a broker at its limit of
// storage may store a part of one and not answer (ErrUnknown). A disk that is
// really full makes the broker answer nothing more until it is started again,
// though nothing that it confirmed is lost: who runs it keeps the disk from that
// by refusing events before.
//
// # Reading
//
// A Reader delivers the log from a sequence on, each message once, in ascending
// order. It acknowledges nothing: who reads keeps its own place, in the database
// that it writes to. A lost connection, a restarted broker and a lost consumer
// are mended by a new consumer after the last message received. A log that ends
// before the reader's place, as after a restore of an older copy, is an error
// and never silence; so is another stream of the same name, which the broker's
// moment of creation tells apart.
//
// # Shared state
//
// The key-value bucket GAPWISE holds pointers changed by compare-and-set, leases,
// and the list of revoked tokens. That list is kept in memory and followed; when
// following breaks it is begun again, and Check tells of it meanwhile.
//
// A lease is held by renewing a key; nobody's clock is compared with another's.
// Who waits for it takes it after having seen the key unchanged for its whole
// time to live, by compare-and-set on what it saw. Its holder counts the same
// time from before its last renewal was sent, so it stops before another
// starts. That holds for processes that run: one that was stopped may write on
// for a moment after it wakes. Leases make that rare; writers must make it
// harmless.
package stream
