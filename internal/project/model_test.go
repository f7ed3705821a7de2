package project

import (
	"bytes"
	"encoding/json"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gapwise/gapwise/internal/catalog"
	"github.com/gapwise/gapwise/internal/mastery"
)

// fittedModel fits a model to answers that make some items of the guide difficult.
func fittedModel(t testing.TB) *Model {
	t.Helper()
	c := course(t)
	var models [NumLenses]*mastery.Model
	for lens := range c.Lenses {
		l := &c.Lenses[lens]
		dice := rand.New(rand.NewPCG(7, 7))
		learners := make([][]mastery.Answer, 60)
		for u := range learners {
			for n := range 50 {
				item := dice.IntN(len(l.Items))
				a := mastery.Answer{Item: item, Time: int64(n) * 60e6}
				if dice.Float64() < 0.2+0.6*float64(item%5)/4 {
					a.Score = 1
				}
				learners[u] = append(learners[u], a)
			}
		}
		var err error
		if models[lens], err = mastery.Fit(l.Model, learners, nil); err != nil {
			t.Fatal(err)
		}
	}
	m, err := newModel(c, Fitted{Seq: 3000, Time: time.Date(2026, 3, 1, 12, 0, 0, 123_000, time.UTC), Answers: 3000, Learners: 60}, models)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func encoded(t testing.TB, m *Model) []byte {
	t.Helper()
	text, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// A model that was written and read has the same bits, and gives the course that
// it was fitted on exactly the parameters that the fit found.
func TestAModelReadsBackToTheSameBits(t *testing.T) {
	m := fittedModel(t)
	text := encoded(t, m)
	read, err := DecodeModel(text)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(read, m) || !bytes.Equal(encoded(t, read), text) {
		t.Error("a model differs after it was written and read")
	}
	start := course(t)
	compiled, err := NewCourse(start.Catalog, read)
	if err != nil {
		t.Fatal(err)
	}
	if compiled.Model != m.Version || !strings.HasPrefix(m.Version, "fitted-") || compiled.Describe() != read {
		t.Errorf("the course has model %s, want %s", compiled.Model, m.Version)
	}
	for lens := range compiled.Lenses {
		l := &compiled.Lenses[lens]
		again := l.describe(&l.Parameters)
		if !reflect.DeepEqual(again, *m.Lenses.Of(Lens(lens))) {
			t.Errorf("by %s the compiled parameters are not those of the model", Lens(lens))
		}
		for k := range l.Topics { // how many items a level has is the catalog's to say
			for level, at := range l.Parameters.Topics[k].Levels {
				if at.Items != start.Lenses[lens].Parameters.Topics[k].Levels[level].Items {
					t.Errorf("%s: level %d has %d items", l.Topics[k].ID, level, at.Items)
				}
			}
		}
	}
	back, err := compiled.Start()
	if err != nil || back.Model != StartingModel || !reflect.DeepEqual(back.Describe(), start.Describe()) {
		t.Errorf("the way back to the starting model leads to %s, %v", back.Model, err)
	}
}

// Spaces and the order of members are no content, and a version may be left out.
func TestAModelMayBeWrittenByOthers(t *testing.T) {
	m := fittedModel(t)
	var document map[string]any
	if err := json.Unmarshal(encoded(t, m), &document); err != nil {
		t.Fatal(err)
	}
	delete(document, "version")
	text, err := json.MarshalIndent(document, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if read, err := DecodeModel(text); err != nil || !reflect.DeepEqual(read, m) {
		t.Errorf("read as %v, %v", read, err)
	}
}

// A model is used with another catalog of its course: what it knows is kept by id,
// what it doesn't know is as the starting model has it.
func TestAModelFitsAnotherCatalogOfItsCourse(t *testing.T) {
	m := fittedModel(t)
	whole := course(t).Catalog
	gone := whole.Answerable()[0].ID
	added := whole.Answerable()[1].ID
	other := changedCatalog(t, whole, func(c map[string]any) {
		items, _ := c["items"].([]any)
		var kept []any
		for _, it := range items {
			if item, _ := it.(map[string]any); item["id"] != gone {
				if item["id"] == added {
					item["id"] = "an-item-of-its-own"
				}
				if item["parent"] == gone || item["parent"] == added {
					delete(item, "parent")
				}
				kept = append(kept, item)
			}
		}
		c["items"] = kept
	})
	compiled, err := NewCourse(other, m)
	if err != nil {
		t.Fatal(err)
	}
	start, err := NewCourse(other, nil)
	if err != nil {
		t.Fatal(err)
	}
	for lens := range compiled.Lenses {
		l, s := &compiled.Lenses[lens], &start.Lenses[lens]
		for i, id := range l.Items {
			want := m.Lenses.Of(Lens(lens)).Items[id]
			if id == "an-item-of-its-own" {
				want = ModelItem{B: s.Parameters.Items[i].B, VB: s.Parameters.Items[i].VB}
			}
			if got := l.Parameters.Items[i]; got.B != want.B || got.VB != want.VB {
				t.Errorf("by %s item %s has %v, %v, want %+v", Lens(lens), id, got.B, got.VB, want)
			}
		}
	}
	if known, of := m.Known(other); of != len(other.Answerable()) || known != of-1 {
		t.Errorf("%d of %d items are known", known, of)
	}
	foreign := *m
	foreign.Course = "another"
	if _, err := NewCourse(whole, &foreign); err == nil || !strings.Contains(err.Error(), "its own course") {
		t.Errorf("a model of another course: %v", err)
	}
}

// changedCatalog returns a catalog with its document changed.
func changedCatalog(t *testing.T, c *catalog.Catalog, change func(map[string]any)) *catalog.Catalog {
	t.Helper()
	text, err := c.Encode()
	if err != nil {
		t.Fatal(err)
	}
	var document map[string]any
	if err := json.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	delete(document, "version")
	delete(document, "promises")
	change(document)
	if text, err = json.Marshal(document); err != nil {
		t.Fatal(err)
	}
	other, err := catalog.Decode(text)
	if err != nil {
		t.Fatal(err)
	}
	return other
}

// What is wrong with a document is told with its place.
func TestBadModelsAreRefused(t *testing.T) {
	good := string(encoded(t, fittedModel(t)))
	topic := `"observability":{`
	for name, c := range map[string]struct{ text, says string }{
		"empty":            {"", "is empty"},
		"cut off":          {good[:len(good)/2], "is no JSON"},
		"two documents":    {good + good, "followed by something else"},
		"a list":           {"[1]", "must be an object"},
		"no course":        {strings.Replace(good, `"course":`, `"curse":`, 1), "curse is unknown: take it out (there are catalog, course"},
		"missing":          {strings.Replace(good, `"course":`, `"curse":`, 1), "course is missing"},
		"other content":    {strings.Replace(good, `"answers":3000`, `"answers":3001`, 1), "leave the version out"},
		"a foreign name":   {strings.Replace(good, `"version":"fitted-`, `"version":"better-`, 1), "it says version better-"},
		"no text":          {strings.Replace(good, `"catalog":"`, `"catalog":7,"was":"`, 1), "catalog is 7: must be a text"},
		"no id":            {strings.Replace(good, topic, `"":{`, 1), `lenses.concern.topics names "", which is empty`},
		"a long id":        {strings.Replace(good, topic, `"`+strings.Repeat("x", 129)+`":{`, 1), "129 bytes"},
		"a control":        {strings.Replace(good, topic, `"a\tb":{`, 1), "control character"},
		"twice":            {strings.Replace(good, topic, topic+`"c":0,`, 1), "duplicate"},
		"not a number":     {strings.Replace(good, topic, topic+`"d":"0",`, 1), "duplicate"},
		"too much":         {replaceNumber(good, `"item_variance":`, "31"), "lenses.concern.item_variance is 31: must lie within 0 and 30"},
		"negative":         {replaceNumber(good, `"vb":`, "-1"), "vb is -1: must lie within 0 and 30"},
		"infinite":         {replaceNumber(good, `"b":`, "1e999"), "b is 1e999: must lie within ±30"},
		"a word":           {replaceNumber(good, `"ability":`, `"much"`), `lenses.concern.prior.ability is "much": must be above 0`},
		"no prior":         {replaceNumber(good, `"skill":`, "0"), "lenses.concern.prior.skill is 0: must be above 0"},
		"null":             {replaceNumber(good, `"vc":`, "null"), "vc is null"},
		"few weights":      {strings.Replace(good, `"weights":[`, `"weights":[],"weight":[`, 1), "has 0 numbers: must have 7"},
		"many weights":     {strings.Replace(good, `"weights":[`, `"weights":[1,`, 1), "has 8 numbers: must have 7"},
		"no list":          {strings.Replace(good, `"weights":[`, `"weights":{},"weight":[`, 1), "must be a list of 7 numbers"},
		"a level":          {strings.Replace(good, `"levels":{`, `"levels":{"expert":0,`, 1), `expert is no level: level "expert": must be one of`},
		"a time":           {strings.Replace(good, `"time":"2026-03-01T12`, `"time":"noon","at":"`, 1), `fitted.time is "noon": must be a time`},
		"a year":           {strings.Replace(good, `"time":"2026`, `"time":"0026`, 1), "must be a time"},
		"half an answer":   {strings.Replace(good, `"answers":3000`, `"answers":0.5`, 1), "fitted.answers is 0.5: must be a whole number"},
		"a large number":   {strings.Replace(good, `"seq":3000`, `"seq":9007199254740993`, 1), "fitted.seq is 9007199254740993"},
		"the starting one": {string(encoded(t, course(t).Describe())), "fitted is null: this is the starting model"},
		"too large":        {strings.Repeat(" ", 9<<20), "bytes"},
		"invalid UTF-8":    {strings.Replace(good, `"course":"`, "\"course\":\"\xff", 1), "is no JSON"},
	} {
		m, err := DecodeModel([]byte(c.text))
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, %v; want an error that says %s", name, m, err, c.says)
		}
	}
	all := strings.ReplaceAll(good, `"vb":`, `"v":`)
	if _, err := DecodeModel([]byte(all)); err == nil || strings.Count(err.Error(), "\n") != mostProblems+1 || !strings.Contains(err.Error(), "more") {
		t.Errorf("many problems are told as %v", err)
	}
}

// replaceNumber replaces the number after the first place of a text.
func replaceNumber(text, after, by string) string {
	before, rest, _ := strings.Cut(text, after)
	return before + after + by + rest[strings.IndexAny(rest, ",}"):]
}

// FuzzDecodeModel: whatever is read without complaint is written and read again
// with the same bits, and can be used.
func FuzzDecodeModel(f *testing.F) {
	c := course(f).Catalog
	for _, course := range []string{c.Course, "another"} {
		f.Add([]byte(`{"course":"` + course + `","catalog":"d","fitted":{"seq":0,"time":"2026-03-01T12:00:00Z","answers":0,"learners":0},` +
			`"lenses":{"concern":` + tinyLens + `,"chapter":` + tinyLens + `}}`))
	}
	f.Add([]byte(`{"version":"fitted-0","lenses":{"concern":{},"chapter":{}}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := DecodeModel(text)
		if err != nil {
			return
		}
		written := encoded(t, m)
		again, err := DecodeModel(written)
		if err != nil || again.Version != m.Version || !bytes.Equal(encoded(t, again), written) {
			t.Fatalf("%s reads back as %v, %v", written, again, err)
		}
		if m.Course != c.Course {
			return
		}
		if _, err := NewCourse(c, m); err != nil {
			t.Fatal(err)
		}
	})
}

const tinyLens = `{"weights":[0,0,0,0,0,0,-0],"prior":{"ability":1e-9,"skill":30,"ability_drift":0,"skill_drift":0},"item_variance":0,` +
	`"topics":{"security":{"c":0,"vc":0,"d":-30,"levels":{"staff":1}}},"items":{"sli-slo-sla":{"b":5e-324,"vb":0}}}`

// The numbers that a document may hold are those that the model takes.
func TestBoundsAreThoseOfTheModel(t *testing.T) {
	for _, x := range []float64{-mastery.Limit, mastery.Limit, math.SmallestNonzeroFloat64} {
		m := fittedModel(t)
		for id := range m.Lenses.Concern.Items {
			m.Lenses.Concern.Items[id] = ModelItem{B: x, VB: math.Abs(x)}
		}
		for id, topic := range m.Lenses.Chapter.Topics {
			topic.C, topic.VC, topic.D = x, math.Abs(x), x
			m.Lenses.Chapter.Topics[id] = topic
		}
		m.Lenses.Chapter.Weights[2], m.Lenses.Concern.Prior.Skill = x, math.Abs(x)
		var err error
		if m.Version, err = m.version(); err != nil {
			t.Fatal(err)
		}
		read, err := DecodeModel(encoded(t, m))
		if err != nil {
			t.Fatalf("%v is refused: %v", x, err)
		}
		if _, err := NewCourse(course(t).Catalog, read); err != nil {
			t.Errorf("%v: %v", x, err)
		}
	}
}
