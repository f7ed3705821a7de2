package deploy

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// compose is what docker-compose.yml may say; any other key is an error.
type compose struct {
	Name     string
	Gapwise  yaml.Node `yaml:"x-gapwise"`
	Services map[string]service
	Volumes  map[string]any
}

type service struct {
	Image string
	Build struct {
		Context, Dockerfile string
		Args                map[string]string
	}
	Command     []string
	EnvFile     string `yaml:"env_file"`
	Environment map[string]string
	Ports       []string
	Volumes     []string
	DependsOn   map[string]struct{ Condition string } `yaml:"depends_on"`
	Healthcheck struct {
		Test              []string
		Interval, Timeout string
		Retries           int
		StartPeriod       string `yaml:"start_period"`
	}
	Restart         string
	StopGracePeriod string `yaml:"stop_grace_period"`
	ReadOnly        bool   `yaml:"read_only"`
	Tmpfs           []string
	CapDrop         []string `yaml:"cap_drop"`
	SecurityOpt     []string `yaml:"security_opt"`
	Ulimits         map[string]struct{ Soft, Hard int }
}

var root = ".."

// roles are the services that run gapwise.
var roles = []string{"ingest", "projector", "query"}

func load(t *testing.T) compose {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, "docker-compose.yml"))
	if err != nil {
		t.Fatal(err)
	}
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	decoder.KnownFields(true)
	var c compose
	if err := decoder.Decode(&c); err != nil {
		t.Fatalf("docker-compose.yml: %v", err)
	}
	return c
}

// secrets makes a fresh set of passwords and returns them by file and name.
func secrets(t *testing.T) map[string]map[string]string {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "secrets")
	if out, err := exec.CommandContext(t.Context(), "./secrets.sh", folder).CombinedOutput(); err != nil {
		t.Fatalf("secrets.sh: %v\n%s", err, out)
	}
	found := map[string]map[string]string{}
	files, err := filepath.Glob(filepath.Join(folder, "*.env"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if mode := info.Mode().Perm(); mode != 0o600 {
			t.Errorf("%s: mode %o, want 600: only its owner reads a secret", file, mode)
		}
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		variables := map[string]string{}
		for line := range strings.Lines(string(content)) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
			variables[name] = value
		}
		found[filepath.Base(file)] = variables
	}
	return found
}

func TestComposeNamesWhatIsThere(t *testing.T) {
	c := load(t)
	made := secrets(t)
	for name, s := range c.Services {
		if s.Build.Dockerfile != "" {
			mustExist(t, name, s.Build.Dockerfile)
		}
		if folder, file := filepath.Split(s.EnvFile); s.EnvFile != "" && (folder != "deploy/secrets/" || made[file] == nil) {
			t.Errorf("%s: env_file %s is not one that secrets.sh writes", name, s.EnvFile)
		}
		for _, volume := range s.Volumes {
			from, _, _ := strings.Cut(volume, ":")
			if strings.HasPrefix(from, "./") {
				mustExist(t, name, from)
			} else if _, declared := c.Volumes[from]; !declared {
				t.Errorf("%s: volume %s is not declared", name, from)
			}
		}
		for other, on := range s.DependsOn {
			if target, there := c.Services[other]; !there {
				t.Errorf("%s: depends on %s, which is no service", name, other)
			} else if on.Condition == "service_healthy" && len(target.Healthcheck.Test) == 0 {
				t.Errorf("%s: waits for %s to be healthy, which has no health check", name, other)
			}
		}
	}
}

func mustExist(t *testing.T, service, file string) {
	t.Helper()
	if _, err := os.Stat(filepath.Join(root, file)); err != nil {
		t.Errorf("%s: %v", service, err)
	}
}

func TestNothingIsPublishedBeyondLoopback(t *testing.T) {
	for name, s := range load(t).Services {
		for _, port := range s.Ports {
			if !strings.HasPrefix(port, "127.0.0.1:") {
				t.Errorf("%s: port %s: publish it on 127.0.0.1", name, port)
			}
		}
	}
}

func TestSecretsStayOutOfGit(t *testing.T) {
	ignored, err := os.ReadFile(".gitignore")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(ignored), "/secrets/\n") {
		t.Error("deploy/.gitignore doesn't name /secrets/")
	}
	password := regexp.MustCompile(`(?i)(password|secret|token)\w*$`)
	for name, s := range load(t).Services {
		for variable := range s.Environment {
			if password.MatchString(variable) {
				t.Errorf("%s: %s belongs into an env_file that secrets.sh writes", name, variable)
			}
		}
	}
}

func TestRolesAreVerbsOfTheProgram(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "gapwise")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "../cmd/gapwise")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	c := load(t)
	for _, role := range roles {
		s := c.Services[role]
		if len(s.Command) == 0 {
			t.Errorf("%s: no command", role)
			continue
		}
		usage, err := exec.CommandContext(t.Context(), binary, s.Command[0], "--help").CombinedOutput()
		if err != nil || !strings.Contains(string(usage), "gapwise "+s.Command[0]) {
			t.Errorf("%s: gapwise %s --help: %v\n%s", role, s.Command[0], err, usage)
		}
	}
}

func TestRolesAreConfiguredWithKnownKeys(t *testing.T) {
	source, err := os.ReadFile(filepath.Join(root, "cmd", "gapwise", "config.go"))
	if err != nil {
		t.Fatal(err)
	}
	var known []string
	for _, key := range regexp.MustCompile(`(?m)^\t+"([a-z_.]+)":`).FindAllStringSubmatch(string(source), -1) {
		known = append(known, "GAPWISE_"+strings.ToUpper(strings.ReplaceAll(key[1], ".", "_")))
	}
	c := load(t)
	given := secrets(t)["gapwise.env"]
	for _, role := range roles {
		variables := c.Services[role].Environment
		for variable := range given {
			variables[variable] = ""
		}
		for variable := range variables {
			if !slices.Contains(known, variable) {
				t.Errorf("%s: %s sets no key of cmd/gapwise/config.go", role, variable)
			}
		}
		for _, outside := range []string{"GAPWISE_NATS_URL", "GAPWISE_CLICKHOUSE_ADDR"} {
			if variables[outside] == "" {
				t.Errorf("%s: %s is empty, so an engine would be embedded", role, outside)
			}
		}
	}
}
