package ctxfit_test

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	ctxfit "github.com/ctxfit/libctxfit/bindings/go"
)

// A case of tests/data/bindings/plans.json, which every binding answers: a question in the words of the command and in the members of
// ctxfit_plan_options.
type sharedCase struct {
	Name, Model, HW string
	Quant           *string
	Words           []string
	Options         map[string]json.RawMessage
}

// The members of ctxfit_plan_options as options of this package. Two that one option sets stand under the first.
func sharedOptions(t *testing.T, members map[string]json.RawMessage) []ctxfit.Option {
	t.Helper()
	read := func(name string, value interface{}) bool {
		raw, there := members[name]
		if there {
			if err := json.Unmarshal(raw, value); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			delete(members, name)
		}
		return there
	}
	number := func(name string) (n uint64) { read(name, &n); return n }
	text := func(name string) (s string) { read(name, &s); return s }
	rate := func(name string) (r float64) { read(name, &r); return r }
	format := func(name string) ctxfit.Quant { return must(ctxfit.ParseQuant(text(name)))(t) }
	named := func(name, constant string) bool { return string(members[name]) == `"`+constant+`"` }
	on := func(name string) bool { return number(name) == 1 } // CTXFIT_CHOICE_ON

	var options []ctxfit.Option
	add := func(name string, option func() ctxfit.Option) {
		if _, there := members[name]; there {
			options = append(options, option())
			delete(members, name)
		}
	}
	add("ctx_tokens", func() ctxfit.Option {
		if named("ctx_tokens", "CTXFIT_CTX_LARGEST") {
			return ctxfit.WithLargestContext()
		}
		return ctxfit.WithContext(number("ctx_tokens"))
	})
	add("gpu_layers", func() ctxfit.Option {
		if named("gpu_layers", "CTXFIT_GPU_LAYERS_NONE") {
			return ctxfit.WithGPULayers(0)
		}
		return ctxfit.WithGPULayers(int(number("gpu_layers")))
	})
	add("cpu_expert_layers", func() ctxfit.Option {
		if named("cpu_expert_layers", "CTXFIT_ALL_LAYERS") {
			return ctxfit.WithAllCPUExperts()
		}
		return ctxfit.WithCPUExperts(int(number("cpu_expert_layers")))
	})
	add("reserve_bytes", func() ctxfit.Option {
		if named("reserve_bytes", "CTXFIT_RESERVE_NONE") {
			return ctxfit.WithReserve(0)
		}
		return ctxfit.WithReserve(number("reserve_bytes"))
	})
	add("tensor_split", func() ctxfit.Option {
		var proportions []float64
		read("tensor_split", &proportions)
		return ctxfit.WithTensorSplit(proportions...)
	})
	add("sequences", func() ctxfit.Option { return ctxfit.WithParallel(int(number("sequences"))) })
	add("batch_tokens", func() ctxfit.Option {
		return ctxfit.WithBatch(int(number("batch_tokens")), int(number("ubatch_tokens")))
	})
	add("kv_key", func() ctxfit.Option { return ctxfit.WithCache(format("kv_key"), format("kv_value")) })
	add("split_mode", func() ctxfit.Option { return ctxfit.WithSplitMode(ctxfit.SplitMode(number("split_mode"))) })
	add("overrides", func() ctxfit.Option { return ctxfit.WithOverrides(text("overrides")) })
	add("engine", func() ctxfit.Option { return ctxfit.WithEngine(text("engine")) })
	add("limit_tokens", func() ctxfit.Option { return ctxfit.WithLimit(number("limit_tokens"), text("limit_source")) })
	add("measured_prefill_tokens_per_s", func() ctxfit.Option {
		return ctxfit.WithMeasuredRates(rate("measured_prefill_tokens_per_s"), rate("measured_decode_tokens_per_s"))
	})
	for name, option := range map[string]func(bool) ctxfit.Option{
		"flash_attention": ctxfit.WithFlashAttention, "kv_unified": ctxfit.WithUnifiedCache, "swa_full": ctxfit.WithFullWindowCache,
		"kv_offload": ctxfit.WithCacheOffload, "op_offload": ctxfit.WithOpOffload, "mmap": ctxfit.WithMmap, "repack": ctxfit.WithRepack,
	} {
		name, option := name, option
		add(name, func() ctxfit.Option { return option(on(name)) })
	}
	for name := range members {
		t.Fatalf("no option of this package stands for %s", name)
	}
	return options
}

func TestSharedCasesGiveTheJSONOfTheCommand(t *testing.T) {
	command := os.Getenv("CTXFIT_COMMAND")
	if command == "" {
		t.Skip("CTXFIT_COMMAND does not name the ctxfit command")
	}
	var cases []sharedCase
	text := must(os.ReadFile(filepath.Join("..", "..", "tests", "data", "bindings", "plans.json")))(t)
	if err := json.Unmarshal(text, &cases); err != nil || len(cases) == 0 {
		t.Fatal("plans.json: ", err)
	}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			arguments := append([]string{"plan", c.Model, "--hw", c.HW, "--json"}, c.Words...)
			var fileType ctxfit.FileType
			if c.Quant != nil {
				arguments = append(arguments, "--quant", *c.Quant)
				fileType = must(ctxfit.ParseFileType(*c.Quant))(t)
			}
			want, err := exec.Command(command, arguments...).Output()
			var exit *exec.ExitError
			if err != nil && !(errors.As(err, &exit) && exit.ExitCode() == 1) { // 1: it does not fit
				t.Fatalf("%v %q: %v", command, arguments, err)
			}
			m := must(ctxfit.Catalog(c.Model, fileType))(t)
			defer m.Close()
			h := must(ctxfit.ParseHardware(c.HW))(t)
			defer h.Close()
			p := must(ctxfit.NewPlan(m, h, sharedOptions(t, c.Options)...))(t)
			defer p.Close()
			if got := must(p.JSON())(t); string(got) != strings.TrimSuffix(string(want), "\n") {
				t.Errorf("Go  %s\nC   %s", got, want)
			}
		})
	}
}
