package event

// Tick is a checklist item ticked or unticked.
type Tick struct {
	Item   string
	Ticked bool
}

func (t *Tick) ticked() bool { return t.Ticked }

func (t *Tick) unticked() bool { return !t.Ticked }

func (f *fields) tick(e *Event) *Tick {
	return &Tick{
		Item:   f.identifier(required, "item", "the id of the checklist item", MaxID),
		Ticked: e.Type == ChecklistTicked,
	}
}

type tickWire struct {
	Item string `json:"item"`
}

func (t *Tick) wire() any { return tickWire{t.Item} }
