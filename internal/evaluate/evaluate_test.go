package evaluate

import (
	"context"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/gapwise/gapwise/internal/dataset"
)

var columns = dataset.Columns{User: "user", Item: "item", Time: "ts", Correct: "correct", Skills: "skills"}

// setOf reads rows as a file would be read.
func setOf(t *testing.T, rows string) *Set {
	t.Helper()
	r, err := dataset.NewReader(strings.NewReader("user\titem\tts\tcorrect\tskills\n"+rows), dataset.Options{Columns: columns})
	if err != nil {
		t.Fatal(err)
	}
	data, err := r.Load()
	if err != nil || r.Problems().Rows > 0 {
		t.Fatal(err, r.Problems())
	}
	s, err := NewSet("made up", data)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// madeUp makes up learners with abilities and skills, and items with difficulties.
// With chance alone every answer is a toss.
func madeUp(t *testing.T, learners, answers int, chanceAlone bool) *Set {
	const topics, items = 6, 60
	random := rand.New(rand.NewPCG(1, 2))
	var difficulty [items]float64
	for i := range difficulty {
		difficulty[i] = random.NormFloat64()
	}
	var rows strings.Builder
	for u := range learners {
		ability, skill := random.NormFloat64(), [topics]float64{}
		for k := range skill {
			skill[k] = 0.6 * random.NormFloat64()
		}
		for i := range answers {
			item := random.IntN(items)
			p := 1 / (1 + math.Exp(-(0.4 + ability + skill[item%topics] - difficulty[item])))
			if chanceAlone {
				p = 0.6
			}
			right := 0
			if random.Float64() < p {
				right = 1
			}
			fmt.Fprintf(&rows, "u%d\ti%d\t%d\t%d\ts%d\n", u, item, 1600000000+3600*i+u, right, item%topics)
		}
	}
	return setOf(t, rows.String())
}

func TestFoldOf(t *testing.T) {
	for _, user := range []string{"", "a", "ada", "demo-001", "Ünal"} {
		h := fnv.New64a()
		h.Write([]byte(user))
		z := h.Sum64()
		z ^= z >> 30
		z *= 0xBF58476D1CE4E5B9
		z ^= z >> 27
		z *= 0x94D049BB133111EB
		z ^= z >> 31
		if want := int(z % 5); FoldOf(user) != want {
			t.Errorf("%q is in fold %d, want %d", user, FoldOf(user), want)
		}
	}
}

// TestSetOrder: learners are sorted by time, equal times as in the file; the stream
// by time, position and user.
func TestSetOrder(t *testing.T) {
	s := setOf(t, "b\tx\t20\t1\tp\nb\ty\t10\t0\tp;q\nb\tz\t10\t1\t\na\tx\t10\t1\tp\n")
	var items []string
	names := []string{"x", "y", "z"}
	for _, turn := range s.stream() {
		items = append(items, s.Users[turn.user]+names[turn.Item])
	}
	if want := []string{"ax", "by", "bz", "bx"}; !slices.Equal(items, want) {
		t.Errorf("stream %v, want %v", items, want)
	}
	if want := []string{"p", "q", "(no skill)"}; !slices.Equal(s.Skills, want) {
		t.Errorf("skills %v, want %v", s.Skills, want)
	}
	if tags := s.topics(1); len(tags) != 2 || tags[0].Weight != 0.5 {
		t.Errorf("item of two skills has tags %v", tags)
	}
}

func TestBands(t *testing.T) {
	for n, want := range map[int]int{0: 0, 1: 1, 2: 1, 3: 2, 5: 2, 6: 3, 10: 3, 11: 4, 1000: 4} {
		if got := bandOf(n); got != want {
			t.Errorf("%d answers are in band %d, want %d", n, got, want)
		}
	}
}

// TestOursIsAhead: where learners differ by ability and by topic and items by
// difficulty, our model is ahead of all others and sure to the right degree.
func TestOursIsAhead(t *testing.T) {
	s := madeUp(t, 150, 60, false)
	for mode, run := range modes {
		rows, err := run(t.Context(), s, nil)
		if err != nil {
			t.Fatal(err)
		}
		if rows[0].Name != Name || rows[0].N != 9000 || len(rows) != len(methods()) {
			t.Fatalf("%s: first of %d rows is %s with %d answers", mode, len(rows), rows[0].Name, rows[0].N)
		}
		for _, r := range rows[1:] {
			if r.AUC >= rows[0].AUC || r.LogLoss <= rows[0].LogLoss {
				t.Errorf("%s: %s reached AUC %.4f, log loss %.4f; ours %.4f, %.4f", mode, r.Name, r.AUC, r.LogLoss, rows[0].AUC, rows[0].LogLoss)
			}
		}
		if rows[0].ECE > 0.02 {
			t.Errorf("%s: ECE %.4f", mode, rows[0].ECE)
		}
		sum := 0
		for _, band := range rows[0].ByAnswers {
			sum += band.N
		}
		if sum != rows[0].N {
			t.Errorf("%s: bands hold %d answers of %d", mode, sum, rows[0].N)
		}
	}
}

// TestNobodyPredictsChance: where answers are tosses, no model does better than
// chance in any mode. One that saw an answer before it predicted it would.
func TestNobodyPredictsChance(t *testing.T) {
	s := madeUp(t, 100, 60, true)
	for mode, run := range modes {
		rows, err := run(t.Context(), s, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			if math.Abs(r.AUC-0.5) > 0.025 { // a standard error is .008
				t.Errorf("%s: %s predicts tosses with AUC %.4f", mode, r.Name, r.AUC)
			}
		}
	}
}

var modes = map[string]func(ctx context.Context, s *Set, tell Progress) ([]Row, error){"split": Split, "prequential": Prequential}

// TestCoresDontMatter: any number of cores gives the same numbers.
func TestCoresDontMatter(t *testing.T) {
	s := madeUp(t, 30, 30, false)
	run := func(cores int) (lines []string) {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(cores))
		rows, err := Split(t.Context(), s, nil)
		if err != nil {
			t.Fatal(err)
		}
		weak, err := WeakCheck(t.Context(), s, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			r.Seconds = 0
			lines = append(lines, fmt.Sprint(r)) // as text NaN equals NaN
		}
		for _, r := range weak {
			if r.Cohort != nil {
				lines = append(lines, fmt.Sprint(*r.Cohort))
			}
			r.Cohort = nil
			lines = append(lines, fmt.Sprint(r))
		}
		return lines
	}
	one, four := run(1), run(4)
	for i := range one {
		if one[i] != four[i] {
			t.Errorf("with one core and with four line %d differs: %.60s", i, one[i])
		}
	}
}

// TestWeakCheck counts the cases in another way, and holds the intervals to answers
// that follow the model's assumptions.
func TestWeakCheck(t *testing.T) {
	s := madeUp(t, 250, 80, false)
	rows, err := WeakCheck(t.Context(), s, nil)
	if err != nil {
		t.Fatal(err)
	}
	cases, weak := 0, 0
	for _, answers := range s.learners {
		for k := range s.Course.Topics {
			before, right, came := 0, 0.0, 0.0
			for i, a := range answers {
				switch {
				case s.topics(a.Item)[0].Topic != k:
				case i < len(answers)/2:
					before++
				default:
					if came < 10 {
						right += a.Score
					}
					came++
				}
			}
			if before > 0 && came >= 5 {
				cases++
				if right/min(came, 10) < 0.6 {
					weak++
				}
			}
		}
	}
	ours := rows[0]
	if ours.N != cases || math.Abs(ours.Weak-float64(weak)/float64(cases)) > 1e-12 {
		t.Errorf("%d cases, %.4f weak; counted %d, %.4f", ours.N, ours.Weak, cases, float64(weak)/float64(cases))
	}
	for _, r := range rows[1:] {
		if r.AUC > ours.AUC {
			t.Errorf("%s tells weak topics with AUC %.4f, ours %.4f", r.Name, r.AUC, ours.AUC)
		}
	}
	for _, c := range ours.Cover {
		if c.N > 200 && (c.Share < 0.85 || c.Share > 0.95) {
			t.Errorf("from %d answers on, the 90%% interval covers %.3f of %d", c.From, c.Share, c.N)
		}
	}
	if c := ours.Cohort; c.Topics != 6 || c.Cover < 0.85 || c.Unseen.Cover < 0.85 || c.Error > 0.1 {
		t.Errorf("cohort %+v", c)
	}
}

// TestEMFindsParameters: the EM of knowledge tracing finds what made the answers.
func TestEMFindsParameters(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	truth := bktParameters{known: 0.3, learn: 0.15, guess: 0.2, slip: 0.1}
	sequences := map[int][]float64{}
	for u := range 2000 {
		knows := random.Float64() < truth.known
		for range 12 {
			p := truth.guess
			if knows {
				p = 1 - truth.slip
			}
			y := 0.0
			if random.Float64() < p {
				y = 1
			}
			sequences[u] = append(sequences[u], y)
			knows = knows || random.Float64() < truth.learn
		}
	}
	at, users := bktStart, sortedKeys(sequences)
	for range 60 {
		at = expectMaximise(at, sequences, users)
	}
	found, want := reflect.ValueOf(at), reflect.ValueOf(truth)
	for i := range found.NumField() {
		if math.Abs(found.Field(i).Float()-want.Field(i).Float()) > 0.04 {
			t.Errorf("found %+v, want %+v", at, truth)
			break
		}
	}
}

// TestRegressionFindsWeights: the regression's optimum has no gradient left.
func TestRegressionFindsWeights(t *testing.T) {
	s := madeUp(t, 60, 40, false)
	l := newRegression(s, pfaFeatures(s))
	if err := l.fit(s.others(0)); err != nil {
		t.Fatal(err)
	}
	gradient := make([]float64, l.size)
	for _, answers := range s.others(0) {
		h := l.users.fresh()
		for _, a := range answers {
			row := l.row(nil, h, a.Item, s.topics(a.Item))
			for _, f := range row {
				gradient[f.at] += (logistic(l.logit(row)) - a.Score) * f.value
			}
			h.add(s, a)
		}
	}
	for i, g := range gradient {
		if math.Abs(g+l.weights[i]) > 1 {
			t.Errorf("weight %d is %.3f with a gradient of %.3f left", i, l.weights[i], g+l.weights[i])
		}
	}
}

// TestProgress: the share told rises to 1.
func TestProgress(t *testing.T) {
	s, last, told := madeUp(t, 10, 10, false), 0.0, 0
	if _, err := Split(t.Context(), s, func(_ string, done float64) {
		if done <= last {
			t.Errorf("%v after %v", done, last)
		}
		last, told = done, told+1
	}); err != nil {
		t.Fatal(err)
	}
	if last != 1 || told != Folds*len(methods()) {
		t.Errorf("told %d times, at last %v", told, last)
	}
}

func TestNoAnswers(t *testing.T) {
	if _, err := NewSet("empty", &dataset.Set{}); err == nil {
		t.Error("a set without answers is taken")
	}
}
