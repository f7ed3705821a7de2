package deploy

import (
	"encoding/xml"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

func parseYAML(t *testing.T, file string, into any) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(content, into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

func TestXMLIsWellFormed(t *testing.T) {
	err := fs.WalkDir(os.DirFS("clickhouse"), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(filepath.Join("clickhouse", name))
		if err != nil {
			return err
		}
		decoder := xml.NewDecoder(strings.NewReader(string(content)))
		for {
			if _, err := decoder.Token(); errors.Is(err, io.EOF) {
				return nil
			} else if err != nil {
				t.Errorf("clickhouse/%s: %v", name, err)
				return nil
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestDatabaseLetsNobodyInWithoutPassword(t *testing.T) {
	content, err := os.ReadFile("clickhouse/users.d/gapwise.xml")
	if err != nil {
		t.Fatal(err)
	}
	type user struct {
		XMLName  xml.Name
		Remove   string `xml:"remove,attr"`
		Password struct {
			FromEnv string `xml:"from_env,attr"`
		} `xml:"password"`
		Grants []string `xml:"grants>query"`
	}
	var config struct {
		Users struct {
			All []user `xml:",any"`
		} `xml:"users"`
	}
	if err := xml.Unmarshal(content, &config); err != nil {
		t.Fatal(err)
	}
	made := secrets(t)["clickhouse.env"]
	seen := map[string]user{}
	for _, u := range config.Users.All {
		seen[u.XMLName.Local] = u
		if u.Remove == "" && made[u.Password.FromEnv] == "" {
			t.Errorf("user %s: password from %q, which secrets.sh doesn't write into clickhouse.env", u.XMLName.Local, u.Password.FromEnv)
		}
	}
	if seen["default"].Remove == "" {
		t.Error("user default is not removed")
	}
	c := load(t)
	for _, role := range roles {
		name := c.Services[role].Environment["GAPWISE_CLICKHOUSE_USER"]
		database := c.Services[role].Environment["GAPWISE_CLICKHOUSE_DATABASE"]
		if grants := strings.Join(seen[name].Grants, "\n"); !strings.Contains(grants, "GRANT ALL ON "+database+".*") {
			t.Errorf("%s: user %q has no rights on database %q: %s", role, name, database, grants)
		}
	}
}

func TestPrometheusAsksServices(t *testing.T) {
	var config struct {
		ScrapeConfigs []struct {
			StaticConfigs []struct{ Targets []string } `yaml:"static_configs"`
		} `yaml:"scrape_configs"`
	}
	parseYAML(t, "prometheus/prometheus.yml", &config)
	services := load(t).Services
	asked := map[string]bool{}
	for _, scrape := range config.ScrapeConfigs {
		for _, static := range scrape.StaticConfigs {
			for _, target := range static.Targets {
				host, _, err := net.SplitHostPort(target)
				if _, there := services[host]; err != nil || !there {
					t.Errorf("target %s is no service", target)
				}
				asked[host] = true
			}
		}
	}
	for _, role := range roles {
		if !asked[role] {
			t.Errorf("the metrics of %s are not asked for", role)
		}
	}
}

func TestGrafanaIsProvisioned(t *testing.T) {
	var sources struct {
		Datasources []struct {
			UID, URL       string
			JSONData       map[string]any    `yaml:"jsonData"`
			SecureJSONData map[string]string `yaml:"secureJsonData"`
		}
	}
	parseYAML(t, "grafana/provisioning/datasources/gapwise.yml", &sources)
	c := load(t)
	made := secrets(t)["grafana.env"]
	hosts := map[string]string{}
	for _, s := range sources.Datasources {
		host, _ := s.JSONData["host"].(string)
		if host == "" {
			host = regexp.MustCompile(`^http://([a-z]+):`).FindStringSubmatch(s.URL + "http://none:")[1]
		}
		if _, there := c.Services[host]; !there {
			t.Errorf("data source %s asks %s, which is no service", s.UID, host)
		}
		hosts[s.UID] = host
		for key, value := range s.SecureJSONData {
			if name, variable := strings.CutPrefix(value, "$"); !variable || made[name] == "" {
				t.Errorf("data source %s: %s is %q, want a variable of grafana.env", s.UID, key, value)
			}
		}
	}
	// The ids by which dashboards name them.
	if hosts["prometheus"] != "prometheus" || hosts["clickhouse"] != "clickhouse" {
		t.Errorf("data sources by uid: %v", hosts)
	}

	var dashboards struct {
		Providers []struct{ Options struct{ Path string } }
	}
	parseYAML(t, "grafana/provisioning/dashboards/gapwise.yml", &dashboards)
	mounted := strings.Join(c.Services["grafana"].Volumes, "\n")
	for _, p := range dashboards.Providers {
		if !strings.Contains(mounted, "./dashboards:"+p.Options.Path+":ro") {
			t.Errorf("dashboards are looked for in %s, where ./dashboards is not mounted", p.Options.Path)
		}
	}
}

func TestProxyForwardsToServices(t *testing.T) {
	content, err := os.ReadFile("caddy/Caddyfile")
	if err != nil {
		t.Fatal(err)
	}
	services := load(t).Services
	targets := regexp.MustCompile(`reverse_proxy (\w+):8080`).FindAllStringSubmatch(string(content), -1)
	if len(targets) != 2 {
		t.Fatalf("%d reverse_proxy lines, want ingest and query", len(targets))
	}
	for _, target := range targets {
		if _, there := services[target[1]]; !there {
			t.Errorf("forwards to %s, which is no service", target[1])
		}
	}
}
