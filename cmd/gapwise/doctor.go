package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gapwise/gapwise/internal/embedded"
	"github.com/gapwise/gapwise/internal/httpserver"
)

// finding is what the doctor found of one thing.
type finding struct {
	Name string `json:"name"`
	OK   bool   `json:"ok"`
	Note string `json:"note"` // what was found, or what is wrong and what to do
}

// addresses tell where things are and how to get at them.
type addresses struct {
	HTTP       string `json:"http,omitempty"`
	NATS       string `json:"nats,omitempty"`
	ClickHouse string `json:"clickhouse,omitempty"`
	Data       string `json:"data"`

	// The commands by which others connect.
	NATSClient       string `json:"nats_client,omitempty"`
	ClickHouseClient string `json:"clickhouse_client,omitempty"`
}

// diagnosis is all of it.
type diagnosis struct {
	OK       bool      `json:"ok"`
	Running  bool      `json:"running"`
	Findings []finding `json:"findings"`
	Where    addresses `json:"where"`
}

// doctorWithin bounds how long the doctor waits for an answer.
const doctorWithin = 5 * time.Second

func (t *terminal) doctorVerb() *cobra.Command {
	var asJSON, secrets bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check this machine and the running gapwise",
		Long: `Check this machine and the gapwise that runs on the data folder: what is wrong, what to
do about it, and where everything is. It changes nothing. It ends with exit code 1 when
something is wrong; that nothing runs is not.`,
		Example: "  gapwise doctor\n  gapwise doctor --data-dir ./.gapwise --show-secrets",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := t.config(cmd)
			if err != nil {
				return err
			}
			d := t.diagnose(cmd, c, secrets)
			if asJSON {
				if err := t.printJSON(d); err != nil {
					return err
				}
			} else {
				t.tellDiagnosis(d)
			}
			if !d.OK {
				return errSilent
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().BoolVar(&secrets, "show-secrets", false, "show the passwords in the commands for other clients")
	addClientFlags(cmd)
	return cmd
}

func (t *terminal) tellDiagnosis(d *diagnosis) {
	for _, f := range d.Findings {
		mark := "ok  "
		if !f.OK {
			mark = "BAD "
		}
		wrap(t.out, fmt.Sprintf("%s %-12s ", mark, f.Name), f.Note)
	}
	fmt.Fprintln(t.out)
	for _, line := range []struct{ name, text string }{
		{"data folder", d.Where.Data}, {"pages and API", d.Where.HTTP}, {"NATS", d.Where.NATS}, {"ClickHouse", d.Where.ClickHouse},
	} {
		if line.text != "" {
			fmt.Fprintf(t.out, "%-15s %s\n", line.name, line.text)
		}
	}
	if d.Where.NATSClient != "" {
		fmt.Fprintf(t.out, "\nPublish events with the nats command line, as docs/producers.md tells:\n  %s\n", d.Where.NATSClient)
	}
	if d.Where.ClickHouseClient != "" {
		fmt.Fprintf(t.out, "\nLook into the tables:\n  %s\n", d.Where.ClickHouseClient)
	}
}

// diagnose looks at everything, from the ground up.
func (t *terminal) diagnose(cmd *cobra.Command, c *Config, secrets bool) *diagnosis {
	d := &diagnosis{OK: true, Where: addresses{Data: c.Data.Dir}}
	check := func(name string, look func() (string, error)) {
		note, err := look()
		if err != nil {
			d.OK, note = false, err.Error()
		}
		d.Findings = append(d.Findings, finding{name, err == nil, note})
	}
	info, err := embedded.ReadRunInfo(c.Data.Dir)
	d.Running = err == nil
	check("data folder", func() (string, error) { return lookAtData(c) })
	check("disk", func() (string, error) { return lookAtDisk(c) })
	if c.ClickHouse.Addr == "" {
		check("engine", func() (string, error) { return lookAtEngine(c) })
	}
	check("keys", func() (string, error) { return lookAtKeys(c, d.Running) })
	check("running", func() (string, error) {
		if d.Running {
			return fmt.Sprintf("process %d since %s", info.PID, info.Started.Format(time.RFC3339)), nil
		}
		if !errors.Is(err, embedded.ErrNotRunning) {
			return "", err
		}
		return "nothing runs on this data folder; start it with: gapwise run", nil
	})
	if !d.Running {
		check("address", func() (string, error) { return lookAtAddress(cmd.Context(), c) })
	}
	if remote, _ := cmd.Flags().GetString("url"); d.Running || remote != "" {
		ctx, cancel := context.WithTimeout(cmd.Context(), doctorWithin)
		defer cancel()
		check("ready", func() (string, error) { return t.askReady(ctx, cmd) })
		check("projection", func() (string, error) { return t.askProjection(ctx, cmd) })
	}
	d.Where.fill(c, info, secrets)
	return d
}

// fill tells how to connect. Passwords are shown on demand only: what is printed
// ends in logs and on projectors.
func (a *addresses) fill(c *Config, info embedded.RunInfo, secrets bool) {
	a.HTTP, a.NATS, a.ClickHouse = info.HTTPURL, info.NATSURL, info.ClickHouseAddr
	logins, err := embedded.ReadLogins(c.Data.Dir)
	if err != nil {
		return
	}
	password := func(l embedded.Login, path string) string {
		if secrets {
			return l.Password
		}
		return "\"$(cat " + c.Data.Dir + path + ")\""
	}
	if info.NATSURL != "" {
		a.NATSClient = fmt.Sprintf("nats pub --server %s --user %s --password %s --inbox-prefix %s --jetstream --no-templates study.events.NN EVENT",
			info.NATSURL, logins.Producer.User, password(logins.Producer, "/nats/producer.password"), embedded.ProducerInbox)
	}
	if info.ClickHouseAddr != "" {
		host, port, _ := net.SplitHostPort(info.ClickHouseAddr)
		a.ClickHouseClient = fmt.Sprintf("clickhouse client --host %s --port %s --user %s --password %s --database %s",
			host, port, logins.ClickHouse.User, password(logins.ClickHouse, "/clickhouse/password"), c.ClickHouse.Database)
	}
}

func lookAtData(c *Config) (string, error) {
	info, err := os.Stat(c.Data.Dir)
	if errors.Is(err, os.ErrNotExist) {
		return c.Data.Dir + " is not there yet; gapwise run makes it", nil
	}
	if err != nil {
		return "", err
	}
	if !info.IsDir() {
		return "", fmt.Errorf("%s is no folder; set data.dir to one", c.Data.Dir)
	}
	probe, err := os.CreateTemp(c.Data.Dir, ".doctor.*")
	if err != nil {
		return "", fmt.Errorf("%w; give this user the right to write in it, or set data.dir to another folder", err)
	}
	if err := errors.Join(probe.Close(), os.Remove(probe.Name())); err != nil {
		return "", err
	}
	format, err := embedded.ReadFormat(c.Data.Dir)
	switch {
	case err != nil:
		return "", err
	case format == 0:
		return c.Data.Dir + " can be written, nothing was started on it yet", nil
	case format < embedded.FormatVersion:
		return fmt.Sprintf("%s can be written, format %d; the next start makes it %d, and an older gapwise refuses it then: keep a copy for the way back",
			c.Data.Dir, format, embedded.FormatVersion), nil
	}
	return fmt.Sprintf("%s can be written, format %d", c.Data.Dir, format), nil
}

func lookAtDisk(c *Config) (string, error) {
	dir := c.Data.Dir
	for _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist); _, err = os.Stat(dir) {
		dir = filepath.Dir(dir) // it ends at the root, which is there
	}
	free, err := embedded.FreeBytes(dir)
	if err != nil {
		return "", err
	}
	if free < c.minFree {
		return "", fmt.Errorf("%d MB free, new events are refused below %d MB (disk.min_free); free some space or set data.dir to another disk",
			free/1e6, c.minFree/1e6)
	}
	return fmt.Sprintf("%d MB free, new events are refused below %d MB", free/1e6, c.minFree/1e6), nil
}

func lookAtEngine(c *Config) (string, error) {
	path := c.Engine.Path
	if path != "" {
		_, err := os.Stat(path)
		return path, err
	}
	path, err := embedded.FindLibrary()
	return path, err
}

func lookAtKeys(c *Config, running bool) (string, error) {
	path := keysPath(c)
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) && !running {
		return "none yet; gapwise run makes them", nil
	}
	if err != nil {
		return "", err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("others may read %s: make it yours alone with: chmod 600 %[1]s", path)
	}
	if _, err := httpserver.OpenKeys(path); err != nil {
		return "", err
	}
	return path, nil
}

func lookAtAddress(ctx context.Context, c *Config) (string, error) {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", c.HTTP.Listen)
	if err != nil {
		return "", fmt.Errorf("%w; choose another with http.listen", err)
	}
	return c.HTTP.Listen + " is free", l.Close()
}

// askReady asks whether the running gapwise is of use, and why not.
func (t *terminal) askReady(ctx context.Context, cmd *cobra.Command) (string, error) {
	c, err := t.newClient(cmd, httpserver.Claims{Role: httpserver.RoleOperator})
	if err != nil {
		return "", err
	}
	var answer struct {
		Status string `json:"status"`
		Checks []struct {
			Name  string `json:"name"`
			OK    bool   `json:"ok"`
			Error string `json:"error"`
		} `json:"checks"`
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+"/readyz", nil)
	if err != nil {
		return "", err
	}
	request.Header.Set("Authorization", "Bearer "+c.token)
	response, err := c.http.Do(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return "", fmt.Errorf("%s/readyz answered %s and no JSON: %w", c.base, response.Status, err)
	}
	var wrong []error
	var names []string
	for _, check := range answer.Checks {
		names = append(names, check.Name)
		if !check.OK {
			wrong = append(wrong, fmt.Errorf("%s: %s", check.Name, check.Error))
		}
	}
	return c.base + " is " + answer.Status + ": " + strings.Join(names, ", "), errors.Join(wrong...)
}

// lagTooLong is how long events may wait before the doctor calls it wrong.
const lagTooLong = time.Minute

func (t *terminal) askProjection(ctx context.Context, cmd *cobra.Command) (string, error) {
	c, err := t.newClient(cmd, httpserver.Claims{Role: httpserver.RoleOperator})
	if err != nil {
		return "", err
	}
	p, err := c.projections(ctx)
	if err != nil {
		return "", err
	}
	lag := time.Duration(p.LagMS) * time.Millisecond
	note := fmt.Sprintf("at sequence %d of %d, lag %s, %d answers of %d learners, %d dead letters, %d conflicts",
		p.Floor, p.Last, lag, p.Counts.Answers, p.Counts.Learners, p.Counts.Dead, p.Counts.Conflicts)
	if p.Proposed != "" {
		note += "; catalog " + p.Proposed + " is proposed, " + p.Catalog + " is active (gapwise replay start --dry-run)"
	}
	if p.ProposedModel != "" {
		note += "; model " + p.ProposedModel + " is proposed, " + p.Model + " is active (gapwise model publish " + p.ProposedModel + " --dry-run)"
	}
	if lag > lagTooLong {
		return "", fmt.Errorf("%s; events wait too long: its log tells why", note)
	}
	return note, nil
}
