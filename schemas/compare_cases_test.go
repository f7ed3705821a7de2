package schemas_test

import (
	"encoding/json"
	"strings"
	"testing"
)

// base is a released schema with every keyword that is compared. %s stands for its
// data's fields.
const base = `{
  "$id": "x", "type": "object", "required": ["type", "data"],
  "properties": {
    "type": {"type": "string", "const": "study.thing.done.v1"},
    "data": {
      "type": "object", "required": ["item"],
      "properties": {
        "item": {"description": "An id.", "type": "string", "minLength": 2, "maxLength": 128, "pattern": "^[a-z]+$"},
        "score": {"type": ["number", "null"], "minimum": 0, "maximum": 1},
        "tries": {"type": ["integer", "null"], "exclusiveMinimum": 0, "exclusiveMaximum": 10},
        "grader": {"type": ["string", "null"], "enum": ["self", "peer", null]},
        "time": {"type": "string", "format": "date-time"},
        "title": {"type": "string"},
        "points": {"type": "array", "minItems": 1, "maxItems": 9, "items": {"type": "string", "maxLength": 5}},
        "more": {"type": "object", "additionalProperties": {"type": "string", "maxLength": 5}}
      },
      "allOf": [{"description": "one", "not": {"required": ["score", "tries"]}}, {"anyOf": [{"required": ["score"]}, {"required": ["tries"]}]}],
      "not": {"required": ["wrong"]}
    }
  },
  "examples": [{"data": {"item": "aa"}}]
}`

// edit changes text of the base; every old text has to be there once.
type edit struct{ old, new string }

func edited(t *testing.T, e edit) map[string]any {
	t.Helper()
	if e.old != "" && strings.Count(base, e.old) != 1 {
		t.Fatalf("%q is in the schema %d times", e.old, strings.Count(base, e.old))
	}
	var schema map[string]any
	if err := json.Unmarshal([]byte(strings.Replace(base, e.old, e.new, 1)), &schema); err != nil {
		t.Fatalf("%q for %q: %v", e.new, e.old, err)
	}
	return schema
}

func TestBreakingChangesAreFound(t *testing.T) {
	const data = "/properties/data"
	for name, c := range map[string]struct {
		edit
		where, what string
	}{
		"a field removed":                {edit{`"time": {"type": "string", "format": "date-time"},`, ``}, data + "/properties/time", "the field is gone"},
		"a field named like a word":      {edit{`"title": {"type": "string"},`, ``}, data + "/properties/title", "the field is gone"},
		"a field renamed":                {edit{`"grader":`, `"graded_by":`}, data + "/properties/grader", "the field is gone"},
		"a new required field":           {edit{`"required": ["item"]`, `"required": ["item", "score"]`}, data + "/required", "score is required now, and was not"},
		"the first required field":       {edit{`"more": {"type": "object",`, `"more": {"type": "object", "required": ["a"],`}, data + "/properties/more/required", "a is required now, and was not"},
		"null refused":                   {edit{`["number", "null"]`, `"number"`}, data + "/properties/score/type", "null is not accepted any more"},
		"a number made whole":            {edit{`["number", "null"]`, `["integer", "null"]`}, data + "/properties/score/type", "number is not accepted any more"},
		"another type":                   {edit{`"time": {"type": "string"`, `"time": {"type": "integer"`}, data + "/properties/time/type", "string is not accepted any more"},
		"a value removed":                {edit{`["self", "peer", null]`, `["self", null]`}, data + "/properties/grader/enum", `the value "peer" is not accepted any more`},
		"values where any was":           {edit{`"pattern": "^[a-z]+$"`, `"pattern": "^[a-z]+$", "enum": ["aa"]`}, data + "/properties/item/enum", `only ["aa"] are accepted now, and any value was`},
		"another constant":               {edit{`study.thing.done.v1`, `study.thing.done.v2`}, "/properties/type/const", `const was "study.thing.done.v1" and is "study.thing.done.v2": whether all that was valid still is can't be told`},
		"a constant where any was":       {edit{`"format": "date-time"`, `"format": "date-time", "const": "now"`}, data + "/properties/time/const", `const "now" is new`},
		"a lower maximum":                {edit{`"maximum": 1}`, `"maximum": 0.5}`}, data + "/properties/score/maximum", "at most 0.5 now, and 1 before"},
		"a maximum where was none":       {edit{`"exclusiveMaximum": 10`, `"exclusiveMaximum": 10, "maximum": 99`}, data + "/properties/tries/maximum", "at most 99 now, and without a bound before"},
		"a lower exclusive maximum":      {edit{`"exclusiveMaximum": 10`, `"exclusiveMaximum": 9`}, data + "/properties/tries/exclusiveMaximum", "less than 9 now, and 10 before"},
		"a higher minimum":               {edit{`"minimum": 0,`, `"minimum": 0.1,`}, data + "/properties/score/minimum", "at least 0.1 now, and 0 before"},
		"a higher exclusive minimum":     {edit{`"exclusiveMinimum": 0`, `"exclusiveMinimum": 1`}, data + "/properties/tries/exclusiveMinimum", "more than 1 now, and 0 before"},
		"longer at least":                {edit{`"minLength": 2`, `"minLength": 3`}, data + "/properties/item/minLength", "a length of at least 3 now, and 2 before"},
		"shorter at most":                {edit{`"maxLength": 128`, `"maxLength": 64`}, data + "/properties/item/maxLength", "a length of at most 64 now, and 128 before"},
		"another pattern":                {edit{`^[a-z]+$`, `^[a-z0-9]+$`}, data + "/properties/item/pattern", `pattern was "^[a-z]+$" and is "^[a-z0-9]+$": whether all that was valid still is can't be told`},
		"a pattern where was none":       {edit{`"format": "date-time"`, `"format": "date-time", "pattern": "Z$"`}, data + "/properties/time/pattern", `pattern "Z$" is new`},
		"another format":                 {edit{`"date-time"`, `"date"`}, data + "/properties/time/format", `format was "date-time" and is "date": whether all that was valid still is can't be told`},
		"more items at least":            {edit{`"minItems": 1`, `"minItems": 2`}, data + "/properties/points/minItems", "at least so many items: 2 now, and 1 before"},
		"fewer items at most":            {edit{`"maxItems": 9`, `"maxItems": 8`}, data + "/properties/points/maxItems", "at most so many items: 8 now, and 9 before"},
		"shorter items":                  {edit{`"items": {"type": "string", "maxLength": 5}`, `"items": {"type": "string", "maxLength": 4}`}, data + "/properties/points/items/maxLength", "a length of at most 4 now, and 5 before"},
		"items that differ":              {edit{`"minItems": 1`, `"minItems": 1, "uniqueItems": true`}, data + "/properties/points/uniqueItems", "uniqueItems true is new"},
		"closed to other fields":         {edit{`"required": ["item"],`, `"required": ["item"], "additionalProperties": false,`}, data + "/additionalProperties", "fields that have no name here are refused now, and were kept"},
		"the whole closed":               {edit{`"$id": "x"`, `"$id": "x", "additionalProperties": false`}, "/additionalProperties", "fields that have no name here are refused now, and were kept"},
		"other fields typed":             {edit{`"required": ["item"],`, `"required": ["item"], "additionalProperties": {"type": "string"},`}, data + "/additionalProperties", `additionalProperties were anything, and are {"type":"string"} now`},
		"other fields shorter":           {edit{`"additionalProperties": {"type": "string", "maxLength": 5}`, `"additionalProperties": {"type": "string", "maxLength": 4}`}, data + "/properties/more/additionalProperties/maxLength", "a length of at most 4 now, and 5 before"},
		"a condition more":               {edit{`"allOf": [`, `"allOf": [{"required": ["time"]}, `}, data + "/allOf", `a condition is new: {"required":["time"]}`},
		"a condition changed":            {edit{`["score", "tries"]`, `["score", "time"]`}, data + "/allOf", `a condition is new: {"not":{"required":["score","time"]}}`},
		"alternatives where were none":   {edit{`"not": {"required": ["wrong"]}`, `"not": {"required": ["wrong"]}, "anyOf": [{"required": ["time"]}]`}, data + "/anyOf", `a condition is new: one of [{"required":["time"]}]`},
		"something excluded":             {edit{`"format": "date-time"`, `"format": "date-time", "not": {"const": "never"}`}, data + "/properties/time/not", `not {"const":"never"} is new`},
		"something else excluded":        {edit{`"not": {"required": ["wrong"]}`, `"not": {"required": ["right"]}`}, data + "/not", `not was {"required":["wrong"]} and is {"required":["right"]}: whether all that was valid still is can't be told`},
		"a keyword that nobody foresaw":  {edit{`"format": "date-time"`, `"format": "date-time", "contentEncoding": "base64"`}, data + "/properties/time/contentEncoding", `contentEncoding "base64" is new`},
		"another name for the schema":    {edit{`"$id": "x"`, `"$id": "y"`}, "/$id", `$id was "x" and is "y": whether all that was valid still is can't be told`},
		"a field made of another schema": {edit{`"more": {"type": "object", `, `"more": {"type": "array", `}, data + "/properties/more/type", "object is not accepted any more"},
	} {
		found := breaking(edited(t, edit{}), edited(t, c.edit))
		if len(found) != 1 || found[0] != (change{c.where, c.what}) {
			t.Errorf("%s: found %q, want %q", name, found, change{c.where, c.what})
		}
	}
}

func TestHarmlessChangesPass(t *testing.T) {
	for name, e := range map[string]edit{
		"nothing":                    {},
		"other words":                {"An id.", "The id of an item."},
		"a title":                    {`"$id": "x"`, `"$id": "x", "title": "A thing", "$comment": "new"`},
		"other examples":             {`"item": "aa"}}]`, `"item": "bb"}}, {}]`},
		"an optional field":          {`"item": {`, `"hint": {"type": ["string", "null"], "maxLength": 9}, "item": {`},
		"a field named like a word":  {`"item": {`, `"description": {"type": "string"}, "item": {`},
		"a field less required":      {`"required": ["type", "data"]`, `"required": ["type"]`},
		"null accepted":              {`"time": {"type": "string"`, `"time": {"type": ["string", "null"]`},
		"whole numbers made any":     {`["integer", "null"]`, `["number", "null"]`},
		"any type":                   {`"time": {"type": "string", `, `"time": {`},
		"a value more":               {`["self", "peer", null]`, `["key", "self", "peer", null]`},
		"any value":                  {`, "enum": ["self", "peer", null]`, ``},
		"any constant":               {`, "const": "study.thing.done.v1"`, ``},
		"a higher maximum":           {`"maximum": 1}`, `"maximum": 2}`},
		"no maximum":                 {`, "maximum": 1}`, `}`},
		"a lower minimum":            {`"minimum": 0,`, `"minimum": -1,`},
		"a shorter text":             {`"minLength": 2, `, ``},
		"a longer text":              {`"maxLength": 128`, `"maxLength": 256`},
		"any pattern":                {`, "pattern": "^[a-z]+$"`, ``},
		"any format":                 {`, "format": "date-time"`, ``},
		"fewer and more items":       {`"minItems": 1, "maxItems": 9`, `"minItems": 0, "maxItems": 10`},
		"longer items":               {`"items": {"type": "string", "maxLength": 5}`, `"items": {"type": "string", "maxLength": 6}`},
		"any items":                  {`, "items": {"type": "string", "maxLength": 5}`, ``},
		"other fields longer":        {`"additionalProperties": {"type": "string", "maxLength": 5}`, `"additionalProperties": {"type": "string"}`},
		"any other fields":           {`"additionalProperties": {"type": "string", "maxLength": 5}`, `"additionalProperties": true`},
		"a condition less":           {`{"description": "one", "not": {"required": ["score", "tries"]}}, `, ``},
		"a condition in other words": {`"description": "one"`, `"description": "two"`},
		"nothing excluded": {`,
      "not": {"required": ["wrong"]}`, ``},
	} {
		if found := breaking(edited(t, edit{}), edited(t, e)); len(found) > 0 {
			t.Errorf("%s: found %q", name, found)
		}
	}
}

// What is wrong is told with its place and the way out.
func TestComplaintsTellHowToMend(t *testing.T) {
	found := breaking(edited(t, edit{}), edited(t, edit{`"maxLength": 128`, `"maxLength": 64`}))
	const want = "schemas/events/study.thing.done.v1.json breaks with what was released: /properties/data/properties/item/maxLength: " +
		"a length of at most 64 now, and 128 before. Leave study.thing.done.v1 as it is, and make the change as study.thing.done.v2 with an upcaster: docs/extending.md"
	if got := complaint("study.thing.done.v1", found[0]); got != want {
		t.Errorf("the complaint is\n%s, want\n%s", got, want)
	}
}
