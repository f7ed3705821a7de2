package event

import (
	"bytes"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Grader says who judged an answer.
type Grader string

// The graders. An answer that names none counts as graded by key.
const (
	GradedBySelf       Grader = "self"
	GradedByKey        Grader = "key"
	GradedByInstructor Grader = "instructor"
	GradedByPeer       Grader = "peer"
)

// Answer is one answer to one item.
type Answer struct {
	Item       string
	Score      float64 // 0 to 1; a correct answer is 1, a wrong one 0
	GradedBy   Grader
	Points     []string      // ids of the rubric points met
	Response   string        // what was answered, as given
	Attempt    int           // 0 when not told
	Confidence int           // 1 to 5; 0 when not told
	Duration   time.Duration // 0 when not told
	Session    string
}

func (f *fields) answer(*Event) *Answer {
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

type answerWire struct {
	Item       string   `json:"item"`
	Score      float64  `json:"score"`
	GradedBy   Grader   `json:"graded_by,omitzero"`
	Points     []string `json:"points,omitempty"`
	Response   string   `json:"response,omitzero"`
	Attempt    int      `json:"attempt,omitzero"`
	Confidence int      `json:"confidence,omitzero"`
	DurationMS int64    `json:"duration_ms,omitzero"`
	Session    string   `json:"session,omitzero"`
}

func (a *Answer) wire() any {
	grader := a.GradedBy
	if grader == GradedByKey { // what an answer that names none counts as: one spelling for both
		grader = ""
	}
	return answerWire{a.Item, a.Score, grader, a.Points, a.Response, a.Attempt, a.Confidence, a.Duration.Milliseconds(), a.Session}
}
