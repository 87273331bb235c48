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

PARTS = ("vision_config", "audio_config", "vit_config", "visual", "encoder_config", "projector_config", "perceiver_config")
TYPES = ("aya_vision", "cohere2_vision", "ernie4_5_vl_moe", "gemma3", "gemma3n", "gemma4", "glm46v", "glm4v", "glm4v_moe", "glm_ocr",
         "granite_speech", "idefics2", "idefics3", "internvl", "kimi_k25", "lfm2_vl", "lighton_ocr", "llama4", "llava", "llava_next",
         "llava_next_video", "llava_onevision", "mistral3", "mllama", "ovis2", "paddleocr_vl", "paligemma", "qwen2_5_omni", "qwen2_5_vl",
         "qwen2_audio", "qwen2_vl", "qwen3_5", "qwen3_5_moe", "qwen3_omni_moe", "qwen3_vl", "qwen3_vl_moe", "smolvlm", "video_llama_3",
         "vipllava", "voxtral")
# Other towers than that of the type itself, which the published files of it have.
ALSO = {"llava": ("siglip_vision_model", "pixtral")}
# Parts that the class leaves out by default.
THERE = {"gemma4": {"vision_config": "gemma4_vision", "audio_config": "gemma4_audio"}}
WIDTHS = ("hidden_size", "embed_dim", "d_model")
HEADS = ("num_attention_heads", "num_heads", "encoder_attention_heads", "attention_heads", "resampler_n_heads")
LAYERS = ("num_hidden_layers", "depth", "encoder_layers", "num_layers")
FEEDS = ("intermediate_size", "encoder_ffn_dim")
SWITCHES = ("vision_use_head", "attention_bias", "qkv_bias", "mlp_bias", "use_qk_norm", "use_absolute_position_embeddings", "use_mean_pooling",
            "use_clipped_linears", "standardize")
TEXT = {"hidden_size": 256, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 128,
        "vocab_size": 160, "pad_token_id": 0}
OF_TEXT = ("model_type", "hidden_size", "intermediate_size")  # what towers follow from
TEXT_OF = {"gemma3n": {"num_hidden_layers": 5, "num_kv_shared_layers": 0}}
OUTER = {"multimodal_projector_bias": (False, True), "spatial_merge_size": (1, 2, 3), "vision_feature_layer": (-1, -2, [-2, -1]),
         "downsample_factor": (1, 2, 3), "alignment_intermediate_size": (64, 256), "downsample_ratio": (0.5, 0.25), "scale_factor": (1, 2, 3),
         "projector_hidden_size": (32, 160), "projector_bias": (False, True), "projector_use_layernorm": (False, True),
         "projection_dim": (96,), "window_size": (15, 20), "downsample_rate": (5,)}


def model_class(kind):
    thinkers = {"qwen2_5_omni": "Qwen2_5OmniThinkerForConditionalGeneration", "qwen3_omni_moe": "Qwen3OmniMoeThinkerForConditionalGeneration"}
    if kind in thinkers:
        return getattr(transformers, thinkers[kind])
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


def buffers_of(model):
    """Those that a checkpoint has."""
    stored = set(model.state_dict())
    return {id(buffer): buffer for name, buffer in model.named_buffers() if name in stored}


def count(model):
    decoder = parameters_of(model.get_decoder) | parameters_of(model.get_output_embeddings) | parameters_of(model.get_input_embeddings)
    decoder |= {id(buffer) for buffer in model.get_decoder().buffers()}
    linear = {id(m.weight) for m in model.modules() if isinstance(m, torch.nn.Linear)} - decoder
    beside = {id(p): p.numel() for p in [*model.parameters(), *buffers_of(model).values()] if id(p) not in decoder}
    matrices = sum(beside[i] for i in linear)
    return matrices, sum(beside.values()) - matrices


def build(config):
    cls = model_class(config["model_type"])
    made = cls.config_class(**config["thinker_config"]) if "thinker_config" in config else CONFIG_MAPPING[config["model_type"]](**config)
    with torch.device("meta"):
        return cls._from_config(made)


def draw_part(rng, default):
    heads, layers = rng.choice((2, 4, 6)), rng.randint(1, 4)
    width = heads * rng.choice((32, 64))
    sizes = {"patch_size": rng.choice((4, 7, 8)), "image_size": rng.choice((56, 60, 112)), "in_channels": rng.choice((1, 3)),
             "num_channels": rng.choice((1, 3)), "temporal_patch_size": rng.choice((1, 2)), "spatial_merge_size": rng.choice((1, 2, 3)),
             "out_hidden_size": 32 * rng.randint(1, 6), "num_position_embeddings": rng.choice((16, 49, 64)), "mlp_ratio": rng.choice((2, 4)),
             "deepstack_visual_indexes": rng.choice(([], [0], [0, 1])), "num_global_layers": rng.randint(1, 3), "max_num_tiles": rng.choice((2, 4)),
             "supported_aspect_ratios": [[1, 1], [1, 2], [2, 1]], "vision_output_dim": 32 * rng.randint(2, 6), "num_mel_bins": rng.choice((80, 128)),
             "max_source_positions": rng.choice((100, 1500)), "output_dim": 32 * rng.randint(1, 5), "downsample_hidden_size": 32 * rng.randint(1, 3),
             "temporal_merge_size": rng.choice((1, 2)), "norm_type": rng.choice(("layer_norm", "rms_norm")), "num_patches": rng.choice((16, 64, 256)),
             "projector_input_dim": 64, "projector_output_dim": 96, "head_dim": width // heads, "num_key_value_heads": rng.choice((1, heads)),
             "position_embedding_size": rng.choice((64, 100)), "conv_kernel_size": rng.choice((3, 5)), "subsampling_conv_channels": [16, 24],
             "output_proj_dims": 32 * rng.randint(1, 4), "vocab_size": rng.choice((64, 90)), "hidden_stride": rng.choice((1, 2)),
             "pos_emb_height": rng.choice((8, 10)), "pos_emb_width": rng.choice((8, 12)), "merge_kernel_size": rng.choice(([1, 1], [2, 2])),
             "conf_num_hidden_layers": layers, "conf_num_attention_heads": heads, "conf_conv_kernel_size": rng.choice((3, 5)),
             "sscp_conv_channel_size": [16, 24], "input_feat_size": rng.choice((64, 128)), "hidden_dim": width, "dim_head": width // heads,
             "input_dim": 32, "feedforward_mult": rng.choice((2, 4)), "max_pos_emb": rng.choice((16, 64)), "conv_expansion_factor": rng.choice((1, 2)),
             "cross_attention_frequency": rng.choice((1, 2, 3)), "encoder_hidden_size": 64, "resampler_depth": rng.randint(1, 3),
             "resampler_n_latents": 16, "resampler_n_heads": heads, "resampler_head_dim": 24, "context_size": 8}
    for switch in SWITCHES:
        sizes[switch] = rng.choice((False, True))
    if default.get("model_type") == "gemma3n_vision":  # the layers of its architecture are those of timm
        sizes = {"vocab_size": sizes["vocab_size"], "architecture": "mobilenetv5_300m_enc"}
        return {name: value for name, value in sizes.items() if rng.random() < 0.8}
    if default.get("model_type") == "idefics2_perceiver":
        width = TEXT["hidden_size"]
        sizes["num_key_value_heads"] = 1
    if default.get("model_type") == "blip_2_qformer":
        sizes.pop("vocab_size")
    for names, value in ((WIDTHS, width), (HEADS, heads), (LAYERS, layers), (FEEDS, 16 * rng.randint(2, 12))):
        sizes.update({name: value for name in names})
    sizes.update(intermediate_size=width * 4) if default.get("model_type") == "llama4_vision_model" else None  # what its shuffled pixels are
    if "embed_dim" in default:  # beside it the decoder's width
        sizes["hidden_size"] = 32 * rng.randint(1, 6)
    drawn = {name: value for name, value in sizes.items() if name in default}
    for name in list(drawn):
        if rng.random() < 0.1 and name not in WIDTHS + HEADS + LAYERS:
            del drawn[name]
    return drawn


def draw(rng, kind, tower):
    default = CONFIG_MAPPING[kind]().to_dict()
    if "thinker_config" in default:
        return {"model_type": kind, "thinker_config": draw_whole(rng, default["thinker_config"]["model_type"], default["thinker_config"], None)}
    return draw_whole(rng, kind, default, tower)


def draw_whole(rng, kind, default, tower):
    for part, of in THERE.get(kind, {}).items():
        default[part] = CONFIG_MAPPING[of]().to_dict()
    config = {"model_type": kind}
    if "text_config" in default:
        config["text_config"] = {name: value for name, value in TEXT.items() if name in default["text_config"]}
        config["text_config"].update(TEXT_OF.get(kind, {}))
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
    """What towers follow from, and little else."""
    inner = published.get("text_config")
    keep = {name: value for name, value in published.items() if name in PARTS or name in OUTER or name == "model_type"}
    for name in ("hidden_size",):
        keep.update({name: published[name]} if name in published else {})
    if isinstance(inner, dict):
        keep["text_config"] = {name: inner[name] for name in OF_TEXT if name in inner}
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
            left, tries = number, 20 * number
            while left > 0 and tries > 0:
                tries -= 1
                config = draw(rng, kind, tower)
                try:
                    counts = count(build(json.loads(json.dumps(config))))
                except Exception as why:  # what a class does not accept is drawn again
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
            for text in (config, config.get("thinker_config", {})):
                if "text_config" in text:
                    text["text_config"] = {name: text["text_config"][name] for name in OF_TEXT if name in text["text_config"]}
            print(f"{name}|{matrices}|{rest}|{json.dumps(config, separators=(',', ':'))}")


if __name__ == "__main__":
    main()
