"""Choosing how to run a model: what goes where, with how much context, in which file type; lines of llama.cpp's programs."""
from __future__ import annotations

import ctypes
import json
from contextlib import ExitStack
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, SupportsFloat, SupportsIndex, Tuple, Union

from . import _convert
from . import _layout as L
from ._beside import Beside
from ._enums import Argument, ChangeKind, GoalFlags, Objective, Open, SetVerdict, Split
from ._errors import InvalidArgument
from ._hardware import Hardware, as_hardware
from ._library import Handle, Owner, ask, error_of, format_name, known, lib, read_text
from ._model import Model
from ._plan import _SETTERS, Plan, plan_options
from ._records import Change, Line, PlaceSummary

_MOST_64 = ctypes.c_uint64(-1).value


class Place(Handle):
    """An answer of ctxfit.place(): a plan that fits and why it was chosen, or what is short and what would help."""

    __slots__ = ()
    _free = lib.ctxfit_place_free

    def __init__(self) -> None:
        raise TypeError("a Place is made by ctxfit.place()")

    @property
    def summary(self) -> PlaceSummary:
        """What was chosen."""
        return PlaceSummary._of(ask(L.ctxfit_place_summary, lib.ctxfit_place_get_summary, self._handle()))

    @property
    def found(self) -> bool:
        """Whether anything fits."""
        return self.summary.found

    @property
    def plan(self) -> Plan:
        """The plan of what was chosen; of the nearest that was tried where nothing fits."""
        owner = self._handle()
        return Plan._wrap(_borrowed(lib.ctxfit_place_plan(owner), owner))

    @property
    def options(self) -> Dict[str, Any]:
        """Arguments of plan() that make this plan, of the model in the file type that was chosen."""
        return arguments_of(ask(L.ctxfit_plan_options, lib.ctxfit_place_get_options, self._handle()))

    @property
    def reasons(self) -> Tuple[str, ...]:
        """Why it was chosen, in words."""
        owner = self._handle()
        return tuple(lib.ctxfit_place_reason(owner, i).decode("utf-8", "replace") for i in range(self.summary.reason_count))

    @property
    def changes(self) -> Tuple[Change, ...]:
        """Where nothing fits: the least change of each kind with which it does."""
        owner = self._handle()
        return tuple(Change._of(ask(L.ctxfit_change, lib.ctxfit_place_get_change, owner, i)) for i in range(self.summary.change_count))

    def line(self, program: str = "llama-server", model_path: Optional[str] = None) -> str:
        """The line that runs it, quoted for a shell."""
        options = ask(L.ctxfit_plan_options, lib.ctxfit_place_get_options, self._handle())
        return _line(options, program, model_path)

    def to_json(self, id: Optional[str] = None) -> str:
        """The answer as the command prints it ("schema":"ctxfit.place/1")."""
        return read_text(lib.ctxfit_place_write_json, self._handle(), None if id is None else _convert.encoded(id, "id"))

    def to_dict(self) -> Dict[str, Any]:
        """The answer as to_json() writes it, in Python's types."""
        made = json.loads(self.to_json())
        assert isinstance(made, dict)
        return made

    def __repr__(self) -> str:
        if self.closed:
            return "<closed Place>"
        s = self.summary
        return f"<Place: {'found' if s.found else 'nothing fits'}, {s.sequences} x {s.ctx_seq_tokens} tokens>"


def _goal(
    objective: Union[Objective, str, None],
    open: Optional[Open],
    least_context: Optional[SupportsIndex],
    least_rate: Optional[SupportsFloat],
    depth: Optional[SupportsIndex],
    worst_file_type: Optional[str],
    worst_cache_type: Optional[str],
    changes: bool,
) -> L.ctxfit_goal:
    goal = L.ctxfit_goal(struct_size=ctypes.sizeof(L.ctxfit_goal))
    if objective is not None:
        goal.objective = _convert.member(objective, "objective", Objective)
    if open is not None:
        if not isinstance(open, Open):
            raise TypeError(f"open: expected Open, not {type(open).__name__}")
        goal.open = int(open)
    if least_context is not None:
        goal.least_ctx_seq_tokens = _convert.whole(least_context, "least_context", 1, _MOST_64 - 1)
    if least_rate is not None:
        goal.least_decode_tokens_per_s = _convert.real(least_rate, "least_rate")
    if depth is not None:
        goal.depth_tokens = _convert.whole(depth, "depth", 1, _MOST_64 - 1)
    if worst_file_type is not None:
        goal.worst_file_type = _convert.file_type(worst_file_type, "worst_file_type")
    if worst_cache_type is not None:
        goal.worst_cache_type = _convert.quant(worst_cache_type, "worst_cache_type")
    if not isinstance(changes, bool):
        raise TypeError(f"changes: expected True or False, not {changes!r}")
    goal.flags = 0 if changes else GoalFlags.NO_CHANGES
    return goal


def place(
    model: Model,
    hw: Union[Hardware, str],
    *,
    objective: Union[Objective, str, None] = None,
    open: Optional[Open] = None,
    least_context: Optional[SupportsIndex] = None,
    least_rate: Optional[SupportsFloat] = None,
    depth: Optional[SupportsIndex] = None,
    worst_file_type: Optional[str] = None,
    worst_cache_type: Optional[str] = None,
    changes: bool = True,
    beside: Optional[Beside] = None,
    **options: Any,
) -> Place:
    """Chooses how to run a model on a machine. "Nothing fits" is an answer.

    objective       "largest_context", "fastest_decode", "best_quality", "most_sequences"
    open            what may be chosen, Open.CONTEXT | Open.CACHE_TYPE ...; None: where tensors go, and what the objective is about
    least_context   the least context of one sequence worth having, where it is open; None: 4096
    least_rate      tokens/s: slower is no answer. A larger context may then put parts on the host
    depth           tokens in the context when decode is judged; None: all of it
    worst_file_type, worst_cache_type   down to which these are chosen; None: "Q4_K_M" and "q8_0"
    changes         False: where nothing fits, do not look for what would help (fastest)
    beside          what runs beside the model: every placement that is tried counts it
    options         what is fixed: arguments of plan()
    """
    unknown = set(options) - set(_SETTERS)
    if unknown:
        raise TypeError(f"place() got an unexpected option {sorted(unknown)[0]!r}; it takes those of plan()")
    if not isinstance(model, Model):
        raise TypeError(f"model: expected Model, not {type(model).__name__}; Model.open() and Model.from_catalog() make one")
    goal = _goal(objective, open, least_context, least_rate, depth, worst_file_type, worst_cache_type, changes)
    fixed = plan_options({name: value for name, value in options.items() if value is not None})
    machine = as_hardware(hw)
    given = (model._handle(), machine._handle(), ctypes.byref(fixed), ctypes.byref(goal))
    if beside is None:
        return Place._wrap(Place._make(lib.ctxfit_place_solve, *given))
    if not isinstance(beside, Beside):
        raise TypeError(f"beside: expected Beside, not {type(beside).__name__}")
    with beside._held() as held:
        return Place._wrap(Place._make(lib.ctxfit_place_solve_beside, *given, held))


# ---- several models on one machine --------------------------------------------------------------------------------------------
class PlaceSet(Handle):
    """An answer of ctxfit.place_set(): several models on one machine."""

    __slots__ = ()
    _free = lib.ctxfit_place_set_free

    def __init__(self) -> None:
        raise TypeError("a PlaceSet is made by ctxfit.place_set()")

    @property
    def verdict(self) -> SetVerdict:
        """Whether they run together, one at a time, or not all."""
        return known(SetVerdict, lib.ctxfit_place_set_verdict(self._handle()))

    @property
    def places(self) -> Tuple[Place, ...]:
        """The placement of each model, in the order that they were given."""
        owner = self._handle()
        found: List[Place] = []
        while True:
            pointer = lib.ctxfit_place_set_at(owner, len(found))
            if pointer is None:
                return tuple(found)
            found.append(Place._wrap(_borrowed(pointer, owner)))

    @property
    def rest(self) -> Hardware:
        """The machine with what is left free: place() on it says whether one more model is admitted."""
        owner = self._handle()
        return Hardware._wrap(_borrowed(lib.ctxfit_place_set_rest(owner), owner))

    def __repr__(self) -> str:
        return "<closed PlaceSet>" if self.closed else f"<PlaceSet: {self.verdict.name.lower()}, {len(self.places)} models>"


def _borrowed(pointer: int, owner: Owner) -> Owner:
    """Something that another handle frees, which lives as long as this."""

    def keep(_: int, owner: Owner = owner) -> None:
        """Holds the owner."""

    return Owner(pointer, keep)


def place_set(
    models: Sequence[Model], hw: Union[Hardware, str], options: Optional[Sequence[Mapping[str, Any]]] = None
) -> PlaceSet:
    """Places several models at the same time, in this order: each takes of what those before it left.

    options     for each model what is fixed, the goal, and what runs beside it: arguments of place()
    """
    for model in models:
        if not isinstance(model, Model):
            raise TypeError(f"models: expected Model, not {type(model).__name__}")
    count = len(models)
    given = [dict(one) for one in options] if options is not None else [{} for _ in models]
    if len(given) != count:
        raise InvalidArgument(f"options: {len(given)} for {count} models")
    fixed, goals = (L.ctxfit_plan_options * count)(), (L.ctxfit_goal * count)()
    lists: List[Optional[Beside]] = []
    for i, one in enumerate(given):
        lists.append(one.pop("beside", None))
        if lists[-1] is not None and not isinstance(lists[-1], Beside):
            raise TypeError(f"options[{i}]: beside: expected Beside, not {type(lists[-1]).__name__}")
        aims = {name: one.pop(name, default) for name, default in _GOAL.items()}
        unknown = set(one) - set(_SETTERS)
        if unknown:
            raise TypeError(f"options[{i}] has an unexpected {sorted(unknown)[0]!r}; it takes what place() does")
        fixed[i] = plan_options({name: value for name, value in one.items() if value is not None})
        goals[i] = _goal(**aims)
    owners = [model._handle() for model in models]
    pointers = (ctypes.c_void_p * count)(*(owner._as_parameter_ for owner in owners))
    machine = as_hardware(hw)
    if all(b is None for b in lists):
        return PlaceSet._wrap(PlaceSet._make(lib.ctxfit_place_solve_set, pointers, count, machine._handle(), fixed, goals))
    with ExitStack() as stack:
        held = {beside: stack.enter_context(beside._held()) for beside in dict.fromkeys(b for b in lists if b is not None)}
        besides = (ctypes.c_void_p * count)(*(held[b]._as_parameter_ if b is not None else None for b in lists))
        return PlaceSet._wrap(
            PlaceSet._make(lib.ctxfit_place_solve_set_beside, pointers, count, machine._handle(), fixed, goals, besides)
        )


_GOAL: Dict[str, Any] = {
    "objective": None, "open": None, "least_context": None, "least_rate": None, "depth": None, "worst_file_type": None,
    "worst_cache_type": None, "changes": True,
}


# ---- lines --------------------------------------------------------------------------------------------------------------------
class ReadLine(NamedTuple):
    """A line that was read: what it says beside the options, and the options as arguments of plan()."""

    line: Line
    options: Dict[str, Any]


def _line(options: L.ctxfit_plan_options, program: str, model_path: Optional[str]) -> str:
    if program.rsplit("/", 1)[-1] not in ("llama-server", "llama-cli"):
        raise InvalidArgument(f"program: expected llama-server or llama-cli, not {program!r}")
    path = None if model_path is None else _convert.encoded(model_path, "model_path")
    return read_text(lib.ctxfit_place_write_line, ctypes.byref(options), _convert.encoded(program, "program"), path)


def write_line(program: str = "llama-server", model_path: Optional[str] = None, **options: Any) -> str:
    """The line that runs options, which are those of plan()."""
    unknown = set(options) - set(_SETTERS)
    if unknown:
        raise TypeError(f"write_line() got an unexpected option {sorted(unknown)[0]!r}; it takes those of plan()")
    return _line(plan_options({name: value for name, value in options.items() if value is not None}), program, model_path)


def read_line(text: str) -> ReadLine:
    """Reads a line of llama-server or llama-cli as a shell would."""
    options = L.ctxfit_plan_options(struct_size=ctypes.sizeof(L.ctxfit_plan_options))
    line = L.ctxfit_line(struct_size=ctypes.sizeof(L.ctxfit_line))
    error = L.ctxfit_error()
    status = lib.ctxfit_place_read_line(_convert.encoded(text, "text"), ctypes.byref(options), ctypes.byref(line), ctypes.byref(error))
    if status:
        raise error_of(status, error)
    return ReadLine(Line._of(line), arguments_of(options))


def argument(name: str) -> Argument:
    """What an argument of llama.cpp's programs ("--host", "-ngl") is to a plan."""
    return known(Argument, lib.ctxfit_place_find_argument(_convert.encoded(name, "name"), None))


def change_name(kind: ChangeKind) -> str:
    """Name of a change as to_dict() has it: "context", "cache_type"."""
    return str(lib.ctxfit_change_name(_convert.member(kind, "kind", ChangeKind)).decode())


_CHOICES = {"flash_attention", "kv_unified", "swa_full", "kv_offload", "op_offload", "mmap", "repack"}


def arguments_of(o: L.ctxfit_plan_options) -> Dict[str, Any]:
    """Arguments of plan() that make these options."""
    named = max((i + 1 for i, p in enumerate(o.tensor_split) if p > 0), default=0)
    reserves = [0 if r == L.CTXFIT_RESERVE_NONE else r or None for r in o.device_reserve_bytes]
    last = max((i + 1 for i, r in enumerate(reserves) if r is not None), default=0)
    found: Dict[str, Any] = {
        "ctx": "max" if o.ctx_tokens == L.CTXFIT_CTX_LARGEST else o.ctx_tokens or None,
        "parallel": o.sequences or None,
        "batch": o.batch_tokens or None,
        "ubatch": o.ubatch_tokens or None,
        "outputs_max": "all" if o.outputs_max == 2**32 - 1 else o.outputs_max or None,
        "kv_key": format_name(lib.ctxfit_quant_name, o.kv_key),
        "kv_value": format_name(lib.ctxfit_quant_name, o.kv_value),
        "split_mode": known(Split, o.split_mode) if o.split_mode else None,
        "gpu_layers": 0 if o.gpu_layers == L.CTXFIT_GPU_LAYERS_NONE else o.gpu_layers or None,
        "cpu_expert_layers": "all" if o.cpu_expert_layers == L.CTXFIT_ALL_LAYERS else o.cpu_expert_layers or None,
        "tensor_split": list(o.tensor_split)[:named] or None,
        "overrides": o.overrides.decode() or None,
        "engine": o.engine.decode() or None,
        "reserve_bytes": 0 if o.reserve_bytes == L.CTXFIT_RESERVE_NONE else o.reserve_bytes or None,
        "device_reserve_bytes": reserves[:last] or None,
        "host_reserve_bytes": 0 if o.host_reserve_bytes == L.CTXFIT_RESERVE_NONE else o.host_reserve_bytes or None,
    }
    for name in _CHOICES:
        found[name] = {L.CTXFIT_CHOICE_ON: True, L.CTXFIT_CHOICE_OFF: False}.get(getattr(o, name))
    return {name: value for name, value in found.items() if value is not None}


__all__ = ["Place", "PlaceSet", "ReadLine", "argument", "change_name", "place", "place_set", "read_line", "write_line"]
