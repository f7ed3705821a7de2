package dataset

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestParseColumns(t *testing.T) {
	got, err := ParseColumns(" user = learner,item=question,correct=y,time=ts ")
	if want := (Columns{User: "learner", Item: "question", Time: "ts", Correct: "y"}); err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
	const form = "; write user=NAME,item=NAME,time=NAME,correct=NAME,skills=NAME (skills may be left out)"
	for _, test := range []struct{ spec, want string }{
		{"", "wrong columns: no column is given for user, item, time, correct" + form},
		{"user=u,correct=c", "wrong columns: no column is given for item, time" + form},
		{"user=u,user=v,what=w,time,correct=", `wrong columns: user is given twice; "what" is not one of user, item, time, correct, skills; "time" has no '='; correct names no column` + form},
	} {
		_, err := ParseColumns(test.spec)
		if !errors.Is(err, ErrColumns) || err.Error() != test.want {
			t.Errorf("%q:\n got %v\nwant %s", test.spec, err, test.want)
		}
	}
}

func TestBadHeader(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"empty", "", "dataset: the file is empty; it needs a header and a row for each answer"},
		{"blank", "\n1\t2\n", "dataset: the first line is no header; it must name the columns, separated by tabs or commas"},
		{"UTF-16", "\xff\xfeu\x00s\x00", "dataset: the file is UTF-16; save it as UTF-8"},
		{"binary", "\x1f\x8b\x08\x00\xff", "dataset: the first line is no header; it must name the columns in UTF-8, separated by tabs or commas"},
		{"quotes", "user,\"item,time\n", "dataset: the first line is no header; it must name the columns, separated by tabs or commas"},
		{"other names", "user,item,when,right,skills,skills\n", `dataset: wrong columns: the header has no column "time" for time, no column "correct" for correct, more than one column "skills" for skills; its columns are "user", "item", "when", "right", "skills", "skills"`},
		{"other separator", "user;item;time;correct;skills\n", `dataset: wrong columns: the header has no column "user" for user, no column "item" for item, no column "time" for time, no column "correct" for correct, no column "skills" for skills; its columns are "user;item;time;correct;skills"`},
	} {
		_, err := NewReader(strings.NewReader(test.text), Options{Columns: csvColumns})
		if err == nil || err.Error() != test.want {
			t.Errorf("%s:\n got %v\nwant %s", test.name, err, test.want)
		}
	}
}

// Each bad row stands between two good ones, which must be read all the same.
func TestBadRows(t *testing.T) {
	const (
		quotes = `line 3: the quotes don't match; put a field with commas or quotes into quotes and double the quotes inside it ("")`
		times  = "; write seconds since 1970, 0 if only the order is known, or RFC 3339 as in 2024-05-17T09:30:00Z"
		marks  = "; write 0, 1, true, false or a score between 0 and 1"
		utf8   = " is not valid UTF-8; save the file as UTF-8"
	)
	for _, test := range []struct {
		name, row string
		want      []string
	}{
		{"too few columns", "u,i,0", []string{"line 3: the row has 3 columns where the header has 5; complete it, or put a value that holds the separator into quotes (comma-separated files only)"}},
		{"too many columns", "u,i,0,1,s,t", []string{"line 3: the row has 6 columns where the header has 5; complete it, or put a value that holds the separator into quotes (comma-separated files only)"}},
		{"one column", "u", []string{"line 3: the row has 1 column where the header has 5; complete it, or put a value that holds the separator into quotes (comma-separated files only)"}},
		{"empty names", ",  ,0,1,s", []string{`line 3, column "user": is empty; write who or what it was`, `line 3, column "item": is empty; write who or what it was`}},
		{"long user", strings.Repeat("u", 129) + ",i,0,1,s", []string{`line 3, column "user": "` + strings.Repeat("u", 40) + `…" is longer than 128 bytes; use a shorter id`}},
		{"control character", "u\tv,i,0,1,s", []string{`line 3, column "user": "u\tv" holds a control character; take it out`}},
		{"year", "u,i,2300-01-01T00:00:00Z,1,s", []string{`line 3, column "time": "2300-01-01T00:00:00Z" is outside the years that events can hold` + times}},
		{"word as mark", "u,i,0,maybe,s", []string{`line 3, column "correct": "maybe" is no mark` + marks}},
		{"mark above 1", "u,i,0,2,s", []string{`line 3, column "correct": "2" is no mark` + marks}},
		{"negative mark", "u,i,0,-1,s", []string{`line 3, column "correct": "-1" is no mark` + marks}},
		{"NaN as mark", "u,i,0,NaN,s", []string{`line 3, column "correct": "NaN" is no mark` + marks}},
		{"no mark", "u,i,0,,s", []string{`line 3, column "correct": is empty` + marks}},
		{"word as time", "u,i,yesterday,1,s", []string{`line 3, column "time": "yesterday" is neither a number nor a date` + times}},
		{"local date", "u,i,2024-05-17 09:30,1,s", []string{`line 3, column "time": "2024-05-17 09:30" is neither a number nor a date` + times}},
		{"milliseconds", "u,i,1700000000000,1,s", []string{`line 3, column "time": "1700000000000" is too late to be seconds (milliseconds?)` + times}},
		{"negative time", "u,i,-3,1,s", []string{`line 3, column "time": "-3" is not a time after 1970` + times}},
		{"NaN as time", "u,i,nan,1,s", []string{`line 3, column "time": "nan" is not a time after 1970` + times}},
		{"no time", "u,i,,1,s", []string{`line 3, column "time": is empty` + times}},
		{"invalid UTF-8", "u\xff,i\xfe,0,1,\xfd", []string{`line 3, column "user": "u\xff"` + utf8, `line 3, column "item": "i\xfe"` + utf8, `line 3, column "skills": "\xfd"` + utf8}},
		{"everything", "u,,x,y,", []string{`line 3, column "item": is empty; write who or what it was`, `line 3, column "time": "x" is neither a number nor a date` + times, `line 3, column "correct": "y" is no mark` + marks}},
		{"bare quote", `u,i"x,0,1,s`, []string{quotes}},
		{"quote never closed", `u,"i,0,1,s`, []string{quotes}},
		{"text after a quote", `u,"i"x,0,1,s`, []string{quotes}},
		{"long value", "u,i,0," + strings.Repeat("é", 30) + ",s", []string{`line 3, column "correct": "` + strings.Repeat("é", 20) + `…" is no mark` + marks}},
		{"long line", "u,i,0,1," + strings.Repeat("s", maxLine), []string{"line 3: the line is longer than 1048576 bytes; split or shorten it"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := read(t, csvColumns, "user,item,time,correct,skills\nbefore,i,0,1,s\n"+test.row+"\nafter,i,0,1,s\n\"last\",i,0,1,s\n")
			check(t, r, []string{
				`2 1 before/1 i 2020-01-01T00:00:01Z 1 ["s"]`,
				`4 3 after/1 i 2020-01-01T00:00:03Z 1 ["s"]`,
				`5 4 last/1 i 2020-01-01T00:00:04Z 1 ["s"]`,
			})
			var got []string
			for _, p := range r.Problems().First {
				got = append(got, p.String())
			}
			if !slices.Equal(got, test.want) || r.Problems().Rows != 1 {
				t.Errorf("problems:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
		})
	}
}

func TestProblemsAreBounded(t *testing.T) {
	text := "user,item,time,correct,skills\n" + strings.Repeat("u,i,x,y,s\n", 1000) + "u,i,0,1,s\n"
	r, err := NewReader(strings.NewReader(text), Options{Columns: csvColumns, Keep: 3})
	if err != nil {
		t.Fatal(err)
	}
	if got := lines(r); len(got) != 1 {
		t.Errorf("rows %q, want one", got)
	}
	p := r.Problems()
	if p.Rows != 1000 || p.ByColumn["time"] != 1000 || p.ByColumn["correct"] != 1000 || len(p.First) != 3 {
		t.Errorf("problems %+v", p)
	}
}
