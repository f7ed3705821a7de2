package catalog

import (
	"hash/maphash"
	"io"
	"strings"
)

// shared is how many words in a row make a sentence somebody else's.
const shared = 8

// against reports what the course shares with a text, word for word.
func (l *linter) against(text io.Reader) {
	content, err := io.ReadAll(text)
	if err != nil {
		l.errorf(position{}, "the text to compare with can't be read: %v", err)
		return
	}
	seed := maphash.MakeSeed()
	runs := make(map[uint64]struct{})
	for run := range wordRuns(string(content)) {
		runs[maphash.String(seed, run)] = struct{}{}
	}
	check := func(at position, what, own string) {
		for run := range wordRuns(own) {
			if _, ok := runs[maphash.String(seed, run)]; ok {
				l.errorf(at, "%s shares %d words in a row with the text: %q; say it in other words", what, shared, run)
				return
			}
		}
	}
	check(position{}, "the course", l.Title)
	for _, c := range l.Concerns {
		at := l.where("concern", c.ID)
		check(at, "concern "+c.ID, c.Title)
		check(at, "concern "+c.ID, c.Summary)
	}
	for _, c := range l.Chapters {
		at := l.where("chapter", c.ID)
		check(at, "chapter "+c.ID, c.Title)
		check(at, "chapter "+c.ID, c.Note)
	}
	for _, s := range l.Sections {
		check(l.where("section", s.ID), "section "+s.ID, s.Title)
	}
	for i := range l.Items {
		it := &l.Items[i]
		for _, own := range it.texts() {
			check(l.where("item", it.ID), "item "+it.ID, own)
		}
	}
}

// texts returns everything that the item says.
func (it *Item) texts() []string {
	texts := append([]string{it.Prompt, it.Tests}, it.Pitfalls...)
	for _, p := range it.Points {
		texts = append(texts, p.Text)
	}
	for _, c := range it.Choices {
		texts = append(texts, c.Text, c.Misconception)
	}
	return texts
}

// wordRuns yields every run of words of text that is long enough to count.
func wordRuns(text string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		all := words(text)
		for i := 0; i+shared <= len(all); i++ {
			if !yield(strings.Join(all[i:i+shared], " ")) {
				return
			}
		}
	}
}
