// Command gapwise is all of Gapwise in one binary: a sub-command starts
// everything, or one part of it, and the others talk to a running one.
//
// The wiring is by hand: [App] lists the parts in the order in which they start;
// they stop in reverse. Every verb has a file of its own.
package main
