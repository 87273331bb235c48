package ctxfit_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	ctxfit "github.com/ctxfit/libctxfit/bindings/go"
)

func must[T any](value T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

func plan(t testing.TB, model, hardware string, options ...ctxfit.Option) *ctxfit.Plan {
	t.Helper()
	m := must(ctxfit.Catalog(model, ctxfit.FileTypeQ4_K_M))(t)
	defer m.Close()
	h := must(ctxfit.ParseHardware(hardware))(t)
	defer h.Close()
	p := must(ctxfit.NewPlan(m, h, options...))(t)
	t.Cleanup(func() { p.Close() })
	return p
}

// The same questions to the command of the source tree, which run_tests.sh builds.
var golden = []struct {
	model, quant, hardware string
	arguments              []string
	options                []ctxfit.Option
}{
	{"qwen3-8b", "Q4_K_M", "rtx-4090 host:64GiB", []string{"-c", "8192", "-np", "3"},
		[]ctxfit.Option{ctxfit.WithContext(8192), ctxfit.WithParallel(3)}},
	{"qwen3-coder-30b-a3b", "Q4_K_M", "mac-studio-m2-ultra-64gb", []string{"-c", "262144", "--kv", "q8_0", "--limit", "131072",
		"--limit-source", "agent.yaml: context_length"}, []ctxfit.Option{ctxfit.WithContext(262144),
		ctxfit.WithCache(ctxfit.QuantQ8_0, ctxfit.QuantQ8_0), ctxfit.WithLimit(131072, "agent.yaml: context_length")}},
	{"gemma-3-27b", "Q6_K", "2*rtx-3090", []string{"-c", "max", "-ts", "3,1", "-fa", "off", "--swa-full"},
		[]ctxfit.Option{ctxfit.WithLargestContext(), ctxfit.WithTensorSplit(3, 1), ctxfit.WithFlashAttention(false),
			ctxfit.WithFullWindowCache(true)}},
	{"qwen3-30b-a3b", "Q8_0", "rtx-3060-12gb host:64GiB", []string{"-c", "16384", "-ncmoe", "40", "--reserve", "0", "-b", "1024", "-ub",
		"256", "--engine", "llama.cpp@b10472", "--no-mmap"}, []ctxfit.Option{ctxfit.WithContext(16384), ctxfit.WithCPUExperts(40),
		ctxfit.WithReserve(0), ctxfit.WithBatch(1024, 256), ctxfit.WithEngine("llama.cpp@b10472"), ctxfit.WithMmap(false)}},
	{"qwen3-30b-a3b", "Q4_K_M", "2*rtx-3060-12gb host:64GiB", []string{"-ngl", "30", "-sm", "layer", "-nkvo", "-kvu", "-np", "4", "-ot",
		"blk.1.*exps=CPU", "--prefill-rate", "900", "--decode-rate", "40"}, []ctxfit.Option{ctxfit.WithGPULayers(30),
		ctxfit.WithSplitMode(ctxfit.SplitLayer), ctxfit.WithCacheOffload(false), ctxfit.WithUnifiedCache(true), ctxfit.WithParallel(4),
		ctxfit.WithOverrides("blk.1.*exps=CPU"), ctxfit.WithMeasuredRates(900, 40)}},
	{"llama-3.1-8b", "Q4_K_M", "host:32GiB", []string{"-c", "4096", "-ngl", "0", "--outputs-max", "0", "-nr", "--no-op-offload", "-cmoe"},
		[]ctxfit.Option{ctxfit.WithContext(4096), ctxfit.WithGPULayers(0), ctxfit.WithAllOutputs(), ctxfit.WithRepack(false),
			ctxfit.WithOpOffload(false), ctxfit.WithAllCPUExperts()}},
}

func TestPlansAreThoseOfTheCommand(t *testing.T) {
	command := os.Getenv("CTXFIT_COMMAND")
	if command == "" {
		t.Skip("CTXFIT_COMMAND does not name the ctxfit command")
	}
	for _, c := range golden {
		t.Run(c.model+" on "+c.hardware, func(t *testing.T) {
			arguments := append([]string{"plan", c.model, "--quant", c.quant, "--hw", c.hardware, "--json"}, c.arguments...)
			want, err := exec.Command(command, arguments...).Output()
			var exit *exec.ExitError
			if err != nil && !(errors.As(err, &exit) && exit.ExitCode() == 1) { // 1: it does not fit
				t.Fatalf("%v %q: %v", command, arguments, err)
			}
			fileType := must(ctxfit.ParseFileType(c.quant))(t)
			m := must(ctxfit.Catalog(c.model, fileType))(t)
			h := must(ctxfit.ParseHardware(c.hardware))(t)
			p := must(ctxfit.NewPlan(m, h, c.options...))(t)
			if got := must(p.JSON())(t); string(got) != strings.TrimSuffix(string(want), "\n") {
				t.Errorf("Go  %s\nC   %s", got, want)
			}
		})
	}
}

// What the methods of a plan return is what its JSON says.
func TestPartsAgreeWithJSON(t *testing.T) {
	for _, c := range golden {
		t.Run(c.model+" on "+c.hardware, func(t *testing.T) {
			p := plan(t, c.model, c.hardware, c.options...)
			var whole map[string]json.RawMessage
			if err := json.Unmarshal(must(json.Marshal(p))(t), &whole); err != nil {
				t.Fatal(err)
			}
			same := func(what string, part interface{}, want json.RawMessage) {
				t.Helper()
				var a, b interface{}
				if err := json.Unmarshal(must(json.Marshal(part))(t), &a); err != nil {
					t.Fatal(err)
				}
				if err := json.Unmarshal(want, &b); err != nil {
					t.Fatal(err)
				}
				if !reflect.DeepEqual(a, b) {
					t.Errorf("%s\nparts %v\nJSON  %v", what, a, b)
				}
			}
			s := p.Summary()
			devices := p.Devices()
			same("devices", devices, whole["devices"])
			same("engine", s.Engine, whole["engine"])
			same("fit", s.Fit, whole["fit"])
			same("warnings", append([]string{}, p.Warnings()...), whole["warnings"])
			same("largest context", s.MaxContext, whole["max_ctx_seq"])
			same("sequences", s.MaxSequences, whole["max_sequences"])
			same("total", s.TotalBytes, whole["total_bytes"])
			if sum := s.WeightsBytes + s.KVBytes + s.RecurrentBytes + s.ComputeBytes + s.OutputBytes; sum != s.TotalBytes {
				t.Errorf("the parts are %d, the total is %d", sum, s.TotalBytes)
			}
			if len(devices) != s.Devices || len(p.Constraints()) != s.Constraints || len(p.Warnings()) != s.Warnings {
				t.Errorf("the counts of %+v are not those of the lists", s)
			}
			var list []map[string]interface{}
			if err := json.Unmarshal(must(json.Marshal(p.Constraints()))(t), &list); err != nil {
				t.Fatal(err)
			}
			for _, limit := range list {
				if at, ok := limit["device"]; ok {
					limit["device"] = devices[int(at.(float64))].Name
				}
			}
			same("constraints", list, whole["constraints"])
			var speed struct {
				Rate ctxfit.Rate `json:"-"`
				Raw  struct {
					Value float64 `json:"value"`
					Basis string  `json:"basis"`
				} `json:"decode_tokens_per_s"`
			}
			if err := json.Unmarshal(whole["speed"], &speed); err != nil {
				t.Fatal(err)
			}
			rate := must(p.DecodeRate(0))(t)
			if rate.Basis.String() != speed.Raw.Basis || math.Abs(rate.Value-speed.Raw.Value) > 1e-4*rate.Value {
				t.Errorf("decode rate %+v, JSON %+v", rate, speed.Raw)
			}
		})
	}
}

func TestCheck(t *testing.T) {
	p := plan(t, "qwen3-coder-30b-a3b", "mac-studio-m2-ultra-64gb", ctxfit.WithContext(262144), ctxfit.WithLimit(131072, "agent.yaml"),
		ctxfit.WithMeasuredRates(400, 0))
	check := must(p.Check(ctxfit.Request{Prompt: 146760, Deadline: 300 * time.Second}))(t)
	if check.OK() || check.Outcome != ctxfit.CheckOverflow|ctxfit.CheckTooSlow || check.Overflow != 146760-131072 ||
		check.LimitKind != ctxfit.LimitConfigured || check.Late != check.Expected-300*time.Second {
		t.Errorf("%+v", check)
	}
	again := must(p.Check(ctxfit.Request{Prompt: check.LargestPrompt, Deadline: 300 * time.Second}))(t)
	if !again.OK() {
		t.Errorf("the largest prompt that passes does not: %v", again)
	}
	if took := must(p.PromptTime(146760, 0))(t); took.Value != check.Expected || took.Basis != ctxfit.BasisMeasured {
		t.Errorf("prompt time %v, expected %v", took, check.Expected)
	}
	if n := testing.AllocsPerRun(100, func() { p.Check(ctxfit.Request{Prompt: 1000, Deadline: time.Hour}) }); n != 0 {
		t.Errorf("a check allocates %v times", n)
	}
	for _, request := range []ctxfit.Request{{Prompt: 1, Cached: 2}, {Prompt: 1, Deadline: -time.Second}} {
		if _, err := p.Check(request); !errors.Is(err, ctxfit.ErrInvalidArgument) {
			t.Errorf("%+v: %v", request, err)
		}
	}
}

func TestEXL3(t *testing.T) {
	fileType := must(ctxfit.ParseFileType("exl3-4.25bpw-h8"))(t)
	if info := must(fileType.Info())(t); fileType.String() != "EXL3-4.25bpw-h8" || !info.EXL3 || info.GGMLFileType != ctxfit.NoNumber {
		t.Errorf("%s: %+v", fileType, info)
	}
	if _, err := ctxfit.ParseFileType("exl3-9bpw"); !errors.Is(err, ctxfit.ErrNotFound) {
		t.Errorf("9 bits: %v", err)
	}
	model := must(ctxfit.Catalog("qwen3-8b", fileType))(t)
	defer model.Close()
	hw := must(ctxfit.ParseHardware("rtx-4090 host:64GiB"))(t)
	defer hw.Close()
	plan := must(ctxfit.NewPlan(model, hw, ctxfit.WithEngine("exllamav3"), ctxfit.WithContext(8192)))(t)
	defer plan.Close()
	if s := plan.Summary(); s.Engine.Name != "exllamav3" || !s.Fit.Fits() {
		t.Errorf("%+v", s)
	}
}

func TestBestFileType(t *testing.T) {
	m := must(ctxfit.Catalog("qwen3-8b", ctxfit.FileTypeDefault))(t)
	h := must(ctxfit.ParseHardware("rtx-3060-12gb host:32GiB"))(t)
	best := must(ctxfit.BestFileType(m, h, ctxfit.WithContext(16384)))(t)
	fits := func(f ctxfit.FileType) bool {
		r := must(m.Requantize(f))(t)
		return must(ctxfit.NewPlan(r, h, ctxfit.WithContext(16384)))(t).Summary().Fit.Fits()
	}
	if !fits(best) {
		t.Errorf("%v does not fit", best)
	}
	small := must(ctxfit.ParseHardware("gpu(backend=cuda,mem=1GiB) host:1GiB"))(t)
	if none := must(ctxfit.BestFileType(m, small))(t); none != ctxfit.FileTypeDefault {
		t.Errorf("%v fits 1 GiB", none)
	}
}

func TestErrors(t *testing.T) {
	_, err := ctxfit.ParseHardware("2*rtx-4909")
	var e *ctxfit.Error
	if !errors.Is(err, ctxfit.ErrNotFound) || !errors.As(err, &e) || e.Offset != 2 || !strings.Contains(err.Error(), "rtx-4090") {
		t.Errorf("%v, %+v", err, e)
	}
	if errors.Is(err, ctxfit.ErrMalformed) || errors.Is(err, fs.ErrNotExist) {
		t.Error("an error is of two kinds")
	}
	_, err = ctxfit.OpenGGUF(filepath.Join(t.TempDir(), "none.gguf"))
	if !errors.Is(err, ctxfit.ErrIO) || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
	if ctxfit.ErrType.Name() != "CTXFIT_E_TYPE" || ctxfit.ErrType.Error() == "" {
		t.Errorf("%s: %s", ctxfit.ErrType.Name(), ctxfit.ErrType)
	}
	m := must(ctxfit.Catalog("qwen3-8b", 0))(t)
	h := must(ctxfit.ParseHardware("host:64GiB"))(t)
	long := strings.Repeat("x", 2000)
	for name, err := range map[string]error{
		"NUL in a name":       second(ctxfit.Catalog("qwen3-8b\x00", 0)),
		"NUL in an engine":    second(ctxfit.NewPlan(m, h, ctxfit.WithEngine("llama.cpp\x00"))),
		"an engine too long":  second(ctxfit.NewPlan(m, h, ctxfit.WithEngine(long))),
		"overrides too long":  second(ctxfit.NewPlan(m, h, ctxfit.WithOverrides(long))),
		"negative sequences":  second(ctxfit.NewPlan(m, h, ctxfit.WithParallel(-1))),
		"negative layers":     second(ctxfit.NewPlan(m, h, ctxfit.WithGPULayers(-1))),
		"many proportions":    second(ctxfit.NewPlan(m, h, ctxfit.WithTensorSplit(make([]float64, ctxfit.MaxSplit+1)...))),
		"negative proportion": second(ctxfit.NewPlan(m, h, ctxfit.WithTensorSplit(-1))),
		"no devices":          second(ctxfit.NewHardware()),
		"negative node":       second(ctxfit.NewHardware(ctxfit.Device{Kind: ctxfit.DeviceGPU, Memory: 1 << 30, Node: -1})),
		"no layers":           second(ctxfit.FromLayers(ctxfit.ModelInfo{Embedding: 64, Vocabulary: 100}, nil, 0)),
		"negative width":      second(ctxfit.FromLayers(ctxfit.ModelInfo{Embedding: -64}, nil, 0)),
		"no shards":           second(ctxfit.JoinGGUF()),
		"no dimensions":       second(ctxfit.QuantF16.TensorBytes()),
	} {
		if !errors.Is(err, ctxfit.ErrInvalidArgument) || !errors.As(err, &e) || e.Message == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err = ctxfit.NewPlan(m, h, ctxfit.WithEngine("no-engine")); !errors.Is(err, ctxfit.ErrNotFound) {
		t.Errorf("unknown engine: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }

func TestNames(t *testing.T) {
	for _, q := range ctxfit.Quants() {
		if back := must(ctxfit.ParseQuant(strings.ToLower(q.String())))(t); back != q {
			t.Errorf("%v parses to %v", q, back)
		}
		info := must(q.Info())(t)
		if row := must(q.RowBytes(uint64(info.BlockElems) * 1024))(t); row < uint64(info.BlockBytes)*1024 || info.Quant != q {
			t.Errorf("%v: %d bytes in %+v", q, row, info)
		}
		if info.GGML && info.GGMLType != ctxfit.NoNumber && !info.IK {
			if back := must(ctxfit.QuantFromGGML(info.GGMLType, ctxfit.DialectGGML))(t); back != q {
				t.Errorf("number %d of %v is %v", info.GGMLType, q, back)
			}
		}
	}
	for _, f := range ctxfit.FileTypes() {
		info := must(f.Info())(t)
		if back := must(ctxfit.ParseFileType(f.String()))(t); back != f || info.FileType != f {
			t.Errorf("%v parses to %v", f, back)
		}
		if info.GGMLFileType != ctxfit.NoNumber {
			if back := must(ctxfit.FileTypeFromGGML(info.GGMLFileType))(t); back != f {
				t.Errorf("number %d of %v is %v", info.GGMLFileType, f, back)
			}
		}
	}
	for name, err := range map[string]error{
		"format": second(ctxfit.ParseQuant("q9")), "file type": second(ctxfit.ParseFileType("q9")),
		"number": second(ctxfit.QuantFromGGML(9999, ctxfit.DialectGGML)), "file type number": second(ctxfit.FileTypeFromGGML(9999)),
		"info": second(ctxfit.Quant(9999).Info()), "file type info": second(ctxfit.FileType(9999).Info()),
		"row": second(ctxfit.Quant(9999).RowBytes(32)),
	} {
		if !errors.Is(err, ctxfit.ErrNotFound) {
			t.Errorf("unknown %s: %v", name, err)
		}
	}
	if n := must(ctxfit.QuantQ8_0.TensorBytes(64, 10))(t); n != 10*must(ctxfit.QuantQ8_0.RowBytes(64))(t) {
		t.Errorf("%d bytes", n)
	}
	var config struct {
		Cache ctxfit.Quant
		File  ctxfit.FileType
	}
	if err := json.Unmarshal([]byte(`{"Cache":"q8_0","File":"q4_k_m"}`), &config); err != nil || config.Cache != ctxfit.QuantQ8_0 ||
		config.File != ctxfit.FileTypeQ4_K_M {
		t.Errorf("%+v, %v", config, err)
	}
	if out := must(json.Marshal(config))(t); string(out) != `{"Cache":"Q8_0","File":"Q4_K_M"}` {
		t.Errorf("%s", out)
	}
	if err := json.Unmarshal([]byte(`{"Cache":"q9"}`), &config); !errors.Is(err, ctxfit.ErrNotFound) {
		t.Errorf("%v", err)
	}
	for i, e := range ctxfit.Engines() {
		if back := must(ctxfit.ParseEngine(e.String()))(t); back != e {
			t.Errorf("engine %d: %+v is %+v", i, e, back)
		}
	}
	if len(ctxfit.Engines()) == 0 || must(ctxfit.ParseEngine(""))(t) != ctxfit.Engines()[0] {
		t.Error("the newest engine is not the first")
	}
	if ctxfit.VersionNumber() != ctxfit.HeaderVersion || ctxfit.Version() == "" {
		t.Errorf("library %s, headers %#x", ctxfit.Version(), ctxfit.HeaderVersion)
	}
}

func TestHardware(t *testing.T) {
	h := must(ctxfit.ParseHardware("rtx 4090 rtx 4090 host:65536MiB"))(t)
	if h.String() != "2*rtx-4090 host:64GiB" {
		t.Errorf("%v", h)
	}
	if same := must(ctxfit.NewHardware(h.Devices()...))(t); same.String() != h.String() {
		t.Errorf("%v is not %v", same, h)
	}
	if out := must(json.Marshal(map[string]*ctxfit.Hardware{"on": h}))(t); string(out) != `{"on":"2*rtx-4090 host:64GiB"}` {
		t.Errorf("%s", out)
	}
	for _, e := range ctxfit.HardwareCatalog() {
		if e.ID == "" || e.Name == "" || e.Source == "" {
			t.Errorf("%+v", e)
		}
	}
	_, err := ctxfit.NewHardware(ctxfit.Device{Kind: ctxfit.DeviceGPU, Memory: 1 << 34}, ctxfit.Device{Kind: ctxfit.DeviceGPU})
	var e *ctxfit.Error
	if !errors.As(err, &e) || e.Detail != 1 {
		t.Errorf("%v", err)
	}
}

func TestCheckpoint(t *testing.T) {
	header := `{"model.embed_tokens.weight": {"dtype": "BF16", "shape": [2, 3], "data_offsets": [0, 12]},
		"model.layers.0.mlp.experts.0.up_proj.weight": {"dtype": "F8_E4M3", "shape": [4], "data_offsets": [12, 16]}}`
	file := append([]byte{byte(len(header)), byte(len(header) >> 8), 0, 0, 0, 0, 0, 0}, header...)
	var e *ctxfit.Error
	if _, err := ctxfit.ParseSafetensors(file[:10], 0); !errors.As(err, &e) || e.Status != ctxfit.ErrTruncated || e.Detail != uint64(len(file)) {
		t.Fatalf("a prefix: %v", err)
	}
	weights, err := ctxfit.ParseSafetensors(file, uint64(len(file))+16)
	if errors.Is(err, ctxfit.ErrUnsupported) {
		t.Skip("built without JSON")
	}
	if err != nil {
		t.Fatal(err)
	}
	defer weights.Close()
	if weights.Bytes() != 16 || weights.Shards() != 1 || len(must(weights.Tensors())(t)) != 2 {
		t.Errorf("%d bytes, %d shards", weights.Bytes(), weights.Shards())
	}
	tensor := must(weights.Tensor("model.embed_tokens.weight"))(t)
	if tensor.DType.String() != "BF16" || len(tensor.Dims) != 2 || tensor.Dims[0] != 2 {
		t.Errorf("%+v", tensor)
	}
	if _, err := ctxfit.JoinSafetensors(weights, weights); !errors.Is(err, ctxfit.ErrMalformed) {
		t.Errorf("a tensor in two files: %v", err)
	}
	config := `{"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 64, "intermediate_size": 128,
		"num_hidden_layers": 1, "num_attention_heads": 4, "vocab_size": 256, "max_position_embeddings": 128,
		"quantization_config": {"quant_method": "fp8"}}`
	m, err := ctxfit.FromCheckpoint([]byte(config), weights, ctxfit.FileTypeDefault)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	c := must(m.Checkpoint())(t)
	if !c.Measured || c.Bytes != 16 || c.ExpertBytes != 4 || c.EmbeddingBytes != 12 || c.Quant != ctxfit.CheckpointQuantFP8 || c.QuantMethod != "fp8" {
		t.Errorf("%+v", c)
	}
	if text := m.String(); !strings.Contains(text, "checkpoint of fp8") {
		t.Error(text)
	}
	if dense, experts, err := m.CheckpointLayer(0); err != nil || dense != 0 || experts != 4 {
		t.Errorf("%d, %d, %v", dense, experts, err)
	}
	if _, _, err := m.CheckpointLayer(1); !errors.Is(err, ctxfit.ErrNotFound) {
		t.Errorf("no such layer: %v", err)
	}
}

func TestOpenCheckpoint(t *testing.T) {
	folder := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	header := `{"model.embed_tokens.weight": {"dtype": "BF16", "shape": [2, 3], "data_offsets": [0, 12]}}`
	write("config.json", `{"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 64, "intermediate_size": 128,
		"num_hidden_layers": 1, "num_attention_heads": 4, "vocab_size": 256, "max_position_embeddings": 128}`)
	write("hf_quant_config.json", `{"quantization": {"quant_algo": "NVFP4", "kv_cache_quant_algo": "FP8"}}`)
	write("model-00001-of-00002.safetensors", string(rune(len(header)))+"\x00\x00\x00\x00\x00\x00\x00"+header+strings.Repeat("\x00", 12))
	m, err := ctxfit.OpenCheckpoint(folder, ctxfit.FileTypeDefault)
	if errors.Is(err, ctxfit.ErrUnsupported) {
		t.Skip("built without JSON")
	}
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	c := must(m.Checkpoint())(t)
	if c.Measured || !c.Incomplete || c.Bytes != 0 || c.Quant != ctxfit.CheckpointQuantNVFP4 || c.KVQuant.String() != "FP8_E4M3" {
		t.Errorf("%+v", c)
	}
	if notes := strings.Join(m.Notes(), "\n"); !strings.Contains(notes, "1 of 2 files are missing") {
		t.Errorf("%s", notes)
	}
	if _, err := ctxfit.OpenCheckpoint(filepath.Join(folder, "none"), ctxfit.FileTypeDefault); !errors.Is(err, ctxfit.ErrNotFound) {
		t.Errorf("no folder: %v", err)
	}
}

func TestModelfile(t *testing.T) {
	m, err := ctxfit.ParseModelfile([]byte("FROM ./a.gguf\nADAPTER b.gguf\nPARAMETER num_ctx 8192\nPARAMETER stop x\n"))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if parts := m.Parts(ctxfit.PartModel); len(parts) != 1 || parts[0] != "./a.gguf" {
		t.Errorf("%q", parts)
	}
	if n, err := m.Number("num_ctx"); n != 8192 || err != nil {
		t.Errorf("num_ctx %d, %v", n, err)
	}
	if _, err := m.Number("stop"); !errors.Is(err, ctxfit.ErrType) {
		t.Errorf("stop: %v", err)
	}
	if p := m.Parameters(); len(p) != 2 || p[1] != (ctxfit.Parameter{Name: "stop", Value: "x"}) {
		t.Errorf("%v", p)
	}
	base := must(ctxfit.ParseModelfile([]byte("FROM c\nPARAMETER num_ctx 4096\nPARAMETER num_gpu 3\n")))(t)
	defer base.Close()
	model := must(ctxfit.Catalog("qwen3-8b", ctxfit.FileTypeQ4_K_M))(t)
	hw := must(ctxfit.ParseHardware("rtx-4090 host:64GiB"))(t)
	ollama := []ctxfit.Option{ctxfit.WithEngine("ollama"), ctxfit.WithGPULayers(5)}
	plan := must(ctxfit.NewPlan(model, hw, append(ollama, ctxfit.WithParameters(m, base))...))(t)
	if s := plan.Summary(); s.ContextSeq != 8192 || s.GPULayers != 5 {
		t.Errorf("%d tokens, %d layers", s.ContextSeq, s.GPULayers)
	}
	if set, err := m.Applied(base, ollama...); set != ctxfit.ParameterNumCtx || err != nil {
		t.Errorf("%v, %v", set, err)
	}
	if set, err := m.Applied(nil); set != 0 || err != nil { // llama.cpp has none of them
		t.Errorf("%v, %v", set, err)
	}
	if _, err := m.Applied(nil, ctxfit.WithEngine("none")); !errors.Is(err, ctxfit.ErrNotFound) {
		t.Error(err)
	}
	if _, err := ctxfit.ParseModelfile(nil); !errors.Is(err, ctxfit.ErrIncomplete) {
		t.Errorf("nothing: %v", err)
	}
	if _, err := ctxfit.OllamaModel(t.TempDir(), "none"); !errors.Is(err, ctxfit.ErrNotFound) && !errors.Is(err, ctxfit.ErrUnsupported) {
		t.Errorf("an empty store: %v", err)
	}
}

func TestModelFromConfig(t *testing.T) {
	config := `{"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 4096, "intermediate_size": 14336,
		"num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 128256,
		"max_position_embeddings": 8192, "sliding_window": 1024}`
	m, err := ctxfit.FromConfig([]byte(config), ctxfit.FileTypeF16)
	if errors.Is(err, ctxfit.ErrUnsupported) {
		t.Skip("built without JSON")
	}
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if got := must(m.Info())(t).Parameters; got != 8030261248 { // as published for Llama 3 8B
		t.Errorf("%d parameters", got)
	}
	if notes := m.Notes(); len(notes) != 1 || !strings.Contains(notes[0], "sliding_window is 1024") {
		t.Errorf("notes %q", notes)
	}
	if _, err := ctxfit.FromConfig(nil, 0); !errors.Is(err, ctxfit.ErrMalformed) {
		t.Errorf("nothing: %v", err)
	}
	if _, err := ctxfit.FromConfig([]byte("{}"), 0); !errors.Is(err, ctxfit.ErrIncomplete) {
		t.Errorf("an empty object: %v", err)
	}
}

func TestModels(t *testing.T) {
	for _, e := range ctxfit.ModelCatalog() {
		m := must(ctxfit.Catalog(e.ID, 0))(t)
		info := must(m.Info())(t)
		if e.HuggingFaceID == "" || e.Source == "" || info.Architecture == "" || info.Layers == 0 ||
			len(m.Layers()) != info.Layers+info.NextNLayers || uint64(len(m.Tensors())) != info.TensorCount {
			t.Errorf("%+v: %+v", e, info)
		}
		m.Close()
	}
	text := "llama block_count=2 context_length=4096 embedding_length=256 feed_forward_length=512 attention.head_count=4 " +
		"attention.head_count_kv=2 vocab_size=1000"
	m := must(ctxfit.FromText(text, ctxfit.FileTypeF16))(t)
	info := must(m.Info())(t)
	again := must(ctxfit.FromLayers(info, m.Layers(), ctxfit.FileTypeF16))(t)
	if !reflect.DeepEqual(again.Layers(), m.Layers()) || must(again.Info())(t).TensorBytes != info.TensorBytes {
		t.Errorf("layers of %v are not those of %v", again, m)
	}
	if _, err := ctxfit.FromText("llama block_count=2", 0); !errors.Is(err, ctxfit.ErrIncomplete) {
		t.Errorf("%v", err)
	}
}

func TestGGUF(t *testing.T) {
	paths := must(filepath.Glob(filepath.Join(source(t), "tests", "data", "gguf", "*.gguf")))(t)
	if len(paths) == 0 {
		t.Fatal("no GGUF in tests/data/gguf")
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			g := must(ctxfit.OpenGGUF(path, ctxfit.HeaderOnly()))(t)
			format := g.Format()
			if format.Version < 2 || format.Shards != 1 || format.SplitCount != 1 || format.Alignment == 0 || format.BigEndian {
				t.Errorf("%+v", format)
			}
			if len(g.Keys()) != format.Keys || len(g.Tensors()) != format.Tensors || g.DataOffset(0) == 0 || g.DataOffset(1) != 0 ||
				g.DataOffset(-1) != 0 {
				t.Errorf("%+v", format)
			}
			for _, k := range g.Keys() {
				readKey(t, g, k)
			}
			for _, want := range g.Tensors() {
				if got := must(g.Tensor(want.Name))(t); !reflect.DeepEqual(got, want) {
					t.Errorf("%v is not %v", got, want)
				}
			}
			arch := must(g.Text("general.architecture"))(t)
			m := must(g.Model())(t)
			if info := must(m.Info())(t); info.Architecture != arch || !info.FromFile {
				t.Errorf("%+v", info)
			}
			if _, err := g.Uint64("no.such.key"); !errors.Is(err, ctxfit.ErrNotFound) {
				t.Errorf("%v", err)
			}
			if _, err := g.Uint64("general.architecture"); !errors.Is(err, ctxfit.ErrType) {
				t.Errorf("%v", err)
			}
		})
	}
}

// readKey reads a key by the getter of its type.
func readKey(t *testing.T, g *ctxfit.GGUF, k ctxfit.Key) {
	var err error
	switch k.Type {
	case ctxfit.TypeString:
		_, err = g.Text(k.Name)
	case ctxfit.TypeBool:
		_, err = g.Bool(k.Name)
	case ctxfit.TypeFloat32, ctxfit.TypeFloat64:
		_, err = g.Float64(k.Name)
	case ctxfit.TypeArray:
		if n, lenErr := g.Len(k.Name); lenErr != nil || n != k.Count {
			t.Errorf("%+v: %d, %v", k, n, lenErr)
		}
		values, arrayErr := g.Float64s(k.Name)
		whole, intErr := g.Int64s(k.Name)
		switch {
		case k.ElementType == ctxfit.TypeString || k.Count > 4096:
			if k.Count > 0 && (arrayErr == nil || intErr == nil) {
				t.Errorf("%+v was kept", k)
			}
		case k.ElementType == ctxfit.TypeFloat32:
			if arrayErr != nil || !errors.Is(intErr, ctxfit.ErrType) {
				t.Errorf("%+v: %v, %v", k, arrayErr, intErr)
			}
		case intErr != nil || uint64(len(whole)) != k.Count || k.ElementType != ctxfit.TypeBool && uint64(len(values)) != k.Count:
			t.Errorf("%+v: %v, %v", k, arrayErr, intErr)
		}
	default:
		var v int64
		if v, err = g.Int64(k.Name); err == nil && v >= 0 {
			_, err = g.Uint64(k.Name)
		}
	}
	if err != nil {
		t.Errorf("%+v: %v", k, err)
	}
	if got := must(g.Key(k.Name))(t); got != k {
		t.Errorf("%+v is not %+v", got, k)
	}
}

func TestPrefixesOfGGUF(t *testing.T) {
	file := []byte(read(t, source(t), "tests", "data", "gguf", "qwen-dense.gguf"))
	size := 0
	for {
		g, err := ctxfit.ParseGGUF(file[:size], ctxfit.FileSize(uint64(len(file))), ctxfit.HeaderOnly())
		if err == nil {
			defer g.Close()
			break
		}
		var e *ctxfit.Error
		if !errors.Is(err, ctxfit.ErrTruncated) || !errors.As(err, &e) || e.Detail <= uint64(size) {
			t.Fatalf("prefix of %d bytes: %v", size, err)
		}
		size = int(e.Detail)
	}
	for name, option := range map[string]ctxfit.GGUFOption{
		"keys": ctxfit.MaxKeys(1), "tensors": ctxfit.MaxTensors(1), "strings": ctxfit.MaxStringBytes(1), "header": ctxfit.MaxHeaderBytes(64),
	} {
		if _, err := ctxfit.ParseGGUF(file, option, ctxfit.HeaderOnly()); !errors.Is(err, ctxfit.ErrLimit) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ctxfit.ParseGGUF(file, ctxfit.MaxKeys(-1)); !errors.Is(err, ctxfit.ErrInvalidArgument) {
		t.Errorf("%v", err)
	}
	if _, err := ctxfit.ParseGGUF(file, ctxfit.NumberedBy(ctxfit.DialectIK), ctxfit.HeaderOnly()); err != nil {
		t.Errorf("%v", err)
	}
	if _, err := ctxfit.ParseGGUF(bytes.Repeat([]byte("no"), 100)); !errors.Is(err, ctxfit.ErrMalformed) {
		t.Errorf("%v", err)
	}
}

func TestStrings(t *testing.T) {
	p := plan(t, "qwen3-8b", "rtx-4090", ctxfit.WithContext(8192), ctxfit.WithParallel(2))
	for _, s := range []string{p.String(), p.Devices()[0].String(), p.Devices()[1].String(), p.Constraints()[0].String(),
		must(p.DecodeRate(100))(t).String(), must(p.PromptTime(100, 0))(t).String(), must(p.Check(ctxfit.Request{Prompt: 9000}))(t).String()} {
		if s == "" || strings.Contains(s, "%!") || strings.Contains(s, strconv.FormatUint(ctxfit.Unlimited, 10)) {
			t.Errorf("%q", s)
		}
	}
	id := must(p.JSONWithID("a <b>"))(t)
	if !bytes.Contains(id, []byte(`"id":"a <b>"`)) {
		t.Errorf("%s", id)
	}
}

func TestAMachineIsDetected(t *testing.T) {
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "proc"), 0o700); err != nil {
		t.Fatal(err)
	}
	meminfo := "MemTotal: 32768000 kB\nMemAvailable: 20480000 kB\n"
	if err := os.WriteFile(filepath.Join(root, "proc", "meminfo"), []byte(meminfo), 0o600); err != nil {
		t.Fatal(err)
	}
	h, err := ctxfit.DetectHardware(ctxfit.DetectOptions{Root: root, NoDriver: true, WithIntegrated: true})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if _, err := ctxfit.DetectHardware(ctxfit.DetectOptions{Root: root, DeviceLimits: make([]uint64, 17)}); !errors.Is(err, ctxfit.ErrInvalidArgument) {
		t.Error(err)
	}
	if limited, err := ctxfit.DetectHardware(ctxfit.DetectOptions{Root: root, VisibleSYCL: "0", DeviceLimits: []uint64{1 << 30}}); err != nil {
		t.Error(err)
	} else {
		limited.Close()
	}
	if h.String() != "host:32000MiB(free=20000MiB)" {
		t.Error(h)
	}
	report, err := h.Report()
	if err != nil || !strings.Contains(report, h.String()) || len(h.Warnings()) == 0 {
		t.Error(err, report, h.Warnings())
	}
	parsed, err := ctxfit.ParseHardware(h.String())
	if err != nil {
		t.Fatal(err)
	}
	defer parsed.Close()
	if _, err := parsed.Report(); !errors.Is(err, ctxfit.ErrNotFound) || parsed.Warnings() != nil {
		t.Error(err, parsed.Warnings())
	}
}

func TestStores(t *testing.T) {
	root := t.TempDir()
	snapshot := filepath.Join(root, "models--org--Tiny-GGUF", "snapshots", strings.Repeat("a", 40))
	for path, content := range map[string]string{
		filepath.Join(root, "models--org--Tiny-GGUF", "refs", "main"): strings.Repeat("a", 40),
		filepath.Join(snapshot, "Tiny-Q4_K_M.gguf"):                   "GGUF",
		filepath.Join(snapshot, "Tiny-Q8_0-00001-of-00002.gguf"):      "GGUF",
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("LLAMA_CACHE", root)
	if places := must(ctxfit.StorePlaces(ctxfit.StoreHF))(t); len(places) == 0 || places[0] != root {
		t.Errorf("%q", places)
	}
	for _, kind := range []ctxfit.StoreKind{ctxfit.StoreLMStudio, ctxfit.StoreOllama} {
		if _, err := ctxfit.StorePlaces(kind); err != nil {
			t.Error(err)
		}
	}
	m := must(ctxfit.LookUp("hf:org/tiny-gguf"))(t)
	defer m.Close()
	if parts := m.Parts(ctxfit.PartModel); len(parts) != 1 || parts[0] != filepath.Join(snapshot, "Tiny-Q4_K_M.gguf") {
		t.Errorf("%q", parts)
	}
	models := must(ctxfit.ListStored(ctxfit.StoreHF, root))(t)
	want := []ctxfit.Stored{
		{Name: "hf:org/Tiny-GGUF:Q4_K_M", Path: filepath.Join(snapshot, "Tiny-Q4_K_M.gguf"), Bytes: 4, Files: 1},
		{Name: "hf:org/Tiny-GGUF:Q8_0", Path: filepath.Join(snapshot, "Tiny-Q8_0-00001-of-00002.gguf"), Bytes: 4, Files: 1, Unfinished: true},
	}
	if !reflect.DeepEqual(models, want) {
		t.Errorf("%+v", models)
	}
	if all := must(ctxfit.StoredModels(ctxfit.StoreHF))(t); len(all) < 2 {
		t.Errorf("%+v", all)
	}
	if _, err := ctxfit.FindStored(ctxfit.StoreHF, root, "org/Tiny-GGUF:Q5_K_M"); !errors.Is(err, ctxfit.ErrNotFound) {
		t.Errorf("no such tag: %v", err)
	}
	if _, err := ctxfit.LookUp("hf:org/Tiny-GGUF:Q8_0"); !errors.Is(err, ctxfit.ErrIncomplete) {
		t.Errorf("one of two files: %v", err)
	}
	if _, err := ctxfit.OpenModel("hf:org/Tiny-GGUF"); !errors.Is(err, ctxfit.ErrTruncated) && !errors.Is(err, ctxfit.ErrMalformed) {
		t.Errorf("four bytes: %v", err)
	}
}
