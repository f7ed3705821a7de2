package event

import "time"

// The limits of an event. Lengths are bytes of UTF-8.
const (
	MaxEvent       = 1 << 20 // the whole event, as JSON
	MaxPublication = 8 << 20 // the whole event, for catalogs and models

	MaxEventID  = 256 // the envelope's id, and the id of a voided event
	MaxSource   = 256
	MaxSubject  = 128
	MaxID       = 128 // items, topics, cohorts, sessions, chapters, rubric points, versions, requests
	MaxResponse = 16 << 10
	MaxNote     = 2 << 10 // notes and reasons

	MaxRanges = 512 << 10 // sequences of an erasure or its receipt, as text

	MaxPoints     = 64
	MaxAttempt    = 65535
	MaxConfidence = 5
	MaxDuration   = 7 * 24 * time.Hour // of one answer
	MaxActive     = 24 * time.Hour     // in one session; more is most likely milliseconds

	// MinYear and MaxYear bound times in UTC: what a ClickHouse DateTime64(6) holds.
	MinYear = 1900
	MaxYear = 2299

	// MaxAhead is how far a time may lie in the future.
	MaxAhead = 24 * time.Hour
)

// maxSequence is the last whole number that JSON readers everywhere hold exactly.
const maxSequence = 1<<53 - 1
