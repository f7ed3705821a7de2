package httpserver_test

import (
	"bufio"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gapwise/gapwise/internal/httpserver"
)

// serve runs a router on a free port until stop is called, which returns what
// Run returned.
func serve(t *testing.T, cfg httpserver.ServerConfig, handler http.Handler) (url string, stop func() error) {
	t.Helper()
	if cfg.Addr == "" {
		cfg.Addr = "127.0.0.1:0"
	}
	server, err := httpserver.Listen(t.Context(), cfg, handler)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- server.Run(ctx) }()
	return server.URL(), func() error {
		cancel()
		return <-ran
	}
}

func fetch(t *testing.T, url string) (*http.Response, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return (&http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}).Do(r)
}

func TestListeningBeyondLoopbackNeedsTLS(t *testing.T) {
	for _, addr := range []string{":0", "0.0.0.0:0", "[::]:0"} {
		_, err := httpserver.Listen(t.Context(), httpserver.ServerConfig{Addr: addr}, http.NotFoundHandler())
		if !errors.Is(err, httpserver.ErrNeedsTLS) {
			t.Errorf("%s: %v", addr, err)
		} else {
			says(t, err.Error(), "127.0.0.1", "certificate", "proxy")
		}
		server, err := httpserver.Listen(t.Context(), httpserver.ServerConfig{Addr: addr, TrustedProxy: true}, http.NotFoundHandler())
		if err != nil {
			t.Errorf("%s behind a proxy: %v", addr, err)
			continue
		}
		says(t, server.URL(), "http://localhost:")
		if err := server.Shutdown(t.Context()); err != nil {
			t.Errorf("%s: %v", addr, err)
		}
	}
	for name, cfg := range map[string]httpserver.ServerConfig{
		"no port":             {Addr: "127.0.0.1"},
		"certificate alone":   {Addr: "127.0.0.1:0", CertFile: "cert.pem"},
		"missing certificate": {Addr: "127.0.0.1:0", CertFile: "/nowhere/cert.pem", KeyFile: "/nowhere/key.pem"},
	} {
		if _, err := httpserver.Listen(t.Context(), cfg, http.NotFoundHandler()); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestOwnTLS(t *testing.T) {
	lender := httptest.NewTLSServer(http.NotFoundHandler()) // for its certificate
	defer lender.Close()
	cert := lender.TLS.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	cfg := httpserver.ServerConfig{
		CertFile: filepath.Join(t.TempDir(), "cert.pem"),
		KeyFile:  filepath.Join(t.TempDir(), "key.pem"),
	}
	err = errors.Join(
		os.WriteFile(cfg.CertFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]}), 0o600),
		os.WriteFile(cfg.KeyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	url, stop := serve(t, cfg, newBench(t, nil))
	says(t, url, "https://127.0.0.1:")
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/healthz", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := lender.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusOK || answer.TLS == nil {
		t.Errorf("%d, TLS %v", answer.StatusCode, answer.TLS)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

func TestTakenAddressSaysWhatToDo(t *testing.T) {
	first, err := httpserver.Listen(t.Context(), httpserver.ServerConfig{Addr: "127.0.0.1:0"}, http.NotFoundHandler())
	if err != nil {
		t.Fatal(err)
	}
	_, err = httpserver.Listen(t.Context(), httpserver.ServerConfig{Addr: first.Addr()}, http.NotFoundHandler())
	if !errors.Is(err, httpserver.ErrAddressTaken) {
		t.Errorf("%v", err)
	} else {
		says(t, err.Error(), first.Addr(), "another port")
	}
	if err := first.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	again, err := httpserver.Listen(t.Context(), httpserver.ServerConfig{Addr: first.Addr()}, http.NotFoundHandler())
	if err != nil {
		t.Fatalf("the address was not given back: %v", err)
	}
	if err := again.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestStoppingFinishesRequestsAndEndsStreams(t *testing.T) {
	b := newBench(t, nil)
	entered, finish := make(chan bool), make(chan bool)
	b.Handle("GET /slow", func(w http.ResponseWriter, r *http.Request) error {
		entered <- true
		<-finish
		return ok(w, r)
	}, httpserver.Public())
	ended := make(chan error, 1)
	b.Handle("GET /stream", func(w http.ResponseWriter, r *http.Request) error {
		events, err := httpserver.NewEventStream(w)
		if err != nil {
			return err
		}
		if err := errors.Join(events.Beat(), events.Send("7", "lag", map[string]int{"ms": 12})); err != nil {
			return err
		}
		if err := events.Send("8\nevent: x", "lag", nil); err == nil {
			return errors.New("a line break in an id was sent")
		}
		<-r.Context().Done()
		ended <- context.Cause(r.Context())
		close(finish) // the stream ends while the slow request still runs
		return nil
	}, httpserver.Public(), httpserver.Streaming())
	url, stop := serve(t, httpserver.ServerConfig{Grace: time.Minute}, b)

	stream, err := fetch(t, url+"/stream")
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Body.Close()
	reader := bufio.NewReader(stream.Body)
	var seen strings.Builder
	for !strings.Contains(seen.String(), "data: ") {
		line, err := reader.ReadString('\n')
		if err != nil {
			t.Fatalf("%v after %q", err, seen.String())
		}
		seen.WriteString(line)
	}
	says(t, seen.String(), ": connected", ": beat", "id: 7\nevent: lag\ndata: {\"ms\":12}\n")

	type result struct {
		status int
		err    error
	}
	slow := make(chan result, 1)
	go func() {
		answer, err := fetch(t, url+"/slow")
		if err != nil {
			slow <- result{err: err}
			return
		}
		_, err = io.ReadAll(answer.Body)
		slow <- result{answer.StatusCode, errors.Join(err, answer.Body.Close())}
	}()
	<-entered
	if err := stop(); err != nil {
		t.Errorf("soft stop: %v", err)
	}
	if cause := <-ended; !errors.Is(cause, httpserver.ErrStopping) {
		t.Errorf("the stream ended by %v", cause)
	}
	if _, err := io.ReadAll(reader); err != nil {
		t.Errorf("the stream did not end cleanly: %v", err)
	}
	if got := <-slow; got.err != nil || got.status != 200 {
		t.Errorf("the running request got %d, %v", got.status, got.err)
	}
	if answer, err := fetch(t, url+"/healthz"); err == nil {
		_ = answer.Body.Close()
		t.Error("it still answers")
	}
}

func TestStoppingIsBounded(t *testing.T) {
	b := newBench(t, nil)
	entered, left := make(chan bool), make(chan error, 1)
	b.Handle("GET /stuck", func(_ http.ResponseWriter, r *http.Request) error {
		entered <- true
		<-r.Context().Done()
		left <- r.Context().Err()
		return r.Context().Err()
	}, httpserver.Public())
	url, stop := serve(t, httpserver.ServerConfig{Grace: 10 * time.Millisecond}, b)
	go func() {
		if answer, err := fetch(t, url+"/stuck"); err == nil {
			_ = answer.Body.Close()
			t.Error("a cut request was answered")
		}
	}()
	<-entered
	if err := stop(); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	} else {
		says(t, err.Error(), "cut")
	}
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("the handler left by %v", err)
	}
}

func TestBehindAProxyNobodyIsOnThisMachineAndCookiesAreSecure(t *testing.T) {
	b := newBench(t, nil)
	for _, behind := range []bool{false, true} {
		url, stop := serve(t, httpserver.ServerConfig{TrustedProxy: behind}, b)
		metrics, err := fetch(t, url+"/metrics")
		if err != nil {
			t.Fatal(err)
		}
		_ = metrics.Body.Close()
		if refused := metrics.StatusCode == http.StatusUnauthorized; refused != behind {
			t.Errorf("proxy %v: metrics answer %d", behind, metrics.StatusCode)
		}
		signIn, err := fetch(t, url+"/sign-in?token="+b.token(t, everyone[httpserver.RoleOperator]))
		if err != nil {
			t.Fatal(err)
		}
		_ = signIn.Body.Close()
		if cookies := signIn.Cookies(); len(cookies) != 1 || cookies[0].Secure != behind {
			t.Errorf("proxy %v: cookies %v", behind, cookies)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	}
}
