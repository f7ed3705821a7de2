package main

import (
	"context"
	"fmt"
	"runtime"

	"github.com/gapwise/gapwise/internal/recommend"
)

// recommend lets simulated learners study by the recommended topics and by other
// policies. No process is started: the policy and the model are arithmetic.
func (b *benchRun) recommend(ctx context.Context) ([]benchRow, error) {
	var p *progress
	p = newProgress(b.terminal.err, "learners", func() float64 { return float64(p.done) / float64(b.learners) })
	results, err := recommend.Run(ctx, recommend.Config{
		Seed: 1, Learners: b.learners, Workers: runtime.GOMAXPROCS(0), Done: p.add,
	})
	p.end()
	if err != nil {
		return nil, err
	}
	rows := make([]benchRow, len(results))
	for i := range results {
		rows[i] = recommendRow(&results[i])
	}
	fmt.Fprintf(&b.details, "\nImportance-weighted knowledge of %d learners at the exam, gained over no study, ± standard error:\n\n", b.learners)
	recommend.Write(&b.details, results)
	return rows, nil
}

// recommendRow compares with the oracle and with the best of the other policies.
func recommendRow(r *recommend.Result) benchRow {
	gain := func(p recommend.Policy) float64 { return r.Standings[p].Gain.Mean }
	limit, peer, ours := gain(recommend.Oracle), gain(r.Best()), gain(recommend.Ours)
	ratio := ours / limit
	return benchRow{
		Name: fmt.Sprintf("next topics, %s, peer %s", r.Regime.Name, r.Best()),
		Unit: "gain", Limit: &limit, Peer: &peer, Ours: ours, Ratio: &ratio,
	}
}
