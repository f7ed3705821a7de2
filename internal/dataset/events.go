package dataset

import (
	"crypto/sha256"
	"encoding/hex"
	"iter"
	"strconv"

	"github.com/gapwise/gapwise/internal/catalog"
	"github.com/gapwise/gapwise/internal/event"
)

// EventID returns the id of the answer in a user's nth row (from 1): the first
// 16 bytes of SHA-256(source, 0x00, user, 0x00, nth in decimal) in lower-case
// hexadecimal.
func EventID(source, user string, nth int) string {
	text := make([]byte, 0, 128)
	text = append(text, source...)
	text = append(text, 0)
	text = append(text, user...)
	text = append(text, 0)
	text = strconv.AppendInt(text, int64(nth), 10)
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}

// Event returns the row as a study event of the source: an answer graded by key,
// to the item that catalog.Derive makes of the row's. It is ready for
// event.Encode; its key and content are not filled in.
func (row *Row) Event(source string) *event.Event {
	return &event.Event{
		Source:  source,
		ID:      EventID(source, row.User, row.Nth),
		Subject: row.User,
		Type:    event.AnswerSubmitted,
		Time:    row.Time,
		Data:    &event.Answer{Item: catalog.Slug(row.Item), Score: row.Score, GradedBy: event.GradedByKey},
	}
}

// Events yields the remaining rows as events of the source, in the order of the
// file. Check Err afterwards.
func (r *Reader) Events(source string) iter.Seq[*event.Event] {
	return func(yield func(*event.Event) bool) {
		for row := range r.Rows() {
			if !yield(row.Event(source)) {
				return
			}
		}
	}
}
