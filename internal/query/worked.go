package query

import (
	"fmt"
	"strings"
)

// Worked writes the estimate out as a person would work it, line by line, with the
// numbers to four places: ζ, sd, and what follows from them.
func (w *WorkedNumbers) Worked(p *ModelNumbers) []string {
	b := p.Weights
	return []string{
		fmt.Sprintf("ζ = k·(B0 + a + s − D + B1·ln(1+n) + B2·ln(1+gap)) = %s·(%s + %s + %s − %s + %s·ln(1+%d) + %s·ln(1+%s)) = %s",
			places(w.K), places(b[0]), inSum(w.A), inSum(w.S), inSum(w.D), inSum(b[1]), w.N, inSum(b[2]), places(w.GapHours), places(w.Zeta)),
		fmt.Sprintf("sd = k·√(va + vs + vc) = %s·√(%s + %s + %s) = %s", places(w.K), places(w.VA), places(w.VS), places(w.VC), places(w.SD)),
		fmt.Sprintf("mastery = σ(ζ/√(1 + π·sd²/8)) = %s, 90%% interval σ(ζ ± 1.645·sd) = %s to %s",
			places(w.Mastery.Estimate), places(w.Mastery.Low), places(w.Mastery.High)),
		fmt.Sprintf("P(weak) = Φ((logit %v − ζ)/sd) = %s", p.WeakBelow, places(w.PWeak)),
	}
}

// featureNames say what the features of a step are, in the order of the weights.
var featureNames = [...]string{"", "practice ", "gap ", "right ", "wrong ", "form ", "new "}

// Worked writes one answer's step out likewise: the expectation, and what it moved.
func (s *StepNumbers) Worked(score float64) []string {
	features := make([]string, len(s.X))
	for i, x := range s.X {
		features[i] = featureNames[i] + places(x)
	}
	lines := []string{
		fmt.Sprintf("x = (%s)", strings.Join(features, ", ")),
		fmt.Sprintf("z = a − b + Σw(s−c) + B·x = %s, V = va + vb + Σw²(vs+vc) = %s", places(s.Z), places(s.V)),
		fmt.Sprintf("p = σ(z/√(1 + πV/8)) = %s, r = %s − p = %s", places(s.P), places(score), places(s.R)),
		fmt.Sprintf("h = q(1−q), q = σ(z): %s, d = 1 + hV = %s", places(s.H), places(s.D)),
		fmt.Sprintf("question: b %s, vb %s, right before %s, wrong before %s",
			places(s.Item.B), places(s.Item.VB), places(s.Item.Right), places(s.Item.Wrong)),
	}
	for _, tag := range s.Tags {
		gap := "first answer on it"
		if tag.GapHours != nil {
			gap = places(*tag.GapHours) + " h since the last"
		}
		lines = append(lines, fmt.Sprintf("%s: w %s, c %s, vc %s, n %d, %s; s %s → %s, vs %s → %s", tag.ID, places(tag.Weight), places(tag.C),
			places(tag.VC), tag.Before.N, gap, places(tag.Before.S), places(tag.After.S), places(tag.Before.VS), places(tag.After.VS)))
	}
	return append(lines, fmt.Sprintf("ability: a %s → %s, va %s → %s, form %s → %s", places(s.Before.A), places(s.After.A),
		places(s.Before.VA), places(s.After.VA), places(s.Before.Form), places(s.After.Form)))
}

// places writes a number to four places, without zeros that say nothing.
func places(x float64) string {
	text := strings.TrimRight(strings.TrimRight(fmt.Sprintf("%.4f", x), "0"), ".")
	if text == "-0" {
		text = "0"
	}
	return strings.Replace(text, "-", "−", 1)
}

// inSum puts a negative number into brackets.
func inSum(x float64) string {
	text := places(x)
	if strings.HasPrefix(text, "−") {
		return "(" + text + ")"
	}
	return text
}
