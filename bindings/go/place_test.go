package ctxfit_test

import (
	"errors"
	"strings"
	"testing"

	ctxfit "github.com/ctxfit/libctxfit/bindings/go"
)

func placeOf(t *testing.T, quant, spec string, goal ctxfit.Goal, options ...ctxfit.Option) (*ctxfit.Place, *ctxfit.Model, *ctxfit.Hardware) {
	t.Helper()
	fileType, err := ctxfit.ParseFileType(quant)
	if err != nil {
		t.Fatal(err)
	}
	model, err := ctxfit.Catalog("qwen3-coder:30b", fileType)
	if err != nil {
		t.Fatal(err)
	}
	hardware, err := ctxfit.ParseHardware(spec)
	if err != nil {
		t.Fatal(err)
	}
	place, err := ctxfit.Solve(model, hardware, goal, options...)
	if err != nil {
		t.Fatal(err)
	}
	return place, model, hardware
}

func TestPlacementIsAPlanThatFits(t *testing.T) {
	place, model, hardware := placeOf(t, "Q4_K_M", "rtx-4090 host:64GiB", ctxfit.Goal{Objective: ctxfit.ObjectiveLargestContext})
	s := place.Summary()
	plan := place.Plan()
	if !s.Found || !plan.Summary().Fit.Fits() || plan.Summary().ContextSeq != s.ContextSeq || s.ShortDevice != -1 {
		t.Errorf("%+v", s)
	}
	options, err := place.Options()
	if err != nil {
		t.Fatal(err)
	}
	again, err := ctxfit.NewPlan(model, hardware, options)
	if err != nil || again.Summary().Margin != plan.Summary().Margin {
		t.Errorf("made anew: %v, %v", again, err)
	}
	if len(place.Reasons()) != s.Reasons || len(place.Changes()) != 0 {
		t.Error("reasons or changes")
	}
	json, err := place.JSON()
	if err != nil || !strings.HasPrefix(string(json), `{"schema":"ctxfit.place/1"`) {
		t.Errorf("%s, %v", json, err)
	}
	line, err := ctxfit.WriteLine("llama-server", "model.gguf", options)
	if err != nil || !strings.Contains(line, "-ngl 49") {
		t.Errorf("%q, %v", line, err)
	}
	_ = place.Close()
	if !plan.Summary().Fit.Fits() { // the placement's memory stays until its plan is closed
		t.Error("plan of a closed placement")
	}
	_ = plan.Close()
	if place.Plan() != nil || place.Summary().Found || place.Reasons() != nil || place.Changes() != nil {
		t.Error("a closed placement answers")
	}
	if _, err := place.Options(); !errors.Is(err, ctxfit.ErrClosed) {
		t.Error(err)
	}
}

func TestNothingFitsSaysWhatWould(t *testing.T) {
	place, _, _ := placeOf(t, "Q4_K_M", "gpu(backend=cuda,mem=6GiB,bw=300GB/s) host:8GiB", ctxfit.Goal{}, ctxfit.WithContext(32768),
		ctxfit.WithDeviceReserve(1<<29), ctxfit.WithHostReserve(1<<30))
	s := place.Summary()
	if s.Found || s.ShortBytes == 0 || s.ShortDevice < 0 || s.Changes == 0 {
		t.Errorf("%+v", s)
	}
	for _, change := range place.Changes() {
		if change.Text == "" || change.Kind.String() == "unknown" || change.Value == 0 {
			t.Errorf("%+v", change)
		}
	}
}

func TestLinesGoThereAndBack(t *testing.T) {
	text, err := ctxfit.WriteLine("llama-cli", "a model.gguf", ctxfit.WithContext(32768), ctxfit.WithGPULayers(40), ctxfit.WithOverrides("a=CPU"))
	if err != nil {
		t.Fatal(err)
	}
	line, err := ctxfit.ReadLine(text)
	if err != nil || line.Program != "llama-cli" || line.Model != "a model.gguf" || line.OwnFit == nil || *line.OwnFit {
		t.Errorf("%+v, %v", line, err)
	}
	if again, err := ctxfit.WriteLine("llama-cli", "a model.gguf", line.Options); err != nil || again != text {
		t.Errorf("%q, %v", again, err)
	}
	if _, err := ctxfit.ReadLine("llama-server -ngll 3"); !errors.Is(err, ctxfit.ErrNotFound) {
		t.Error(err)
	}
	if what, words := ctxfit.FindArgument("--host"); what != ctxfit.ArgumentNoSize || words != 1 {
		t.Error(what, words)
	}
	if _, err := ctxfit.WriteLine("vllm", "m"); !errors.Is(err, ctxfit.ErrInvalidArgument) {
		t.Error(err)
	}
}

func TestSeveralModelsShareAMachine(t *testing.T) {
	_, model, hardware := placeOf(t, "Q4_K_M", "2*rtx-3090 host:64GiB", ctxfit.Goal{})
	set, err := ctxfit.SolveSet(hardware, ctxfit.SetMember{Model: model, Options: []ctxfit.Option{ctxfit.WithContext(16384)}},
		ctxfit.SetMember{Model: model, Options: []ctxfit.Option{ctxfit.WithContext(8192)}})
	if err != nil {
		t.Fatal(err)
	}
	places := set.Places()
	rest := set.Rest()
	if set.Verdict() != ctxfit.SetTogether || len(places) != 2 || !places[1].Summary().Found {
		t.Errorf("%v, %+v", set.Verdict(), places)
	}
	_ = set.Close()
	if !places[0].Summary().Found || len(rest.Devices()) == 0 { // they keep what they need
		t.Error("a closed set took its parts along")
	}
	for _, place := range places {
		_ = place.Close()
	}
	_ = rest.Close()
	if set.Verdict() != 0 || set.Places() != nil || set.Rest() != nil {
		t.Error("a closed set answers")
	}
	draft := must(ctxfit.Catalog("qwen3-0.6b", ctxfit.FileTypeQ8_0))(t)
	target := must(ctxfit.Catalog("qwen3-8b", ctxfit.FileTypeQ4_K_M))(t)
	beside := must(ctxfit.NewBeside())(t)
	if err := beside.AddDraft(draft, ctxfit.Draft{}); err != nil {
		t.Fatal(err)
	}
	member := ctxfit.SetMember{Model: target, Options: []ctxfit.Option{ctxfit.WithContext(8192)}, Beside: beside}
	set = must(ctxfit.SolveSet(hardware, member, ctxfit.SetMember{Model: target, Options: member.Options}, member))(t)
	defer set.Close()
	for i, place := range set.Places() {
		if n := len(place.Plan().Beside()); (n == 1) != (i != 1) {
			t.Errorf("%d runs beside model %d", n, i)
		}
	}
	file := must(ctxfit.ParseModelfile([]byte("FROM a\nPARAMETER draft_num_predict 5\n")))(t)
	if err := beside.AddParts(file, target); err != nil || beside.Count() != 1 { // it has no blocks of its own
		t.Error(err)
	}
	if err := beside.LeaveOut(ctxfit.PartProjector, "eyes.gguf", 1<<20); err != nil {
		t.Error(err)
	}
	if err := beside.LeaveOut(ctxfit.PartSystem, "eyes.gguf", 0); !errors.Is(err, ctxfit.ErrInvalidArgument) {
		t.Error(err)
	}
	warned := strings.Join(must(ctxfit.NewPlanBeside(target, hardware, beside))(t).Warnings(), "\n")
	if !strings.Contains(warned, "not counted: a projector, 'eyes.gguf': its tensors alone take 1 MiB on top") {
		t.Error(warned)
	}
	if _, err := ctxfit.SolveSet(hardware); !errors.Is(err, ctxfit.ErrInvalidArgument) {
		t.Error(err)
	}
}

func TestPartsOfAToken(t *testing.T) {
	_, model, hardware := placeOf(t, "Q4_K_M", "rtx-4090 host:64GiB(bw=80GB/s)", ctxfit.Goal{})
	plan, err := ctxfit.NewPlan(model, hardware, ctxfit.WithContext(8192), ctxfit.WithCPUExperts(10))
	if err != nil {
		t.Fatal(err)
	}
	gpu, err := plan.Part(0, 8192)
	host, _ := plan.Part(1, 8192)
	rate, _ := plan.DecodeRate(8192)
	if sum := gpu.Seconds + host.Seconds; err != nil || sum*rate.Value < 0.99 || sum*rate.Value > 1.01 {
		t.Errorf("%v + %v s, %v", gpu.Seconds, host.Seconds, rate)
	}
	if _, err := plan.Part(2, 0); !errors.Is(err, ctxfit.ErrNotFound) {
		t.Error(err)
	}
}
