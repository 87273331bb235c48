#!/usr/bin/env python3
"""The tables of docs/accuracy.md, from rows of tests/data/engines and what the command answers.

  make_accuracy.py CTXFIT            write the tables of every engine
  make_accuracy.py CTXFIT --check    fail where the page is not what the command answers today

An engine is a function that gives the lines of its part; a part stands in the page between `<!-- made: NAME -->` and `<!-- end: NAME -->`.
What stands around the parts is written by hand; the page up to the first part is that of accuracy.py (llama.cpp).
"""
import csv
import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = ROOT / "tests" / "data" / "engines"
PAGE = ROOT / "docs" / "accuracy.md"
GIB = 1 << 30


def rows_of(name):
    with open(DATA / name, newline="") as f:
        return list(csv.DictReader(f))


def plan(ctxfit, *words):
    done = subprocess.run([ctxfit, "plan", *map(str, words), "--json"], capture_output=True, text=True)
    if done.returncode > 1:
        sys.exit(f"ctxfit plan {' '.join(map(str, words))}: {done.stderr}")
    return json.loads(done.stdout)


def table(head, lines):
    return ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)] + ["| " + " | ".join(map(str, line)) + " |" for line in lines]


def options(row, **names):
    """Words of options for the columns of a row that are neither empty nor 0."""
    words = []
    for column, option in names.items():
        if row[column] not in ("", "0"):
            words += [option, row[column]]
    return words


def vllm_tokens(ctxfit):
    lines, inside = [], 0
    for r in rows_of("vllm.csv"):
        words = [r["model"], "--quant", "BF16", "--hw", "8*h200 host:2TiB", "--engine", f"vllm@{r['version']}"]
        words += options(r, tp="-tp", context="-c", batch_sequences="--max-num-seqs", batch_tokens="--max-num-batched-tokens",
                         draft="--num-speculative-tokens")
        words += ["--kv-cache-dtype", "fp8"] if r["fp8"] == "1" else []
        words += ["--enable-prefix-caching"] if r["prefix"] == "1" else []
        ends = [plan(ctxfit, *words, "--kv-cache-memory-bytes", int((float(r["cache_gib"]) + d) * GIB)) for d in (-0.005, 0.005)]
        low, high = (end["decisions"] for end in ends)
        tokens = int(r["tokens"])
        ok = low["pool_tokens"] <= tokens <= high["pool_tokens"]
        inside += ok
        weights = f"{ends[0]['devices'][0]['weights_bytes'] / GIB / float(r['weights_gib']):.3f}" if r["weights_gib"] else ""
        lines.append((r["version"], r["model"], r["tp"], r["cache_gib"], f"{tokens:,}", f"{low['pool_tokens']:,} to {high['pool_tokens']:,}",
                      r["concurrency"], f"{low['concurrency']:.2f} to {high['concurrency']:.2f}", weights, "yes" if ok else "NO"))
    return [f"{inside} of {len(lines)} rows: the tokens that the log prints are between those of both ends of its rounded byte count.", ""] + table(
        ("version", "model", "tp", "cache, GiB", "tokens, log", "tokens", "requests, log", "requests", "weights / log", "agrees"), lines)


def vllm_drafts(ctxfit):
    lines, inside = [], 0
    for r in rows_of("vllm_drafts.csv"):
        words = [r["model"], "--quant", "BF16", "--hw", "8*h200 host:2TiB", "--engine", f"vllm@{r['version']}", "-c", r["context"],
                 "--draft", DATA / f"{r['head']}.json", "--num-speculative-tokens", r["draft"]]
        low, high = (plan(ctxfit, *words, "--kv-cache-memory-bytes", int((float(r["cache_gib"]) + d) * GIB))["decisions"] for d in (-0.005, 0.005))
        ok = low["pool_tokens"] <= int(r["tokens"]) <= high["pool_tokens"]
        inside += ok
        lines.append((r["version"], r["model"], r["head"], r["cache_gib"], f"{int(r['tokens']):,}", f"{low['pool_tokens']:,} to {high['pool_tokens']:,}",
                      r["concurrency"], f"{low['concurrency']:.2f} to {high['concurrency']:.2f}", "yes" if ok else "NO"))
    return [f"{inside} of {len(lines)} rows agree.", ""] + table(
        ("version", "model", "head", "cache, GiB", "tokens, log", "tokens", "requests, log", "requests", "agrees"), lines)


def vllm_profile(ctxfit):
    lines, inside = [], 0
    for r in rows_of("vllm_profile.csv"):
        words = [r["model"], "--quant", "BF16", "--hw", f"{r['hw']} host:512GiB" if r["hw"] != "dgx-spark" else r["hw"], "-c", "1024",
                 "--engine", f"vllm@{r['version']}"]
        words += options(r, batch_sequences="--max-num-seqs", batch_tokens="--max-num-batched-tokens")
        eager = plan(ctxfit, *words, "--enforce-eager")["devices"][0]
        ends = [eager["compute_low_bytes"], eager["compute_bytes"]]
        if r["what"] == "graphs":
            full = plan(ctxfit, *words)["devices"][0]
            ends = [full["compute_low_bytes"] - ends[0], full["compute_bytes"] - ends[1]]
        ok = ends[0] <= float(r["found_gib"]) * GIB <= ends[1]
        inside += ok
        lines.append((r["version"], r["model"], r["what"], r["found_gib"], f"{ends[0] / GIB:.2f} to {ends[1] / GIB:.2f}", "yes" if ok else "NO"))
    return [f"{inside} of {len(lines)} rows are inside the band.", ""] + table(("version", "model", "what", "log, GiB", "band, GiB", "inside"), lines)


def sglang(ctxfit):
    lines = []
    for r in rows_of("sglang.csv"):
        p = plan(ctxfit, r["model"], "--quant", "BF16", "--hw", "8*h200 host:2TiB", "--engine", "sglang", "-tp", r["tp"], "-c", "4096",
                 "--kv-cache-memory-bytes", GIB, *(["--kv-cache-dtype", "fp8"] if r["fp8"] == "1" else []))
        gib = p["decisions"]["block_bytes"] / p["decisions"]["block_tokens"] * (int(r["tokens"]) + int(r["page"])) / GIB
        lines.append((r["model"], r["tp"], f"{int(r['tokens']):,}", r["cache_gib"], f"{gib:.2f}"))
    return table(("model", "ranks of attention", "tokens", "cache in the log, GiB", "cache, GiB"), lines)


def sglang_pools(ctxfit):
    lines, inside = [], 0
    for r in rows_of("sglang_pools.csv"):
        words = [r["model"], "--quant", "BF16", "--hw", "8*h200 host:2TiB", "--engine", f"sglang@{r['version']}", "-tp", r["tp"], "-c", "4096",
                 *(["--kv-cache-dtype", "fp8"] if r["fp8"] == "1" else []), *r["options"].split()]
        ends = [plan(ctxfit, *words, "--kv-cache-memory-bytes", int((float(r["pool_gib"]) + d * float(r["digits"])) * GIB))["decisions"]
                for d in (-1, 1)]
        tokens, slots = ([end[name] if name in end else 0 for end in ends] for name in ("pool_tokens", "state_slots"))
        ok = tokens[0] <= int(r["tokens"]) <= tokens[1] and slots[0] <= int(r["slots"]) <= slots[1]
        inside += ok
        lines.append((r["id"], r["version"], r["model"], r["tp"], r["pool_gib"], f"{int(r['tokens']):,}", f"{tokens[0]:,} to {tokens[1]:,}",
                      *((r["slots"], f"{slots[0]} to {slots[1]}") if r["slots"] != "0" else ("", "")), "yes" if ok else "NO"))
    return [f"{inside} of {len(lines)} rows agree.", ""] + table(
        ("log", "version", "model", "ranks", "pool, GiB", "tokens, log", "tokens", "states, log", "states", "agrees"), lines)


def tensorrt_llm(ctxfit):
    lines, inside = [], 0
    for r in rows_of("tensorrt_llm.csv"):
        words = [r["model"], "--quant", "BF16", "--hw", "2*gpu(backend=cuda,mem=4096GiB) host:2TiB", "--engine", f"tensorrt-llm@{r['version']}"]
        words += options(r, tp="--tp_size", context="--max_seq_len") + (["--tokens_per_block", r["block"]] if r["block"] != "32" else [])
        words += ["--kv-cache-dtype", "fp8"] if r["fp8"] == "1" else []
        low, high = (plan(ctxfit, *words, "--kv-cache-memory-bytes", int((float(r["cache_gib"]) + d) * GIB))["decisions"]
                     for d in (-0.005, 0.005))
        tokens = int(r["tokens"])
        ok = low["pool_tokens"] <= tokens <= high["pool_tokens"]
        inside += ok
        lines.append((r["version"], r["model"], r["tp"], "FP8" if r["fp8"] == "1" else "BF16", r["cache_gib"], f"{tokens:,}",
                      f"{low['pool_tokens']:,} to {high['pool_tokens']:,}", "yes" if ok else "NO", r["source"]))
    return [f"{inside} of {len(lines)} rows agree.", ""] + table(
        ("version", "model", "ranks", "cache", "GiB, log", "tokens, log", "tokens", "agrees", "source"), lines)


def mlx(ctxfit):
    lines, inside = [], 0
    for r in rows_of("mlx.csv"):
        p = plan(ctxfit, r["model"], "--quant", "BF16", "--hw", r["hw"], "--engine", "mlx-lm", "-c", r["prompt"], *options(r, step="-b"))
        d = p["devices"][0]
        fixed = p["model"]["parameters"] * float(r["bits_per_parameter"]) / 8 + d["kv_bytes"] + d["kv_swa_bytes"] + d["recurrent_bytes"]
        low, high = ((fixed + d[f"compute{end}_bytes"]) / 1e9 for end in ("_low", ""))
        slack = 0.5 * 10.0 ** -len(r["peak_gb"].partition(".")[2])
        ok = low - slack <= float(r["peak_gb"]) <= high + slack
        inside += ok
        lines.append((r["model"], r["prompt"], r["step"] or "2048", r["peak_gb"], f"{low:.1f} to {high:.1f}", "yes" if ok else "NO", r["source"]))
    return [f"{inside} of {len(lines)} peaks are inside the band.", ""] + table(
        ("model, 4 bits", "prompt, tokens", "step", "peak, GB", "band, GB", "inside", "source"), lines)


def printed_of(p, what):
    """What a plan has for a word of a row: `0.kv`, `0.cache` (with states), `host.compute` (MiB of a device), or a decision (`n_batch`)."""
    place, dot, kind = what.partition(".")
    if not dot:
        return str(p["resolved"][place])
    device = p["devices"][-1 if place == "host" else int(place)]
    parts = {"kv": ("kv", "kv_swa"), "cache": ("kv", "kv_swa", "recurrent")}.get(kind, (kind,))
    return f"{sum(device[f'{part}_bytes'] for part in parts) / (1 << 20):.2f}"


def near(said, got):
    """Whether a log's figure (MiB, or with a unit) is what it would print of `got` MiB; logs of two digits have rounded sums, too."""
    number, gib, _ = said.partition("GiB")
    digits = len(number.partition(".")[2])
    return abs(float(number) * (1024 if gib else 1) - float(got)) <= max(0.0101, (0.5 * 10 ** -digits + 1e-9) * (1024 if gib else 1))


def held(ctxfit, name, engine, version):
    """Each word that a log prints and its row can tell; what a row leaves out depends on the types of its file. `=`: a figure that is
    predicted, `<`: one that a bound is predicted of."""
    lines, equal, count, within, bounds = [], 0, 0, 0, 0
    for r in rows_of(name):
        p = plan(ctxfit, r["model"], "--quant", r["quant"] or "Q4_K_M", "--hw", r["hw"], "--engine", f"{engine}@{r[version]}", *r["options"].split())
        differ, printed = [], r["printed"].split()
        for word in printed:
            what, kind, said = re.fullmatch(r"([a-z0-9_.]+)([=<])(.+)", word).groups()
            got = printed_of(p, what)
            if kind == "<":
                bounds += 1
                within += float(said) <= float(got) + 0.0101
                differ.append(f"{what}: {said}, bound {got}" + ("" if float(said) <= float(got) + 0.0101 else ", EXCEEDED"))
            elif said != got and ("." not in what or not near(said, got)):
                differ.append(f"{what}: {said}, predicted {got}")
        figures = sum("<" not in word for word in printed)
        same = len(printed) - len(differ)
        equal += same
        count += figures
        lines.append((r["id"], r[version], r["model"], f"{same} of {figures}", "; ".join(differ)))
    says = f"{equal} of {count} figures of {len(lines)} logs are equal." + (f" {within} of {bounds} bounds hold." if bounds else "")
    return [says, ""] + table(("log", version, "model", "equal", "what differs"), lines)


def llamacpp(ctxfit):
    return held(ctxfit, "llamacpp.csv", "llama.cpp", "build")


def ollama(ctxfit):
    return held(ctxfit, "ollama.csv", "ollama", "version")


PARTS = {"llamacpp": llamacpp, "ollama": ollama, "vllm": vllm_tokens, "vllm-drafts": vllm_drafts, "vllm-profile": vllm_profile, "sglang": sglang, "sglang-pools": sglang_pools, "tensorrt-llm": tensorrt_llm, "mlx-lm": mlx}


def made(ctxfit, text):
    for name, part in PARTS.items():
        pattern = re.compile(rf"(<!-- made: {name} -->\n).*?(<!-- end: {name} -->)", re.S)
        if not pattern.search(text):
            sys.exit(f"{PAGE.name} has no part {name}")
        body = "\n".join(part(ctxfit)) + "\n"
        text = pattern.sub(lambda m: m.group(1) + body + m.group(2), text)
    return text


def main():
    if len(sys.argv) not in (2, 3) or sys.argv[2:] not in ([], ["--check"]):
        sys.exit(__doc__)
    old = PAGE.read_text()
    new = made(sys.argv[1], old)
    if "--check" in sys.argv:
        sys.exit(f"{PAGE} is not what the command answers: run {sys.argv[0]}" if new != old else 0)
    PAGE.write_text(new)


if __name__ == "__main__":
    main()
