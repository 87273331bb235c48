package ctxfit_test

import (
	"errors"
	"runtime"
	"sync"
	"testing"

	ctxfit "github.com/ctxfit/libctxfit/bindings/go"
)

func TestClosedHandlesAnswer(t *testing.T) {
	m := must(ctxfit.Catalog("qwen3-8b", 0))(t)
	h := must(ctxfit.ParseHardware("rtx-4090"))(t)
	p := must(ctxfit.NewPlan(m, h))(t)
	g, err := ctxfit.OpenGGUF(source(t)+"/tests/data/gguf/qwen-dense.gguf", ctxfit.HeaderOnly())
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < 2; i++ { // the second does nothing
		m.Close()
		h.Close()
		p.Close()
		g.Close()
	}
	askClosed(t, "closed", g, m, h, p)
	askClosed(t, "nil", nil, nil, nil, nil)
	askClosed(t, "zero", new(ctxfit.GGUF), new(ctxfit.Model), new(ctxfit.Hardware), new(ctxfit.Plan))
}

func askClosed(t *testing.T, kind string, g *ctxfit.GGUF, m *ctxfit.Model, h *ctxfit.Hardware, p *ctxfit.Plan) {
	open := must(ctxfit.ParseHardware("rtx-4090"))(t)
	known := must(ctxfit.Catalog("qwen3-8b", 0))(t)
	for name, err := range map[string]error{
		"NewPlan, model": second(ctxfit.NewPlan(m, open)), "NewPlan, machine": second(ctxfit.NewPlan(known, h)),
		"BestFileType, model": second(ctxfit.BestFileType(m, open)), "BestFileType, machine": second(ctxfit.BestFileType(known, h)),
		"Model.Info": second(m.Info()), "Requantize": second(m.Requantize(ctxfit.FileTypeF16)), "Spec": second(h.Spec()),
		"GGUF.Model": second(g.Model()), "Key": second(g.Key("x")), "Tensor": second(g.Tensor("x")), "Text": second(g.Text("x")),
		"Join": second(ctxfit.JoinGGUF(g)), "DecodeRate": second(p.DecodeRate(0)), "PromptTime": second(p.PromptTime(1, 0)),
		"Check": second(p.Check(ctxfit.Request{})), "JSON": second(p.JSON()), "JSONWithID": second(p.JSONWithID("x")),
		"Close": p.Close(),
	} {
		if name != "Close" && !errors.Is(err, ctxfit.ErrClosed) {
			t.Errorf("%s handle, %s: %v", kind, name, err)
		}
	}
	if p.Summary() != (ctxfit.Summary{}) || p.Devices() != nil || p.Constraints() != nil || p.Warnings() != nil || h.Devices() != nil ||
		m.Layers() != nil || m.Tensors() != nil || g.Keys() != nil || g.Tensors() != nil || g.Format() != (ctxfit.GGUFFormat{}) ||
		g.DataOffset(0) != 0 {
		t.Errorf("a %s handle answers with something", kind)
	}
	for _, s := range []string{m.String(), h.String(), p.String()} {
		if s != "("+ctxfit.ErrClosed.Error()+")" {
			t.Errorf("a %s handle prints %q", kind, s)
		}
	}
}

// Readers of one plan, and Close in the middle: each call answers or says that the plan is closed.
func TestCloseWhileOthersRead(t *testing.T) {
	for round := 0; round < 20; round++ {
		p := plan(t, "qwen3-8b", "rtx-4090")
		var readers sync.WaitGroup
		started := make(chan struct{}, 8)
		for i := 0; i < cap(started); i++ {
			readers.Add(1)
			go func() {
				defer readers.Done()
				for n := 0; ; n++ {
					check, err := p.Check(ctxfit.Request{Prompt: 100})
					if errors.Is(err, ctxfit.ErrClosed) {
						return
					}
					if err != nil || !check.OK() {
						t.Errorf("%v, %v", check, err)
						return
					}
					if n == 0 {
						started <- struct{}{}
					}
				}
			}()
		}
		for i := 0; i < cap(started); i++ {
			<-started
		}
		p.Close()
		readers.Wait()
	}
}

func TestForgottenHandlesAreFreed(t *testing.T) {
	for i := 0; i < 200; i++ {
		m := must(ctxfit.Catalog("qwen3-8b", 0))(t)
		h := must(ctxfit.ParseHardware("rtx-4090"))(t)
		must(ctxfit.NewPlan(m, h))(t)
		if i%50 == 0 {
			runtime.GC()
		}
	}
	runtime.GC()
}

func TestManyGoroutinesShareHandles(t *testing.T) {
	m := must(ctxfit.Catalog("qwen3-30b-a3b", ctxfit.FileTypeQ4_K_M))(t)
	h := must(ctxfit.ParseHardware("2*rtx-4090 host:64GiB"))(t)
	want := string(must(must(ctxfit.NewPlan(m, h))(t).JSON())(t))
	var all sync.WaitGroup
	for i := 0; i < 8; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			for n := 0; n < 20; n++ {
				p, err := ctxfit.NewPlan(m, h)
				if err != nil {
					t.Error(err)
					return
				}
				if got, err := p.JSON(); err != nil || string(got) != want {
					t.Errorf("%s, %v", got, err)
				}
				p.Close()
			}
		}()
	}
	all.Wait()
}
