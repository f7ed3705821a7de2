package recommend

import (
	"fmt"
	"io"
)

// Write prints a table a regime: every policy's gain, and how far ours is ahead.
func Write(out io.Writer, results []Result) {
	for i, r := range results {
		if i > 0 {
			fmt.Fprintln(out)
		}
		fmt.Fprintf(out, "%-17s  %15s  %17s\n", r.Regime.Name, "gain", "ours ahead by")
		for p, s := range r.Standings {
			ahead := ""
			if Policy(p) != Ours {
				ahead = fmt.Sprintf("  %+.4f ± %.4f", s.Ahead.Mean, s.Ahead.SE)
			}
			fmt.Fprintf(out, "  %-15s  %.4f ± %.4f%s\n", Policy(p), s.Gain.Mean, s.Gain.SE, ahead)
		}
	}
}

// Best returns, of the policies that don't know the truth and aren't ours, the one
// with the highest gain.
func (r *Result) Best() Policy {
	best := Random
	for p := range Oracle {
		if p != Ours && r.Standings[p].Gain.Mean > r.Standings[best].Gain.Mean {
			best = p
		}
	}
	return best
}
