package event_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/gapwise/gapwise/internal/event"
)

// refused is bad input, by what is wrong with it. testdata/refused.golden holds
// the code and the exact message that each gets.
var refused = []struct{ name, raw string }{
	// Not one JSON object.
	{"empty", ""},
	{"white space", " \r\n\t"},
	{"text", "hello"},
	{"an array", "[" + answer(`"item":"q1","correct":true`) + "]"},
	{"a string", `"event"`},
	{"a number", `17`},
	{"null", `null`},
	{"cut off in the envelope", `{"specversion":"1.0","id":"1"`},
	{"cut off in data", `{"specversion":"1.0","data":{"item":"q`},
	{"two events", answer(`"item":"q1","correct":true`) + "\n" + answer(`"item":"q1","correct":true`)},
	{"text after the event", answer(`"item":"q1","correct":true`) + ";"},
	{"trailing comma", `{"specversion":"1.0",}`},
	{"single quotes", `{'specversion':'1.0'}`},
	{"NaN", answer(`"item":"q1","score":NaN`)},
	{"leading zero", answer(`"item":"q1","attempt":01`)},
	{"bare control character", answer("\"item\":\"q\n1\",\"correct\":true")},
	{"byte order mark", "\ufeff" + answer(`"item":"q1","correct":true`)},
	{"Latin-1", answer("\"item\":\"caf\xe9\",\"correct\":true")},
	{"lone surrogate", answer(`"item":"\ud800","correct":true`)},
	{"unknown escape", answer(`"item":"q1","response":"\qsecret"`)},
	{"attribute twice", envelope(`"ext":1,"ext":1`, `"item":"q1","correct":true`)},
	{"attribute twice by escape", envelope(`"ext":1,"\u0065xt":1`, `"item":"q1","correct":true`)},
	{"data field twice", answer(`"item":"q1","item":"q2","correct":true`)},
	{"name twice deep inside", answer(`"item":"q1","correct":true,"more":[{"a":1,"a":2}]`)},
	{"hostile long name", answer(`"` + strings.Repeat("n", 200) + `":1,"` + strings.Repeat("n", 200) + `":1`)},
	{"over 1 MiB", answer(`"item":"q1","correct":true,"more":"` + strings.Repeat("m", event.MaxEvent) + `"`)},
	{"over 8 MiB", strings.Repeat(" ", event.MaxPublication) + "{}"},

	// Attributes.
	{"an empty object", `{}`},
	{"specversion 0.3", envelope(`"specversion":"0.3"`, `"item":"q1","correct":true`)},
	{"specversion as a number", envelope(`"specversion":1.0`, `"item":"q1","correct":true`)},
	{"id missing", envelope(`"id":null`, `"item":"q1","correct":true`)},
	{"id empty", envelope(`"id":""`, `"item":"q1","correct":true`)},
	{"id as a number", envelope(`"id":17`, `"item":"q1","correct":true`)},
	{"id too long", envelope(`"id":"`+strings.Repeat("i", 257)+`"`, `"item":"q1","correct":true`)},
	{"id with NUL", envelope(`"id":"a\u0000b"`, `"item":"q1","correct":true`)},
	{"source missing", envelope(`"source":null`, `"item":"q1","correct":true`)},
	{"source with a space", envelope(`"source":"my quiz"`, `"item":"q1","correct":true`)},
	{"source with a tab", envelope(`"source":"my\tquiz"`, `"item":"q1","correct":true`)},
	{"source too long", envelope(`"source":"`+strings.Repeat("é", 129)+`"`, `"item":"q1","correct":true`)},
	{"subject missing", envelope(`"subject":null`, `"item":"q1","correct":true`)},
	{"subject as a list", envelope(`"subject":["ada"]`, `"item":"q1","correct":true`)},
	{"subject too long", envelope(`"subject":"`+strings.Repeat("s", 129)+`"`, `"item":"q1","correct":true`)},
	{"subject with DEL", envelope(`"subject":"a\u007f"`, `"item":"q1","correct":true`)},
	{"type missing", envelope(`"type":null`, `"item":"q1","correct":true`)},
	{"type misspelled", envelope(`"type":"study.anwser.submitted.v1"`, `"item":"q1","correct":true`)},
	{"type in capitals", envelope(`"type":"Study.Answer.Submitted.V1"`, `"item":"q1","correct":true`)},
	{"type without version", envelope(`"type":"study.session.ended"`, `"item":"q1","correct":true`)},
	{"type of a later version", envelope(`"type":"study.answer.submitted.v2"`, `"item":"q1","correct":true`)},
	{"type of something else", envelope(`"type":"com.example.order.shipped"`, `"item":"q1","correct":true`)},
	{"type empty", envelope(`"type":""`, `"item":"q1","correct":true`)},
	{"type very long", envelope(`"type":"`+strings.Repeat("t", 1000)+`"`, `"item":"q1","correct":true`)},
	{"time missing", envelope(`"time":null`, `"item":"q1","correct":true`)},
	{"time as seconds", envelope(`"time":1772357400`, `"item":"q1","correct":true`)},
	{"time without zone", envelope(`"time":"2026-03-01T09:30:00"`, `"item":"q1","correct":true`)},
	{"time as a date", envelope(`"time":"2026-03-01"`, `"item":"q1","correct":true`)},
	{"time with a space", envelope(`"time":"2026-03-01 09:30:00Z"`, `"item":"q1","correct":true`)},
	{"time with a comma", envelope(`"time":"2026-03-01T09:30:00,5Z"`, `"item":"q1","correct":true`)},
	{"time at one o'clock", envelope(`"time":"2026-03-01T1:30:00Z"`, `"item":"q1","correct":true`)},
	{"time with an offset of a day", envelope(`"time":"2026-03-01T09:30:00+24:00"`, `"item":"q1","correct":true`)},
	{"time with an offset of 60 minutes", envelope(`"time":"2026-03-01T09:30:00-00:60"`, `"item":"q1","correct":true`)},
	{"time in a leap second", envelope(`"time":"2016-12-31T23:59:60Z"`, `"item":"q1","correct":true`)},
	{"time on 30 February", envelope(`"time":"2026-02-30T09:30:00Z"`, `"item":"q1","correct":true`)},
	{"time at hour 24", envelope(`"time":"2026-03-01T24:00:00Z"`, `"item":"q1","correct":true`)},
	{"time before 1900", envelope(`"time":"1899-12-31T23:59:59Z"`, `"item":"q1","correct":true`)},
	{"time before 1900 in UTC", envelope(`"time":"1900-01-01T00:30:00+01:00"`, `"item":"q1","correct":true`)},
	{"time after 2299", envelope(`"time":"2300-01-01T00:00:00Z"`, `"item":"q1","correct":true`)},
	{"data as XML", envelope(`"datacontenttype":"text/xml"`, `"item":"q1","correct":true`)},
	{"data missing", object("", "")},
	{"data null", object("", `"data":null`)},
	{"data as a string", object("", `"data":"{}"`)},
	{"data as a list", object("", `"data":[]`)},
	{"data in base64", object("", `"data_base64":"e30="`)},
	{"several things wrong", `{"specversion":"1.0","id":"","source":"/quiz","type":"study.answer.submitted.v1","time":"yesterday","data":{"score":2}}`},

	// Answers.
	{"item missing", answer(`"correct":true`)},
	{"item as a number", answer(`"item":1,"correct":true`)},
	{"item too long", answer(`"item":"` + strings.Repeat("q", 129) + `","correct":true`)},
	{"neither correct nor score", answer(`"item":"q1"`)},
	{"correct as a string", answer(`"item":"q1","correct":"true"`)},
	{"correct as a number", answer(`"item":"q1","correct":1`)},
	{"score as a string", answer(`"item":"q1","score":"0.5"`)},
	{"score over 1", answer(`"item":"q1","score":1.7`)},
	{"score below 0", answer(`"item":"q1","score":-0.001`)},
	{"score beyond float64", answer(`"item":"q1","score":1e999`)},
	{"correct with a score of 0", answer(`"item":"q1","correct":true,"score":0.0`)},
	{"not correct with a score of 1", answer(`"item":"q1","correct":false,"score":1`)},
	{"graded by a robot", answer(`"item":"q1","correct":true,"graded_by":"robot"`)},
	{"points as a string", answer(`"item":"q1","correct":true,"points":"p1"`)},
	{"a point as a number", answer(`"item":"q1","correct":true,"points":["p1",2]`)},
	{"a point empty", answer(`"item":"q1","correct":true,"points":[""]`)},
	{"a point too long", answer(`"item":"q1","correct":true,"points":["` + strings.Repeat("p", 129) + `"]`)},
	{"65 points", answer(`"item":"q1","correct":true,"points":["p"` + strings.Repeat(`,"p"`, 64) + `]`)},
	{"response as an object", answer(`"item":"q1","correct":true,"response":{"text":"x"}`)},
	{"response over 16 KiB", answer(`"item":"q1","correct":true,"response":"` + strings.Repeat("r", 16<<10+1) + `"`)},
	{"attempt 0", answer(`"item":"q1","correct":true,"attempt":0`)},
	{"attempt 1.5", answer(`"item":"q1","correct":true,"attempt":1.5`)},
	{"attempt 70000", answer(`"item":"q1","correct":true,"attempt":70000`)},
	{"confidence 6", answer(`"item":"q1","correct":true,"confidence":6`)},
	{"confidence as a string", answer(`"item":"q1","correct":true,"confidence":"high"`)},
	{"duration negative", answer(`"item":"q1","correct":true,"duration_ms":-1`)},
	{"duration over seven days", answer(`"item":"q1","correct":true,"duration_ms":604800001`)},
	{"duration beyond float64", answer(`"item":"q1","correct":true,"duration_ms":1e999`)},
	{"session empty", answer(`"item":"q1","correct":true,"session":""`)},

	// The others.
	{"void without event", void(`"reason":"wrong key"`)},
	{"void with a bad source", void(`"event":"7","source":"my quiz"`)},
	{"void with a long reason", void(`"event":"7","reason":"` + strings.Repeat("r", 2<<10+1) + `"`)},
	{"tick without item", typed(event.ChecklistTicked, ``)},
	{"session without session", typed(event.SessionStarted, `"chapter":"c1"`)},
	{"session with a bad chapter", typed(event.SessionEndedV1, `"session":"s1","chapter":7`)},
	{"an end that tells no activity", typed(event.SessionEnded, `"session":"s1"`)},
	{"active for less than no time", typed(event.SessionEnded, `"session":"s1","active_seconds":-0.001`)},
	{"active in milliseconds", typed(event.SessionEnded, `"session":"s1","active_seconds":1510250`)},
	{"active in words", typed(event.SessionEnded, `"session":"s1","active_seconds":"PT25M"`)},
	{"active beyond float64", typed(event.SessionEnded, `"session":"s1","active_seconds":1e999`)},
	{"cohort missing", typed(event.CohortJoined, ``)},
	{"a target that is no level", typed(event.CohortJoined, `"cohort":"c1","target":"principal"`)},
	{"a target as a number", typed(event.CohortJoined, `"cohort":"c1","target":3`)},
	{"pin without topic", typed(event.TopicPinned, `"note":"now"`)},
	{"pin until tomorrow", typed(event.TopicPinned, `"topic":"caching","until":"tomorrow"`)},
	{"exclusion until 9999", typed(event.TopicExcluded, `"topic":"caching","until":"9999-12-31T00:00:00Z"`)},
	{"erasure of another", typed(event.LearnerErased, `"learner_hmac":"9f2b","request":"r1"`)},
	{"erasure without request", typed(event.LearnerErased, `"learner_hmac":"ada"`)},
	{"catalog without content", typed(event.CatalogPublished, `"version":"1"`)},
	{"catalog with empty content", typed(event.CatalogPublished, `"version":"1","content":""`)},
	{"model as an object", typed(event.ModelPublished, `"version":"1","content":{}`)},
}

func TestRefused(t *testing.T) {
	var lines strings.Builder
	for _, c := range refused {
		e, err := event.Decode([]byte(c.raw))
		if err == nil {
			t.Errorf("%s: decoded as %+v, want an error", c.name, e)
			continue
		}
		fmt.Fprintf(&lines, "%s\n", c.name)
		for _, fault := range faults(t, err) {
			fmt.Fprintf(&lines, "\t%s\t%s\n", fault.Code, fault)
		}
	}
	golden(t, "testdata/refused.golden", lines.String())
}

// faults takes an error of Decode apart.
func faults(t *testing.T, err error) []*event.Error {
	t.Helper()
	var list event.Errors
	if errors.As(err, &list) {
		if len(list) < 2 {
			t.Errorf("a list of %d errors", len(list))
		}
		return list
	}
	var single *event.Error
	if !errors.As(err, &single) {
		t.Fatalf("%T: %v, want *event.Error or event.Errors", err, err)
	}
	return []*event.Error{single}
}

func TestErrorsJoinOnOneLine(t *testing.T) {
	_, err := event.Decode([]byte(envelope(`"id":null`, `"item":"q1","score":1.7`)))
	const want = `id: missing; send an id that is unique within the source, as a string; ` +
		`also data.score: 1.7 is outside 0..1; send a share between 0 and 1, or "correct": true|false`
	if err == nil || err.Error() != want {
		t.Errorf("error %q, want %q", err, want)
	}
	var first *event.Error
	if !errors.As(err, &first) || first.Field != "id" || first.Code != event.CodeMissingField {
		t.Errorf("first error %+v, want the missing id", first)
	}
}

// Learners' ids and words must not reach logs by way of error messages.
func TestErrorsQuoteNoPersonalData(t *testing.T) {
	const secret = "ada-lovelace"
	for _, raw := range []string{
		envelope(`"subject":"`+secret+`\u0000"`, `"item":"q1"`),
		envelope(`"subject":"`+strings.Repeat(secret, 20)+`","id":"`+strings.Repeat(secret, 50)+`"`, `"item":"`+secret+`\n"`),
		answer(`"item":"q1","response":["` + secret + `"]`),
		envelope(`"type":"study.learner.erased.v1","subject":"`+secret+`"`, `"learner_hmac":"`+secret+`2"`),
		`{"subject":"` + secret + `",`,
		answer(`"item":"q1","response":"\ud800` + secret + `"`),
	} {
		if _, err := event.Decode([]byte(raw)); err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("error %v quotes personal data or is missing", err)
		}
	}
}
