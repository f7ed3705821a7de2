package schemas_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// A change is something that a schema accepted and doesn't any more, or that it no longer
// names.
type change struct {
	where string // a JSON pointer into the schema
	what  string
}

// breaking lists what in a schema breaks with an earlier one: whatever was valid has to
// stay valid, and whatever had a name has to keep it. It knows the keywords that the
// schemas here use and their like; any other one may not change.
func breaking(earlier, now map[string]any) []change {
	c := &comparison{}
	c.schema("", earlier, now)
	return c.found
}

type comparison struct{ found []change }

func (c *comparison) add(where, format string, args ...any) {
	c.found = append(c.found, change{where, fmt.Sprintf(format, args...)})
}

// annotations say nothing of what is valid.
var annotations = []string{"title", "description", "examples", "$comment", "deprecated", "default"}

// The keywords with a number that bounds what is valid, and what they bound.
var (
	least = map[string]string{"minimum": "at least", "exclusiveMinimum": "more than", "minLength": "a length of at least", "minItems": "at least so many items:", "minProperties": "at least so many fields:"}
	most  = map[string]string{"maximum": "at most", "exclusiveMaximum": "less than", "maxLength": "a length of at most", "maxItems": "at most so many items:", "maxProperties": "at most so many fields:"}
)

func (c *comparison) schema(at string, earlier, now map[string]any) {
	keywords := slices.Sorted(maps.Keys(earlier))
	for word := range now {
		if _, both := earlier[word]; !both {
			keywords = append(keywords, word)
		}
	}
	slices.Sort(keywords)
	for _, word := range keywords {
		if slices.Contains(annotations, word) {
			continue
		}
		c.keyword(at+"/"+word, word, earlier[word], now[word])
	}
}

// keyword compares what one keyword says; nil: it isn't there.
func (c *comparison) keyword(at, word string, was, is any) {
	switch {
	case word == "properties":
		c.properties(at, was, is)
	case reflect.DeepEqual(shape(was), shape(is)):
	case word == "type":
		c.types(at, was, is)
	case word == "enum":
		c.enum(at, was, is)
	case word == "required":
		for _, name := range without(is, was) {
			c.add(at, "%v is required now, and was not", name)
		}
	case word == "items" || word == "additionalProperties":
		c.rest(at, word, was, is)
	case least[word] != "":
		if low, high := number(was), number(is); is != nil && (was == nil || high > low) {
			c.add(at, "%s %s now, and %s before", least[word], spell(is), bound(was))
		}
	case most[word] != "":
		if high, low := number(was), number(is); is != nil && (was == nil || low < high) {
			c.add(at, "%s %s now, and %s before", most[word], spell(is), bound(was))
		}
	case word == "allOf":
		for _, part := range without(is, was) {
			c.add(at, "a condition is new: %s", spell(part))
		}
	case word == "anyOf":
		if was == nil {
			c.add(at, "a condition is new: one of %s", spell(is))
		} else if is != nil {
			for _, part := range without(was, is) {
				c.add(at, "one of the alternatives is gone: %s", spell(part))
			}
		}
	case is == nil && slices.Contains([]string{"const", "pattern", "format", "not", "oneOf", "uniqueItems", "if", "then", "else"}, word):
		// one condition less
	case was == nil:
		c.add(at, "%s %s is new", word, spell(is))
	default:
		c.add(at, "%s was %s and is %s: whether all that was valid still is can't be told", word, spell(was), spell(is))
	}
}

func (c *comparison) types(at string, was, is any) {
	if is == nil {
		return // anything
	}
	if was == nil {
		c.add(at, "only %s is accepted now, and anything was", spell(is))
		return
	}
	now := list(is)
	for _, typ := range list(was) {
		if !slices.Contains(now, typ) && (typ != "integer" || !slices.Contains(now, "number")) {
			c.add(at, "%v is not accepted any more", typ)
		}
	}
}

func (c *comparison) enum(at string, was, is any) {
	switch {
	case is == nil:
	case was == nil:
		c.add(at, "only %s are accepted now, and any value was", spell(is))
	default:
		for _, value := range without(was, is) {
			c.add(at, "the value %s is not accepted any more", spell(value))
		}
	}
}

func (c *comparison) properties(at string, was, is any) {
	before, _ := was.(map[string]any)
	now, _ := is.(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(before)) {
		if _, there := now[name]; !there {
			c.add(at+"/"+name, "the field is gone")
			continue
		}
		c.schema(at+"/"+name, object(before[name]), object(now[name]))
	}
}

// rest compares what holds for all items of a list, or for all fields without a name.
func (c *comparison) rest(at, word string, was, is any) {
	switch {
	case is == nil || is == true:
	case is == false && word == "additionalProperties":
		c.add(at, "fields that have no name here are refused now, and were kept")
	case was == nil || was == true:
		c.add(at, "%s were anything, and are %s now", word, spell(is))
	default:
		c.schema(at, object(was), object(is))
	}
}

// object returns a schema as an object; true stands for one that accepts everything.
func object(v any) map[string]any {
	o, _ := v.(map[string]any)
	return o
}

func list(v any) []any {
	if values, ok := v.([]any); ok {
		return values
	}
	if v == nil {
		return nil
	}
	return []any{v}
}

// without lists the entries of one list that another one lacks, whatever their
// annotations.
func without(some, others any) (missing []any) {
	for _, v := range list(some) {
		if !slices.ContainsFunc(list(others), func(o any) bool { return reflect.DeepEqual(shape(v), shape(o)) }) {
			missing = append(missing, v)
		}
	}
	return missing
}

// shape leaves a schema's annotations out. Names of fields are no keywords.
func shape(v any) any {
	switch v := v.(type) {
	case map[string]any:
		o := map[string]any{}
		for name, value := range v {
			switch {
			case name == "properties":
				fields := map[string]any{}
				for field, schema := range object(value) {
					fields[field] = shape(schema)
				}
				o[name] = fields
			case !slices.Contains(annotations, name):
				o[name] = shape(value)
			}
		}
		return o
	case []any:
		l := make([]any, len(v))
		for i := range v {
			l[i] = shape(v[i])
		}
		return l
	}
	return v
}

func number(v any) float64 {
	n, _ := v.(float64)
	return n
}

func bound(v any) string {
	if v == nil {
		return "without a bound"
	}
	return spell(v)
}

func spell(v any) string {
	text, _ := json.Marshal(shape(v))
	return strings.TrimSpace(string(text))
}
