"""Many plans, one after the other."""
from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Callable, Iterable, Iterator, Mapping, Optional, TypeVar

from ._errors import Error
from ._hardware import Hardware, as_hardware
from ._model import Model, as_model
from ._plan import _SETTERS, Plan, plan

_KEPT = 32  # models and machines that the next requests may name again
V = TypeVar("V")


@dataclass(frozen=True)
class Answer:
    """The answer to one request of batch(): a plan or an error."""

    #: place of the request, from 0
    index: int
    #: the request as it was given
    request: Mapping[str, Any]
    #: the plan, None where there is an error
    plan: Optional[Plan]
    #: why there is no plan
    error: Optional[Exception]

    def unwrap(self) -> Plan:
        """The plan; raises the error where there is none."""
        if self.plan is None:
            raise self.error or RuntimeError("an answer without a plan and without an error")
        return self.plan


class _Kept:
    def __init__(self) -> None:
        self._items: OrderedDict[object, Any] = OrderedDict()

    def get(self, key: object, make: Callable[[], V]) -> V:
        if key in self._items:
            self._items.move_to_end(key)
        else:
            self._items[key] = make()
            if len(self._items) > _KEPT:
                self._items.popitem(last=False)
        found: V = self._items[key]
        return found


def _answer(request: Mapping[str, Any], kept: _Kept) -> Plan:
    if not isinstance(request, Mapping):
        raise TypeError(f"request: expected a mapping with model, hw and arguments of plan(), not {type(request).__name__}")
    for needed in ("model", "hw"):
        if request.get(needed) is None:
            raise TypeError(f"request: {needed} is missing")
    unknown = [name for name in request if name not in _SETTERS and name not in ("model", "hw", "quant", "id")]
    if unknown:
        raise TypeError(f"request: {unknown[0]!r} is none of model, hw, quant, id, {', '.join(_SETTERS)}")
    model, hw, quant = request["model"], request["hw"], request.get("quant")
    if isinstance(model, str):
        made: Model = kept.get(("model", model, quant), lambda: as_model(model, quant))
    else:
        made = as_model(model, quant)
    machine: Hardware = kept.get(("hw", hw), lambda: as_hardware(hw)) if isinstance(hw, str) else as_hardware(hw)
    return plan(made, machine, **{name: value for name, value in request.items() if name in _SETTERS})


def batch(requests: Iterable[Mapping[str, Any]], *, progress: Optional[bool] = None) -> Iterator[Answer]:
    """Plans each request and yields its answer, in order and at once.

    A request is a mapping: "model" (a Model, a .gguf file or address, a name of the catalog), "hw" (Hardware or a spec), if wanted
    "quant" and "id", and arguments of plan(). A request without a plan has an answer with its error, and the rest goes on.
    `progress`: with tqdm installed a bar is shown on a terminal (None), always (True) or never (False).
    """
    return _answers(_with_bar(requests, progress))


def _answers(requests: Iterable[Mapping[str, Any]]) -> Iterator[Answer]:
    kept = _Kept()
    for index, request in enumerate(requests):
        try:
            answer = Answer(index, request, _answer(request, kept), None)
        except (Error, TypeError, ValueError) as error:
            answer = Answer(index, request, None, error)
        yield answer


def _with_bar(requests: Iterable[Mapping[str, Any]], progress: Optional[bool]) -> Iterable[Mapping[str, Any]]:
    if progress is False:
        return requests
    try:
        from tqdm import tqdm
    except ImportError:
        return requests
    bar: Iterable[Mapping[str, Any]] = tqdm(requests, unit="plan", disable=None if progress is None else False)
    return bar


__all__ = ["Answer", "batch"]
