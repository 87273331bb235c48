#!/usr/bin/env python3
"""Holds predictions against what engines print when they start, and writes docs/accuracy.md.

    accuracy.py LIBCTXFIT [--write | --check]

Records: tests/data/engine_logs/*.jsonl, logs that people published, with their sources. An engine's records are turned into a model, a
machine and options by its function here; quantities that both sides state are compared in MiB."""
import argparse
import json
import os
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "accuracy.md"
OTHERS = "<!-- other engines: make_accuracy.py -->\n"  # what follows belongs to that script
MIB = 1 << 20
HOSTS = ("CPU", "CPU_Mapped", "CPU_REPACK", "CUDA_Host", "Vulkan_Host", "ROCm_Host", "SYCL_Host")
KEYS = {"n_layer": "block_count", "n_ctx_train": "context_length", "n_embd": "embedding_length", "n_ff": "feed_forward_length",
        "n_head": "attention.head_count", "n_head_kv": "attention.head_count_kv", "n_embd_head_k": "attention.key_length",
        "n_embd_head_v": "attention.value_length", "n_expert": "expert_count", "n_expert_used": "expert_used_count",
        "n_ff_exp": "expert_feed_forward_length", "n_ff_shexp": "expert_shared_feed_forward_length", "n_rot": "rope.dimension_count",
        "n_vocab": "vocab_size",
        "ssm_d_conv": "ssm.conv_kernel", "ssm_d_inner": "ssm.inner_size", "ssm_d_state": "ssm.state_size",
        "ssm_dt_rank": "ssm.time_step_rank", "ssm_n_group": "ssm.group_count", "full_attention_interval": "full_attention_interval"}
FILE_TYPES = {"Q4_K - Medium": "Q4_K_M", "Q4_K - Small": "Q4_K_S", "Q5_K - Medium": "Q5_K_M", "Q6_K": "Q6_K", "Q8_0": "Q8_0",
              "IQ4_XS - 4.25 bpw": "IQ4_XS"}


def llamacpp_build(record):
    found = re.match(r"b?(\d{3,})", record.get("engine_version") or "")
    return f"llama.cpp@b{found[1]}" if found else "llama.cpp@b9024"  # "b1-e77056f"


def llamacpp_plan(ctxfit, record):
    facts = " ".join(f"{KEYS[k]}={v}" for k, v in record["hparams"].items() if k in KEYS)
    model = ctxfit.Model.from_text(f"{record['arch']} {facts}", FILE_TYPES[record["ftype"]])
    devices = {name for name, _ in record["measured"].get("compute", []) if name not in HOSTS}
    backend = {"rocm": "rocm", "cuda": "cuda", "metal": "metal", "vulkan": "vulkan"}.get(record["backend"])
    machine = "host:1000GiB" if not devices or backend is None else f"{len(devices)}*gpu(backend={backend},mem=900GiB) host:1000GiB"
    options = {"ctx": record["n_ctx"], "parallel": record.get("n_seq") or 1, "engine": llamacpp_build(record)}
    if record.get("n_ubatch"):
        options["ubatch"] = record["n_ubatch"]
    if str(record.get("flash_attn")) in ("0", "disabled"):
        options["flash_attention"] = False
    if str(record.get("kv_unified")) == "true":
        options["kv_unified"] = True
    if devices and all(name in HOSTS for name, _ in record["measured"].get("weights") or [("", 0)]):
        options["gpu_layers"] = 0
    if record.get("type_k"):
        options["kv"] = (record["type_k"], record["type_v"])
    return ctxfit.plan(model, machine, outputs_max="all", **options)


def llamacpp_compare(ctxfit, record):
    """Quantity, printed, predicted."""
    plan, printed = llamacpp_plan(ctxfit, record), record["measured"]
    devices = plan.devices
    host, cards = devices[-1], devices[:-1]
    rows = []
    if "kv" in printed:
        rows.append(("cache", printed["kv"], sum(d.kv_bytes + d.kv_swa_bytes + d.kv_other_bytes for d in devices)))
    if "recurrent" in printed:
        rows.append(("state", printed["recurrent"], sum(d.recurrent_bytes for d in devices)))
    compute = printed.get("compute", [])
    shown = [mib for name, mib in compute if name not in HOSTS]
    if shown and len(shown) == len(cards):
        rows.append(("compute of the largest card", max(shown), max(d.compute_bytes for d in cards)))
    hosts = [mib for name, mib in compute if name in HOSTS]
    if hosts:
        rows.append(("compute of the host", max(hosts), host.compute_bytes))
    if "output" in printed:
        rows.append(("output", printed["output"][0][1], host.output_bytes))
    return plan.summary.compute_exact, [(what, mib, got / MIB) for what, mib, got in rows]


def page_of(ctxfit):
    records = [json.loads(line) for line in (ROOT / "tests/data/engine_logs/llamacpp.jsonl").read_text().splitlines()]
    lines, totals = [], {}
    for r in records:
        try:
            exact, rows = llamacpp_compare(ctxfit, r)
        except ctxfit.Error as error:
            lines.append(f"| {r['id'][3:9]} | {r['model']} | refused: {str(error)[:60]} | | | |")
            continue
        for what, printed, got in rows:
            same = abs(printed - got) < 0.0051
            count = totals.setdefault(what, [0, 0, 0])
            count[0] += 1
            count[1] += same
            count[2] += got < printed - 0.0051
            if not same:
                difference = 100 * (got / printed - 1) if printed else 0
                lines.append(f"| {r['id'][3:9]} | {(r['model'] or '')[:34]} | {llamacpp_build(r)[10:]} {r['backend']} | {what}"
                             f"{'' if exact or not what.startswith('compute') else ', bound'} | {printed:.2f} | {got:.2f} ({difference:+.0f} %) |")
    text = ["# Accuracy: predicted and printed", "",
            "What people's logs print when an engine starts, against what a plan says for the same model, machine and options. Made by",
            "`tests/reference/accuracy.py`; records and their sources are in `tests/data/engine_logs`. A log prints two decimals of MiB: equal means",
            "equal to 0.01 MiB.", "", "## llama.cpp", "",
            f"{len(records)} logs of builds b2795 to b9010, older than the builds that were measured.", "",
            "| | logs | equal | predicted too small |", "|---|---|---|---|"]
    text += [f"| {what} | {n} | {same} | {low} |" for what, (n, same, low) in sorted(totals.items())]
    text += ["", "What differs:", "", "| log | model | build | | printed MiB | predicted MiB |", "|---|---|---|---|---|---|"] + sorted(lines)
    text += ["", "Why:", "",
             "- Metal and Vulkan have the bound, marked so; their backends also reorder operations.",
             "- Logs with overrides or experts on the host (Qwen3-235B on CUDA) do not print them: predicted as if all were on the cards.",
             "- Logs whose weights are all on the host are predicted without layers on the card.",
             "- One log (6279a6) holds the cache of a draft model.",
             "- What is left of graphs of builds before 2026: the recurrent part of Qwen3-Next, small inputs. Rules that changed, and the builds,",
             "  are in `lib/engine/changes.def`.", ""]
    return "\n".join(text)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("library")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    os.environ["CTXFIT_LIBRARY"] = str(pathlib.Path(options.library).resolve())
    sys.path.insert(0, str(ROOT / "bindings" / "python" / "src"))
    import ctxfit
    others = PAGE.read_text().partition(OTHERS)
    page = page_of(ctxfit) + others[1] + others[2]
    if options.write:
        PAGE.write_text(page)
    elif options.check:
        raise SystemExit(0 if PAGE.read_text() == page else f"{PAGE}: not what the script writes; run it with --write and read the difference")
    else:
        print(page)


if __name__ == "__main__":
    main()
