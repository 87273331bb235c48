#!/usr/bin/env python3
"""Turns headers of small GGUFs, one or more for each architecture, and llama.cpp's measured memory into the text of tests/data/models/archs.txt.

    prepare_archs.py FOLDER ROWS.csv.gz > tests/data/models/archs.txt

FOLDER holds the headers that llama.cpp's test-llama-archs writes (b10472, `-o DIR -s 1`); ROWS has one row per configuration and buffer:
what a context of that configuration allocates. Of each model one configuration is kept: everything on one CUDA-like device, one
sequence, F16 cache, flash attention where the model can. Records, one a line; keys stand without the architecture's prefix:

    common NAME TYPE VALUE    a key of every model below that does not say otherwise
    model NAME
    key NAME TYPE VALUE       u32 i32 bool str; u32[] i32[] bool[]: a,b,c; tokens: their number
    drop NAME                 it does not have this common key
    tensor NAME TYPE DIMS     ggml's number of the format; a,b,c
    measured CELLS WINDOW_CELLS KV KV_WINDOW RECURRENT OTHER WEIGHTS HOST_WEIGHTS
                              cells per layer, then bytes on the device, and of weights on the host

Numbers with a fraction decide no size and are left out, and so are lists of 512 equal values, which stand for "not used".

Standard library only.
"""
import collections
import csv
import gzip
import os
import struct
import sys

NAMES = {4: "u32", 5: "i32", 7: "bool", 8: "str"}
CODES = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
SKIP = ("tokenizer.", "general.")
KEEP = ("general.architecture", "general.alignment", "general.file_type", "tokenizer.ggml.tokens")


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, code):
        value = struct.unpack_from("<" + code, self.data, self.at)[0]
        self.at += struct.calcsize("<" + code)
        return value

    def text(self):
        n = self.take("Q")
        self.at += n
        return self.data[self.at - n:self.at].decode()

    def value(self, kind):
        return self.text() if kind == 8 else self.take(CODES[kind])


def show(value):
    return str(int(value)) if isinstance(value, bool) else str(value)


def header(path):
    """-> {key: "TYPE VALUE"}, [tensor line]"""
    r = Reader(open(path, "rb").read())
    assert r.data[:4] == b"GGUF"
    r.at = 8
    tensors, count = r.take("Q"), r.take("Q")
    keys = {}
    for _ in range(count):
        name, kind = r.text(), r.take("I")
        if kind == 9:
            kind, n = r.take("I"), r.take("Q")
            values = [r.value(kind) for _ in range(n)]
            if name == "tokenizer.ggml.tokens":
                keys[name] = "tokens %d" % n
            elif kind in (4, 5, 7) and not (n == 512 and len(set(values)) == 1):
                keys[name] = "%s[] %s" % (NAMES[kind], ",".join(show(v) for v in values))
            continue
        value = r.value(kind)
        if kind in (4, 5, 7, 8):
            keys[name] = "%s %s" % (NAMES[kind], show(value))
    arch = keys["general.architecture"].split()[1] + "."
    keys = {k[len(arch):] if k.startswith(arch) else k: v for k, v in keys.items() if k in KEEP or not k.startswith(SKIP)}
    lines = []
    for _ in range(tensors):
        name = r.text()
        dims = [r.take("Q") for _ in range(r.take("I"))]
        kind, _ = r.take("I"), r.take("Q")
        lines.append("tensor %s %d %s" % (name, kind, ",".join(map(str, dims))))
    return keys, lines


def common_keys(headers):
    """What at least half of the models agree on."""
    votes = collections.Counter((k, v) for keys, _ in headers.values() for k, v in keys.items())
    return {k: v for (k, v), n in votes.items() if 2 * n > len(headers)}


def wanted(row):
    return (row["dev"] == "cuda:1" and row["n_seq"] == "1" and row["type_k"] == row["type_v"] == "f16" and row["ngl"] == "-1"
            and not row["overrides"] and row["offload_kqv"] == "1" and row["swa_full"] == "0")


def measured(path):
    best = {}
    with gzip.open(path, "rt") as f:
        rows = list(csv.DictReader(f))
    columns = list(rows[0])[:list(rows[0]).index("device")]
    groups = collections.OrderedDict()
    for row in rows:
        if wanted(row):
            groups.setdefault(tuple(row[c] for c in columns), []).append(row)
    for group in groups.values():
        first = group[0]
        # prefer flash attention, then contexts longer than the window
        rank = (first["r_flash_attn"] == "1", int(first["kv_cells"] or 0) != int(first["swa_cells"] or 0), int(first["r_n_ctx_seq"]))
        if first["file"] not in best or rank > best[first["file"]][0]:
            best[first["file"]] = rank, group
    for name, (_, group) in best.items():
        sums = collections.Counter()
        for row in group:
            on_host = row["device"] == "host"
            for column in ("kv", "kv_swa", "recurrent", "kv_other"):
                assert not (on_host and int(row[column]))
                sums[column] += int(row[column])
            sums["host" if on_host else "weights"] += int(row["weights"])
        yield name, "measured %s %s %d %d %d %d %d %d" % (group[0]["r_n_ctx_seq"], group[0]["swa_cells"], sums["kv"], sums["kv_swa"],
                                                        sums["recurrent"], sums["kv_other"], sums["weights"], sums["host"])


def main():
    folder, rows = sys.argv[1:]
    lines = dict(measured(rows))
    print("# Headers of small models that llama.cpp b10472's test-llama-archs writes, and the memory that this build allocates for them"
          " (2026-08-18).\n# Made by tests/reference/prepare_archs.py, which describes the records.")
    headers = {name: header(os.path.join(folder, name)) for name in sorted(os.listdir(folder))}
    common = common_keys(headers)
    for key, value in common.items():
        print("common %s %s" % (key, value))
    for name, (keys, tensors) in headers.items():
        print("model " + name[:-len(".gguf")])
        for key, value in keys.items():
            if common.get(key) != value:
                print("key %s %s" % (key, value))
        for key in common:
            if key not in keys:
                print("drop " + key)
        print("\n".join(tensors))
        print(lines[name])


if __name__ == "__main__":
    main()
