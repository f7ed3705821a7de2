// Package catalog holds courses: the concerns and chapters that a report
// speaks of, and the items whose answers measure them.
//
// A course is a folder of YAML files (docs/catalog.md shows a complete one).
// The guide that ships with Gapwise is such a folder too, embedded in the
// binary; nothing in this package knows more about it than about any other
// course.
//
// # What it guarantees
//
//   - A *Catalog that Builtin, Load, Parse, Decode or Derive returned is valid:
//     ids are slugs and unique in their kind, every link resolves, the weights
//     of an item's concerns sum to 1, prerequisites have no cycle. It is never
//     changed afterwards, so it is safe for concurrent use; callers must not
//     change it either.
//   - Version depends on the content alone. Comments, the order of files and
//     the order of entries don't change it; any other change does. Encode and
//     Decode keep it, so the content of a published catalog proves its version.
//   - Ids are permanent: events carry them for ever. An item that says something
//     else is a new item with a new id.
//
// # Failure handling
//
// Reading a course reports everything that is wrong with it at once, as
// Problems: file, line, what is wrong and how to mend it. Unknown keys are
// errors, since a misspelt key would otherwise lose content in silence.
//
// Lint goes further than loading: it asks whether a course is good enough to
// measure with (reachability, rubrics, placement) and whether it keeps the
// promises that it makes about itself (counts, minimum items). A course that
// lints badly still loads.
package catalog
