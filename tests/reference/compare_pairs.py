#!/usr/bin/env python3
"""Holds what ctxfit says of a config.json against the real llama.cpp on the GGUF of the same model, for every pair of pairs.tar.xz.

    compare_pairs.py CTXFIT LLAMA-FIT-PARAMS CONFIGS.tar.xz PAIRS.tar.xz [--engine llama.cpp@0.7.0] [--only PATTERN] > ROWS

Each header becomes a GGUF whose tensor data is a hole and whose vocabulary is a number; our side sees the configuration alone. Weights,
context memory and compute buffer of a context on the host, in MiB. llama-fit-params prints whole MiB, rounded down. A row a pair: name,
options, theirs, ours, and `same` or `differs`, a refusal of both for the same reason being the same; `refused` where the program alone
cannot load the file. Exit code 1 if any differs. The rows with numbers of published files are tests/data/models/pairs_measured.csv.
Standard library only.
"""
import argparse
import json
import pathlib
import re
import struct
import subprocess
import sys
import tarfile
import tempfile

MIB = 1 << 20
OPTIONS = ("-c 4096", "-c 10000 -np 2 -ctk q8_0 -ctv q8_0")
CODES = {"u32": (4, "<I"), "i32": (5, "<i"), "f32": (6, "<f"), "bool": (7, "<B"), "u64": (10, "<Q"), "i64": (11, "<q")}
BLOCKS = {0: (1, 4), 1: (1, 2), 30: (1, 2), 26: (1, 4), 39: (32, 17), 8: (32, 34)}  # ggml's formats: elements, bytes


def text(value):
    return struct.pack("<Q", len(value)) + value.encode()


def key(name, kind, value):
    number = float if kind.startswith("f") else int
    if kind == "str":
        return text(name) + struct.pack("<I", 8) + text(value)
    if kind.endswith("[]"):
        code, form = CODES[kind[:-2]]
        values = [number(v) for v in value.split(",")]
        return text(name) + struct.pack("<IIQ", 9, code, len(values)) + b"".join(struct.pack(form, v) for v in values)
    code, form = CODES[kind]
    return text(name) + struct.pack("<I", code) + struct.pack(form, number(value))


def write_gguf(path, lines):
    """A file of the right length without data."""
    arch = next(line.split()[3] for line in lines if line.startswith("key general.architecture"))
    keys, tensors, offset = [key("tokenizer.ggml.model", "str", "no_vocab")], [], 0
    for line in lines:
        kind, _, rest = line.partition(" ")
        if kind == "key":
            name, form, value = rest.split(" ", 2)
            if form == "tokens":
                name, form = "vocab_size", "u32"
            elif name == "vocab_size" or value == "None":
                continue
            keys.append(key(name if name.startswith("general.") else "%s.%s" % (arch, name), form, value))
        elif kind == "tensor":
            name, form, dims = rest.split(" ")
            dims = [int(n) for n in dims.split(",")]
            elems, size = BLOCKS[int(form)]
            tensors.append(text(name) + struct.pack("<I%dQIQ" % len(dims), len(dims), *dims, int(form), offset))
            count = 1
            for n in dims:
                count *= n
            offset += (count // elems * size + 31) // 32 * 32
    for name in ("attention.layer_norm_rms_epsilon", "attention.layer_norm_epsilon"):  # copies of configurations lost them
        if not any(line.startswith("key %s " % name) for line in lines):
            keys.append(key("%s.%s" % (arch, name), "f32", "1e-5"))
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(keys)) + b"".join(keys) + b"".join(tensors)
    with open(path, "wb") as file:
        file.write(head)
        file.truncate((len(head) + 31) // 32 * 32 + offset)


def theirs(tool, path, options):
    done = subprocess.run([tool, "--fit-print", "on", "--no-repack", "-m", path, *options], capture_output=True, text=True, errors="replace",
                          timeout=600, check=False)
    found = re.search(r"^Host (\d+) (\d+) (\d+)\s*$", done.stdout, re.M)
    if found:
        return tuple(int(n) for n in found.groups())
    reasons = re.findall(r"(?:error loading model|llama_init_from_model|GGML_ASSERT)[^:]*: ?(.+)", done.stdout + done.stderr)
    return reasons[0].strip()[:120] if reasons else "no answer"


def ours(tool, engine, folder, options):
    done = subprocess.run([tool, "plan", folder, "--hw", "host:8TiB", "--engine", engine, "--no-repack", "--outputs-max", "0", *options, "--json"],
                          capture_output=True, text=True, check=False)
    if not done.stdout:
        return done.stderr.strip()[:120]
    host = json.loads(done.stdout)["devices"][-1]
    context = sum(host[part + "_bytes"] for part in ("kv", "kv_swa", "recurrent", "kv_other"))
    return host["weights_bytes"] // MIB, context // MIB, host["compute_bytes"] // MIB


def pairs(path, configs):
    with tarfile.open(configs) as tar:
        published = {pathlib.PurePath(m.name).stem: m.name for m in tar.getmembers()}
        with tarfile.open(path) as packed:
            blocks = packed.extractfile("pairs/pairs.txt").read().decode().split("\nmodel ")[1:]
        for block in blocks:
            lines = block.rstrip("\n").split("\n")
            if not lines[-1].startswith("tensor"):
                continue
            drawn = next((line[len("config "):] for line in lines if line.startswith("config ")), None)
            yield lines[0], drawn or tar.extractfile(published[lines[0]]).read().decode(), lines


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    for name in ("ctxfit", "fit_params", "configs", "pairs"):
        parser.add_argument(name)
    parser.add_argument("--engine", default="llama.cpp@0.7.0")
    parser.add_argument("--only", default="")
    args = parser.parse_args()
    counts = {"same": 0, "differs": 0, "refused": 0}
    for name, config, lines in pairs(args.pairs, args.configs):
        if not re.search(args.only, name):
            continue
        with tempfile.TemporaryDirectory() as folder:
            pathlib.Path(folder, "config.json").write_text(config, encoding="utf-8")
            path = str(pathlib.Path(folder).parent / (pathlib.Path(folder).name + ".gguf"))
            write_gguf(path, lines)
            for options in OPTIONS:
                real, own = theirs(args.fit_params, path, options.split()), ours(args.ctxfit, args.engine, folder, options.split())
                if own == real or (isinstance(own, str) and str(real) in own):
                    verdict = "same"
                else:
                    verdict = "refused" if isinstance(real, str) else "differs"
                counts[verdict] += 1
                print("|".join((name, options, str(real), str(own), verdict)), flush=True)
            pathlib.Path(path).unlink()
    print("%(same)d same, %(differs)d differ, %(refused)d refused" % counts, file=sys.stderr)
    return 1 if counts["differs"] else 0


if __name__ == "__main__":
    sys.exit(main())
