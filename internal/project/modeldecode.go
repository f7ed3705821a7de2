package project

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/mastery"
)

// DecodeModel reads a document that Encode wrote, or another program did: spaces
// and the order of members don't matter, and the version may be left out. Members
// that it doesn't know are refused, and so are missing ones: dropping either would
// change the model in silence. The error says all that is wrong, and where.
func DecodeModel(text []byte) (*Model, error) {
	m := &Model{Fitted: new(Fitted)}
	var r modelReader
	r.document(text, func(v jsontext.Value) { r.model(v, m) })
	if len(r.problems) > 0 {
		return nil, fmt.Errorf("decode model:\n%w", r.error())
	}
	named := m.Version
	var err error
	if m.Version, err = m.version(); err != nil {
		return nil, err
	}
	if named != "" && named != m.Version {
		return nil, fmt.Errorf("decode model: it says version %s, but its content is that of %s: "+
			"leave the version out if the content was changed on purpose, else get the document anew", named, m.Version)
	}
	return m, nil
}

// modelReader reads the parts of a model and collects what is wrong with them.
type modelReader struct{ problems []string }

// mostProblems bounds how many problems are told.
const mostProblems = 20

func (r *modelReader) fail(at, format string, args ...any) {
	if at == "" {
		at = "the document"
	}
	r.problems = append(r.problems, at+" "+fmt.Sprintf(format, args...))
}

func (r *modelReader) error() error {
	told := r.problems[:min(len(r.problems), mostProblems)]
	if more := len(r.problems) - len(told); more > 0 {
		told = append(slices.Clone(told), fmt.Sprintf("and %d more", more))
	}
	return errors.New(strings.Join(told, "\n"))
}

// document reads the one value that a text must hold.
func (r *modelReader) document(text []byte, read func(jsontext.Value)) {
	if len(text) > event.MaxPublication {
		r.fail("", "has %d bytes: a model may have %d", len(text), event.MaxPublication)
		return
	}
	d := jsontext.NewDecoder(bytes.NewReader(text))
	v, err := d.ReadValue()
	if errors.Is(err, io.EOF) {
		r.fail("", "is empty: send a model")
		return
	}
	if err != nil {
		r.fail("", "is no JSON: %v", err)
		return
	}
	whole := v.Clone()
	if _, err := d.ReadToken(); !errors.Is(err, io.EOF) {
		r.fail("", "is followed by something else: send one document alone")
		return
	}
	read(whole)
}

// reader reads the value at a path of the document.
type reader func(at string, v jsontext.Value)

func (r *modelReader) model(v jsontext.Value, m *Model) {
	lens := func(into *ModelLens) reader { return func(at string, v jsontext.Value) { r.lens(at, v, into) } }
	r.object("", v, []string{"version"}, map[string]reader{
		"version": r.id(&m.Version),
		"course":  r.id(&m.Course),
		"catalog": r.id(&m.Catalog),
		"fitted":  func(at string, v jsontext.Value) { r.fitted(at, v, m.Fitted) },
		"lenses": func(at string, v jsontext.Value) {
			r.object(at, v, nil, map[string]reader{"concern": lens(&m.Lenses.Concern), "chapter": lens(&m.Lenses.Chapter)})
		},
	})
}

func (r *modelReader) fitted(at string, v jsontext.Value, f *Fitted) {
	if v.Kind() == 'n' {
		r.fail(at, "is null: this is the starting model, which is published by its name, %s", StartingModel)
		return
	}
	var seq, answers, learners uint64
	r.object(at, v, nil, map[string]reader{
		"seq": r.count(&seq), "time": r.time(&f.Time), "answers": r.count(&answers), "learners": r.count(&learners),
	})
	f.Seq, f.Answers, f.Learners = seq, int(answers), int(learners)
}

func (r *modelReader) lens(at string, v jsontext.Value, l *ModelLens) {
	r.object(at, v, nil, map[string]reader{
		"weights": func(at string, v jsontext.Value) { r.weights(at, v, &l.Weights) },
		"prior": func(at string, v jsontext.Value) {
			p := &l.Prior
			r.object(at, v, nil, map[string]reader{
				"ability": r.number(&p.Ability, positive), "skill": r.number(&p.Skill, positive),
				"ability_drift": r.number(&p.AbilityDrift, variance), "skill_drift": r.number(&p.SkillDrift, variance),
			})
		},
		"item_variance": r.number(&l.ItemVariance, variance),
		"topics": func(at string, v jsontext.Value) {
			l.Topics = map[string]ModelTopic{}
			r.each(at, v, func(id, at string, v jsontext.Value) { l.Topics[id] = r.topic(at, v) })
		},
		"items": func(at string, v jsontext.Value) {
			l.Items = map[string]ModelItem{}
			r.each(at, v, func(id, at string, v jsontext.Value) { l.Items[id] = r.item(at, v) })
		},
	})
}

func (r *modelReader) topic(at string, v jsontext.Value) (t ModelTopic) {
	t.Levels = map[string]float64{}
	r.object(at, v, nil, map[string]reader{
		"c": r.number(&t.C, logits), "vc": r.number(&t.VC, variance), "d": r.number(&t.D, logits),
		"levels": func(at string, v jsontext.Value) {
			r.each(at, v, func(name, at string, v jsontext.Value) {
				if _, err := mastery.ParseLevel(name); err != nil {
					r.fail(at, "is no level: %v", err)
					return
				}
				var d float64
				r.number(&d, logits)(at, v)
				t.Levels[name] = d
			})
		},
	})
	return t
}

func (r *modelReader) item(at string, v jsontext.Value) (it ModelItem) {
	r.object(at, v, nil, map[string]reader{"b": r.number(&it.B, logits), "vb": r.number(&it.VB, variance)})
	return it
}

func (r *modelReader) weights(at string, v jsontext.Value, into *[mastery.NumFeatures]float64) {
	if v.Kind() != '[' {
		r.fail(at, "must be a list of %d numbers, B0 to B%d", mastery.NumFeatures, mastery.NumFeatures-1)
		return
	}
	d := jsontext.NewDecoder(bytes.NewReader(v))
	_, _ = d.ReadToken() // no error can come: the value has been read before
	n := 0
	for ; d.PeekKind() != ']'; n++ {
		v, _ := d.ReadValue()
		if n < len(into) {
			r.number(&into[n], logits)(fmt.Sprintf("%s[%d]", at, n), v)
		}
	}
	if n != len(into) {
		r.fail(at, "has %d numbers: must have %d, B0 to B%d", n, len(into), len(into)-1)
	}
}

// object reads the members of an object: all of them, those that may be left out
// aside, and no others.
func (r *modelReader) object(at string, v jsontext.Value, optional []string, members map[string]reader) {
	given := map[string]bool{}
	r.each(at, v, func(name, at string, v jsontext.Value) {
		given[name] = true
		read, known := members[name]
		if !known {
			r.fail(at, "is unknown: take it out (there are %s)", strings.Join(slices.Sorted(maps.Keys(members)), ", "))
			return
		}
		read(at, v)
	})
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if v.Kind() == '{' && !given[name] && !slices.Contains(optional, name) {
			r.fail(below(at, name), "is missing: add it")
		}
	}
}

// each reads what an object maps ids to.
func (r *modelReader) each(at string, v jsontext.Value, read func(id, at string, v jsontext.Value)) {
	if v.Kind() != '{' {
		r.fail(at, "is %.40s: must be an object", v)
		return
	}
	d := jsontext.NewDecoder(bytes.NewReader(v))
	_, _ = d.ReadToken() // no error can come: the value has been read before
	for d.PeekKind() != '}' {
		token, _ := d.ReadToken()
		id := token.String()
		value, _ := d.ReadValue()
		if wrong := wrongID(id); wrong != "" {
			r.fail(at, "names %.40q, which %s", id, wrong)
			continue
		}
		read(id, below(at, id), value)
	}
}

func below(at, name string) string {
	if at == "" {
		return name
	}
	return at + "." + name
}

// wrongID tells what keeps a text from being an id; empty for nothing.
func wrongID(id string) string {
	switch {
	case id == "":
		return "is empty: give it an id"
	case len(id) > event.MaxID:
		return fmt.Sprintf("is %d bytes long: ids have up to %d", len(id), event.MaxID)
	case strings.ContainsFunc(id, func(c rune) bool { return c < ' ' || c == 0x7f }):
		return "holds a control character: take it out"
	}
	return ""
}

func (r *modelReader) id(into *string) reader {
	return func(at string, v jsontext.Value) {
		if v.Kind() != '"' {
			r.fail(at, "is %.40s: must be a text", v)
			return
		}
		text, _ := jsontext.AppendUnquote(nil, v) // no error can come: the value has been read before
		*into = string(text)
		if wrong := wrongID(*into); wrong != "" {
			r.fail(at, "%s", wrong)
		}
	}
}

func (r *modelReader) time(into *time.Time) reader {
	return func(at string, v jsontext.Value) {
		var text string
		r.id(&text)(at, v)
		t, err := time.Parse(time.RFC3339Nano, text)
		if *into = t.UTC().Truncate(time.Microsecond); err != nil || into.Year() < event.MinYear || into.Year() > event.MaxYear {
			r.fail(at, "is %.40q: must be a time such as 2026-03-01T12:00:00Z", text)
		}
	}
}

func (r *modelReader) count(into *uint64) reader {
	return func(at string, v jsontext.Value) {
		const most = 1 << 53 // what every reader of JSON keeps exactly
		n, err := strconv.ParseUint(string(v), 10, 64)
		if *into = n; err != nil || n > most {
			r.fail(at, "is %.40s: must be a whole number from 0", v)
		}
	}
}

// bounds are what a parameter may be.
type bounds struct {
	low, high float64
	open      bool // low is out of bounds itself
	words     string
}

// The bounds of parameters, as package mastery has them.
var (
	logits   = bounds{-mastery.Limit, mastery.Limit, false, fmt.Sprintf("must lie within ±%d", mastery.Limit)}
	variance = bounds{0, mastery.Limit, false, fmt.Sprintf("must lie within 0 and %d", mastery.Limit)}
	positive = bounds{0, mastery.Limit, true, fmt.Sprintf("must be above 0 and at most %d", mastery.Limit)}
)

func (r *modelReader) number(into *float64, b bounds) reader {
	return func(at string, v jsontext.Value) {
		x, err := strconv.ParseFloat(string(v), 64)
		if *into = x; v.Kind() != '0' || err != nil || x < b.low || x > b.high || b.open && x == b.low {
			r.fail(at, "is %.40s: %s", v, b.words)
		}
	}
}
