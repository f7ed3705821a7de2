package event

// Void takes an answer back. It may be stored before its answer.
type Void struct {
	Event  string // the id of the voided event
	Source string // the source of the voided event; empty: the void's own source
	Target Key    // KeyOf the two, filled in by Decode and New
	Reason string
}

func (f *fields) void(e *Event) *Void {
	v := &Void{
		Event:  string(f.unique(required, "event", "the id of the answer event to void", MaxEventID)),
		Source: f.source(optional, "source", "the source of the event to void"),
		Reason: f.text("reason", "why", MaxNote),
	}
	source := e.Source
	if v.Source != "" {
		source = v.Source
	}
	v.Target = KeyOf(source, v.Event)
	return v
}

type voidWire struct {
	Event  string `json:"event"`
	Source string `json:"source,omitzero"`
	Reason string `json:"reason,omitzero"`
}

func (v *Void) wire() any { return voidWire{v.Event, v.Source, v.Reason} }
