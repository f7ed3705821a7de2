// Package ingest is the door for events over HTTP: POST /v1/events.
//
// A request carries one event, a JSON array of them or one a line. Each is
// decoded, held against the catalog and against the caller's rights on its own:
// one bad event never rejects its neighbours. What passes is published to the
// log, the events of one learner in the order of the request, and the answer is
// given only after the log has stored it. An answer other than 200 (or 422 and 403 for a single event)
// means: send all again. Ids make that safe, since the log recognises quick
// repeats and the projection drops the late ones.
//
// The door knows neither broker nor database: a [Publisher] stores messages and
// [Members] answers who belongs to a cohort. When the publisher says that there
// is no room or no connection, the caller gets 503 with Retry-After and nothing
// is kept here: memory is bounded by the bodies in flight, whose number and size
// the HTTP server bounds.
package ingest
