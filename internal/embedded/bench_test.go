package embedded_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gapwise/gapwise/internal/embedded"
)

// What docs/engine.md says about an idle machine: go test -bench . -run ^$ ./internal/embedded

func BenchmarkClickHouseStart(b *testing.B) {
	dir := b.TempDir()
	var ready, stop time.Duration
	var resident float64
	for range b.N {
		begin := time.Now()
		c, err := embedded.StartClickHouse(b.Context(), embedded.ClickHouseConfig{Dir: dir, Logger: quiet()})
		if err != nil {
			b.Fatal(err)
		}
		ready += time.Since(begin)
		resident += residentMiB(b, c.PID())
		begin = time.Now()
		if err := c.Close(context.Background()); err != nil {
			b.Fatal(err)
		}
		stop += time.Since(begin)
	}
	report(b, ready, stop)
	b.ReportMetric(resident/float64(b.N), "MiB-resident")
}

func BenchmarkNATSStart(b *testing.B) {
	var ready, stop time.Duration
	before := residentMiB(b, os.Getpid())
	var after float64
	for i := range b.N {
		dir := filepath.Join(b.TempDir(), fmt.Sprint(i))
		begin := time.Now()
		n, err := embedded.StartNATS(b.Context(), embedded.NATSConfig{Dir: dir, Listen: "127.0.0.1:0", Logger: quiet()})
		if err != nil {
			b.Fatal(err)
		}
		ready += time.Since(begin)
		after = residentMiB(b, os.Getpid())
		begin = time.Now()
		if err := n.Close(context.Background()); err != nil {
			b.Fatal(err)
		}
		stop += time.Since(begin)
	}
	report(b, ready, stop)
	b.ReportMetric(after-before, "MiB-resident-more")
}

func report(b *testing.B, ready, stop time.Duration) {
	b.Helper()
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(ready.Seconds()*1000/float64(b.N), "ms-to-ready")
	b.ReportMetric(stop.Seconds()*1000/float64(b.N), "ms-to-stop")
}

func residentMiB(b *testing.B, pid int) float64 {
	b.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	var kib float64
	if _, err := fmt.Sscanf(rest, "%f kB", &kib); err != nil {
		b.Fatal(err)
	}
	return kib / 1024
}
