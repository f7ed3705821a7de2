package architecture

import (
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// layers says what each package may import of this module, and why. Tests and
// packages below cmd, which wire everything, may import what they like.
//
// The way of the data is producer → ingest → stream → project → store → query →
// web: an arrow that isn't here would let a later step decide for an earlier.
var layers = map[string]struct {
	may []string
	why string
}{
	".":                            {[]string{"internal/event", "internal/outbox", "internal/stream"}, "a producer needs events, its outbox and the log, nothing else"},
	"schemas":                      {nil, "schemas are files; everything may read them"},
	"deploy":                       {nil, "configuration of a deployment, and the tests that hold it"},
	"dashboards":                   {nil, "dashboards, and the tests that hold their queries"},
	"internal/event":               {[]string{"schemas"}, "decoding depends on the event alone"},
	"internal/event/eventtest":     {[]string{"internal/event", "schemas"}, "tests of every package hold it to all types of events through it"},
	"internal/catalog":             {[]string{"schemas"}, "a course knows no events"},
	"internal/mastery":             {nil, "the model is arithmetic: the same inputs give the same bits"},
	"internal/httpserver":          {nil, "the floor under every route knows no event and no report"},
	"internal/embedded/enginetest": {[]string{"internal/embedded"}, "tests of every package start the engines through it"},
	"internal/embedded":            {nil, "the engines know nothing of what is kept in them"},
	"internal/dataset":             {[]string{"internal/catalog", "internal/event"}, "a file of answers becomes events and a course"},
	"internal/recommend":           {[]string{"internal/mastery"}, "simulated learners study by the real policy and the real model, and need nothing else"},
	"internal/evaluate":            {[]string{"internal/dataset", "internal/mastery"}, "the model is compared on tables of answers, with no event and no engine in between"},
	"internal/simulate":            {[]string{"internal/catalog", "internal/event"}, "simulated learners write what real ones would"},
	"internal/ingest":              {[]string{"internal/catalog", "internal/event", "internal/httpserver"}, "the door publishes through an interface of its own"},
	"internal/outbox":              {nil, "an outbox keeps bytes and knows neither events nor the log"},
	"internal/stream":              {[]string{"internal/event"}, "the log carries events and knows no reader"},
	"internal/project":             {[]string{"internal/catalog", "internal/event", "internal/mastery"}, "projectors are functions from events to rows: no broker, no database"},
	"internal/erasure":             {[]string{"internal/event", "internal/project"}, "forgetting a learner goes through log, tables and plans that it names itself"},
	"internal/archive":             {nil, "an archive is files: it knows neither the log nor what messages mean"},
	"internal/admin":               {[]string{"internal/archive", "internal/erasure", "internal/event", "internal/httpserver", "internal/project", "internal/query"}, "operators' routes write events and read what became of them"},
	"internal/models":              {[]string{"internal/event", "internal/httpserver", "internal/project", "internal/query"}, "models are fitted to facts, compared by what reports say, and activated through an interface of its own"},
	"internal/replay":              {[]string{"internal/httpserver", "internal/project", "internal/query"}, "generations are built by projectors and compared by what reports say; pointer and tables are interfaces of its own"},
	"internal/store":               {[]string{"schemas", "internal/admin", "internal/catalog", "internal/erasure", "internal/event", "internal/mastery", "internal/models", "internal/project", "internal/query"}, "the database keeps the types of those before it and implements what project and query ask for"},
	"internal/query":               {[]string{"internal/catalog", "internal/event", "internal/httpserver", "internal/mastery", "internal/project"}, "reports fold with the projector's own fold, name graders as events do, and know no SQL"},
	"internal/web":                 {[]string{"internal/catalog", "internal/httpserver", "internal/query"}, "pages show reports and compute nothing"},
	"internal/soak":                {[]string{".", "internal/admin", "internal/catalog", "internal/event", "internal/httpserver", "internal/mastery", "internal/project", "internal/query", "internal/stream"}, "a model of the whole compares with what processes answer, and knows no database"},
	"internal/architecture":        {nil, "rules read files"},
	"test/e2e":                     {nil, "tests from outside hold no code"},
}

func TestPackagesImportWhatTheyMay(t *testing.T) {
	for _, s := range sources(t) {
		if s.test() || strings.HasPrefix(s.name, "cmd/") {
			continue
		}
		layer, known := layers[s.folder()]
		if !known {
			t.Errorf("%s: package %s is not in the table of layers: add it, with what it may import and why", s.name, s.folder())
			continue
		}
		for _, spec := range s.ast.Imports {
			imported, _ := strconv.Unquote(spec.Path.Value)
			within, ours := strings.CutPrefix(imported, module+"/")
			if ours && !slices.Contains(layer.may, within) {
				t.Errorf("%s: imports %s, which %s may not (%s): turn the dependency around, "+
					"with an interface where it is used", s.line(spec), within, s.folder(), layer.why)
			}
		}
	}
}

// engines ask the engines whether they are ready, with the engines' own clients.
var engines = []string{"internal/embedded", "internal/embedded/enginetest"}

// homes names, for each library that decides how a part of Gapwise works, the
// packages that may know it: replacing it then touches these alone.
var homes = map[string][]string{
	"github.com/nats-io/nats-server":        {"internal/embedded"},
	"github.com/ebitengine/purego":          {"internal/embedded"},
	"github.com/nats-io/nats.go":            append([]string{".", "internal/stream", "cmd/gapwise"}, engines...),
	"github.com/synadia-io/orbit.go":        {"internal/stream", "cmd/gapwise"}, // there to be measured against
	"github.com/ClickHouse":                 append([]string{"internal/store"}, engines...),
	"github.com/spf13":                      {"cmd/gapwise"},
	"github.com/gofrs/flock":                {"internal/outbox"},
	"github.com/klauspost/compress/zstd":    {"internal/archive"},
	"gonum.org/v1/gonum":                    {"internal/evaluate"},
	"github.com/golang-jwt/jwt":             {"internal/httpserver"},
	"github.com/santhosh-tekuri/jsonschema": {"internal/event", "internal/catalog"},
}

func TestEveryLibraryHasItsHome(t *testing.T) {
	for _, s := range sources(t) {
		if s.test() {
			continue
		}
		for _, spec := range s.ast.Imports {
			imported, _ := strconv.Unquote(spec.Path.Value)
			for library, home := range homes {
				if within(imported, library) && !slices.Contains(home, s.folder()) {
					t.Errorf("%s: imports %s, whose home is %s: go through that package, or say here why it needs another",
						s.line(spec), imported, strings.Join(home, ", "))
				}
			}
		}
	}
}

// A model that imported a library could change its bits with the library.
func TestModelAndSchemasNeedTheStandardLibraryOnly(t *testing.T) {
	for _, s := range sources(t) {
		if s.test() || !slices.Contains([]string{"internal/mastery", "schemas"}, s.folder()) {
			continue
		}
		for _, spec := range s.ast.Imports {
			imported, _ := strconv.Unquote(spec.Path.Value)
			if strings.Contains(strings.Split(imported, "/")[0], ".") {
				t.Errorf("%s: imports %s: %s uses the standard library only", s.line(spec), imported, path.Base(s.folder()))
			}
		}
	}
}

// within says whether an import path is the tree or lies below it.
func within(imported, tree string) bool {
	return imported == tree || strings.HasPrefix(imported, tree+"/")
}
