# Made by generate.py from include/ctxfit/*.h: do not edit.
"""Constants, structs and functions of the C library."""
from __future__ import annotations

import ctypes
from typing import Any, Dict, List, Tuple

VERSION = "0.1.0"

CTXFIT_VERSION_MAJOR = 0
CTXFIT_VERSION_MINOR = 1
CTXFIT_VERSION_PATCH = 0
CTXFIT_VERSION_NUMBER = 256
CTXFIT_OK = 0
CTXFIT_E_INVALID_ARG = -1
CTXFIT_E_NO_MEMORY = -2
CTXFIT_E_NOT_FOUND = -3
CTXFIT_E_BUFFER_SIZE = -4
CTXFIT_E_STRUCT_SIZE = -5
CTXFIT_E_NEWER_STRUCT = -6
CTXFIT_E_OVERFLOW = -7
CTXFIT_E_IO = -8
CTXFIT_E_TRUNCATED = -10
CTXFIT_E_MALFORMED = -11
CTXFIT_E_UNSUPPORTED = -12
CTXFIT_E_LIMIT = -13
CTXFIT_E_TYPE = -14
CTXFIT_E_INCOMPLETE = -15
CTXFIT_E_REFUSED = -16
CTXFIT_QUANT_DEFAULT = 0
CTXFIT_QUANT_F32 = 1
CTXFIT_QUANT_F16 = 2
CTXFIT_QUANT_BF16 = 3
CTXFIT_QUANT_Q4_0 = 4
CTXFIT_QUANT_Q4_1 = 5
CTXFIT_QUANT_Q5_0 = 6
CTXFIT_QUANT_Q5_1 = 7
CTXFIT_QUANT_Q8_0 = 8
CTXFIT_QUANT_Q2_K = 10
CTXFIT_QUANT_Q3_K = 11
CTXFIT_QUANT_Q4_K = 12
CTXFIT_QUANT_Q5_K = 13
CTXFIT_QUANT_Q6_K = 14
CTXFIT_QUANT_IQ4_NL = 20
CTXFIT_QUANT_MXFP4 = 39
CTXFIT_DIALECT_GGML = 0
CTXFIT_DIALECT_IK = 1
CTXFIT_QUANT_F_GGML = 1
CTXFIT_QUANT_F_CACHE = 2
CTXFIT_QUANT_F_FLOAT = 4
CTXFIT_QUANT_F_HF = 8
CTXFIT_QUANT_F_RETIRED = 16
CTXFIT_QUANT_F_INT = 32
CTXFIT_QUANT_F_IK = 64
CTXFIT_QUANT_F_CACHE_OTHER = 128
CTXFIT_FILE_TYPE_DEFAULT = 0
CTXFIT_FILE_TYPE_F32 = 1
CTXFIT_FILE_TYPE_F16 = 2
CTXFIT_FILE_TYPE_Q4_0 = 3
CTXFIT_FILE_TYPE_Q8_0 = 8
CTXFIT_FILE_TYPE_Q2_K = 11
CTXFIT_FILE_TYPE_Q3_K_M = 13
CTXFIT_FILE_TYPE_Q4_K_S = 15
CTXFIT_FILE_TYPE_Q4_K_M = 16
CTXFIT_FILE_TYPE_Q5_K_M = 18
CTXFIT_FILE_TYPE_Q6_K = 19
CTXFIT_FILE_TYPE_IQ4_XS = 31
CTXFIT_FILE_TYPE_BF16 = 33
CTXFIT_FILE_TYPE_MXFP4_MOE = 39
CTXFIT_FILE_TYPE_F_RETIRED = 1
CTXFIT_FILE_TYPE_F_NO_RECIPE = 2
CTXFIT_FILE_TYPE_F_UNCOMMON = 4
CTXFIT_FILE_TYPE_F_EXL3 = 8
CTXFIT_GGUF_UINT8 = 0
CTXFIT_GGUF_INT8 = 1
CTXFIT_GGUF_UINT16 = 2
CTXFIT_GGUF_INT16 = 3
CTXFIT_GGUF_UINT32 = 4
CTXFIT_GGUF_INT32 = 5
CTXFIT_GGUF_FLOAT32 = 6
CTXFIT_GGUF_BOOL = 7
CTXFIT_GGUF_STRING = 8
CTXFIT_GGUF_ARRAY = 9
CTXFIT_GGUF_UINT64 = 10
CTXFIT_GGUF_INT64 = 11
CTXFIT_GGUF_FLOAT64 = 12
CTXFIT_GGUF_F_HEADER_ONLY = 1
CTXFIT_DTYPE_UNKNOWN = 0
CTXFIT_DTYPE_BOOL = 1
CTXFIT_DTYPE_U8 = 2
CTXFIT_DTYPE_I8 = 3
CTXFIT_DTYPE_U16 = 4
CTXFIT_DTYPE_I16 = 5
CTXFIT_DTYPE_U32 = 6
CTXFIT_DTYPE_I32 = 7
CTXFIT_DTYPE_U64 = 8
CTXFIT_DTYPE_I64 = 9
CTXFIT_DTYPE_F16 = 10
CTXFIT_DTYPE_BF16 = 11
CTXFIT_DTYPE_F32 = 12
CTXFIT_DTYPE_F64 = 13
CTXFIT_DTYPE_C64 = 14
CTXFIT_DTYPE_F8_E4M3 = 15
CTXFIT_DTYPE_F8_E5M2 = 16
CTXFIT_DTYPE_F8_E8M0 = 17
CTXFIT_DTYPE_F6_E2M3 = 18
CTXFIT_DTYPE_F6_E3M2 = 19
CTXFIT_DTYPE_F4 = 20
CTXFIT_DTYPE_F8_E4M3FNUZ = 21
CTXFIT_DTYPE_F8_E5M2FNUZ = 22
CTXFIT_CHECKPOINT_QUANT_NONE = 0
CTXFIT_CHECKPOINT_QUANT_FP8 = 1
CTXFIT_CHECKPOINT_QUANT_AWQ = 2
CTXFIT_CHECKPOINT_QUANT_GPTQ = 3
CTXFIT_CHECKPOINT_QUANT_MXFP4 = 4
CTXFIT_CHECKPOINT_QUANT_NVFP4 = 5
CTXFIT_CHECKPOINT_QUANT_INTEGER = 6
CTXFIT_CHECKPOINT_QUANT_BITSANDBYTES = 7
CTXFIT_CHECKPOINT_QUANT_MLX = 8
CTXFIT_CHECKPOINT_QUANT_OTHER = 9
CTXFIT_CHECKPOINT_QUANT_EXL3 = 10
CTXFIT_CHECKPOINT_F_MEASURED = 1
CTXFIT_CHECKPOINT_F_INCOMPLETE = 2
CTXFIT_CHECKPOINT_F_DIFFERS = 4
CTXFIT_ATTENTION_NONE = 0
CTXFIT_ATTENTION_FULL = 1
CTXFIT_ATTENTION_SLIDING = 2
CTXFIT_ATTENTION_CHUNKED = 3
CTXFIT_ATTENTION_LATENT = 4
CTXFIT_STATE_NONE = 0
CTXFIT_STATE_MAMBA = 1
CTXFIT_STATE_MAMBA2 = 2
CTXFIT_STATE_DELTA_NET = 3
CTXFIT_STATE_KDA = 4
CTXFIT_STATE_SHORT_CONV = 5
CTXFIT_STATE_RWKV = 6
CTXFIT_FF_NONE = 0
CTXFIT_FF_PLAIN = 1
CTXFIT_FF_GATED = 2
CTXFIT_FF_MOE = 3
CTXFIT_LAYER_F_CACHE = 1
CTXFIT_LAYER_F_NEXTN = 2
CTXFIT_LAYER_F_PLAIN_EXPERTS = 4
CTXFIT_ROPE_SCALING_NONE = 0
CTXFIT_ROPE_SCALING_LINEAR = 1
CTXFIT_ROPE_SCALING_YARN = 2
CTXFIT_ROPE_SCALING_LONGROPE = 3
CTXFIT_ROPE_SCALING_LLAMA3 = 4
CTXFIT_MODEL_F_TIED = 1
CTXFIT_MODEL_F_UNKNOWN_ARCH = 2
CTXFIT_MODEL_F_FROM_FILE = 4
CTXFIT_MODEL_F_RECURRENT = 8
CTXFIT_MODEL_F_HYBRID = 16
CTXFIT_MODEL_F_NO_CACHE = 32
CTXFIT_MODEL_F_CONTEXT_UNSTATED = 64
CTXFIT_COMPANION_PROJECTOR = 1
CTXFIT_COMPANION_ADAPTER = 2
CTXFIT_COMPANION_F_VISION = 1
CTXFIT_COMPANION_F_AUDIO = 2
CTXFIT_PART_MODEL = 1
CTXFIT_PART_PROJECTOR = 2
CTXFIT_PART_ADAPTER = 3
CTXFIT_PART_DRAFT = 4
CTXFIT_PART_TEMPLATE = 5
CTXFIT_PART_SYSTEM = 6
CTXFIT_HW_MAX_DEVICES = 64
CTXFIT_HW_RESERVE_NONE = 18446744073709551615
CTXFIT_HW_DETECT_LIMITS = 16
CTXFIT_HW_LIST_MAX = 4096
CTXFIT_DEVICE_HOST = 1
CTXFIT_DEVICE_GPU = 2
CTXFIT_DEVICE_UNIFIED = 3
CTXFIT_BACKEND_DEFAULT = 0
CTXFIT_BACKEND_CPU = 1
CTXFIT_BACKEND_CUDA = 2
CTXFIT_BACKEND_METAL = 3
CTXFIT_BACKEND_ROCM = 4
CTXFIT_BACKEND_VULKAN = 5
CTXFIT_BACKEND_SYCL = 6
CTXFIT_BACKEND_RPC = 7
CTXFIT_HW_DETECT_NO_DRIVER = 1
CTXFIT_HW_DETECT_WITH_INTEGRATED = 2
CTXFIT_FORM_UNKNOWN = 0
CTXFIT_FORM_CARD = 1
CTXFIT_FORM_DATACENTER = 2
CTXFIT_FORM_SOC = 3
CTXFIT_FORM_IGPU = 4
CTXFIT_FORM_CPU = 5
CTXFIT_FORM_NPU = 6
CTXFIT_FORM_DESKTOP = 7
CTXFIT_FORM_LAPTOP = 8
CTXFIT_FORM_SERVER = 9
CTXFIT_FORM_EMBEDDED = 10
CTXFIT_FORM_TABLET = 11
CTXFIT_FORM_CLUSTER = 12
CTXFIT_CONFIDENCE_UNKNOWN = 0
CTXFIT_CONFIDENCE_SINGLE = 1
CTXFIT_CONFIDENCE_CHECKED = 2
CTXFIT_CONFIDENCE_VENDOR = 3
CTXFIT_ENTRY_ANY = 0
CTXFIT_ENTRY_PARTS = 1
CTXFIT_ENTRY_MACHINES = 2
CTXFIT_CTX_LARGEST = 18446744073709551615
CTXFIT_RESERVE_NONE = 18446744073709551615
CTXFIT_GPU_LAYERS_NONE = 4294967295
CTXFIT_ALL_LAYERS = 4294967295
CTXFIT_MAX_SPLIT = 16
CTXFIT_CHOICE_DEFAULT = 0
CTXFIT_CHOICE_ON = 1
CTXFIT_CHOICE_OFF = 2
CTXFIT_SPLIT_DEFAULT = 0
CTXFIT_SPLIT_LAYER = 1
CTXFIT_SPLIT_NONE = 2
CTXFIT_SPLIT_ROW = 3
CTXFIT_PLAN_F_NO_LIMITS = 1
CTXFIT_PLAN_F_BOUND = 2
CTXFIT_PLAN_F_SPREAD = 256
CTXFIT_PLAN_F_EAGER = 1024
CTXFIT_PLAN_F_NO_PREFIX_CACHE = 2048
CTXFIT_PLAN_F_PREFIX_CACHE = 4096
CTXFIT_PLAN_F_TEXT_ONLY = 8192
CTXFIT_PLAN_F_VISION = 512
CTXFIT_FIT_UNKNOWN = 0
CTXFIT_FIT_ALL = 1
CTXFIT_FIT_SPLIT = 2
CTXFIT_FIT_NONE = 3
CTXFIT_PARAMETER_NUM_CTX = 1
CTXFIT_PARAMETER_NUM_BATCH = 2
CTXFIT_PARAMETER_NUM_GPU = 4
CTXFIT_PARAMETER_USE_MMAP = 8
CTXFIT_CTX_FROM_REQUEST = 1
CTXFIT_CTX_FROM_FILE = 2
CTXFIT_CTX_FROM_SERVER = 3
CTXFIT_CTX_FROM_MEMORY = 4
CTXFIT_CTX_FROM_MODEL = 5
CTXFIT_LIMIT_CONFIGURED = 1
CTXFIT_LIMIT_REQUESTED = 2
CTXFIT_LIMIT_SLOTS = 3
CTXFIT_LIMIT_TRAINED = 4
CTXFIT_LIMIT_ROPE_SCALING = 5
CTXFIT_LIMIT_DEVICE = 6
CTXFIT_LIMIT_GPU_BUDGET = 7
CTXFIT_LIMIT_HOST = 8
CTXFIT_LIMIT_ENGINE = 9
CTXFIT_BASIS_UNKNOWN = 0
CTXFIT_BASIS_CALIBRATED = 1
CTXFIT_BASIS_MEASURED = 2
CTXFIT_CHECK_OK = 0
CTXFIT_CHECK_OVERFLOW = 1
CTXFIT_CHECK_TOO_SLOW = 2
CTXFIT_CHECK_NO_FIT = 4
CTXFIT_DIFFERS_FIT = 1
CTXFIT_DIFFERS_CONTEXT = 2
CTXFIT_DIFFERS_SEQUENCES = 3
CTXFIT_DIFFERS_BATCH = 4
CTXFIT_DIFFERS_USABLE = 5
CTXFIT_DIFFERS_WEIGHTS = 6
CTXFIT_DIFFERS_CACHE = 7
CTXFIT_DIFFERS_STATE = 8
CTXFIT_DIFFERS_COMPUTE = 9
CTXFIT_DIFFERS_OUTPUT = 10
CTXFIT_DIFFERS_TOTAL = 11
CTXFIT_DIFFERS_MAX_CONTEXT = 12
CTXFIT_DIFFERS_MAX_SEQUENCES = 13
CTXFIT_DIFFERS_BESIDE = 14
CTXFIT_PROJECTOR_F_HOST = 1
CTXFIT_ENCODER_F_DEVICE = 1
CTXFIT_ENCODER_F_FLASH = 2
CTXFIT_ENCODER_F_BOUND = 4
CTXFIT_ENCODER_F_UNSIZED = 8
CTXFIT_ENCODER_F_UNCHECKED = 16
CTXFIT_MAX_BESIDE = 16
CTXFIT_DEVICES_NONE = 18446744073709551615
CTXFIT_BESIDE_DRAFT = 1
CTXFIT_BESIDE_NEXTN = 2
CTXFIT_BESIDE_ADAPTER = 3
CTXFIT_BESIDE_PROJECTOR = 4
CTXFIT_OBJECTIVE_DEFAULT = 0
CTXFIT_OBJECTIVE_LARGEST_CONTEXT = 1
CTXFIT_OBJECTIVE_FASTEST_DECODE = 2
CTXFIT_OBJECTIVE_BEST_QUALITY = 3
CTXFIT_OBJECTIVE_MOST_SEQUENCES = 4
CTXFIT_OPEN_CONTEXT = 1
CTXFIT_OPEN_SEQUENCES = 2
CTXFIT_OPEN_FILE_TYPE = 4
CTXFIT_OPEN_CACHE_TYPE = 8
CTXFIT_OPEN_GPU_LAYERS = 16
CTXFIT_OPEN_TENSOR_SPLIT = 32
CTXFIT_OPEN_HOST_TENSORS = 64
CTXFIT_OPEN_UBATCH = 128
CTXFIT_OPEN_FLASH = 256
CTXFIT_OPEN_NOTHING = 1073741824
CTXFIT_GOAL_F_NO_CHANGES = 1
CTXFIT_CHANGE_CACHE_TYPE = 1
CTXFIT_CHANGE_CONTEXT = 2
CTXFIT_CHANGE_SEQUENCES = 3
CTXFIT_CHANGE_FILE_TYPE = 4
CTXFIT_CHANGE_PLACEMENT = 5
CTXFIT_CHANGE_DEVICE = 6
CTXFIT_CHANGE_HOST = 7
CTXFIT_SET_TOGETHER = 1
CTXFIT_SET_SWAP = 2
CTXFIT_SET_NONE = 3
CTXFIT_ARGUMENT_UNKNOWN = 0
CTXFIT_ARGUMENT_FOLLOWED = 1
CTXFIT_ARGUMENT_NO_SIZE = 2
CTXFIT_ARGUMENT_NOT_COUNTED = 3
CTXFIT_ARGUMENT_NOT_FOLLOWED = 4
CTXFIT_STORE_HF = 1
CTXFIT_STORE_LMSTUDIO = 2
CTXFIT_STORE_OLLAMA = 3
CTXFIT_STORED_F_CHECKPOINT = 1
CTXFIT_STORED_F_UNFINISHED = 2


class ctxfit_error(ctypes.Structure):
    status: int
    reserved0: int
    offset: int
    detail: int
    message: bytes
    _fields_ = [
        ("status", ctypes.c_int32),
        ("reserved0", ctypes.c_uint32),
        ("offset", ctypes.c_uint64),
        ("detail", ctypes.c_uint64),
        ("message", ctypes.c_char * 232),
    ]


class ctxfit_quant_info(ctypes.Structure):
    struct_size: int
    quant: int
    block_elems: int
    block_bytes: int
    flags: int
    ggml_type: int
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("quant", ctypes.c_uint32),
        ("block_elems", ctypes.c_uint32),
        ("block_bytes", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("ggml_type", ctypes.c_uint32),
    ]


class ctxfit_file_type_info(ctypes.Structure):
    struct_size: int
    file_type: int
    ggml_ftype: int
    base: int
    needs_imatrix: int
    flags: int
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("file_type", ctypes.c_uint32),
        ("ggml_ftype", ctypes.c_uint32),
        ("base", ctypes.c_uint32),
        ("needs_imatrix", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
    ]


class ctxfit_gguf_options(ctypes.Structure):
    struct_size: int
    flags: int
    file_bytes: int
    max_header_bytes: int
    max_keys: int
    max_tensors: int
    max_string_bytes: int
    dialect: int
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("file_bytes", ctypes.c_uint64),
        ("max_header_bytes", ctypes.c_uint64),
        ("max_keys", ctypes.c_uint32),
        ("max_tensors", ctypes.c_uint32),
        ("max_string_bytes", ctypes.c_uint32),
        ("dialect", ctypes.c_uint32),
    ]


class ctxfit_gguf_key(ctypes.Structure):
    struct_size: int
    type: int
    element_type: int
    reserved0: int
    count: int
    offset: int
    bytes: int
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("type", ctypes.c_uint32),
        ("element_type", ctypes.c_uint32),
        ("reserved0", ctypes.c_uint32),
        ("count", ctypes.c_uint64),
        ("offset", ctypes.c_uint64),
        ("bytes", ctypes.c_uint64),
    ]


class ctxfit_tensor_info(ctypes.Structure):
    struct_size: int
    n_dims: int
    dims: ctypes.Array[ctypes.c_uint64]
    offset: int
    bytes: int
    quant: int
    ggml_type: int
    shard: int
    reserved0: int
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("n_dims", ctypes.c_uint32),
        ("dims", ctypes.c_uint64 * 4),
        ("offset", ctypes.c_uint64),
        ("bytes", ctypes.c_uint64),
        ("quant", ctypes.c_uint32),
        ("ggml_type", ctypes.c_uint32),
        ("shard", ctypes.c_uint32),
        ("reserved0", ctypes.c_uint32),
    ]


class ctxfit_hf_tensor(ctypes.Structure):
    struct_size: int
    dtype: int
    n_dims: int
    shard: int
    dims: ctypes.Array[ctypes.c_uint64]
    offset: int
    bytes: int
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("dtype", ctypes.c_uint32),
        ("n_dims", ctypes.c_uint32),
        ("shard", ctypes.c_uint32),
        ("dims", ctypes.c_uint64 * 8),
        ("offset", ctypes.c_uint64),
        ("bytes", ctypes.c_uint64),
    ]


class ctxfit_checkpoint_info(ctypes.Structure):
    struct_size: int
    flags: int
    quant: int
    quant_bits: int
    quant_group: int
    shards: int
    tensors: int
    total_bytes: int
    layer_bytes: int
    expert_bytes: int
    embedding_bytes: int
    output_bytes: int
    nextn_bytes: int
    other_bytes: int
    quant_method: bytes
    quant_bits_hundredths: int
    output_bits: int
    kv_quant: int
    reserved0: int
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("quant", ctypes.c_uint32),
        ("quant_bits", ctypes.c_uint32),
        ("quant_group", ctypes.c_uint32),
        ("shards", ctypes.c_uint32),
        ("tensors", ctypes.c_uint64),
        ("total_bytes", ctypes.c_uint64),
        ("layer_bytes", ctypes.c_uint64),
        ("expert_bytes", ctypes.c_uint64),
        ("embedding_bytes", ctypes.c_uint64),
        ("output_bytes", ctypes.c_uint64),
        ("nextn_bytes", ctypes.c_uint64),
        ("other_bytes", ctypes.c_uint64),
        ("quant_method", ctypes.c_char * 32),
        ("quant_bits_hundredths", ctypes.c_uint32),
        ("output_bits", ctypes.c_uint32),
        ("kv_quant", ctypes.c_uint32),
        ("reserved0", ctypes.c_uint32),
    ]


class ctxfit_checkpoint_layer(ctypes.Structure):
    struct_size: int
    reserved0: int
    dense_bytes: int
    expert_bytes: int
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("reserved0", ctypes.c_uint32),
        ("dense_bytes", ctypes.c_uint64),
        ("expert_bytes", ctypes.c_uint64),
    ]


class ctxfit_layer_info(ctypes.Structure):
    struct_size: int
    flags: int
    attention: int
    state: int
    feed_forward: int
    heads: int
    kv_heads: int
    key_size: int
    value_size: int
    window_tokens: int
    cache_k_elems: int
    cache_v_elems: int
    kv_rank: int
    q_rank: int
    rope_size: int
    indexer_heads: int
    indexer_size: int
    conv_kernel: int
    state_size: int
    state_inner: int
    state_heads: int
    state_groups: int
    conv_state_elems: int
    recurrent_elems: int
    ff_width: int
    experts: int
    experts_used: int
    expert_width: int
    shared_width: int
    compress_ratio: int
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("attention", ctypes.c_uint32),
        ("state", ctypes.c_uint32),
        ("feed_forward", ctypes.c_uint32),
        ("heads", ctypes.c_uint32),
        ("kv_heads", ctypes.c_uint32),
        ("key_size", ctypes.c_uint32),
        ("value_size", ctypes.c_uint32),
        ("window_tokens", ctypes.c_uint32),
        ("cache_k_elems", ctypes.c_uint32),
        ("cache_v_elems", ctypes.c_uint32),
        ("kv_rank", ctypes.c_uint32),
        ("q_rank", ctypes.c_uint32),
        ("rope_size", ctypes.c_uint32),
        ("indexer_heads", ctypes.c_uint32),
        ("indexer_size", ctypes.c_uint32),
        ("conv_kernel", ctypes.c_uint32),
        ("state_size", ctypes.c_uint32),
        ("state_inner", ctypes.c_uint32),
        ("state_heads", ctypes.c_uint32),
        ("state_groups", ctypes.c_uint32),
        ("conv_state_elems", ctypes.c_uint32),
        ("recurrent_elems", ctypes.c_uint32),
        ("ff_width", ctypes.c_uint32),
        ("experts", ctypes.c_uint32),
        ("experts_used", ctypes.c_uint32),
        ("expert_width", ctypes.c_uint32),
        ("shared_width", ctypes.c_uint32),
        ("compress_ratio", ctypes.c_uint32),
    ]


class ctxfit_model_info(ctypes.Structure):
    struct_size: int
    flags: int
    layers: int
    nextn_layers: int
    embedding: int
    embedding_inputs: int
    vocabulary: int
    heads: int
    experts: int
    experts_used: int
    per_layer_embedding: int
    rope_scaling: int
    rope_factor: float
    rope_original_tokens: int
    trained_tokens: int
    parameters: int
    parameters_active: int
    tensor_count: int
    tensor_bytes: int
    data_bytes: int
    file_type: int
    reserved0: int
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("layers", ctypes.c_uint32),
        ("nextn_layers", ctypes.c_uint32),
        ("embedding", ctypes.c_uint32),
        ("embedding_inputs", ctypes.c_uint32),
        ("vocabulary", ctypes.c_uint32),
        ("heads", ctypes.c_uint32),
        ("experts", ctypes.c_uint32),
        ("experts_used", ctypes.c_uint32),
        ("per_layer_embedding", ctypes.c_uint32),
        ("rope_scaling", ctypes.c_uint32),
        ("rope_factor", ctypes.c_double),
        ("rope_original_tokens", ctypes.c_uint64),
        ("trained_tokens", ctypes.c_uint64),
        ("parameters", ctypes.c_uint64),
        ("parameters_active", ctypes.c_uint64),
        ("tensor_count", ctypes.c_uint64),
        ("tensor_bytes", ctypes.c_uint64),
        ("data_bytes", ctypes.c_uint64),
        ("file_type", ctypes.c_uint32),
        ("reserved0", ctypes.c_uint32),
    ]


class ctxfit_companion(ctypes.Structure):
    struct_size: int
    kind: int
    flags: int
    rank: int
    layers: int
    embedding: int
    output: int
    image_size: int
    patch_size: int
    reserved0: int
    tensors: int
    weight_bytes: int
    flops_per_token: int
    compute_bytes_per_token: int
    name: bytes
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("kind", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("rank", ctypes.c_uint32),
        ("layers", ctypes.c_uint32),
        ("embedding", ctypes.c_uint32),
        ("output", ctypes.c_uint32),
        ("image_size", ctypes.c_uint32),
        ("patch_size", ctypes.c_uint32),
        ("reserved0", ctypes.c_uint32),
        ("tensors", ctypes.c_uint64),
        ("weight_bytes", ctypes.c_uint64),
        ("flops_per_token", ctypes.c_uint64),
        ("compute_bytes_per_token", ctypes.c_uint64),
        ("name", ctypes.c_char * 64),
    ]


class ctxfit_device(ctypes.Structure):
    struct_size: int
    kind: int
    backend: int
    node: int
    memory_bytes: int
    free_bytes: int
    budget_bytes: int
    budget_recent_bytes: int
    reserve_bytes: int
    bandwidth_bytes_per_s: int
    link_bytes_per_s: int
    fp16_flops_per_s: float
    int8_ops_per_s: float
    id: bytes
    name: bytes
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("kind", ctypes.c_uint32),
        ("backend", ctypes.c_uint32),
        ("node", ctypes.c_uint32),
        ("memory_bytes", ctypes.c_uint64),
        ("free_bytes", ctypes.c_uint64),
        ("budget_bytes", ctypes.c_uint64),
        ("budget_recent_bytes", ctypes.c_uint64),
        ("reserve_bytes", ctypes.c_uint64),
        ("bandwidth_bytes_per_s", ctypes.c_uint64),
        ("link_bytes_per_s", ctypes.c_uint64),
        ("fp16_flops_per_s", ctypes.c_double),
        ("int8_ops_per_s", ctypes.c_double),
        ("id", ctypes.c_char * 64),
        ("name", ctypes.c_char * 64),
    ]


class ctxfit_hw_detect_options(ctypes.Structure):
    struct_size: int
    flags: int
    host_limit_bytes: int
    root: bytes
    visible_cuda: bytes
    visible_rocm: bytes
    visible_sycl: bytes
    nvml_library: bytes
    device_limit_bytes: ctypes.Array[ctypes.c_uint64]
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("host_limit_bytes", ctypes.c_uint64),
        ("root", ctypes.c_char * 512),
        ("visible_cuda", ctypes.c_char * 256),
        ("visible_rocm", ctypes.c_char * 256),
        ("visible_sycl", ctypes.c_char * 256),
        ("nvml_library", ctypes.c_char * 256),
        ("device_limit_bytes", ctypes.c_uint64 * 16),
    ]


class ctxfit_hw_entry(ctypes.Structure):
    struct_size: int
    kind: int
    backend: int
    form: int
    is_machine: int
    confidence: int
    device_count: int
    node_count: int
    cpu_cores: int
    gpu_cores: int
    released: int
    power_w: int
    price_usd: int
    price_year: int
    memory_bus_bits: int
    memory_mtps: int
    advertised_bytes: int
    memory_bytes: int
    budget_bytes: int
    host_memory_bytes: int
    bandwidth_bytes_per_s: int
    host_link_bytes_per_s: int
    peer_link_bytes_per_s: int
    node_link_bytes_per_s: int
    l2_bytes: int
    last_level_bytes: int
    matrix_flops_per_s: float
    fp32_flops_per_s: float
    fp16_flops_per_s: float
    fp16_fp32acc_flops_per_s: float
    bf16_flops_per_s: float
    fp8_flops_per_s: float
    int8_ops_per_s: float
    fp4_flops_per_s: float
    id: bytes
    name: bytes
    vendor: bytes
    family: bytes
    chip: bytes
    memory_type: bytes
    host_interface: bytes
    peer_interconnect: bytes
    node_interconnect: bytes
    compute_target: bytes
    price_note: bytes
    rate_note: bytes
    note: bytes
    spec: bytes
    source: bytes
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("kind", ctypes.c_uint32),
        ("backend", ctypes.c_uint32),
        ("form", ctypes.c_uint32),
        ("is_machine", ctypes.c_uint32),
        ("confidence", ctypes.c_uint32),
        ("device_count", ctypes.c_uint32),
        ("node_count", ctypes.c_uint32),
        ("cpu_cores", ctypes.c_uint32),
        ("gpu_cores", ctypes.c_uint32),
        ("released", ctypes.c_uint32),
        ("power_w", ctypes.c_uint32),
        ("price_usd", ctypes.c_uint32),
        ("price_year", ctypes.c_uint32),
        ("memory_bus_bits", ctypes.c_uint32),
        ("memory_mtps", ctypes.c_uint32),
        ("advertised_bytes", ctypes.c_uint64),
        ("memory_bytes", ctypes.c_uint64),
        ("budget_bytes", ctypes.c_uint64),
        ("host_memory_bytes", ctypes.c_uint64),
        ("bandwidth_bytes_per_s", ctypes.c_uint64),
        ("host_link_bytes_per_s", ctypes.c_uint64),
        ("peer_link_bytes_per_s", ctypes.c_uint64),
        ("node_link_bytes_per_s", ctypes.c_uint64),
        ("l2_bytes", ctypes.c_uint64),
        ("last_level_bytes", ctypes.c_uint64),
        ("matrix_flops_per_s", ctypes.c_double),
        ("fp32_flops_per_s", ctypes.c_double),
        ("fp16_flops_per_s", ctypes.c_double),
        ("fp16_fp32acc_flops_per_s", ctypes.c_double),
        ("bf16_flops_per_s", ctypes.c_double),
        ("fp8_flops_per_s", ctypes.c_double),
        ("int8_ops_per_s", ctypes.c_double),
        ("fp4_flops_per_s", ctypes.c_double),
        ("id", ctypes.c_char * 64),
        ("name", ctypes.c_char * 64),
        ("vendor", ctypes.c_char * 24),
        ("family", ctypes.c_char * 32),
        ("chip", ctypes.c_char * 40),
        ("memory_type", ctypes.c_char * 24),
        ("host_interface", ctypes.c_char * 24),
        ("peer_interconnect", ctypes.c_char * 40),
        ("node_interconnect", ctypes.c_char * 56),
        ("compute_target", ctypes.c_char * 16),
        ("price_note", ctypes.c_char * 96),
        ("rate_note", ctypes.c_char * 128),
        ("note", ctypes.c_char * 336),
        ("spec", ctypes.c_char * 192),
        ("source", ctypes.c_char * 336),
    ]


class ctxfit_hw_filter(ctypes.Structure):
    struct_size: int
    kind: int
    form: int
    machines: int
    price_least_usd: int
    price_most_usd: int
    memory_least_bytes: int
    memory_most_bytes: int
    bandwidth_least_bytes_per_s: int
    vendor: bytes
    text: bytes
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("kind", ctypes.c_uint32),
        ("form", ctypes.c_uint32),
        ("machines", ctypes.c_uint32),
        ("price_least_usd", ctypes.c_uint32),
        ("price_most_usd", ctypes.c_uint32),
        ("memory_least_bytes", ctypes.c_uint64),
        ("memory_most_bytes", ctypes.c_uint64),
        ("bandwidth_least_bytes_per_s", ctypes.c_uint64),
        ("vendor", ctypes.c_char * 24),
        ("text", ctypes.c_char * 96),
    ]


class ctxfit_engine_info(ctypes.Structure):
    struct_size: int
    build: int
    known: int
    reserved0: int
    name: bytes
    version: bytes
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("build", ctypes.c_uint32),
        ("known", ctypes.c_uint32),
        ("reserved0", ctypes.c_uint32),
        ("name", ctypes.c_char * 32),
        ("version", ctypes.c_char * 32),
    ]


class ctxfit_plan_options(ctypes.Structure):
    struct_size: int
    flags: int
    ctx_tokens: int
    reserve_bytes: int
    limit_tokens: int
    sequences: int
    batch_tokens: int
    ubatch_tokens: int
    outputs_max: int
    kv_key: int
    kv_value: int
    flash_attention: int
    kv_unified: int
    swa_full: int
    kv_offload: int
    op_offload: int
    mmap: int
    repack: int
    split_mode: int
    gpu_layers: int
    cpu_expert_layers: int
    tensor_split: ctypes.Array[ctypes.c_double]
    measured_prefill_tokens_per_s: float
    measured_decode_tokens_per_s: float
    engine: bytes
    overrides: bytes
    limit_source: bytes
    model_ctx_tokens: int
    default_ctx_tokens: int
    overhead_bytes: int
    device_reserve_bytes: ctypes.Array[ctypes.c_uint64]
    host_reserve_bytes: int
    memory_fraction: float
    kv_cache_bytes: int
    tensor_parallel: int
    pipeline_parallel: int
    block_tokens: int
    batch_sequences: int
    draft_tokens: int
    reserved0: int
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("ctx_tokens", ctypes.c_uint64),
        ("reserve_bytes", ctypes.c_uint64),
        ("limit_tokens", ctypes.c_uint64),
        ("sequences", ctypes.c_uint32),
        ("batch_tokens", ctypes.c_uint32),
        ("ubatch_tokens", ctypes.c_uint32),
        ("outputs_max", ctypes.c_uint32),
        ("kv_key", ctypes.c_uint32),
        ("kv_value", ctypes.c_uint32),
        ("flash_attention", ctypes.c_uint32),
        ("kv_unified", ctypes.c_uint32),
        ("swa_full", ctypes.c_uint32),
        ("kv_offload", ctypes.c_uint32),
        ("op_offload", ctypes.c_uint32),
        ("mmap", ctypes.c_uint32),
        ("repack", ctypes.c_uint32),
        ("split_mode", ctypes.c_uint32),
        ("gpu_layers", ctypes.c_uint32),
        ("cpu_expert_layers", ctypes.c_uint32),
        ("tensor_split", ctypes.c_double * 16),
        ("measured_prefill_tokens_per_s", ctypes.c_double),
        ("measured_decode_tokens_per_s", ctypes.c_double),
        ("engine", ctypes.c_char * 64),
        ("overrides", ctypes.c_char * 1024),
        ("limit_source", ctypes.c_char * 128),
        ("model_ctx_tokens", ctypes.c_uint64),
        ("default_ctx_tokens", ctypes.c_uint64),
        ("overhead_bytes", ctypes.c_uint64),
        ("device_reserve_bytes", ctypes.c_uint64 * 16),
        ("host_reserve_bytes", ctypes.c_uint64),
        ("memory_fraction", ctypes.c_double),
        ("kv_cache_bytes", ctypes.c_uint64),
        ("tensor_parallel", ctypes.c_uint32),
        ("pipeline_parallel", ctypes.c_uint32),
        ("block_tokens", ctypes.c_uint32),
        ("batch_sequences", ctypes.c_uint32),
        ("draft_tokens", ctypes.c_uint32),
        ("reserved0", ctypes.c_uint32),
    ]


class ctxfit_plan_summary(ctypes.Structure):
    struct_size: int
    fit: int
    n_ctx: int
    n_ctx_seq: int
    n_seq: int
    n_batch: int
    n_ubatch: int
    flash_attention: int
    kv_unified: int
    streams: int
    kv_cells: int
    swa_cells: int
    gpu_layers: int
    output_device: int
    device_count: int
    constraint_count: int
    warning_count: int
    pipeline: int
    margin_bytes: int
    max_ctx_seq_tokens: int
    max_sequences: int
    compute_exact: int
    weights_bytes: int
    kv_bytes: int
    recurrent_bytes: int
    compute_bytes: int
    output_bytes: int
    total_bytes: int
    engine: ctxfit_engine_info
    beside_bytes: int
    beside_count: int
    reserved0: int
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("fit", ctypes.c_uint32),
        ("n_ctx", ctypes.c_uint64),
        ("n_ctx_seq", ctypes.c_uint64),
        ("n_seq", ctypes.c_uint32),
        ("n_batch", ctypes.c_uint32),
        ("n_ubatch", ctypes.c_uint32),
        ("flash_attention", ctypes.c_uint32),
        ("kv_unified", ctypes.c_uint32),
        ("streams", ctypes.c_uint32),
        ("kv_cells", ctypes.c_uint64),
        ("swa_cells", ctypes.c_uint64),
        ("gpu_layers", ctypes.c_uint32),
        ("output_device", ctypes.c_uint32),
        ("device_count", ctypes.c_uint32),
        ("constraint_count", ctypes.c_uint32),
        ("warning_count", ctypes.c_uint32),
        ("pipeline", ctypes.c_uint32),
        ("margin_bytes", ctypes.c_int64),
        ("max_ctx_seq_tokens", ctypes.c_uint64),
        ("max_sequences", ctypes.c_uint32),
        ("compute_exact", ctypes.c_uint32),
        ("weights_bytes", ctypes.c_uint64),
        ("kv_bytes", ctypes.c_uint64),
        ("recurrent_bytes", ctypes.c_uint64),
        ("compute_bytes", ctypes.c_uint64),
        ("output_bytes", ctypes.c_uint64),
        ("total_bytes", ctypes.c_uint64),
        ("engine", ctxfit_engine_info),
        ("beside_bytes", ctypes.c_uint64),
        ("beside_count", ctypes.c_uint32),
        ("reserved0", ctypes.c_uint32),
    ]


class ctxfit_plan_engine(ctypes.Structure):
    struct_size: int
    ctx_source: int
    ctx_tokens: int
    default_memory_bytes: int
    predicted_bytes: int
    available_bytes: int
    serial: int
    groups: int
    block_tokens: int
    tensor_ranks: int
    stages: int
    reserved0: int
    block_bytes: int
    pool_bytes: int
    pool_blocks: int
    pool_most_blocks: int
    pool_tokens: int
    pool_most_tokens: int
    request_blocks: int
    longest_tokens: int
    concurrency: float
    state_slots: int
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("ctx_source", ctypes.c_uint32),
        ("ctx_tokens", ctypes.c_uint64),
        ("default_memory_bytes", ctypes.c_uint64),
        ("predicted_bytes", ctypes.c_uint64),
        ("available_bytes", ctypes.c_uint64),
        ("serial", ctypes.c_uint32),
        ("groups", ctypes.c_uint32),
        ("block_tokens", ctypes.c_uint32),
        ("tensor_ranks", ctypes.c_uint32),
        ("stages", ctypes.c_uint32),
        ("reserved0", ctypes.c_uint32),
        ("block_bytes", ctypes.c_uint64),
        ("pool_bytes", ctypes.c_uint64),
        ("pool_blocks", ctypes.c_uint64),
        ("pool_most_blocks", ctypes.c_uint64),
        ("pool_tokens", ctypes.c_uint64),
        ("pool_most_tokens", ctypes.c_uint64),
        ("request_blocks", ctypes.c_uint64),
        ("longest_tokens", ctypes.c_uint64),
        ("concurrency", ctypes.c_double),
        ("state_slots", ctypes.c_uint64),
    ]


class ctxfit_plan_device(ctypes.Structure):
    struct_size: int
    kind: int
    backend: int
    layers: int
    capacity_bytes: int
    usable_bytes: int
    weights_bytes: int
    kv_bytes: int
    kv_swa_bytes: int
    recurrent_bytes: int
    kv_other_bytes: int
    compute_bytes: int
    compute_low_bytes: int
    output_bytes: int
    total_bytes: int
    free_bytes: int
    name: bytes
    id: bytes
    beside_bytes: int
    tower_bytes: int
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("kind", ctypes.c_uint32),
        ("backend", ctypes.c_uint32),
        ("layers", ctypes.c_uint32),
        ("capacity_bytes", ctypes.c_uint64),
        ("usable_bytes", ctypes.c_uint64),
        ("weights_bytes", ctypes.c_uint64),
        ("kv_bytes", ctypes.c_uint64),
        ("kv_swa_bytes", ctypes.c_uint64),
        ("recurrent_bytes", ctypes.c_uint64),
        ("kv_other_bytes", ctypes.c_uint64),
        ("compute_bytes", ctypes.c_uint64),
        ("compute_low_bytes", ctypes.c_uint64),
        ("output_bytes", ctypes.c_uint64),
        ("total_bytes", ctypes.c_uint64),
        ("free_bytes", ctypes.c_int64),
        ("name", ctypes.c_char * 64),
        ("id", ctypes.c_char * 64),
        ("beside_bytes", ctypes.c_uint64),
        ("tower_bytes", ctypes.c_uint64),
    ]


class ctxfit_constraint(ctypes.Structure):
    struct_size: int
    kind: int
    device: int
    binding: int
    limit_tokens: int
    slack_bytes: int
    source: bytes
    fits_tokens: int
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("kind", ctypes.c_uint32),
        ("device", ctypes.c_uint32),
        ("binding", ctypes.c_uint32),
        ("limit_tokens", ctypes.c_uint64),
        ("slack_bytes", ctypes.c_int64),
        ("source", ctypes.c_char * 192),
        ("fits_tokens", ctypes.c_uint64),
    ]


class ctxfit_estimate(ctypes.Structure):
    struct_size: int
    basis: int
    value: float
    low: float
    high: float
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("basis", ctypes.c_uint32),
        ("value", ctypes.c_double),
        ("low", ctypes.c_double),
        ("high", ctypes.c_double),
    ]


class ctxfit_plan_part(ctypes.Structure):
    struct_size: int
    blocks: int
    weight_bytes: int
    cache_bytes: int
    state_bytes: int
    link_bytes: int
    copied_bytes_per_pass: int
    seconds: float
    link_seconds: float
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("blocks", ctypes.c_uint32),
        ("weight_bytes", ctypes.c_uint64),
        ("cache_bytes", ctypes.c_uint64),
        ("state_bytes", ctypes.c_uint64),
        ("link_bytes", ctypes.c_uint64),
        ("copied_bytes_per_pass", ctypes.c_uint64),
        ("seconds", ctypes.c_double),
        ("link_seconds", ctypes.c_double),
    ]


class ctxfit_request(ctypes.Structure):
    struct_size: int
    flags: int
    prompt_tokens: int
    cached_tokens: int
    output_tokens: int
    deadline_s: float
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("prompt_tokens", ctypes.c_uint64),
        ("cached_tokens", ctypes.c_uint64),
        ("output_tokens", ctypes.c_uint64),
        ("deadline_s", ctypes.c_double),
    ]


class ctxfit_check(ctypes.Structure):
    struct_size: int
    outcome: int
    overflow_tokens: int
    limit_tokens: int
    limit_kind: int
    reserved0: int
    expected_s: float
    expected_low_s: float
    expected_high_s: float
    late_s: float
    largest_prompt_tokens: int
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("outcome", ctypes.c_uint32),
        ("overflow_tokens", ctypes.c_uint64),
        ("limit_tokens", ctypes.c_uint64),
        ("limit_kind", ctypes.c_uint32),
        ("reserved0", ctypes.c_uint32),
        ("expected_s", ctypes.c_double),
        ("expected_low_s", ctypes.c_double),
        ("expected_high_s", ctypes.c_double),
        ("late_s", ctypes.c_double),
        ("largest_prompt_tokens", ctypes.c_uint64),
    ]


class ctxfit_difference(ctypes.Structure):
    struct_size: int
    kind: int
    a: int
    b: int
    reason: bytes
    bytes: int
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("kind", ctypes.c_uint32),
        ("a", ctypes.c_uint64),
        ("b", ctypes.c_uint64),
        ("reason", ctypes.c_char * 256),
        ("bytes", ctypes.c_int64),
    ]


class ctxfit_projector_options(ctypes.Structure):
    struct_size: int
    flags: int
    devices: int
    flash_attention: int
    image_min_tokens: int
    image_max_tokens: int
    image_width: int
    image_height: int
    images: int
    audio_ms: int
    reserved0: int
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("devices", ctypes.c_uint64),
        ("flash_attention", ctypes.c_uint32),
        ("image_min_tokens", ctypes.c_uint32),
        ("image_max_tokens", ctypes.c_uint32),
        ("image_width", ctypes.c_uint32),
        ("image_height", ctypes.c_uint32),
        ("images", ctypes.c_uint32),
        ("audio_ms", ctypes.c_uint32),
        ("reserved0", ctypes.c_uint32),
    ]


class ctxfit_projector_memory(ctypes.Structure):
    struct_size: int
    flags: int
    weight_bytes: int
    host_weight_bytes: int
    load_bytes: int
    host_load_bytes: int
    compute_bytes: int
    host_compute_bytes: int
    image_tokens: int
    audio_tokens: int
    image_pieces: int
    picture_width: int
    picture_height: int
    embedding: int
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("weight_bytes", ctypes.c_uint64),
        ("host_weight_bytes", ctypes.c_uint64),
        ("load_bytes", ctypes.c_uint64),
        ("host_load_bytes", ctypes.c_uint64),
        ("compute_bytes", ctypes.c_uint64),
        ("host_compute_bytes", ctypes.c_uint64),
        ("image_tokens", ctypes.c_uint64),
        ("audio_tokens", ctypes.c_uint64),
        ("image_pieces", ctypes.c_uint32),
        ("picture_width", ctypes.c_uint32),
        ("picture_height", ctypes.c_uint32),
        ("embedding", ctypes.c_uint32),
    ]


class ctxfit_draft_options(ctypes.Structure):
    struct_size: int
    draft_tokens: int
    ctx_tokens: int
    devices: int
    gpu_layers: int
    cpu_expert_layers: int
    kv_key: int
    kv_value: int
    overrides: bytes
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("draft_tokens", ctypes.c_uint32),
        ("ctx_tokens", ctypes.c_uint64),
        ("devices", ctypes.c_uint64),
        ("gpu_layers", ctypes.c_uint32),
        ("cpu_expert_layers", ctypes.c_uint32),
        ("kv_key", ctypes.c_uint32),
        ("kv_value", ctypes.c_uint32),
        ("overrides", ctypes.c_char * 1024),
    ]


class ctxfit_plan_beside(ctypes.Structure):
    struct_size: int
    kind: int
    device: int
    compute_exact: int
    layers: int
    draft_tokens: int
    n_ctx_seq: int
    weights_bytes: int
    kv_bytes: int
    recurrent_bytes: int
    compute_bytes: int
    compute_low_bytes: int
    output_bytes: int
    total_bytes: int
    name: bytes
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("kind", ctypes.c_uint32),
        ("device", ctypes.c_uint32),
        ("compute_exact", ctypes.c_uint32),
        ("layers", ctypes.c_uint32),
        ("draft_tokens", ctypes.c_uint32),
        ("n_ctx_seq", ctypes.c_uint64),
        ("weights_bytes", ctypes.c_uint64),
        ("kv_bytes", ctypes.c_uint64),
        ("recurrent_bytes", ctypes.c_uint64),
        ("compute_bytes", ctypes.c_uint64),
        ("compute_low_bytes", ctypes.c_uint64),
        ("output_bytes", ctypes.c_uint64),
        ("total_bytes", ctypes.c_uint64),
        ("name", ctypes.c_char * 64),
    ]


class ctxfit_goal(ctypes.Structure):
    struct_size: int
    flags: int
    objective: int
    open: int
    least_ctx_seq_tokens: int
    depth_tokens: int
    least_decode_tokens_per_s: float
    worst_file_type: int
    worst_cache_type: int
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("objective", ctypes.c_uint32),
        ("open", ctypes.c_uint32),
        ("least_ctx_seq_tokens", ctypes.c_uint64),
        ("depth_tokens", ctypes.c_uint64),
        ("least_decode_tokens_per_s", ctypes.c_double),
        ("worst_file_type", ctypes.c_uint32),
        ("worst_cache_type", ctypes.c_uint32),
    ]


class ctxfit_place_summary(ctypes.Structure):
    struct_size: int
    found: int
    objective: int
    evaluations: int
    ctx_seq_tokens: int
    sequences: int
    ubatch_tokens: int
    file_type: int
    kv_key: int
    kv_value: int
    host_layers: int
    host_expert_layers: int
    short_kind: int
    short_device: int
    reason_count: int
    change_count: int
    reserved0: int
    short_bytes: int
    device_weights_bytes: int
    host_weights_bytes: int
    decode_tokens_per_s: float
    device_share: float
    nodes: int
    alone_found: int
    alone_ctx_seq_tokens: int
    alone_decode_tokens_per_s: float
    link_bytes_per_token: int
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("found", ctypes.c_uint32),
        ("objective", ctypes.c_uint32),
        ("evaluations", ctypes.c_uint32),
        ("ctx_seq_tokens", ctypes.c_uint64),
        ("sequences", ctypes.c_uint32),
        ("ubatch_tokens", ctypes.c_uint32),
        ("file_type", ctypes.c_uint32),
        ("kv_key", ctypes.c_uint32),
        ("kv_value", ctypes.c_uint32),
        ("host_layers", ctypes.c_uint32),
        ("host_expert_layers", ctypes.c_uint32),
        ("short_kind", ctypes.c_uint32),
        ("short_device", ctypes.c_uint32),
        ("reason_count", ctypes.c_uint32),
        ("change_count", ctypes.c_uint32),
        ("reserved0", ctypes.c_uint32),
        ("short_bytes", ctypes.c_uint64),
        ("device_weights_bytes", ctypes.c_uint64),
        ("host_weights_bytes", ctypes.c_uint64),
        ("decode_tokens_per_s", ctypes.c_double),
        ("device_share", ctypes.c_double),
        ("nodes", ctypes.c_uint32),
        ("alone_found", ctypes.c_uint32),
        ("alone_ctx_seq_tokens", ctypes.c_uint64),
        ("alone_decode_tokens_per_s", ctypes.c_double),
        ("link_bytes_per_token", ctypes.c_uint64),
    ]


class ctxfit_change(ctypes.Structure):
    struct_size: int
    kind: int
    now: int
    value: int
    text: bytes
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("kind", ctypes.c_uint32),
        ("now", ctypes.c_uint64),
        ("value", ctypes.c_uint64),
        ("text", ctypes.c_char * 192),
    ]


class ctxfit_line(ctypes.Structure):
    struct_size: int
    split_count: int
    file_type: int
    own_fit: int
    program: bytes
    model: bytes
    not_counted: bytes
    not_followed: bytes
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("split_count", ctypes.c_uint32),
        ("file_type", ctypes.c_uint32),
        ("own_fit", ctypes.c_uint32),
        ("program", ctypes.c_char * 64),
        ("model", ctypes.c_char * 512),
        ("not_counted", ctypes.c_char * 256),
        ("not_followed", ctypes.c_char * 256),
    ]


class ctxfit_rank_row(ctypes.Structure):
    struct_size: int
    place: int
    file_type: int
    fit: int
    cpu_experts: int
    compute_exact: int
    price_usd: int
    price_year: int
    n_ctx_seq: int
    trained_tokens: int
    parameters: int
    parameters_active: int
    weights_bytes: int
    cache_bytes: int
    total_bytes: int
    margin_bytes: int
    decode_tokens_per_s: float
    decode_full_tokens_per_s: float
    prompt_s: float
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("place", ctypes.c_uint32),
        ("file_type", ctypes.c_uint32),
        ("fit", ctypes.c_uint32),
        ("cpu_experts", ctypes.c_uint32),
        ("compute_exact", ctypes.c_uint32),
        ("price_usd", ctypes.c_uint32),
        ("price_year", ctypes.c_uint32),
        ("n_ctx_seq", ctypes.c_uint64),
        ("trained_tokens", ctypes.c_uint64),
        ("parameters", ctypes.c_uint64),
        ("parameters_active", ctypes.c_uint64),
        ("weights_bytes", ctypes.c_uint64),
        ("cache_bytes", ctypes.c_uint64),
        ("total_bytes", ctypes.c_uint64),
        ("margin_bytes", ctypes.c_int64),
        ("decode_tokens_per_s", ctypes.c_double),
        ("decode_full_tokens_per_s", ctypes.c_double),
        ("prompt_s", ctypes.c_double),
    ]


class ctxfit_stored_info(ctypes.Structure):
    struct_size: int
    flags: int
    bytes: int
    files: int
    reserved0: int
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("bytes", ctypes.c_uint64),
        ("files", ctypes.c_uint32),
        ("reserved0", ctypes.c_uint32),
    ]


#: every struct, by its name in C
STRUCTS: Dict[str, Any] = {
    "ctxfit_error": ctxfit_error,
    "ctxfit_quant_info": ctxfit_quant_info,
    "ctxfit_file_type_info": ctxfit_file_type_info,
    "ctxfit_gguf_options": ctxfit_gguf_options,
    "ctxfit_gguf_key": ctxfit_gguf_key,
    "ctxfit_tensor_info": ctxfit_tensor_info,
    "ctxfit_hf_tensor": ctxfit_hf_tensor,
    "ctxfit_checkpoint_info": ctxfit_checkpoint_info,
    "ctxfit_checkpoint_layer": ctxfit_checkpoint_layer,
    "ctxfit_layer_info": ctxfit_layer_info,
    "ctxfit_model_info": ctxfit_model_info,
    "ctxfit_companion": ctxfit_companion,
    "ctxfit_device": ctxfit_device,
    "ctxfit_hw_detect_options": ctxfit_hw_detect_options,
    "ctxfit_hw_entry": ctxfit_hw_entry,
    "ctxfit_hw_filter": ctxfit_hw_filter,
    "ctxfit_engine_info": ctxfit_engine_info,
    "ctxfit_plan_options": ctxfit_plan_options,
    "ctxfit_plan_summary": ctxfit_plan_summary,
    "ctxfit_plan_engine": ctxfit_plan_engine,
    "ctxfit_plan_device": ctxfit_plan_device,
    "ctxfit_constraint": ctxfit_constraint,
    "ctxfit_estimate": ctxfit_estimate,
    "ctxfit_plan_part": ctxfit_plan_part,
    "ctxfit_request": ctxfit_request,
    "ctxfit_check": ctxfit_check,
    "ctxfit_difference": ctxfit_difference,
    "ctxfit_projector_options": ctxfit_projector_options,
    "ctxfit_projector_memory": ctxfit_projector_memory,
    "ctxfit_draft_options": ctxfit_draft_options,
    "ctxfit_plan_beside": ctxfit_plan_beside,
    "ctxfit_goal": ctxfit_goal,
    "ctxfit_place_summary": ctxfit_place_summary,
    "ctxfit_change": ctxfit_change,
    "ctxfit_line": ctxfit_line,
    "ctxfit_rank_row": ctxfit_rank_row,
    "ctxfit_stored_info": ctxfit_stored_info,
}

#: every function: what it returns and takes
FUNCTIONS: Dict[str, Tuple[Any, List[Any]]] = {
    "ctxfit_version_number": (ctypes.c_uint32, []),
    "ctxfit_version_string": (ctypes.c_char_p, []),
    "ctxfit_status_name": (ctypes.c_char_p, [ctypes.c_int32]),
    "ctxfit_status_message": (ctypes.c_char_p, [ctypes.c_int32]),
    "ctxfit_quant_count": (ctypes.c_uint32, []),
    "ctxfit_quant_at": (ctypes.c_uint32, [ctypes.c_uint32]),
    "ctxfit_quant_name": (ctypes.c_char_p, [ctypes.c_uint32]),
    "ctxfit_quant_from_name": (ctypes.c_uint32, [ctypes.c_char_p]),
    "ctxfit_quant_from_ggml": (ctypes.c_uint32, [ctypes.c_uint32, ctypes.c_uint32]),
    "ctxfit_quant_get_info": (ctypes.c_int32, [ctypes.c_uint32, ctypes.POINTER(ctxfit_quant_info)]),
    "ctxfit_quant_row_bytes": (ctypes.c_int32, [ctypes.c_uint32, ctypes.c_uint64, ctypes.POINTER(ctypes.c_uint64)]),
    "ctxfit_quant_tensor_bytes": (ctypes.c_int32, [ctypes.c_uint32, ctypes.POINTER(ctypes.c_uint64), ctypes.POINTER(ctypes.c_uint64)]),
    "ctxfit_file_type_count": (ctypes.c_uint32, []),
    "ctxfit_file_type_at": (ctypes.c_uint32, [ctypes.c_uint32]),
    "ctxfit_file_type_name": (ctypes.c_char_p, [ctypes.c_uint32]),
    "ctxfit_file_type_write_name": (ctypes.c_int32, [ctypes.c_uint32, ctypes.c_void_p, ctypes.c_size_t, ctypes.POINTER(ctypes.c_size_t)]),
    "ctxfit_file_type_from_name": (ctypes.c_uint32, [ctypes.c_char_p]),
    "ctxfit_file_type_from_ggml": (ctypes.c_uint32, [ctypes.c_uint32]),
    "ctxfit_file_type_get_info": (ctypes.c_int32, [ctypes.c_uint32, ctypes.POINTER(ctxfit_file_type_info)]),
    "ctxfit_gguf_parse": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.POINTER(ctxfit_error)]),
    "ctxfit_gguf_open": (ctypes.c_int32, [ctypes.c_char_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.POINTER(ctxfit_error)]),
    "ctxfit_gguf_join": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_void_p, ctypes.POINTER(ctxfit_error)]),
    "ctxfit_gguf_free": (None, [ctypes.c_void_p]),
    "ctxfit_gguf_version": (ctypes.c_uint32, [ctypes.c_void_p]),
    "ctxfit_gguf_is_big_endian": (ctypes.c_uint32, [ctypes.c_void_p]),
    "ctxfit_gguf_shard_count": (ctypes.c_uint32, [ctypes.c_void_p]),
    "ctxfit_gguf_split_count": (ctypes.c_uint32, [ctypes.c_void_p]),
    "ctxfit_gguf_data_offset": (ctypes.c_uint64, [ctypes.c_void_p, ctypes.c_uint32]),
    "ctxfit_gguf_alignment": (ctypes.c_uint64, [ctypes.c_void_p]),
    "ctxfit_gguf_key_count": (ctypes.c_uint64, [ctypes.c_void_p]),
    "ctxfit_gguf_key_name": (ctypes.c_char_p, [ctypes.c_void_p, ctypes.c_uint64]),
    "ctxfit_gguf_get_key": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_uint64, ctypes.POINTER(ctxfit_gguf_key)]),
    "ctxfit_gguf_find_key": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.POINTER(ctypes.c_uint64)]),
    "ctxfit_gguf_get_u64": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.POINTER(ctypes.c_uint64)]),
    "ctxfit_gguf_get_i64": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.POINTER(ctypes.c_int64)]),
    "ctxfit_gguf_get_f64": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.POINTER(ctypes.c_double)]),
    "ctxfit_gguf_get_bool": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.POINTER(ctypes.c_uint32)]),
    "ctxfit_gguf_get_string": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p, ctypes.POINTER(ctypes.c_size_t)]),
    "ctxfit_gguf_get_array_i64": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_uint64, ctypes.POINTER(ctypes.c_int64)]),
    "ctxfit_gguf_get_array_f64": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_uint64, ctypes.POINTER(ctypes.c_double)]),
    "ctxfit_gguf_get_array_count": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.POINTER(ctypes.c_uint64)]),
    "ctxfit_gguf_tensor_count": (ctypes.c_uint64, [ctypes.c_void_p]),
    "ctxfit_gguf_tensor_name": (ctypes.c_char_p, [ctypes.c_void_p, ctypes.c_uint64]),
    "ctxfit_gguf_find_tensor": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.POINTER(ctypes.c_uint64)]),
    "ctxfit_gguf_get_tensor": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_uint64, ctypes.POINTER(ctxfit_tensor_info)]),
    "ctxfit_safetensors_parse": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_uint64, ctypes.c_void_p, ctypes.c_void_p, ctypes.POINTER(ctxfit_error)]),
    "ctxfit_safetensors_open": (ctypes.c_int32, [ctypes.c_char_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.POINTER(ctxfit_error)]),
    "ctxfit_safetensors_join": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_void_p, ctypes.POINTER(ctxfit_error)]),
    "ctxfit_safetensors_free": (None, [ctypes.c_void_p]),
    "ctxfit_safetensors_shard_count": (ctypes.c_uint32, [ctypes.c_void_p]),
    "ctxfit_safetensors_tensor_count": (ctypes.c_uint64, [ctypes.c_void_p]),
    "ctxfit_safetensors_tensor_bytes": (ctypes.c_uint64, [ctypes.c_void_p]),
    "ctxfit_safetensors_tensor_name": (ctypes.c_char_p, [ctypes.c_void_p, ctypes.c_uint64]),
    "ctxfit_safetensors_find_tensor": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.POINTER(ctypes.c_uint64)]),
    "ctxfit_safetensors_get_tensor": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_uint64, ctypes.POINTER(ctxfit_hf_tensor)]),
    "ctxfit_dtype_name": (ctypes.c_char_p, [ctypes.c_uint32]),
    "ctxfit_model_from_gguf": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.POINTER(ctxfit_error)]),
    "ctxfit_model_from_catalog": (ctypes.c_int32, [ctypes.c_char_p, ctypes.c_uint32, ctypes.c_void_p, ctypes.c_void_p, ctypes.POINTER(ctxfit_error)]),
    "ctxfit_model_from_text": (ctypes.c_int32, [ctypes.c_char_p, ctypes.c_uint32, ctypes.c_void_p, ctypes.c_void_p, ctypes.POINTER(ctxfit_error)]),
    "ctxfit_model_from_config": (ctypes.c_int32, [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint32, ctypes.c_void_p, ctypes.c_void_p, ctypes.POINTER(ctxfit_error)]),
    "ctxfit_model_from_hf": (ctypes.c_int32, [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_uint32, ctypes.c_void_p, ctypes.c_void_p, ctypes.POINTER(ctxfit_error)]),
    "ctxfit_model_open_checkpoint": (ctypes.c_int32, [ctypes.c_char_p, ctypes.c_uint32, ctypes.c_void_p, ctypes.c_void_p, ctypes.POINTER(ctxfit_error)]),
    "ctxfit_model_from_layers": (ctypes.c_int32, [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_uint32, ctypes.c_void_p, ctypes.c_void_p, ctypes.POINTER(ctxfit_error)]),
    "ctxfit_model_requantize": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_void_p, ctypes.c_void_p, ctypes.POINTER(ctxfit_error)]),
    "ctxfit_companion_from_gguf": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(ctxfit_companion), ctypes.POINTER(ctxfit_error)]),
    "ctxfit_model_free": (None, [ctypes.c_void_p]),
    "ctxfit_model_name": (ctypes.c_char_p, [ctypes.c_void_p]),
    "ctxfit_model_arch": (ctypes.c_char_p, [ctypes.c_void_p]),
    "ctxfit_model_note": (ctypes.c_char_p, [ctypes.c_void_p, ctypes.c_uint32]),
    "ctxfit_model_get_checkpoint": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(ctxfit_checkpoint_info)]),
    "ctxfit_model_get_checkpoint_layer": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_uint32, ctypes.POINTER(ctxfit_checkpoint_layer)]),
    "ctxfit_model_get_info": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(ctxfit_model_info)]),
    "ctxfit_model_get_layer": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_uint32, ctypes.POINTER(ctxfit_layer_info)]),
    "ctxfit_model_tensor_name": (ctypes.c_char_p, [ctypes.c_void_p, ctypes.c_uint64]),
    "ctxfit_model_get_tensor": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_uint64, ctypes.POINTER(ctxfit_tensor_info)]),
    "ctxfit_model_catalog_count": (ctypes.c_uint32, []),
    "ctxfit_model_catalog_id": (ctypes.c_char_p, [ctypes.c_uint32]),
    "ctxfit_model_catalog_hf_id": (ctypes.c_char_p, [ctypes.c_uint32]),
    "ctxfit_model_catalog_source": (ctypes.c_char_p, [ctypes.c_uint32]),
    "ctxfit_modelfile_parse": (ctypes.c_int32, [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_void_p, ctypes.POINTER(ctxfit_error)]),
    "ctxfit_modelfile_from_store": (ctypes.c_int32, [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.POINTER(ctxfit_error)]),
    "ctxfit_modelfile_free": (None, [ctypes.c_void_p]),
    "ctxfit_modelfile_part": (ctypes.c_char_p, [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint32]),
    "ctxfit_modelfile_parameter_count": (ctypes.c_uint32, [ctypes.c_void_p]),
    "ctxfit_modelfile_parameter_name": (ctypes.c_char_p, [ctypes.c_void_p, ctypes.c_uint32]),
    "ctxfit_modelfile_parameter_value": (ctypes.c_char_p, [ctypes.c_void_p, ctypes.c_uint32]),
    "ctxfit_modelfile_get_i64": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.POINTER(ctypes.c_int64)]),
    "ctxfit_hw_parse": (ctypes.c_int32, [ctypes.c_char_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.POINTER(ctxfit_error)]),
    "ctxfit_hw_from_devices": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_void_p, ctypes.POINTER(ctxfit_error)]),
    "ctxfit_hw_free": (None, [ctypes.c_void_p]),
    "ctxfit_hw_device_count": (ctypes.c_uint32, [ctypes.c_void_p]),
    "ctxfit_hw_get_device": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_uint32, ctypes.POINTER(ctxfit_device)]),
    "ctxfit_hw_write_spec": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.POINTER(ctypes.c_size_t)]),
    "ctxfit_hw_detect": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.POINTER(ctxfit_error)]),
    "ctxfit_hw_warning": (ctypes.c_char_p, [ctypes.c_void_p, ctypes.c_uint32]),
    "ctxfit_hw_write_report": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.POINTER(ctypes.c_size_t)]),
    "ctxfit_hw_catalog_count": (ctypes.c_uint32, []),
    "ctxfit_hw_catalog_id": (ctypes.c_char_p, [ctypes.c_uint32]),
    "ctxfit_hw_catalog_name": (ctypes.c_char_p, [ctypes.c_uint32]),
    "ctxfit_hw_catalog_source": (ctypes.c_char_p, [ctypes.c_uint32]),
    "ctxfit_hw_catalog_get": (ctypes.c_int32, [ctypes.c_uint32, ctypes.POINTER(ctxfit_hw_entry)]),
    "ctxfit_hw_catalog_find": (ctypes.c_int32, [ctypes.c_char_p, ctypes.POINTER(ctypes.c_uint32), ctypes.POINTER(ctxfit_error)]),
    "ctxfit_hw_catalog_search": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(ctypes.c_uint32), ctypes.c_size_t, ctypes.POINTER(ctypes.c_size_t), ctypes.POINTER(ctxfit_error)]),
    "ctxfit_hw_list_from_json": (ctypes.c_int32, [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_void_p, ctypes.POINTER(ctxfit_error)]),
    "ctxfit_hw_list_free": (None, [ctypes.c_void_p]),
    "ctxfit_hw_list_count": (ctypes.c_uint32, [ctypes.c_void_p]),
    "ctxfit_hw_list_get": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_uint32, ctypes.POINTER(ctxfit_hw_entry)]),
    "ctxfit_hw_parse_with": (ctypes.c_int32, [ctypes.c_char_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.POINTER(ctxfit_error)]),
    "ctxfit_engine_count": (ctypes.c_uint32, []),
    "ctxfit_engine_get": (ctypes.c_int32, [ctypes.c_uint32, ctypes.POINTER(ctxfit_engine_info)]),
    "ctxfit_engine_from_name": (ctypes.c_int32, [ctypes.c_char_p, ctypes.POINTER(ctxfit_engine_info), ctypes.POINTER(ctxfit_error)]),
    "ctxfit_plan_make": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.POINTER(ctxfit_error)]),
    "ctxfit_plan_apply_parameters": (ctypes.c_int32, [ctypes.POINTER(ctxfit_plan_options), ctypes.c_void_p, ctypes.c_void_p, ctypes.POINTER(ctypes.c_uint32), ctypes.POINTER(ctxfit_error)]),
    "ctxfit_plan_free": (None, [ctypes.c_void_p]),
    "ctxfit_plan_get_summary": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(ctxfit_plan_summary)]),
    "ctxfit_plan_get_engine": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(ctxfit_plan_engine)]),
    "ctxfit_plan_get_device": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_uint32, ctypes.POINTER(ctxfit_plan_device)]),
    "ctxfit_plan_get_constraint": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_uint32, ctypes.POINTER(ctxfit_constraint)]),
    "ctxfit_limit_name": (ctypes.c_char_p, [ctypes.c_uint32]),
    "ctxfit_plan_warning": (ctypes.c_char_p, [ctypes.c_void_p, ctypes.c_uint32]),
    "ctxfit_plan_get_decode_rate": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_uint64, ctypes.POINTER(ctxfit_estimate)]),
    "ctxfit_plan_get_prompt_time": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint64, ctypes.POINTER(ctxfit_estimate)]),
    "ctxfit_plan_get_part": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint64, ctypes.POINTER(ctxfit_plan_part)]),
    "ctxfit_plan_check": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_void_p, ctypes.POINTER(ctxfit_check)]),
    "ctxfit_plan_compare": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint32, ctypes.POINTER(ctxfit_difference)]),
    "ctxfit_difference_name": (ctypes.c_char_p, [ctypes.c_uint32]),
    "ctxfit_plan_best_file_type": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.POINTER(ctypes.c_uint32), ctypes.POINTER(ctxfit_error)]),
    "ctxfit_plan_write_json": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.POINTER(ctypes.c_size_t)]),
    "ctxfit_projector_from_gguf": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.POINTER(ctxfit_error)]),
    "ctxfit_projector_free": (None, [ctypes.c_void_p]),
    "ctxfit_projector_get_info": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(ctxfit_companion)]),
    "ctxfit_projector_measure": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_uint32, ctypes.c_void_p, ctypes.POINTER(ctxfit_projector_memory), ctypes.POINTER(ctxfit_error)]),
    "ctxfit_beside_new": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_void_p, ctypes.POINTER(ctxfit_error)]),
    "ctxfit_beside_free": (None, [ctypes.c_void_p]),
    "ctxfit_beside_count": (ctypes.c_uint32, [ctypes.c_void_p]),
    "ctxfit_beside_add_draft": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.POINTER(ctxfit_error)]),
    "ctxfit_beside_add_nextn": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_void_p, ctypes.POINTER(ctxfit_error)]),
    "ctxfit_beside_add_adapter": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_void_p, ctypes.POINTER(ctxfit_error)]),
    "ctxfit_beside_add_projector": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.POINTER(ctxfit_error)]),
    "ctxfit_beside_leave_out": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_char_p, ctypes.c_uint64, ctypes.POINTER(ctxfit_error)]),
    "ctxfit_beside_add_parts": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.POINTER(ctxfit_error)]),
    "ctxfit_beside_set_name": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_char_p, ctypes.POINTER(ctxfit_error)]),
    "ctxfit_plan_make_beside": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.POINTER(ctxfit_error)]),
    "ctxfit_plan_best_file_type_beside": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.POINTER(ctypes.c_uint32), ctypes.POINTER(ctxfit_error)]),
    "ctxfit_plan_get_beside": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint32, ctypes.POINTER(ctxfit_plan_beside)]),
    "ctxfit_beside_name": (ctypes.c_char_p, [ctypes.c_uint32]),
    "ctxfit_place_solve": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.POINTER(ctxfit_error)]),
    "ctxfit_place_solve_beside": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.POINTER(ctxfit_error)]),
    "ctxfit_place_free": (None, [ctypes.c_void_p]),
    "ctxfit_place_get_summary": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(ctxfit_place_summary)]),
    "ctxfit_place_get_options": (ctypes.c_int32, [ctypes.c_void_p, ctypes.POINTER(ctxfit_plan_options)]),
    "ctxfit_place_plan": (ctypes.c_void_p, [ctypes.c_void_p]),
    "ctxfit_place_reason": (ctypes.c_char_p, [ctypes.c_void_p, ctypes.c_uint32]),
    "ctxfit_place_get_change": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_uint32, ctypes.POINTER(ctxfit_change)]),
    "ctxfit_change_name": (ctypes.c_char_p, [ctypes.c_uint32]),
    "ctxfit_place_write_json": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.POINTER(ctypes.c_size_t)]),
    "ctxfit_place_solve_set": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.POINTER(ctxfit_error)]),
    "ctxfit_place_solve_set_beside": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.POINTER(ctxfit_error)]),
    "ctxfit_place_set_free": (None, [ctypes.c_void_p]),
    "ctxfit_place_set_verdict": (ctypes.c_uint32, [ctypes.c_void_p]),
    "ctxfit_place_set_at": (ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_uint32]),
    "ctxfit_place_set_rest": (ctypes.c_void_p, [ctypes.c_void_p]),
    "ctxfit_place_write_line": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.POINTER(ctypes.c_size_t)]),
    "ctxfit_place_find_argument": (ctypes.c_uint32, [ctypes.c_char_p, ctypes.POINTER(ctypes.c_uint32)]),
    "ctxfit_place_read_line": (ctypes.c_int32, [ctypes.c_char_p, ctypes.POINTER(ctxfit_plan_options), ctypes.POINTER(ctxfit_line), ctypes.POINTER(ctxfit_error)]),
    "ctxfit_rank_models": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint32, ctypes.c_void_p, ctypes.c_void_p, ctypes.POINTER(ctxfit_rank_row), ctypes.c_size_t, ctypes.POINTER(ctypes.c_size_t), ctypes.POINTER(ctxfit_error)]),
    "ctxfit_rank_machines": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.POINTER(ctxfit_rank_row), ctypes.c_size_t, ctypes.POINTER(ctypes.c_size_t), ctypes.POINTER(ctxfit_error)]),
    "ctxfit_store_place": (ctypes.c_int32, [ctypes.c_uint32, ctypes.c_void_p, ctypes.c_uint32, ctypes.c_void_p, ctypes.c_size_t, ctypes.POINTER(ctypes.c_size_t)]),
    "ctxfit_store_find": (ctypes.c_int32, [ctypes.c_uint32, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.POINTER(ctxfit_error)]),
    "ctxfit_store_look_up": (ctypes.c_int32, [ctypes.c_char_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.POINTER(ctxfit_error)]),
    "ctxfit_store_list": (ctypes.c_int32, [ctypes.c_uint32, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.POINTER(ctxfit_error)]),
    "ctxfit_store_free": (None, [ctypes.c_void_p]),
    "ctxfit_store_count": (ctypes.c_uint32, [ctypes.c_void_p]),
    "ctxfit_store_name": (ctypes.c_char_p, [ctypes.c_void_p, ctypes.c_uint32]),
    "ctxfit_store_path": (ctypes.c_char_p, [ctypes.c_void_p, ctypes.c_uint32]),
    "ctxfit_store_get": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_uint32, ctypes.POINTER(ctxfit_stored_info)]),
}
