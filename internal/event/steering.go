package event

import "time"

// Steering is an instructor's word on a learner's next topics: pinned, excluded
// or released, as the event's type says.
type Steering struct {
	Topic string
	Until time.Time // zero: until released
	Note  string
}

func (f *fields) steering(*Event) *Steering {
	return &Steering{
		Topic: f.identifier(required, "topic", "the id of the topic", MaxID),
		Until: f.time(optional, "until", "the moment at which it ends in RFC 3339"),
		Note:  f.text("note", "a word to the learner", MaxNote),
	}
}

type steeringWire struct {
	Topic string `json:"topic"`
	Until string `json:"until,omitzero"`
	Note  string `json:"note,omitzero"`
}

func (s *Steering) wire() any { return steeringWire{s.Topic, wireTime(s.Until), s.Note} }
