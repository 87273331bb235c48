# Made by generate.py from include/ctxfit/*.h: do not edit.
"""Enumerations of the library. Values are those of C and never change."""
from __future__ import annotations

import enum


class Status(enum.IntEnum):
    """Values of ctxfit_status."""

    OK = 0
    #: NULL where a pointer is needed, or a value outside its range
    INVALID_ARG = -1
    #: the allocator returned NULL
    NO_MEMORY = -2
    #: unknown name or missing key; the message holds the nearest names
    NOT_FOUND = -3
    #: *out_len says how many bytes (without the NUL) are needed
    BUFFER_SIZE = -4
    #: struct_size unset or absurd
    STRUCT_SIZE = -5
    #: the caller set a field that this library does not know
    NEWER_STRUCT = -6
    #: a byte count does not fit in 64 bits
    OVERFLOW = -7
    #: a file could not be opened or read; detail is errno
    IO = -8
    #: more input is needed: detail is the prefix length wanted, bytes
    TRUNCATED = -10
    #: broken input: offset says where
    MALFORMED = -11
    #: well-formed but beyond this version
    UNSUPPORTED = -12
    #: a limit of the options was hit; detail is the limit
    LIMIT = -13
    #: the key exists with another type; the message names both
    TYPE = -14
    #: a model lacks a required fact; the message names it
    INCOMPLETE = -15
    #: the engine refuses this combination; the message is its reason
    REFUSED = -16


class Dialect(enum.IntEnum):
    """Whose numbering a GGUF uses."""

    GGML = 0
    IK = 1


class QuantFlags(enum.IntFlag):
    """Flags of QuantInfo."""

    #: a ggml tensor format (can be in a GGUF)
    GGML = 1
    #: llama.cpp accepts it as a KV cache type
    CACHE = 2
    #: a plain number format, not quantized
    FLOAT = 4
    #: a format of Hugging Face or MLX checkpoints
    HF = 8
    #: once existed; files with it can no longer be loaded
    RETIRED = 16
    #: a plain integer format, not quantized
    INT = 32
    #: only ik_llama.cpp knows it; ggml_type is a number of CTXFIT_DIALECT_IK
    IK = 64
    #: a KV cache type of ExLlamaV3 ("KV_4BIT", or as TabbyAPI says it: "Q4") or vLLM
    CACHE_OTHER = 128


class FileTypeFlags(enum.IntFlag):
    """Flags of FileTypeInfo."""

    #: once existed; llama.cpp no longer makes or loads it
    RETIRED = 1
    #: llama-quantize does not make it, so no rule says which tensor gets which format
    NO_RECIPE = 2
    #: superseded, or for models trained in that format: nothing to recommend for any model
    UNCOMMON = 4
    #: ExLlamaV3's, of any number of bits: not in the list of ctxfit_file_type_at()
    EXL3 = 8


class GgufType(enum.IntEnum):
    """Types of a metadata value, as numbered in the format."""

    UINT8 = 0
    INT8 = 1
    UINT16 = 2
    INT16 = 3
    UINT32 = 4
    INT32 = 5
    FLOAT32 = 6
    BOOL = 7
    STRING = 8
    ARRAY = 9
    UINT64 = 10
    INT64 = 11
    FLOAT64 = 12


class GgufFlags(enum.IntFlag):
    """Flags of ctxfit_gguf_options."""

    #: the file may lack tensor data: a header saved alone, a download that goes on
    HEADER_ONLY = 1


class Dtype(enum.IntEnum):
    """Types of elements. Numbers are for ever."""

    UNKNOWN = 0
    BOOL = 1
    U8 = 2
    I8 = 3
    U16 = 4
    I16 = 5
    U32 = 6
    I32 = 7
    U64 = 8
    I64 = 9
    F16 = 10
    BF16 = 11
    F32 = 12
    F64 = 13
    C64 = 14
    F8_E4M3 = 15
    F8_E5M2 = 16
    F8_E8M0 = 17
    F6_E2M3 = 18
    F6_E3M2 = 19
    F4 = 20
    F8_E4M3FNUZ = 21
    F8_E5M2FNUZ = 22


class CheckpointQuant(enum.IntEnum):
    """How the weights of a checkpoint are quantized."""

    NONE = 0
    FP8 = 1
    AWQ = 2
    GPTQ = 3
    MXFP4 = 4
    NVFP4 = 5
    #: compressed-tensors, integers
    INTEGER = 6
    BITSANDBYTES = 7
    MLX = 8
    #: a method that is not known
    OTHER = 9
    #: ExLlamaV3
    EXL3 = 10


class CheckpointFlags(enum.IntFlag):
    """Flags of Checkpoint."""

    #: the bytes were read from the files' headers; without it all are 0
    MEASURED = 1
    #: files are missing, or shorter than their headers say: a download that did not end
    INCOMPLETE = 2
    #: the files hold something else than config.json describes; notes say what
    DIFFERS = 4


class Attention(enum.IntEnum):
    """How a layer attends."""

    NONE = 0
    #: every earlier token (multi-head, grouped-query, multi-query)
    FULL = 1
    #: the last window_tokens
    SLIDING = 2
    #: the current chunk of window_tokens
    CHUNKED = 3
    #: multi-head latent attention: one compressed vector per token is cached
    LATENT = 4


class State(enum.IntEnum):
    """What keeps a state of constant size in a layer, beside or instead of attention."""

    NONE = 0
    MAMBA = 1
    MAMBA2 = 2
    #: gated delta net (Qwen3-Next, Qwen3.5)
    DELTA_NET = 3
    #: Kimi delta attention
    KDA = 4
    #: LFM2
    SHORT_CONV = 5
    RWKV = 6


class FeedForward(enum.IntEnum):
    """Feed-forward part of a layer."""

    NONE = 0
    #: up, down
    PLAIN = 1
    #: gate, up, down
    GATED = 2
    #: experts (gated or not), perhaps with shared ones
    MOE = 3


class LayerFlags(enum.IntFlag):
    """Flags of a layer."""

    #: owns a KV cache; without it attention reuses an earlier layer's, or caches nothing
    CACHE = 1
    #: a next-token-prediction block behind the trunk; not loaded unless drafting
    NEXTN = 2
    #: experts have no gate matrix
    PLAIN_EXPERTS = 4


class RopeScaling(enum.IntEnum):
    """How positions are stretched beyond the length of pre-training."""

    NONE = 0
    LINEAR = 1
    YARN = 2
    LONGROPE = 3
    #: per-frequency factors stored as a tensor
    LLAMA3 = 4


class ModelFlags(enum.IntFlag):
    """Flags of a model."""

    #: the output matrix is the token embedding
    TIED = 1
    #: no rules for this architecture: generic cache, compute only as a band
    UNKNOWN_ARCH = 2
    #: tensors were read from a file, not derived from a recipe
    FROM_FILE = 4
    #: no attention at all
    RECURRENT = 8
    #: attention and recurrent state
    HYBRID = 16
    #: encoders and diffusion models: nothing is cached
    NO_CACHE = 32
    #: the source states no trained length: trained_tokens is 0
    CONTEXT_UNSTATED = 64


class CompanionKind(enum.IntEnum):
    """Files that come beside a model."""

    #: eyes or ears (mmproj)
    PROJECTOR = 1
    #: LoRA
    ADAPTER = 2


class CompanionFlags(enum.IntFlag):
    """Flags of Companion."""

    #: a projector that sees
    VISION = 1
    #: a projector that hears
    AUDIO = 2


class Part(enum.IntEnum):
    """Parts of a model."""

    #: weights: FROM, or the model layer
    MODEL = 1
    #: eyes or ears (mmproj)
    PROJECTOR = 2
    #: LoRA
    ADAPTER = 3
    #: a draft model
    DRAFT = 4
    #: the template's text, of a store its file
    TEMPLATE = 5
    #: the system prompt's text, of a store its file
    SYSTEM = 6


class DeviceKind(enum.IntEnum):
    """What a device is."""

    #: host memory and the CPU; always the last device
    HOST = 1
    #: memory of its own
    GPU = 2
    #: shares the host's memory, up to its budget
    UNIFIED = 3


class Backend(enum.IntEnum):
    """Through which interface an engine drives a device. Values are frozen."""

    DEFAULT = 0
    CPU = 1
    CUDA = 2
    METAL = 3
    ROCM = 4
    VULKAN = 5
    SYCL = 6
    #: another host through a network; no properties of its own
    RPC = 7


class DetectFlags(enum.IntFlag):
    """Flags of ctxfit_hw_detect_options."""

    #: load no library of a driver (NVML): files only
    NO_DRIVER = 1
    #: keep an integrated GPU beside discrete ones; it is left out otherwise
    WITH_INTEGRATED = 2


class Form(enum.IntEnum):
    """What an entry of the catalog is."""

    UNKNOWN = 0
    #: a graphics card, of a laptop too
    CARD = 1
    #: an accelerator for servers
    DATACENTER = 2
    #: processor and GPU in one, made to share fast memory
    SOC = 3
    #: a processor with a GPU on the system's memory
    IGPU = 4
    #: a processor alone
    CPU = 5
    #: an accelerator that is no GPU
    NPU = 6
    #: from here on: whole machines
    DESKTOP = 7
    LAPTOP = 8
    SERVER = 9
    #: a board
    EMBEDDED = 10
    TABLET = 11
    #: several linked machines
    CLUSTER = 12


class Confidence(enum.IntEnum):
    """How well the figures of an entry are known."""

    UNKNOWN = 0
    #: a single secondary source, or an estimate
    SINGLE = 1
    #: a database that other sources agree with
    CHECKED = 2
    #: cited from the vendor
    VENDOR = 3


class EntryKind(enum.IntEnum):
    """Which entries a filter passes."""

    ANY = 0
    PARTS = 1
    MACHINES = 2


class Choice(enum.IntEnum):
    """A choice that an engine leaves open; 0 is the engine's default."""

    DEFAULT = 0
    ON = 1
    OFF = 2


class Split(enum.IntEnum):
    """How several devices share a model."""

    DEFAULT = 0
    #: whole layers to each
    LAYER = 1
    #: the first device has all
    NONE = 2
    #: rows of each matrix: not modelled, CTXFIT_E_UNSUPPORTED
    ROW = 3


class PlanFlags(enum.IntFlag):
    """Flags of ctxfit_plan_options."""

    #: only this context: no search for the largest one or for more sequences (fastest)
    NO_LIMITS = 1
    #: compute buffers by an upper bound: microseconds instead of hundreds of them, for sweeps
    BOUND = 2
    #: Ollama: use every GPU, also where one would do (OLLAMA_SCHED_SPREAD)
    SPREAD = 256
    #: vLLM: no CUDA graphs (--enforce-eager)
    EAGER = 1024
    #: vLLM: --no-enable-prefix-caching, SGLang: --disable-radix-cache; of hybrid models
    NO_PREFIX_CACHE = 2048
    #: vLLM: --enable-prefix-caching, for hybrid models the default from 0.26 on
    PREFIX_CACHE = 4096
    #: vLLM: eyes and ears beside the decoder are not loaded (--language-model-only, --limit-mm-per-prompt with 0 for all that the model takes)
    TEXT_ONLY = 8192
    #: Ollama: the model takes images, for which the context is at least 2,048
    VISION = 512


class Fit(enum.IntEnum):
    """Whether it fits."""

    UNKNOWN = 0
    #: every part fits, and every layer is on a GPU (or the machine has none)
    ALL = 1
    #: every part fits, with some weights or caches on the host beside a GPU
    SPLIT = 2
    #: at least one device has too little memory
    NONE = 3


class Parameter(enum.IntFlag):
    """Parameters of a model in Ollama that options of a plan have, bits."""

    #: model_ctx_tokens, where ctx_tokens is 0 as well
    NUM_CTX = 1
    #: batch_tokens
    NUM_BATCH = 2
    #: gpu_layers
    NUM_GPU = 4
    #: mmap
    USE_MMAP = 8


class ContextSource(enum.IntEnum):
    """Where the context of a plan comes from."""

    #: it was asked for (ctx_tokens)
    REQUEST = 1
    #: the Modelfile
    FILE = 2
    #: the server's setting
    SERVER = 3
    #: the engine's default for this much GPU memory
    MEMORY = 4
    #: the trained length
    MODEL = 5


class Limit(enum.IntEnum):
    """What can limit the context of one sequence."""

    #: limit_tokens of the options
    CONFIGURED = 1
    #: the context that was asked for
    REQUESTED = 2
    #: the context that was asked for, divided among the sequences
    SLOTS = 3
    #: what the model is made for
    TRAINED = 4
    #: length before rope scaling: beyond it quality may fall; never binding
    ROPE_SCALING = 5
    #: memory of a device
    DEVICE = 6
    #: the part of unified memory that a GPU may use
    GPU_BUDGET = 7
    #: host memory
    HOST = 8
    #: a rule of the engine
    ENGINE = 9


class Basis(enum.IntEnum):
    """Where an estimate comes from."""

    #: there is none: the machine lacks a rate
    UNKNOWN = 0
    #: formulas whose constants are fitted to measurements of other machines
    CALIBRATED = 1
    #: a rate that the options state as measured
    MEASURED = 2


class Outcome(enum.IntFlag):
    """Outcome of a check, bits."""

    OK = 0
    #: prompt and output are more tokens than the limit
    OVERFLOW = 1
    #: it is expected behind the deadline
    TOO_SLOW = 2
    #: the plan itself does not fit
    NO_FIT = 4


class Differs(enum.IntEnum):
    """In what two plans can differ. They are listed as settings (FIT to BATCH), parts (WEIGHTS to OUTPUT and BESIDE, the largest difference first), TOTAL, USABLE, and what the rest allows (MAX_CONTEXT, MAX_SEQUENCES)."""

    #: the verdict: Fit
    FIT = 1
    #: of one sequence, tokens
    CONTEXT = 2
    #: at the same time
    SEQUENCES = 3
    #: tokens of one pass
    BATCH = 4
    #: bytes that may be used, of the GPUs that take part
    USABLE = 5
    #: this to TOTAL: bytes on all devices
    WEIGHTS = 6
    #: of every kind of cache
    CACHE = 7
    #: of recurrent layers
    STATE = 8
    #: buffers, or what profiling finds
    COMPUTE = 9
    #: logits on the host
    OUTPUT = 10
    #: everything
    TOTAL = 11
    #: largest context that fits, tokens
    MAX_CONTEXT = 12
    #: most sequences that fit
    MAX_SEQUENCES = 13
    #: bytes of what runs beside the model
    BESIDE = 14


class ProjectorFlags(enum.IntFlag):
    """Flags of ctxfit_projector_options."""

    #: on the host (--no-mmproj-offload)
    HOST = 1


class EncoderFlags(enum.IntFlag):
    """Flags of ProjectorMemory."""

    #: runs on the GPU
    DEVICE = 1
    #: the encoder of images (or, alone, of sound) uses flash attention
    FLASH = 2
    #: no graph of this kind is known: compute buffers are an upper bound
    BOUND = 4
    #: what this kind makes of an image or a recording is not known: counted as at the start
    UNSIZED = 8
    #: by the graph, but nobody measured it on such a GPU (other than CUDA and RPC)
    UNCHECKED = 16


class BesideKind(enum.IntEnum):
    """What runs beside a model."""

    #: a smaller model that drafts tokens
    DRAFT = 1
    #: the model's own next-token-prediction blocks, drafting
    NEXTN = 2
    #: LoRA
    ADAPTER = 3
    #: eyes or ears
    PROJECTOR = 4


class Objective(enum.IntEnum):
    """What a choice is made for."""

    #: FASTEST_DECODE, or LARGEST_CONTEXT where the context is open
    DEFAULT = 0
    #: of one sequence. Nothing goes to the host for it unless least_decode_tokens_per_s allows
    LARGEST_CONTEXT = 1
    #: at the context that is asked for
    FASTEST_DECODE = 2
    #: the best file type, then the best cache type, that holds context and rate
    BEST_QUALITY = 3
    #: of the context that is asked for
    MOST_SEQUENCES = 4


class Open(enum.IntFlag):
    """What may be chosen; bits of ctxfit_goal::open. What is not open stays as the options say, or the engine's default."""

    #: ctx_tokens
    CONTEXT = 1
    #: sequences
    SEQUENCES = 2
    #: of the model
    FILE_TYPE = 4
    #: kv_key and kv_value
    CACHE_TYPE = 8
    #: gpu_layers
    GPU_LAYERS = 16
    #: tensor_split
    TENSOR_SPLIT = 32
    #: cpu_expert_layers and overrides: experts, or feed-forward matrices, on the host
    HOST_TENSORS = 64
    #: ubatch_tokens
    UBATCH = 128
    #: flash_attention
    FLASH = 256
    #: alone: evaluate the options as they stand
    NOTHING = 1073741824


class GoalFlags(enum.IntFlag):
    """Flags of ctxfit_goal."""

    #: where nothing fits, do not look for changes that would help (fastest)
    NO_CHANGES = 1


class ChangeKind(enum.IntEnum):
    """What a change changes."""

    #: value is a format
    CACHE_TYPE = 1
    #: tokens of one sequence
    CONTEXT = 2
    #: number
    SEQUENCES = 3
    #: value is a file type
    FILE_TYPE = 4
    #: where tensors go: open what was fixed
    PLACEMENT = 5
    #: bytes of one more GPU
    DEVICE = 6
    #: bytes of host memory in all
    HOST = 7


class SetVerdict(enum.IntEnum):
    """Whether models run on one machine."""

    #: all at the same time
    TOGETHER = 1
    #: each alone, not all at the same time
    SWAP = 2
    #: at least one does not even run alone
    NONE = 3


class Argument(enum.IntEnum):
    """What an argument of llama.cpp's programs is to a plan."""

    UNKNOWN = 0
    #: a member of the options
    FOLLOWED = 1
    #: no byte depends on it
    NO_SIZE = 2
    #: it takes memory that a plan does not count
    NOT_COUNTED = 3
    #: it changes what is loaded, or where, in a way that options do not state
    NOT_FOLLOWED = 4


class StoreKind(enum.IntEnum):
    """Kinds of stores. Numbers are for ever."""

    #: "hf:": the cache of Hugging Face, and that of llama.cpp, which was flat until March 2026
    HF = 1
    #: "lmstudio:": LM Studio
    LMSTUDIO = 2
    #: "ollama:": Ollama
    OLLAMA = 3


class StoredFlags(enum.IntFlag):
    """What a model of a store is."""

    #: a folder with a config.json; otherwise a GGUF file
    CHECKPOINT = 1
    #: a download that did not end: files are missing
    UNFINISHED = 2


__all__ = [
    "Argument",
    "Attention",
    "Backend",
    "Basis",
    "BesideKind",
    "ChangeKind",
    "CheckpointFlags",
    "CheckpointQuant",
    "Choice",
    "CompanionFlags",
    "CompanionKind",
    "Confidence",
    "ContextSource",
    "DetectFlags",
    "DeviceKind",
    "Dialect",
    "Differs",
    "Dtype",
    "EncoderFlags",
    "EntryKind",
    "FeedForward",
    "FileTypeFlags",
    "Fit",
    "Form",
    "GgufFlags",
    "GgufType",
    "GoalFlags",
    "LayerFlags",
    "Limit",
    "ModelFlags",
    "Objective",
    "Open",
    "Outcome",
    "Parameter",
    "Part",
    "PlanFlags",
    "ProjectorFlags",
    "QuantFlags",
    "RopeScaling",
    "SetVerdict",
    "Split",
    "State",
    "Status",
    "StoreKind",
    "StoredFlags",
]
