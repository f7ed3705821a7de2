package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"flag"
	"log/slog"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/pflag"

	"github.com/gapwise/gapwise/internal/embedded"
	"github.com/gapwise/gapwise/internal/httpserver"
)

var update = flag.Bool("update", false, "write what the scripts' cmp got into the scripts")

func TestMain(m *testing.M) {
	embedded.ChildMain()
	// Tests run side by side, each with a broker on a port of its own.
	if _, set := os.LookupEnv("GAPWISE_NATS_LISTEN"); !set {
		_ = os.Setenv("GAPWISE_NATS_LISTEN", "127.0.0.1:0")
	}
	testscript.Main(m, map[string]func(){"gapwise": main})
}

// TestScripts types commands against one running gapwise with real engines and the
// course in testdata/course. The scripts run side by side: each has cohorts and
// learners of its own.
func TestScripts(t *testing.T) {
	course, err := filepath.Abs("testdata/course")
	if err != nil {
		t.Fatal(err)
	}
	app := startApp(t, "--catalog", course)
	library, err := embedded.FindLibrary()
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       *update,
		Setup: func(env *testscript.Env) error {
			env.Setenv("GAPWISE_DATA_DIR", app.Config.Data.Dir)
			env.Setenv("GAPWISE_HTTP_LISTEN", strings.TrimPrefix(app.server.URL(), "http://"))
			env.Setenv("GAPWISE_CATALOG_PATH", course)
			env.Setenv("GAPWISE_ENGINE_PATH", library)
			env.Setenv("GAPWISE_NATS_LISTEN", "127.0.0.1:0")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"settle":      app.settle,
			"publish":     app.publish,
			"api":         app.api,
			"mask":        mask,
			"samejson":    sameJSON,
			"await":       await,
			"certificate": certificate,
		},
	})
}

// testApp is a running gapwise.
type testApp struct{ *App }

// startApp starts a gapwise in this process on a folder of its own.
func startApp(t *testing.T, args ...string) testApp {
	t.Helper()
	flags := pflag.NewFlagSet("gapwise", pflag.ContinueOnError)
	addConfigFlags(flags)
	if err := flags.Parse(append([]string{"--data-dir", t.TempDir(), "--listen", "127.0.0.1:0"}, args...)); err != nil {
		t.Fatal(err)
	}
	config, err := loadConfig(flags)
	if err != nil {
		t.Fatal(err)
	}
	app, err := OpenApp(t.Context(), config, Roles{true, true, true}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- app.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := app.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return testApp{app}
}

// client is an operator's.
func (a testApp) client(ts *testscript.TestScript) *client {
	token, err := a.keys.Mint(httpserver.Claims{Role: httpserver.RoleOperator, Life: time.Hour})
	ts.Check(err)
	return newHTTPClient(a.server.URL(), token)
}

// operator returns a client with an operator's token, and the token.
func (a testApp) operator(t *testing.T) (*client, string) {
	t.Helper()
	token, err := a.keys.Mint(httpserver.Claims{Role: httpserver.RoleOperator, Life: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	return newHTTPClient(a.server.URL(), token), token
}

// command runs a verb against the app and returns what it prints.
func (a testApp) command(t *testing.T, args ...string) (string, error) {
	t.Helper()
	_, token := a.operator(t)
	var out, problems bytes.Buffer
	root := newRoot(strings.NewReader(""), &out, &problems)
	root.SetArgs(append(args, "--url", a.server.URL(), "--token", token))
	err := root.ExecuteContext(t.Context())
	t.Logf("gapwise %s\n%s%s", strings.Join(args, " "), out.String(), problems.String())
	return out.String(), err
}

// settle VARIABLE TIME waits until reports rest on all that was sent, and sets the
// variable to the moment as of which a report then always says the same.
func (a testApp) settle(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: settle VARIABLE TIME")
	}
	p, err := a.client(ts).waitProjected(context.Background())
	ts.Check(err)
	at := p.AsOf
	at.Time, err = time.Parse(time.RFC3339, args[1])
	ts.Check(err)
	ts.Setenv(args[0], at.String())
}

// publish SUBJECT FILE [ack] does what nats pub does, as the user producer: core
// NATS, or JetStream with an acknowledgement.
func (a testApp) publish(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: publish SUBJECT FILE [ack]")
	}
	login := a.engines.NATS.Producer()
	conn, err := nats.Connect(a.engines.NATS.URL(), nats.UserInfo(login.User, login.Password), nats.CustomInboxPrefix(embedded.ProducerInbox))
	ts.Check(err)
	defer conn.Close()
	message := []byte(strings.TrimSuffix(ts.ReadFile(args[1]), "\n"))
	if len(args) == 2 {
		ts.Check(conn.Publish(args[0], message))
		ts.Check(conn.FlushTimeout(10 * time.Second))
		return
	}
	answer, err := conn.Request(args[0], message, 10*time.Second)
	ts.Check(err)
	if !strings.Contains(string(answer.Data), `"stream":"STUDY"`) {
		ts.Fatalf("publish: the log answered %s", answer.Data)
	}
}

// api PATH FILE writes what the API answers to a file. PATH may have a query.
func (a testApp) api(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: api PATH FILE")
	}
	target, err := url.Parse(args[0])
	ts.Check(err)
	answer, err := a.client(ts).getRaw(context.Background(), target.Path, target.Query())
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), answer, 0o600))
}

// masks are what differs from run to run.
var masks = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`as of \d+@`), "as of SEQ@"},
	{regexp.MustCompile(`lag [^ ]+ ·`), "lag LAG ·"},
	{regexp.MustCompile(`http://127\.0\.0\.1:\d+`), "URL"},
	{regexp.MustCompile(`token=[\w.-]+`), "token=TOKEN"},
	{regexp.MustCompile(`(?m)^(.*?) +\d+( {2}/script)$`), "${1} SEQ$2"},      // the sequence of an event in the evidence
	{regexp.MustCompile(`(?m)^( {2}[a-z -]+ .*?) +\d+\.\d\d$`), "${1} TIME"}, // seconds a million answers take
}

// mask FROM TO copies without what differs from run to run. FROM may be stdout.
func mask(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: mask FROM TO")
	}
	text := ts.ReadFile(args[0])
	for _, m := range masks {
		text = m.pattern.ReplaceAllString(text, m.with)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(text), 0o600))
}

// samejson A B fails when two files hold different JSON, the lag aside: other scripts
// send events meanwhile.
func sameJSON(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: samejson A B")
	}
	var values [2]any
	for i, name := range args {
		ts.Check(json.Unmarshal([]byte(ts.ReadFile(name)), &values[i]))
		if report, ok := values[i].(map[string]any); ok {
			delete(report, "lag_ms")
		}
	}
	if !reflect.DeepEqual(values[0], values[1]) {
		ts.Fatalf("%s and %s hold different JSON", args[0], args[1])
	}
}

// await FILE TEXT waits until the file holds the text.
func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: await FILE TEXT")
	}
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); <-again.C {
		if text, err := os.ReadFile(ts.MkAbs(args[0])); err == nil && strings.Contains(string(text), args[1]) {
			return
		}
	}
	ts.Fatalf("%s never held %q, but %s", args[0], args[1], ts.ReadFile(args[0]))
}

// certificate NAME CERT KEY makes a certificate for a name that nobody else signed.
func certificate(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: certificate NAME CERT KEY")
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ts.Check(err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: args[:1], NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	signed, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	ts.Check(err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	ts.Check(err)
	for name, block := range map[string]*pem.Block{
		args[1]: {Type: "CERTIFICATE", Bytes: signed}, args[2]: {Type: "PRIVATE KEY", Bytes: secret},
	} {
		ts.Check(os.WriteFile(ts.MkAbs(name), pem.EncodeToMemory(block), 0o600))
	}
}
