// Package archive keeps the log in files: for a place where the disks are cheaper,
// for another deployment, or to be sure.
//
// # The format
//
// An archive is a folder. manifest.json says what is in it ([Manifest]); the messages
// are in files events-000001.ndjson.zst and on, half a million each, compressed with
// Zstandard, one message of the log a line ([Line]), in the order of the log. A message
// is kept as it was published, to the last byte: as JSON where that reads back to the
// same bytes, else in base64. So dead letters are kept too, and lines can be read with
// zstdcat and jq. SHA256SUMS has the hashes of all of it, for sha256sum -c.
//
// With each message goes when its first log stored it. Whether an event was too far
// ahead is judged by that time, and reports as of a time go by it: so a message must
// not become younger by being put back.
//
// What operators said about the log itself is left out, and counted: retried and
// dropped dead letters, and receipts of erasures. They name sequences of that log,
// which mean nothing in another one. That a dead letter was dropped is told on its own
// line instead; that one was retried needn't be, since a new deployment decides with
// its own code what each message is; and what an erasure deleted isn't there, so it
// needs no receipt. Requests to forget a learner are kept; they are keyed with the
// secret of the data they were written for, so without that key they forget nobody.
//
// # Guarantees
//
// SHA256SUMS is written last, after everything else is on disk: an export that was
// interrupted has none and is refused. No byte of any file can change unnoticed: [Open]
// checks all of them before the first line is read, and says in which file, from which
// line on, something is damaged. Lines are compressed a thousand at a time, each
// thousand with a checksum, so what lies before can be told to be good.
//
// [Manifest.Content] is a hash of the lines themselves: two exports of the same part of
// a log have the same, however they were cut into files.
//
// An archive may be of a part of the log, by the times at which messages were stored.
// Parts that follow each other hold, put back in their order, what the whole holds.
//
// # Failure
//
// A folder that isn't empty is refused, so is one without room. Memory doesn't grow
// with the archive: a thousand lines, or one message of the largest size, are held at a
// time.
package archive
