package catalog

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Weights are the concerns of an item, heaviest first. In JSON and YAML they
// are a mapping from concern to weight.
type Weights []Weight

func (ws Weights) sort() {
	slices.SortFunc(ws, func(a, b Weight) int {
		return cmp.Or(cmp.Compare(b.Weight, a.Weight), cmp.Compare(a.ID, b.ID))
	})
}

// MarshalJSON writes {"concern": weight, …}, heaviest first.
func (ws Weights) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, w := range ws {
		if i > 0 {
			b.WriteByte(',')
		}
		id, err := json.Marshal(w.ID)
		if err != nil {
			return nil, fmt.Errorf("encode concern %q: %w", w.ID, err)
		}
		weight, err := json.Marshal(w.Weight)
		if err != nil {
			return nil, fmt.Errorf("encode weight of concern %q: %w", w.ID, err)
		}
		b.Write(id)
		b.WriteByte(':')
		b.Write(weight)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (ws *Weights) UnmarshalJSON(text []byte) error {
	var m map[string]float64
	if err := json.Unmarshal(text, &m); err != nil {
		return fmt.Errorf("concerns of an item must be {\"concern\": weight}: %w", err)
	}
	*ws = make(Weights, 0, len(m))
	for id, weight := range m {
		*ws = append(*ws, Weight{ID: id, Weight: weight})
	}
	ws.sort()
	return nil
}

// Encode writes the whole catalog as one JSON document: the content of a
// study.catalog.published.v1 event, and what GET /v1/catalog answers.
func (c *Catalog) Encode() ([]byte, error) {
	text, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("encode catalog %s: %w", c.Version, err)
	}
	return text, nil
}

// Decode reads a document that Encode wrote, and checks it like any course.
// It refuses a document whose content is not that of its version, and keys
// that it doesn't know: dropping either would change the course in silence.
func Decode(text []byte) (*Catalog, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	c := new(Catalog)
	if err := d.Decode(c); err != nil {
		return nil, fmt.Errorf("decode catalog: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("decode catalog: something follows the document")
	}
	named := c.Version
	c, err := finish(c)
	if err != nil {
		return nil, fmt.Errorf("decode catalog:\n%w", err)
	}
	if named != "" && named != c.Version {
		return nil, fmt.Errorf("decode catalog: it says version %s, but its content is that of %s: publish it anew from the course folder", named, c.Version)
	}
	return c, nil
}

// version derives the version from the content: the course, and 10 digits of
// the hash of its canonical encoding. In that encoding entries stand in the
// order of their ids, because moving text between files or up and down in one
// doesn't change what is measured; the order of points, pitfalls, choices and
// of the placement is content.
func (c *Catalog) version() (string, error) {
	canonical := *c
	canonical.Version = ""
	canonical.Concerns = byID(c.Concerns, func(v Concern) string { return v.ID })
	for i := range canonical.Concerns {
		canonical.Concerns[i].Prerequisites = slices.Sorted(slices.Values(canonical.Concerns[i].Prerequisites))
		canonical.Concerns[i].Chapters = slices.Sorted(slices.Values(canonical.Concerns[i].Chapters))
	}
	canonical.Chapters = byID(c.Chapters, func(v Chapter) string { return v.ID })
	for i := range canonical.Chapters {
		canonical.Chapters[i].Prerequisites = slices.Sorted(slices.Values(canonical.Chapters[i].Prerequisites))
	}
	canonical.Sections = byID(c.Sections, func(v Section) string { return v.ID })
	canonical.Items = byID(c.Items, func(v Item) string { return v.ID })
	for i := range canonical.Items {
		canonical.Items[i].Chapters = slices.Sorted(slices.Values(canonical.Items[i].Chapters))
	}
	hash := sha256.New()
	if err := json.NewEncoder(hash).Encode(canonical); err != nil {
		return "", fmt.Errorf("hash course %s: %w", c.Course, err)
	}
	return c.Course + "-" + hex.EncodeToString(hash.Sum(nil)[:5]), nil
}

// byID returns a copy of list in the order of ids.
func byID[T any](list []T, id func(T) string) []T {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b T) int { return strings.Compare(id(a), id(b)) })
	return list
}
