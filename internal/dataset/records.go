package dataset

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
)

const (
	// maxLine bounds the memory that one line can take.
	maxLine = 1 << 20
	// maxQuotedLines is how far a quoted field may run on. It bounds how much is
	// read ahead when a quote is never closed.
	maxQuotedLines = 200
)

// line is one physical line without its end.
type line struct {
	number int
	text   string
	long   bool // longer than maxLine; text is empty
}

// records splits a file into rows of fields.
type records struct {
	in     *bufio.Reader
	tabs   bool
	count  int    // lines read
	offset int64  // bytes read
	buf    []byte // of the line being read
	ahead  []line // read ahead and given back
	fields []string
}

// badRecord tells why one record can't be split; the next one can be read.
type badRecord struct{ reason string }

func (b *badRecord) Error() string { return b.reason }

// next returns the fields of the next row that isn't blank and the number of
// its first line. The slice is valid until the next call. The error is io.EOF
// at the end, a *badRecord for this record alone, or the reader's.
func (r *records) next() ([]string, int, error) {
	for {
		l, err := r.line()
		switch {
		case err != nil:
			return nil, 0, err
		case l.long:
			return nil, l.number, &badRecord{fmt.Sprintf("the line is longer than %d bytes; split or shorten it", maxLine)}
		case strings.TrimSpace(l.text) == "":
			continue
		case r.tabs:
			r.split(l.text, '\t')
			return r.fields, l.number, nil
		case !strings.Contains(l.text, `"`):
			r.split(l.text, ',')
			return r.fields, l.number, nil
		}
		fields, err := r.quoted(l)
		return fields, l.number, err
	}
}

// split cuts text into r.fields.
func (r *records) split(text string, separator byte) {
	r.fields = r.fields[:0]
	for {
		i := strings.IndexByte(text, separator)
		if i < 0 {
			r.fields = append(r.fields, text)
			return
		}
		r.fields = append(r.fields, text[:i])
		text = text[i+1:]
	}
}

// quoted splits a record with quotes that begins with line first. A quoted field
// may run on over several lines; if that makes no record, the lines after the
// first are given back, so that a stray quote costs its own line alone.
func (r *records) quoted(first line) ([]string, error) {
	text, quotes := first.text, strings.Count(first.text, `"`)
	var taken []line
	for quotes%2 == 1 && len(taken) < maxQuotedLines && len(text) <= maxLine {
		l, err := r.line()
		if err != nil {
			break // the next call meets it again
		}
		taken = append(taken, l)
		if l.long {
			break
		}
		text += "\n" + l.text
		quotes += strings.Count(l.text, `"`)
	}
	fields, err := parseQuoted(text)
	if err != nil {
		r.ahead = append(taken, r.ahead...)
		return nil, &badRecord{`the quotes don't match; put a field with commas or quotes into quotes and double the quotes inside it ("")`}
	}
	return fields, nil
}

func parseQuoted(text string) ([]string, error) {
	in := csv.NewReader(strings.NewReader(text))
	in.FieldsPerRecord = -1
	return in.Read()
}

// line reads the next line, or takes one that was given back.
func (r *records) line() (line, error) {
	if len(r.ahead) > 0 {
		l := r.ahead[0]
		r.ahead = r.ahead[1:]
		return l, nil
	}
	r.buf = r.buf[:0]
	size := 0
	for {
		part, err := r.in.ReadSlice('\n')
		size += len(part)
		if size <= maxLine {
			r.buf = append(r.buf, part...)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil && (!errors.Is(err, io.EOF) || size == 0) {
			return line{}, err
		}
		break
	}
	r.count++
	r.offset += int64(size)
	if size > maxLine {
		return line{number: r.count, long: true}, nil
	}
	text := strings.TrimSuffix(strings.TrimSuffix(string(r.buf), "\n"), "\r")
	return line{number: r.count, text: text}, nil
}
