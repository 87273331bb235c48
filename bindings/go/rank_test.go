package ctxfit_test

import (
	"errors"
	"testing"

	"github.com/ctxfit/libctxfit/bindings/go"
)

func TestListings(t *testing.T) {
	h, err := ctxfit.ParseHardware("rtx-4090 host:64GiB")
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	q4, err := ctxfit.ParseFileType("Q4_K_M")
	if err != nil {
		t.Fatal(err)
	}
	models, err := ctxfit.RankModels(h, q4, q4, ctxfit.WithContext(32768))
	if err != nil || len(models) < 100 {
		t.Fatal(err, len(models))
	}
	for i := 1; i < len(models); i++ {
		if models[i].Fit == models[i-1].Fit && models[i].Parameters > models[i-1].Parameters {
			t.Error(models[i-1], models[i])
		}
	}
	m, err := ctxfit.Catalog("qwen3-coder:30b", q4)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	machines, err := ctxfit.RankMachines(m, ctxfit.HardwareFilter{Vendor: "apple", Machines: ctxfit.MachineOnly, PriceMostUSD: 5000})
	if err != nil || len(machines) == 0 {
		t.Fatal(err, machines)
	}
	for i := 1; i < len(machines); i++ {
		if machines[i].PriceUSD < machines[i-1].PriceUSD || machines[i].PriceUSD > 5000 {
			t.Error(machines[i-1], machines[i])
		}
	}
	if _, err := ctxfit.RankMachines(m, ctxfit.HardwareFilter{Text: "rtx-4099"}); !errors.Is(err, ctxfit.ErrNotFound) {
		t.Error(err)
	}
	h.Close()
	if _, err := ctxfit.RankModels(h, 0, 0); !errors.Is(err, ctxfit.ErrClosed) {
		t.Error(err)
	}
}

func TestHardwareOfOnesOwn(t *testing.T) {
	list, err := ctxfit.ParseHardwareList([]byte(`[{"id": "x9000", "kind": "gpu", "backend": "cuda", "memory_bytes": 51539607552}]`))
	if errors.Is(err, ctxfit.ErrUnsupported) {
		t.Skip("built without JSON")
	}
	if err != nil {
		t.Fatal(err)
	}
	defer list.Close()
	h, err := list.ParseHardware("2*x9000 host:64GiB")
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if h.String() != "2*gpu(backend=cuda,mem=48GiB) host:64GiB" || len(list.Entries()) != 1 || list.Entries()[0].ID != "x9000" {
		t.Error(h, list.Entries())
	}
	if _, err := ctxfit.ParseHardwareList([]byte(`[{"id": "a", "memory_byte": 1}]`)); !errors.Is(err, ctxfit.ErrMalformed) {
		t.Error(err)
	}
	list.Close()
	if _, err := list.ParseHardware("x9000"); !errors.Is(err, ctxfit.ErrClosed) || list.Entries() != nil {
		t.Error(err)
	}
}
