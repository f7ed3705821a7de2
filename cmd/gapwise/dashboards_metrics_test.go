package main

import (
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/VictoriaMetrics/metricsql"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// exposition is what /metrics shows: every series' labels, by the series' name.
type exposition map[string][]map[string]string

func scrape(t *testing.T, s *system, token string) exposition {
	t.Helper()
	got := s.do(t, http.MethodGet, "/metrics", token, nil, "")
	if got.status != http.StatusOK {
		t.Fatalf("GET /metrics: %d %s", got.status, got.body)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(string(got.body)))
	if err != nil {
		t.Fatal(err)
	}
	found := exposition{}
	for name, family := range families {
		for _, m := range family.GetMetric() {
			labels := map[string]string{}
			for _, pair := range m.GetLabel() {
				labels[pair.GetName()] = pair.GetValue()
			}
			if m.GetHistogram() == nil {
				found[name] = append(found[name], labels)
				continue
			}
			found[name+"_sum"] = append(found[name+"_sum"], labels)
			found[name+"_count"] = append(found[name+"_count"], labels)
			for _, b := range m.GetHistogram().GetBucket() {
				bucket := maps.Clone(labels)
				bucket["le"] = strconv.FormatFloat(b.GetUpperBound(), 'g', -1, 64)
				found[name+"_bucket"] = append(found[name+"_bucket"], bucket)
			}
		}
	}
	return found
}

// scraped are the labels that Prometheus adds to what it scrapes.
var scraped = []string{"job", "instance"}

// check parses an expression and requires that its metrics, their labels and the
// values that they are asked for are there.
func (e exposition) check(t *testing.T, what string, q target) {
	t.Helper()
	expr, err := metricsql.Parse(strings.ReplaceAll(q.Expr, "$__rate_interval", "1m"))
	if err != nil {
		t.Fatalf("%s: %v: %s", what, err, q.Expr)
	}
	known, asked := map[string]bool{}, []string{}
	for _, label := range scraped {
		known[label] = true
	}
	names := 0
	metricsql.VisitAll(expr, func(x metricsql.Expr) {
		switch x := x.(type) {
		case *metricsql.MetricExpr:
			for _, filters := range x.LabelFilterss {
				if !e.holds(filters, known) {
					t.Errorf("%s: /metrics has no such series: %s", what, x.AppendString(nil))
				}
				names++
			}
		case *metricsql.AggrFuncExpr:
			asked = append(asked, x.Modifier.Args...)
		case *metricsql.BinaryOpExpr:
			asked = append(append(asked, x.GroupModifier.Args...), x.JoinModifier.Args...)
		}
	})
	for _, m := range regexp.MustCompile(`\{\{(\w+)\}\}`).FindAllStringSubmatch(q.LegendFormat, -1) {
		asked = append(asked, m[1])
	}
	if names == 0 {
		t.Errorf("%s: names no metric: %s", what, q.Expr)
	}
	for _, label := range asked {
		if !known[label] {
			t.Errorf("%s: label %s is on none of the metrics of %s", what, label, q.Expr)
		}
	}
}

// holds reports whether there is a series of the name that has all labels asked
// for, and the value where one is named. It adds the series' labels to known.
func (e exposition) holds(filters []metricsql.LabelFilter, known map[string]bool) bool {
	name := ""
	for _, f := range filters {
		if f.Label == "__name__" {
			name = f.Value
		}
	}
	held := false
	for _, labels := range e[name] {
		fits := true
		for label := range labels {
			known[label] = true
		}
		for _, f := range filters {
			if f.Label == "__name__" || slices.Contains(scraped, f.Label) {
				continue
			}
			value, there := labels[f.Label]
			exact := !f.IsRegexp && !f.IsNegative
			fits = fits && there && (!exact || value == f.Value)
		}
		held = held || fits
	}
	return held
}
