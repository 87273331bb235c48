#!/usr/bin/env python3
"""Holds simulated graphs against graphs that the real llama.cpp scheduled, operation by operation.

  compare_graphs.py GRAPH_DUMP MODELS DUMP.txt.gz...   [--build b10472] [--file-type Q4_K_M] [--verbose]

GRAPH_DUMP is the program of that name that the tests build; MODELS a file of `name|model text` lines or a folder of GGUF headers. A dump's
first line states its configuration, its name is NAME.TAG.txt.gz, and each further line a tensor:
`L|N id buffer operation name type ne size= nb= flags= [external] [view=] src=`."""
import argparse
import gzip
import pathlib
import re
import subprocess

LINE = re.compile(r"([LN]) (\d+) (\S+) (\S+) (.*) (\S+) ([\d,]+) size=(\d+) nb=(\S+) flags=(\d+)( external)?(?: view=(\d+))? src=(.*)")


def rows(lines):
    """What counts of every placed tensor: where, what, of which shape."""
    out, views = [], {}
    for line in lines:
        m = LINE.match(line)
        if not m:
            out.append(("N", "HOST", "dependency", "", "", 0, ""))
            continue
        kind, ident, buffer, op, name, quant, ne, size, nb, flags, external, view, src = m.groups()
        buffer = "HOST" if buffer in ("CUDA_Host", "CPU", "PLAIN_Host") or "Host" in buffer else re.sub("RPC|PGPU", "PLAIN", buffer)
        if kind == "L" and external:
            continue
        if kind == "N" and op == "NONE" and view is not None:
            out.append(("N", "HOST", "dependency", "", "", 0, name))
            continue
        out.append((kind, buffer, op, quant.lower(), ne, int(flags) & 3, name))
    return out


def config(comment):
    words = dict(w.split("=", 1) for w in comment.lstrip("# ").split() if "=" in w)
    spelled = {"swa_full": "swafull", "noopoff": "noop"}
    args = []
    for key, value in words.items():
        if key == "cmoe":
            args.append("ncmoe=100000")
        elif key == "graph":
            args.append("graph=one" if value == "pp1" else "graph=token")
        elif key != "repack":
            args.append(f"{spelled.get(key, key)}={value}")
    return args


def model_name(path):
    """NAME of NAME.TAG.txt.gz and NAME.TAG.tg.txt.gz (the graph of one token), NAME.TAG.pp1.txt.gz (of one sequence)."""
    stem = path.name.removesuffix(".txt.gz").removesuffix(".tg").removesuffix(".pp1")
    return stem.rsplit(".", 1)[0]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("tool")
    parser.add_argument("models", type=pathlib.Path)
    parser.add_argument("dumps", nargs="+", type=pathlib.Path)
    parser.add_argument("--build", default="b10472")
    parser.add_argument("--file-type", default="Q4_K_M")
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    texts = {}
    if options.models.is_file():
        texts = dict(line.rstrip("\n").split("|", 1) for line in options.models.read_text().splitlines() if "|" in line)
    equal = different = 0
    for path in options.dumps:
        name = model_name(path)
        model = texts.get(name) or str(options.models / f"{name}.gguf")
        with gzip.open(path, "rt") as lines:
            comment = next(lines)
            want = rows(lines)
        run = subprocess.run([options.tool, model, f"build={options.build}", f"ft={options.file_type}", *config(comment)],
                             capture_output=True, text=True)
        got = rows(run.stdout.splitlines())
        place = next((i for i, (a, b) in enumerate(zip(want, got)) if a[:6] != b[:6]), None)
        if run.returncode == 0 and place is None and len(want) == len(got):
            equal += 1
            continue
        different += 1
        print(f"{path.name}: {run.stderr.strip()} engine {len(want)} rows, library {len(got)}; first difference at {place}")
        if place is not None:
            for i in range(max(0, place - 3), place + (12 if options.verbose else 3)):
                print("   ", *(str(side[i]) if i < len(side) else "-" for side in (want, got)), sep="\n        ")
    print(f"{equal} equal, {different} different")
    raise SystemExit(different != 0)


if __name__ == "__main__":
    main()
