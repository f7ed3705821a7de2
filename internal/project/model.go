package project

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/gapwise/gapwise/internal/catalog"
	"github.com/gapwise/gapwise/internal/mastery"
)

// StartingModel is the version of the model that a course begins with: it
// follows from the catalog's levels and tags alone.
const StartingModel = "starting-1"

// Model is one version of a course's parameters, as a document: what a fit found
// and an operator publishes. It names topics and items by their ids, so it can be
// used with any catalog of the course, and its version follows from its content.
type Model struct {
	Version string      `json:"version"`
	Course  string      `json:"course"`
	Catalog string      `json:"catalog"` // version of the one that it was fitted with
	Fitted  *Fitted     `json:"fitted"`  // nil: it is the starting model
	Lenses  ModelLenses `json:"lenses"`
}

// Fitted says what a model was fitted to.
type Fitted struct {
	Seq      uint64    `json:"seq"`  // of the last answer or void of the log that it knows
	Time     time.Time `json:"time"` // when the log stored that; UTC, whole microseconds
	Answers  int       `json:"answers"`
	Learners int       `json:"learners"` // who gave them
}

// ModelLenses are the parameters of each lens.
type ModelLenses struct {
	Concern ModelLens `json:"concern"`
	Chapter ModelLens `json:"chapter"`
}

// Of returns the parameters of one lens.
func (l *ModelLenses) Of(lens Lens) *ModelLens {
	if lens == ByChapter {
		return &l.Chapter
	}
	return &l.Concern
}

// ModelLens are the parameters of one lens. Package mastery says what each of them
// is, by the same name.
type ModelLens struct {
	Weights      [mastery.NumFeatures]float64 `json:"weights"` // B0..B6, logits
	Prior        ModelPrior                   `json:"prior"`
	ItemVariance float64                      `json:"item_variance"` // logits²
	Topics       map[string]ModelTopic        `json:"topics"`        // by id
	Items        map[string]ModelItem         `json:"items"`         // by id
}

// ModelPrior is what a learner starts with (logits²).
type ModelPrior struct {
	Ability      float64 `json:"ability"`
	Skill        float64 `json:"skill"`
	AbilityDrift float64 `json:"ability_drift"`
	SkillDrift   float64 `json:"skill_drift"`
}

// ModelTopic is a concern or a chapter, whatever the lens counts.
type ModelTopic struct {
	C      float64            `json:"c"`      // extra difficulty (logits)
	VC     float64            `json:"vc"`     // its variance (logits²)
	D      float64            `json:"d"`      // typical difficulty of its items (logits)
	Levels map[string]float64 `json:"levels"` // the same of its items of one level (logits), where it has any
}

// ModelItem is a question or a line of a checklist.
type ModelItem struct {
	B  float64 `json:"b"`  // difficulty (logits)
	VB float64 `json:"vb"` // its variance (logits²)
}

// Encode writes the model as one JSON document: the content of a
// study.model.published.v1 event. Equal models give equal bytes, and numbers are
// written so that they read back to the same bits.
func (m *Model) Encode() ([]byte, error) {
	text, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode model %s: %w", m.Version, err)
	}
	return text, nil
}

// version derives the version from the content: 10 digits of its hash.
func (m *Model) version() (string, error) {
	unnamed := *m
	unnamed.Version = ""
	text, err := unnamed.Encode()
	if err != nil {
		return "", err
	}
	hash := sha256.Sum256(text)
	return "fitted-" + hex.EncodeToString(hash[:5]), nil
}

// newModel describes fitted parameters, which have the course's order of topics and
// items, and gives them their version.
func newModel(c *Course, fitted Fitted, lenses [NumLenses]*mastery.Model) (*Model, error) {
	m := &Model{Course: c.Catalog.Course, Catalog: c.Catalog.Version, Fitted: &fitted}
	for lens := range lenses {
		*m.Lenses.Of(Lens(lens)) = c.Lenses[lens].describe(&lenses[lens].Parameters)
	}
	var err error
	m.Version, err = m.version()
	return m, err
}

// describe names parameters by the ids of topics and items.
func (l *LensModel) describe(p *mastery.Parameters) ModelLens {
	d := ModelLens{
		Weights: p.Weights,
		Prior: ModelPrior{
			Ability: p.Prior.Ability, Skill: p.Prior.Skill,
			AbilityDrift: p.Prior.AbilityDrift, SkillDrift: p.Prior.SkillDrift,
		},
		ItemVariance: p.ItemVariance,
		Topics:       make(map[string]ModelTopic, len(p.Topics)),
		Items:        make(map[string]ModelItem, len(p.Items)),
	}
	for k, t := range p.Topics {
		levels := map[string]float64{}
		for level, at := range t.Levels {
			if at.Items > 0 {
				levels[mastery.Level(level).String()] = at.D
			}
		}
		d.Topics[l.Topics[k].ID] = ModelTopic{C: t.C, VC: t.VC, D: t.D, Levels: levels}
	}
	for i, it := range p.Items {
		d.Items[l.Items[i]] = ModelItem{B: it.B, VB: it.VB}
	}
	return d
}

// Describe returns the course's model as a document: the very one that it was
// compiled from, or what the starting model assumes.
func (c *Course) Describe() *Model {
	if c.fitted != nil {
		return c.fitted
	}
	m := &Model{Version: StartingModel, Course: c.Catalog.Course, Catalog: c.Catalog.Version}
	for lens := range c.Lenses {
		l := &c.Lenses[lens]
		*m.Lenses.Of(Lens(lens)) = l.describe(&l.Parameters)
	}
	return m
}

// Start returns the course with the same catalog and the starting model.
func (c *Course) Start() (*Course, error) {
	if c.fitted == nil {
		return c, nil
	}
	return NewCourse(c.Catalog, nil)
}

// apply replaces a lens's starting parameters by those of a model. Topics, items
// and levels that the model doesn't know keep what the starting model assumes.
func (l *LensModel) apply(fitted *ModelLens) error {
	p := l.Parameters
	p.Weights, p.ItemVariance = fitted.Weights, fitted.ItemVariance
	p.Prior = mastery.Prior{
		Ability: fitted.Prior.Ability, Skill: fitted.Prior.Skill,
		AbilityDrift: fitted.Prior.AbilityDrift, SkillDrift: fitted.Prior.SkillDrift,
	}
	for k := range p.Topics { // the starting model is this lens's alone
		known, ok := fitted.Topics[l.Topics[k].ID]
		if !ok {
			continue
		}
		t := &p.Topics[k]
		t.C, t.VC, t.D = known.C, known.VC, known.D
		for level := range t.Levels {
			if d, ok := known.Levels[mastery.Level(level).String()]; ok && t.Levels[level].Items > 0 {
				t.Levels[level].D = d
			}
		}
	}
	for i := range p.Items {
		if known, ok := fitted.Items[l.Items[i]]; ok {
			p.Items[i].B, p.Items[i].VB = known.B, known.VB
		}
	}
	var err error
	l.Model, err = mastery.New(p)
	return err
}

// Known counts the items of a catalog that the model has parameters for, of those
// that can be answered.
func (m *Model) Known(c *catalog.Catalog) (known, of int) {
	for i := range c.Items {
		if it := &c.Items[i]; it.Answerable() {
			of++
			_, byConcern := m.Lenses.Concern.Items[it.ID]
			_, byChapter := m.Lenses.Chapter.Items[it.ID]
			if byConcern || byChapter {
				known++
			}
		}
	}
	return known, of
}
