package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/gapwise/gapwise/internal/httpserver"
	"github.com/gapwise/gapwise/internal/mastery"
	"github.com/gapwise/gapwise/internal/project"
	"github.com/gapwise/gapwise/internal/query"
)

// dashboard is what a test must know of Grafana's JSON.
type dashboard struct {
	UID, Title, Description string
	Links                   []struct{ URL string }
	Templating              struct{ List []dashboardVariable }
	Panels                  []panel
}

type dashboardVariable struct {
	Name, Label, Description, Type, Query string
	Datasource                            datasource
	Options                               []struct{ Value string }
}

type panel struct {
	ID                       int
	Type, Title, Description string
	Datasource               datasource
	GridPos                  struct{ X, Y, W, H int }
	Targets                  []target
	FieldConfig              struct {
		Overrides []struct{ Matcher struct{ ID, Options string } }
	}
}

type target struct {
	Datasource                                        datasource
	Expr, LegendFormat, RawSQL, QueryType, EditorType string
}

type datasource struct{ Type, UID string }

func dashboards(t *testing.T) map[string]dashboard {
	t.Helper()
	files, err := filepath.Glob("../../dashboards/*.json")
	if err != nil || len(files) != 2 {
		t.Fatalf("dashboards are %v, %v, want pipeline.json and weak-topics.json", files, err)
	}
	found := map[string]dashboard{}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var d dashboard
		if err := json.Unmarshal(content, &d); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		found[filepath.Base(file)] = d
	}
	return found
}

// Whoever opens a dashboard is told what is to be seen and what to do, and nothing
// of it is missing or hidden behind something else.
func TestDashboardsAreWhole(t *testing.T) {
	provisioned, err := os.ReadFile("../../deploy/grafana/provisioning/datasources/gapwise.yml")
	if err != nil {
		t.Fatal(err)
	}
	sources := map[datasource]bool{}
	for _, m := range regexp.MustCompile(`uid: (\S+)\n\s+type: (\S+)`).FindAllStringSubmatch(string(provisioned), -1) {
		sources[datasource{Type: m[2], UID: m[1]}] = true
	}
	all := dashboards(t)
	urls := map[string]bool{}
	for _, d := range all {
		urls["/d/"+d.UID] = true
	}
	if len(urls) != len(all) {
		t.Error("two dashboards have the same uid")
	}
	for file, d := range all {
		if d.Title == "" || d.Description == "" {
			t.Errorf("%s: no title or no description", file)
		}
		for _, link := range d.Links {
			if !urls[link.URL] {
				t.Errorf("%s: links to %s, which is no dashboard", file, link.URL)
			}
		}
		for _, v := range d.Templating.List {
			if v.Label == "" || v.Description == "" {
				t.Errorf("%s: variable %s: no label or no description", file, v.Name)
			}
		}
		ids, taken := map[int]bool{}, map[[2]int]string{}
		for _, p := range d.Panels {
			if p.Title == "" || p.Description == "" || len(p.Targets) == 0 {
				t.Errorf("%s: panel %d %q: no title, no description or no query", file, p.ID, p.Title)
			}
			if ids[p.ID] {
				t.Errorf("%s: panel id %d is there twice", file, p.ID)
			}
			ids[p.ID] = true
			for _, q := range p.Targets {
				if q.Datasource != p.Datasource || !sources[q.Datasource] {
					t.Errorf("%s: %s: data source %v is not provisioned or not the panel's", file, p.Title, q.Datasource)
				}
			}
			for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
				for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
					if other := taken[[2]int{x, y}]; other != "" || x >= 24 {
						t.Fatalf("%s: %s lies over %q or beyond the edge", file, p.Title, other)
					}
					taken[[2]int{x, y}] = p.Title
				}
			}
		}
	}
}

// TestDashboardsShowRealData runs every query of every dashboard against a system
// that has seen events, good and bad.
func TestDashboardsShowRealData(t *testing.T) {
	s := startSystem(t)
	operator := s.token(t, httpserver.Claims{Role: httpserver.RoleOperator, Life: time.Hour})
	s.seed(t, operator)
	if err := s.nats.Publish("study.events.00", []byte("this is no event")); err != nil {
		t.Fatal(err)
	}
	if err := s.nats.Flush(); err != nil {
		t.Fatal(err)
	}
	at := s.settle(t)
	// The same that the running projector does once a minute.
	weeks := &query.Weeks{Store: s.store, Active: s.active.Active, Zone: s.Config.location, Log: s.Log}
	if err := weeks.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	sql := openSQL(t, s.App)
	metrics := scrape(t, s, operator)
	for file, d := range dashboards(t) {
		for _, p := range d.Panels {
			for _, q := range p.Targets {
				if q.Expr != "" {
					metrics.check(t, fmt.Sprintf("%s: %s", file, p.Title), q)
				}
			}
		}
		for _, values := range choices(t, sql, d, "demo") {
			for _, p := range d.Panels {
				for _, q := range p.Targets {
					if q.RawSQL != "" {
						sql.check(t, fmt.Sprintf("%s by %s: %s", file, values["lens"], p.Title), substitute(t, q.RawSQL, values), q.QueryType, p)
					}
				}
				if p.Title == "Weakest topics now" {
					sameOrder(t, s, sql, values, p, at)
				}
			}
		}
	}
}

// choices are the values of a dashboard's variables for which its queries must
// show something: those of the cohort, with every value of the custom ones.
func choices(t *testing.T, sql *sqlReader, d dashboard, cohort string) []map[string]string {
	t.Helper()
	list := []map[string]string{{}}
	for _, v := range d.Templating.List {
		var options []string
		switch v.Type {
		case "custom":
			for _, o := range v.Options {
				options = append(options, o.Value)
			}
			if got := strings.Join(options, ","); got != v.Query {
				t.Errorf("variable %s has options %s and says %s", v.Name, got, v.Query)
			}
		case "query":
			_, rows := sql.rows(t, substitute(t, v.Query, list[0]))
			for _, row := range rows {
				options = append(options, fmt.Sprint(row[0]))
			}
			if v.Name == "cohort" {
				if !slices.Contains(options, cohort) {
					t.Fatalf("the cohorts to choose from are %v, without %s", options, cohort)
				}
				options = []string{cohort}
			}
		}
		if len(options) == 0 {
			t.Fatalf("variable %s of type %q has no values", v.Name, v.Type)
		}
		var next []map[string]string
		for _, values := range list {
			for _, option := range options {
				more := maps.Clone(values)
				more[v.Name] = option
				next = append(next, more)
			}
		}
		list = next
	}
	return list
}

// substitute does what Grafana and its data source do before a query is sent, over
// a time range of 26 weeks.
func substitute(t *testing.T, sql string, values map[string]string) string {
	t.Helper()
	to := time.Now().Add(time.Minute)
	from := to.AddDate(0, 0, -26*7)
	sql = regexp.MustCompile(`\$\{(\w+):singlequote\}`).ReplaceAllStringFunc(sql, func(use string) string {
		value, known := values[strings.TrimSuffix(strings.TrimPrefix(use, "${"), ":singlequote}")]
		if !known {
			t.Fatalf("%s is no variable of the dashboard, or comes later: %s", use, sql)
		}
		return "'" + strings.ReplaceAll(value, "'", `\'`) + "'"
	})
	sql = regexp.MustCompile(`\$__dateFilter\(([\w.]+)\)`).ReplaceAllString(sql, fmt.Sprintf(
		"$1 >= toDate('%s') AND $1 <= toDate('%s')", from.Format(time.DateOnly), to.Format(time.DateOnly)))
	sql = regexp.MustCompile(`\$__timeFilter\(([\w.]+)\)`).ReplaceAllString(sql, fmt.Sprintf(
		"$1 >= toDateTime(%d) AND $1 <= toDateTime(%d)", from.Unix(), to.Unix()))
	if strings.Contains(sql, "$") {
		t.Fatalf("a variable or macro that the test doesn't know: %s", sql)
	}
	return sql
}

// sqlReader asks as the dashboards' user may: reading only.
type sqlReader struct{ conn driver.Conn }

func openSQL(t *testing.T, a *App) *sqlReader {
	t.Helper()
	c := a.Config.ClickHouse
	o := &clickhouse.Options{
		Addr:     []string{c.Addr},
		Auth:     clickhouse.Auth{Database: c.Database, Username: c.User, Password: c.Password},
		Settings: clickhouse.Settings{"readonly": 2},
	}
	if a.engines != nil && a.engines.ClickHouse != nil {
		login := a.engines.ClickHouse.Login()
		o.Addr, o.Auth.Username, o.Auth.Password = []string{a.engines.ClickHouse.Addr()}, login.User, login.Password
	}
	conn, err := clickhouse.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &sqlReader{conn}
}

// rows returns the names of the columns and the rows.
func (r *sqlReader) rows(t *testing.T, sql string) ([]string, [][]any) {
	t.Helper()
	rows, err := r.conn.Query(t.Context(), sql)
	if err != nil {
		t.Fatalf("%v\n%s", err, sql)
	}
	defer func() { _ = rows.Close() }()
	var found [][]any
	for rows.Next() {
		var scanned []any
		for _, column := range rows.ColumnTypes() {
			scanned = append(scanned, reflect.New(column.ScanType()).Interface())
		}
		if err := rows.Scan(scanned...); err != nil {
			t.Fatalf("%v\n%s", err, sql)
		}
		row := make([]any, len(scanned))
		for i := range scanned {
			row[i] = reflect.ValueOf(scanned[i]).Elem().Interface()
		}
		found = append(found, row)
	}
	if err := rows.Err(); err != nil {
		t.Fatalf("%v\n%s", err, sql)
	}
	return rows.Columns(), found
}

// check runs a query of a panel and requires rows, and the columns that the panel
// draws in its own way; a time series has one value a moment and line, and more
// than one moment.
func (r *sqlReader) check(t *testing.T, what, sql, kind string, p panel) {
	t.Helper()
	columns, rows := r.rows(t, sql)
	if len(rows) == 0 {
		t.Errorf("%s: no rows\n%s", what, sql)
		return
	}
	for _, o := range p.FieldConfig.Overrides {
		if o.Matcher.ID == "byName" && !slices.Contains(columns, o.Matcher.Options) {
			t.Errorf("%s: column %q is drawn in its own way but not there: %v", what, o.Matcher.Options, columns)
		}
	}
	if kind != "timeseries" {
		return
	}
	moments, points := map[time.Time]bool{}, map[string]bool{}
	for _, row := range rows {
		moment, ok := row[0].(time.Time)
		if !ok {
			t.Fatalf("%s: the first column is %T, want a time\n%s", what, row[0], sql)
		}
		point := moment.String()
		if line, ok := row[1].(string); ok {
			point += line
		}
		if points[point] {
			t.Errorf("%s: two values at %s\n%s", what, point, sql)
		}
		moments[moment], points[point] = true, true
	}
	if len(moments) < 3 {
		t.Errorf("%s: %d weeks, the cohort studied for four\n%s", what, len(moments), sql)
	}
}

// sameOrder holds the table of the weakest topics to the report.
func sameOrder(t *testing.T, s *system, sql *sqlReader, values map[string]string, p panel, at query.AsOf) {
	t.Helper()
	lens, err := project.ParseLens(values["lens"])
	if err != nil {
		t.Fatal(err)
	}
	moment, err := query.ParseMoment(strconv.FormatUint(at.Seq, 10))
	if err != nil {
		t.Fatal(err)
	}
	report, err := s.service.CohortWeakTopics(t.Context(), values["cohort"], query.Measure{Lens: lens}, moment)
	if err != nil {
		t.Fatal(err)
	}
	var want, got [][2]string
	for _, topic := range report.Topics {
		if topic.ShareWeak == nil {
			continue
		}
		note := ""
		if topic.State == string(mastery.NotEnoughAnswers) {
			note = "not enough answers"
		}
		want = append(want, [2]string{topic.ID, note})
	}
	_, rows := sql.rows(t, substitute(t, p.Targets[0].RawSQL, values))
	for _, row := range rows {
		got = append(got, [2]string{row[0].(string), row[len(row)-1].(string)})
	}
	if !slices.Equal(got, want) {
		t.Errorf("by %s the table has %v, the report %v", lens, got, want)
	}
}
