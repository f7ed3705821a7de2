// Package dataset reads files of answers that were collected elsewhere: one row
// an answer, tab- or comma-separated, with a header. It turns rows into study
// events for an import, into the items and skills of a derived course, and into
// a compact table for the evaluation of models.
//
// # The format
//
// The header decides: if it holds a tab, the file is tab-separated and quotes
// are ordinary characters; otherwise it is comma-separated with quotes as in
// RFC 4180. Text is UTF-8, with or without a byte order mark; lines end in LF or
// CRLF; blank lines don't count as rows. Columns says which column holds what;
// columns that it doesn't name are ignored.
//
//	user     the learner, not empty
//	item     the item, not empty
//	time     seconds since 1970 (fractions allowed) or RFC 3339; 0: only the order is known
//	correct  0, 1, true, false or a score between 0 and 1
//	skills   names separated by ";", may be empty; never one row a skill
//
// # From row to event
//
//   - The id is the hash of the source, the user and the user's row number (see
//     EventID), so importing a file a second time adds nothing, and a file that
//     grew at its end adds only what is new. Rows with problems count, provided
//     that their user can be read: mending one doesn't renumber the others.
//   - Time 0 becomes the base plus the row's number in the file, in seconds; the
//     first row after the header is number 1.
//   - The item becomes its catalog.Slug, as in the course derived from the file.
//   - Of rows of one user with equal times, the second is moved by one
//     microsecond, the third by two and so on, so that their order holds.
//
// # Guarantees
//
// Rows come in the order of the file. Memory grows with the number of users,
// and by eight bytes for each row that carries a time (to find equal times in
// files that aren't sorted), not with the length of the file.
//
// # Failure handling
//
// A row that can't be used is left out and told as a Problem with line, column,
// value and how to mend it; the rows around it are read all the same, also after
// a quote that is never closed. The first problems are kept, all are counted.
// Wrong columns and a file that can't be read at all are errors.
package dataset
