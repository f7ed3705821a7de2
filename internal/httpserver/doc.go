// Package httpserver is the HTTP floor under every Gapwise route: it turns
// errors into answers, says who is calling, bounds what a caller may use, and
// starts and stops the listener. It knows no study event and no report.
//
// # Errors
//
// A handler returns an error ([HandlerFunc]) and never writes one. [Router]
// turns it into an answer once: an RFC 9457 problem document, or, for a caller
// that prefers text/html, a small page. A [Problem] carries a public sentence
// and a private cause; the cause is logged with the request id and never
// shown. Any other error, and any panic, is answered 500 with a generic
// sentence. An error after the first byte of the answer cuts the connection,
// so that half an answer is never taken for a whole one. A caller that went
// away is no error: it is logged with status 499 and counted as such.
//
// # Who is calling
//
// A route needs a principal unless it is [Public]. A principal comes from a
// signed token in the Authorization header or, for browsers, in a cookie that
// GET /sign-in sets. Tokens are JWTs, HS256 and nothing else, signed with the
// newest key of a key file ([OpenKeys]) and verified with any key in it.
//
// Rotation: [Keys.Rotate] adds a key. Every running process reads the file
// again within a second, signs with the new key and goes on accepting the
// older ones; Rotate drops a key once no token that it signed can be alive.
// To end all tokens of a leaked key at once, remove that key from the file. A
// file that can't be read keeps the keys read last and fails readiness
// ([Keys.Check]). Single tokens end by [Revocations].
//
// Requests that change something and carry no bearer token must come from the
// same origin (Sec-Fetch-Site, or Origin against Host): a cookie alone never
// authorises another site's form. The sign-in link carries a token in its
// query, so queries are never logged, no page sends a referrer, and the link
// is replaced at once by a redirect to a local path.
//
// Rights over learners, cohorts and sources belong to the owners of routes;
// this package offers [RequireRole], [Roles] and the [Principal] helpers.
//
// # Bounds
//
// Each principal has a token bucket (429), the process has a number of
// requests, of streams and of request-body bytes in flight (503). Both answers
// carry Retry-After; nothing was done, so all may be sent again. Bodies are
// bounded for each route (413), time is bounded for each route (408 while
// reading, 503 while answering). Health and metrics are never refused, so that
// an overloaded process can still be seen.
//
// # Machines
//
// /healthz says that the process answers and is open to all. /readyz lists
// each check by name and is open too; why a check fails is told to operators
// and to callers on this machine. /metrics answers operators, callers on this
// machine, and everyone when [Options.OpenMetrics] says so. "On this machine"
// means: a loopback connection, to a loopback host name, that came through no
// proxy.
//
// # Logs
//
// One line a request: request_id, method, route, status, bytes, duration_ms,
// role, and the error's private text. The route is the pattern, never the
// path, for paths name learners; tokens, queries and addresses are never
// logged. Requests of machines are logged at debug.
//
// # Stopping
//
// [Server.Run] serves until its context ends, then stops softly: no new
// connections, streams end, running requests finish, and what still runs after
// the grace is cut and reported. Listening beyond loopback without TLS, own or
// of a declared proxy, is refused. A renewed certificate is taken at the next
// start.
package httpserver
