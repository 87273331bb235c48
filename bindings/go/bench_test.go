package ctxfit_test

import (
	"math"
	"os"
	"testing"
	"time"

	ctxfit "github.com/ctxfit/libctxfit/bindings/go"
	"github.com/ctxfit/libctxfit/bindings/go/internal/direct"
)

const benchModel, benchHardware, benchContext = "qwen3-8b", "rtx-4090 host:64GiB", 8192

func goPlans(t testing.TB, count int, options ...ctxfit.Option) {
	m := must(ctxfit.Catalog(benchModel, ctxfit.FileTypeQ4_K_M))(t)
	h := must(ctxfit.ParseHardware(benchHardware))(t)
	for i := 0; i < count; i++ {
		must(ctxfit.NewPlan(m, h, options...))(t).Close()
	}
}

func inC(t testing.TB, count int) {
	if err := direct.Plans(benchModel, benchHardware, benchContext, true, count); err != nil {
		t.Fatal(err)
	}
}

func BenchmarkPlan(b *testing.B) {
	b.ReportAllocs()
	goPlans(b, b.N, ctxfit.WithContext(benchContext))
}

func BenchmarkPlanInC(b *testing.B) {
	inC(b, b.N)
}

func BenchmarkPlanWithoutSearch(b *testing.B) {
	b.ReportAllocs()
	goPlans(b, b.N, ctxfit.WithContext(benchContext), ctxfit.WithoutSearch())
}

func BenchmarkPlanWithoutSearchInC(b *testing.B) {
	if err := direct.Plans(benchModel, benchHardware, benchContext, false, b.N); err != nil {
		b.Fatal(err)
	}
}

func BenchmarkCheck(b *testing.B) {
	p := plan(b, benchModel, benchHardware)
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; i < b.N; i++ {
		if _, err := p.Check(ctxfit.Request{Prompt: 8000, Output: 100, Deadline: time.Minute}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkJSON(b *testing.B) {
	p := plan(b, benchModel, benchHardware)
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; i < b.N; i++ {
		if _, err := p.JSON(); err != nil {
			b.Fatal(err)
		}
	}
}

// A plan through Go costs less than a microsecond over C's. Both are timed in turn, and the quickest round of each counts: whatever else
// the machine does only adds. Not a test of every run, because it is not what a race detector makes of it that is measured.
func TestCostOfThePlan(t *testing.T) {
	if os.Getenv("CTXFIT_MEASURE") == "" {
		t.Skip("CTXFIT_MEASURE is not set")
	}
	const rounds, count = 100, 500
	through, direct := time.Duration(math.MaxInt64), time.Duration(math.MaxInt64)
	quickest := func(best *time.Duration, plans func()) {
		start := time.Now()
		plans()
		if took := time.Since(start) / count; took < *best {
			*best = took
		}
	}
	for i := 0; i < rounds; i++ {
		quickest(&direct, func() { inC(t, count) })
		quickest(&through, func() { goPlans(t, count, ctxfit.WithContext(benchContext)) })
	}
	t.Logf("a plan takes %v in C and %v through Go, x%.2f", direct, through, float64(through)/float64(direct))
	if through-direct >= time.Microsecond {
		t.Errorf("a plan takes %v more through Go than in C, expected less than 1 µs", through-direct)
	}
}
