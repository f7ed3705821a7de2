package event

// Erasure asks for a learner to be forgotten.
type Erasure struct {
	LearnerHMAC string
	Request     string
	// Sequences are dead letters too broken to tell whose they are, in which the
	// learner's id was found: they are forgotten too.
	Sequences Ranges
}

// Receipt says what was deleted to forget a learner. The sequences that are
// missing from the log are those of receipts, and no others.
type Receipt struct {
	LearnerHMAC string
	Request     string
	Sequences   Ranges // of the messages deleted
	Rows        int64  // deleted from the tables of facts, in all generations
}

func (f *fields) erasure(e *Event) *Erasure {
	return &Erasure{
		LearnerHMAC: f.learnerHMAC(e.Subject),
		Request:     f.identifier(required, "request", "the id of the erasure request", MaxID),
		Sequences:   f.ranges(),
	}
}

func (f *fields) receipt(e *Event) *Receipt {
	return &Receipt{
		LearnerHMAC: f.learnerHMAC(e.Subject),
		Request:     f.identifier(required, "request", "the id of the erasure request", MaxID),
		Sequences:   f.ranges(),
		Rows:        f.integer("rows", "how many rows were deleted", 0, maxSequence),
	}
}

func (f *fields) learnerHMAC(subject string) string {
	hmac := f.identifier(required, "learner_hmac", "the HMAC of the learner's id", MaxSubject)
	if subject != "" && hmac != "" && hmac != subject {
		f.fail(CodeContradiction, "learner_hmac", "differs from the subject; send the same HMAC in both, never the learner's id")
	}
	return hmac
}

func (f *fields) ranges() Ranges {
	const what = `ascending sequences and ranges of them, e.g. "7,12-40"`
	text := f.bytes(optional, "sequences", what, MaxRanges)
	if text == nil {
		return nil
	}
	if len(text) == 0 {
		f.fail(CodeEmpty, "sequences", "empty; send %s", what)
		return nil
	}
	ranges, err := ParseRanges(string(text))
	if err != nil {
		f.fail(CodeBadValue, "sequences", "%.40q is %v; send %s", text, err, what)
	}
	return ranges
}

type erasureWire struct {
	LearnerHMAC string `json:"learner_hmac"`
	Request     string `json:"request"`
	Sequences   string `json:"sequences,omitzero"`
}

func (e *Erasure) wire() any { return erasureWire{e.LearnerHMAC, e.Request, e.Sequences.String()} }

type receiptWire struct {
	LearnerHMAC string `json:"learner_hmac"`
	Request     string `json:"request"`
	Sequences   string `json:"sequences,omitzero"`
	Rows        int64  `json:"rows"`
}

func (r *Receipt) wire() any {
	return receiptWire{r.LearnerHMAC, r.Request, r.Sequences.String(), r.Rows}
}
