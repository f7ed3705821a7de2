package mastery

import (
	"math"
	"testing"
)

func TestScore(t *testing.T) {
	s := Score([]Scored{{.9, 1}, {.2, 0}, {.6, 0}, {.6, 1}, {.1, 0}})
	// Right: .9, .6; wrong: .2, .6, .1. Pairs: .9 above all three, .6 above two, one tie.
	if s.N != 5 || !near(s.AUC, 5.5/6) {
		t.Errorf("AUC %v, want %v", s.AUC, 5.5/6)
	}
	if want := -(math.Log(.9) + math.Log(.8) + math.Log(.4) + math.Log(.6) + math.Log(.9)) / 5; !near(s.LogLoss, want) {
		t.Errorf("log loss %v, want %v", s.LogLoss, want)
	}
	if want := math.Sqrt((.01 + .04 + .36 + .16 + .01) / 5); !near(s.RMSE, want) {
		t.Errorf("RMSE %v, want %v", s.RMSE, want)
	}
	if want := (.1 + .2 + .6 + .4 + .1) / 5; !near(s.ECE, want) { // each in a bin of its own
		t.Errorf("ECE %v, want %v", s.ECE, want)
	}
}

// TestScoreOfPartialScores: half a point is half a right and half a wrong answer.
func TestScoreOfPartialScores(t *testing.T) {
	if s := Score([]Scored{{.7, .5}, {.3, .5}}); !near(s.AUC, .5) || !near(s.ECE, .2) {
		t.Errorf("%+v", s)
	}
}

func TestScoreOfCertainties(t *testing.T) {
	if s := Score([]Scored{{0, 1}, {1, 0}}); math.Abs(s.LogLoss+math.Log(1e-6)) > 1e-9 || s.AUC != 0 {
		t.Errorf("%+v", s)
	}
}

func TestScoreOfNothing(t *testing.T) {
	if s := Score(nil); s.N != 0 || !math.IsNaN(s.AUC) || !math.IsNaN(s.ECE) {
		t.Errorf("%+v", s)
	}
	if s := Score([]Scored{{.5, 1}}); !math.IsNaN(s.AUC) || !near(s.ECE, .5) {
		t.Errorf("%+v", s)
	}
}

// TestScoreBins: ranks are parted evenly, ties stay in order.
func TestScoreBins(t *testing.T) {
	var list []Scored
	for i := range 25 {
		list = append(list, Scored{P: float64(i) / 25, Y: float64(i % 2)})
	}
	s := Score(list)
	total := 0
	for j, b := range s.Bins {
		if want := (j+1)*25/10 - j*25/10; b.N != want {
			t.Errorf("bin %d holds %d, want %d", j, b.N, want)
		}
		total += b.N
	}
	if total != 25 {
		t.Errorf("bins hold %d", total)
	}
}
