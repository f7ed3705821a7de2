package store

import (
	"time"

	"github.com/ClickHouse/ch-go/proto"

	"github.com/gapwise/gapwise/internal/project"
)

func answerTable(t *table) func(uint32, *project.Batch) {
	var (
		m          = learnerMeta(t)
		item       = lowCardinality(t, "item")
		score      = add(t, "score", new(proto.ColFloat64))
		gradedBy   = add(t, "graded_by", new(proto.ColEnum))
		points     = add(t, "points", proto.NewArray(new(proto.ColStr).LowCardinality()))
		response   = add(t, "response", new(proto.ColStr))
		attempt    = add(t, "attempt", new(proto.ColUInt32))
		confidence = add(t, "confidence", new(proto.ColUInt8))
		duration   = add(t, "duration_ms", new(proto.ColUInt32))
		session    = add(t, "session", new(proto.ColStr))
	)
	return func(generation uint32, b *project.Batch) {
		for i := range b.Answers {
			a := &b.Answers[i]
			m.append(generation, &a.Meta)
			item.Append(a.Item)
			score.Append(a.Score)
			gradedBy.Append(string(a.GradedBy))
			points.Append(a.Points)
			response.Append(a.Response)
			attempt.Append(uint32(a.Attempt))
			confidence.Append(uint8(a.Confidence))
			duration.Append(milliseconds(a.Duration))
			session.Append(a.Session)
		}
	}
}

func milliseconds(d time.Duration) uint32 {
	return uint32(d / time.Millisecond)
}

func voidTable(t *table) func(uint32, *project.Batch) {
	var (
		m      = learnerMeta(t)
		target = add(t, "target", new(proto.ColFixedStr16))
		reason = add(t, "reason", new(proto.ColStr))
	)
	return func(generation uint32, b *project.Batch) {
		for i := range b.Voids {
			v := &b.Voids[i]
			m.append(generation, &v.Meta)
			target.Append(v.Target)
			reason.Append(v.Reason)
		}
	}
}

func tickTable(t *table) func(uint32, *project.Batch) {
	var (
		m      = learnerMeta(t)
		item   = lowCardinality(t, "item")
		ticked = add(t, "ticked", new(proto.ColBool))
	)
	return func(generation uint32, b *project.Batch) {
		for i := range b.Ticks {
			m.append(generation, &b.Ticks[i].Meta)
			item.Append(b.Ticks[i].Item)
			ticked.Append(b.Ticks[i].Ticked)
		}
	}
}

func sessionTable(t *table) func(uint32, *project.Batch) {
	var (
		m       = learnerMeta(t)
		session = add(t, "session", new(proto.ColStr))
		chapter = lowCardinality(t, "chapter")
		started = add(t, "started", new(proto.ColBool))
		active  = add(t, "active_ms", new(proto.ColInt32))
	)
	return func(generation uint32, b *project.Batch) {
		for i := range b.Sessions {
			s := &b.Sessions[i]
			m.append(generation, &s.Meta)
			session.Append(s.Session.Session)
			chapter.Append(s.Chapter)
			started.Append(s.Started)
			if s.Active == nil {
				active.Append(-1)
			} else {
				active.Append(int32(s.Active.Milliseconds()))
			}
		}
	}
}

func membershipTable(t *table) func(uint32, *project.Batch) {
	var (
		m      = learnerMeta(t)
		cohort = lowCardinality(t, "cohort")
		joined = add(t, "joined", new(proto.ColBool))
		target = lowCardinality(t, "target")
	)
	return func(generation uint32, b *project.Batch) {
		for i := range b.Memberships {
			m.append(generation, &b.Memberships[i].Meta)
			cohort.Append(b.Memberships[i].Cohort)
			joined.Append(b.Memberships[i].Joined)
			target.Append(b.Memberships[i].Target)
		}
	}
}

func steeringTable(t *table) func(uint32, *project.Batch) {
	var (
		m      = learnerMeta(t)
		topic  = lowCardinality(t, "topic")
		action = add(t, "action", new(proto.ColEnum))
		until  = timestamps(t, "until")
		note   = add(t, "note", new(proto.ColStr))
	)
	return func(generation uint32, b *project.Batch) {
		for i := range b.Steerings {
			s := &b.Steerings[i]
			m.append(generation, &s.Meta)
			topic.Append(s.Topic)
			action.Append(string(s.Action))
			until.AppendRaw(micros(s.Until))
			note.Append(s.Note)
		}
	}
}

func publicationTable(t *table) func(uint32, *project.Batch) {
	var (
		m       = meta(t)
		course  = lowCardinality(t, "course")
		kind    = add(t, "kind", new(proto.ColEnum))
		version = add(t, "version", new(proto.ColStr))
		content = add(t, "content", new(proto.ColStr))
	)
	return func(generation uint32, b *project.Batch) {
		for i := range b.Publications {
			p := &b.Publications[i]
			m.append(generation, &p.Meta)
			course.Append(p.Learner)
			kind.Append(p.Kind)
			version.Append(p.Version)
			content.Append(p.Content)
		}
	}
}

func erasureTable(t *table) func(uint32, *project.Batch) {
	var (
		m         = meta(t)
		request   = add(t, "request", new(proto.ColStr))
		sequences = add(t, "sequences", new(proto.ColStr))
	)
	return func(generation uint32, b *project.Batch) {
		for i := range b.Erasures {
			m.append(generation, &b.Erasures[i].Meta)
			request.Append(b.Erasures[i].Request)
			sequences.Append(b.Erasures[i].Sequences.String())
		}
	}
}

func receiptTable(t *table) func(uint32, *project.Batch) {
	var (
		m         = meta(t)
		request   = add(t, "request", new(proto.ColStr))
		sequences = add(t, "sequences", new(proto.ColStr))
		rows      = add(t, "rows", new(proto.ColUInt64))
	)
	return func(generation uint32, b *project.Batch) {
		for i := range b.Receipts {
			r := &b.Receipts[i]
			m.append(generation, &r.Meta)
			request.Append(r.Request)
			sequences.Append(r.Sequences.String())
			rows.Append(uint64(r.Rows))
		}
	}
}

func deadLetterActionTable(t *table) func(uint32, *project.Batch) {
	var (
		m      = meta(t)
		target = add(t, "target", new(proto.ColUInt64))
		action = add(t, "action", new(proto.ColEnum))
		reason = add(t, "reason", new(proto.ColStr))
	)
	return func(generation uint32, b *project.Batch) {
		for i := range b.Actions {
			a := &b.Actions[i]
			m.append(generation, &a.Meta)
			target.Append(a.Target)
			action.Append(string(a.Action))
			reason.Append(a.Reason)
		}
	}
}

func deadLetterTable(t *table) func(uint32, *project.Batch) {
	var (
		gen     = add(t, "generation", new(proto.ColUInt32))
		seq     = add(t, "seq", new(proto.ColUInt64))
		reason  = lowCardinality(t, "reason")
		detail  = add(t, "detail", new(proto.ColStr))
		key     = add(t, "key", new(proto.ColFixedStr16))
		hmac    = add(t, "learner_hmac", new(proto.ColFixedStr16))
		subject = lowCardinality(t, "subject")
		stored  = timestamps(t, "stored")
		raw     = add(t, "raw", new(proto.ColStr))
	)
	return func(generation uint32, b *project.Batch) {
		for i := range b.DeadLetters {
			d := &b.DeadLetters[i]
			gen.Append(generation)
			seq.Append(d.Seq)
			reason.Append(d.Reason)
			detail.Append(d.Detail)
			key.Append(d.Key)
			hmac.Append(d.HMAC)
			subject.Append(d.Subject)
			stored.AppendRaw(micros(d.Stored))
			raw.AppendBytes(d.Raw)
		}
	}
}

// sequenceTable holds the columns of the commit marker.
type sequenceTable struct {
	fill func(generation uint32, rows []project.Sequence) *table
}

func newSequenceTable() sequenceTable {
	t := &table{name: "sequences"}
	var (
		gen     = add(t, "generation", new(proto.ColUInt32))
		seq     = add(t, "seq", new(proto.ColUInt64))
		key     = add(t, "key", new(proto.ColFixedStr16))
		content = add(t, "content", new(proto.ColFixedStr8))
		outcome = add(t, "outcome", new(proto.ColEnum))
		kind    = lowCardinality(t, "type")
		hmac    = add(t, "learner_hmac", new(proto.ColFixedStr16))
		stored  = timestamps(t, "stored")
	)
	return sequenceTable{fill: func(generation uint32, rows []project.Sequence) *table {
		t.reset()
		for i := range rows {
			s := &rows[i]
			gen.Append(generation)
			seq.Append(s.Seq)
			key.Append(s.Key)
			content.Append(s.Content)
			outcome.Append(string(s.Outcome))
			kind.Append(string(s.Type))
			hmac.Append(s.HMAC)
			stored.AppendRaw(micros(s.Stored))
		}
		return t
	}}
}
