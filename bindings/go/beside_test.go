package ctxfit_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	ctxfit "github.com/ctxfit/libctxfit/bindings/go"
)

const rank, width = 16, 5120

// adapterOf is a header of a LoRA for attn_q of some layers; the data of its tensors is left out.
func adapterOf(t *testing.T, arch string, layers int) *ctxfit.GGUF {
	var b bytes.Buffer
	put := func(values ...interface{}) {
		for _, v := range values {
			if s, is := v.(string); is {
				put64 := binary.LittleEndian.AppendUint64(nil, uint64(len(s)))
				b.Write(append(put64, s...))
			} else if err := binary.Write(&b, binary.LittleEndian, v); err != nil {
				t.Fatal(err)
			}
		}
	}
	b.WriteString("GGUF")
	put(uint32(3), uint64(2*layers), uint64(3))
	put("general.architecture", uint32(8), arch, "general.type", uint32(8), "adapter", "adapter.type", uint32(8), "lora")
	for i := 0; i < layers; i++ {
		offset := uint64(i) * 2 * rank * width * 4
		put(fmt.Sprintf("blk.%d.attn_q.weight.lora_a", i), uint32(2), uint64(width), uint64(rank), uint32(0), offset)
		put(fmt.Sprintf("blk.%d.attn_q.weight.lora_b", i), uint32(2), uint64(rank), uint64(width), uint32(0), offset+rank*width*4)
	}
	for b.Len()%32 != 0 {
		b.WriteByte(0)
	}
	return must(ctxfit.ParseGGUF(b.Bytes(), ctxfit.HeaderOnly()))(t)
}

func TestBeside(t *testing.T) {
	model := must(ctxfit.Catalog("qwen3-14b", must(ctxfit.ParseFileType("Q4_K_M"))(t)))(t)
	draft := must(ctxfit.Catalog("qwen3-0.6b", must(ctxfit.ParseFileType("Q8_0"))(t)))(t)
	h := must(ctxfit.ParseHardware("rtx-4090 host:64GiB"))(t)
	beside := must(ctxfit.NewBeside())(t)
	if err := beside.AddDraft(draft, ctxfit.Draft{Tokens: 8, Devices: []int{0}}); err != nil {
		t.Fatal(err)
	}
	if err := beside.AddDraft(draft, ctxfit.Draft{}); !errors.Is(err, ctxfit.ErrLimit) {
		t.Errorf("a second draft: %v", err)
	}
	if err := beside.AddAdapter(adapterOf(t, "qwen3", 40)); err != nil {
		t.Fatal(err)
	}
	if err := beside.AddProjector(adapterOf(t, "qwen3", 1), ctxfit.Projector{}); !errors.Is(err, ctxfit.ErrUnsupported) {
		t.Errorf("an adapter as projector: %v", err)
	}
	if err := beside.SetName(1, "lora.gguf"); err != nil {
		t.Fatal(err)
	}
	if err := beside.SetName(2, "x"); !errors.Is(err, ctxfit.ErrNotFound) {
		t.Errorf("a name of no entry: %v", err)
	}
	place := must(ctxfit.SolveBeside(model, h, beside, ctxfit.Goal{}, ctxfit.WithContext(8192)))(t)
	if s, entries := place.Summary(), place.Plan().Beside(); !s.Found || len(entries) != 2 || entries[1].Name != "lora.gguf" {
		t.Errorf("a placement: %+v, %+v", s, entries)
	}
	p := must(ctxfit.NewPlanBeside(model, h, beside, ctxfit.WithContext(8192), ctxfit.WithGPULayers(31)))(t)
	small := must(ctxfit.NewPlan(draft, h, ctxfit.WithContext(8192)))(t)
	all, host := p.Beside(), p.BesideOn(1)
	if len(all) != 2 || beside.Count() != 2 || all[0].Kind != ctxfit.BesideDraft || all[0].DraftTokens != 8 ||
		all[0].TotalBytes != small.Summary().TotalBytes || all[1].WeightsBytes != 40*2*rank*width*4 || host[1].WeightsBytes != 10*2*rank*width*4 {
		t.Errorf("%+v, on the host %+v", all, host)
	}
	if p.Summary().BesideBytes != all[0].TotalBytes+all[1].TotalBytes || p.BesideOn(2) != nil || p.BesideOn(-1) != nil {
		t.Errorf("%+v", p.Summary())
	}
	var written struct {
		Beside []struct {
			Kind  string `json:"kind"`
			Total uint64 `json:"total_bytes"`
		} `json:"beside"`
	}
	if err := json.Unmarshal(must(p.JSON())(t), &written); err != nil || len(written.Beside) != 2 ||
		written.Beside[1].Kind != all[1].Kind.String() || written.Beside[1].Total != all[1].TotalBytes {
		t.Errorf("%v %+v", err, written)
	}
	other := must(ctxfit.NewBeside())(t)
	if err := other.AddAdapter(adapterOf(t, "llama", 1)); err != nil {
		t.Fatal(err)
	}
	if _, err := ctxfit.NewPlanBeside(model, h, other); !errors.Is(err, ctxfit.ErrRefused) {
		t.Errorf("an adapter of another architecture: %v", err)
	}
	tight := must(ctxfit.ParseHardware("rtx-4070 host:64GiB"))(t)
	with := must(ctxfit.BestFileTypeBeside(model, tight, beside, ctxfit.WithContext(8192)))(t)
	if alone := must(ctxfit.BestFileType(model, tight, ctxfit.WithContext(8192)))(t); with == alone {
		t.Errorf("%v fits with as much beside it as alone", with)
	}
	own := must(ctxfit.NewBeside())(t)
	if err := own.AddNextN(ctxfit.Draft{Tokens: 2}); err != nil {
		t.Fatal(err)
	}
	if err := own.AddNextN(ctxfit.Draft{OnHost: true}); !errors.Is(err, ctxfit.ErrInvalidArgument) {
		t.Errorf("blocks of the model elsewhere: %v", err)
	}
	if _, err := ctxfit.NewPlanBeside(model, h, own); !errors.Is(err, ctxfit.ErrRefused) {
		t.Errorf("a model without blocks that draft: %v", err)
	}
	if err := beside.Close(); err != nil || beside.Count() != 0 {
		t.Error(err)
	}
	if _, err := ctxfit.NewPlanBeside(model, h, beside); !errors.Is(err, ctxfit.ErrClosed) {
		t.Errorf("a closed list: %v", err)
	}
}
