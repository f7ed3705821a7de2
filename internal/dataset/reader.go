package dataset

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"strings"
	"time"
	"unicode/utf8"
)

// Options say how to read a file.
type Options struct {
	Columns  Columns
	TimeBase time.Time // rows without a time count their seconds from here; zero: DefaultTimeBase
	Keep     int       // problems to keep in full; 0: DefaultKeep
}

// DefaultTimeBase is where rows without a time begin.
var DefaultTimeBase = time.Date(2020, time.January, 1, 0, 0, 0, 0, time.UTC)

// DefaultKeep is how many problems are kept in full.
const DefaultKeep = 20

// Reader reads the rows of one file. It is not safe for concurrent use.
type Reader struct {
	records  records
	layout   layout
	base     time.Time
	keep     int
	file     io.Closer
	users    map[string]*user
	rows     int
	problems Problems
	err      error
}

// user is what the reader remembers of one.
type user struct {
	name  string
	rows  int
	clock clock
}

// Open opens a file and reads its header. The caller closes the Reader.
func Open(path string, opts Options) (*Reader, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("dataset: %w", err)
	}
	r, err := NewReader(f, opts)
	if err != nil {
		_ = f.Close() // nothing was written; the first error is the one to tell
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	r.file = f
	return r, nil
}

// NewReader reads the header from in. Errors about the columns wrap ErrColumns.
func NewReader(in io.Reader, opts Options) (*Reader, error) {
	r := &Reader{
		records: records{in: bufio.NewReaderSize(in, 64<<10)},
		base:    opts.TimeBase.UTC().Truncate(time.Microsecond),
		keep:    opts.Keep,
		users:   make(map[string]*user),
	}
	if opts.TimeBase.IsZero() {
		r.base = DefaultTimeBase
	}
	if r.keep == 0 {
		r.keep = DefaultKeep
	}
	header, err := r.header()
	if err != nil {
		return nil, fmt.Errorf("dataset: %w", err)
	}
	r.layout, err = opts.Columns.bind(header)
	if err != nil {
		return nil, fmt.Errorf("dataset: %w", err)
	}
	return r, nil
}

// header reads the first line, which also tells the separator.
func (r *Reader) header() ([]string, error) {
	first, err := r.records.line()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("the file is empty; it needs a header and a row for each answer")
	}
	if err != nil {
		return nil, fmt.Errorf("read the header: %w", err)
	}
	if strings.HasPrefix(first.text, "\xff\xfe") || strings.HasPrefix(first.text, "\xfe\xff") {
		return nil, errors.New("the file is UTF-16; save it as UTF-8")
	}
	if first.long || !utf8.ValidString(first.text) {
		return nil, errors.New("the first line is no header; it must name the columns in UTF-8, separated by tabs or commas")
	}
	first.text = strings.TrimPrefix(first.text, "\ufeff")
	r.records.tabs = strings.Contains(first.text, "\t")
	r.records.ahead = []line{first}
	fields, number, err := r.records.next()
	if err != nil || number != first.number {
		return nil, errors.New("the first line is no header; it must name the columns, separated by tabs or commas")
	}
	header := make([]string, len(fields))
	for i, name := range fields {
		header[i] = strings.TrimSpace(name)
	}
	return header, nil
}

// Rows yields the rows that can be used, in the order of the file. The row is
// valid until the next one. Check Err afterwards. A second call goes on where
// the first one stopped.
func (r *Reader) Rows() iter.Seq[*Row] {
	return func(yield func(*Row) bool) {
		var row Row
		for r.next(&row) {
			if !yield(&row) {
				return
			}
		}
	}
}

// next reads up to the next usable row; false at the end and on an error.
func (r *Reader) next(row *Row) bool {
	for r.err == nil {
		fields, number, err := r.records.next()
		if errors.Is(err, io.EOF) {
			return false
		}
		bad, isBad := errors.AsType[*badRecord](err)
		if err != nil && !isBad {
			r.err = fmt.Errorf("dataset: read after line %d: %w", r.records.count, err)
			return false
		}
		r.rows++
		*row = Row{Line: number, Number: r.rows, Skills: row.Skills}
		var problems []Problem
		if isBad {
			problems = []Problem{{Line: number, Message: bad.reason}}
		} else {
			problems = r.layout.fill(row, fields)
		}
		r.place(row)
		if len(problems) == 0 {
			return true
		}
		r.problems.Rows++
		for _, p := range problems {
			r.problems.note(p, r.keep)
		}
	}
	return false
}

// place counts the row among its user's and gives it its time.
func (r *Reader) place(row *Row) {
	if row.User == "" {
		return
	}
	u := r.users[row.User]
	if u == nil {
		u = &user{name: strings.Clone(row.User)}
		r.users[u.name] = u
	}
	u.rows++
	row.User, row.Nth = u.name, u.rows
	if row.Given.IsZero() {
		row.Time = r.base.Add(time.Duration(row.Number) * time.Second)
		return
	}
	row.Time = row.Given.Add(time.Duration(u.clock.rank(row.Given)) * time.Microsecond)
}

// Err returns the error that ended the reading early, if any.
func (r *Reader) Err() error { return r.err }

// Problems returns what was wrong with the rows read so far.
func (r *Reader) Problems() Problems { return r.problems }

// RowsRead returns the number of rows read so far, bad ones included.
func (r *Reader) RowsRead() int { return r.rows }

// BytesRead returns how far into the file the reading is: with the file's size,
// the share that is done.
func (r *Reader) BytesRead() int64 { return r.records.offset }

// Close closes the file that Open opened.
func (r *Reader) Close() error {
	if r.file == nil {
		return nil
	}
	if err := r.file.Close(); err != nil {
		return fmt.Errorf("dataset: %w", err)
	}
	return nil
}
