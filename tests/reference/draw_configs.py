"""Configurations with sizes and switches drawn at random, one class of transformers after the other; make_pairs.py uses it.

What a class does not accept is drawn again. The result is what save_pretrained would write, sometimes without keys that the class has a
default for. The same seed gives the same configurations with the same version of transformers.
"""
import json
import random
import re

LAYERS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers")
HEADS = ("num_attention_heads", "n_head", "n_heads")
WIDTHS = ("hidden_size", "n_embd", "d_model", "embedding_size")
# Switches that add or remove tensors, caches or windows.
# Of these the engine has no tensor, or always has it: (model_type, switch).
FIXED = {("apertus", "attention_bias"), ("deepseek_v2", "attention_bias"), ("deepseek_v3", "attention_bias"), ("deepseek_v32", "attention_bias"),
         ("gemma3_text", "attention_bias"), ("glm4_moe_lite", "attention_bias"), ("glm_moe_dsa", "attention_bias"), ("gpt_bigcode", "multi_query"),
         ("gpt_neox", "attention_bias"), ("gpt_oss", "attention_bias"), ("hunyuan_vl_text", "attention_bias"), ("hy_v3", "mlp_bias"),
         ("jais2", "mlp_bias"), ("minicpm3", "mlp_bias"), ("paddleocr_vl_text", "use_bias")}
# Keep their attention without biases, though transformers has a switch: the engine has no place for that of the output.
BIASLESS = re.compile("afmoe|cohere|gemma|hunyuan_vl|hy_v3|laguna|minicpm3|olmo|qwen3_|qwen3_5|qwen3_next|mellum|jais|dots1|glm_moe|kimi")
# Classes whose converter (b10472) does not read what that version of transformers writes, so that the header is of another model:
# the width instead of the length; no num_local_experts, which transformers 5 calls num_experts.
LEFT_OUT = {"GlmForCausalLM": "45", "GraniteMoeHybridForCausalLM": "5"}
SWITCHES = ("alibi", "attention_bias", "attention_k_eq_v", "bias", "enable_moe_block", "mamba_norm_before_gate", "mamba_rms_norm", "mlp_bias",
            "multi_query", "new_decoder_architecture", "parallel_attn", "qk_layernorm", "qkv_bias", "tie_word_embeddings", "use_bias",
            "use_double_wide_mlp", "use_parallel_residual", "use_qk_norm", "use_qkv_bias", "use_sliding_window", "block_auto_adjust_ff_dim")
# Left to the class now and then.
OPTIONAL = SWITCHES + ("head_dim", "sliding_window", "sliding_window_pattern", "layer_types", "moe_intermediate_size",
                       "n_shared_experts", "first_k_dense_replace", "shared_expert_intermediate_size", "kv_lora_rank", "q_lora_rank",
                       "qk_rope_head_dim", "v_head_dim", "num_local_experts", "num_experts", "n_routed_experts", "conv_kernel",
                       "state_size", "expand", "n_groups", "global_head_dim", "partial_rotary_factor", "rope_scaling",
                       "num_kv_shared_layers", "hidden_size_per_layer_input", "linear_conv_kernel_dim", "full_attention_interval")


def divisor(rng, number):
    return rng.choice([n for n in range(1, number + 1) if number % n == 0])


def draw_sizes(rng, default):
    heads = rng.choice((2, 4, 6, 8, 12, 16))
    head = rng.choice((32, 64, 80, 96, 128))
    own_head = "head_dim" in default and rng.random() < 0.7
    layers = rng.randint(2, 9)
    width = 64 * rng.randint(2, 12) if own_head else heads * head
    experts = rng.randint(4, 12)
    sizes = {
        "vocab_size": rng.randint(1000, 9000), "max_position_embeddings": rng.choice((2048, 4096, 32768, 131072)),
        "num_key_value_heads": divisor(rng, heads), "num_kv_heads": divisor(rng, heads), "intermediate_size": 32 * rng.randint(3, 40),
        "sliding_window": rng.choice((None, 128, 512, 1000, 4096)), "sliding_window_pattern": rng.randint(2, 6),
        "max_window_layers": rng.randint(0, layers), "full_attention_interval": rng.randint(2, 4),
        "num_experts": experts, "num_local_experts": experts, "n_routed_experts": experts, "moe_num_experts": experts,
        "num_experts_per_tok": rng.randint(1, 3), "moe_k": rng.randint(1, 3), "top_k_experts": rng.randint(1, 3),
        "moe_intermediate_size": 32 * rng.randint(1, 12), "shared_expert_intermediate_size": 32 * rng.randint(1, 12),
        "shared_intermediate_size": 32 * rng.randint(1, 12), "moe_shared_expert_intermediate_size": 32 * rng.randint(1, 12),
        "intermediate_size_mlp": 32 * rng.randint(1, 30), "n_shared_experts": rng.randint(1, 3), "num_shared_experts": rng.randint(1, 2),
        "first_k_dense_replace": rng.randint(0, 2), "num_dense_layers": rng.randint(0, 2), "n_group": 1, "topk_group": 1,
        "interleave_moe_layer_step": rng.randint(1, 2), "moe_layer_interval": 1, "moe_layer_start_index": rng.randint(0, 1),
        "q_lora_rank": rng.choice((None, 96, 128)), "kv_lora_rank": rng.choice((64, 128)), "qk_nope_head_dim": rng.choice((32, 64)),
        "qk_rope_head_dim": rng.choice((16, 32)), "v_head_dim": rng.choice((32, 64)), "index_head_dim": rng.choice((64, 128)),
        "index_n_heads": rng.choice((2, 4)), "index_topk": rng.choice((64, 2048)), "mlp_only_layers": [],
        "num_kv_shared_layers": rng.randint(0, layers - 1), "hidden_size_per_layer_input": rng.choice((0, 32, 64)),
        "global_head_dim": rng.choice((None, 64, 128)), "num_global_key_value_heads": divisor(rng, heads),
        "vocab_size_per_layer_input": None, "laurel_rank": 32, "altup_num_inputs": 4, "conv_L_cache": rng.choice((3, 4)),
        "linear_num_key_heads": 2, "linear_num_value_heads": rng.choice((2, 4)), "linear_key_head_dim": 64, "linear_value_head_dim": 64,
        "linear_conv_kernel_dim": rng.choice((3, 4)), "conv_kernel": rng.choice((3, 4)), "state_size": rng.choice((16, 32, 64)),
        "n_groups": rng.choice((1, 2)), "expand": 2, "mamba_d_conv": rng.choice((3, 4)), "mamba_d_state": rng.choice((16, 64)),
        "mamba_n_groups": 1, "mamba_expand": 2, "ssm_state_size": rng.choice((16, 64)), "mamba_num_heads": 4, "mamba_head_dim": 32,
        "partial_rotary_factor": rng.choice((0.25, 0.5, 1.0)), "rotary_pct": rng.choice((0.25, 1.0)), "ffn_hidden_size": 32 * rng.randint(4, 30),
        "seq_length": 4096, "n_positions": 1024, "max_seq_len": 2048, "multi_query_group_num": 2, "kv_channels": head,
        "num_nextn_predict_layers": rng.randint(0, 1), "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
        "hc_mult": 2, "o_groups": 2, "o_lora_rank": 64, "num_hash_layers": 0,
    }
    for names, value in ((LAYERS, layers), (HEADS, heads), (WIDTHS, width)):
        sizes.update({name: value for name in names})
    if own_head:
        sizes["head_dim"] = head
    if "mamba_n_heads" in default:  # heads * width of a head = inner width
        sizes["mamba_n_heads"] = rng.choice((2, 4))
        sizes["mamba_d_head"] = 2 * width // sizes["mamba_n_heads"]
        sizes["mamba_d_ssm"] = 2 * width
    if default.get("model_type") == "mamba2":
        sizes["head_dim"] = rng.choice((32, 64))
        sizes["num_heads"] = 2 * width // sizes["head_dim"]
    if default.get("sliding_window") is not None and "use_sliding_window" not in default:  # the class needs one
        sizes["sliding_window"] = rng.choice((128, 512, 1000, 4096))
    if "attn_layer_period" in default:  # at least one period
        sizes.update({name: layers + 8 for name in LAYERS})
    kind = default.get("model_type")
    if kind == "phi":  # llama.cpp's phi2 has as many KV heads as heads
        sizes["num_key_value_heads"] = heads
    if kind == "minicpm3":  # and its minicpm3 values of width / heads
        sizes.update(hidden_size=heads * head, v_head_dim=head)
    if kind in ("phi", "falcon"):  # and four times the width
        sizes.update(intermediate_size=4 * width, ffn_hidden_size=4 * width)
    if "linear_num_key_heads" in default:  # at least one layer with attention
        sizes.update({name: layers + 3 for name in LAYERS})
    if "num_nextn_predict_layers" in default:
        sizes["first_k_dense_replace"] = min(sizes["first_k_dense_replace"], 1)
    return {name: value for name, value in sizes.items() if name in default}


def draw_rope(rng, default):
    if rng.random() < 0.6 or "rope_scaling" not in default:
        return {}
    return {"rope_scaling": rng.choice((
        {"rope_type": "linear", "factor": 4.0}, {"rope_type": "yarn", "factor": 8.0, "original_max_position_embeddings": 4096},
        {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}))}


def draw_text(rng, default):
    drawn = draw_sizes(rng, default)
    drawn.update(draw_rope(rng, default))
    for name in SWITCHES:
        if name == "attention_bias" and BIASLESS.match(default.get("model_type", "")):
            continue
        if isinstance(default.get(name), bool) and (default.get("model_type"), name) not in FIXED and rng.random() < 0.5:
            drawn[name] = rng.random() < 0.5
    for name in list(drawn):
        if name in OPTIONAL and rng.random() < 0.12:
            del drawn[name]
    return drawn


def leave_out(rng, text):
    for name in [n for n in text if n in OPTIONAL and n != "head_dim"]:
        if rng.random() < 0.04:
            del text[name]


def draw(config_class, class_name, seed):
    """-> the configuration as it would be saved, or None when the class accepts none of 20."""
    rng = random.Random("%s %d" % (class_name, seed))
    for _ in range(20):
        try:
            default = config_class()
            part = default.get_text_config()
            if part is default:
                config = config_class(**draw_text(rng, default.to_dict()))
            else:
                text = part.to_dict()
                kept = {"model_type": text["model_type"]}
                name = next(n for n, c in default.sub_configs.items() if n in ("text_config", "llm_config", "thinker_config"))
                config = config_class(**{name: {**kept, **draw_text(rng, text)}})
            config.architectures = [class_name]
            saved = json.loads(config.to_json_string(use_diff=True))
            if part is default:
                leave_out(rng, saved)
            if "mlp_layer_types" in saved and saved["model_type"] in ("deepseek_v32", "glm4_moe_lite", "glm_moe_dsa"):  # as published
                saved["first_k_dense_replace"] = saved.pop("mlp_layer_types").count("dense")
            saved["architectures"] = [class_name]
            if saved.get("model_type") == "gpt_oss":
                saved["quantization_config"] = {"quant_method": "mxfp4"}
            saved.setdefault("model_type", config_class.model_type)
            return saved
        except Exception:  # whatever a class raises: these values do not go together
            continue
    return None


def all_classes(transformers, names):
    """(class name, its configuration class) for every name that transformers has a model of."""
    for name in sorted(names):
        cls = getattr(transformers, name, None)
        if transformers.__version__[0] in LEFT_OUT.get(name, ""):
            continue
        if getattr(cls, "config_class", None) is not None and not re.search("Bert|T5|NeoBERT", name):
            yield name, cls.config_class
