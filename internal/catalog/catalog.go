package catalog

// Kind says how an item is used: ticked, or asked and answered.
type Kind string

// The kinds of items.
const (
	Checklist     Kind = "checklist"     // a statement about oneself, ticked
	QuickFire     Kind = "quickfire"     // a short question with a short answer
	DeepDive      Kind = "deepdive"      // an open question that starts a conversation
	FollowUp      Kind = "followup"      // a question that continues its parent
	Misconception Kind = "misconception" // a common belief to put right
	Judgment      Kind = "judgment"      // a situation in production, and what to do
	Pair          Kind = "pair"          // a weak answer, to be bettered
	Context       Kind = "context"       // what practice teaches and documentation doesn't
)

// Kinds lists every kind in the order in which people meet them.
func Kinds() []Kind {
	return []Kind{Checklist, QuickFire, DeepDive, FollowUp, Misconception, Judgment, Pair, Context}
}

// Title names the kind for people: "Quick-fire", "Deep dive".
func (k Kind) Title() string {
	switch k {
	case Checklist:
		return "Checklist"
	case QuickFire:
		return "Quick-fire"
	case DeepDive:
		return "Deep dive"
	case FollowUp:
		return "Follow-up"
	case Misconception:
		return "Misconception"
	case Judgment:
		return "Production judgment"
	case Pair:
		return "Weak answer to better"
	case Context:
		return "Production context"
	default:
		return string(k)
	}
}

// Level is the seniority at which an item, or one point of it, is expected.
type Level string

// The levels, in rising order.
const (
	Foundational Level = "foundational"
	Intermediate Level = "intermediate"
	Senior       Level = "senior"
	Staff        Level = "staff"
)

// Levels lists every level in rising order.
func Levels() []Level { return []Level{Foundational, Intermediate, Senior, Staff} }

// Origins of content that doesn't stand in the course's source as it is.
const (
	Reconstructed = "reconstructed" // its title was lost in the source, and restored from the body
	Added         = "gapwise"       // the source has nothing of the kind: written for Gapwise
)

// Catalog is one course: what is measured (concerns, chapters) and by what
// (items). It is immutable once made.
type Catalog struct {
	Course    string    `json:"course"`              // slug, permanent: the subject of its published versions
	Title     string    `json:"title"`               // for people
	Version   string    `json:"version"`             // derived from the content, see Catalog.Encode
	Concerns  []Concern `json:"concerns"`            // in the course's order
	Chapters  []Chapter `json:"chapters"`            // in the course's order; may be empty
	Sections  []Section `json:"sections,omitempty"`  // of the checklist, in its order
	Items     []Item    `json:"items"`               // in the course's order
	Placement []string  `json:"placement,omitempty"` // ids of the items of a placement test, in order of asking
	Promises  Promises  `json:"promises,omitzero"`   // what the course claims about itself; Lint proves it

	concern map[string]int
	chapter map[string]int
	item    map[string]int
	source  map[string]position // of entries, as "concern/id"; empty for a catalog that didn't come from files
}

// Concern is a dimension that cuts across chapters: one of the two kinds of
// topics that reports speak of.
type Concern struct {
	ID            string   `json:"id"`
	Title         string   `json:"title"`
	Summary       string   `json:"summary,omitempty"` // one sentence: what it asks of an engineer
	Importance    float64  `json:"importance"`        // in (0, 1]: how much a gap here matters
	Prerequisites []string `json:"prerequisites"`     // concerns to have a grip on first
	Chapters      []string `json:"chapters"`          // where to read about it
	Origin        string   `json:"origin,omitempty"`
}

// Chapter is a place to read: the other kind of topic.
type Chapter struct {
	ID            string   `json:"id"`
	Title         string   `json:"title"`
	URL           string   `json:"url"`            // empty where there is none
	Note          string   `json:"note,omitempty"` // what to read it for
	Prerequisites []string `json:"prerequisites"`  // chapters to read first
	Origin        string   `json:"origin,omitempty"`
}

// Section groups the items of the checklist.
type Section struct {
	ID    string `json:"id"`
	Title string `json:"title"`
}

// Item is one question, or one line of the checklist.
type Item struct {
	ID       string   `json:"id"`
	Kind     Kind     `json:"kind"`
	Level    Level    `json:"level"`
	LevelTo  Level    `json:"level_to,omitempty"` // upper end, where the item spans several levels
	Judged   bool     `json:"judged,omitempty"`   // the level is our judgment, not the source's statement
	Prompt   string   `json:"prompt"`
	Tests    string   `json:"tests,omitempty"` // what the question is really after
	Points   []Point  `json:"points,omitempty"`
	Pitfalls []string `json:"pitfalls,omitempty"` // what weak candidates say
	Choices  []Choice `json:"choices,omitempty"`  // where a key can grade the answer; one is right
	Concerns Weights  `json:"concerns"`           // heaviest first, summing to 1
	Chapters []string `json:"chapters"`           // may be empty
	Section  string   `json:"section,omitempty"`  // of the checklist
	Parent   string   `json:"parent,omitempty"`   // of a follow-up: the item that it continues
	Deeper   bool     `json:"deeper,omitempty"`   // a follow-up that widens the theme instead of probing the answer
	Origin   string   `json:"origin,omitempty"`   // where it doesn't come from the course's source as it stands
}

// Answerable reports whether the item is asked and answered; a line of the
// checklist is ticked instead, and a tick is no evidence of mastery.
func (it *Item) Answerable() bool { return it.Kind != Checklist }

// Point is one thing that a good answer contains. Events name the points met
// by these ids.
type Point struct {
	ID    string `json:"id"`
	Text  string `json:"text"`
	Level Level  `json:"level,omitempty"` // where it tells one level from another
}

// Choice is one option of a question that a key can grade.
type Choice struct {
	ID            string `json:"id"`
	Text          string `json:"text"`
	Right         bool   `json:"right,omitempty"`
	Misconception string `json:"misconception,omitempty"` // the belief that a wrong choice gives away
}

// Weight says how much of an item is about one concern.
type Weight struct {
	ID     string  // of the concern
	Weight float64 // in (0, 1]
}

// Promises are claims that a course makes about itself in its own files, so
// that Lint can prove them. The zero value promises nothing.
type Promises struct {
	ItemsPerConcern int            `json:"items_per_concern,omitempty"` // answerable, at least
	ItemsPerChapter int            `json:"items_per_chapter,omitempty"` // answerable, at least
	Choices         int            `json:"choices,omitempty"`           // items with choices, at least
	Rubrics         bool           `json:"rubrics,omitempty"`           // two to six points and a pitfall on every item
	Counts          map[string]int `json:"counts,omitempty"`            // exact; what can be counted: see counted
}

// Concern returns the concern with that id.
func (c *Catalog) Concern(id string) (*Concern, bool) { return lookup(c.Concerns, c.concern, id) }

// Chapter returns the chapter with that id.
func (c *Catalog) Chapter(id string) (*Chapter, bool) { return lookup(c.Chapters, c.chapter, id) }

// Item returns the item with that id.
func (c *Catalog) Item(id string) (*Item, bool) { return lookup(c.Items, c.item, id) }

// Answerable returns the items that are asked and answered, in the course's order.
func (c *Catalog) Answerable() []*Item {
	items := make([]*Item, 0, len(c.Items))
	for i := range c.Items {
		if c.Items[i].Answerable() {
			items = append(items, &c.Items[i])
		}
	}
	return items
}

func lookup[T any](list []T, index map[string]int, id string) (*T, bool) {
	i, ok := index[id]
	if !ok {
		return nil, false
	}
	return &list[i], true
}
