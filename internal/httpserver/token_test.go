package httpserver_test

import (
	"encoding/base64"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/golang-jwt/jwt/v5"

	"github.com/gapwise/gapwise/internal/httpserver"
)

func slogDiscard() *slog.Logger { return slog.New(slog.DiscardHandler) }

func openKeys(t testing.TB, path string, now func() time.Time) *httpserver.Keys {
	t.Helper()
	keys, err := httpserver.OpenKeys(path)
	if err != nil {
		t.Fatal(err)
	}
	if now != nil {
		keys.Now = now
	}
	return keys
}

func TestMintedTokensSayWhoTheyAre(t *testing.T) {
	b := newBench(t, nil)
	for _, want := range []httpserver.Claims{
		{Role: httpserver.RoleOperator},
		{Role: httpserver.RoleInstructor, Cohorts: []string{"a", "b"}, Life: time.Hour},
		{Role: httpserver.RoleLearner, Learner: "ada", Life: httpserver.MaxTokenLife},
		{Role: httpserver.RoleProducer, Source: "urn:lms", Cohorts: []string{"a"}},
	} {
		p, err := b.keys.Verify(b.token(t, want))
		if err != nil {
			t.Fatalf("%+v: %v", want, err)
		}
		if p.Role != want.Role || p.Learner != want.Learner || p.Source != want.Source || !slices.Equal(p.Cohorts, want.Cohorts) {
			t.Errorf("principal %+v of claims %+v", p, want)
		}
		life := want.Life
		if life == 0 {
			life = httpserver.DefaultTokenLife
		}
		if !p.Expires.Equal(b.clock.Now().Add(life)) || len(p.TokenID) != 27 || len(p.KeyID) != 27 {
			t.Errorf("principal %+v", p)
		}
	}
}

func TestClaimsAreValidated(t *testing.T) {
	b := newBench(t, nil)
	for _, c := range []struct {
		claims httpserver.Claims
		words  []string
	}{
		{httpserver.Claims{}, []string{"role"}},
		{httpserver.Claims{Role: "admin"}, []string{`"admin"`, "operator"}},
		{httpserver.Claims{Role: httpserver.RoleInstructor}, []string{"at least one cohort"}},
		{httpserver.Claims{Role: httpserver.RoleInstructor, Cohorts: []string{""}}, []string{"empty"}},
		{httpserver.Claims{Role: httpserver.RoleLearner}, []string{"learner's id"}},
		{httpserver.Claims{Role: httpserver.RoleProducer}, []string{"source"}},
		{httpserver.Claims{Role: httpserver.RoleOperator, Learner: "ada", Source: "s", Cohorts: []string{"c"}},
			[]string{"names a learner", "names a source", "names cohorts"}},
		{httpserver.Claims{Role: httpserver.RoleOperator, Life: httpserver.MaxTokenLife + 1}, []string{"a year"}},
		{httpserver.Claims{Role: httpserver.RoleOperator, Life: -1}, []string{"negative"}},
		{httpserver.Claims{Role: httpserver.RoleLearner, Learner: strings.Repeat("a", 257)}, []string{"257 bytes"}},
		{httpserver.Claims{Role: httpserver.RoleInstructor, Cohorts: slices.Repeat([]string{strings.Repeat("c", 200)}, 30)},
			[]string{"fewer cohorts"}},
	} {
		_, err := b.keys.Mint(c.claims)
		if err == nil {
			t.Errorf("%+v was minted", c.claims)
			continue
		}
		says(t, err.Error(), c.words...)
	}
}

// forge signs claims as the test likes, with the secret from the key file.
func forge(t *testing.T, path string, method jwt.SigningMethod, kid any, claims jwt.MapClaims) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Keys []struct {
			ID     string `json:"kid"`
			Secret []byte `json:"secret"`
		} `json:"keys"`
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	token := jwt.NewWithClaims(method, claims)
	if kid == nil {
		kid = file.Keys[0].ID
	}
	token.Header["kid"] = kid
	var key any = file.Keys[0].Secret
	if method == jwt.SigningMethodNone {
		key = jwt.UnsafeAllowNoneSignatureType
	}
	signed, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func TestTamperedTokensAreRefused(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "keys.json")
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	keys := openKeys(t, path, func() time.Time { return now })
	other := openKeys(t, filepath.Join(dir, "other.json"), keys.Now)

	good, err := keys.Mint(httpserver.Claims{Role: httpserver.RoleLearner, Learner: "ada"})
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := other.Mint(httpserver.Claims{Role: httpserver.RoleOperator})
	if err != nil {
		t.Fatal(err)
	}
	claims := func(change map[string]any) jwt.MapClaims {
		c := jwt.MapClaims{"iss": "gapwise", "jti": "id", "role": "operator", "iat": now.Unix(), "exp": now.Add(time.Hour).Unix()}
		for name, value := range change {
			if c[name] = value; value == nil {
				delete(c, name)
			}
		}
		return c
	}
	signed := func(change map[string]any) string { return forge(t, path, jwt.SigningMethodHS256, nil, claims(change)) }
	parts := strings.Split(good, ".")
	promoted := base64.RawURLEncoding.EncodeToString([]byte(`{"iss":"gapwise","jti":"id","role":"operator","exp":99999999999}`))

	cases := []struct {
		name, token string
		want        error
	}{
		{"the forger can forge", signed(nil), nil},
		{"within the clock skew", signed(map[string]any{"exp": now.Add(-29 * time.Second).Unix()}), nil},
		{"empty", "", httpserver.ErrTokenInvalid},
		{"no token", "opensesame", httpserver.ErrTokenInvalid},
		{"other claims", parts[0] + "." + promoted + "." + parts[2], httpserver.ErrTokenInvalid},
		{"no signature", parts[0] + "." + parts[1] + ".", httpserver.ErrTokenInvalid},
		{"algorithm none", forge(t, path, jwt.SigningMethodNone, nil, claims(nil)), httpserver.ErrTokenInvalid},
		{"algorithm HS512", forge(t, path, jwt.SigningMethodHS512, nil, claims(nil)), httpserver.ErrTokenInvalid},
		{"key of another instance", foreign, httpserver.ErrTokenKey},
		{"unknown kid", forge(t, path, jwt.SigningMethodHS256, "nobody", claims(nil)), httpserver.ErrTokenKey},
		{"kid is a path", forge(t, path, jwt.SigningMethodHS256, "../../dev/null", claims(nil)), httpserver.ErrTokenKey},
		{"kid is a number", forge(t, path, jwt.SigningMethodHS256, 7, claims(nil)), httpserver.ErrTokenKey},
		{"expired", signed(map[string]any{"exp": now.Add(-time.Minute).Unix()}), httpserver.ErrTokenExpired},
		{"no expiry", signed(map[string]any{"exp": nil}), httpserver.ErrTokenInvalid},
		{"no issuer", signed(map[string]any{"iss": nil}), httpserver.ErrTokenInvalid},
		{"other issuer", signed(map[string]any{"iss": "elsewhere"}), httpserver.ErrTokenInvalid},
		{"made tomorrow", signed(map[string]any{"iat": now.Add(24 * time.Hour).Unix()}), httpserver.ErrTokenInvalid},
		{"no id", signed(map[string]any{"jti": nil}), httpserver.ErrTokenInvalid},
		{"unknown role", signed(map[string]any{"role": "root"}), httpserver.ErrTokenInvalid},
		{"learner without a name", signed(map[string]any{"role": "learner"}), httpserver.ErrTokenInvalid},
		{"role is a list", signed(map[string]any{"role": []string{"operator"}}), httpserver.ErrTokenInvalid},
		{"huge", good + strings.Repeat("A", 1<<20), httpserver.ErrTokenInvalid},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p, err := keys.Verify(c.token)
			if !errors.Is(err, c.want) || c.want == nil && err != nil {
				t.Errorf("principal %+v, error %v, want %v", p, err, c.want)
			}
			if err != nil && p.Role != "" {
				t.Errorf("a principal came with the error: %+v", p)
			}
		})
	}
}

func TestKeyFileIsForItsOwnerOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep", "keys.json")
	openKeys(t, path, nil)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	_, err = httpserver.OpenKeys(path)
	if err == nil {
		t.Fatal("a key file that others can read was opened")
	}
	says(t, err.Error(), "chmod 600", path)
	left, err := filepath.Glob(path + ".*")
	if err != nil || len(left) > 0 {
		t.Errorf("temporary files stayed: %v %v", left, err)
	}
}

func TestConcurrentFirstUseAgreesOnOneKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	var all sync.WaitGroup
	opened := make([]*httpserver.Keys, 8)
	for i := range opened {
		all.Go(func() {
			keys, err := httpserver.OpenKeys(path)
			if err != nil {
				t.Error(err)
			}
			opened[i] = keys
		})
	}
	all.Wait()
	if t.Failed() {
		return
	}
	token, err := opened[0].Mint(httpserver.Claims{Role: httpserver.RoleOperator})
	if err != nil {
		t.Fatal(err)
	}
	for i, keys := range opened {
		if _, err := keys.Verify(token); err != nil {
			t.Errorf("process %d: %v", i, err)
		}
	}
}

func TestBrokenKeyFilesAreRefused(t *testing.T) {
	const secret = `"secret":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="`
	for name, content := range map[string]string{
		"empty":         ``,
		"other format":  `{"version":2,"keys":[]}`,
		"no keys":       `{"version":1,"keys":[]}`,
		"no kid":        `{"version":1,"keys":[{"kid":"","created":"2026-01-01T00:00:00Z",` + secret + `}]}`,
		"short secret":  `{"version":1,"keys":[{"kid":"a","created":"2026-01-01T00:00:00Z","secret":"AAAA"}]}`,
		"unknown field": `{"version":1,"keys":[],"alg":"none"}`,
		"wrong order": `{"version":1,"keys":[{"kid":"a","created":"2026-01-02T00:00:00Z",` + secret +
			`},{"kid":"b","created":"2026-01-01T00:00:00Z",` + secret + `}]}`,
	} {
		path := filepath.Join(t.TempDir(), "keys.json")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := httpserver.OpenKeys(path); err == nil {
			t.Errorf("%s: opened", name)
		} else {
			says(t, err.Error(), path, "backup")
		}
	}
}

func TestRotationIsFollowedByOtherProcesses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	c := &clock{now: time.Now()}
	server, tool := openKeys(t, path, c.Now), openKeys(t, path, c.Now)
	operator := httpserver.Claims{Role: httpserver.RoleOperator, Life: httpserver.MaxTokenLife}
	before, err := server.Mint(operator)
	if err != nil {
		t.Fatal(err)
	}
	kid, err := tool.Rotate()
	if err != nil {
		t.Fatal(err)
	}
	after, err := tool.Mint(operator)
	if err != nil {
		t.Fatal(err)
	}
	c.advance(2 * time.Second)
	for name, token := range map[string]string{"before": before, "after": after} {
		if _, err := server.Verify(token); err != nil {
			t.Errorf("the token from %s the rotation: %v", name, err)
		}
	}
	if p, err := server.Verify(after); err != nil || p.KeyID != kid {
		t.Errorf("signed by %q (%v), want the fresh key %q", p.KeyID, err, kid)
	}

	c.advance(httpserver.MaxTokenLife + time.Hour)
	if _, err := tool.Rotate(); err != nil {
		t.Fatal(err)
	}
	c.advance(2 * time.Second)
	if _, err := server.Verify(before); !errors.Is(err, httpserver.ErrTokenKey) {
		t.Errorf("the first key outlived its tokens: %v", err)
	}
}

func TestUnreadableKeyFileKeepsTheKeysAndFailsReadiness(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	c := &clock{now: time.Now()}
	keys := openKeys(t, path, c.Now)
	token, err := keys.Mint(httpserver.Claims{Role: httpserver.RoleOperator})
	if err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	write := func(content []byte) {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		c.advance(2 * time.Second)
	}
	write(whole[:len(whole)/2])
	if err := keys.Check(t.Context()); err == nil {
		t.Error("half a key file, and ready")
	}
	if _, err := keys.Verify(token); err != nil {
		t.Errorf("half a key file signed everyone out: %v", err)
	}
	write(whole)
	if err := keys.Check(t.Context()); err != nil {
		t.Errorf("the file is whole again: %v", err)
	}
}
