#!/usr/bin/env python3
"""Writes lib/model/catalog.def from published config.json files.

    make_catalog.py --models models.csv [--also more.json] [--expect expect.csv] --sources lib/model/catalog_sources.def FOLDER...
        > lib/model/catalog.def

FOLDER holds files ORG__NAME.json (config.json of ORG/NAME). models.csv has a row per model: hf_id, source, tie_word_embeddings and
counted parameters. Each row of the result is the metadata that llama.cpp's converter (b10472, conversion/*.py) would write for
that checkpoint, without the architecture's prefix, plus the few keys of docs/model-text.md that state what a GGUF shows by its
tensor list. Keys that change neither sizes, layers, rope scaling nor cost (norm epsilons, scales, rope bases) are left out.

One function per family of converters, named after its architecture. A config is used as published: what it leaves to the defaults
of its class is in DEFAULTS, what its copy lost or altered is in FIXES, both with their source.
"""

import argparse
import csv
import json
import os
import re
import sys

AS_OF = "2026-08"  # month of the newest snapshot that the configs were read from

# ------------------------------------------------------------------------------------------------ what configs do not say

# Defaults of the configuration classes (transformers 5, configuration_<model>.py), for keys that published files leave out.
DEFAULTS = {
    "cohere2": {"rotary_pct": 1.0},  # in the published file; the copy is of class defaults
    "gemma3_text": {"num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 256, "max_position_embeddings": 131072,
                    "vocab_size": 262208},
    "gpt_bigcode": {"tie_word_embeddings": True},
    "gpt_neox": {"rotary_pct": 0.25},
    "phi3": {"original_max_position_embeddings": 4096},
    "phimoe": {"original_max_position_embeddings": 4096},
    "qwen3_5_moe_text": {"partial_rotary_factor": 0.25, "mtp_num_hidden_layers": 1},
    "qwen3_5_text": {"partial_rotary_factor": 0.25, "mtp_num_hidden_layers": 1},
    "qwen3_next": {"mtp_num_hidden_layers": 1},  # not in the file; the checkpoint has one block (mtp.layers.0)
    "stablelm": {"partial_rotary_factor": 0.25},
    "starcoder2": {"tie_word_embeddings": True},
}

# What a copy lost or altered, by Hugging Face id: keys to put back, and where they are from.
CARD = "; context length from the model card"
LLAMA3_ROPE = {"rope_scaling": {"rope_type": "llama3", "original_max_position_embeddings": 8192}}  # as in other copies
LONGROPE = {"rope_scaling": {"type": "longrope"}}
FIXES = {
    "CohereLabs/c4ai-command-r-v01": ({"model_max_length": 131072}, CARD),
    "CohereLabs/c4ai-command-r7b-12-2024": ({"max_position_embeddings": 131072}, CARD),
    "THUDM/chatglm2-6b": ({"seq_length": 32768}, CARD),
    "THUDM/chatglm3-6b-32k": ({"seq_length": 32768}, CARD),
    "THUDM/glm-4-9b-chat": ({"seq_length": 131072}, CARD),
    "google/gemma-3-12b-it": ({"max_position_embeddings": 131072, "vocab_size": 262208}, CARD),  # the copy has 163840 and 262144
    "google/gemma-3-1b-it": ({"sliding_window": 512, "rope_scaling": None}, ""),  # there as sliding_window_attention_size
    "meta-llama/Llama-3.1-8B-Instruct": (LLAMA3_ROPE, ""),
    "meta-llama/Llama-3.2-1B-Instruct": (LLAMA3_ROPE, ""),
    "microsoft/Phi-3-mini-128k-instruct": (LONGROPE, ""),
    "microsoft/Phi-3.5-mini-instruct": (LONGROPE, ""),
    "microsoft/Phi-4-reasoning-plus": ({"original_max_position_embeddings": 32768}, ""),
    "mistralai/Mixtral-8x22B-v0.1": ({"vocab_size": 32768}, ""),  # the copy is older than the published count of 140,630,071,296
    "openbmb/MiniCPM3-4B": ({"tie_word_embeddings": True}, ""),  # default of its class (configuration_minicpm.py)
    "tiiuae/Falcon-H1-0.5B-Base": ({"mamba_d_ssm": 1536}, ""),   # heads times head size
    "zai-org/GLM-4.7-Flash": ({"scoring_func": "sigmoid"}, ""),  # llama.cpp b10472 src/models/deepseek2.cpp:26 assumes it
}

# The architecture of a class that the converter registers under another name, or of a copy that has another class.
RENAMED = {
    "MiniMaxM3ForCausalLM": "MiniMaxM3SparseForCausalLM",
    "Step3p7FlashForCausalLM": "Step3p7ForConditionalGeneration",
    "MptForCausalLM": "MPTForCausalLM",
}

# A quantised repository stands for the plain one, of which no copy was found.
PLAIN_REPOSITORY = {
    "nvidia/Gemma-4-31B-IT-NVFP4": "google/gemma-4-31B-it",
    "nvidia/Kimi-K2.7-Code-NVFP4": "moonshotai/Kimi-K2.7-Code",
    "nvidia/Llama-3.1-70B-Instruct-FP8": "meta-llama/Llama-3.1-70B-Instruct",
    "nvidia/Qwen3.6-27B-NVFP4": "Qwen/Qwen3.6-27B",
    "nvidia/Qwen3.6-35B-A3B-NVFP4": "Qwen/Qwen3.6-35B-A3B",
}

# ------------------------------------------------------------------------------------------------------------- reading


def decode_lists(config):
    """Some copies hold lists as JSON text."""
    for key, value in config.items():
        if isinstance(value, dict):
            decode_lists(value)
        elif isinstance(value, str) and value.startswith("["):
            config[key] = json.loads(value)
    return config


def first(config, *keys):
    for key in keys:
        if config.get(key) is not None:
            return config[key]
    return None


def load_config(path, hf_id):
    """-> (class name, flat config of the text decoder)"""
    with open(path, encoding="utf-8") as file:
        config = decode_lists(json.load(file))
    arch = config["architectures"][0]
    return RENAMED.get(arch, arch), flatten(config, hf_id)


def flatten(config, hf_id):
    inner = config.get("text_config") or config.get("llm_config") or {}
    flat = {**config, **inner}
    if "tie_word_embeddings" in config and "tie_word_embeddings" not in inner:
        flat["tie_word_embeddings"] = config["tie_word_embeddings"]
    for key, value in DEFAULTS.get(flat.get("model_type"), {}).items():
        flat.setdefault(key, value)
    flat.update(FIXES.get(hf_id, ({}, ""))[0])
    return flat


# ------------------------------------------------------------------------------------------------------- converter base


def rope(c):
    """Parameters of the rope of full-attention layers (TextModel.__init__)."""
    params = c.get("rope_parameters", c.get("rope_scaling")) or {}
    params = dict(params.get("full_attention", params))
    params.setdefault("rope_type", params.get("type"))
    for key in ("partial_rotary_factor", "original_max_position_embeddings"):
        if key not in params and c.get(key) is not None:
            params[key] = c[key]
    return params


def head_size(c):
    return c.get("head_dim") or first(c, "hidden_size", "n_embd") // first(c, "num_attention_heads", "n_head", "n_heads")


def base(c):
    """TextModel.set_gguf_parameters"""
    k = {
        "block_count": first(c, "n_layers", "num_hidden_layers", "n_layer", "num_layers"),
        "context_length": first(c, "max_position_embeddings", "n_ctx", "n_positions", "max_sequence_length", "model_max_length"),
        "embedding_length": first(c, "hidden_size", "n_embd", "dim"),
        "feed_forward_length": first(c, "prefix_dense_intermediate_size", "dense_intermediate_size", "intermediate_size", "n_inner",
                                     "hidden_dim"),
        "attention.head_count": first(c, "num_attention_heads", "n_head", "n_heads"),
        "attention.head_count_kv": first(c, "num_key_value_heads", "n_kv_heads"),
        "expert_count": first(c, "num_local_experts", "num_experts", "n_routed_experts"),
        "expert_used_count": first(c, "num_experts_per_tok", "num_experts_per_token", "top_k_experts"),
        "expert_group_count": c.get("n_group"),
        "expert_group_used_count": c.get("topk_group"),
        "expert_gating_func": {None: None, "softmax": 1, "sigmoid": 2, "sqrtsoftplus": 4}[
            first(c, "score_function", "scoring_func", "score_func", "moe_router_activation_func")],
        "attention.key_length": c.get("head_dim"),
        "attention.value_length": c.get("head_dim"),
        "vocab_size": first(c, "padded_vocab_size", "vocab_size"),
    }
    r = rope(c)
    if r["rope_type"] == "linear" and r.get("factor"):
        k["rope.scaling.type"] = "linear"
        k["rope.scaling.factor"] = r["factor"]
    elif r["rope_type"] == "yarn" and r.get("factor"):
        k["rope.scaling.type"] = "yarn"
        k["rope.scaling.factor"] = r["factor"]
        k["rope.scaling.original_context_length"] = r["original_max_position_embeddings"]
    elif r["rope_type"] in ("su", "longrope"):
        k["rope.scaling.type"] = "longrope"
    elif r["rope_type"] == "llama3":
        k["rope_freqs"] = True  # the converter writes the factors as a tensor, and neither type nor length
        k["rope.scaling.original_context_length"] = r.get("original_max_position_embeddings")
    if "mrope_section" in r:
        k["rope.dimension_sections"] = (r["mrope_section"] + [0])[:4]
    return k


def pattern(c, count=None, kind="sliding_attention"):
    """One flag per layer; layers beyond the list attend fully."""
    flags = [int(t == kind) for t in c["layer_types"]]
    return (flags + [0] * (count or 0))[:count or len(flags)]


def add_nextn(k, count):
    """Next-token-prediction blocks are blocks behind the trunk."""
    if count:
        k["block_count"] += count
        k["nextn_predict_layers"] = count


# ------------------------------------------------------------------------------------------------------------ families


def llama(c):
    k = base(c)
    k["rope.dimension_count"] = head_size(c)
    if c.get("attention_bias"):
        k["attention.qkv_bias"] = k["attention.output_bias"] = True
    return k


def deci(c):
    k = llama(c)
    heads, kv, ff = [], [], []
    for block in c["block_configs"]:
        group = block["attention"]["n_heads_in_group"]
        linear = block["attention"]["replace_with_linear"]
        kv.append(0 if group is None else c["num_attention_heads"] // group)
        heads.append(c["num_attention_heads"] if group is not None or linear else 0)
        width = int(2 * (block["ffn"]["ffn_mult"] or 0) * c["hidden_size"] / 3)
        ff.append((width + 255) // 256 * 256)
    k.update({"attention.head_count": heads, "attention.head_count_kv": kv, "feed_forward_length": ff})
    k["attention.key_length"] = k["attention.value_length"] = c["hidden_size"] // c["num_attention_heads"]
    return k


def llama4(c):
    k = llama(c)
    k["feed_forward_length"] = c["intermediate_size_mlp"]
    k["expert_feed_forward_length"] = c["intermediate_size"]
    k["interleave_moe_layer_step"] = c["interleave_moe_layer_step"]
    return k


def qwen_moe(c):
    k = base(c)
    k["expert_feed_forward_length"] = c["moe_intermediate_size"]
    k["expert_shared_feed_forward_length"] = c.get("shared_expert_intermediate_size") or None
    return k


def qwen_vl(c):
    k = qwen_moe(c) if c.get("num_experts") else base(c)
    k.pop("rope.dimension_sections", None)  # the architecture implies them
    if c["model_type"].startswith("qwen3"):
        k["n_deepstack_layers"] = 3  # length of deepstack_visual_indexes in every published file
    return k


def qwen_next(c):
    k = qwen_moe(c) if first(c, "num_experts") else base(c)
    k.pop("rope.dimension_sections", None)
    add_nextn(k, c["mtp_num_hidden_layers"])
    k["ssm.conv_kernel"] = c["linear_conv_kernel_dim"]
    k["ssm.state_size"] = c["linear_key_head_dim"]
    k["ssm.group_count"] = c["linear_num_key_heads"]
    k["ssm.time_step_rank"] = c["linear_num_value_heads"]
    k["ssm.inner_size"] = c["linear_value_head_dim"] * c["linear_num_value_heads"]
    k["full_attention_interval"] = c.get("full_attention_interval", 4)
    k["rope.dimension_count"] = int(c["head_dim"] * rope(c).get("partial_rotary_factor", 0.25))
    return k


def gemma(c):
    k = base(c)
    if c.get("sliding_window") and c["model_type"] != "gemma":
        k["attention.sliding_window"] = c["sliding_window"]
    return k


def gemma3n(c):
    k = gemma(c)
    k["altup.num_inputs"] = c["altup_num_inputs"]
    k["embedding_length_per_layer_input"] = c["hidden_size_per_layer_input"]
    k["attention.shared_kv_layers"] = c["num_kv_shared_layers"]
    k["attention.sliding_window_pattern"] = pattern(c)
    return k


def gemma4(c):
    k = gemma(c)
    layers, shared, ff = k["block_count"], c["num_kv_shared_layers"], c["intermediate_size"]
    swa = pattern(c)
    k["attention.shared_kv_layers"] = shared or None
    k["embedding_length_per_layer_input"] = c.get("hidden_size_per_layer_input") or None
    k["attention.sliding_window_pattern"] = swa
    k["attention.key_length"] = k["attention.value_length"] = c["global_head_dim"]
    k["attention.key_length_swa"] = k["attention.value_length_swa"] = c["head_dim"]
    k["rope.dimension_count"], k["rope.dimension_count_swa"] = c["global_head_dim"], c["head_dim"]
    if c.get("use_double_wide_mlp"):
        k["feed_forward_length"] = [ff if i < layers - shared else 2 * ff for i in range(layers)]
    if c.get("num_global_key_value_heads"):
        k["attention.head_count_kv"] = [c["num_key_value_heads"] if s else c["num_global_key_value_heads"] for s in swa]
    k["expert_feed_forward_length"] = first(c, "expert_intermediate_size", "moe_intermediate_size")
    k["attention.k_eq_v"] = c.get("attention_k_eq_v") or None
    return k


def latent(c, k):
    """Keys of multi-head latent attention (DeepseekV2Model): cached as one head."""
    rank, rot = c["kv_lora_rank"], c["qk_rope_head_dim"]
    k["attention.head_count_kv"] = 1
    k["attention.q_lora_rank"] = c.get("q_lora_rank")
    k["attention.kv_lora_rank"] = rank
    k["attention.key_length"], k["attention.value_length"] = rank + rot, rank
    k["attention.key_length_mla"], k["attention.value_length_mla"] = c["qk_nope_head_dim"] + rot, c["v_head_dim"]
    k["rope.dimension_count"] = rot


def deepseek_experts(c, k):
    k["leading_dense_block_count"] = c["first_k_dense_replace"]
    k["expert_feed_forward_length"] = c["moe_intermediate_size"]
    k["expert_shared_count"] = first(c, "n_shared_experts", "num_shared_experts")


def deepseek(c):
    k = base(c)
    k["rope.scaling.type"] = "none"
    k["rope.dimension_count"] = head_size(c)
    deepseek_experts(c, k)
    return k


def deepseek2(c):
    k = base(c)
    latent(c, k)
    deepseek_experts(c, k)
    return k


def deepseek32(c):
    k = deepseek2(c)
    add_nextn(k, c.get("num_nextn_predict_layers"))
    k["attention.indexer.head_count"] = c["index_n_heads"]
    k["attention.indexer.key_length"] = c["index_head_dim"]
    k["attention.indexer.top_k"] = c["index_topk"]
    if "shared" in c.get("indexer_types", []):
        k["attention.indexer.types"] = (
            [int(t == "full") for t in c["indexer_types"]] + [1] * (k.get("nextn_predict_layers") or 0))
    return k


def deepseek4(c):
    k = base(c)
    k["attention.q_lora_rank"] = c["q_lora_rank"]
    k["rope.dimension_count"] = c["qk_rope_head_dim"]
    k["attention.sliding_window"] = c["sliding_window"]
    k["expert_feed_forward_length"] = c["moe_intermediate_size"]
    k["expert_shared_count"] = c["n_shared_experts"]
    k["attention.indexer.head_count"] = c["index_n_heads"]
    k["attention.indexer.key_length"] = c["index_head_dim"]
    k["attention.indexer.top_k"] = c["index_topk"]
    k["attention.output_group_count"] = c["o_groups"]
    k["attention.output_lora_rank"] = c["o_lora_rank"]
    k["attention.compress_ratios"] = c["compress_ratios"][:k["block_count"]]
    k["hyper_connection.count"] = c["hc_mult"]
    k["hash_layer_count"] = c["num_hash_layers"]
    k["embedding_length_out"] = c["hc_mult"] * c["hidden_size"]
    return k


def kimi_linear(c):
    k = base(c)
    full = set(c["linear_attn_config"]["full_attn_layers"])
    latent(c, k)
    deepseek_experts(c, k)
    k["context_length"] = first(c, "max_position_embeddings", "model_max_length")
    k["attention.head_count_kv"] = [int(i + 1 in full) for i in range(k["block_count"])]
    k["ssm.conv_kernel"] = c["linear_attn_config"]["short_conv_kernel_size"]
    del k["attention.value_length"]
    k["kda.head_dim"] = c["linear_attn_config"]["head_dim"]
    return k


def glm4(c):
    k = base(c)
    k["rope.dimension_count"] = int(head_size(c) * rope(c)["partial_rotary_factor"])
    k["attention.qkv_bias"] = c.get("attention_bias") or None
    return k


def glm4moe(c):
    k = base(c)
    k["rope.dimension_count"] = int(head_size(c) * rope(c)["partial_rotary_factor"])
    deepseek_experts(c, k)
    k["expert_gating_func"] = 2
    add_nextn(k, c.get("num_nextn_predict_layers"))
    k["attention.qk_norm"] = c.get("use_qk_norm") or None
    k["nextn_embeddings"] = c.get("nextn_embeddings")  # GLM-4.6 shares those of the trunk, as its published count shows
    return k


def chatglm(c):
    k = base(c)
    k["context_length"] = c["seq_length"]
    k["feed_forward_length"] = c["ffn_hidden_size"]
    k["attention.head_count_kv"] = c["multi_query_group_num"]
    k["rope.dimension_count"] = 64
    return k


def gpt_oss(c):
    k = base(c)
    k["attention.sliding_window"] = c["sliding_window"]
    k["expert_feed_forward_length"] = c["intermediate_size"]
    return k


def exaone4(c):
    k = base(c)
    k["attention.sliding_window"] = c["sliding_window"]
    k["attention.sliding_window_pattern"] = pattern(c)
    return k


def olmo2(c):
    k = base(c)
    if c.get("sliding_window"):
        k["attention.sliding_window"] = c["sliding_window"]
        types = c.get("layer_types")
        full = lambda i: types[i] == "full_attention" if types else (i + 1) % 4 == 0
        k["attention.sliding_window_pattern"] = [int(not full(i)) for i in range(k["block_count"])]
    return k


def command_r(c):
    k = base(c)
    k["context_length"] = first(c, "model_max_length", "max_position_embeddings")
    k["rope.scaling.type"] = "none"
    k["attention.qk_norm"] = c.get("use_qk_norm") or None
    return k


def cohere2(c):
    k = base(c)
    k["attention.sliding_window"] = c["sliding_window"]
    k["rope.dimension_count"] = int(c["rotary_pct"] * (c["hidden_size"] // c["num_attention_heads"]))
    k["rope.scaling.type"] = "none"
    return k


def dbrx(c):
    return {
        "block_count": c["n_layers"], "context_length": c["max_seq_len"], "embedding_length": c["d_model"],
        "feed_forward_length": c["ffn_config"]["ffn_hidden_size"], "attention.head_count": c["n_heads"],
        "attention.head_count_kv": c["attn_config"]["kv_n_heads"], "expert_count": c["ffn_config"]["moe_num_experts"],
        "expert_used_count": c["ffn_config"]["moe_top_k"], "vocab_size": c["vocab_size"],
    }


def mpt(c):
    return {
        "block_count": c["n_layers"], "context_length": c["max_seq_len"], "embedding_length": c["d_model"],
        "feed_forward_length": 4 * c["d_model"], "attention.head_count": c["n_heads"], "vocab_size": c["vocab_size"],
    }


def falcon(c):
    k = base(c)
    k["context_length"] = 2048  # not in published files
    k["feed_forward_length"] = 4 * c["hidden_size"]
    k["attention.head_count_kv"] = first(c, "num_kv_heads", "n_head_kv") or 1
    k["attention.key_length"] = k["attention.value_length"] = None
    k["attention.norm_2"] = True if c.get("new_decoder_architecture") else None
    return k


def gptneox(c):
    k = base(c)
    k["rope.dimension_count"] = int(c["rotary_pct"] * (c["hidden_size"] // c["num_attention_heads"]))
    k["attention.key_length"] = k["attention.value_length"] = k["attention.head_count_kv"] = None
    return k


def phi(c):
    """phi2, phi3, phimoe"""
    k = base(c)
    k["rope.dimension_count"] = int(rope(c).get("partial_rotary_factor", 1.0) * c["hidden_size"]) // c["num_attention_heads"]
    k["attention.key_length"] = k["attention.value_length"] = None
    if c["model_type"] != "phi":
        k["rope.scaling.original_context_length"] = c["original_max_position_embeddings"]
        k["rope_factors"] = True if k.pop("rope.scaling.type", None) == "longrope" else None
        k["attention.sliding_window"] = c.get("sliding_window") or None
    return k


def stablelm(c):
    k = base(c)
    k["rope.dimension_count"] = int(c["partial_rotary_factor"] * head_size(c))
    k["use_parallel_residual"] = bool(c.get("use_parallel_residual"))
    return k


def starcoder(c):
    return {
        "block_count": c["n_layer"], "context_length": c["n_positions"], "embedding_length": c["n_embd"],
        "feed_forward_length": 4 * c["n_embd"], "attention.head_count": c["n_head"], "attention.head_count_kv": 1,
        "vocab_size": c["vocab_size"],
    }


def ernie_moe(c):
    k = base(c)
    k.update({
        "expert_count": c["moe_num_experts"], "expert_used_count": c["moe_k"],
        "interleave_moe_layer_step": c["moe_layer_interval"], "leading_dense_block_count": c["moe_layer_start_index"],
        "expert_feed_forward_length": c["moe_intermediate_size"], "expert_shared_count": c["moe_num_shared_experts"],
        "expert_shared_feed_forward_length": c["moe_num_shared_experts"] * c["moe_intermediate_size"],
    })
    return k


def granite_hybrid(c):
    k = base(c)
    attn = pattern(c, kind="attention")
    k["context_length"] = 1 << 20  # written by the class: the attention layers have no positions
    k["rope.scaling.finetuned"] = False
    k["rope.dimension_count"] = head_size(c)
    k["attention.head_count_kv"] = [c["num_key_value_heads"] * a for a in attn]
    k["expert_shared_feed_forward_length"] = c["shared_intermediate_size"]
    if not c["num_local_experts"]:
        k["expert_count"] = k["expert_used_count"] = None
    mamba2(c, k, c["mamba_n_heads"] * c["mamba_d_head"], c["mamba_n_heads"], c["mamba_n_groups"], c["mamba_d_conv"], c["mamba_d_state"])
    return k


def mamba2(c, k, inner, heads, groups, conv, state):
    k.update({"ssm.conv_kernel": conv, "ssm.inner_size": inner, "ssm.state_size": state, "ssm.time_step_rank": heads,
              "ssm.group_count": groups})


def nemotron_h(c):
    k = base(c)
    blocks = c.get("hybrid_override_pattern") or c["layers_block_type"]
    code = {"mamba": "M", "attention": "*", "moe": "E", "mlp": "-"}
    blocks = [code.get(b, b) for b in blocks]
    moe = "num_experts_per_tok" in c
    k["block_count"] = len(blocks)
    k["context_length"] = 1 << 20
    k["rope.scaling.finetuned"] = False
    width = c["moe_intermediate_size"] if moe else c["intermediate_size"]
    k["feed_forward_length"] = [width * (b in "-E") for b in blocks]
    k["attention.head_count_kv"] = [c["num_key_value_heads"] * (b == "*") for b in blocks]
    k["attention.key_length"] = k["attention.value_length"] = first(c, "head_dim", "attention_head_dim")
    k["rope.dimension_count"] = c["hidden_size"] // c["num_attention_heads"]
    if moe:
        k["expert_feed_forward_length"] = width
        k["expert_shared_feed_forward_length"] = c["moe_shared_expert_intermediate_size"]
        k["expert_shared_count"] = c["n_shared_experts"]
        k["moe_latent_size"] = c.get("moe_latent_size")
    mamba2(c, k, c["mamba_num_heads"] * c["mamba_head_dim"], c["mamba_num_heads"], c["n_groups"], c["conv_kernel"],
           c["ssm_state_size"])
    return k


def falcon_h1(c):
    k = base(c)
    mamba2(c, k, c["mamba_d_ssm"], c["mamba_n_heads"], c["mamba_n_groups"], c["mamba_d_conv"], c["mamba_d_state"])
    return k


def mamba(c):
    inner = first(c, "intermediate_size", "d_inner")
    vocab = c["vocab_size"]
    pad = c.get("pad_vocab_size_multiple", 8)
    return {
        "block_count": c["num_hidden_layers"], "context_length": 1 << 20, "embedding_length": c["hidden_size"],
        "feed_forward_length": 0, "attention.head_count": 0, "ssm.conv_kernel": c["conv_kernel"], "ssm.inner_size": inner,
        "ssm.state_size": c["state_size"], "ssm.time_step_rank": c["time_step_rank"],
        "vocab_size": (vocab + pad - 1) // pad * pad,
    }


def jamba(c):
    k = base(c)
    layers = range(k["block_count"])
    at = lambda i, what: i % c[what + "_layer_period"] == c[what + "_layer_offset"]
    k["attention.head_count_kv"] = [c["num_key_value_heads"] * at(i, "attn") for i in layers]
    k["expert_layers"] = [int(at(i, "expert")) for i in layers]
    k.update({"ssm.conv_kernel": c["mamba_d_conv"], "ssm.inner_size": c["mamba_expand"] * c["hidden_size"],
              "ssm.state_size": c["mamba_d_state"], "ssm.time_step_rank": c["mamba_dt_rank"]})
    return k


def lfm2(c):
    k = base(c)
    ff = c.get("block_ff_dim") or c["intermediate_size"]
    if c["block_auto_adjust_ff_dim"]:  # Lfm2MLP: two thirds, rounded up
        ff = int(c["block_ffn_dim_multiplier"] * int(2 * ff / 3))
        ff = (ff + c["block_multiple_of"] - 1) // c["block_multiple_of"] * c["block_multiple_of"]
    k["feed_forward_length"] = ff
    k["attention.head_count_kv"] = [c["num_key_value_heads"] * (t == "full_attention") for t in c["layer_types"]]
    k["shortconv.l_cache"] = c["conv_L_cache"]
    return k


def hunyuan(c):
    k = base(c)
    if rope(c)["rope_type"] == "dynamic":
        k["rope.scaling.type"] = "none"
        k["rope.scaling.factor"] = 1
        k["rope.scaling.original_context_length"] = k["context_length"] = 1 << 18
    return k


def hunyuan_moe(c):
    k = hunyuan(c)
    k["expert_feed_forward_length"] = c["moe_intermediate_size"][0]
    k["expert_shared_feed_forward_length"] = c["intermediate_size"]
    k["expert_used_count"] = c["moe_topk"][0]
    k["expert_shared_count"] = c["num_shared_expert"][0]
    return k


def minimax_m2(c):
    k = base(c)
    k["expert_feed_forward_length"] = c["intermediate_size"]
    k["rope.dimension_count"] = c["rotary_dim"]
    return k


def minimax_m3(c):
    k = minimax_m2(c)
    sparse = c["sparse_attention_config"]
    k["expert_shared_count"] = c["n_shared_experts"]
    k["attention.indexer.head_count"] = sparse["sparse_num_index_heads"]
    k["attention.indexer.key_length"] = sparse["sparse_index_dim"]
    k["attention.indexer.top_k"] = sparse["sparse_topk_blocks"]
    k["attention.indexer.block_size"] = sparse["sparse_block_size"]
    k["attention.indexer.local_blocks"] = sparse["sparse_local_block"]
    k["leading_dense_block_count"] = c["moe_layer_freq"].index(1)
    return k


def minicpm3(c):
    k = base(c)
    k["attention.q_lora_rank"], k["attention.kv_lora_rank"] = c["q_lora_rank"], c["kv_lora_rank"]
    k["attention.key_length"] = c["qk_nope_head_dim"] + c["qk_rope_head_dim"]
    k["rope.dimension_count"] = c["qk_rope_head_dim"]
    k["rope_factors"] = True if k.pop("rope.scaling.type", None) == "longrope" else None
    return k


def mimo2(c):
    k = base(c)
    swa = list(c["hybrid_layer_pattern"])
    nextn = 3  # blocks in the checkpoint (model.mtp.layers.0-2); the config does not say
    add_nextn(k, nextn)
    k["attention.sliding_window"] = c["sliding_window"]
    k["attention.sliding_window_pattern"] = swa + [1] * nextn
    k["attention.head_count_kv"] = [c["swa_num_key_value_heads"] if s else c["num_key_value_heads"]
                                    for s in k["attention.sliding_window_pattern"]]
    k["attention.value_length"] = c["v_head_dim"]
    k["rope.dimension_count"] = int(c["head_dim"] * c["partial_rotary_factor"])
    k["expert_feed_forward_length"] = c["moe_intermediate_size"]
    k["expert_layers"] = list(c["moe_layer_freq"]) + [0] * nextn
    return k


def step35(c):
    k = base(c)
    add_nextn(k, c["num_nextn_predict_layers"])
    k["attention.sliding_window"] = c["sliding_window"]
    k["attention.sliding_window_pattern"] = pattern(c, k["block_count"])
    k["expert_feed_forward_length"] = c["moe_intermediate_size"]
    k["expert_shared_feed_forward_length"] = c["share_expert_dim"]
    k["leading_dense_block_count"] = c["first_k_dense_replace"]
    trunk = k["block_count"] - c["num_nextn_predict_layers"]
    k["expert_layers"] = [int(c["first_k_dense_replace"] <= i < trunk) for i in range(k["block_count"])]
    return k


# class -> (architecture, family)
FAMILIES = {
    "ApertusForCausalLM": ("apertus", llama),
    "BaichuanForCausalLM": ("baichuan", base),
    "ChatGLMModel": ("chatglm", chatglm),
    "Cohere2ForCausalLM": ("cohere2", cohere2),
    "CohereForCausalLM": ("command-r", command_r),
    "DbrxForCausalLM": ("dbrx", dbrx),
    "DeciLMForCausalLM": ("deci", deci),
    "DeepseekForCausalLM": ("deepseek", deepseek),
    "DeepseekV2ForCausalLM": ("deepseek2", deepseek2),
    "DeepseekV32ForCausalLM": ("deepseek32", deepseek32),
    "DeepseekV3ForCausalLM": ("deepseek2", deepseek2),
    "DeepseekV4ForCausalLM": ("deepseek4", deepseek4),
    "Ernie4_5_MoeForCausalLM": ("ernie4_5-moe", ernie_moe),
    "Exaone4ForCausalLM": ("exaone4", exaone4),
    "ExaoneForCausalLM": ("exaone", base),
    "FalconForCausalLM": ("falcon", falcon),
    "FalconH1ForCausalLM": ("falcon-h1", falcon_h1),
    "FalconMambaForCausalLM": ("mamba", mamba),
    "GPTBigCodeForCausalLM": ("starcoder", starcoder),
    "GPTNeoXForCausalLM": ("gptneox", gptneox),
    "Gemma2ForCausalLM": ("gemma2", gemma),
    "Gemma3ForCausalLM": ("gemma3", gemma),
    "Gemma3ForConditionalGeneration": ("gemma3", gemma),
    "Gemma3nForConditionalGeneration": ("gemma3n", gemma3n),
    "Gemma4ForConditionalGeneration": ("gemma4", gemma4),
    "GemmaForCausalLM": ("gemma", gemma),
    "Glm4MoeForCausalLM": ("glm4moe", glm4moe),
    "Glm4MoeLiteForCausalLM": ("deepseek2", deepseek2),
    "Glm4ForCausalLM": ("glm4", glm4),
    "Glm4vForConditionalGeneration": ("glm4", glm4),
    "GlmMoeDsaForCausalLM": ("glm-dsa", deepseek32),
    "GptOssForCausalLM": ("gpt-oss", gpt_oss),
    "GraniteForCausalLM": ("granite", llama),
    "GraniteMoeHybridForCausalLM": ("granitehybrid", granite_hybrid),
    "HunYuanDenseV1ForCausalLM": ("hunyuan-dense", hunyuan),
    "HunYuanMoEV1ForCausalLM": ("hunyuan-moe", hunyuan_moe),
    "JambaForCausalLM": ("jamba", jamba),
    "KimiK25ForConditionalGeneration": ("deepseek2", deepseek2),
    "KimiLinearForCausalLM": ("kimi-linear", kimi_linear),
    "Lfm2ForCausalLM": ("lfm2", lfm2),
    "Llama4ForConditionalGeneration": ("llama4", llama4),
    "LlamaForCausalLM": ("llama", llama),
    "MPTForCausalLM": ("mpt", mpt),
    "MambaForCausalLM": ("mamba", mamba),
    "MiMoV2FlashForCausalLM": ("mimo2", mimo2),
    "MiniCPM3ForCausalLM": ("minicpm3", minicpm3),
    "MiniCPMForCausalLM": ("minicpm", base),
    "MiniMaxM2ForCausalLM": ("minimax-m2", minimax_m2),
    "MiniMaxM3SparseForCausalLM": ("minimax-m3", minimax_m3),
    "Ministral3ForCausalLM": ("mistral3", llama),
    "Mistral3ForConditionalGeneration": ("mistral3", llama),
    "MistralForCausalLM": ("llama", llama),
    "MixtralForCausalLM": ("llama", llama),
    "NemotronHForCausalLM": ("nemotron_h", nemotron_h),
    "Olmo2ForCausalLM": ("olmo2", olmo2),
    "Olmo3ForCausalLM": ("olmo2", olmo2),
    "OlmoForCausalLM": ("olmo", base),
    "OlmoeForCausalLM": ("olmoe", base),
    "Phi3ForCausalLM": ("phi3", phi),
    "PhiForCausalLM": ("phi2", phi),
    "PhiMoEForCausalLM": ("phimoe", phi),
    "QWenLMHeadModel": ("qwen", base),
    "Qwen2ForCausalLM": ("qwen2", base),
    "Qwen2MoeForCausalLM": ("qwen2moe", qwen_moe),
    "Qwen2_5_VLForConditionalGeneration": ("qwen2vl", qwen_vl),
    "Qwen2VLForConditionalGeneration": ("qwen2vl", qwen_vl),
    "Qwen3ForCausalLM": ("qwen3", base),
    "Qwen3MoeForCausalLM": ("qwen3moe", qwen_moe),
    "Qwen3NextForCausalLM": ("qwen3next", qwen_next),
    "Qwen3VLForConditionalGeneration": ("qwen3vl", qwen_vl),
    "Qwen3VLMoeForConditionalGeneration": ("qwen3vlmoe", qwen_vl),
    "Qwen3_5ForConditionalGeneration": ("qwen35", qwen_next),
    "Qwen3_5MoeForConditionalGeneration": ("qwen35moe", qwen_next),
    "SmolLM3ForCausalLM": ("smollm3", llama),
    "StableLmForCausalLM": ("stablelm", stablelm),
    "Starcoder2ForCausalLM": ("starcoder2", base),
    "Step3p7ForConditionalGeneration": ("step35", step35),
}

# Architectures whose recipe ties the output to the embedding unless told otherwise (docs/model-text.md).
TIED_BY_DEFAULT = {"cohere2", "command-r", "gemma", "gemma2", "gemma3", "gemma3n", "gemma4", "lfm2", "minicpm3", "mpt", "smollm3",
                   "starcoder"}

# ------------------------------------------------------------------------------------------------------------- writing

ORDER = """block_count nextn_predict_layers context_length embedding_length embedding_length_out embedding_length_per_layer_input
feed_forward_length leading_dense_block_count attention.head_count attention.head_count_kv attention.key_length
attention.value_length""".split()
LAST = "vocab_size tie_word_embeddings".split()


def windowed():
    """Architectures that llama.cpp has windows for."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "lib", "model", "windows.def")
    return set(re.findall(r'^CFI_WINDOW\("([^"]+)"', open(path, encoding="utf-8").read(), re.M))


def state(arch, c, k):
    """What engines of checkpoints read in the file where the converter writes something else, or nothing (lib/hf/hf_stated.c)."""
    length = c.get("max_position_embeddings")
    if length and length != k["context_length"]:
        k["config.max_position_embeddings"] = length
    if c.get("num_nextn_predict_layers") and "nextn_predict_layers" not in k:
        k["config.nextn_predict_layers"] = c["num_nextn_predict_layers"]
    asked = not c.get("model_type", "").startswith("qwen")
    if c.get("sliding_window") and c.get("use_sliding_window", asked) and arch not in windowed():
        k["config.sliding_window"] = c["sliding_window"]


def finish(arch, c, k, tied):
    """Leaves out what the reader derives by itself, and states the output matrix."""
    state(arch, c, k)
    k = {key: value for key, value in k.items() if value is not None}
    for key, value in k.items():
        if isinstance(value, list) and key.endswith(("head_count", "head_count_kv", "feed_forward_length")) and len(set(value)) == 1:
            k[key] = value[0]
    heads = k.get("attention.head_count")
    heads = max(heads) if isinstance(heads, list) else heads
    natural = k["embedding_length"] // heads if heads else None
    for what in ("key", "value"):
        if k.get("attention.%s_length" % what) == natural:
            k.pop("attention.%s_length" % what, None)
    if k.get("rope.dimension_count") == k.get("attention.key_length", natural):
        k.pop("rope.dimension_count", None)
    if k.get("expert_group_count", 1) == 1:
        k.pop("expert_group_count", None)
        k.pop("expert_group_used_count", None)
    if tied != (arch in TIED_BY_DEFAULT):
        k["tie_word_embeddings"] = tied
    if first(c, "torch_dtype", "dtype") == "float16":
        k["general.file_type"] = 1
    return k


def format_value(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(int(value)) if value == int(value) else repr(value)
    if isinstance(value, list):
        runs = []
        for item in value:
            item = format_value(int(item) if isinstance(item, bool) else item)
            if runs and runs[-1][0] == item:
                runs[-1][1] += 1
            else:
                runs.append([item, 1])
        return "[%s]" % ",".join(item if n == 1 else "%s*%d" % (item, n) for item, n in runs)
    return str(value)


def format_text(arch, k):
    keys = [key for key in ORDER if key in k] + sorted(set(k) - set(ORDER) - set(LAST)) + [key for key in LAST if key in k]
    words = [key if k[key] is True else "%s=%s" % (key, format_value(k[key])) for key in keys]
    return " ".join([arch] + words)


DROPPED = {"instruct", "it", "chat", "hf", "base", "pt", "gguf", "bf16", "fp8", "nvfp4", "latest"}
LEADING = {"ai21", "c4ai", "meta", "nvidia"}


def short_id(hf_id, drop=True):
    """The id that a Hugging Face id is found under: lib/model/catalog.c finds the same names with the same two lists."""
    name = re.sub(r"(\d)_(\d)", r"\1.\2", hf_id.split("/")[-1].lower()).replace("_", "-")
    parts = [part for part in name.split("-") if part]
    if len(parts) > 1 and parts[0] in LEADING:
        parts = parts[1:]
    if drop:
        parts = parts[:1] + [part for part in parts[1:] if part not in DROPPED]
    return "-".join(parts)


def read_models(path):
    with open(path, newline="", encoding="utf-8") as file:
        return {row["hf_id"]: row for row in csv.DictReader(file)}


def entries(args, models):
    """(hf_id, class, config, source, row of models.csv)"""
    for folder in args.folders:
        for name in sorted(os.listdir(folder)):
            if name.endswith(".json"):
                hf_id = name[:-5].replace("__", "/", 1)
                arch, config = load_config(os.path.join(folder, name), hf_id)
                row = models[hf_id]
                yield hf_id, arch, config, row["source"] + FIXES.get(hf_id, ({}, ""))[1], row
    for item in json.load(open(args.also, encoding="utf-8")) if args.also else []:
        config = item["config"]
        if "like" in item:
            name = item["like"].replace("/", "__") + ".json"
            path = next(p for p in (os.path.join(folder, name) for folder in args.folders) if os.path.exists(p))
            with open(path, encoding="utf-8") as file:
                config = {**flatten(decode_lists(json.load(file)), item["like"]), **config}
        else:
            config = flatten(config, item["hf_id"])
        arch = config["architectures"][0]
        yield item["hf_id"], RENAMED.get(arch, arch), config, item["source"], models.get(item["hf_id"])


def make_rows(args):
    models = read_models(args.models)
    rows, skipped = {}, []
    for hf_id, cls, config, source, row in entries(args, models):
        if cls not in FAMILIES:
            skipped.append(hf_id)
            continue
        arch, family = FAMILIES[cls]
        k = family(config)
        if arch == "nemotron_h" and "expert_count" in k and k["expert_count"]:
            arch = "nemotron_h_moe"
        tied = config.get("tie_word_embeddings", config.get("tie_embedding"))
        if row and row["tie_word_embeddings"]:
            tied = row["tie_word_embeddings"] == "true"
        tied = bool(tied) or arch.startswith("gemma")  # those have no output matrix whatever their copies say
        text = format_text(arch, finish(arch, config, k, tied))
        rows.setdefault(short_id(hf_id), []).append((PLAIN_REPOSITORY.get(hf_id, hf_id), text, source, hf_id))
    for hf_id in skipped:
        print("no such architecture in the converter: " + hf_id, file=sys.stderr)
    return models, rows


def is_tuned(hf_id):
    return short_id(hf_id, False) != short_id(hf_id)


def resolve(rows):
    """One row per id. Of several with the same facts the tuned one stands for all; with other facts each keeps its full name."""
    result = []
    for key, group in sorted(rows.items()):
        if len({text for _, text, _, _ in group}) == 1:
            result.append((key,) + min(group, key=lambda g: (g[0] != g[3], not is_tuned(g[0]))))
        else:
            result += [(short_id(g[0], False),) + g for g in group]
    return sorted(result)


# ------------------------------------------------------------------------------------------------------------- sources

# Sources that are named by what they are; for the others the name is that of the repository.
NAMED_SOURCES = [
    (r"shape: llmfit", "LLMFIT_SHAPE", None),
    (r"same shape as .*llmfit", "LLMFIT_SIBLING", "same shape as a sibling that has a config (llmfit hf_models.json of 2026-05-12); "
                                                  "context length from the model card"),
    (r"same shape as ", "CARD_SIBLING_COUNT", "same shape as a sibling that has a config (published count); context length from the model card"),
    (r"same text decoder as ", "CARD_SIBLING", "same text decoder as a sibling that has a config; shape and context length from the model card"),
    (r"transformers ", "TRANSFORMERS", None),
]
GITHUB = re.compile(r"github\.com/([^@: ]+)(?:@\w+)?[: ](\S+)(.*)")
INDEX = re.compile(r"public source file on GitHub, exact-string index id (\d+)")


def split_source(source):
    """-> (what sources that are one have in common, path or None)"""
    found = GITHUB.match(source)
    if not found:
        return source, None
    return source[:found.start(2)] + "\0" + found[3], found[2]


def shared_folder(paths):
    return paths[0] if len(paths) == 1 else os.path.commonpath([os.path.dirname(path) for path in paths])


def source_name(source):
    for pattern, name, text in NAMED_SOURCES:
        if re.match(pattern, source):
            return name, text or source
    found = INDEX.match(source)
    if found:
        return "INDEX_" + found[1], source
    return re.sub(r"\W", "_", GITHUB.match(source)[1].split("/")[1]).upper(), source


def intern_sources(sources):
    """-> source -> name, and (name, text) sorted. Files of one repository, commit and kind are one source: their folder."""
    groups = {}
    for source in sorted(set(sources)):
        groups.setdefault(split_source(source)[0], []).append(source)
    names, table = {}, {}
    for common, group in sorted(groups.items()):
        paths = sorted(path for path in (split_source(source)[1] for source in group) if path)
        name, text = source_name(group[0])
        if paths:
            text = common.replace("\0", shared_folder(paths))
        base_name, number = name, 1
        while table.get(name, text) != text:
            number += 1
            name = "%s_%d" % (base_name, number)
        table[name] = text
        names.update((source, name) for source in group)
    return names, sorted(table.items())


def c_string(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def short_words():
    """(short word, key) of the text form, from the library's own table."""
    table = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "lib", "model", "text_keys.def")
    with open(table, encoding="utf-8") as file:
        return re.findall(r'CFI_TEXT_KEY\("([^"]+)",\s*"([^"]+)"\)', file.read())


def shorten(text, words):
    for word, key in words:
        text = text.replace(" %s=" % key, " %s=" % word)
    return text


def write_def(rows, names, out):
    words = short_words()
    out.write(HEADER)
    known = {}  # text -> the first id that has it
    for key, hf_id, text, source, _ in rows:
        like = known.setdefault(text, key)
        text = text if like == key else "=" + like
        out.write("CFI_CATALOG(%s, %s, %s,\n    %s)\n" % (c_string(key), c_string(hf_id), names[source], c_string(shorten(text, words))))


def write_sources(path, table):
    width = max(len(name) for name, _ in table) + 1
    with open(path, "w", encoding="utf-8") as file:
        file.write(SOURCES_HEADER % "name".ljust(width + 1))
        for name, text in table:
            file.write("CFI_SOURCE(%s %s, %s)\n" % ((name + ",").ljust(width), c_string(text), c_string(AS_OF)))


HEADER = """/* Models by name. Written by tests/reference/make_catalog.py from published config.json files; rows may also be added by hand
 * (docs/tables-catalog.md). Sorted by id; an id has lower-case letters, digits, dots and hyphens.
 *
 * CFI_CATALOG(id, name on Hugging Face, source (catalog_sources.def),
 *     text of docs/model-text.md, or "=ID": the same as that row) */
"""

SOURCES_HEADER = """/* Where the rows of catalog.def were read; sorted by name. Written by tests/reference/make_catalog.py, extended by hand. A folder stands
 * for its files; INDEX_N is a public source file on GitHub that an exact-string search gave without the name of its repository. */

/*         %s source and as of */
"""

# Where models.csv does not speak for the converted file.
OWN_CONTEXT = {falcon, granite_hybrid, hunyuan, hunyuan_moe, mamba, nemotron_h}  # the converter writes a length of its own
OWN_KV_HEADS = {deepseek2, deepseek32, kimi_linear, mimo2}  # latent attention; another number in window layers


def counts(family, text, m):
    """Counted parameters and active parameters."""
    if family is starcoder:  # the count leaves out the learned positions
        return "", ""
    if family is step35:  # llama.cpp loads parts of the next-token-prediction blocks
        return "", ""
    if family is gemma4 and "shared_kv_layers" in text:  # the count leaves out K and V of layers that share a cache; the
        return "", ""                                    # checkpoints hold them, as the published totals of E4B and E2B show
    if family is gpt_oss:  # counts the biases of all experts as active
        return m["params_counted_b"], ""
    return m["params_counted_b"], m["params_active_b"]


def write_expect(path, rows, models):
    """Facts of models.csv for the rows that have a config; empty where it does not speak for the converted file."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["id", "arch", "params_b", "active_b", "layers", "embedding", "vocabulary", "kv_heads", "context", "config"])
        for key, _, text, _, origin in rows:
            m = models.get(origin)
            if not m or not m["config"]:
                continue
            arch = text.split()[0]
            family = FAMILIES[RENAMED.get(m["architecture"], m["architecture"])][1]
            params, active = counts(family, text, m)
            out.writerow([key, arch, params, active, m["n_layer"], m["n_embd"],
                          "" if "vocab_size" in FIXES.get(origin, ({}, ""))[0] else m["vocab_size"],
                          m["n_head_kv"] if m["n_head_kv"].isdigit() and family not in OWN_KV_HEADS else "",
                          "" if family in OWN_CONTEXT or FIXES.get(origin, ({}, ""))[1] == CARD else m["max_context_native"],
                          m["config"].split("/")[-1]])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--models", required=True, help="models.csv")
    parser.add_argument("--also", help="models without a config of their own")
    parser.add_argument("--expect", help="write the counted facts of models.csv here")
    parser.add_argument("--sources", required=True, help="write catalog_sources.def here")
    parser.add_argument("folders", nargs="+")
    args = parser.parse_args()
    models, rows = make_rows(args)
    rows = resolve(rows)
    names, table = intern_sources([source for _, _, _, source, _ in rows])
    write_def(rows, names, sys.stdout)
    write_sources(args.sources, table)
    if args.expect:
        write_expect(args.expect, rows, models)


if __name__ == "__main__":
    main()
