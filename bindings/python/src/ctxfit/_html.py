"""Memory bars for notebooks: plain HTML with styles inline, nothing loaded."""
from __future__ import annotations

from html import escape
from typing import List, Sequence

from ._records import Constraint, PlanDevice, Summary

_GIB = 2**30
# parts of a device's memory, in the order of the bar, with colours that differ for colour-blind eyes too (Okabe and Ito)
_PARTS = (
    ("weights_bytes", "weights", "#0072b2"),
    ("kv_bytes", "KV cache", "#e69f00"),
    ("kv_swa_bytes", "window cache", "#f0e442"),
    ("kv_other_bytes", "other caches", "#cc79a7"),
    ("recurrent_bytes", "state", "#009e73"),
    ("compute_bytes", "compute", "#56b4e9"),
    ("output_bytes", "output", "#d55e00"),
)
_VERDICTS = {"ALL": "fits", "SPLIT": "fits, with a part on the host", "NONE": "does not fit"}


def plan_html(summary: Summary, devices: Sequence[PlanDevice], constraints: Sequence[Constraint], warnings: Sequence[str]) -> str:
    lines = ['<div style="font-family:sans-serif;font-size:13px;max-width:52em">']
    verdict = _VERDICTS.get(getattr(summary.fit, "name", ""), "unknown")
    lines.append(
        f"<p><b>{verdict}</b>: {summary.n_ctx:,} tokens, {summary.total_bytes / _GIB:.2f} GiB; "
        f"largest context of a sequence {summary.max_ctx_seq_tokens:,} tokens</p>"
    )
    for device in devices:
        lines += _bar(device)
    lines.append("<p>" + " ".join(_key(colour, name) for field, name, colour in _PARTS if any(getattr(d, field) for d in devices)) + "</p>")
    binding = [c for c in constraints if c.binding]
    if binding and binding[0].limit_tokens is not None:
        lines.append(f"<p>limited to {binding[0].limit_tokens:,} tokens: {escape(binding[0].source)}</p>")
    lines += [f"<p>{escape(warning)}</p>" for warning in warnings]
    return "\n".join([*lines, "</div>"])


def _bar(device: PlanDevice) -> List[str]:
    whole = max(device.capacity_bytes, device.total_bytes)
    title = f"{escape(device.name)}: {device.total_bytes / _GIB:.2f}"
    title += f" of {device.capacity_bytes / _GIB:.2f} GiB" if device.capacity_bytes else " GiB, memory not stated"
    if device.free_bytes < 0:
        title += f", {-device.free_bytes / _GIB:.2f} GiB missing"
    pieces = [
        f'<span title="{name} {getattr(device, field) / _GIB:.2f} GiB" style="display:inline-block;height:100%;'
        f'width:{getattr(device, field) * 100 / whole:.2f}%;background:{colour}"></span>'
        for field, name, colour in _PARTS
        if getattr(device, field)
    ]
    edge = "#c00" if device.free_bytes < 0 else "#888"
    return [
        f"<div>{title}</div>",
        f'<div style="height:1.2em;border:1px solid {edge};overflow:hidden;white-space:nowrap;font-size:13px;line-height:0">{"".join(pieces)}</div>',
    ]


def _key(colour: str, name: str) -> str:
    return f'<span style="white-space:nowrap"><span style="display:inline-block;width:.8em;height:.8em;background:{colour}"></span> {name}</span>'
