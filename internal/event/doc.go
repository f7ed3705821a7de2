// Package event holds the envelope, types, validation and keys of study events.
package event
