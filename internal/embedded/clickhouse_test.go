package embedded_test

import (
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gapwise/gapwise/internal/embedded"
)

const (
	accessDenied         = 497
	authenticationFailed = 516
)

func TestClickHouseServes(t *testing.T) {
	log := newRecorder()
	dir := t.TempDir()
	c := startClickHouse(t, embedded.ClickHouseConfig{Dir: dir, Logger: slogOf(log)})
	conn := connect(t, c.Addr(), c.Login())

	if err := c.Health(t.Context()); err != nil {
		t.Error(err)
	}
	mustExec(t, conn,
		"CREATE DATABASE d",
		"CREATE TABLE d.t (x UInt64) ENGINE = MergeTree ORDER BY x",
		"INSERT INTO d.t VALUES (1), (2)",
		"INSERT INTO d.t VALUES (1), (2)",
		"ALTER TABLE d.t DELETE WHERE x = 2 SETTINGS mutations_sync = 2",
		"BACKUP DATABASE d TO File('one')",
		"DROP DATABASE d SYNC",
		"RESTORE DATABASE d FROM File('one')",
	)
	if got := queryUint(t, conn, "SELECT count() FROM d.t"); got != 2 {
		t.Errorf("%d rows, want 2: an equal insert must not be taken for a repeat", got)
	}
	var zone string
	if err := conn.QueryRow(t.Context(), "SELECT timezone()").Scan(&zone); err != nil || zone != "UTC" {
		t.Errorf("timezone %q, %v; want UTC", zone, err)
	}
	mustExec(t, conn, "SYSTEM FLUSH LOGS")
	if n := queryUint(t, conn, "SELECT count() FROM system.tables WHERE database = 'system' AND name LIKE '%\\_log'"); n != 0 {
		t.Errorf("%d system log tables, want none", n)
	}
	if strings.Contains(log.text(), c.Login().Password) {
		t.Error("the log holds the password")
	}
	for _, name := range []string{"password", "users.xml", "config.xml"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, want 0600", name, info.Mode().Perm())
		}
	}
}

// A query that fails is told to who asked. Its text may name a learner, and a log that
// kept it would outlive an erasure.
func TestClickHouseLogHoldsNoQueries(t *testing.T) {
	dir := t.TempDir()
	c := startClickHouse(t, embedded.ClickHouseConfig{Dir: dir})
	conn := connect(t, c.Addr(), c.Login())
	const secret = "a-learner-in-a-query"
	queries := []string{
		"SELECT nowhere('" + secret + "')", "SELECT throwIf(1, '" + secret + "')", "SELECT '" + secret + "' FROM nowhere", "SELEC '" + secret + "'",
	}
	for _, query := range queries {
		if err := conn.Exec(t.Context(), query); err == nil {
			t.Errorf("%s does not fail", query)
		}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+c.HTTPAddr(), strings.NewReader(query))
		if err != nil {
			t.Fatal(err)
		}
		request.SetBasicAuth(c.Login().User, c.Login().Password)
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode == http.StatusOK {
			t.Errorf("%s does not fail over HTTP", query)
		}
	}
	if err := c.Close(t.Context()); err != nil { // what it had to log is logged
		t.Fatal(err)
	}
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		if strings.Contains(string(content), secret) {
			t.Errorf("%s holds the text of a query", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestClickHouseRights(t *testing.T) {
	c := startClickHouse(t, embedded.ClickHouseConfig{Dir: t.TempDir()})
	conn := connect(t, c.Addr(), c.Login())
	mustExec(t, conn, "CREATE DATABASE d", "CREATE TABLE d.t (x UInt64) ENGINE = MergeTree ORDER BY x")

	// The engine's own session logs in so; another process on the machine can as well.
	stranger := connect(t, c.Addr(), embedded.Login{User: "default"})
	for _, q := range []string{
		"SELECT * FROM d.t",
		"INSERT INTO d.t VALUES (1)",
		"CREATE DATABASE e",
		"DROP TABLE d.t",
		"SELECT * FROM system.processes",
		"KILL QUERY WHERE user = ''",
		"SYSTEM SHUTDOWN",
		"SELECT * FROM file('/etc/passwd', LineAsString)",
	} {
		t.Run(q, func(t *testing.T) { checkCode(t, stranger.Exec(t.Context(), q), accessDenied) })
	}

	pid := c.PID()
	for _, login := range []embedded.Login{{User: c.Login().User, Password: "guess"}, {User: "nobody"}} {
		checkCode(t, connect(t, c.Addr(), login).Ping(t.Context()), authenticationFailed)
	}
	for _, noise := range []string{"", "GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", strings.Repeat("\xff", 100)} {
		for _, addr := range []string{c.Addr(), c.HTTPAddr()} {
			sendNoise(t, addr, noise)
		}
	}
	if c.Health(t.Context()) != nil || c.PID() != pid {
		t.Errorf("a stranger's bytes ended the engine: %v", c.Health(t.Context()))
	}

	for _, q := range []string{
		"SELECT * FROM file('/etc/passwd', LineAsString)",
		"SELECT * FROM url('http://127.0.0.1:1/', LineAsString)",
		"CREATE USER eve",
	} {
		t.Run("gapwise/"+q, func(t *testing.T) { checkCode(t, conn.Exec(t.Context(), q), accessDenied) })
	}
}

// sendNoise says something that is no handshake and hangs up when the engine does.
func sendNoise(t *testing.T, addr, noise string) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.Write([]byte(noise)); err != nil {
		t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, conn)
}

func TestClickHouseKeepsDataWhenChildIsKilled(t *testing.T) {
	c := startClickHouse(t, embedded.ClickHouseConfig{Dir: t.TempDir()})
	conn := connect(t, c.Addr(), c.Login())
	mustExec(t, conn,
		"CREATE DATABASE d",
		"CREATE TABLE d.t (x UInt64) ENGINE = MergeTree ORDER BY x",
		"INSERT INTO d.t SELECT number FROM numbers(1000)")

	killed := c.PID()
	if err := syscall.Kill(killed, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a new child that answers", func() bool {
		pid := c.PID()
		return pid != 0 && pid != killed && c.Health(t.Context()) == nil
	})
	eventually(t, "the client's pool to notice", func() bool { return conn.Ping(t.Context()) == nil })
	if got := queryUint(t, conn, "SELECT count() FROM d.t"); got != 1000 {
		t.Errorf("%d rows after the kill, want 1000", got)
	}
}

func TestClickHouseGivenUp(t *testing.T) {
	c := startClickHouse(t, embedded.ClickHouseConfig{Dir: t.TempDir(), MaxRestarts: -1})
	if err := syscall.Kill(c.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	err, ok := <-c.Exited()
	if !ok || !strings.Contains(err.Error(), "killed") {
		t.Errorf("Exited delivered %v, %v; want the cause", err, ok)
	}
	if c.Health(t.Context()) == nil {
		t.Error("healthy without a child")
	}
}

func TestClickHouseStopsSoftly(t *testing.T) {
	log := newRecorder()
	c := startClickHouse(t, embedded.ClickHouseConfig{Dir: t.TempDir(), Logger: slogOf(log)})
	pid := c.PID()
	if err := c.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !gone(pid) {
		t.Errorf("process %d is left", pid)
	}
	if _, open := <-c.Exited(); open {
		t.Error("a soft stop was reported as a failure")
	}
	if !strings.Contains(log.text(), "clickhouse stopped") {
		t.Errorf("no soft stop in the log:\n%s", log.text())
	}
}

// A port that another process takes between the choice and the start costs an attempt, not the start.
func TestClickHouseTakenPort(t *testing.T) {
	dir := t.TempDir()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// Started in the child's place: at the first time it has a thief take the port before the child starts.
	thiefPID := filepath.Join(dir, "thief")
	script := filepath.Join(dir, "child.sh")
	write(t, script, `#!/bin/sh
if [ ! -e "`+thiefPID+`" ]; then
	for a; do case $a in --tcp_port=*) port=${a#*=};; esac; done
	env -u GAPWISE_ENGINE_CHILD `+thiefEnv+`="127.0.0.1:$port `+thiefPID+`" "`+exe+`" &
	while [ ! -e "`+thiefPID+`" ]; do sleep 0.01; done
fi
exec "`+exe+`" "$@"
`, 0o700)
	log := newRecorder()
	c := startClickHouse(t, embedded.ClickHouseConfig{
		Dir: filepath.Join(dir, "data"), Command: []string{script}, Logger: slogOf(log),
	})
	pid, err := strconv.Atoi(readFile(t, thiefPID))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Error(err)
	}
	if err := c.Health(t.Context()); err != nil {
		t.Error(err)
	}
	if !strings.Contains(log.text(), "clickhouse port was taken meanwhile") {
		t.Errorf("no word of the taken port:\n%s", log.text())
	}
}

func TestClickHouseLibrary(t *testing.T) {
	dir := t.TempDir()
	missing := filepath.Join(dir, "none.so")
	notLibrary := filepath.Join(dir, "text.so")
	write(t, notLibrary, "not a library", 0o600)
	otherMachine := filepath.Join(dir, "other.so")
	header := []byte(readFile(t, library(t))[:64])
	header[18], header[19] = 0xf3, 0 // e_machine: RISC-V
	for i := range 8 {
		header[40+i] = 0 // no section headers
	}
	header[60], header[62], header[56] = 0, 0, 0 // no sections, no segments
	write(t, otherMachine, string(header), 0o600)

	for _, tc := range []struct {
		path string
		want error
		says string
	}{
		{missing, embedded.ErrEngineMissing, "make engine"},
		{notLibrary, embedded.ErrWrongEngine, "make engine"},
		{otherMachine, embedded.ErrWrongEngine, "RISCV"},
	} {
		t.Run(filepath.Base(tc.path), func(t *testing.T) {
			_, err := embedded.StartClickHouse(t.Context(),
				embedded.ClickHouseConfig{Dir: filepath.Join(dir, "ch"), Library: tc.path, Logger: quiet()})
			checkError(t, err, tc.want, tc.says)
		})
	}
}

func TestEngineVersionIsThePinnedOne(t *testing.T) {
	for _, name := range []string{"package.json", "package-lock.json"} {
		text := readFile(t, "..", "..", "deploy", "engine", name)
		if !strings.Contains(text, `"@chdb/lib-linux-x64-gnu": "`+embedded.EngineVersion+`"`) {
			t.Errorf("deploy/engine/%s does not pin %s", name, embedded.EngineVersion)
		}
		if strings.Contains(text, "resolved") {
			t.Errorf("deploy/engine/%s names a download address; run npm with --omit-lockfile-registry-resolved", name)
		}
	}
}

// TestClickHouseStopsWhenItsDiskFails fails the engine's writes by a limit on the size of files: an insert that could
// not be written is not acknowledged, and the engine comes back with all that was.
func TestClickHouseStopsWhenItsDiskFails(t *testing.T) {
	log := newRecorder()
	c := startClickHouse(t, embedded.ClickHouseConfig{Dir: t.TempDir(), Logger: slogOf(log)})
	conn := connect(t, c.Addr(), c.Login())
	const insert = "INSERT INTO t SELECT number, randomString(16) FROM numbers(400000)"
	mustExec(t, conn, "CREATE TABLE t (x UInt64, s String) ENGINE = MergeTree ORDER BY x", insert)

	before := c.PID()
	limit := unix.Rlimit{Cur: 1 << 20, Max: 1 << 20}
	if err := unix.Prlimit(before, unix.RLIMIT_FSIZE, &limit, nil); err != nil {
		t.Fatal(err)
	}
	if err := conn.Exec(t.Context(), insert); err == nil {
		t.Error("an insert that could not be written was acknowledged")
	}
	eventually(t, "the engine is there again", func() bool { return c.PID() != before && c.Health(t.Context()) == nil })
	if got := queryUint(t, connect(t, c.Addr(), c.Login()), "SELECT countIf(length(s) = 16) FROM t"); got != 400_000 {
		t.Errorf("%d rows, want those of the insert that was acknowledged", got)
	}
	if !strings.Contains(log.text(), "exit status 28") {
		t.Errorf("the engine did not end because of its disk:\n%s", log.text())
	}
}
