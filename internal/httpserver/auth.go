package httpserver

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"
)

// SessionCookie holds a browser's token.
const SessionCookie = "gapwise_session"

// authenticator finds out who sent a request.
type authenticator struct {
	keys        *Keys
	revocations Revocations
	sameOrigin  *http.CrossOriginProtection
}

// identify returns the request with its principal. On a public route a missing
// or bad token means no principal; elsewhere it is a problem. Requests that
// change something without a bearer token must come from our own pages.
func (a authenticator) identify(r *http.Request, public bool) (*http.Request, error) {
	token, bearer, err := tokenOf(r)
	if !bearer {
		if err := a.sameOrigin.Check(r); err != nil {
			return r, Forbidden("this request came from a page of another site; use a page of Gapwise, or a bearer token").
				Because(err)
		}
	}
	var p Principal
	if err == nil {
		p, err = a.verify(token)
	}
	switch {
	case err == nil:
		return r.WithContext(WithPrincipal(r.Context(), p)), nil
	case public:
		return r, nil
	default:
		return r, err
	}
}

// verify returns the principal of a token that is good and not revoked, else
// the problem to answer.
func (a authenticator) verify(token string) (Principal, error) {
	p, err := a.keys.Verify(token)
	if err == nil && a.revocations != nil && a.revocations.Revoked(p.TokenID) {
		err = ErrTokenRevoked
	}
	if err != nil {
		problem := Unauthorized("%s; get a fresh token (operators: `gapwise token`)", err).Because(err)
		problem.Header.Set("Www-Authenticate",
			fmt.Sprintf(`Bearer realm="gapwise", error="invalid_token", error_description=%q`, quotable(err)))
		return Principal{}, problem
	}
	return p, nil
}

// quotable is the sentinel's text alone: a fixed string that fits a header.
func quotable(err error) string {
	for _, known := range []error{ErrTokenExpired, ErrTokenKey, ErrTokenRevoked} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	return ErrTokenInvalid.Error()
}

// tokenOf takes the token from the Authorization header, else from the cookie.
func tokenOf(r *http.Request) (token string, bearer bool, err error) {
	if header := r.Header.Get("Authorization"); header != "" {
		scheme, rest, _ := strings.Cut(header, " ")
		token = strings.TrimSpace(rest)
		if !strings.EqualFold(scheme, "Bearer") || token == "" {
			return "", true, Unauthorized("the Authorization header must read: Bearer TOKEN")
		}
		return token, true, nil
	}
	if cookie, err := r.Cookie(SessionCookie); err == nil && cookie.Value != "" {
		return cookie.Value, false, nil
	}
	return "", false, Unauthorized("this needs a token, sent as Authorization: Bearer TOKEN, or signing in with a browser")
}

func (rt *Router) addSession() {
	rt.Handle("GET /sign-in", rt.signIn, Public())
	rt.Handle("POST /sign-out", rt.signOut, Public())
}

// signIn turns the token of a sign-in link into a session cookie and goes to
// the local path in next, or to the front page.
func (rt *Router) signIn(w http.ResponseWriter, r *http.Request) error {
	token := r.URL.Query().Get("token")
	if token == "" {
		return Unauthorized("this page is opened by a sign-in link, which carries a token")
	}
	p, err := rt.auth.verify(token)
	if err != nil {
		return err
	}
	exchangeFrom(r.Context()).role = p.Role
	setSession(w, r, token, p.Expires)
	next := localPath(r.URL.Query().Get("next"))
	http.Redirect(w, r, next, http.StatusSeeOther) //nolint:gosec // G710: localPath lets no other host through
	return nil
}

// signOut forgets the cookie. The token itself lives on: revoke it to end it.
func (rt *Router) signOut(w http.ResponseWriter, r *http.Request) error {
	setSession(w, r, "", time.Unix(1, 0))
	http.Redirect(w, r, "/", http.StatusSeeOther)
	return nil
}

func setSession(w http.ResponseWriter, r *http.Request, token string, expires time.Time) {
	w.Header().Set("Cache-Control", "no-store")
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // G124: Secure would keep the cookie off plain loopback
		Name:     SessionCookie,
		Value:    token,
		Path:     "/",
		Expires:  expires,
		HttpOnly: true,
		Secure:   r.TLS != nil || listenerFrom(r.Context()).behindProxy,
		SameSite: http.SameSiteLaxMode, // sign-in links are opened from mails and terminals
	})
}

// localPath returns next when it is a path on this server, else "/". Browsers
// read "//host" and "/\host" as other hosts and drop tabs and line ends.
func localPath(next string) string {
	u, err := url.Parse(next)
	odd := func(r rune) bool { return r == '\\' || unicode.IsControl(r) }
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil ||
		!strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.ContainsFunc(next, odd) {
		return "/"
	}
	return next
}
