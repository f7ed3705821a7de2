// Package architecture holds no code: its tests hold the shape of the whole
// repository, so that whoever opens any folder finds what the others led them
// to expect.
//
//   - Every package has one package comment, in doc.go: its design note.
//   - Packages import only what the table in imports_test.go lets them, and each
//     library has one home.
//   - No file of code is longer than 400 lines.
//   - No test skips: a missing server, browser or file fails and says what to do.
//   - No file names a folder of the machine that it was written on.
//
// A failure says which rule was broken, where, and how to mend it. Rules change
// by a change to the tables here, with the reason beside it.
package architecture
