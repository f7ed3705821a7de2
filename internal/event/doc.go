// Package event is the language of Gapwise: what a study event is, when it is
// valid, and when two of them are the same.
//
// An event is a CloudEvents 1.0 JSON object. Decode turns the bytes into a
// validated Event; Encode and New are the way back for our own producers. All of
// it is pure: no clock (CheckTime takes the time), no catalog, no configuration.
// So decoding the log again gives the same facts, whenever and wherever it is done.
//
// # What is accepted
//
// The JSON Schemas in schemas/events say for each type what is valid, and a test
// holds the decoder to them. Beyond what a schema can say:
//
//   - the JSON has no name twice in an object and is valid UTF-8 throughout;
//   - lengths are bytes of UTF-8, and the whole event has at most MaxEvent bytes
//     (MaxPublication for catalogs and models);
//   - the bounds of a year hold in UTC;
//   - the subject of an erasure or its receipt is its learner_hmac;
//   - the sequences that either lists ascend and are written in the fewest ranges.
//
// Attributes and data fields that the schemas don't name are accepted, and kept
// where the message itself is kept. null is the same as absent, as CloudEvents
// rules for attributes. Numbers count by value: an attempt of 2.0 is 2.
//
// An answer has correct, score or both. With both the score holds; correct: true
// with a score of 0 and correct: false with a score of 1 are refused, because one
// of the two must be a mistake. What lies between is for the producer to name.
//
// # Errors
//
// A refused event yields everything that is wrong with it: one Error or a list of
// them, each with a stable code, the field, and how to mend it. An error never
// quotes a subject, an id or a response, so reports and logs may hold it after a
// learner is erased. IDOf and SubjectOf read what they can from a refused event,
// for whoever reports it or has to find it again.
//
// # Identity
//
// The key is SHA-256(source, 0x00, id), first 16 bytes. The content hash is the
// first 8 bytes of
//
//	SHA-256(type, 0x00, subject, 0x00, time, 0x00, data)
//
// of UTF-8 text: time in UTC with six decimals (2026-03-01T09:30:00.000000Z, further
// digits cut), data in the canonical form of RFC 8785 with all its fields, the
// unknown ones included. Key order, white space and the spelling of numbers, strings
// and time zones therefore don't matter; a field set to null and a field left out do
// differ, as do "correct": true and "score": 1. Numbers count as float64; those beyond
// its range count as its greatest value. The other attributes take no part, so a
// changed trace context makes no conflict. For
//
//	{"specversion":"1.0","id":"1","source":"/quiz","type":"study.answer.submitted.v1",
//	 "subject":"ada","time":"2026-03-01T10:30:00+01:00","data":{"score":1.0,"item":"q1"}}
//
// the key is what
//
//	printf '/quiz\0001' | sha256sum | cut -c1-32
//
// prints and the content what
//
//	printf 'study.answer.submitted.v1\0ada\0%s\0%s' \
//	  2026-03-01T09:30:00.000000Z '{"item":"q1","score":1}' | sha256sum | cut -c1-16
//
// prints. NUL separates safely since sources, subjects and types can't hold it. A
// source or id never comes from time, so events from before any epoch have keys too.
//
// # Changing a type
//
// A type never changes its meaning: a change is a new name, …v2, with a schema of
// its own. The old name is read for ever, in the shape that it had; an upcaster, a pure
// function, brings that into the shape of the next version, and so on to the newest
// (see definitions). The rest of the system knows the newest shape only, and nothing
// writes an old name any more. Event.Type stays what was sent, and so do key and
// content: a repeat stays a repeat. The same id sent again as the newer version is
// other content, and a conflict.
//
// An optional field may join a type at any time, because unknown fields have been
// accepted and hashed from the start. What else may change is what a test in package
// schemas lets pass; docs/extending.md tells how to add a type, and a version.
//
// # Speed
//
// Decode runs for every event of every replay. It reads the JSON once, notes where
// the members lie, and copies only the strings that it returns: seven allocations for
// an answer. Members in plain spelling are already canonical and are hashed as they
// stand; the JSON library canonicalises the rest.
package event
