package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/gapwise/gapwise/internal/embedded"
)

// writtenTwice inserts every row of the database a second time, as a projector
// does that was stopped in the middle of a write: no report may show it.
func (l *life) writtenTwice(t *testing.T) {
	before := l.operator.settled(t)
	then := l.at(t, before.AsOf)
	db := l.database(t)
	ctx := clickhouse.Context(t.Context(), clickhouse.WithSettings(clickhouse.Settings{"insert_deduplicate": 0}))
	var tables []string
	err := db.QueryRow(ctx, "SELECT groupArray(name) FROM system.tables WHERE database = currentDatabase() AND engine = 'ReplacingMergeTree'").Scan(&tables)
	if err != nil || len(tables) < 10 {
		t.Fatalf("tables are %v, %v", tables, err)
	}
	for _, table := range tables {
		if err := db.Exec(ctx, "SYSTEM STOP MERGES "+table); err != nil {
			t.Fatal(err)
		}
		if err := db.Exec(ctx, "INSERT INTO "+table+" SELECT * FROM "+table); err != nil {
			t.Fatal(err)
		}
	}
	var rows, sequences uint64
	if err := db.QueryRow(ctx, "SELECT count(), uniqExact(seq) FROM answers").Scan(&rows, &sequences); err != nil {
		t.Fatal(err)
	}
	if rows != 2*sequences {
		t.Errorf("answers has %d rows of %d sequences, want every one twice", rows, sequences)
	}

	if after := l.operator.settled(t).Counts; after != before.Counts {
		t.Errorf("counts were %+v and are %+v", before.Counts, after)
	}
	for path, now := range l.at(t, before.AsOf) {
		if now != then[path] {
			t.Errorf("%s shows rows that are there twice:\n%.600s\n%.600s", path, then[path], now)
		}
	}
}

// database connects to the instance's database.
func (l *life) database(t *testing.T) clickhouse.Conn {
	t.Helper()
	env := map[string]string{}
	for _, entry := range environment(l.dir) {
		name, value, _ := strings.Cut(entry, "=")
		env[name] = value
	}
	auth := clickhouse.Auth{
		Database: env["GAPWISE_CLICKHOUSE_DATABASE"], Username: env["GAPWISE_CLICKHOUSE_USER"], Password: env["GAPWISE_CLICKHOUSE_PASSWORD"],
	}
	addr := env["GAPWISE_CLICKHOUSE_ADDR"]
	if addr == "" {
		info, err := embedded.ReadRunInfo(l.dir)
		if err != nil {
			t.Fatal(err)
		}
		logins, err := embedded.ReadLogins(l.dir)
		if err != nil {
			t.Fatal(err)
		}
		addr, auth.Username, auth.Password = info.ClickHouseAddr, logins.ClickHouse.User, logins.ClickHouse.Password
	}
	conn, err := clickhouse.Open(&clickhouse.Options{Addr: []string{addr}, Auth: auth})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// databaseCrashes kills the engine alone: the door goes on taking events, reports
// ask for patience, and afterwards nothing is missing.
func (l *life) databaseCrashes(t *testing.T) {
	const source, heatmap = "https://crash.example", "/v1/cohorts/" + cohort + "/heatmap"
	producer := l.as(t, "--role", "producer", "--source", source)
	before := l.operator.settled(t).Counts
	var reports sync.WaitGroup
	for range 8 { // at once, so that many connections are open
		reports.Go(func() { _, _ = l.operator.call(t, http.MethodGet, heatmap, "", nil) })
	}
	reports.Wait()
	for _, child := range l.children(t) {
		if err := syscall.Kill(child, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	sent := 0
	eventually(t, "reports are back", func() bool {
		sent++
		e := answerEvent(fmt.Sprint("crash-", sent), source, "ines", "item-07", badTime.Add(time.Duration(sent)*time.Second))
		if got := producer.post(t, ndjson, e.json(t)); got.Accepted != 1 {
			t.Fatalf("an answer while the database is away: %+v", got)
		}
		status, answer := l.operator.call(t, http.MethodGet, "/v1/learners/ines/progress", "", nil)
		if status != http.StatusOK && status != http.StatusServiceUnavailable {
			t.Errorf("a report while the database is away: %d %s", status, answer)
		}
		return status == http.StatusOK && sent >= 10
	})
	for range 8 { // none fails for a connection of before
		l.operator.raw(t, heatmap)
	}
	l.of["ines"] += sent
	if after := l.operator.settled(t).Counts; after.Answers != before.Answers+sent || after.Dead != before.Dead {
		t.Errorf("%d answers came while the database was away; counts were %+v and are %+v", sent, before, after)
	}
	if got := l.progress(t, "ines"); got != l.of["ines"] {
		t.Errorf("ines has %d answers in progress, want %d", got, l.of["ines"])
	}
	eventually(t, "gapwise is ready again", func() bool { return ready(l.url) })
}

// secondStart tries the folder and the address of the running instance.
func (l *life) secondStart(t *testing.T) {
	pid := strconv.Itoa(l.cmd.Process.Pid)
	refused(t, environment(l.dir), 1, []string{"in use", "process " + pid, "stop it first", "data.dir"}, "run", "--listen", "127.0.0.1:0")

	other := filepath.Join(t.TempDir(), "data")
	address := strings.TrimPrefix(l.url, "http://")
	refused(t, environment(other), 1, []string{address, "another program listens", "choose another port"}, "run", "--listen", address)
	if _, err := embedded.ReadRunInfo(other); !errors.Is(err, embedded.ErrNotRunning) {
		t.Errorf("the refused start left its run.json: %v", err)
	}
	if !ready(l.url) {
		t.Error("the running instance isn't ready any more")
	}
}

// refused runs a start that must end with a code and words that tell what to do.
func refused(t *testing.T, env []string, code int, says []string, args ...string) {
	t.Helper()
	o := gapwise(t, env, args...)
	if o.code != code {
		t.Errorf("gapwise %v ended with %d, want %d", args, o.code, code)
	}
	last := o.stderr[strings.LastIndex("\n"+o.stderr, "\ngapwise: "):] // the log comes before
	for _, word := range says {
		if !strings.Contains(last, word) {
			t.Errorf("gapwise %v does not say %q:\n%s", args, word, o.stderr)
		}
	}
	if strings.Contains(o.stderr, "goroutine ") {
		t.Errorf("gapwise %v panicked:\n%s", args, o.stderr)
	}
}

// restart stops the instance while someone listens to its news, and starts it on
// the same folder.
func (l *life) restart(t *testing.T) {
	before := l.operator.settled(t)
	then := l.at(t, before.AsOf)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, l.url+"/v1/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+l.operator.token)
	news, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = news.Body.Close() }()

	l.stop(t)
	if _, err := os.Stat(filepath.Join(l.dir, "run.json")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("run.json is still there: %v", err)
	}
	if conn, err := new(net.Dialer).DialContext(context.Background(), "tcp", strings.TrimPrefix(l.url, "http://")); err == nil {
		_ = conn.Close()
		t.Errorf("something still listens at %s", l.url)
	}

	l.instance = run(t, l.dir, "--catalog", l.course)
	l.operator.url = l.url // the token is as good as before
	l.remembers(t)
	for path, now := range l.at(t, before.AsOf) {
		if now != then[path] {
			t.Errorf("%s changed by the restart:\n%.600s\n%.600s", path, then[path], now)
		}
	}
	if after := l.operator.settled(t).Counts; after != before.Counts {
		t.Errorf("counts were %+v and are %+v", before.Counts, after)
	}
	s := l.runImport(t)
	if *s.AnswersAdded != 0 {
		t.Errorf("an import after the restart added %d answers", *s.AnswersAdded)
	}
}

// TestStartsThatCannotWork end with what to do, and leave nothing behind.
func TestStartsThatCannotWork(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	newer := t.TempDir()
	if err := os.WriteFile(filepath.Join(newer, "format"), []byte("1000\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	unknown := filepath.Join(t.TempDir(), "unknown.yaml")
	if err := os.WriteFile(unknown, []byte("data:\n  dirr: x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	fresh := filepath.Join(t.TempDir(), "data")
	free := []string{"--listen", "127.0.0.1:0"}
	for _, c := range []struct {
		name string
		env  []string
		args []string
		code int
		says []string
	}{
		{"the data folder can't be written", environment(filepath.Join(file, "data")), free, 1, []string{"not usable", file, "set data.dir"}},
		{"the data folder is newer", environment(newer), free, 1, []string{"newer", "1000", "run the newer gapwise"}},
		{"the disk is low", environment(fresh, "GAPWISE_DISK_MIN_FREE=1000000TB"), free, 1, []string{"disk is low", "free some space"}},
		{"the engine is missing", environment(fresh, "GAPWISE_ENGINE_PATH=/nowhere/libchdb.so", "GAPWISE_CLICKHOUSE_ADDR="), free, 1,
			[]string{"/nowhere/libchdb.so", "make engine", "clickhouse.addr"}},
		{"the catalog is missing", environment(fresh), append([]string{"--catalog", "/nowhere/course"}, free...), 2,
			[]string{"catalog.path", "/nowhere/course"}},
		{"everyone may listen", environment(fresh), []string{"--listen", "0.0.0.0:0"}, 1, []string{"TLS", "127.0.0.1"}},
		{"a key is unknown", environment(fresh), append([]string{"--config", unknown}, free...), 2, []string{"dirr"}},
		{"several things are wrong", environment(fresh, "GAPWISE_REPORTS_TIMEZONE=Mars/Olympus", "GAPWISE_NATS_REPLICAS=9"),
			[]string{"--listen", "8080"}, 2, []string{"http.listen", "reports.timezone", "nats.replicas"}},
		{"a role lacks its servers", environment(fresh, "GAPWISE_CLICKHOUSE_ADDR="), free, 2, []string{"nats.url", "clickhouse.addr"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			verb := "run"
			if strings.HasPrefix(c.name, "a role") {
				verb = "projector"
			}
			refused(t, c.env, c.code, c.says, append([]string{verb}, c.args...)...)
		})
	}
	if _, err := os.Stat(filepath.Join(fresh, "run.json")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a refused start left its run.json: %v", err)
	}
}

// TestStopWhileStarting stops Gapwise at moments of its start: it ends softly, and
// the next start finds nothing in its way.
func TestStopWhileStarting(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	for _, reached := range []string{"lock", "nats", "clickhouse", "run.json"} {
		_ = os.RemoveAll(dir)
		p := launch(t, environment(dir), "run", "--listen", "127.0.0.1:0")
		eventually(t, reached+" is there", func() bool {
			_, err := os.Stat(filepath.Join(dir, reached))
			return err == nil || reached == "clickhouse" && os.Getenv("GAPWISE_CLICKHOUSE_ADDR") != ""
		})
		p.stop(t)
		if _, err := os.Stat(filepath.Join(dir, "run.json")); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("stopped once %s was there: run.json stays: %v", reached, err)
		}
	}
	run(t, dir).stop(t)
}
