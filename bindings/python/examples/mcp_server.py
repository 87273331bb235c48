#!/usr/bin/env python3
"""An MCP server that lets an agent ask whether a model fits a machine.   pip install ctxfit "mcp>=2,<3"; python mcp_server.py

Three tools over stdin and stdout: plan, check, largest_context. Models are names of the catalog, or hf:// addresses of GGUF files;
an agent cannot make this server open files or other hosts.
"""
from __future__ import annotations

from typing import Any, Optional

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError

import ctxfit

server = MCPServer(
    "ctxfit",
    instructions="Does a language model, quantized, with a context, fit a machine? Hardware is a line such as "
    "'2*rtx-4090 host:64GiB' or 'mac-studio-m2-ultra-64gb'; quant is a GGUF file type such as Q4_K_M; sizes are bytes.",
)


def _make(model: str, hardware: str, quant: Optional[str], **options: Any) -> ctxfit.Plan:
    """A plan, or an error that tells the agent what to ask instead."""
    try:
        if model.startswith("hf://"):
            made = ctxfit.Model.open(model, quant=quant)
        else:
            made = ctxfit.Model.from_catalog(model, quant=quant)
        return ctxfit.plan(made, ctxfit.Hardware(hardware), **options)
    except (ctxfit.Error, TypeError) as error:
        raise ToolError(str(error)) from error


@server.tool()
def plan(
    model: str,
    hardware: str,
    quant: Optional[str] = None,
    context: Optional[int] = None,
    cache_type: Optional[str] = None,
    parallel: Optional[int] = None,
) -> dict[str, Any]:
    """Memory on each device, whether it fits, every limit of the context, and speeds. Without context: the trained length."""
    return _make(model, hardware, quant, ctx=context, kv=cache_type, parallel=parallel).to_dict()


@server.tool()
def check(
    model: str,
    hardware: str,
    prompt_tokens: int,
    output_tokens: int = 0,
    deadline_s: Optional[float] = None,
    quant: Optional[str] = None,
    context: Optional[int] = None,
    cache_type: Optional[str] = None,
) -> dict[str, Any]:
    """Whether a request passes: fits the context, and is done within the deadline. Says by how much it does not."""
    made = _make(model, hardware, quant, ctx=context, kv=cache_type)
    try:
        answer = made.check(prompt_tokens, output=output_tokens, deadline_s=deadline_s)
    except ctxfit.Error as error:
        raise ToolError(str(error)) from error
    return {
        "passes": answer.ok,
        "fits_the_machine": made.fits,
        "overflow_tokens": answer.overflow_tokens,
        "limit_tokens": answer.limit_tokens,
        "limited_by": ctxfit.limit_name(answer.limit_kind),
        "expected_s": answer.expected_s,
        "expected_high_s": answer.expected_high_s,
        "late_s": answer.late_s,
        "largest_prompt_tokens": answer.largest_prompt_tokens,
    }


@server.tool()
def largest_context(
    model: str, hardware: str, quant: Optional[str] = None, cache_type: Optional[str] = None, parallel: Optional[int] = None
) -> dict[str, Any]:
    """The most tokens that one sequence can have, and what stops it from being more."""
    made = _make(model, hardware, quant, ctx="max", kv=cache_type, parallel=parallel)
    binding = made.binding
    return {"tokens": made.max_context, "limited_by": binding.source if binding else "", "total_bytes": made.total_bytes}


if __name__ == "__main__":
    server.run()
