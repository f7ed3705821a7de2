package event

import (
	"bytes"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// One reader a kind of data. The schemas in schemas/events say the same; a test
// holds the two together.

func (f *fields) answer() *Answer {
	return &Answer{
		Item:       f.identifier(required, "item", "the id of the item answered", MaxID),
		Score:      f.score(),
		GradedBy:   f.grader(),
		Points:     f.points(),
		Response:   f.text("response", "what was answered", MaxResponse),
		Attempt:    int(f.integer("attempt", "1 for the first attempt, 2 for the second, …", 1, MaxAttempt)),
		Confidence: int(f.integer("confidence", "1 (guessed) to 5 (certain)", 1, MaxConfidence)),
		Duration:   time.Duration(f.integer("duration_ms", "the time taken in milliseconds", 0, MaxDuration.Milliseconds())) * time.Millisecond,
		Session:    f.identifier(optional, "session", "the id of the session", MaxID),
	}
}

// score reads "score", "correct" or both. Both is for producers that send a share
// and their own verdict: the score holds, and the verdict may not contradict a
// score at either end.
func (f *fields) score() float64 {
	const how = `a share between 0 and 1, or "correct": true|false`
	before := len(*f.errs)
	score, raw := f.number("score", how)
	correct, judged := f.boolean("correct", "true for right, false for wrong")
	switch {
	case len(*f.errs) > before: // one of them is something else
	case raw == nil && !judged:
		f.fail(CodeMissingField, "score", "missing; send %s", how)
	case raw == nil && correct:
		return 1
	case raw == nil:
		return 0
	case score < 0 || score > 1:
		f.fail(CodeOutOfRange, "score", "%.40s is outside 0..1; send %s", raw, how)
	case judged && contradicts(correct, score):
		f.fail(CodeContradiction, "correct", "%t contradicts a score of %.40s; send one of the two", correct, raw)
	default:
		return score
	}
	return 0
}

func contradicts(correct bool, score float64) bool {
	return correct && score == 0 || !correct && score == 1
}

func (f *fields) grader() Grader {
	const how = `"self", "key", "instructor" or "peer"`
	value := f.value(optional, "graded_by", '"', how)
	if value == nil {
		return GradedByKey
	}
	text := unquoted(value)
	for _, g := range [...]Grader{GradedBySelf, GradedByKey, GradedByInstructor, GradedByPeer} {
		if string(text) == string(g) {
			return g
		}
	}
	f.fail(CodeBadValue, "graded_by", "%.40q is not a grader; send %s, or leave it out for \"key\"", text, how)
	return GradedByKey
}

func (f *fields) points() []string {
	const what = "the ids of the rubric points met"
	array := f.value(optional, "points", '[', what)
	if array == nil {
		return nil
	}
	var points []string
	dec := jsontext.NewDecoder(bytes.NewBuffer(array))
	_, _ = dec.ReadToken() // no error can come: the array has been read before
	for dec.PeekKind() != ']' {
		value, _ := dec.ReadValue()
		switch {
		case value.Kind() != '"':
			f.fail(CodeWrongType, "points", "%s in the list where a string is needed; send %s", kindName(value.Kind()), what)
			return nil
		case len(points) == MaxPoints:
			f.fail(CodeTooLong, "points", "more than %d entries; send fewer", MaxPoints)
			return nil
		}
		text := unquoted(value)
		if len(text) > MaxID {
			f.fail(CodeTooLong, "points", "an entry is %d bytes long, over the limit of %d; shorten it", len(text), MaxID)
			return nil
		}
		if !f.checkIdentifier("points", text, what) {
			return nil
		}
		points = append(points, string(text))
	}
	return points
}

func (f *fields) void(source string) *Void {
	v := &Void{
		Event:  string(f.unique(required, "event", "the id of the answer event to void", MaxEventID)),
		Source: f.source(optional, "source", "the source of the event to void"),
		Reason: f.text("reason", "why", MaxNote),
	}
	if v.Source != "" {
		source = v.Source
	}
	v.Target = KeyOf(source, v.Event)
	return v
}

func (f *fields) tick(ticked bool) *Tick {
	return &Tick{
		Item:   f.identifier(required, "item", "the id of the checklist item", MaxID),
		Ticked: ticked,
	}
}

func (f *fields) session(started bool) *Session {
	return &Session{
		Session: f.identifier(required, "session", "the id of the session", MaxID),
		Chapter: f.identifier(optional, "chapter", "the id of the chapter studied", MaxID),
		Started: started,
	}
}

func (f *fields) membership(joined bool) *Membership {
	m := &Membership{
		Cohort: f.identifier(required, "cohort", "the id of the cohort", MaxID),
		Joined: joined,
	}
	if joined {
		m.Target = f.target()
	}
	return m
}

func (f *fields) target() string {
	const how = `"foundational", "intermediate", "senior" or "staff"`
	value := f.value(optional, "target", '"', how)
	if value == nil {
		return ""
	}
	text := string(unquoted(value))
	if !slices.Contains(Levels[:], text) {
		f.fail(CodeBadValue, "target", "%.40q is not a level; send %s, or leave it out", text, how)
		return ""
	}
	return text
}

func (f *fields) steering() *Steering {
	return &Steering{
		Topic: f.identifier(required, "topic", "the id of the topic", MaxID),
		Until: f.time(optional, "until", "the moment at which it ends in RFC 3339"),
		Note:  f.text("note", "a word to the learner", MaxNote),
	}
}

func (f *fields) erasure(subject string) *Erasure {
	return &Erasure{
		LearnerHMAC: f.learnerHMAC(subject),
		Request:     f.identifier(required, "request", "the id of the erasure request", MaxID),
		Sequences:   f.ranges(),
	}
}

func (f *fields) receipt(subject string) *Receipt {
	return &Receipt{
		LearnerHMAC: f.learnerHMAC(subject),
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

// maxSequence is the last whole number that JSON readers everywhere hold exactly.
const maxSequence = 1<<53 - 1

func (f *fields) deadLetter() *DeadLetter {
	const what = "the sequence of the dead letter"
	if f.find("seq") == nil {
		f.fail(CodeMissingField, "seq", "missing; send %s, as a number", what)
	}
	return &DeadLetter{
		Target: uint64(f.integer("seq", what, 1, maxSequence)),
		Reason: f.text("reason", "why", MaxNote),
	}
}

func (f *fields) publication() *Publication {
	const what = "the catalog or model written out as text"
	version := f.identifier(required, "version", "the version's id", MaxID)
	content := f.bytes(required, "content", what, MaxPublication)
	if content != nil && len(content) == 0 {
		f.fail(CodeEmpty, "content", "empty; send %s", what)
	}
	return &Publication{Version: version, Content: string(content)}
}
