// Package archive keeps the log in files: for a place where the disks are cheaper,
// for another deployment, or to be sure.
//
// # The format
//
// An archive is a folder. manifest.json says what is in it; the events are in files
// events-000001.ndjson.zst and on, compressed with Zstandard, one message of the log
// a line, in the order of the log ([Line]). A message is kept as it was published: as
// JSON where that reads back to the same bytes, else in base64. So dead letters are
// kept too, and lines can be read with zstdcat and jq.
//
// What operators said about the log itself is left out, and counted: retried and
// dropped dead letters, and receipts of erasures. They name sequences of that log,
// which mean nothing in another one, and a new deployment decides with its own code
// what each message is. Requests to forget a learner are kept; they are keyed with
// the secret of the data they were written for, so without that key they forget
// nobody, and what they had deleted isn't in the archive anyhow.
//
// # Guarantees
//
// The manifest is written last, after the files are on disk, and names each with its
// number of messages, first and last sequence, and SHA-256: an export that was
// interrupted has no manifest and is refused, as is one of which a byte changed.
// [Open] checks all files before the first line is read. [Content] is a hash of the
// lines themselves: two exports of the same part of a log have the same, however they
// were cut into files.
//
// An archive may be of a part of the log, by the times at which messages were stored.
// Parts that follow each other give, imported in their order, what the whole gives.
//
// # Failure
//
// A folder that isn't empty is refused, so is one without room. Memory doesn't grow
// with the archive.
package archive
