package query

import (
	"fmt"
	"strconv"
)

// rowDifferences lists what differs between ledgers, tables, catalogs and models.
func (r *Comparison) rowDifferences() []Difference {
	list := []Difference{}
	from, to := r.Ledger.From, r.Ledger.To
	for _, count := range []struct {
		name     string
		from, to uint64
	}{
		{"rows", from.Rows, to.Rows}, {"duplicates", from.Duplicates, to.Duplicates}, {"dead_letters", from.DeadLetters, to.DeadLetters},
		{"conflicts", from.Conflicts, to.Conflicts}, {"erased", from.Erased, to.Erased}, {"missing", from.Missing, to.Missing},
	} {
		if count.from != count.to {
			list = append(list, Difference{
				What: LedgerDiffers, Name: count.name, From: strconv.FormatUint(count.from, 10), To: strconv.FormatUint(count.to, 10),
				Text: fmt.Sprintf("%s in the ledger: %d instead of %d", ledgerWords[count.name], count.to, count.from),
			})
		}
	}
	if from.Checksum != to.Checksum {
		list = append(list, Difference{
			What: LedgerDiffers, Name: "checksum", From: from.Checksum, To: to.Checksum, Text: "other events are facts: the sum of their keys differs",
		})
	}
	for i := range r.Tables {
		if t := &r.Tables[i]; !t.Equal {
			list = append(list, Difference{
				What: TableDiffers, Name: t.Table, From: strconv.FormatUint(t.From.Rows, 10), To: strconv.FormatUint(t.To.Rows, 10),
				Count: t.Differing, Text: t.text(),
			})
		}
	}
	if r.From.Catalog != r.To.Catalog {
		list = append(list, Difference{
			What: CatalogDiffers, From: r.From.Catalog, To: r.To.Catalog,
			Text: fmt.Sprintf("catalog %s in place of %s", r.To.Catalog, r.From.Catalog),
		})
	}
	if r.From.Model != r.To.Model {
		list = append(list, Difference{
			What: ModelDiffers, From: r.From.Model, To: r.To.Model, Text: fmt.Sprintf("model %s in place of %s", r.To.Model, r.From.Model),
		})
	}
	return list
}

// ledgerWords spell the ledger's counts for people.
var ledgerWords = map[string]string{
	"rows": "facts", "duplicates": "repeats", "dead_letters": "dead letters", "conflicts": "conflicts",
	"erased": "erased messages", "missing": "missing messages",
}

// text says how a table differs.
func (t *TableComparison) text() string {
	what := fmt.Sprintf("%d rows of %s differ", t.Differing, t.Table)
	if t.Differing == 1 {
		what = "1 row of " + t.Table + " differs"
	}
	if t.Part == PartPlaces {
		what = fmt.Sprintf("%d snapshots of %s lie elsewhere or are missing", t.Differing, t.Table)
	}
	return fmt.Sprintf("%s, the first at sequence %d", what, t.First)
}

// differences lists what differs for people.
func (c *StateChanges) differences() []Difference {
	var list []Difference
	if c.Affected > 0 {
		text := fmt.Sprintf("%d of %d learners read another word", c.Affected, c.Learners)
		if c.Affected == 1 {
			text = fmt.Sprintf("1 of %d learners reads another word", c.Learners)
		}
		list = append(list, Difference{What: LearnersDiffer, Count: uint64(c.Affected), Text: text})
	}
	words := 0
	for i := range c.Cohorts {
		if c.Cohorts[i].Words > 0 {
			words++
		}
	}
	if words > 0 {
		text := fmt.Sprintf("%d of %d cohorts have a topic with another word", words, len(c.Cohorts))
		if words == 1 {
			text = fmt.Sprintf("1 of %d cohorts has a topic with another word", len(c.Cohorts))
		}
		list = append(list, Difference{What: CohortsDiffer, Count: uint64(words), Text: text})
	}
	return list
}
