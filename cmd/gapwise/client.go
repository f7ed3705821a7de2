package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gapwise/gapwise/internal/catalog"
	"github.com/gapwise/gapwise/internal/embedded"
	"github.com/gapwise/gapwise/internal/httpserver"
	"github.com/gapwise/gapwise/internal/query"
)

// client talks to a running Gapwise over its HTTP API.
type client struct {
	base  string
	token string
	http  *http.Client
	lost  time.Duration // how long one that doesn't answer is asked what became of something
}

// addClientFlags adds what every verb that talks to a running Gapwise takes.
func addClientFlags(cmd *cobra.Command) {
	cmd.Flags().String("url", "", "address of the running gapwise (default: the one of the data folder, else http.listen)")
	cmd.Flags().String("token", "", "token to use (default: minted from the local data folder)")
}

// newClient finds the running Gapwise. Without --token a token for the claims is
// minted from the local data folder.
func (t *terminal) newClient(cmd *cobra.Command, claims httpserver.Claims) (*client, error) {
	c, err := t.config(cmd)
	if err != nil {
		return nil, err
	}
	base, _ := cmd.Flags().GetString("url")
	if base == "" {
		base = localURL(c)
	}
	if u, err := url.Parse(base); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, &usageError{fmt.Errorf("--url %q is no address such as http://127.0.0.1:8080", base)}
	}
	token, _ := cmd.Flags().GetString("token")
	if token == "" {
		claims.Life = time.Hour
		if token, err = mint(c, claims); err != nil {
			return nil, fmt.Errorf("mint a token (or give one with --token): %w", err)
		}
	}
	client := newHTTPClient(base, token)
	if err := client.trust(c); err != nil {
		return nil, err
	}
	return client, nil
}

// trust lets the client accept the certificate that the configured server shows,
// which on one's own machine is often signed by nobody else, or for another name.
func (c *client) trust(config *Config) error {
	if config.HTTP.TLS.Cert == "" || c.base != localURL(config) {
		return nil
	}
	text, err := os.ReadFile(config.HTTP.TLS.Cert)
	if err != nil {
		return fmt.Errorf("http.tls.cert: %w", err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return fmt.Errorf("http.tls.cert: %s holds no certificate in PEM", config.HTTP.TLS.Cert)
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return fmt.Errorf("http.tls.cert: %w", err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(text)
	settings := &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	if len(leaf.DNSNames) > 0 {
		settings.ServerName = strings.Replace(leaf.DNSNames[0], "*", "gapwise", 1)
	}
	c.http.Transport = &http.Transport{MaxIdleConnsPerHost: idleConnections, IdleConnTimeout: time.Minute, TLSClientConfig: settings}
	return nil
}

// idleConnections are kept open for the lanes of senders and for benchmarks.
const idleConnections = 32

func newHTTPClient(base, token string) *client {
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: idleConnections, IdleConnTimeout: time.Minute}
	return &client{base: strings.TrimRight(base, "/"), token: token, http: &http.Client{Transport: transport, Timeout: 2 * time.Minute}, lost: lostAfter}
}

// localURL is where the Gapwise of the data folder listens.
func localURL(c *Config) string {
	if info, err := embedded.ReadRunInfo(c.Data.Dir); err == nil && info.HTTPURL != "" {
		return info.HTTPURL
	}
	scheme := "http://"
	if c.HTTP.TLS.Cert != "" {
		scheme = "https://"
	}
	return scheme + c.HTTP.Listen
}

// answerError is an answer other than success.
type answerError struct {
	status  int
	problem httpserver.Problem
	retry   time.Duration // what Retry-After asks for; 0: not told
}

func (e *answerError) Error() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%d %s", e.status, e.problem.Title)
	if e.problem.Detail != "" {
		text.WriteString(": " + e.problem.Detail)
	}
	for _, v := range e.problem.Errors {
		text.WriteString("\n  " + v.Detail)
	}
	return text.String()
}

// temporary reports whether the same request may succeed later.
func temporary(err error) bool {
	var e *answerError
	if errors.As(err, &e) {
		return e.status >= http.StatusInternalServerError || e.status == http.StatusTooManyRequests
	}
	var connection *url.Error
	return errors.As(err, &connection) && !errors.Is(err, context.Canceled)
}

// get asks for a resource and decodes the JSON answer into v.
func (c *client) get(ctx context.Context, path string, parameters url.Values, v any) error {
	body, err := c.getRaw(ctx, path, parameters)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, v); err != nil {
		return fmt.Errorf("%s%s answered something else than expected: %w", c.base, path, err)
	}
	return nil
}

// getRaw asks for a resource and returns the answer as it is.
func (c *client) getRaw(ctx context.Context, path string, parameters url.Values) ([]byte, error) {
	target := c.base + path
	if len(parameters) > 0 {
		target += "?" + parameters.Encode()
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return nil, err
	}
	return c.do(request)
}

// catalog asks for the course that is measured.
func (c *client) catalog(ctx context.Context) (*catalog.Catalog, error) {
	text, err := c.getRaw(ctx, "/v1/catalog", nil)
	if err != nil {
		return nil, err
	}
	return catalog.Decode(text)
}

// projections asks how far the projection is.
func (c *client) projections(ctx context.Context) (*query.Projections, error) {
	var p query.Projections
	return &p, c.get(ctx, "/v1/projections", nil, &p)
}

// projectedWithin is how long a projection that doesn't move is waited for.
const projectedWithin = time.Minute

// waitProjected waits until reports rest on everything that the log holds now.
func (c *client) waitProjected(ctx context.Context) (*query.Projections, error) {
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	var target, floor uint64
	moved := time.Now()
	for {
		p, err := c.projections(ctx)
		if err != nil {
			return nil, err
		}
		if target == 0 {
			target = p.Last
		}
		if p.Floor >= target {
			return p, nil
		}
		if p.Floor > floor {
			floor, moved = p.Floor, time.Now()
		}
		if time.Since(moved) > projectedWithin {
			return nil, fmt.Errorf("the projection stays at sequence %d of %d; gapwise doctor tells why", p.Floor, target)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-again.C:
		}
	}
}

// post sends a body and decodes the JSON answer into v.
func (c *client) post(ctx context.Context, path, contentType string, body []byte, v any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", contentType)
	answer, err := c.do(request)
	if err != nil {
		return err
	}
	return json.Unmarshal(answer, v)
}

func (c *client) do(request *http.Request) ([]byte, error) {
	request.Header.Set("Authorization", "Bearer "+c.token)
	request.Header.Set("Accept", "application/json")
	response, err := c.http.Do(request)
	if err != nil {
		return nil, fmt.Errorf("no answer from %s (is gapwise running there? see --url): %w", c.base, err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, &url.Error{Op: request.Method, URL: c.base, Err: err}
	}
	if response.StatusCode < 300 {
		return body, nil
	}
	return nil, answerOf(response, body)
}

// answerOf is an answer other than success.
func answerOf(response *http.Response, body []byte) *answerError {
	failure := &answerError{status: response.StatusCode}
	if err := json.Unmarshal(body, &failure.problem); err != nil {
		failure.problem = httpserver.Problem{Title: http.StatusText(response.StatusCode), Detail: strings.TrimSpace(string(body))}
	}
	if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil {
		failure.retry = time.Duration(seconds) * time.Second
	}
	return failure
}
