#!/usr/bin/env python3
"""Writes tests/data/models/configs.tar.xz: published config.json files, and what a table of the same models says of them.

    prepare_configs.py --models models.csv --out tests/data/models/configs.tar.xz FOLDER...

FOLDER holds files ORG__NAME.json. expect.csv has a row for each; a cell is empty where the table does not speak of what llama.cpp loads, for
one of the reasons below.
"""
import argparse
import csv
import io
import os
import re
import tarfile

COLUMNS = ["file", "arch", "params_b", "active_b", "layers", "embedding", "heads", "kv_heads", "vocabulary", "experts", "pattern", "source"]

# Where the table means something else, by (Hugging Face id, column): the cell is left out.
SILENT = {
    ("MiniMaxAI/MiniMax-M1-80k", "*"): "lightning attention, which is read as full attention with a note",
    ("WizardLMTeam/WizardCoder-15B-V1.0", "params_b active_b"): "counted without the learned positions",
    ("allenai/Olmo-3-7B", "pattern"): "the table shows full attention for a copy that lacks layer_types; its class has three windows of four",
    ("google/gemma-4-E2B-it", "params_b active_b"): "counted without K and V of layers that share a cache; the checkpoint has them",
    ("google/gemma-4-E4B-it", "params_b active_b"): "the same",
    ("moonshotai/Kimi-K3", "params_b active_b"): "no known architecture: gates are not counted",
    ("openai/gpt-oss-120b", "active_b"): "counts the biases of all experts as active",
    ("openai/gpt-oss-20b", "active_b"): "the same",
    ("stepfun-ai/Step-3.7-Flash", "params_b active_b"): "llama.cpp loads parts of the next-token-prediction blocks",
    ("XiaomiMiMo/MiMo-V2-Flash", "kv_heads"): "window layers have another number",
}
# llama.cpp's architectures of these have no window: the whole context is cached, and a note says so.
WINDOWLESS = {"llama", "starcoder2", "phi3"}
# Heads of latent attention are one in the cache.
LATENT = {"deepseek2", "deepseek32", "glm-dsa", "kimi-linear", ""}


def expand(pattern):
    """"(sssf)x3+s" -> "sssfsssfsssfs"; "2f1s" -> "ffs\""""
    unit = re.fullmatch(r"\(([^)]*)\)x(\d+)(?:\+(\S+))?", pattern)
    if unit:
        return unit[1] * int(unit[2]) + (unit[3] or "")
    if re.search(r"\d", pattern):
        return "".join(letter * int(count) for count, letter in re.findall(r"(\d+)(\D)", pattern))
    return pattern


def row_of(name, m):
    pattern = expand(m["layer_pattern"])
    arch = m["llama_cpp_arch"]
    if "x" in pattern or (arch in WINDOWLESS and "s" in pattern):
        pattern = ""
    row = dict(file=name, arch=arch, params_b=m["params_counted_b"], active_b=m["params_active_b"], layers=m["n_layer"], embedding=m["n_embd"],
               heads=m["n_head"], kv_heads="" if arch in LATENT and m["kv_lora_rank"] else m["n_head_kv"],
               vocabulary="" if arch == "gemma3" else m["vocab_size"], experts=m["n_expert"], pattern=pattern, source=m["source"].replace(chr(34), chr(39)))
    for (hf_id, columns), _ in SILENT.items():
        if hf_id == m["hf_id"]:
            for column in COLUMNS[1:-1] if columns == "*" else columns.split():
                row[column] = ""
    for column in ("kv_heads", "experts", "heads"):
        if not row[column].isdigit():
            row[column] = ""
    return row


def add(tar, name, data):
    info = tarfile.TarInfo("configs/" + name)
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--models", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("folders", nargs="+")
    args = parser.parse_args()
    with open(args.models, newline="", encoding="utf-8") as file:
        models = {row["config"].split("/")[-1]: row for row in csv.DictReader(file) if row["config"]}
    table = io.StringIO()
    out = csv.DictWriter(table, COLUMNS, lineterminator="\n")
    out.writeheader()
    with tarfile.open(args.out, "w:xz", preset=9) as tar:
        for folder in args.folders:
            for name in sorted(os.listdir(folder)):
                with open(os.path.join(folder, name), "rb") as file:
                    add(tar, name, file.read())
                out.writerow(row_of(name, models[name]))
        add(tar, "expect.csv", table.getvalue().encode())


if __name__ == "__main__":
    main()
