"""Plans: does this model fit this machine, with how much context, how fast, and what limits it."""
from __future__ import annotations

import ctypes
import json
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence, SupportsFloat, SupportsIndex, Tuple, Union

from . import _convert
from . import _layout as L
from ._beside import Beside
from ._enums import Differs, Fit, Limit, Parameter, PlanFlags, Split
from ._errors import InvalidArgument
from ._hardware import Hardware, as_hardware
from ._html import plan_html
from ._library import Handle, Owner, ask, error_of, file_type_name, known, lib, read_text
from ._model import Model
from ._modelfile import Modelfile
from ._records import Check, Constraint, Difference, Engine, Estimate, PlanBeside, PlanDevice, PlanEngine, PlanPart, Summary

_MOST_32 = ctypes.c_uint32(-1).value
_MOST_64 = ctypes.c_uint64(-1).value

Tokens = Union[SupportsIndex, str]


class Plan(Handle):
    """An answer of ctxfit.plan(). It needs neither the model nor the machine that it was made from."""

    __slots__ = ("_facts",)
    _free = lib.ctxfit_plan_free
    _facts: Optional[L.ctxfit_plan_summary]

    def __init__(self) -> None:
        raise TypeError("a Plan is made by ctxfit.plan()")

    def _summary(self) -> L.ctxfit_plan_summary:
        owner = self._handle()
        facts = getattr(self, "_facts", None)
        if facts is None:
            facts = self._facts = ask(L.ctxfit_plan_summary, lib.ctxfit_plan_get_summary, owner)
        return facts

    # ---- the verdict ----------------------------------------------------------------------------------------------------------
    @property
    def summary(self) -> Summary:
        """What the engine makes of the options, the verdict, and sums over all devices."""
        return Summary._of(self._summary())

    @property
    def fit(self) -> Fit:
        """Whether it fits: on GPUs alone, with a part on the host, or not."""
        return known(Fit, self._summary().fit)

    @property
    def fits(self) -> bool:
        """Whether every device has enough memory."""
        return self.fit in (Fit.ALL, Fit.SPLIT)

    @property
    def margin_bytes(self) -> int:
        """Least memory that is left on any device; negative: bytes missing."""
        return self._summary().margin_bytes

    @property
    def total_bytes(self) -> int:
        """Memory of weights, caches, state, compute and output on all devices."""
        return self._summary().total_bytes

    @property
    def max_context(self) -> int:
        """Largest context of one sequence that fits with the other options as given; 0 = none."""
        return self._summary().max_ctx_seq_tokens

    @property
    def max_sequences(self) -> int:
        """Most sequences of the planned length that fit; 0 = none."""
        return self._summary().max_sequences

    @property
    def context(self) -> int:
        """Whole context, after the engine's rounding."""
        return self._summary().n_ctx

    @property
    def context_per_sequence(self) -> int:
        """Context of one sequence, after the engine's rounding."""
        return self._summary().n_ctx_seq

    @property
    def engine(self) -> Engine:
        """Whose rules were followed."""
        return Engine._of(self._summary().engine)

    @property
    def decisions(self) -> PlanEngine:
        """What the engine itself goes by: where its context comes from, its own estimate."""
        return PlanEngine._of(ask(L.ctxfit_plan_engine, lib.ctxfit_plan_get_engine, self._handle()))

    def compare(self, other: "Plan") -> Tuple[Difference, ...]:
        """What differs between this plan (a) and another one (b), and why."""
        if not isinstance(other, Plan):
            raise TypeError(f"other: expected Plan, not {type(other).__name__}")
        mine, theirs = self._handle(), other._handle()
        found: List[Difference] = []
        while True:
            c = L.ctxfit_difference(struct_size=ctypes.sizeof(L.ctxfit_difference))
            if lib.ctxfit_plan_compare(mine, theirs, len(found), ctypes.byref(c)):
                return tuple(found)
            found.append(Difference._of(c))

    # ---- the parts ------------------------------------------------------------------------------------------------------------
    @property
    def devices(self) -> Tuple[PlanDevice, ...]:
        """Memory of each device; the host is the last."""
        owner = self._handle()
        return tuple(
            PlanDevice._of(ask(L.ctxfit_plan_device, lib.ctxfit_plan_get_device, owner, i)) for i in range(self._summary().device_count)
        )

    @property
    def beside(self) -> Tuple[PlanBeside, ...]:
        """What runs beside the model, an entry each, summed over all devices."""
        owner = self._handle()
        return tuple(self._entry(owner, i, _MOST_32) for i in range(self._summary().beside_count))

    def beside_on(self, device: SupportsIndex) -> Tuple[PlanBeside, ...]:
        """The same on one device, by its place in `devices`."""
        owner = self._handle()
        place = _convert.whole(device, "device", 0, self._summary().device_count - 1)
        return tuple(self._entry(owner, i, place) for i in range(self._summary().beside_count))

    @staticmethod
    def _entry(owner: Owner, index: int, device: int) -> PlanBeside:
        return PlanBeside._of(ask(L.ctxfit_plan_beside, lib.ctxfit_plan_get_beside, owner, index, device))

    @property
    def constraints(self) -> Tuple[Constraint, ...]:
        """Every limit of one sequence's context, the smallest first."""
        owner = self._handle()
        return tuple(
            Constraint._of(ask(L.ctxfit_constraint, lib.ctxfit_plan_get_constraint, owner, i))
            for i in range(self._summary().constraint_count)
        )

    @property
    def binding(self) -> Optional[Constraint]:
        """The limit that stops the context from being longer."""
        owner = self._handle()
        if self._summary().constraint_count == 0:
            return None
        return Constraint._of(ask(L.ctxfit_constraint, lib.ctxfit_plan_get_constraint, owner, 0))

    @property
    def warnings(self) -> Tuple[str, ...]:
        """What a user should know, in words."""
        owner = self._handle()
        return tuple(lib.ctxfit_plan_warning(owner, i).decode("utf-8", "replace") for i in range(self._summary().warning_count))

    # ---- speed and requests ---------------------------------------------------------------------------------------------------
    def decode_rate(self, depth: SupportsIndex = 0) -> Estimate:
        """Tokens per second of one sequence with `depth` tokens in its context."""
        tokens = _convert.whole(depth, "depth", 0, _MOST_64)
        return Estimate._of(ask(L.ctxfit_estimate, lib.ctxfit_plan_get_decode_rate, self._handle(), tokens))

    def prompt_time(self, prompt: SupportsIndex, cached: SupportsIndex = 0) -> Estimate:
        """Seconds to process a prompt of which the first `cached` tokens are cached already."""
        tokens = _convert.whole(prompt, "prompt", 0, _MOST_64)
        known_tokens = _convert.whole(cached, "cached", 0, _MOST_64)
        return Estimate._of(ask(L.ctxfit_estimate, lib.ctxfit_plan_get_prompt_time, self._handle(), tokens, known_tokens))

    def part(self, device: SupportsIndex, depth: SupportsIndex = 0) -> PlanPart:
        """What a decoded token costs on a device, by its place in `devices`, with `depth` tokens in the context."""
        place = _convert.whole(device, "device", 0, _MOST_32)
        tokens = _convert.whole(depth, "depth", 0, _MOST_64)
        return PlanPart._of(ask(L.ctxfit_plan_part, lib.ctxfit_plan_get_part, self._handle(), place, tokens))

    def check(
        self,
        prompt: SupportsIndex,
        *,
        cached: SupportsIndex = 0,
        output: SupportsIndex = 0,
        deadline_s: Union[SupportsFloat, None] = None,
    ) -> Check:
        """Holds a request against the plan: does it fit the context, and is it done in time? Tokens, and seconds for everything."""
        request = L.ctxfit_request(
            struct_size=ctypes.sizeof(L.ctxfit_request),
            prompt_tokens=_convert.whole(prompt, "prompt", 0, _MOST_64),
            cached_tokens=_convert.whole(cached, "cached", 0, _MOST_64),
            output_tokens=_convert.whole(output, "output", 0, _MOST_64),
        )
        if request.cached_tokens > request.prompt_tokens:
            raise InvalidArgument(f"cached: {request.cached_tokens} tokens of a prompt of {request.prompt_tokens}")
        if deadline_s is not None:
            request.deadline_s = _convert.real(deadline_s, "deadline_s")
            if request.deadline_s == 0:
                raise InvalidArgument("deadline_s: expected more than 0 seconds, or None for no deadline")
        return Check._of(ask(L.ctxfit_check, lib.ctxfit_plan_check, self._handle(), ctypes.byref(request)))

    # ---- text -----------------------------------------------------------------------------------------------------------------
    def to_json(self, id: Optional[str] = None) -> str:
        """The plan as the command prints it ("schema":"ctxfit.plan/1")."""
        return read_text(lib.ctxfit_plan_write_json, self._handle(), None if id is None else _convert.encoded(id, "id"))

    def to_dict(self) -> Dict[str, Any]:
        """The plan as to_json() writes it, in Python's types."""
        made = json.loads(self.to_json())
        assert isinstance(made, dict)
        return made

    def __repr__(self) -> str:
        if self.closed:
            return "<closed Plan>"
        facts = self._summary()
        return f"<Plan: fit {self.fit.name.lower()}, {facts.n_ctx} tokens, {facts.total_bytes / 2**30:.2f} GiB, largest context {facts.max_ctx_seq_tokens}>"

    def _repr_html_(self) -> str:
        """Memory bars for notebooks."""
        return plan_html(self.summary, self.devices, self.constraints, self.warnings)


def plan(
    model: Model,
    hw: Union[Hardware, str],
    *,
    ctx: Optional[Tokens] = None,
    parallel: Optional[SupportsIndex] = None,
    kv: Union[str, Tuple[str, str], None] = None,
    kv_key: Optional[str] = None,
    kv_value: Optional[str] = None,
    engine: Optional[str] = None,
    gpu_layers: Union[SupportsIndex, str, None] = None,
    cpu_expert_layers: Union[SupportsIndex, str, None] = None,
    tensor_split: Optional[Iterable[SupportsFloat]] = None,
    split_mode: Union[Split, str, None] = None,
    overrides: Union[str, Mapping[str, str], Sequence[str], None] = None,
    batch: Optional[SupportsIndex] = None,
    ubatch: Optional[SupportsIndex] = None,
    outputs_max: Union[SupportsIndex, str, None] = None,
    flash_attention: Optional[bool] = None,
    kv_unified: Optional[bool] = None,
    swa_full: Optional[bool] = None,
    kv_offload: Optional[bool] = None,
    op_offload: Optional[bool] = None,
    mmap: Optional[bool] = None,
    repack: Optional[bool] = None,
    reserve_bytes: Optional[SupportsIndex] = None,
    device_reserve_bytes: Optional[Sequence[Optional[SupportsIndex]]] = None,
    host_reserve_bytes: Optional[SupportsIndex] = None,
    limit: Optional[SupportsIndex] = None,
    limit_source: Optional[str] = None,
    prefill_rate: Optional[SupportsFloat] = None,
    decode_rate: Optional[SupportsFloat] = None,
    model_ctx: Optional[SupportsIndex] = None,
    default_ctx: Optional[SupportsIndex] = None,
    overhead_bytes: Optional[SupportsIndex] = None,
    spread: Optional[bool] = None,
    vision: Optional[bool] = None,
    memory_fraction: Optional[SupportsFloat] = None,
    kv_cache_bytes: Optional[SupportsIndex] = None,
    tensor_parallel: Optional[SupportsIndex] = None,
    pipeline_parallel: Optional[SupportsIndex] = None,
    block_tokens: Optional[SupportsIndex] = None,
    batch_sequences: Optional[SupportsIndex] = None,
    draft_tokens: Optional[SupportsIndex] = None,
    eager: Optional[bool] = None,
    prefix_cache: Optional[bool] = None,
    text_only: Optional[bool] = None,
    limits: bool = True,
    modelfile: Union[Modelfile, Sequence[Modelfile], None] = None,
    beside: Optional[Beside] = None,
) -> Plan:
    """Plans a run of a model on a machine. What is left out, or None, is the engine's default. "It does not fit" is an answer.

    ctx             whole context in tokens, shared by the sequences (with Ollama: of one of them); None: the trained length (with
                    Ollama: its default); "max": the most that fits
    parallel        sequences
    kv              cache type of keys and values ("q8_0"), or of both (("q8_0", "f16")); kv_key and kv_value name one of them
    engine          "llama.cpp", "llama.cpp@b10472", "ollama", "vllm", "sglang", "tensorrt-llm", "mlx-lm", "lm-studio"
    gpu_layers      layers on GPUs, the output layer being one more; 0: none; "all"
    cpu_expert_layers   the first n layers keep their experts on the host; "all"
    tensor_split    proportions per device
    split_mode      "layer", "none" or "row"
    overrides       "pattern=buffer" pieces as text, in a sequence, or as a mapping
    batch, ubatch   tokens that one call, and one pass, may process
    outputs_max     rows of logits that a batch may ask for; "all": every token
    flash_attention, kv_unified, swa_full, kv_offload, op_offload, mmap, repack   True or False
    reserve_bytes   kept free on each GPU; 0: nothing
    device_reserve_bytes, host_reserve_bytes   kept free on each GPU by place, None where reserve_bytes holds, and on the host
    limit           a number of tokens from elsewhere that requests are held against, and limit_source, where it stands
    prefill_rate, decode_rate   tokens/s as measured on the machine, used instead of the estimates
    model_ctx, default_ctx   Ollama: num_ctx of the Modelfile, and OLLAMA_CONTEXT_LENGTH of the server
    overhead_bytes  Ollama: OLLAMA_GPU_OVERHEAD
    spread, vision  Ollama: True: use every GPU; the model takes images
    memory_fraction, kv_cache_bytes   vLLM: --gpu-memory-utilization; --kv-cache-memory-bytes
    tensor_parallel, pipeline_parallel   vLLM: GPUs that share each layer, and stages of layers
    block_tokens, batch_sequences, draft_tokens   vLLM: --block-size, --max-num-seqs, num_speculative_tokens
    eager, prefix_cache   vLLM: True: no CUDA graphs; a cache of prefixes (of hybrid models the default from 0.26 on)
    text_only       vLLM: True: eyes and ears beside the decoder are not loaded
    limits          False: only this context, without the largest one (fastest)
    modelfile       Ollama: parameters of the model, which count where no argument states the same; of a Modelfile that is made from a model
                    of the store, both: (its own, that model's)
    beside          what runs beside the model in the same process: a draft, adapters, a projector
    """
    options = plan_options({name: value for name, value in locals().items() if value is not None and name not in ("model", "hw", "beside")})
    if not isinstance(model, Model):
        raise TypeError(f"model: expected Model, not {type(model).__name__}; Model.open() and Model.from_catalog() make one")
    machine = as_hardware(hw)
    if beside is None:
        return Plan._wrap(Plan._make(lib.ctxfit_plan_make, model._handle(), machine._handle(), ctypes.byref(options)))
    if not isinstance(beside, Beside):
        raise TypeError(f"beside: expected Beside, not {type(beside).__name__}")
    with beside._held() as held:
        return Plan._wrap(Plan._make(lib.ctxfit_plan_make_beside, model._handle(), machine._handle(), ctypes.byref(options), held))


def checked_options(caller: str, options: Dict[str, Any]) -> L.ctxfit_plan_options:
    """Options of plan() that another function takes on."""
    unknown = set(options) - set(_SETTERS)
    if unknown:
        raise TypeError(f"{caller}() got an unexpected option {sorted(unknown)[0]!r}; it takes those of plan()")
    return plan_options({name: value for name, value in options.items() if value is not None})


def best_file_type(model: Model, hw: Union[Hardware, str], *, beside: Optional[Beside] = None, **options: Any) -> Optional[str]:
    """The best (largest) file type of the model that still fits, with options as those of plan(); None when none does."""
    if not isinstance(model, Model):
        raise TypeError(f"model: expected Model, not {type(model).__name__}")
    made = checked_options("best_file_type", options)
    machine = as_hardware(hw)
    out = ctypes.c_uint32()
    error = L.ctxfit_error()
    arguments = (model._handle(), machine._handle(), ctypes.byref(made))
    if beside is None:
        status = lib.ctxfit_plan_best_file_type(*arguments, None, ctypes.byref(out), ctypes.byref(error))
    else:
        with beside._held() as held:
            status = lib.ctxfit_plan_best_file_type_beside(*arguments, held, None, ctypes.byref(out), ctypes.byref(error))
    if status:
        raise error_of(status, error)
    return file_type_name(out.value)


# ---- options ------------------------------------------------------------------------------------------------------------------
def _ctx(options: L.ctxfit_plan_options, name: str, value: object) -> None:
    if isinstance(value, str):
        if value.lower() not in ("max", "native"):
            raise InvalidArgument(f"{name}: expected tokens, 'max' or 'native', not {value!r}")
        options.ctx_tokens = L.CTXFIT_CTX_LARGEST if value.lower() == "max" else 0
    else:
        options.ctx_tokens = _convert.whole(value, name, 0, L.CTXFIT_CTX_LARGEST - 1)


def _kv(options: L.ctxfit_plan_options, name: str, value: object) -> None:
    if isinstance(value, (tuple, list)):
        if len(value) != 2:
            raise InvalidArgument(f"{name}: expected one cache type, or two: of keys and of values")
        options.kv_key, options.kv_value = _convert.quant(value[0], f"{name}[0]"), _convert.quant(value[1], f"{name}[1]")
    else:
        options.kv_key = options.kv_value = _convert.quant(value, name)


def _cache_type(field: str) -> Any:
    def store(options: L.ctxfit_plan_options, name: str, value: object) -> None:
        setattr(options, field, _convert.quant(value, name))

    return store


def _count(field: str, least: int) -> Any:
    """A number for which C's 0 means the default, so that 0 cannot be asked for."""
    most = _convert.kinds_of(L.ctxfit_plan_options)[field](-1).value

    def store(options: L.ctxfit_plan_options, name: str, value: object) -> None:
        setattr(options, field, _convert.whole(value, name, least, most - 1))

    return store


def _count_or(field: str, of_zero: int, of_all: Optional[int]) -> Any:
    """A number of which C spells 0, or "all", otherwise."""
    most = _convert.kinds_of(L.ctxfit_plan_options)[field](-1).value

    def store(options: L.ctxfit_plan_options, name: str, value: object) -> None:
        if isinstance(value, str) and of_all is not None:
            if value.lower() != "all":
                raise InvalidArgument(f"{name}: expected a number or 'all', not {value!r}")
            setattr(options, field, of_all)
        else:
            setattr(options, field, _convert.whole(value, name, 0, most - 1) or of_zero)

    return store


def _choice(field: str) -> Any:
    def store(options: L.ctxfit_plan_options, name: str, value: object) -> None:
        setattr(options, field, _convert.switch(value, name))

    return store


def _plain(field: str) -> Any:
    def store(options: L.ctxfit_plan_options, name: str, value: object) -> None:
        _convert.set_field(options, field, value, name)

    return store


def _rate(field: str) -> Any:
    def store(options: L.ctxfit_plan_options, name: str, value: object) -> None:
        rate = _convert.real(value, name)
        if rate == 0:
            raise InvalidArgument(f"{name}: expected more than 0 tokens/s, or None for the estimate")
        setattr(options, field, rate)

    return store


def _split_mode(options: L.ctxfit_plan_options, name: str, value: object) -> None:
    options.split_mode = _convert.member(value, name, Split)


def _overrides(options: L.ctxfit_plan_options, name: str, value: object) -> None:
    if isinstance(value, Mapping):
        pieces = [f"{_convert.text(p, name)}={_convert.text(b, name)}" for p, b in value.items()]
        value = ";".join(pieces)
    elif isinstance(value, (tuple, list)):
        value = ";".join(_convert.text(piece, name) for piece in value)
    _convert.set_field(options, "overrides", value, name)


def _device_reserves(options: L.ctxfit_plan_options, name: str, value: object) -> None:
    if not isinstance(value, (tuple, list)):
        raise TypeError(f"{name}: expected a list of bytes or None, not {value!r}")
    if len(value) > L.CTXFIT_MAX_SPLIT:
        raise InvalidArgument(f"{name}: {len(value)} devices, at most {L.CTXFIT_MAX_SPLIT}")
    for i, reserve in enumerate(value):
        if reserve is not None:
            kept = _convert.whole(reserve, f"{name}[{i}]", 0, _MOST_64 - 1)
            options.device_reserve_bytes[i] = kept or L.CTXFIT_RESERVE_NONE


def _limits(options: L.ctxfit_plan_options, name: str, value: object) -> None:
    if not isinstance(value, bool):
        raise TypeError(f"{name}: expected True or False, not {value!r}")
    options.flags = options.flags & ~PlanFlags.NO_LIMITS if value else options.flags | PlanFlags.NO_LIMITS


def _flag(flag: PlanFlags, when: bool = True) -> Any:
    def store(options: L.ctxfit_plan_options, name: str, value: object) -> None:
        if not isinstance(value, bool):
            raise TypeError(f"{name}: expected True or False, not {value!r}")
        options.flags = options.flags | flag if value == when else options.flags & ~flag

    return store


def _prefix_cache(options: L.ctxfit_plan_options, name: str, value: object) -> None:
    _flag(PlanFlags.PREFIX_CACHE)(options, name, value)
    _flag(PlanFlags.NO_PREFIX_CACHE, False)(options, name, value)


def _modelfile(options: L.ctxfit_plan_options, name: str, value: object) -> None:
    _apply_parameters(options, name, value)


def _apply_parameters(options: L.ctxfit_plan_options, name: str, value: object) -> Parameter:
    files = (value,) if isinstance(value, Modelfile) else value
    if not isinstance(files, (tuple, list)) or not 1 <= len(files) <= 2 or not all(isinstance(file, Modelfile) for file in files):
        raise TypeError(f"{name}: expected a Modelfile, or two: its own, and that of the model that it is made from")
    owners = [file._handle() for file in files]
    found = ctypes.c_uint32()
    error = L.ctxfit_error()
    base = owners[1] if len(owners) == 2 else None
    status = lib.ctxfit_plan_apply_parameters(ctypes.byref(options), owners[0], base, ctypes.byref(found), ctypes.byref(error))
    if status:
        raise error_of(status, error)
    return Parameter(found.value)


def applied_parameters(modelfile: Union[Modelfile, Sequence[Modelfile]], **options: Any) -> Parameter:
    """Which parameters of a model plan() takes from `modelfile` with these options: those that Ollama runs it with and no option states."""
    unknown = set(options) - set(_SETTERS)
    if unknown:
        raise TypeError(f"applied_parameters() got an unexpected option {sorted(unknown)[0]!r}; it takes those of plan()")
    stated = plan_options({name: value for name, value in options.items() if value is not None and name != "modelfile"})
    return _apply_parameters(stated, "modelfile", modelfile)


#: argument of plan() -> what stores it
_SETTERS: Dict[str, Any] = {
    "ctx": _ctx,
    "parallel": _count("sequences", 1),
    "kv": _kv,
    "kv_key": _cache_type("kv_key"),
    "kv_value": _cache_type("kv_value"),
    "engine": _plain("engine"),
    "gpu_layers": _count_or("gpu_layers", L.CTXFIT_GPU_LAYERS_NONE, 0),
    "cpu_expert_layers": _count_or("cpu_expert_layers", 0, L.CTXFIT_ALL_LAYERS),
    "tensor_split": _plain("tensor_split"),
    "split_mode": _split_mode,
    "overrides": _overrides,
    "batch": _count("batch_tokens", 1),
    "ubatch": _count("ubatch_tokens", 1),
    "outputs_max": _count_or("outputs_max", 0, _MOST_32),
    "flash_attention": _choice("flash_attention"),
    "kv_unified": _choice("kv_unified"),
    "swa_full": _choice("swa_full"),
    "kv_offload": _choice("kv_offload"),
    "op_offload": _choice("op_offload"),
    "mmap": _choice("mmap"),
    "repack": _choice("repack"),
    "reserve_bytes": _count_or("reserve_bytes", L.CTXFIT_RESERVE_NONE, None),
    "device_reserve_bytes": _device_reserves,
    "host_reserve_bytes": _count_or("host_reserve_bytes", L.CTXFIT_RESERVE_NONE, None),
    "limit": _count("limit_tokens", 1),
    "limit_source": _plain("limit_source"),
    "prefill_rate": _rate("measured_prefill_tokens_per_s"),
    "decode_rate": _rate("measured_decode_tokens_per_s"),
    "model_ctx": _count("model_ctx_tokens", 1),
    "default_ctx": _count("default_ctx_tokens", 1),
    "overhead_bytes": _plain("overhead_bytes"),
    "spread": _flag(PlanFlags.SPREAD),
    "vision": _flag(PlanFlags.VISION),
    "memory_fraction": _plain("memory_fraction"),
    "kv_cache_bytes": _count("kv_cache_bytes", 1),
    "tensor_parallel": _count("tensor_parallel", 1),
    "pipeline_parallel": _count("pipeline_parallel", 1),
    "block_tokens": _count("block_tokens", 1),
    "batch_sequences": _count("batch_sequences", 1),
    "draft_tokens": _count("draft_tokens", 1),
    "eager": _flag(PlanFlags.EAGER),
    "prefix_cache": _prefix_cache,
    "text_only": _flag(PlanFlags.TEXT_ONLY),
    "limits": _limits,
    "modelfile": _modelfile,  # behind all others: what they state stays
}


def plan_options(given: Mapping[str, object]) -> L.ctxfit_plan_options:
    """C's options from arguments of plan() that are not None."""
    options = L.ctxfit_plan_options(struct_size=ctypes.sizeof(L.ctxfit_plan_options))
    for name, setter in _SETTERS.items():  # in this order: kv is for both cache types, kv_key and kv_value go over it
        if name in given:
            setter(options, name, given[name])
    return options


def limit_name(kind: Limit) -> str:
    """Name of a limit as to_dict() has it: "trained", "device_memory"."""
    return str(lib.ctxfit_limit_name(_convert.member(kind, "kind", Limit)).decode())


def difference_name(kind: Differs) -> str:
    """Name of a difference as keys of the JSON have it: "kv_bytes"."""
    return str(lib.ctxfit_difference_name(_convert.member(kind, "kind", Differs)).decode())


__all__ = ["Plan", "applied_parameters", "best_file_type", "difference_name", "limit_name", "plan"]
