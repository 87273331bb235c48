package ctxfit_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"
	"time"

	ctxfit "github.com/ctxfit/libctxfit/bindings/go"
)

// projectorOf is a header of eyes with one matrix; the data of it is left out.
func projectorOf(t *testing.T) *ctxfit.GGUF {
	var b bytes.Buffer
	put := func(values ...interface{}) {
		for _, v := range values {
			if s, is := v.(string); is {
				b.Write(append(binary.LittleEndian.AppendUint64(nil, uint64(len(s))), s...))
			} else if err := binary.Write(&b, binary.LittleEndian, v); err != nil {
				t.Fatal(err)
			}
		}
	}
	b.WriteString("GGUF")
	put(uint32(3), uint64(1), uint64(8))
	put("general.architecture", uint32(8), "clip", "clip.projector_type", uint32(8), "gemma3", "clip.has_vision_encoder", uint32(7), uint8(1))
	for _, key := range []struct {
		name  string
		value uint32
	}{{"embedding_length", 1152}, {"attention.head_count", 16}, {"block_count", 27}, {"image_size", 896}, {"patch_size", 14}} {
		put("clip.vision."+key.name, uint32(4), key.value)
	}
	put("v.blk.0.ffn_up.weight", uint32(2), uint64(1152), uint64(4304), uint32(0), uint64(0))
	for b.Len()%32 != 0 {
		b.WriteByte(0)
	}
	return must(ctxfit.ParseGGUF(b.Bytes(), ctxfit.HeaderOnly()))(t)
}

func TestProjector(t *testing.T) {
	header := projectorOf(t)
	p := must(ctxfit.NewProjectorFile(header))(t)
	if info := must(p.Info())(t); info.Name != "gemma3" || info.ImageSize != 896 {
		t.Errorf("%+v", info)
	}
	const matrix = 1152 * 4304 * 4
	gpu := must(p.Measure("llama.cpp@b11118", ctxfit.BackendCUDA, ctxfit.Projector{}))(t)
	if !gpu.OnDevice || !gpu.Bound || gpu.WeightBytes != matrix || gpu.HostWeightBytes != 0 || gpu.ComputeBytes != gpu.LoadBytes || gpu.LoadBytes == 0 {
		t.Errorf("on a GPU: %+v", gpu)
	}
	if m := must(p.Measure("", ctxfit.BackendMetal, ctxfit.Projector{}))(t); !m.Unchecked || gpu.Unchecked {
		t.Errorf("on Metal: %+v", m)
	}
	off := false
	how := ctxfit.Projector{OnHost: true, FlashAttention: &off, ImageWidth: 1000, ImageHeight: 600, Images: 2, Recording: time.Second}
	host := must(p.Measure("", ctxfit.BackendCUDA, how))(t)
	if host.OnDevice || host.FlashAttention || host.HostWeightBytes != matrix || host.ImageTokens != 256 || host.ImagePieces != 1 ||
		host.PictureWidth != 896 || host.PictureHeight != 896 || host.AudioTokens != 0 {
		t.Errorf("on the host: %+v", host)
	}
	for _, wrong := range []struct {
		engine string
		how    ctxfit.Projector
		want   error
	}{{"vllm", ctxfit.Projector{}, ctxfit.ErrUnsupported}, {"nobody", ctxfit.Projector{}, ctxfit.ErrNotFound},
		{"", ctxfit.Projector{ImageWidth: 5}, ctxfit.ErrInvalidArgument}, {"", ctxfit.Projector{Images: -1}, ctxfit.ErrInvalidArgument},
		{"", ctxfit.Projector{Devices: []int{64}}, ctxfit.ErrInvalidArgument}} {
		if _, err := p.Measure(wrong.engine, ctxfit.BackendCUDA, wrong.how); !errors.Is(err, wrong.want) {
			t.Errorf("%+v: %v", wrong, err)
		}
	}
	beside := must(ctxfit.NewBeside())(t)
	if err := beside.AddProjector(header, ctxfit.Projector{}); err != nil {
		t.Fatal(err)
	}
	model := must(ctxfit.Catalog("qwen3-14b", must(ctxfit.ParseFileType("Q4_K_M"))(t)))(t)
	plan := must(ctxfit.NewPlanBeside(model, must(ctxfit.ParseHardware("rtx-4090 host:64GiB"))(t), beside, ctxfit.WithContext(8192)))(t)
	if all := plan.Beside(); len(all) != 1 || all[0].ComputeBytes != gpu.ComputeBytes+gpu.HostComputeBytes || all[0].ComputeExact {
		t.Errorf("%+v", all)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if _, err := p.Measure("", ctxfit.BackendCPU, ctxfit.Projector{}); !errors.Is(err, ctxfit.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	if _, err := p.Info(); !errors.Is(err, ctxfit.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	if _, err := ctxfit.NewProjectorFile(adapterOf(t, "qwen3", 1)); !errors.Is(err, ctxfit.ErrUnsupported) {
		t.Errorf("an adapter: %v", err)
	}
}
