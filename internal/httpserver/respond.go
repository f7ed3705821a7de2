package httpserver

import (
	"bytes"
	"html/template"
	"io"
	"math"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// ErrorPage renders p as a whole HTML page for a browser. Headers and status
// are set by the caller; the request's context carries the principal, if any. When it fails, a plain page is sent instead.
type ErrorPage func(w io.Writer, r *http.Request, p *Problem) error

// writeProblem sends p as a page or as a problem document.
func (rt *Router) writeProblem(w http.ResponseWriter, r *http.Request, p Problem) {
	p.Instance = RequestID(r.Context())
	h := w.Header()
	// What the handler prepared described another answer.
	h.Del("Content-Length")
	h.Del("Content-Encoding")
	h.Del("Content-Disposition")
	h.Del("Etag")
	h.Del("Last-Modified")
	h.Set("Cache-Control", "no-store")
	h.Add("Vary", "Accept")
	for name, values := range p.Header {
		h[name] = values
	}
	if p.RetryAfter > 0 {
		h.Set("Retry-After", strconv.FormatFloat(math.Ceil(p.RetryAfter.Seconds()), 'f', 0, 64))
	}
	body, contentType := rt.render(r, &p)
	h.Set("Content-Type", contentType)
	w.WriteHeader(p.Status)
	_, _ = w.Write(body) // the recorder below keeps the error for the log
}

func (rt *Router) render(r *http.Request, p *Problem) (body []byte, contentType string) {
	if prefersHTML(r.Header.Values("Accept")) {
		if who := exchangeFrom(r.Context()).who; who != nil { // who may want to sign out
			r = r.WithContext(WithPrincipal(r.Context(), *who))
		}
		for _, page := range []ErrorPage{rt.page, plainErrorPage} {
			var buf bytes.Buffer
			err := page(&buf, r, p)
			if err == nil {
				return buf.Bytes(), "text/html; charset=utf-8"
			}
			rt.log.ErrorContext(r.Context(), "error page failed", "request_id", p.Instance, "error", err)
		}
	}
	body, err := json.Marshal(p, jsontext.AllowInvalidUTF8(true))
	if err != nil { // only strings and an int: it can't
		body = []byte(`{"type":"about:blank","title":"Internal Server Error","status":500}`)
	}
	return append(body, '\n'), "application/problem+json"
}

var plainPage = template.Must(template.New("error").Parse(`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{{.Title}} · Gapwise</title></head>
<body>
<main>
<h1>{{.Title}}</h1>
<p>{{.Detail}}</p>
{{- with .Errors}}
<ul>{{range .}}<li>{{with .Pointer}}<code>{{.}}</code>: {{end}}{{with .Parameter}}<code>{{.}}</code>: {{end}}{{.Detail}}</li>{{end}}</ul>
{{- end}}
{{- if eq .Status 401}}
<p>To sign in, open the link that Gapwise printed when it started, or run <code>gapwise token</code> and open
<code>/sign-in?token=…</code> with what it prints.</p>
{{- end}}
<p><small>Request <code>{{.Instance}}</code></small></p>
</main>
</body>
</html>
`))

// plainErrorPage is the [ErrorPage] without style of anyone.
func plainErrorPage(w io.Writer, _ *http.Request, p *Problem) error { return plainPage.Execute(w, p) }

// prefersHTML reads Accept headers (RFC 9110 §12.5.1): whether the caller
// names text/html and likes it no less than JSON. A wildcard alone is a
// program's way to ask, so it gets JSON.
func prefersHTML(accept []string) bool {
	var page, data float64
	for _, part := range strings.Split(strings.Join(accept, ","), ",") {
		media, params, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		quality := 1.0
		if q, ok := params["q"]; ok {
			if quality, err = strconv.ParseFloat(q, 64); err != nil || !(quality >= 0 && quality <= 1) {
				continue
			}
		}
		switch media {
		case "text/html", "application/xhtml+xml":
			page = max(page, quality)
		case "application/json", "application/problem+json":
			data = max(data, quality)
		}
	}
	return page > 0 && page >= data
}
