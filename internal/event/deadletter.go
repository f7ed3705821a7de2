package event

// DeadLetters is the subject of events about dead letters, which are about no
// learner.
const DeadLetters = "deadletters"

// DeadLetter is an operator's word on a message that became a dead letter:
// retried, which decodes it again, or dropped, as the event's type says.
type DeadLetter struct {
	Target uint64 // the sequence of the dead letter
	Reason string
}

func (f *fields) deadLetter(*Event) *DeadLetter {
	const what = "the sequence of the dead letter"
	if f.find("seq") == nil {
		f.fail(CodeMissingField, "seq", "missing; send %s, as a number", what)
	}
	return &DeadLetter{
		Target: uint64(f.integer("seq", what, 1, maxSequence)),
		Reason: f.text("reason", "why", MaxNote),
	}
}

type deadLetterWire struct {
	Seq    uint64 `json:"seq"`
	Reason string `json:"reason,omitzero"`
}

func (d *DeadLetter) wire() any { return deadLetterWire{d.Target, d.Reason} }
