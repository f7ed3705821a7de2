package dataset

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gapwise/gapwise/internal/event"
)

// FuzzReader holds that any file is read to its end, that every row that comes
// out makes a valid event, and that every line is accounted for.
func FuzzReader(f *testing.F) {
	const header = "user,item,time,correct,skills"
	for _, rows := range []string{
		"u,i,0,1,a;b\n", "u,\"i,j\",1700000000.5,0.25,\r\nu,\"i\n\nj\",0,1,s", "u,\"i,0,1,s\n\n\n\"\",,\n", "\xff,\x00,1e300,-0,;;",
		"u,i,0001-01-01T00:00:00+23:59,true,x\nu,i,9999-12-31T23:59:59.9999999Z,FALSE,y\n",
	} {
		f.Add(header, rows)
		f.Add(strings.ReplaceAll(header, ",", "\t"), strings.ReplaceAll(rows, ",", "\t"))
	}
	f.Fuzz(func(t *testing.T, header, rows string) {
		r, err := NewReader(strings.NewReader(header+"\n"+rows), Options{Columns: csvColumns, Keep: 1 << 20})
		if err != nil {
			return
		}
		good, last := 0, 0
		for row := range r.Rows() {
			good++
			if row.User == "" || row.Item == "" || !utf8.ValidString(row.User+row.Item) || row.Nth < 1 || !(row.Score >= 0 && row.Score <= 1) {
				t.Errorf("row %+v", row)
			}
			raw, err := event.Encode(row.Event("fuzz"))
			if err != nil {
				t.Fatalf("row %+v: %v", row, err)
			}
			if _, err := event.Decode(raw); err != nil {
				t.Fatalf("row %+v: %v", row, err)
			}
			if row.Line <= last {
				t.Errorf("line %d after line %d", row.Line, last)
			}
			last = row.Line
		}
		if r.Err() != nil || good+r.Problems().Rows != r.RowsRead() || r.BytesRead() != int64(len(header)+1+len(rows)) {
			t.Errorf("%d rows read, %d good, %d bad, %d bytes, %v", r.RowsRead(), good, r.Problems().Rows, r.BytesRead(), r.Err())
		}
	})
}
