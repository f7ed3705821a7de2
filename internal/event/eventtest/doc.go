// Package eventtest gives tests an event of every type, so that what has to know every
// type is held to it, those of tomorrow included. An example that can't be read fails
// the test.
package eventtest
