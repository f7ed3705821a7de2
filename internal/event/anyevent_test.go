package event_test

import (
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/gapwise/gapwise/internal/event"
)

// Any event of any type, as its schema describes it, survives the wire; any other
// spelling of it has the same key and content, which are those that doc.go tells others to
// compute; and what it says fits into the newest version of its type.
func TestAnyEventRoundTrips(t *testing.T) {
	all := loadSchemas(t)
	rapid.Check(t, func(rt *rapid.T) {
		raw := render(t, anyEvent(rt, all))
		e, err := event.Decode(raw)
		if err != nil {
			rt.Fatalf("decode %s: %v", raw, err)
		}
		checkIdentity(rt, raw, e)
		other := respell(raw, func(n int) int { return rapid.IntRange(0, n-1).Draw(rt, "choice") })
		again, err := event.Decode(other)
		if err != nil {
			rt.Fatalf("decode %s: %v", other, err)
		}
		if !reflect.DeepEqual(again, e) {
			rt.Fatalf("%s reads as %+v, want %+v as from %s", other, again, e, raw)
		}
		newest, err := event.NewTyped(e.Type.Newest(), e.Source, e.ID, e.Subject, e.Time, e.Data)
		if err != nil {
			rt.Fatalf("%s says %+v, which %s can't: %v", raw, e.Data, e.Type.Newest(), err)
		}
		if newest.Key != e.Key || !reflect.DeepEqual(newest.Data, e.Data) {
			rt.Fatalf("%s is written as %+v, want %+v", raw, newest.Data, e.Data)
		}
		roundTrip(rt, newest)
	})
}

// anyEvent draws an event of any type out of what its schema allows.
func anyEvent(t *rapid.T, all map[event.Type]schema) map[string]any {
	typ := rapid.SampledFrom(event.Types()).Draw(t, "type")
	subject := identifiers.Draw(t, "subject")
	d, _ := all[typ].doc["properties"].(map[string]any)["data"].(map[string]any)
	data := anyObject(t, d)
	switch typ {
	case event.AnswerSubmitted: // correct, score or both, which agree
		score, scored := data["score"].(float64)
		correct, judged := data["correct"].(bool)
		if scored && judged && (correct && score == 0 || !correct && score == 1) || !scored && !judged {
			data["correct"] = score > 0
		}
	case event.LearnerErased, event.LearnerForgotten:
		data["learner_hmac"] = subject
	}
	return map[string]any{
		"specversion": "1.0", "id": identifiers.Draw(t, "id"), "source": sources.Draw(t, "source"), "type": string(typ),
		"subject": subject, "time": moments.Draw(t, "time"), "data": data,
	}
}

// anyObject draws the fields that an object's schema names: those that are not required
// may be left out, and what may be null may be null.
func anyObject(t *rapid.T, schema map[string]any) map[string]any {
	object := map[string]any{}
	required, _ := schema["required"].([]any)
	properties, _ := schema["properties"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		if !slices.Contains(required, any(name)) && rapid.Bool().Draw(t, "without "+name) {
			continue
		}
		p, _ := properties[name].(map[string]any)
		object[name] = anyValue(t, name, p)
	}
	return object
}

func anyValue(t *rapid.T, name string, schema map[string]any) any {
	types, several := schema["type"].([]any)
	if !several {
		types = []any{schema["type"]}
	}
	bound := func(word string, otherwise float64) float64 {
		if v, ok := schema[word].(float64); ok {
			return v
		}
		return otherwise
	}
	switch typ := rapid.SampledFrom(types).Draw(t, "type of "+name); typ {
	case "null":
		return nil
	case "boolean":
		return rapid.Bool().Draw(t, name)
	case "integer":
		return rapid.Int64Range(int64(bound("minimum", -1<<53+1)), int64(bound("maximum", 1<<53-1))).Draw(t, name)
	case "number":
		low, high := bound("minimum", -1e300), bound("maximum", 1e300)
		some := []float64{low, high}
		for _, v := range []float64{0.5, 1e-7, 0.001, 0.0005, 1.0 / 3, 100.1005} {
			if low <= v && v <= high {
				some = append(some, v)
			}
		}
		return rapid.OneOf(rapid.Float64Range(low, high), rapid.SampledFrom(some)).Draw(t, name)
	case "array":
		items, _ := schema["items"].(map[string]any)
		list := make([]any, rapid.IntRange(0, 5).Draw(t, "entries of "+name))
		for i := range list {
			list[i] = anyValue(t, name, items)
		}
		return list
	case "object":
		return anyObject(t, schema)
	case "string":
		return anyString(t, name, schema)
	default:
		t.Fatalf("%s has the type %v: teach anyValue to draw one", name, typ)
		return nil
	}
}

// What strings are drawn from: ids, URI-references, times and texts.
var (
	identifiers = rapid.StringOfN(rapid.Rune().Filter(func(r rune) bool { return r >= ' ' && r != 0x7f }), 1, 30, 120)
	sources     = rapid.StringMatching(`[a-zA-Z0-9:/._~%é-]{1,60}`)
	moments     = rapid.Custom(func(t *rapid.T) string {
		return time.UnixMicro(rapid.Int64Range(-2208988800000000, 10413791999999999).Draw(t, "micros")).UTC().Format(time.RFC3339Nano)
	})
	sequences = rapid.Custom(func(t *rapid.T) string { return ranges(t, 1).String() })
)

func anyString(t *rapid.T, name string, schema map[string]any) string {
	if list, ok := schema["enum"].([]any); ok {
		text, _ := rapid.SampledFrom(slices.DeleteFunc(slices.Clone(list), func(v any) bool { return v == nil })).Draw(t, name).(string)
		return text
	}
	if schema["format"] == "date-time" {
		return moments.Draw(t, name)
	}
	least, _ := schema["minLength"].(float64)
	pattern, _ := schema["pattern"].(string)
	switch {
	case pattern == "":
		return rapid.StringN(int(least), 40, 200).Draw(t, name)
	case name == "sequences":
		return sequences.Draw(t, name)
	case pattern == "^[^\x00-\x1f\x7f]+$":
		return identifiers.Draw(t, name)
	case pattern == "^[^\x00- \x7f]+$":
		return sources.Draw(t, name)
	default:
		return rapid.StringMatching(pattern).Draw(t, name)
	}
}

// ranges draws a set of sequences, of at least so many.
func ranges(t *rapid.T, least int) event.Ranges {
	var r event.Ranges
	seq := uint64(0)
	for _, gap := range rapid.SliceOfN(rapid.Uint64Range(1, 3), least, 20).Draw(t, "gaps") {
		seq += gap
		r = r.Add(seq)
	}
	return r
}
