#!/usr/bin/env python3
"""Writes tests/data/models/resaved.tar.xz: what transformers makes of published config.json files when it reads and writes them.

    resave_configs.py --out tests/data/models/resaved.tar.xz FOLDER

FOLDER holds files *.json (configs.tar.xz, unpacked). Files of classes that transformers has no configuration for are left out, and those
of LEFT_OUT. Tools that quantize or tune a model publish such files: other keys, other words, the class's defaults left out.

Needs: transformers. Its version is in every file.
"""
import argparse
import io
import json
import logging
import os
import tarfile
import tempfile
import warnings
from pathlib import Path

# transformers reads another model than the published file is of.
LEFT_OUT = {
    "google__gemma-3-1b-it": "the copy names the class of the model with eyes",
    "zai-org__GLM-4.1V-9B-Thinking": "the copy is flat, the class looks for its parts",
    "stepfun-ai__Step-3.7-Flash": "the same",
    "mistralai__Mistral-Small-3.1-24B-Instruct-2503": "the class ties the output of the whole, which the file does not speak of",
    "Qwen__Qwen3-VL-30B-A3B-Instruct": "whole and decoder say otherwise of the output",
    "Qwen__Qwen3-VL-235B-A22B-Instruct": "the same",
    "XiaomiMiMo__MiMo-V2-Flash": "the class counts the window with the token itself",
}
DROPPED = ("quantization_config", "auto_map")


def resaved(path, folder):
    from transformers import AutoConfig

    published = json.loads(path.read_text(encoding="utf-8"))
    stated = {k: v for k, v in published.items() if k not in DROPPED}
    Path(folder, "config.json").write_text(json.dumps(stated), encoding="utf-8")
    config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
    if type(config).__name__ == "PreTrainedConfig":
        raise LookupError("no class")
    again = json.loads(config.to_json_string(use_diff=True))
    again["architectures"] = stated.get("architectures")
    if "quantization_config" in published:  # transformers asks for the packages of some methods
        again["quantization_config"] = published["quantization_config"]
    return json.dumps(again, sort_keys=True) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--out", required=True)
    parser.add_argument("folder")
    args = parser.parse_args()
    os.environ["HF_HUB_OFFLINE"] = "1"
    logging.disable(logging.WARNING)
    warnings.filterwarnings("ignore")
    count = 0
    with tarfile.open(args.out, "w:xz", preset=9) as tar, tempfile.TemporaryDirectory() as folder:
        for path in sorted(Path(args.folder).glob("*.json")):
            if path.stem in LEFT_OUT:
                continue
            try:
                data = resaved(path, folder).encode()
            except Exception as error:  # classes raise what they like
                print("%s: %s" % (path.stem, " ".join(str(error).split())[:100]))
                continue
            info = tarfile.TarInfo("resaved/" + path.name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
            count += 1
    print("%d files" % count)


if __name__ == "__main__":
    main()
