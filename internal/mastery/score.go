package mastery

import (
	"cmp"
	"math"
	"slices"
)

// Scored is a prediction and what came.
type Scored struct {
	P float64 // predicted chance of a right answer
	Y float64 // the answer's score, 0..1
}

// Scores say how good predictions were.
type Scores struct {
	N int
	// AUC is the chance that of a right and a wrong answer the right one had the
	// higher prediction, ties counting half; a partial score counts as right by
	// its part. NaN unless there are right and wrong ones.
	AUC     float64
	LogLoss float64 // mean of -(y·ln p + (1-y)·ln(1-p)), p clipped at 1e-6
	ECE     float64 // expected calibration error: see Bins
	RMSE    float64 // root of the mean squared residual
	Bins    []Bin
}

// Bin is a tenth of the predictions, in rising order: of N predictions bin j holds
// the ranks ⌊jN/10⌋ up to ⌊(j+1)N/10⌋. The ECE is the mean over the bins, each
// weighing as much as it holds, of how far the mean prediction is from the mean score.
type Bin struct {
	N                 int
	Predicted, Actual float64 // means
}

const (
	scoreBins = 10
	scoreClip = 1e-6
)

// Score scores predictions in any order; equal ones keep theirs. It sorts its
// argument by prediction.
func Score(list []Scored) Scores {
	s := Scores{N: len(list)}
	if s.N == 0 {
		s.AUC, s.LogLoss, s.ECE, s.RMSE = math.NaN(), math.NaN(), math.NaN(), math.NaN()
		return s
	}
	var loss, square float64
	for _, v := range list {
		p := max(scoreClip, min(1-scoreClip, v.P))
		loss -= float64(v.Y*log(p)) + float64((1-v.Y)*log(1-p))
		square += float64((v.Y - v.P) * (v.Y - v.P))
	}
	n := float64(s.N)
	s.LogLoss, s.RMSE = loss/n, math.Sqrt(square/n)
	slices.SortStableFunc(list, func(a, b Scored) int { return cmp.Compare(a.P, b.P) })
	s.AUC = auc(list)
	s.Bins = bins(list)
	for _, b := range s.Bins {
		s.ECE += float64(float64(b.N) * math.Abs(b.Predicted-b.Actual) / n)
	}
	return s
}

// auc takes predictions in rising order.
func auc(list []Scored) float64 {
	var right, wrong, ordered float64 // wrong: below the group of equal predictions at hand
	for i := 0; i < len(list); {
		var rightHere, wrongHere float64
		for p := list[i].P; i < len(list) && list[i].P == p; i++ {
			rightHere += list[i].Y
			wrongHere += 1 - list[i].Y
		}
		ordered += float64(rightHere * (wrong + wrongHere/2))
		right += rightHere
		wrong += wrongHere
	}
	if right == 0 || wrong == 0 {
		return math.NaN()
	}
	return ordered / right / wrong
}

func bins(list []Scored) []Bin {
	var made []Bin
	for j := range scoreBins {
		some := list[j*len(list)/scoreBins : (j+1)*len(list)/scoreBins]
		if len(some) == 0 {
			continue
		}
		b := Bin{N: len(some)}
		for _, v := range some {
			b.Predicted += v.P
			b.Actual += v.Y
		}
		b.Predicted /= float64(b.N)
		b.Actual /= float64(b.N)
		made = append(made, b)
	}
	return made
}
