#!/usr/bin/env python3
"""Writes tests/data/models/towers.txt: parameters of eyes and ears beside a decoder, as the classes of transformers have them.

    tower_counts.py [--drawn N] FOLDER > tests/data/models/towers.txt

FOLDER holds published files *.json (configs.tar.xz, unpacked); beside them N configurations of every type of TYPES with sizes drawn at random.
Each is built without memory. A row is `NAME|MATRICES|REST|JSON`: weights of linear layers, all other parameters, and of the configuration
what they follow from. The decoder counts for neither, nor does its output.

Needs: transformers, torch, torchvision, timm and pillow. The version of transformers is in the first line.
"""
import argparse
import json
import os
import pathlib
import random
import sys

os.environ["TRANSFORMERS_VERBOSITY"] = "error"
import torch
import transformers
from transformers.models.auto import modeling_auto
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

PARTS = ("vision_config", "audio_config", "vit_config", "visual")
TYPES = ("gemma3", "llava", "mistral3", "qwen2_5_vl", "qwen2_vl", "qwen3_5", "qwen3_5_moe", "qwen3_vl", "qwen3_vl_moe")
# Other towers than that of the type itself, which the published files of it have.
ALSO = {"llava": ("siglip_vision_model", "pixtral")}
WIDTHS = ("hidden_size", "embed_dim", "d_model")
HEADS = ("num_attention_heads", "num_heads", "encoder_attention_heads", "attention_heads")
LAYERS = ("num_hidden_layers", "depth", "encoder_layers", "num_layers")
FEEDS = ("intermediate_size", "encoder_ffn_dim")
TEXT = {"hidden_size": 96, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 24,
        "vocab_size": 160, "pad_token_id": 0}
OUTER = {"multimodal_projector_bias": (False, True), "spatial_merge_size": (1, 2, 3), "vision_feature_layer": (-1, -2, [-2, -1])}


def model_class(kind):
    for table in ("MODEL_FOR_MULTIMODAL_LM_MAPPING_NAMES", "MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES", "MODEL_FOR_CAUSAL_LM_MAPPING_NAMES"):
        name = getattr(modeling_auto, table, {}).get(kind)
        if name is not None:
            return getattr(transformers, name if isinstance(name, str) else name[0])
    return None


def parameters_of(get):
    try:
        part = get()
    except (AttributeError, NotImplementedError):
        return set()
    return {id(p) for p in part.parameters()} if part is not None else set()


def count(model):
    model = getattr(model, "thinker", model)
    decoder = parameters_of(model.get_decoder) | parameters_of(model.get_output_embeddings) | parameters_of(model.get_input_embeddings)
    linear = {id(m.weight) for m in model.modules() if isinstance(m, torch.nn.Linear)} - decoder
    beside = {id(p): p.numel() for p in model.parameters() if id(p) not in decoder}
    matrices = sum(beside[i] for i in linear)
    return matrices, sum(beside.values()) - matrices


def build(config):
    cls = model_class(config["model_type"])
    with torch.device("meta"):
        return cls._from_config(CONFIG_MAPPING[config["model_type"]](**config))


def draw_part(rng, default):
    heads, layers = rng.choice((2, 3, 4)), rng.randint(1, 4)
    width = heads * rng.choice((32, 64))
    sizes = {"patch_size": rng.choice((4, 7, 8)), "image_size": rng.choice((56, 60, 112)), "in_channels": rng.choice((1, 3)),
             "num_channels": rng.choice((1, 3)), "temporal_patch_size": rng.choice((1, 2)), "spatial_merge_size": rng.choice((1, 2, 3)),
             "out_hidden_size": 32 * rng.randint(1, 6), "num_position_embeddings": rng.choice((16, 49, 64)), "mlp_ratio": rng.choice((2, 4)),
             "deepstack_visual_indexes": rng.choice(([], [0], [0, 1])), "vision_use_head": rng.choice((False, True))}
    for names, value in ((WIDTHS, width), (HEADS, heads), (LAYERS, layers), (FEEDS, 16 * rng.randint(2, 12))):
        sizes.update({name: value for name in names})
    if "embed_dim" in default:  # beside it the decoder's width
        sizes["hidden_size"] = 32 * rng.randint(1, 6)
    drawn = {name: value for name, value in sizes.items() if name in default}
    for name in list(drawn):
        if rng.random() < 0.1 and name not in WIDTHS + HEADS + LAYERS:
            del drawn[name]
    return drawn


def draw(rng, kind, tower):
    default = CONFIG_MAPPING[kind]().to_dict()
    config = {"model_type": kind}
    if "text_config" in default:
        config["text_config"] = {name: value for name, value in TEXT.items() if name in default["text_config"]}
        config["text_config"]["model_type"] = default["text_config"]["model_type"]
    else:
        config.update({name: value for name, value in TEXT.items() if name in default})
    for part in PARTS:
        if isinstance(default.get(part), dict):
            of = default[part] if tower is None else CONFIG_MAPPING[tower]().to_dict()
            config[part] = {"model_type": of["model_type"], **draw_part(rng, of)}
    for name, choices in OUTER.items():
        if name in default and rng.random() < 0.7:
            config[name] = rng.choice(choices)
    return config


def trimmed(published):
    """What towers follow from."""
    inner = published.get("text_config")
    keep = {name: value for name, value in published.items() if name in PARTS or name in OUTER or name == "model_type"}
    for name in ("hidden_size", "vision_feature_select_strategy"):
        keep.update({name: published[name]} if name in published else {})
    if isinstance(inner, dict):
        keep["text_config"] = {name: inner[name] for name in ("model_type", "hidden_size", "num_hidden_layers") if name in inner}
    for part in PARTS:
        if isinstance(keep.get(part), dict):
            keep[part] = {name: value for name, value in keep[part].items()
                          if (isinstance(value, (int, float, list)) and not isinstance(value, str) and value != [] or name == "model_type"
                              or name == "deepstack_visual_indexes") and "token" not in name and "label" not in name}
    return keep


def published_rows(folder):
    for path in sorted(folder.rglob("*.json")):
        config = json.loads(path.read_text())
        if config.get("model_type") not in TYPES or not any(isinstance(config.get(part), dict) for part in PARTS):
            continue
        small = trimmed(config)
        config.pop("quantization_config", None)
        yield path.stem, small, count(build(config))


def drawn_rows(number):
    rng = random.Random(7)
    for kind in TYPES:
        for tower in (None,) + ALSO.get(kind, ()):
            left = number
            while left > 0:
                config = draw(rng, kind, tower)
                try:
                    counts = count(build(json.loads(json.dumps(config))))
                except (ValueError, RuntimeError, AssertionError) as why:
                    print(f"{kind}: {type(why).__name__} {str(why)[:120]}", file=sys.stderr)
                    continue
                yield f"{kind}{'-' + tower if tower else ''}-{number - left + 1}", config, counts
                left -= 1


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--drawn", type=int, default=4)
    parser.add_argument("folder", type=pathlib.Path)
    arguments = parser.parse_args()
    print(f"# transformers {transformers.__version__}: tests/reference/tower_counts.py --drawn {arguments.drawn}")
    for rows in (published_rows(arguments.folder), drawn_rows(arguments.drawn)):
        for name, config, (matrices, rest) in rows:
            print(f"{name}|{matrices}|{rest}|{json.dumps(config, separators=(',', ':'))}")


if __name__ == "__main__":
    main()
