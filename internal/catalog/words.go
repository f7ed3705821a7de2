package catalog

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode"
)

// slugLimit is the longest id. Ids stand in URLs, in events and in file names.
const slugLimit = 100

// isSlug reports whether id is lower-case words and digits joined by single hyphens.
func isSlug(id string) bool {
	if id == "" || len(id) > slugLimit {
		return false
	}
	hyphen := true // as before the first character: an id doesn't start with one
	for _, r := range id {
		switch {
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9':
			hyphen = false
		case r == '-' && !hyphen:
			hyphen = true
		default:
			return false
		}
	}
	return !hyphen
}

// Slug makes an id from any name, the same one every time. A name that is a
// slug already stays as it is; other names get a few digits of their hash, so
// that names which differ only in case or punctuation keep different ids.
func Slug(name string) string {
	if isSlug(name) {
		return name
	}
	var b strings.Builder
	for _, r := range strings.ToLower(name) {
		switch {
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
		if b.Len() >= slugLimit-9 {
			break
		}
	}
	sum := sha256.Sum256([]byte(name))
	return strings.TrimLeft(strings.TrimRight(b.String(), "-")+"-"+hex.EncodeToString(sum[:4]), "-")
}

// hint names the known word that unknown was probably meant to be, or else all of them.
func hint(unknown string, known []string) string {
	best, least := "", 3 // more than two slips is another word
	for _, k := range known {
		if n := slips(strings.ToLower(unknown), k, least); n < least {
			best, least = k, n
		}
	}
	switch {
	case best != "":
		return ": did you mean \"" + best + "\"?"
	case len(known) == 0:
		return ""
	case len(known) <= 20:
		return ": it is one of " + strings.Join(known, ", ")
	}
	return ""
}

// slips is the Levenshtein distance of a and b, or limit if it is not below.
func slips(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := diagonal
			if a[i-1] != b[j-1] {
				change++
			}
			diagonal, row[j] = row[j], min(change, row[j]+1, row[j-1]+1)
		}
	}
	return min(row[len(b)], limit)
}

// abridge cuts text to at most limit characters.
func abridge(text string, limit int) string {
	runes := []rune(text)
	if len(runes) <= limit {
		return text
	}
	return strings.TrimRight(string(runes[:limit-1]), " ") + "…"
}

// words splits text into lower-case words; apostrophes join, all other
// punctuation separates.
func words(text string) []string {
	text = strings.NewReplacer("'", "", "’", "").Replace(strings.ToLower(text))
	return strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}
