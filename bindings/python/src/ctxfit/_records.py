# Made by generate.py from include/ctxfit/*.h: do not edit.
"""What the library answers, as frozen dataclasses. Sizes are bytes, contexts tokens, rates per second."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Tuple

from . import _layout as L
from ._enums import (
    Attention,
    Backend,
    Basis,
    BesideKind,
    ChangeKind,
    CheckpointFlags,
    CheckpointQuant,
    Choice,
    CompanionFlags,
    CompanionKind,
    Confidence,
    ContextSource,
    DeviceKind,
    Differs,
    Dtype,
    EncoderFlags,
    FeedForward,
    FileTypeFlags,
    Fit,
    Form,
    GgufType,
    LayerFlags,
    Limit,
    ModelFlags,
    Objective,
    Outcome,
    QuantFlags,
    RopeScaling,
    State,
)
from ._library import file_type_name, format_name, known, lib


@dataclass(frozen=True)
class QuantInfo:
    """What a format is."""

    #: the format itself
    name: Optional[str]
    #: elements per block
    block_elems: int
    #: bytes per block, its own scales included; what rows or tensors add is in ctxfit_quant_tensor_bytes()
    block_bytes: int
    #: QuantFlags
    flags: QuantFlags
    #: ggml's number, or None
    ggml_type: Optional[int]

    @classmethod
    def _of(cls, s: L.ctxfit_quant_info) -> QuantInfo:
        return cls(
            format_name(lib.ctxfit_quant_name, s.quant),
            s.block_elems,
            s.block_bytes,
            known(QuantFlags, s.flags),
            None if s.ggml_type == 0xffffffff else s.ggml_type,
        )


@dataclass(frozen=True)
class FileTypeInfo:
    """What a file type is."""

    #: the file type itself
    name: Optional[str]
    #: number in general.file_type, or None
    ggml_ftype: Optional[int]
    #: format that most tensors get
    base: Optional[str]
    #: True: llama-quantize refuses it without an importance matrix for some tensors
    needs_imatrix: bool
    #: FileTypeFlags
    flags: FileTypeFlags

    @classmethod
    def _of(cls, s: L.ctxfit_file_type_info) -> FileTypeInfo:
        return cls(
            file_type_name(s.file_type),
            None if s.ggml_ftype == 0xffffffff else s.ggml_ftype,
            format_name(lib.ctxfit_quant_name, s.base),
            bool(s.needs_imatrix),
            known(FileTypeFlags, s.flags),
        )


@dataclass(frozen=True)
class GgufKey:
    """One key."""

    name: str
    #: GgufType
    type: GgufType
    #: of an array, otherwise the same as type
    element_type: GgufType
    #: elements of an array, otherwise 1
    count: int
    #: of the value's first byte in the file: a string's length, an array's first element
    offset: int
    #: from there: a string's length and text, an array's elements
    bytes: int

    @classmethod
    def _of(cls, s: L.ctxfit_gguf_key, name: str) -> GgufKey:
        return cls(
            name,
            known(GgufType, s.type),
            known(GgufType, s.element_type),
            s.count,
            s.offset,
            s.bytes,
        )


@dataclass(frozen=True)
class TensorInfo:
    """One tensor."""

    name: str
    #: 0 to 4
    n_dims: int
    #: unused ones are 1
    dims: Tuple[int, ...]
    #: from the start of the data section of its file, bytes
    offset: int
    #: without padding
    bytes: int
    #: 0 when the number is unknown: then bytes is 0 too
    quant: Optional[str]
    #: as in the file
    ggml_type: int
    #: file of a split model, from 0
    shard: int

    @classmethod
    def _of(cls, s: L.ctxfit_tensor_info, name: str) -> TensorInfo:
        return cls(
            name,
            s.n_dims,
            tuple(s.dims),
            s.offset,
            s.bytes,
            format_name(lib.ctxfit_quant_name, s.quant),
            s.ggml_type,
            s.shard,
        )

    @property
    def shape(self) -> Tuple[int, ...]:
        """The dimensions that it has; the first is the length of a row."""
        return self.dims[: self.n_dims]


@dataclass(frozen=True)
class HfTensor:
    """One tensor."""

    name: str
    #: Dtype
    dtype: Dtype
    #: 0 to 8
    n_dims: int
    #: file of a checkpoint, from 0
    shard: int
    #: as in the file, the last runs fastest; unused ones are 1
    dims: Tuple[int, ...]
    #: from the start of the data section of its file, bytes
    offset: int
    #: of its data
    bytes: int

    @classmethod
    def _of(cls, s: L.ctxfit_hf_tensor, name: str) -> HfTensor:
        return cls(
            name,
            known(Dtype, s.dtype),
            s.n_dims,
            s.shard,
            tuple(s.dims),
            s.offset,
            s.bytes,
        )


@dataclass(frozen=True)
class Checkpoint:
    """The checkpoint that a model was made of, in its own format."""

    #: CheckpointFlags
    flags: CheckpointFlags
    #: CheckpointQuant
    quant: CheckpointQuant
    #: of a quantized weight, 0 = unknown or none
    quant_bits: int
    #: elements along a row that share a scale, 0 = a whole row or tensor
    quant_group: int
    #: files
    shards: int
    #: in all files
    tensors: int
    #: of all tensors: the sum of the following
    total_bytes: int
    #: of the trunk's layers, without routed experts
    layer_bytes: int
    #: routed experts of the trunk
    expert_bytes: int
    #: token embeddings
    embedding_bytes: int
    #: output matrix and norm
    output_bytes: int
    #: blocks for next-token prediction
    nextn_bytes: int
    #: eyes, ears, and what else is not of the decoder
    other_bytes: int
    #: as the configuration states it, "" for none
    quant_method: str
    #: EXL3: bits of a weight on average, 425 for 4.25; else 0
    quant_bits_hundredths: int
    #: EXL3: bits of the output matrix; else 0
    output_bits: int
    #: ctxfit_quant of the cache that it is calibrated for, which is then the default; 0 = none
    kv_quant: Optional[str]

    @classmethod
    def _of(cls, s: L.ctxfit_checkpoint_info) -> Checkpoint:
        return cls(
            known(CheckpointFlags, s.flags),
            known(CheckpointQuant, s.quant),
            s.quant_bits,
            s.quant_group,
            s.shards,
            s.tensors,
            s.total_bytes,
            s.layer_bytes,
            s.expert_bytes,
            s.embedding_bytes,
            s.output_bytes,
            s.nextn_bytes,
            s.other_bytes,
            s.quant_method.decode("utf-8", "replace"),
            s.quant_bits_hundredths,
            s.output_bits,
            format_name(lib.ctxfit_quant_name, s.kv_quant),
        )


@dataclass(frozen=True)
class CheckpointLayer:
    """What one layer holds in a checkpoint, bytes."""

    #: without routed experts
    dense_bytes: int
    #: routed experts
    expert_bytes: int

    @classmethod
    def _of(cls, s: L.ctxfit_checkpoint_layer) -> CheckpointLayer:
        return cls(
            s.dense_bytes,
            s.expert_bytes,
        )


@dataclass(frozen=True)
class Layer:
    """One layer. Zero where it does not apply."""

    #: LayerFlags
    flags: LayerFlags = LayerFlags(0)
    #: Attention
    attention: Attention = Attention(0)
    #: State
    state: State = State(0)
    #: FeedForward
    feed_forward: FeedForward = FeedForward(0)
    #: attention heads (of queries)
    heads: int = 0
    #: as cached: 1 for latent attention; 0 without attention
    kv_heads: int = 0
    #: per head, elements, of the computation
    key_size: int = 0
    #: per head, elements, of the computation
    value_size: int = 0
    #: sliding: window; chunked: chunk
    window_tokens: int = 0
    #: elements of K cached per token
    cache_k_elems: int = 0
    #: elements of V cached per token; 0 for latent attention
    cache_v_elems: int = 0
    #: latent attention: compressed width
    kv_rank: int = 0
    #: latent attention: rank of the query projection, 0 = none
    q_rank: int = 0
    #: rotated elements of a head
    rope_size: int = 0
    #: sparse attention: heads of the indexer, 0 = none
    indexer_heads: int = 0
    #: sparse attention: key elements that the indexer caches per token
    indexer_size: int = 0
    #: of the state: convolution length
    conv_kernel: int = 0
    #: of the state: per head or channel (d_state)
    state_size: int = 0
    #: of the state: inner width (d_inner)
    state_inner: int = 0
    #: of the state: heads, or the time-step rank of Mamba
    state_heads: int = 0
    #: of the state: groups
    state_groups: int = 0
    #: kept per sequence for the convolution, F32 elements
    conv_state_elems: int = 0
    #: kept per sequence for the recurrence, F32 elements
    recurrent_elems: int = 0
    #: dense feed-forward width; with experts: of the dense part beside them, 0 = none
    ff_width: int = 0
    #: routed experts in all
    experts: int = 0
    #: routed experts per token
    experts_used: int = 0
    #: feed-forward width of one routed expert
    expert_width: int = 0
    #: feed-forward width of all shared experts together
    shared_width: int = 0
    #: tokens that share one entry of the layer's compressed cache beside the window (DeepSeek-V4), 0 = none
    compress_ratio: int = 0

    @classmethod
    def _of(cls, s: L.ctxfit_layer_info) -> Layer:
        return cls(
            known(LayerFlags, s.flags),
            known(Attention, s.attention),
            known(State, s.state),
            known(FeedForward, s.feed_forward),
            s.heads,
            s.kv_heads,
            s.key_size,
            s.value_size,
            s.window_tokens,
            s.cache_k_elems,
            s.cache_v_elems,
            s.kv_rank,
            s.q_rank,
            s.rope_size,
            s.indexer_heads,
            s.indexer_size,
            s.conv_kernel,
            s.state_size,
            s.state_inner,
            s.state_heads,
            s.state_groups,
            s.conv_state_elems,
            s.recurrent_elems,
            s.ff_width,
            s.experts,
            s.experts_used,
            s.expert_width,
            s.shared_width,
            s.compress_ratio,
        )


@dataclass(frozen=True)
class ModelInfo:
    """The whole model."""

    #: ModelFlags
    flags: ModelFlags = ModelFlags(0)
    #: of the trunk
    layers: int = 0
    #: next-token-prediction blocks behind the trunk
    nextn_layers: int = 0
    #: hidden width
    embedding: int = 0
    #: width of the embedding input (larger with deepstack vision features)
    embedding_inputs: int = 0
    #: tokens: rows of the embedding
    vocabulary: int = 0
    #: of the widest layer
    heads: int = 0
    #: of the layer with most
    experts: int = 0
    #: per token, in that layer
    experts_used: int = 0
    #: Gemma-3n/4: width of the per-layer embedding, 0 = none
    per_layer_embedding: int = 0
    #: RopeScaling
    rope_scaling: RopeScaling = RopeScaling(0)
    #: 0 = none or unstated
    rope_factor: float = 0.0
    #: length before scaling, 0 = unstated
    rope_original_tokens: int = 0
    #: context that the model is made for, scaling included
    trained_tokens: int = 0
    #: of all tensors that are loaded; tied embeddings count once
    parameters: int = 0
    #: without the routed experts that a token does not use
    parameters_active: int = 0
    #: in the file
    tensor_count: int = 0
    #: of all tensors in the file, unpadded
    tensor_bytes: int = 0
    #: of the file's data section: each tensor padded to its alignment
    data_bytes: int = 0
    #: as stated or as asked for; 0 = unknown
    file_type: Optional[str] = None

    @classmethod
    def _of(cls, s: L.ctxfit_model_info) -> ModelInfo:
        return cls(
            known(ModelFlags, s.flags),
            s.layers,
            s.nextn_layers,
            s.embedding,
            s.embedding_inputs,
            s.vocabulary,
            s.heads,
            s.experts,
            s.experts_used,
            s.per_layer_embedding,
            known(RopeScaling, s.rope_scaling),
            s.rope_factor,
            s.rope_original_tokens,
            s.trained_tokens,
            s.parameters,
            s.parameters_active,
            s.tensor_count,
            s.tensor_bytes,
            s.data_bytes,
            file_type_name(s.file_type),
        )


@dataclass(frozen=True)
class Companion:
    """A projector or an adapter: what it adds to a model. Zero where it does not apply."""

    #: CompanionKind
    kind: CompanionKind
    #: CompanionFlags
    flags: CompanionFlags
    #: of an adapter: the largest of its pairs
    rank: int
    #: of a projector's encoder
    layers: int
    #: of a projector's encoder: width
    embedding: int
    #: of a projector: width of what it hands to the model
    output: int
    #: of a projector: pixels a side
    image_size: int
    #: of a projector: pixels a side
    patch_size: int
    #: in the file
    tensors: int
    #: in memory, each tensor padded to 32
    weight_bytes: int
    #: of an adapter: what each token costs on top
    flops_per_token: int
    #: of an adapter: most that the compute buffer grows by, per token of the micro-batch
    compute_bytes_per_token: int
    #: projector type, or the architecture that an adapter is for
    name: str

    @classmethod
    def _of(cls, s: L.ctxfit_companion) -> Companion:
        return cls(
            known(CompanionKind, s.kind),
            known(CompanionFlags, s.flags),
            s.rank,
            s.layers,
            s.embedding,
            s.output,
            s.image_size,
            s.patch_size,
            s.tensors,
            s.weight_bytes,
            s.flops_per_token,
            s.compute_bytes_per_token,
            s.name.decode("utf-8", "replace"),
        )


@dataclass(frozen=True)
class Device:
    """One device. What is 0 is unknown. As input of ctxfit_hw_from_devices() 0 means the catalog's value where id is a catalog id."""

    #: DeviceKind
    kind: DeviceKind
    #: Backend
    backend: Backend = Backend(0)
    #: machine it sits in, from 0, when several are linked
    node: int = 0
    #: as reported by the driver, or the advertised size; host: 0 = not stated
    memory_bytes: int = 0
    #: free now; 0 = not stated, then all of it
    free_bytes: int = 0
    #: unified: what the GPU may use at most; otherwise the same as memory_bytes
    budget_bytes: int = 0
    #: Apple: the larger budget of recent macOS, by observation; otherwise as budget_bytes
    budget_recent_bytes: int = 0
    #: host and unified: kept of the whole memory for the operating system
    reserve_bytes: int = 0
    #: of its memory
    bandwidth_bytes_per_s: int = 0
    #: to the host (PCIe) or, for a linked machine, to its neighbour; one direction
    link_bytes_per_s: int = 0
    #: dense matrix rate with FP32 accumulation where known; a whole number
    fp16_flops_per_s: float = 0.0
    #: dense; a whole number
    int8_ops_per_s: float = 0.0
    #: catalog id, or "gpu", "unified", "host"
    id: str = ""
    #: for people; not part of a spec
    name: str = ""

    @classmethod
    def _of(cls, s: L.ctxfit_device) -> Device:
        return cls(
            known(DeviceKind, s.kind),
            known(Backend, s.backend),
            s.node,
            s.memory_bytes,
            s.free_bytes,
            s.budget_bytes,
            s.budget_recent_bytes,
            s.reserve_bytes,
            s.bandwidth_bytes_per_s,
            s.link_bytes_per_s,
            s.fp16_flops_per_s,
            s.int8_ops_per_s,
            s.id.decode("utf-8", "replace"),
            s.name.decode("utf-8", "replace"),
        )


@dataclass(frozen=True)
class HardwareEntry:
    """An entry of the catalog, or of a caller's own list. What is 0 or "" is not known, which never means "none" or "unsupported". Rates are those of dense matrices, of one device."""

    #: DeviceKind; 0 = a name for several devices, see spec
    kind: DeviceKind
    #: Backend of the (first) device
    backend: Backend
    #: Form
    form: Form
    #: True for something that is bought and run as it is, 0 for a part
    is_machine: bool
    #: Confidence
    confidence: Confidence
    #: accelerators; 0 for a processor alone
    device_count: int
    #: machines that are linked
    node_count: int
    #: where they tell variants apart
    cpu_cores: int
    #: where they tell variants apart; AMD: compute units
    gpu_cores: int
    #: yyyymmdd, month or day 0 where not known
    released: int
    #: of board, chip or machine, as its source labels it
    power_w: int
    #: see price_note
    price_usd: int
    #: of the price
    price_year: int
    #: of the whole interface
    memory_bus_bits: int
    #: million transfers per pin and second
    memory_mtps: int
    #: on the box, of all devices together
    advertised_bytes: int
    #: as drivers report it, of all devices together; a processor: its memory
    memory_bytes: int
    #: what GPUs may use of it by default
    budget_bytes: int
    #: that of the host; unified: the same bytes as memory_bytes of one device
    host_memory_bytes: int
    #: of the memory of one device
    bandwidth_bytes_per_s: int
    #: to the host, one direction
    host_link_bytes_per_s: int
    #: to another device, one direction
    peer_link_bytes_per_s: int
    #: to another machine, one direction
    node_link_bytes_per_s: int
    #: second level of caches
    l2_bytes: int
    #: a cache of all memory behind it
    last_level_bytes: int
    #: what plans count with: FP16 with FP32 accumulation, else the best rate known below it
    matrix_flops_per_s: float
    #: without matrix units
    fp32_flops_per_s: float
    #: fastest accumulation
    fp16_flops_per_s: float
    #: accumulation in FP32
    fp16_fp32acc_flops_per_s: float
    #: accumulation in FP32
    bf16_flops_per_s: float
    #: fastest accumulation
    fp8_flops_per_s: float
    #: OP/s
    int8_ops_per_s: float
    #: fastest accumulation
    fp4_flops_per_s: float
    #: what a spec calls it
    id: str
    #: for people
    name: str
    #: "NVIDIA"; "" for parts of many vendors
    vendor: str
    #: architecture: "Ada"
    family: str
    #: die or SoC: "AD102"
    chip: str
    #: "GDDR6X"
    memory_type: str
    #: "PCIe 4.0 x16"
    host_interface: str
    #: between devices: "NVLink 4.0"
    peer_interconnect: str
    #: between machines
    node_interconnect: str
    #: "sm_89", "gfx1151", "Apple9"
    compute_target: str
    #: what the price is of: "launch MSRP", "GPUs only, at launch price"
    price_note: str
    #: where the rates come from
    rate_note: str
    #: what else was found, and what contradicts
    note: str
    #: of a name for several devices: what it stands for
    spec: str
    #: where the figures come from and when they were read
    source: str

    @classmethod
    def _of(cls, s: L.ctxfit_hw_entry) -> HardwareEntry:
        return cls(
            known(DeviceKind, s.kind),
            known(Backend, s.backend),
            known(Form, s.form),
            bool(s.is_machine),
            known(Confidence, s.confidence),
            s.device_count,
            s.node_count,
            s.cpu_cores,
            s.gpu_cores,
            s.released,
            s.power_w,
            s.price_usd,
            s.price_year,
            s.memory_bus_bits,
            s.memory_mtps,
            s.advertised_bytes,
            s.memory_bytes,
            s.budget_bytes,
            s.host_memory_bytes,
            s.bandwidth_bytes_per_s,
            s.host_link_bytes_per_s,
            s.peer_link_bytes_per_s,
            s.node_link_bytes_per_s,
            s.l2_bytes,
            s.last_level_bytes,
            s.matrix_flops_per_s,
            s.fp32_flops_per_s,
            s.fp16_flops_per_s,
            s.fp16_fp32acc_flops_per_s,
            s.bf16_flops_per_s,
            s.fp8_flops_per_s,
            s.int8_ops_per_s,
            s.fp4_flops_per_s,
            s.id.decode("utf-8", "replace"),
            s.name.decode("utf-8", "replace"),
            s.vendor.decode("utf-8", "replace"),
            s.family.decode("utf-8", "replace"),
            s.chip.decode("utf-8", "replace"),
            s.memory_type.decode("utf-8", "replace"),
            s.host_interface.decode("utf-8", "replace"),
            s.peer_interconnect.decode("utf-8", "replace"),
            s.node_interconnect.decode("utf-8", "replace"),
            s.compute_target.decode("utf-8", "replace"),
            s.price_note.decode("utf-8", "replace"),
            s.rate_note.decode("utf-8", "replace"),
            s.note.decode("utf-8", "replace"),
            s.spec.decode("utf-8", "replace"),
            s.source.decode("utf-8", "replace"),
        )


@dataclass(frozen=True)
class Engine:
    """An engine in a version. Never grows: it is also a member of Summary."""

    #: build number that the rules are taken for (10472), 0 = the engine does not count builds
    build: int
    #: True: a version that the rules were measured or read for; False: nearest rules are used
    known: bool
    #: "llama.cpp"
    name: str
    #: "0.7.0"
    version: str

    @classmethod
    def _of(cls, s: L.ctxfit_engine_info) -> Engine:
        return cls(
            s.build,
            bool(s.known),
            s.name.decode("utf-8", "replace"),
            s.version.decode("utf-8", "replace"),
        )


@dataclass(frozen=True)
class Summary:
    """What the engine makes of the options, and the verdict."""

    #: Fit
    fit: Fit
    #: whole context after the engine's padding
    n_ctx: int
    #: of one sequence
    n_ctx_seq: int
    #: sequences
    n_seq: int
    #: tokens that one call may process
    n_batch: int
    #: tokens that one pass processes
    n_ubatch: int
    #: True when used
    flash_attention: bool
    #: True when sequences share one cache
    kv_unified: bool
    #: separate caches: 1 when unified
    streams: int
    #: tokens that one stream of the full cache holds; 0 = no such cache
    kv_cells: int
    #: tokens that one stream of the window cache holds; 0 = no such cache
    swa_cells: int
    #: on GPUs, output layer included
    gpu_layers: int
    #: device of the output layer
    output_device: int
    #: host included, which is the last
    device_count: int
    #: entries of ctxfit_plan_get_constraint()
    constraint_count: int
    #: entries of ctxfit_plan_warning()
    warning_count: int
    #: True when inputs are kept four times to overlap devices
    pipeline: bool
    #: smallest usable - total of all devices; negative: bytes missing
    margin_bytes: int
    #: largest context of one sequence that fits with the other options as given; 0 = none or not asked
    max_ctx_seq_tokens: int
    #: most sequences of n_ctx_seq each at the same time that fit; 0 = none or not asked
    max_sequences: int
    #: True: compute buffers are exact; False: an upper bound
    compute_exact: bool
    #: sums over all devices
    weights_bytes: int
    #: kv + window kv + other caches
    kv_bytes: int
    #: state of recurrent layers
    recurrent_bytes: int
    #: buffers of the graph; see compute_exact
    compute_bytes: int
    #: logits and embeddings
    output_bytes: int
    #: everything above, with beside_bytes
    total_bytes: int
    #: whose rules were followed
    engine: Engine
    #: what runs beside the model; not in the parts above but in their total
    beside_bytes: int
    #: entries of ctxfit_plan_get_beside()
    beside_count: int

    @classmethod
    def _of(cls, s: L.ctxfit_plan_summary) -> Summary:
        return cls(
            known(Fit, s.fit),
            s.n_ctx,
            s.n_ctx_seq,
            s.n_seq,
            s.n_batch,
            s.n_ubatch,
            bool(s.flash_attention),
            bool(s.kv_unified),
            s.streams,
            s.kv_cells,
            s.swa_cells,
            s.gpu_layers,
            s.output_device,
            s.device_count,
            s.constraint_count,
            s.warning_count,
            bool(s.pipeline),
            s.margin_bytes,
            s.max_ctx_seq_tokens,
            s.max_sequences,
            bool(s.compute_exact),
            s.weights_bytes,
            s.kv_bytes,
            s.recurrent_bytes,
            s.compute_bytes,
            s.output_bytes,
            s.total_bytes,
            Engine._of(s.engine),
            s.beside_bytes,
            s.beside_count,
        )


@dataclass(frozen=True)
class PlanEngine:
    """What the engine itself goes by, where it has rules of its own; zero where it has not."""

    #: ContextSource
    ctx_source: ContextSource
    #: its setting for the context, before it is padded; of one sequence where the engine sets that
    ctx_tokens: int
    #: GPU memory by which a default context was chosen (CTXFIT_CTX_FROM_MEMORY)
    default_memory_bytes: int
    #: its own estimate of the model with its cache: what it decides by, not what is taken
    predicted_bytes: int
    #: memory that it holds the estimate against
    available_bytes: int
    #: True when it does not run the sequences that were asked for at the same time
    serial: bool
    #: of a paged cache (vLLM): groups of layers that each take blocks
    groups: int
    #: of a paged cache: tokens of a block, in the group with the fewest
    block_tokens: int
    #: GPUs that share each layer
    tensor_ranks: int
    #: pipeline stages
    stages: int
    #: of a block of the pool, on the first stage
    block_bytes: int
    #: left for the cache on the GPU with the least, at the upper end of what profiling may find
    pool_bytes: int
    #: blocks in pool_bytes
    pool_blocks: int
    #: blocks at the lower end of what profiling may find
    pool_most_blocks: int
    #: what the engine's log calls the size of the cache, from pool_blocks
    pool_tokens: int
    #: from pool_most_blocks
    pool_most_tokens: int
    #: blocks that one request of the planned context takes
    request_blocks: int
    #: the longest request, up to the planned context, that pool_blocks hold
    longest_tokens: int
    #: requests of the planned context at the same time, as the log has it; as state_slots allow
    concurrency: float
    #: of recurrent states in the same pool (SGLang)
    state_slots: int

    @classmethod
    def _of(cls, s: L.ctxfit_plan_engine) -> PlanEngine:
        return cls(
            known(ContextSource, s.ctx_source),
            s.ctx_tokens,
            s.default_memory_bytes,
            s.predicted_bytes,
            s.available_bytes,
            bool(s.serial),
            s.groups,
            s.block_tokens,
            s.tensor_ranks,
            s.stages,
            s.block_bytes,
            s.pool_bytes,
            s.pool_blocks,
            s.pool_most_blocks,
            s.pool_tokens,
            s.pool_most_tokens,
            s.request_blocks,
            s.longest_tokens,
            s.concurrency,
            s.state_slots,
        )


@dataclass(frozen=True)
class PlanDevice:
    """One device of a plan."""

    #: DeviceKind
    kind: DeviceKind
    #: Backend
    backend: Backend
    #: of the trunk whose weights are here
    layers: int
    #: memory of the device, or the GPU's budget of unified memory
    capacity_bytes: int
    #: that this run may take: capacity (or what is free) less the reserve, or the engine's part of it; where the cache has a part of what the rest leaves, or a stated size (TensorRT-LLM, kv_cache_bytes), the rest and that; None = not stated
    usable_bytes: Optional[int]
    #: tensors that are placed here
    weights_bytes: int
    #: cache that spans the context
    kv_bytes: int
    #: cache of sliding-window and chunked layers
    kv_swa_bytes: int
    #: state of recurrent layers, of constant size per sequence
    recurrent_bytes: int
    #: indexer
    kv_other_bytes: int
    #: exact or upper bound, see Summary::compute_exact
    compute_bytes: int
    #: lower end of the band
    compute_low_bytes: int
    #: logits, on the host
    output_bytes: int
    #: sum of the parts above, with compute_bytes, and of beside_bytes
    total_bytes: int
    #: usable - total; negative: bytes missing. Of a host whose memory is unified, less what the GPUs take of the same memory; INT64_MAX = not stated
    free_bytes: int
    #: engine's name ("CUDA0", "Metal", "host")
    name: str
    #: of the hardware
    id: str
    #: what runs beside the model here
    beside_bytes: int
    #: of the weights: eyes and ears of a checkpoint, and what else its files have beside the decoder
    tower_bytes: int

    @classmethod
    def _of(cls, s: L.ctxfit_plan_device) -> PlanDevice:
        return cls(
            known(DeviceKind, s.kind),
            known(Backend, s.backend),
            s.layers,
            s.capacity_bytes,
            None if s.usable_bytes == 0xffffffffffffffff else s.usable_bytes,
            s.weights_bytes,
            s.kv_bytes,
            s.kv_swa_bytes,
            s.recurrent_bytes,
            s.kv_other_bytes,
            s.compute_bytes,
            s.compute_low_bytes,
            s.output_bytes,
            s.total_bytes,
            s.free_bytes,
            s.name.decode("utf-8", "replace"),
            s.id.decode("utf-8", "replace"),
            s.beside_bytes,
            s.tower_bytes,
        )


@dataclass(frozen=True)
class Constraint:
    """One limit."""

    #: Limit
    kind: Limit
    #: of a memory limit, otherwise None
    device: Optional[int]
    #: True for the smallest limit, which comes first, unless nothing limits
    binding: bool
    #: context of one sequence that it allows; None = it does not limit, or was not looked for
    limit_tokens: Optional[int]
    #: of a memory limit: bytes left (negative: missing) at the planned context; otherwise 0
    slack_bytes: int
    #: where the limit comes from, in words
    source: str
    #: of a memory limit: the longest context of one sequence that is known to fit there: limit_tokens, or the longest that the engine takes; None = bytes there do not depend on it; 0 = none
    fits_tokens: Optional[int]

    @classmethod
    def _of(cls, s: L.ctxfit_constraint) -> Constraint:
        return cls(
            known(Limit, s.kind),
            None if s.device == 0xffffffff else s.device,
            bool(s.binding),
            None if s.limit_tokens == 0xffffffffffffffff else s.limit_tokens,
            s.slack_bytes,
            s.source.decode("utf-8", "replace"),
            None if s.fits_tokens == 0xffffffffffffffff else s.fits_tokens,
        )


@dataclass(frozen=True)
class Estimate:
    """A rate or a time with its band."""

    #: Basis
    basis: Basis
    #: 0 = unknown
    value: float
    #: lower end of the band
    low: float
    #: upper end of the band
    high: float

    @classmethod
    def _of(cls, s: L.ctxfit_estimate) -> Estimate:
        return cls(
            known(Basis, s.basis),
            s.value,
            s.low,
            s.high,
        )


@dataclass(frozen=True)
class PlanPart:
    """What one decoded token costs on one device. Parts work one after the other: the seconds add up to the decode time."""

    #: mixers and feed-forwards of the layers here
    blocks: int
    #: weights read for a token: of experts those in use
    weight_bytes: int
    #: caches read, at that depth
    cache_bytes: int
    #: recurrent state, read and written
    state_bytes: int
    #: hidden states that come from other devices for it, and results of the host's matrices
    link_bytes: int
    #: of a prompt: the host's weights that each micro-batch brings here
    copied_bytes_per_pass: int
    #: time of the reads and the blocks; 0 = unknown, or nothing here
    seconds: float
    #: time of link_bytes by the link's bandwidth, not in seconds; 0 = no link stated, or nothing
    link_seconds: float

    @classmethod
    def _of(cls, s: L.ctxfit_plan_part) -> PlanPart:
        return cls(
            s.blocks,
            s.weight_bytes,
            s.cache_bytes,
            s.state_bytes,
            s.link_bytes,
            s.copied_bytes_per_pass,
            s.seconds,
            s.link_seconds,
        )


@dataclass(frozen=True)
class Check:
    """The answer to a request."""

    #: Outcome bits
    outcome: Outcome
    #: beyond the limit; 0 = none
    overflow_tokens: int
    #: that the request was held against
    limit_tokens: int
    #: Limit of that limit
    limit_kind: Limit
    #: 0 = unknown
    expected_s: float
    #: lower end of its band
    expected_low_s: float
    #: upper end of its band
    expected_high_s: float
    #: expected_s - deadline when positive
    late_s: float
    #: prompt with the same cached and output tokens that would pass; 0 = none
    largest_prompt_tokens: int

    @classmethod
    def _of(cls, s: L.ctxfit_check) -> Check:
        return cls(
            known(Outcome, s.outcome),
            s.overflow_tokens,
            s.limit_tokens,
            known(Limit, s.limit_kind),
            s.expected_s,
            s.expected_low_s,
            s.expected_high_s,
            s.late_s,
            s.largest_prompt_tokens,
        )

    @property
    def ok(self) -> bool:
        """Whether the request passes."""
        return self.outcome == Outcome.OK


@dataclass(frozen=True)
class Difference:
    """One difference."""

    #: Differs
    kind: Differs
    #: value in the first plan
    a: int
    #: value in the second
    b: int
    #: why, in words, from the rules of both engines: never the same of both
    reason: str
    #: b - a where these are bytes: those of all parts add up to that of TOTAL; otherwise 0
    bytes: int

    @classmethod
    def _of(cls, s: L.ctxfit_difference) -> Difference:
        return cls(
            known(Differs, s.kind),
            s.a,
            s.b,
            s.reason.decode("utf-8", "replace"),
            s.bytes,
        )


@dataclass(frozen=True)
class ProjectorMemory:
    """What a projector takes. Bytes of a GPU and of the host, each at its largest."""

    #: EncoderFlags
    flags: EncoderFlags
    #: on the GPU
    weight_bytes: int
    #: where it runs on the host
    host_weight_bytes: int
    #: compute buffers on the GPU when the model is loaded
    load_bytes: int
    #: the same on the host
    host_load_bytes: int
    #: the same when what image_* and audio_ms say has come
    compute_bytes: int
    #: the same on the host
    host_compute_bytes: int
    #: of the context, for one image, without the few that mark its ends and rows; 0 where there is none
    image_tokens: int
    #: the same for the recording
    audio_tokens: int
    #: pictures that the image is encoded as
    image_pieces: int
    #: pixels of the largest of them; without an image of the one at the start
    picture_width: int
    #: pixels
    picture_height: int
    #: width of what it hands over for a token; False: no graph says it
    embedding: int

    @classmethod
    def _of(cls, s: L.ctxfit_projector_memory) -> ProjectorMemory:
        return cls(
            known(EncoderFlags, s.flags),
            s.weight_bytes,
            s.host_weight_bytes,
            s.load_bytes,
            s.host_load_bytes,
            s.compute_bytes,
            s.host_compute_bytes,
            s.image_tokens,
            s.audio_tokens,
            s.image_pieces,
            s.picture_width,
            s.picture_height,
            s.embedding,
        )


@dataclass(frozen=True)
class PlanBeside:
    """What one entry takes on one device, or on all."""

    #: BesideKind
    kind: BesideKind
    #: None = the sum of all
    device: Optional[int]
    #: True: compute buffers are exact; False: an upper bound
    compute_exact: bool
    #: of a draft whose weights are here
    layers: int
    #: of a draft: most that it drafts at once
    draft_tokens: int
    #: of a draft: context of one sequence
    n_ctx_seq: int
    #: tensors that are placed here
    weights_bytes: int
    #: of a draft: caches of every kind; 0 where they are in the model's pool (vLLM, SGLang)
    kv_bytes: int
    #: of a draft: state of recurrent layers
    recurrent_bytes: int
    #: buffers of its graph; of an adapter 0 where the model's holds it, else by how much that may grow
    compute_bytes: int
    #: lower end of the band
    compute_low_bytes: int
    #: of a draft: logits, on the host
    output_bytes: int
    #: sum of the parts above, with compute_bytes
    total_bytes: int
    #: as ctxfit_beside_set_name() says; otherwise of the draft, type of the projector, architecture of the adapter
    name: str

    @classmethod
    def _of(cls, s: L.ctxfit_plan_beside) -> PlanBeside:
        return cls(
            known(BesideKind, s.kind),
            None if s.device == 0xffffffff else s.device,
            bool(s.compute_exact),
            s.layers,
            s.draft_tokens,
            s.n_ctx_seq,
            s.weights_bytes,
            s.kv_bytes,
            s.recurrent_bytes,
            s.compute_bytes,
            s.compute_low_bytes,
            s.output_bytes,
            s.total_bytes,
            s.name.decode("utf-8", "replace"),
        )


@dataclass(frozen=True)
class PlaceSummary:
    """What was chosen."""

    #: True when it fits; otherwise the rest tells of the nearest that was tried
    found: bool
    #: Objective that was followed
    objective: Objective
    #: placements that were evaluated to the byte
    evaluations: int
    #: context of one sequence
    ctx_seq_tokens: int
    #: at the same time
    sequences: int
    #: tokens of one pass
    ubatch_tokens: int
    #: of the model as placed; 0 = as it was given
    file_type: Optional[str]
    #: format of the cache of keys
    kv_key: Optional[str]
    #: format of the cache of values
    kv_value: Optional[str]
    #: whole layers on the host
    host_layers: int
    #: further layers with experts, or feed-forward matrices, on the host
    host_expert_layers: int
    #: not found: CTXFIT_LIMIT_DEVICE, _GPU_BUDGET or _HOST; 0 = the rate is too low
    short_kind: int
    #: not found: the device that lacks memory; None = none
    short_device: Optional[int]
    #: entries of ctxfit_place_reason()
    reason_count: int
    #: entries of ctxfit_place_get_change()
    change_count: int
    #: not found: bytes that it lacks
    short_bytes: int
    #: weights on devices
    device_weights_bytes: int
    #: weights on the host, token embeddings included
    host_weights_bytes: int
    #: estimate at the depth that was asked for; 0 = unknown
    decode_tokens_per_s: float
    #: of the bytes that a token reads: what devices read; 0 to 1
    device_share: float
    #: linked machines that hold layers; 1 without links
    nodes: int
    #: of linked machines: 1 when the first alone, with its host, does it too
    alone_found: int
    #: context that it then has; 0 = not found, or no linked machines
    alone_ctx_seq_tokens: int
    #: rate that it then has; 0 = unknown, not found, or no linked machines
    alone_decode_tokens_per_s: float
    #: that cross between linked machines for one decoded token
    link_bytes_per_token: int

    @classmethod
    def _of(cls, s: L.ctxfit_place_summary) -> PlaceSummary:
        return cls(
            bool(s.found),
            known(Objective, s.objective),
            s.evaluations,
            s.ctx_seq_tokens,
            s.sequences,
            s.ubatch_tokens,
            file_type_name(s.file_type),
            format_name(lib.ctxfit_quant_name, s.kv_key),
            format_name(lib.ctxfit_quant_name, s.kv_value),
            s.host_layers,
            s.host_expert_layers,
            s.short_kind,
            None if s.short_device == 0xffffffff else s.short_device,
            s.reason_count,
            s.change_count,
            s.short_bytes,
            s.device_weights_bytes,
            s.host_weights_bytes,
            s.decode_tokens_per_s,
            s.device_share,
            s.nodes,
            s.alone_found,
            s.alone_ctx_seq_tokens,
            s.alone_decode_tokens_per_s,
            s.link_bytes_per_token,
        )


@dataclass(frozen=True)
class Change:
    """The least change of a kind with which it fits."""

    #: ChangeKind
    kind: ChangeKind
    #: what it is now; 0 where there is none
    now: int
    #: what it would be
    value: int
    #: in words
    text: str

    @classmethod
    def _of(cls, s: L.ctxfit_change) -> Change:
        return cls(
            known(ChangeKind, s.kind),
            s.now,
            s.value,
            s.text.decode("utf-8", "replace"),
        )


@dataclass(frozen=True)
class Line:
    """What a line says beside the options."""

    #: proportions that -ts states; 0 = none
    split_count: int
    #: of -hf USER/REPOSITORY:TYPE; 0 = none
    file_type: Optional[str]
    #: Choice: -fit; DEFAULT = not stated, then the program fits what is not stated
    own_fit: Choice
    #: its last part ("llama-server"); "" = the line starts with an argument
    program: str
    #: -m, or the repository of -hf; "" = none
    model: str
    #: arguments whose memory comes on top, with commas between
    not_counted: str
    #: arguments that options do not state
    not_followed: str

    @classmethod
    def _of(cls, s: L.ctxfit_line) -> Line:
        return cls(
            s.split_count,
            file_type_name(s.file_type),
            known(Choice, s.own_fit),
            s.program.decode("utf-8", "replace"),
            s.model.decode("utf-8", "replace"),
            s.not_counted.decode("utf-8", "replace"),
            s.not_followed.decode("utf-8", "replace"),
        )


@dataclass(frozen=True)
class RankRow:
    """One row of a listing."""

    #: in the catalog of models, or of hardware
    place: int
    #: of the model
    file_type: Optional[str]
    #: Fit: never CTXFIT_FIT_NONE
    fit: Fit
    #: 1 where it fits with all experts on the host only (--cpu-moe)
    cpu_experts: int
    #: True when compute buffers are exact, 0 for an upper bound
    compute_exact: bool
    #: of a machine; 0 = not known
    price_usd: int
    #: of the price
    price_year: int
    #: context of one sequence
    n_ctx_seq: int
    #: context that the model is made for; 0 = not stated
    trained_tokens: int
    #: of the model
    parameters: int
    #: for one token
    parameters_active: int
    #: over all devices
    weights_bytes: int
    #: caches and states, over all devices
    cache_bytes: int
    #: everything, over all devices
    total_bytes: int
    #: smallest usable - total of all devices
    margin_bytes: int
    #: of one sequence at an empty context; 0 = not known
    decode_tokens_per_s: float
    #: of one sequence at a full context; 0 = not known
    decode_full_tokens_per_s: float
    #: seconds for a prompt as long as the context; 0 = not known
    prompt_s: float

    @classmethod
    def _of(cls, s: L.ctxfit_rank_row) -> RankRow:
        return cls(
            s.place,
            file_type_name(s.file_type),
            known(Fit, s.fit),
            s.cpu_experts,
            bool(s.compute_exact),
            s.price_usd,
            s.price_year,
            s.n_ctx_seq,
            s.trained_tokens,
            s.parameters,
            s.parameters_active,
            s.weights_bytes,
            s.cache_bytes,
            s.total_bytes,
            s.margin_bytes,
            s.decode_tokens_per_s,
            s.decode_full_tokens_per_s,
            s.prompt_s,
        )

__all__ = [
    "Change",
    "Check",
    "Checkpoint",
    "CheckpointLayer",
    "Companion",
    "Constraint",
    "Device",
    "Difference",
    "Engine",
    "Estimate",
    "FileTypeInfo",
    "GgufKey",
    "HardwareEntry",
    "HfTensor",
    "Layer",
    "Line",
    "ModelInfo",
    "PlaceSummary",
    "PlanBeside",
    "PlanDevice",
    "PlanEngine",
    "PlanPart",
    "ProjectorMemory",
    "QuantInfo",
    "RankRow",
    "Summary",
    "TensorInfo",
]
