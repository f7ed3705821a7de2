package event_test

import (
	"bytes"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/schemas"
)

// schema is one of schemas/events, compiled and as the document that it is.
type schema struct {
	compiled *jsonschema.Schema
	doc      map[string]any
}

// loadSchemas returns the schema of every type.
func loadSchemas(t *testing.T) map[event.Type]schema {
	t.Helper()
	files, err := fs.Glob(schemas.Events, "events/*.json")
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	all := make(map[event.Type]schema)
	for _, file := range files {
		raw, err := schemas.Events.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := compiler.AddResource(file, instance(t, raw)); err != nil {
			t.Fatal(err)
		}
		compiled, err := compiler.Compile(file)
		if err != nil {
			t.Fatal(err)
		}
		typ := event.Type(strings.TrimSuffix(path.Base(file), ".json"))
		all[typ] = schema{compiled, asObject(t, parse(t, raw))}
	}
	if got, want := slices.Sorted(maps.Keys(all)), slices.Sorted(slices.Values(event.Types())); !slices.Equal(got, want) {
		t.Fatalf("schemas for %v, want them for %v", got, want)
	}
	return all
}

func (s schema) examples(t *testing.T) []any {
	t.Helper()
	list, ok := s.doc["examples"].([]any)
	if !ok || len(list) == 0 {
		t.Fatal("the schema has no examples")
	}
	return list
}

func (s schema) attributes(t *testing.T) map[string]any {
	t.Helper()
	return asObject(t, s.doc["properties"])
}

func (s schema) fields(t *testing.T) map[string]any {
	t.Helper()
	return asObject(t, asObject(t, s.attributes(t)["data"])["properties"])
}

// agree checks that the decoder and the schema both accept or both refuse raw.
func (s schema) agree(t *testing.T, raw []byte) {
	t.Helper()
	_, decoding := event.Decode(raw)
	validation := s.compiled.Validate(instance(t, raw))
	if (decoding == nil) != (validation == nil) && !beyondSchema(decoding) {
		t.Errorf("the decoder and the schema disagree on %s\ndecoder: %v\nschema: %v", raw, decoding, validation)
	}
}

// beyondSchema reports whether an event is refused for nothing else than what
// doc.go lists as beyond a schema and the corpus contains: lengths in bytes, years
// in UTC, the subject of an erasure, and the order of sequences.
func beyondSchema(err error) bool {
	if err == nil {
		return false
	}
	var list event.Errors
	if !errors.As(err, &list) {
		var single *event.Error
		if !errors.As(err, &single) {
			return false
		}
		list = event.Errors{single}
	}
	return !slices.ContainsFunc(list, func(e *event.Error) bool {
		return (e.Field != "data.learner_hmac" || e.Code != event.CodeContradiction) &&
			(e.Field != "data.sequences" || e.Code != event.CodeBadValue)
	})
}

// The corpus is one event a line; every line in a file has the same fate.
func TestCorpus(t *testing.T) {
	all := loadSchemas(t)
	for file, valid := range map[string]bool{"testdata/valid.ndjson": true, "testdata/invalid.ndjson": false} {
		corpus, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for raw := range bytes.Lines(corpus) {
			raw = bytes.TrimSpace(raw)
			_, err := event.Decode(raw)
			if (err == nil) != valid {
				t.Errorf("%s: %s: error %v, want valid=%t", file, raw, err, valid)
			}
			var head struct {
				Type event.Type `json:"type"`
			}
			if err := json.Unmarshal(raw, &head); err != nil {
				t.Fatal(err)
			}
			s, ok := all[head.Type]
			if !ok {
				t.Fatalf("%s: %s has an unknown type", file, raw)
			}
			s.agree(t, raw)
		}
	}
}

func TestExamplesAreValid(t *testing.T) {
	for typ, s := range loadSchemas(t) {
		for _, example := range s.examples(t) {
			raw := render(t, example)
			if err := s.compiled.Validate(instance(t, raw)); err != nil {
				t.Errorf("%s: its own schema refuses the example: %v", typ, err)
			}
			if e := decode(t, string(raw)); e.Type != typ {
				t.Errorf("%s: the example has the type %s", typ, e.Type)
			}
		}
	}
}

// strangers are the values that every field is set to in turn.
var strangers = []string{
	`null`, `true`, `false`,
	`0`, `-0`, `1`, `-1`, `2`, `0.5`, `1.5`, `1.0`, `10e-1`, `5`, `6`, `65535`, `65536`, `604800000`, `604800001`, `1e30`,
	`""`, `" "`, `"x"`, `"é"`, `"1.0"`, `"a b"`, `"a\tb"`, `"\u0000"`, `"\u007f"`, `"\u0080"`, `"self"`, `"staff"`, `"/quiz"`,
	`"application/json"`, `"application/json; charset=utf-8"`, `"application/jsonp"`, `"text/plain"`,
	`"2026-03-01T09:30:00Z"`, `"2026-03-01T09:30:00.123456789+05:45"`, `"2026-02-30T09:30:00Z"`, `"2026-03-01T09:30:00"`,
	`"2026-03-01T9:30:00Z"`, `"2026-03-01T09:30:00,1Z"`, `"2026-03-01T09:30:00.Z"`, `"2026-03-01T24:00:00Z"`, `"2026-03-01T09:60:00Z"`,
	`"2016-12-31T23:59:60Z"`, `"2026-03-01t09:30:00z"`, `"1899-06-01T00:00:00Z"`, `"2300-06-01T00:00:00Z"`, `"2026-03-01T09:30:00+24:00"`,
	`"` + strings.Repeat("a", 128) + `"`, `"` + strings.Repeat("a", 129) + `"`,
	`"` + strings.Repeat("a", 256) + `"`, `"` + strings.Repeat("a", 257) + `"`,
	`"` + strings.Repeat("a", 2<<10) + `"`, `"` + strings.Repeat("a", 2<<10+1) + `"`,
	`"` + strings.Repeat("a", 16<<10) + `"`, `"` + strings.Repeat("a", 16<<10+1) + `"`,
	`[]`, `["p"]`, `["p",""]`, `["p",null]`, `[1]`, `[["p"]]`, `["\n"]`,
	`["p"` + strings.Repeat(`,"p"`, 63) + `]`, `["p"` + strings.Repeat(`,"p"`, 64) + `]`,
	`["` + strings.Repeat("p", 128) + `"]`, `["` + strings.Repeat("p", 129) + `"]`,
	`{}`, `{"a":1}`,
}

// Every field of every schema is left out, and set to every one of the strangers.
func TestDecoderAndSchemasAgree(t *testing.T) {
	for typ, s := range loadSchemas(t) {
		t.Run(string(typ), func(t *testing.T) {
			for i := range s.examples(t) {
				for _, field := range slices.Sorted(maps.Keys(s.attributes(t))) {
					vary(t, s, i, field, func(e map[string]any) map[string]any { return e })
				}
				for _, field := range slices.Sorted(maps.Keys(s.fields(t))) {
					vary(t, s, i, field, func(e map[string]any) map[string]any { return asObject(t, e["data"]) })
				}
			}
		})
	}
}

// vary changes one field of the schema's i-th example, in the object that in finds.
func vary(t *testing.T, s schema, i int, field string, in func(map[string]any) map[string]any) {
	t.Helper()
	example := asObject(t, parse(t, render(t, s.examples(t)[i]))) // a copy
	object := in(example)
	delete(object, field)
	s.agree(t, render(t, example))
	for _, stranger := range strangers {
		object[field] = jsontext.Value(stranger)
		s.agree(t, render(t, example))
	}
}

// Every field that a schema names is one that the decoder reads, and every field
// that the encoder writes is in the schema.
func TestSchemasNameTheDecodersFields(t *testing.T) {
	all := loadSchemas(t)
	for typ, s := range all {
		for field := range s.fields(t) {
			example := asObject(t, parse(t, render(t, s.examples(t)[0])))
			asObject(t, example["data"])[field] = map[string]any{}
			_, err := event.Decode(render(t, example))
			if err == nil || !slices.ContainsFunc(faults(t, err), func(e *event.Error) bool {
				return e.Field == "data."+field && e.Code == event.CodeWrongType
			}) {
				t.Errorf("%s: an object in %s gets %v, want %s", typ, field, err, event.CodeWrongType)
			}
		}
	}
	for _, e := range complete(t) {
		raw, err := event.Encode(e)
		if err != nil {
			t.Fatal(err)
		}
		written := asObject(t, parse(t, raw))
		s := all[e.Type]
		for field := range written {
			if _, ok := s.attributes(t)[field]; !ok {
				t.Errorf("%s: the attribute %s is not in the schema", e.Type, field)
			}
		}
		for field := range asObject(t, written["data"]) {
			if _, ok := s.fields(t)[field]; !ok {
				t.Errorf("%s: the field %s is not in the schema", e.Type, field)
			}
		}
		s.agree(t, raw)
	}
}

// The envelope is the same in every schema, but for the type and the words.
func TestSchemasShareOneEnvelope(t *testing.T) {
	all := loadSchemas(t)
	shape := func(s schema) string {
		attributes := s.attributes(t)
		delete(attributes, "data")
		delete(asObject(t, attributes["type"]), "const")
		delete(asObject(t, attributes["subject"]), "description")
		return string(render(t, []any{attributes, s.doc["required"], s.doc["type"], s.doc["$schema"]}))
	}
	want := shape(all[event.AnswerSubmitted])
	for typ, s := range all {
		if got := shape(s); typ != event.AnswerSubmitted && got != want {
			t.Errorf("%s has the envelope\n%s, want\n%s", typ, got, want)
		}
	}
}

// instance parses JSON as the schema library wants it.
func instance(t *testing.T, raw []byte) any {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	return value
}

func parse(t *testing.T, raw []byte) any {
	t.Helper()
	var value any
	if err := json.Unmarshal(raw, &value); err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	return value
}

func render(t *testing.T, value any) []byte {
	t.Helper()
	raw, err := json.Marshal(value, json.Deterministic(true))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func asObject(t *testing.T, value any) map[string]any {
	t.Helper()
	object, ok := value.(map[string]any)
	if !ok {
		t.Fatalf("%T where an object is expected", value)
	}
	return object
}
