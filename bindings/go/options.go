package ctxfit

/*
#include <ctxfit.h>
*/
import "C"

import "strings"

type planOptions C.ctxfit_plan_options

// Option says what to plan for. What no option states is the engine's default. Names in brackets are the options of llama.cpp.
type Option func(*planOptions) error

// SplitMode is how several devices share a model.
type SplitMode uint32

// The split modes.
const (
	SplitDefault SplitMode = C.CTXFIT_SPLIT_DEFAULT
	SplitLayer   SplitMode = C.CTXFIT_SPLIT_LAYER
	SplitNone    SplitMode = C.CTXFIT_SPLIT_NONE
	SplitRow     SplitMode = C.CTXFIT_SPLIT_ROW
)

var splitModeNames = map[SplitMode]string{SplitDefault: "default", SplitLayer: "layer", SplitNone: "none", SplitRow: "row"}

// String returns the name that llama.cpp has for it.
func (s SplitMode) String() string { return enumName(uint32(s), splitModeNames[s]) }

// MaxSplit is the most devices that [WithTensorSplit] can name.
const MaxSplit = C.CTXFIT_MAX_SPLIT

func choice(on bool) C.uint32_t {
	if on {
		return C.CTXFIT_CHOICE_ON
	}
	return C.CTXFIT_CHOICE_OFF
}

// WithContext plans for a whole context, which the sequences share (-c). 0 is the trained length, as without this option.
func WithContext(tokens uint64) Option {
	return func(o *planOptions) error { o.ctx_tokens = C.uint64_t(tokens); return nil }
}

// WithLargestContext plans for the most context that fits, up to the trained length.
func WithLargestContext() Option { return WithContext(C.CTXFIT_CTX_LARGEST) }

// WithParallel plans for sequences that run at the same time (-np).
func WithParallel(sequences int) Option {
	return func(o *planOptions) error { return putCount(&o.sequences, "WithParallel", sequences) }
}

// WithBatch plans for the tokens that one call (-b) and one pass (-ub) may process; 0 is the default.
func WithBatch(batch, ubatch int) Option {
	return func(o *planOptions) error {
		if err := putCount(&o.batch_tokens, "WithBatch", batch); err != nil {
			return err
		}
		return putCount(&o.ubatch_tokens, "WithBatch", ubatch)
	}
}

// WithOutputs plans for rows of logits of a batch. Without it there is one per sequence, as llama-server has.
func WithOutputs(rows int) Option {
	return func(o *planOptions) error { return putCount(&o.outputs_max, "WithOutputs", rows) }
}

// WithAllOutputs plans for a row of logits of every token of a batch.
func WithAllOutputs() Option {
	return func(o *planOptions) error { o.outputs_max = C.UINT32_MAX; return nil }
}

// WithCache plans for formats of cached keys and values (-ctk, -ctv).
func WithCache(key, value Quant) Option {
	return func(o *planOptions) error {
		o.kv_key, o.kv_value = C.ctxfit_quant(key), C.ctxfit_quant(value)
		return nil
	}
}

// WithFlashAttention turns flash attention on or off (-fa). The default is on where the engine can.
func WithFlashAttention(on bool) Option {
	return func(o *planOptions) error { o.flash_attention = choice(on); return nil }
}

// WithUnifiedCache lets all sequences share one cache (--kv-unified), or not.
func WithUnifiedCache(on bool) Option {
	return func(o *planOptions) error { o.kv_unified = choice(on); return nil }
}

// WithFullWindowCache makes caches of sliding windows as long as the context (--swa-full), or not.
func WithFullWindowCache(on bool) Option {
	return func(o *planOptions) error { o.swa_full = choice(on); return nil }
}

// WithCacheOffload puts caches on the GPUs, or keeps them on the host (--no-kv-offload).
func WithCacheOffload(on bool) Option {
	return func(o *planOptions) error { o.kv_offload = choice(on); return nil }
}

// WithOpOffload copies weights of the host to a GPU for large batches, or not (--no-op-offload).
func WithOpOffload(on bool) Option {
	return func(o *planOptions) error { o.op_offload = choice(on); return nil }
}

// WithMmap maps the file into memory, or reads it (--no-mmap).
func WithMmap(on bool) Option { return func(o *planOptions) error { o.mmap = choice(on); return nil } }

// WithRepack lets a CPU change the layout of weights, or not (--no-repack).
func WithRepack(on bool) Option {
	return func(o *planOptions) error { o.repack = choice(on); return nil }
}

// WithSplitMode says how several devices share the model (-sm).
func WithSplitMode(mode SplitMode) Option {
	return func(o *planOptions) error { o.split_mode = C.uint32_t(mode); return nil }
}

// WithTensorSplit gives each device its proportion of the model (-ts). The default is by free memory.
func WithTensorSplit(proportions ...float64) Option {
	return func(o *planOptions) error {
		if len(proportions) > MaxSplit {
			return invalid("WithTensorSplit: %d proportions, at most %d are possible", len(proportions), MaxSplit)
		}
		for i := range o.tensor_split {
			o.tensor_split[i] = 0
		}
		for i, p := range proportions {
			o.tensor_split[i] = C.double(p)
		}
		return nil
	}
}

// WithGPULayers puts that many layers on GPUs (-ngl), the output layer being one more; 0 keeps everything on the host.
func WithGPULayers(n int) Option {
	return func(o *planOptions) error {
		if n == 0 {
			o.gpu_layers = C.CTXFIT_GPU_LAYERS_NONE
			return nil
		}
		return putCount(&o.gpu_layers, "WithGPULayers", n)
	}
}

// WithCPUExperts keeps the experts of the first n layers on the host (--n-cpu-moe).
func WithCPUExperts(n int) Option {
	return func(o *planOptions) error { return putCount(&o.cpu_expert_layers, "WithCPUExperts", n) }
}

// WithAllCPUExperts keeps the experts of every layer on the host (--cpu-moe).
func WithAllCPUExperts() Option {
	return func(o *planOptions) error { o.cpu_expert_layers = C.CTXFIT_ALL_LAYERS; return nil }
}

// WithOverrides puts tensors whose name a pattern finds to a buffer (-ot): "PATTERN=BUFFER", where BUFFER is CPU or a device (CUDA0).
func WithOverrides(overrides ...string) Option {
	return func(o *planOptions) error {
		o.overrides = [len(o.overrides)]C.char{}
		return putString(o.overrides[:], "WithOverrides", strings.Join(overrides, ";"))
	}
}

// WithDeviceReserve keeps bytes free on each GPU by place, 0 none; beyond the last that is named [WithReserve] holds.
func WithDeviceReserve(bytes ...uint64) Option {
	return func(o *planOptions) error {
		if len(bytes) > MaxSplit {
			return invalid("WithDeviceReserve: %d devices, at most %d are possible", len(bytes), MaxSplit)
		}
		for i, b := range bytes {
			if b == 0 {
				b = C.CTXFIT_RESERVE_NONE
			}
			o.device_reserve_bytes[i] = C.uint64_t(b)
		}
		return nil
	}
}

// WithHostReserve keeps bytes of host memory free; 0 keeps none. The default is what the machine keeps for its system.
func WithHostReserve(bytes uint64) Option {
	return func(o *planOptions) error {
		if bytes == 0 {
			bytes = C.CTXFIT_RESERVE_NONE
		}
		o.host_reserve_bytes = C.uint64_t(bytes)
		return nil
	}
}

// WithModelContext states num_ctx of a Modelfile, which Ollama takes where no context is asked for.
func WithModelContext(tokens uint64) Option {
	return func(o *planOptions) error { o.model_ctx_tokens = C.uint64_t(tokens); return nil }
}

// WithDefaultContext states what an Ollama server is set to (OLLAMA_CONTEXT_LENGTH).
func WithDefaultContext(tokens uint64) Option {
	return func(o *planOptions) error { o.default_ctx_tokens = C.uint64_t(tokens); return nil }
}

// WithGPUOverhead states what Ollama holds back on each GPU (OLLAMA_GPU_OVERHEAD).
func WithGPUOverhead(bytes uint64) Option {
	return func(o *planOptions) error { o.overhead_bytes = C.uint64_t(bytes); return nil }
}

// WithSpread lets Ollama use every GPU, also where one would do (OLLAMA_SCHED_SPREAD).
func WithSpread() Option {
	return func(o *planOptions) error { o.flags |= C.CTXFIT_PLAN_F_SPREAD; return nil }
}

// WithVision says that the model takes images, for which Ollama's context is at least 2,048.
func WithVision() Option {
	return func(o *planOptions) error { o.flags |= C.CTXFIT_PLAN_F_VISION; return nil }
}

// WithMemoryFraction says which part of a GPU's memory vLLM may use (--gpu-memory-utilization).
func WithMemoryFraction(fraction float64) Option {
	return func(o *planOptions) error { o.memory_fraction = C.double(fraction); return nil }
}

// WithKVCacheBytes gives the cache of vLLM its bytes on each GPU (--kv-cache-memory-bytes).
func WithKVCacheBytes(bytes uint64) Option {
	return func(o *planOptions) error { o.kv_cache_bytes = C.uint64_t(bytes); return nil }
}

// WithTensorParallel says how many GPUs share each layer in vLLM (-tp).
func WithTensorParallel(ranks int) Option {
	return func(o *planOptions) error { return putCount(&o.tensor_parallel, "WithTensorParallel", ranks) }
}

// WithPipelineParallel says how many stages vLLM divides the layers into (-pp).
func WithPipelineParallel(stages int) Option {
	return func(o *planOptions) error { return putCount(&o.pipeline_parallel, "WithPipelineParallel", stages) }
}

// WithBlockTokens says how many tokens a block of vLLM's cache holds (--block-size).
func WithBlockTokens(tokens int) Option {
	return func(o *planOptions) error { return putCount(&o.block_tokens, "WithBlockTokens", tokens) }
}

// WithBatchSequences says how many sequences a batch of vLLM has at most (--max-num-seqs).
func WithBatchSequences(sequences int) Option {
	return func(o *planOptions) error { return putCount(&o.batch_sequences, "WithBatchSequences", sequences) }
}

// WithDraftTokens says how many tokens the model's own prediction blocks draft in vLLM.
func WithDraftTokens(tokens int) Option {
	return func(o *planOptions) error { return putCount(&o.draft_tokens, "WithDraftTokens", tokens) }
}

// WithEager turns CUDA graphs of vLLM off (--enforce-eager).
func WithEager() Option {
	return func(o *planOptions) error { o.flags |= C.CTXFIT_PLAN_F_EAGER; return nil }
}

// WithoutPrefixCache turns vLLM's cache of prefixes off (--no-enable-prefix-caching).
func WithoutPrefixCache() Option {
	return func(o *planOptions) error { o.flags |= C.CTXFIT_PLAN_F_NO_PREFIX_CACHE; return nil }
}

// WithPrefixCache turns vLLM's cache of prefixes on (--enable-prefix-caching), which is the default but for hybrid models before 0.26.
func WithPrefixCache() Option {
	return func(o *planOptions) error { o.flags |= C.CTXFIT_PLAN_F_PREFIX_CACHE; return nil }
}

// WithTextOnly leaves eyes and ears out, as vLLM does from 0.16 on (--language-model-only, --limit-mm-per-prompt of 0).
func WithTextOnly() Option {
	return func(o *planOptions) error { o.flags |= C.CTXFIT_PLAN_F_TEXT_ONLY; return nil }
}

// WithEngine plans for an engine in a version: "llama.cpp", "llama.cpp@b10472", "ollama", "vllm", "sglang", "tensorrt-llm". The default is the newest known llama.cpp.
func WithEngine(name string) Option {
	return func(o *planOptions) error {
		o.engine = [len(o.engine)]C.char{}
		return putString(o.engine[:], "WithEngine", name)
	}
}

// WithReserve keeps bytes free on each GPU; 0 keeps none. The default is 1 GiB where a GPU has memory of its own.
func WithReserve(bytes uint64) Option {
	return func(o *planOptions) error {
		if bytes == 0 {
			bytes = C.CTXFIT_RESERVE_NONE
		}
		o.reserve_bytes = C.uint64_t(bytes)
		return nil
	}
}

// WithLimit holds requests against a limit from elsewhere too, and source says where it stands ("agent.yaml: context_length").
func WithLimit(tokens uint64, source string) Option {
	return func(o *planOptions) error {
		o.limit_tokens = C.uint64_t(tokens)
		o.limit_source = [len(o.limit_source)]C.char{}
		return putString(o.limit_source[:], "WithLimit: the source", source)
	}
}

// WithMeasuredRates uses rates that were measured on the real machine instead of estimates, in tokens per second; 0 is not measured.
// Decoding is measured at a short context.
func WithMeasuredRates(prefill, decode float64) Option {
	return func(o *planOptions) error {
		o.measured_prefill_tokens_per_s, o.measured_decode_tokens_per_s = C.double(prefill), C.double(decode)
		return nil
	}
}

// WithoutSearch plans this context only: no search for the largest one or for more sequences, which is fastest.
func WithoutSearch() Option {
	return func(o *planOptions) error { o.flags |= C.CTXFIT_PLAN_F_NO_LIMITS; return nil }
}

// WithBound takes an upper bound of compute buffers, which is faster than the exact size.
func WithBound() Option {
	return func(o *planOptions) error { o.flags |= C.CTXFIT_PLAN_F_BOUND; return nil }
}
