package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/go-viper/mapstructure/v2"
	"github.com/spf13/pflag"
	"github.com/spf13/viper"

	"github.com/gapwise/gapwise/internal/models"
	"github.com/gapwise/gapwise/internal/project"
)

// Config is everything that can be configured. The keys of the YAML file are
// the lower-case names below; GAPWISE_HTTP_LISTEN in the environment sets
// http.listen; flags win over both.
type Config struct {
	Data struct {
		Dir string // where everything is kept
	}
	HTTP struct {
		Listen       string // host:port of pages and API
		TrustedProxy bool   `mapstructure:"trusted_proxy"` // a proxy in front speaks TLS
		OpenMetrics  bool   `mapstructure:"open_metrics"`  // /metrics answers without a token
		TLS          struct {
			Cert string // PEM file
			Key  string // PEM file
		}
	}
	NATS struct {
		URL      string // empty: embedded
		User     string
		Password string
		Listen   string // host:port of the embedded server; empty: 4222 or any free port
		MaxBytes int64  `mapstructure:"max_bytes"` // bound of the stream; -1: none
		Replicas int    // copies of the stream in a cluster
	}
	ClickHouse struct {
		Addr     string // host:port of the native protocol; empty: embedded
		User     string
		Password string
		Database string
		TLS      bool
	}
	Engine struct {
		Path string // of libchdb.so; empty: where make put it
	}
	Projector struct {
		Lease time.Duration // how long a projector that vanished holds the others off
	}
	Auth struct {
		Keys string // key file of tokens; empty: in the data folder
	}
	Catalog struct {
		Path string // a course folder; empty: the built-in guide
	}
	Model struct {
		Propose         bool    // fit by itself once there are enough new answers
		ProposeAnswers  int     `mapstructure:"propose_answers"`  // at least so many
		ProposeLearners int     `mapstructure:"propose_learners"` // of at least so many learners
		ProposeGrowth   float64 `mapstructure:"propose_growth"`   // and by this share more than at the last fit
	}
	Reports struct {
		Timezone string // days of reports
	}
	Disk struct {
		MinFree string `mapstructure:"min_free"` // new events are refused below it
	}
	Log struct {
		Level string // debug, info, warn, error; empty: info, on a terminal warn
	}
	Demo bool // load the demo cohort

	level    slog.Level
	location *time.Location
	minFree  uint64
}

// defaults lists every key with its default: a key that isn't here is refused.
func defaults() map[string]any {
	return map[string]any{
		"data.dir":               dataHome(),
		"http.listen":            "127.0.0.1:8080",
		"http.trusted_proxy":     false,
		"http.open_metrics":      false,
		"http.tls.cert":          "",
		"http.tls.key":           "",
		"nats.url":               "",
		"nats.user":              "",
		"nats.password":          "",
		"nats.listen":            "",
		"nats.max_bytes":         int64(-1),
		"nats.replicas":          1,
		"clickhouse.addr":        "",
		"clickhouse.user":        "default",
		"clickhouse.password":    "",
		"clickhouse.database":    "gapwise",
		"clickhouse.tls":         false,
		"engine.path":            "",
		"projector.lease":        "10s",
		"auth.keys":              "",
		"catalog.path":           "",
		"model.propose":          true,
		"model.propose_answers":  5000,
		"model.propose_learners": 30,
		"model.propose_growth":   0.5,
		"reports.timezone":       "UTC",
		"disk.min_free":          "512MB",
		"log.level":              "",
		"demo":                   false,
	}
}

// configFlags are the keys that have a flag; the rest is for the file and the
// environment. Secrets have none: a command line is seen by everyone on the machine.
var configFlags = map[string]struct{ flag, usage string }{
	"data.dir":         {"data-dir", "folder that keeps everything"},
	"http.listen":      {"listen", "address of pages and API"},
	"nats.url":         {"nats-url", "an outside NATS server; empty: embedded"},
	"clickhouse.addr":  {"clickhouse-addr", "an outside ClickHouse server, host:port; empty: embedded"},
	"catalog.path":     {"catalog", "a course folder; empty: the built-in guide"},
	"reports.timezone": {"timezone", "time zone of days in reports"},
	"log.level":        {"log-level", "debug, info, warn or error; empty: info, and warn where the log goes to a terminal"},
}

func addConfigFlags(flags *pflag.FlagSet) {
	flags.String("config", "", "YAML file with configuration")
	for key, f := range configFlags {
		flags.String(f.flag, "", fmt.Sprintf("%s (%s)", f.usage, key))
	}
	flags.Bool("demo", false, "load the demo cohort (demo)")
}

// loadConfig reads file, environment and flags, in rising order, and tells
// everything that is wrong with them at once.
func loadConfig(flags *pflag.FlagSet) (*Config, error) {
	v := viper.New()
	for key, value := range defaults() {
		v.SetDefault(key, value)
	}
	v.SetEnvPrefix("gapwise")
	v.SetEnvKeyReplacer(strings.NewReplacer(".", "_"))
	v.AutomaticEnv()
	if file, _ := flags.GetString("config"); file != "" {
		v.SetConfigFile(file)
		v.SetConfigType("yaml")
		if err := v.ReadInConfig(); err != nil {
			return nil, fmt.Errorf("read the configuration %s (YAML such as \"http: {listen: 127.0.0.1:8080}\"): %w", file, err)
		}
	}
	for key, f := range configFlags {
		if flag := flags.Lookup(f.flag); flag != nil && flag.Changed {
			v.Set(key, flag.Value.String())
		}
	}
	if flag := flags.Lookup("demo"); flag != nil && flag.Changed {
		v.Set("demo", flag.Value.String())
	}
	var c Config
	err := v.UnmarshalExact(&c, func(d *mapstructure.DecoderConfig) { d.WeaklyTypedInput = true })
	if err != nil {
		return nil, fmt.Errorf("configuration (file, GAPWISE_…, flags):\n%w", wrongConfig(err))
	}
	if err := c.validate(); err != nil {
		return nil, fmt.Errorf("configuration:\n%w", err)
	}
	return &c, nil
}

func (c *Config) validate() error {
	var wrong []error
	fail := func(format string, args ...any) { wrong = append(wrong, fmt.Errorf("  "+format, args...)) }
	var err error
	if c.Data.Dir == "" {
		fail("data.dir is empty; name a folder")
	} else if c.Data.Dir, err = filepath.Abs(c.Data.Dir); err != nil {
		fail("data.dir: %w", err)
	}
	c.validateAddresses(fail)
	if (c.HTTP.TLS.Cert == "") != (c.HTTP.TLS.Key == "") {
		fail("http.tls.cert and http.tls.key go together")
	}
	if c.NATS.Replicas < 1 || c.NATS.Replicas > 5 {
		fail("nats.replicas: %d is not 1 to 5", c.NATS.Replicas)
	}
	if c.Projector.Lease < time.Second || c.Projector.Lease > time.Hour {
		fail("projector.lease: %s is not 1s to 1h", c.Projector.Lease)
	}
	if err := c.validateProposals(); err != nil {
		fail("%w", err)
	}
	if err := c.level.UnmarshalText([]byte(c.Log.Level)); c.Log.Level != "" && err != nil {
		fail("log.level: %q is not debug, info, warn or error", c.Log.Level)
	}
	// Local is a zone by another name on each machine, the database's among them.
	if c.location, err = time.LoadLocation(c.Reports.Timezone); err != nil || c.location == time.Local {
		fail("reports.timezone: %q is no time zone, such as UTC or Europe/Berlin", c.Reports.Timezone)
	}
	if c.minFree, err = parseBytes(c.Disk.MinFree); err != nil {
		fail("disk.min_free: %w", err)
	}
	if c.Catalog.Path != "" {
		if _, err := os.Stat(c.Catalog.Path); err != nil {
			fail("catalog.path: %w; name a course folder, or leave it empty for the built-in guide", err)
		}
	}
	return errors.Join(wrong...)
}

func (c *Config) validateAddresses(fail func(format string, args ...any)) {
	if _, _, err := net.SplitHostPort(c.HTTP.Listen); err != nil {
		fail("http.listen: %q is no host:port, such as 127.0.0.1:8080", c.HTTP.Listen)
	}
	if c.NATS.Listen != "" {
		if _, _, err := net.SplitHostPort(c.NATS.Listen); err != nil {
			fail("nats.listen: %q is no host:port, such as 127.0.0.1:4222", c.NATS.Listen)
		}
	}
}

func (c *Config) validateProposals() error {
	switch m := c.Model; {
	case m.ProposeAnswers < 1:
		return fmt.Errorf("model.propose_answers: %d is not 1 or more", m.ProposeAnswers)
	case m.ProposeLearners < project.Folds:
		return fmt.Errorf("model.propose_learners: %d is not %d or more, which a fit needs to try itself", m.ProposeLearners, project.Folds)
	case !(m.ProposeGrowth >= 0 && m.ProposeGrowth <= maxGrowth):
		return fmt.Errorf("model.propose_growth: %v is not 0 to %d, such as 0.5 for half as many answers again", m.ProposeGrowth, maxGrowth)
	}
	return nil
}

// maxGrowth bounds by what share answers must have grown; 0.5 is half as many again.
const maxGrowth = 1000

// proposals says when a model is fitted without anybody asking; never where that is
// turned off.
func (c *Config) proposals() models.Rule {
	return models.Rule{
		Never: !c.Model.Propose, Answers: uint64(c.Model.ProposeAnswers), Learners: uint64(c.Model.ProposeLearners), Growth: c.Model.ProposeGrowth,
	}
}

// parseBytes reads a size such as 512MB or 2GiB.
func parseBytes(s string) (uint64, error) {
	text := strings.ToUpper(strings.TrimSpace(s))
	number := strings.TrimRight(text, "BIKMGT")
	factor := map[string]float64{
		"": 1, "B": 1, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12,
		"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40,
		"KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30, "TIB": 1 << 40,
	}[text[len(number):]]
	n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if err != nil || factor == 0 || !(n >= 0 && n*factor < 1<<62) {
		return 0, fmt.Errorf("%q is no size, such as 512MB", s)
	}
	return uint64(n * factor), nil
}

func dataHome() string {
	if dir := os.Getenv("XDG_DATA_HOME"); dir != "" {
		return filepath.Join(dir, "gapwise")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, ".local", "share", "gapwise")
}
