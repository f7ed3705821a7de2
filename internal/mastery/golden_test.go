package mastery

import (
	"bytes"
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"runtime"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

const goldenFile = "testdata/bits.golden"

// TestGoldenBits holds every bit of the arithmetic: functions, and a learner's
// numbers along 2,000 answers. A change of these bits changes the tables of every
// deployment on a rebuild; make one knowingly, with -update.
func TestGoldenBits(t *testing.T) {
	got := goldenBits(t)
	if *update {
		if err := os.WriteFile(goldenFile, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(goldenFile)
	if err != nil {
		t.Fatal(err)
	}
	gotLines, wantLines := bytes.Split(got, []byte("\n")), bytes.Split(want, []byte("\n"))
	for i := range min(len(gotLines), len(wantLines)) {
		if !bytes.Equal(gotLines[i], wantLines[i]) {
			t.Fatalf("line %d of %s:\n got %s\nwant %s", i+1, goldenFile, gotLines[i], wantLines[i])
		}
	}
	if len(gotLines) != len(wantLines) {
		t.Fatalf("%d lines, %s has %d", len(gotLines), goldenFile, len(wantLines))
	}
}

// TestGoldenBitsWithAndWithoutFMA runs the golden test in processes in which the
// runtime uses fused multiply-add and in which it doesn't.
func TestGoldenBitsWithAndWithoutFMA(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	settings := []string{""}
	if runtime.GOARCH == "amd64" {
		settings = append(settings, "cpu.fma=off", "cpu.avx2=off,cpu.fma=off")
	}
	for _, setting := range settings {
		cmd := exec.Command(self, "-test.run=^TestGoldenBits$", "-test.v")
		cmd.Env = append(os.Environ(), "GODEBUG="+setting)
		out, err := cmd.CombinedOutput()
		if err != nil || !bytes.Contains(out, []byte("--- PASS: TestGoldenBits")) {
			t.Errorf("with GODEBUG=%q: %v\n%s", setting, err, out)
		}
	}
}

func goldenBits(t *testing.T) []byte {
	var out bytes.Buffer
	line := func(label string, values ...float64) {
		fmt.Fprint(&out, label)
		for _, v := range values {
			fmt.Fprintf(&out, " %016x", math.Float64bits(v))
		}
		fmt.Fprintln(&out)
	}

	random := stream(2)
	for range 100 {
		x := 60*random.float() - 30
		y := exp(x)
		line("functions", x, exp(x), exp2(x), log(y), log1p(y), sigmoid(x), logit(sigmoid(x)), normalCDF(x))
	}

	m := must(Start(sampleCourse(25, 300)))(t)
	for i, b := range m.baseline {
		line(fmt.Sprintf("baseline %d", i), b)
	}
	s := m.NewState()
	for i, a := range sampleAnswers(3, 300, 2000) {
		st := m.Update(s, a)
		if i%20 == 0 {
			line(fmt.Sprintf("step %d", i), st.Z, st.V, st.P, st.R, st.H, st.D)
			line(fmt.Sprintf("learner %d", i), s.A, s.VA, s.Form)
		}
	}
	now := s.Last + 3600_000000
	for _, ts := range s.Topics() {
		k := int(ts.Topic)
		e, o := m.Mastery(s, k, now), ts.Observed(now)
		trend, weight := ts.Trend(now)
		line(fmt.Sprintf("topic %d", k), ts.S, ts.VS, ts.FirstRight, ts.Right, ts.Expected, ts.Weight, ts.TrendSum, ts.TrendWeight)
		line(fmt.Sprintf("report %d", k), o.Right, o.Expected, o.Answers, o.Effect, trend, weight)
		line(fmt.Sprintf("mastery %d", k), e.Mean, e.Low, e.High, e.PWeak, e.PWeakFresh, e.Zeta, e.SD, e.SharedSD)
	}
	return out.Bytes()
}
