#!/usr/bin/env python3
"""What the solver makes of models on machines, as a table of docs/placement.md.

  show_placements.py CTXFIT            print it
  show_placements.py CTXFIT --docs     write it into docs/placement.md
"""
import json
import pathlib
import subprocess
import sys

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "placement.md"
BEGIN, END = "<!-- written by tests/reference/show_placements.py --docs -->\n", "<!-- end of placements -->"
CONTEXT = 32768
MACHINES = {
    "24 + 12 GiB": "rtx-3090 rtx-3060-12gb host:128GiB(bw=80GB/s)",
    "3 x 24": "3*rtx-3090 host:128GiB(bw=80GB/s)",
    "8 + 24 + 48": "gpu(backend=cuda,mem=8GiB,bw=448GB/s) rtx-3090 rtx-a6000 host:256GiB(bw=80GB/s)",
    "laptop 8 + 64": "gpu(backend=cuda,mem=8GiB,bw=256GB/s) host:64GiB(bw=80GB/s)",
    "CPU, 128": "host:128GiB(bw=80GB/s)",
    "unified 64": "mac-studio-m2-ultra-64gb",
    "unified 128": "mac-studio-m2-ultra-128gb",
    "unified 512": "mac-studio-m3-ultra-512gb",
    "2 Sparks": "2*dgx-spark",
}
MODELS = {
    "dense 8B": "llama-3.1-8b-instruct", "dense 70B": "llama-3.1-70b-instruct", "dense 405B": "llama-3.1-405b-instruct",
    "MoE 30B": "qwen3-coder:30b", "MoE 120B": "gpt-oss-120b", "MoE 235B": "qwen3-235b-a22b", "MoE 1T": "kimi-k2-instruct",
    "hybrid 80B": "qwen3-next-80b-a3b-instruct", "windows 27B": "gemma-3-27b-it", "latent 671B": "deepseek-v3",
}


def cell(ctxfit, model, machine):
    words = [ctxfit, "place", model, "--quant", "Q4_K_M", "--hw", machine, "-c", str(CONTEXT), "--json"]
    answer = json.loads(subprocess.run(words, capture_output=True, text=True, check=False).stdout)
    if not answer["found"]:
        return f"lacks {answer['shortfall']['bytes'] / 2**30:.0f} GiB"
    rate = answer["decode_tokens_per_s"]
    text = f"{rate:.{0 if rate >= 10 else 1}f} t/s" if rate else "fits"
    host = answer["host_layers"] + answer["host_expert_layers"]
    return text if answer["device_share"] in (0, 1) or not host else f"{text}, {100 * (1 - answer['device_share']):.0f} % host"


def table(ctxfit):
    lines = ["| | " + " | ".join(MACHINES) + " |", "|---" * (len(MACHINES) + 1) + "|"]
    for name, model in MODELS.items():
        lines.append(f"| {name} | " + " | ".join(cell(ctxfit, model, machine) for machine in MACHINES.values()) + " |")
    return "\n".join(lines) + "\n"


def main():
    text = table(sys.argv[1])
    if "--docs" not in sys.argv:
        sys.stdout.write(text)
        return
    page = PAGE.read_text()
    before, rest = page.split(BEGIN)
    PAGE.write_text(before + BEGIN + text + rest[rest.index(END):])


if __name__ == "__main__":
    main()
