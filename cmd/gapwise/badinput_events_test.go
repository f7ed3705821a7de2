package main

import (
	"fmt"
	"strings"
)

type namedInput struct{ name, input string }

// badEvents is one event each, with one mistake.
func badEvents() []namedInput {
	var list []namedInput
	add := func(name, input string) { list = append(list, namedInput{name, input}) }
	good := `"item":"add-two","correct":true`
	event := func(kind, data string) string {
		if !strings.HasSuffix(kind, ".v2") {
			kind += ".v1"
		}
		return fmt.Sprintf(`{"specversion":"1.0","id":"1","source":"bad","subject":"ada","time":"2026-03-01T09:30:00Z","type":"study.%s","data":{%s}}`, kind, data)
	}
	answer := func(data string) string { return event("answer.submitted", data) }
	change := func(old, bad string) string { return strings.Replace(answer(good), old, bad, 1) }

	add("nothing", "")
	add("white space", " \n\t")
	for _, text := range []string{"hello", `"event"`, "42", "true", "null", "[]", "{", "}", `{"id"`, `{"id":`, `{"id":"1"`, `{"id":"1",}`, "{'id':'1'}", "{id:1}", `{"id":01}`, `{"id":+1}`, `{"id":.5}`, `{"id":NaN}`, `{"id":Infinity}`, `{"id":undefined}`, `{"id":"\x41"}`, "{\"id\":\"a\nb\"}", "<event/>", "id: 1", "id=1&source=x"} {
		add("text "+text, text)
	}
	add("binary", "\x1f\x8b\x08\x00\xff")
	add("UTF-16", "\xff\xfe{\x00}\x00")
	add("a byte order mark", "\ufeff"+answer(good))
	add("Latin-1", change("add-two", "caf\xe9"))
	add("a comment", change("{", "{/* new */"))
	add("two events", answer(good)+answer(good))
	add("a lone surrogate", change("add-two", `\ud800`))
	add("too deep", change(`"correct":true`, `"correct":true,"x":`+strings.Repeat("[", 20000)))
	add("too large", change(`"correct":true`, `"correct":true,"x":"`+strings.Repeat("x", 1<<20)+`"`))

	for _, attribute := range []string{`"specversion":"1.0",`, `"id":"1",`, `"source":"bad",`, `"subject":"ada",`, `"time":"2026-03-01T09:30:00Z",`, `"type":"study.answer.submitted.v1",`} {
		name := strings.Split(attribute, `"`)[1]
		add("no "+name, change(attribute, ""))
		add(name+" null", change(attribute, `"`+name+`":null,`))
		add(name+" as a number", change(attribute, `"`+name+`":7,`))
		add(name+" as an object", change(attribute, `"`+name+`":{},`))
		add(name+" empty", change(attribute, `"`+name+`":"",`))
		add(name+" twice", change(attribute, attribute+attribute))
		add(name+" very long", change(attribute, `"`+name+`":"`+strings.Repeat("x", 300)+`",`))
	}
	for _, id := range []string{`a\u0000b`, `a\nb`, `\u007f`} {
		add("id "+id, change(`"id":"1"`, `"id":"`+id+`"`))
		add("subject "+id, change(`"subject":"ada"`, `"subject":"`+id+`"`))
	}
	for _, source := range []string{"my quiz", " bad", `a\tb`} {
		add("source "+source, change(`"source":"bad"`, `"source":"`+source+`"`))
	}
	for _, version := range []string{"0.3", "1", "1.0.2", "2.0"} {
		add("specversion "+version, change(`"specversion":"1.0"`, `"specversion":"`+version+`"`))
	}
	for _, kind := range []string{"study.answer.submitted", "study.answer.submitted.v2", "study.anser.submitted.v1", "Study.Answer.Submitted.v1", "answer.submitted.v1", "study.cohort.joined", "com.example.sold.v1", "study.*.v1"} {
		add("type "+kind, change("study.answer.submitted.v1", kind))
	}
	for _, at := range []string{"yesterday", "2026-03-01", "09:30", "2026-03-01T09:30:00", "2026-03-01 09:30:00Z", "2026-3-1T09:30:00Z", "2026-13-01T09:30:00Z", "2026-02-30T09:30:00Z", "2026-03-01T25:00:00Z", "2026-03-01T09:60:00Z", "2026-03-01T09:30:61Z", "2026-03-01T09:30:00+25:00", "2026-03-01T09:30:00 UTC", "1899-12-31T00:00:00Z", "2300-01-01T00:00:00Z", "2200-01-01T00:00:00Z", "1772357400", "01/03/2026"} {
		add("time "+at, change("2026-03-01T09:30:00Z", at))
	}
	for _, data := range []string{`null`, `[]`, `"{}"`, `7`, `true`} {
		add("data "+data, strings.Replace(answer(good), "{"+good+"}", data, 1))
	}
	add("no data", strings.Replace(answer(good), `,"data":{`+good+"}", "", 1))
	add("data in base64", change(`"data":{`, `"data_base64":"e30=","x":{`))
	add("data as XML", change(`"specversion"`, `"datacontenttype":"text/xml","specversion"`))

	for _, c := range []struct {
		kind string
		data []string
	}{
		{"answer.submitted", []string{
			``, `"item":"add-two"`, `"correct":true`, `"item":"","correct":true`, `"item":7,"correct":true`, `"item":"nowhere","correct":true`, `"item":"Add-Two","correct":true`,
			`"item":"add-two","correct":"yes"`, `"item":"add-two","correct":1`, `"item":"add-two","score":"1"`, `"item":"add-two","score":1.01`, `"item":"add-two","score":-1`, `"item":"add-two","score":85`,
			`"item":"add-two","score":1e999`, `"item":"add-two","correct":true,"score":0`, `"item":"add-two","correct":false,"score":1`,
			good + `,"graded_by":"robot"`, good + `,"graded_by":true`, good + `,"graded_by":"Self"`, good + `,"points":"p"`, good + `,"points":[1]`, good + `,"points":[""]`, good + `,"points":{}`,
			good + `,"response":7`, good + `,"response":["a"]`, good + `,"attempt":0`, good + `,"attempt":-1`, good + `,"attempt":1.5`, good + `,"attempt":"1"`, good + `,"attempt":65536`,
			good + `,"confidence":0`, good + `,"confidence":6`, good + `,"confidence":"high"`, good + `,"duration_ms":-1`, good + `,"duration_ms":"90s"`, good + `,"duration_ms":1e12`, good + `,"session":""`, good + `,"session":7`,
			good + `,"correct":false`, good + `,"points":["` + strings.Repeat("p", 129) + `"]`, good + `,"response":"` + strings.Repeat("r", 16<<10+1) + `"`,
		}},
		{"answer.voided", []string{``, `"event":""`, `"event":7`, `"event":"7","source":"my quiz"`, `"event":"7","source":7`, `"event":"7","reason":7`, `"event":"7","reason":"` + strings.Repeat("r", 2049) + `"`}},
		{"checklist.ticked", []string{``, `"item":""`, `"item":[]`, `"item":"nowhere"`}},
		{"checklist.unticked", []string{``, `"item":false`}},
		{"session.started", []string{``, `"session":""`, `"session":7`, `"session":"s","chapter":7`, `"session":"s","chapter":""`}},
		{"session.ended", []string{``, `"session":"` + strings.Repeat("s", 129) + `"`}},
		{"session.ended.v2", []string{`"session":"s"`, `"session":"s","active_seconds":-1`, `"session":"s","active_seconds":1510250`, `"session":"s","active_seconds":"25 min"`}},
		{"cohort.joined", []string{``, `"cohort":""`, `"cohort":7`, `"cohort":"a\u0000"`}},
		{"cohort.left", []string{``, `"cohort":{}`}},
		{"topic.pinned", []string{``, `"topic":""`, `"topic":"nowhere"`, `"topic":"adding","until":"tomorrow"`, `"topic":"adding","until":7`, `"topic":"adding","note":7`}},
		{"topic.excluded", []string{``, `"topic":"adding","until":"9999-01-01T00:00:00Z"`}},
		{"topic.released", []string{``, `"topic":7`}},
		{"learner.erased", []string{``, `"learner_hmac":"ada"`, `"learner_hmac":"bob","request":"r"`, `"learner_hmac":"ada","request":"r"`}},
		{"learner.forgotten", []string{``, `"learner_hmac":"ada","request":"r","rows":-1`}},
		{"catalog.published", []string{``, `"version":"1"`, `"version":"1","content":""`, `"version":"1","content":{}`, `"version":"","content":"x"`}},
		{"model.published", []string{``, `"version":7,"content":"x"`}},
	} {
		for _, data := range c.data {
			name := data
			if len(name) > 60 {
				name = name[:60] + "…"
			}
			add(c.kind+" with "+name, event(c.kind, data))
		}
	}
	return list
}
