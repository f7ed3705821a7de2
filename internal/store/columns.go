package store

import (
	"strings"
	"time"

	"github.com/ClickHouse/ch-go/proto"

	"github.com/gapwise/gapwise/internal/project"
)

// A table holds the rows of one batch for one table, column by column. Its
// buffers are used again for the next batch.
type table struct {
	name   string
	input  proto.Input
	output proto.Results // the same columns, for reading
}

func (t *table) rows() int { return t.input[0].Data.Rows() }

func (t *table) reset() {
	for _, column := range t.input {
		if r, ok := column.Data.(proto.Resettable); ok {
			r.Reset()
		}
	}
}

// add names the next column and returns it.
func add[C proto.Column](t *table, name string, column C) C {
	t.input = append(t.input, proto.InputColumn{Name: name, Data: column})
	t.output = append(t.output, proto.ResultColumn{Name: name, Data: column})
	return column
}

func lowCardinality(t *table, name string) *proto.ColLowCardinality[string] {
	return add(t, name, new(proto.ColStr).LowCardinality())
}

func timestamps(t *table, name string) *proto.ColDateTime64 {
	return add(t, name, new(proto.ColDateTime64).WithPrecision(proto.PrecisionMicro).WithLocation(time.UTC))
}

func micros(t time.Time) proto.DateTime64 {
	if t.IsZero() {
		return 0
	}
	return proto.DateTime64(t.UnixMicro())
}

// fact holds the columns that all facts share, and those about learners.
type fact struct {
	generation *proto.ColUInt32
	seq        *proto.ColUInt64
	key        *proto.ColFixedStr16
	hmac       *proto.ColFixedStr16
	source     *proto.ColLowCardinality[string]
	time       *proto.ColDateTime64
	stored     *proto.ColDateTime64
	learner    *proto.ColStr // nil where facts are about no learner
}

// meta adds the columns of all facts to a table.
func meta(t *table) *fact {
	return &fact{
		generation: add(t, "generation", new(proto.ColUInt32)),
		seq:        add(t, "seq", new(proto.ColUInt64)),
		key:        add(t, "key", new(proto.ColFixedStr16)),
		hmac:       add(t, "learner_hmac", new(proto.ColFixedStr16)),
		source:     lowCardinality(t, "source"),
		time:       timestamps(t, "time"),
		stored:     timestamps(t, "stored"),
	}
}

// learnerMeta adds the columns of all facts about learners to a table.
func learnerMeta(t *table) *fact {
	f := meta(t)
	f.learner = add(t, "learner", new(proto.ColStr))
	return f
}

func (f *fact) append(generation uint32, m *project.Meta) {
	f.generation.Append(generation)
	f.seq.Append(m.Seq)
	f.key.Append(m.Key)
	f.hmac.Append(m.HMAC)
	f.source.Append(m.Source)
	f.time.AppendRaw(micros(m.Time))
	f.stored.AppendRaw(micros(m.Stored))
	if f.learner != nil {
		f.learner.Append(m.Learner)
	}
}

// quote writes a value as the server reads a parameter: a quoted string.
func quote(value string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(value) + "'"
}

// names lists the columns for a SELECT.
func (t *table) names() string {
	names := make([]string, len(t.input))
	for i, column := range t.input {
		names[i] = column.Name
	}
	return strings.Join(names, ", ")
}
