#!/usr/bin/env python3
"""Reduces published speed measurements to the rows and the facts that fit_speed.py needs.

    prepare_speed.py REFERENCE > tests/data/speed/speed_fit.csv

REFERENCE is a folder with speed.csv (measurements), hardware.csv (bandwidth, matrix rates) and models/models.csv (architectures).
Kept: programs built on ggml (the engines that the calibration speaks for) with a known model, weight format and machine, on one device
(`hold` empty: these are fitted) or on several equal ones (`hold` says so). What is left out, and why, is counted on stderr.
"""
import csv
import re
import sys

ENGINES = {"llama.cpp", "ik_llama.cpp", "ollama", "LM Studio", "llama.cpp or ollama"}
BACKENDS = {"CUDA": "cuda", "Metal": "metal", "ROCm": "rocm", "Vulkan": "vulkan", "SYCL": "sycl", "CPU": "cpu"}

# Name in speed.csv -> name in models.csv. LLaMA-1, Llama-2 and Vicuna of one size share an architecture, as do the Llama-3 sizes.
MODELS = {
    "CodeLlama-34B": "CodeLlama-34b-Instruct-hf",
    "DeepSeek-R1-0528-Qwen3-8B": "Qwen3-8B",
    "DeepSeek-R1-Distill-Llama-70B": "Llama-3.1-70B-Instruct",
    "DeepSeek-R1-Distill-Llama-8B": "Llama-3.1-8B-Instruct",
    "DeepSeek-R1-Distill-Qwen-1.5B": "Qwen2.5-1.5B",
    "DeepSeek-R1-Distill-Qwen-32B": "Qwen2.5-32B",
    "DeepSeek-R1-Distill-Qwen-7B": "Qwen2.5-7B",
    "Devstral-2-123B": "Devstral-2-123B-Instruct-2512",
    "Gemma-2-27B": "gemma-2-27b-it",
    "Gemma-2-2B": "gemma-2-2b-it",
    "Gemma-2B": "gemma-2b",
    "Gemma-3-1B": "gemma-3-1b-it",
    "Gemma-3-27B": "gemma-3-27b-it",
    "Gemma-3-4B": "gemma-3-4b-it",
    "Gemma-4-26B-A4B": "gemma-4-26B-A4B",
    "Gemma-4-31B": "Gemma-4-31B-IT-NVFP4",
    "Gemma-4-E2B": "gemma-4-E2B-it",
    "Gemma-7B": "gemma-7b",
    "Hermes-4-70B": "Llama-3.1-70B-Instruct",
    "Hunyuan-A13B-80B": "Hunyuan-A13B-Instruct",
    "LFM2-2.6B": "LFM2-2.6B",
    "Llama-1-7B": "Llama-2-7b-hf",
    "Llama-2-70B": "Llama-2-70b-hf",
    "Llama-2-7B": "Llama-2-7b-hf",
    "Llama-3-70B": "Meta-Llama-3-70B",
    "Llama-3-8B": "Meta-Llama-3-8B",
    "Llama-3.1-405B": "Meta-Llama-3.1-405B",
    "Llama-3.1-70B": "Llama-3.1-70B-Instruct",
    "Llama-3.1-8B": "Llama-3.1-8B-Instruct",
    "Llama-3.2-1B": "Llama-3.2-1B",
    "Llama-3.2-3B": "Llama-3.2-3B",
    "Llama-3.3-70B": "Llama-3.3-70B-Instruct",
    "Llama-4-Scout-109B-A17B": "Llama-4-Scout-17B-16E-Instruct",
    "MiniMax-M2.7-229B-A10B": "MiniMax-M2.7",
    "Mistral-7B": "Mistral-7B-Instruct-v0.3",
    "Nemotron-3-Nano-30B-A3B": "NVIDIA-Nemotron-3-Nano-30B-A3B-BF16",
    "Nemotron-3-Nano-Omni-30B-A3B": "NVIDIA-Nemotron-3-Nano-30B-A3B-BF16",
    "Nemotron-Cascade-2-30B-A3B": "NVIDIA-Nemotron-3-Nano-30B-A3B-BF16",
    "Phi-3-mini-3.8B": "Phi-3-mini-4k-instruct",
    "Phi-4-mini-3.8B": "Phi-4-mini-instruct",
    "Qwen2.5-0.5B": "Qwen2.5-0.5B-Instruct",
    "Qwen2.5-1.5B": "Qwen2.5-1.5B",
    "Qwen2.5-32B": "Qwen2.5-32B",
    "Qwen2.5-3B": "Qwen2.5-3B",
    "Qwen2.5-7B": "Qwen2.5-7B",
    "Qwen2.5-Coder-1.5B": "Qwen2.5-Coder-1.5B-Instruct",
    "Qwen2.5-Coder-32B": "Qwen2.5-Coder-32B-Instruct",
    "Qwen2.5-Coder-3B": "Qwen2.5-Coder-3B-Instruct",
    "Qwen2.5-Coder-7B": "Qwen2.5-Coder-7B-Instruct",
    "Qwen3-0.6B": "Qwen3-0.6B",
    "Qwen3-1.7B": "Qwen3-1.7B",
    "Qwen3-235B-A22B": "Qwen3-235B-A22B",
    "Qwen3-30B-A3B": "Qwen3-30B-A3B",
    "Qwen3-32B": "Qwen3-32B",
    "Qwen3-4B": "Qwen3-4B",
    "Qwen3-8B": "Qwen3-8B",
    "Qwen3-Coder-30B-A3B": "Qwen3-Coder-30B-A3B-Instruct",
    "Qwen3-Coder-480B-A35B": "Qwen3-Coder-480B-A35B-Instruct",
    "Qwen3-Next-80B-A3B": "Qwen3-Next-80B-A3B-Instruct",
    "Qwen3-Coder-Next-80B-A3B": "Qwen3-Next-80B-A3B-Instruct",
    "Qwen3-VL-235B-A22B": "Qwen3-235B-A22B",
    "Qwen3-VL-2B": "Qwen3-VL-2B-Instruct",
    "Qwen3.5-0.8B": "Qwen3.5-0.8B",
    "Qwen3.5-122B-A10B": "Qwen3.5-122B-A10B",
    "Qwen3.5-27B": "Qwen3.5-27B",
    "Qwen3.5-35B-A3B": "Qwen3.5-35B-A3B",
    "Qwen3.5-9B": "Qwen3.5-9B",
    "Qwen3.6-27B": "Qwen3.6-27B-NVFP4",
    "Qwen3.6-35B-A3B": "Qwen3.6-35B-A3B-NVFP4",
    "Qwen3.8-27B": "Qwen3.6-27B-NVFP4",
    "SmolLM2-135M": "SmolLM2-135M-Instruct",
    "SmolLM2-360M": "SmolLM2-360M-Instruct",
    "SmolLM3-3B": "SmolLM3-3B",
    "gpt-oss-20B": "gpt-oss-20b",
}

# Name in speed.csv -> id in hardware.csv; a part that has several memory sizes names one, rate and bandwidth are the same.
HARDWARE = {
    "AMD Instinct MI50 32GB": "amd-instinct-mi50-32gb",
    "AMD Radeon AI PRO R9700 32GB": "radeon-ai-pro-r9700",
    "AMD Radeon PRO W7700": "radeon-pro-w7700",
    "AMD Radeon RX 6500 XT": "radeon-rx-6500-xt",
    "AMD Radeon RX 6800": "radeon-rx-6800",
    "AMD Radeon RX 7600": "radeon-rx-7600",
    "AMD Radeon RX 7900 XT": "radeon-rx-7900-xt",
    "AMD Radeon RX 7900 XTX": "radeon-rx-7900-xtx",
    "AMD Ryzen AI Max+ 395 (Strix Halo, Radeon 8060S) 128GB": "ryzen-ai-maxplus-395-128gb",
    "AMD Ryzen AI Max+ 395 (Strix Halo, Radeon 8060S) 64GB": "ryzen-ai-maxplus-395-64gb",
    "AMD Ryzen AI 9 HX 370 (Radeon 890M) 96GB DDR5": "ryzen-ai-9-hx-370-so-dimm-96gb",
    "Apple M1 7-core GPU 8GB": "apple-m1-8c-7g-8gb",
    "Apple M1 Ultra 48-core GPU 64GB": "apple-m1-ultra-20c-48g-64gb",
    "Apple M1 Ultra 64-core GPU 128GB": "apple-m1-ultra-20c-64g-128gb",
    "Apple M2": "apple-m2-8c-10g-16gb",
    "Apple M2 Ultra 76-core GPU 192GB": "apple-m2-ultra-24c-76g-192gb",
    "Apple M3 Max 40-core GPU 64GB": "apple-m3-max-16c-40g-64gb",
    "Apple M3 Max 64GB": "apple-m3-max-16c-40g-64gb",
    "Apple M3 Pro 36GB": "apple-m3-pro-12c-18g-36gb",
    "Apple M3 Ultra 80-core GPU 512GB": "apple-m3-ultra-32c-80g-512gb",
    "Apple M3 Ultra 96GB": "apple-m3-ultra-28c-60g-96gb",
    "Apple M4": "apple-m4-10c-10g-16gb",
    "Apple M4 10-core GPU 16GB": "apple-m4-10c-10g-16gb",
    "Apple M4 10-core GPU 24GB": "apple-m4-10c-10g-24gb",
    "Apple M4 10-core GPU 32GB": "apple-m4-10c-10g-32gb",
    "Apple M4 Pro": "apple-m4-pro-14c-20g-48gb",
    "Apple M4 Pro 24GB": "apple-m4-pro-12c-16g-24gb",
    "Apple M4 Pro 48GB": "apple-m4-pro-14c-20g-48gb",
    "Apple M5 10-core GPU": "apple-m5-10c-10g-16gb",
    "Apple M5 Pro": "apple-m5-pro-18c-20g-48gb",
    "Intel Arc A310": "intel-arc-a310",
    "Intel Arc B580": "intel-arc-b580",
    "Intel Core Ultra 7 258V (Arc 140V iGPU)": "intel-core-ultra-7-258v-32gb",
    "NVIDIA A100 PCIe 80GB": "nvidia-a100-pcie-80gb",
    "NVIDIA A100 SXM 80GB": "nvidia-a100-sxm4-80gb",
    "NVIDIA A10G": "nvidia-a10g",
    "NVIDIA GB10 (DGX Spark) 128GB": "nvidia-gb10-dgx-spark-128gb",
    "NVIDIA GeForce GTX 1050 Ti": "geforce-gtx-1050-ti",
    "NVIDIA GeForce GTX 1650 4GB": "geforce-gtx-1650",
    "NVIDIA GeForce RTX 2070 SUPER": "geforce-rtx-2070-super",
    "NVIDIA GeForce RTX 2080 Ti": "geforce-rtx-2080-ti",
    "NVIDIA GeForce RTX 3050 Ti Laptop GPU 4GB": "geforce-rtx-3050-laptop-gpu-4gb",
    "NVIDIA GeForce RTX 3060": "geforce-rtx-3060-12gb",
    "NVIDIA GeForce RTX 3070": "geforce-rtx-3070",
    "NVIDIA GeForce RTX 3080 10GB": "geforce-rtx-3080-10gb",
    "NVIDIA GeForce RTX 3090": "geforce-rtx-3090",
    "NVIDIA GeForce RTX 3090 Ti": "geforce-rtx-3090-ti",
    "NVIDIA GeForce RTX 4070": "geforce-rtx-4070",
    "NVIDIA GeForce RTX 4070 Laptop GPU 8GB": "geforce-rtx-4070-laptop-gpu",
    "NVIDIA GeForce RTX 4070 Ti SUPER": "geforce-rtx-4070-ti-super",
    "NVIDIA GeForce RTX 4090": "geforce-rtx-4090",
    "NVIDIA GeForce RTX 5060 Ti": "geforce-rtx-5060-ti-16gb",
    "NVIDIA GeForce RTX 5070": "geforce-rtx-5070",
    "NVIDIA GeForce RTX 5090": "geforce-rtx-5090",
    "NVIDIA GeForce RTX 5090 Laptop GPU 24GB": "geforce-rtx-5090-laptop-gpu",
    "NVIDIA Jetson AGX Orin 64GB": "nvidia-jetson-agx-orin-64gb",
    "NVIDIA L40S": "nvidia-l40s",
    "NVIDIA RTX 4000 Ada 20GB": "nvidia-rtx-4000-ada-generation",
    "NVIDIA RTX 6000 Ada 48GB": "nvidia-rtx-6000-ada-generation",
    "NVIDIA RTX A2000": "nvidia-rtx-a2000-12gb",
    "NVIDIA RTX A4000": "nvidia-rtx-a4000",
    "NVIDIA RTX A6000": "nvidia-rtx-a6000",
    "NVIDIA Tesla P40": "tesla-p40",
    "NVIDIA Tesla T4": "nvidia-t4",
}

# Bits per weight of a file type: body, output matrix, embedding table. The body is used only where the source does not print the size.
# Block sizes: ggml-common.h of llama.cpp b10472; which tensor gets which: llama-quant.cpp of the same build; bodies of the mixed types are
# the mean over Llama-3.1-8B's layers.
BPW = {
    "F16": (16, 16, 16), "BF16": (16, 16, 16), "F32": (32, 32, 32),
    "Q8_0": (8.5, 8.5, 8.5), "Q6_K": (6.5625, 6.5625, 6.5625),
    "Q5_0": (5.5, 6.5625, 5.5), "Q5_K": (5.69, 6.5625, 5.5), "Q5_K_M": (5.69, 6.5625, 5.5), "Q5_K_S": (5.5, 6.5625, 5.5),
    "Q4_0": (4.5, 6.5625, 4.5), "Q4_1": (5.0, 6.5625, 5.0), "Q4_K": (4.81, 6.5625, 4.5), "Q4_K_M": (4.81, 6.5625, 4.5),
    "Q4_K_S": (4.55, 6.5625, 4.5), "IQ4_XS": (4.27, 6.5625, 4.25), "IQ4_NL": (4.5, 6.5625, 4.5),
    "Q3_K_S": (3.44, 6.5625, 3.4375), "Q2_K": (3.0, 6.5625, 2.625), "Q2_K_S": (2.7, 6.5625, 2.625),
    "4-bit (ollama default tag)": (4.81, 6.5625, 4.5), "4-bit": (4.81, 6.5625, 4.5),  # LM Studio and ollama: Q4_K_M
    "MXFP4": (4.25, 8.5, 8.5),
    "UD-Q4_K_XL": (0, 6.5625, 4.5), "UD-Q4_K_M": (0, 6.5625, 4.5), "UD-Q5_K_XL": (0, 6.5625, 5.5),
    "UD-Q6_K_XL": (0, 8.5, 6.5625), "UD-Q8_K_XL": (0, 12, 8.5),
    "UD-Q3_K_XL": (0, 6.5625, 4.5), "UD-Q2_K_XL": (0, 6.5625, 4.5), "UD-IQ2_M": (0, 5.5, 4.5), "IQ2_XXS": (2.1, 5.5, 2.625),
    "IQ1_S": (0, 5.5, 2.6), "IQ1_M": (0, 5.5, 2.6), "IQ2_XS": (0, 5.5, 2.6), "IQ2_M": (0, 5.5, 3.4375),
    "IQ3_XXS": (0, 5.5, 3.4375), "IQ3_S": (0, 6.5625, 3.4375),
}
CACHE_BYTES = {"f16": 2.0, "fp16": 2.0, "q8_0": 34 / 32, "q8": 34 / 32, "q4_0": 18 / 32}

COLUMNS = ["id", "hardware", "n_devices", "backend", "bandwidth_gb_s", "fp16_tflops", "int8_tops", "model", "quant", "weight_bytes_active",
           "weight_bytes_total", "kv_bytes_per_pos", "window_bytes_per_pos", "window", "state_bytes", "flops_per_token",
           "attn_flops_per_pos", "window_flops_per_pos", "layers", "blocks", "moe_layers", "experts_used", "n_expert", "weight_bits", "ubatch",
           "flash_attn", "kind", "tokens", "depth", "tokens_per_s", "hold", "source"]


def number(text):
    try:
        return float(text)
    except ValueError:
        return 0.0


def expand_pattern(text, layers):
    """'(sssssf)x4+ss', '78f' or plain letters -> one letter per layer."""
    out = ""
    for part in text.split("+"):
        m = re.fullmatch(r"\((\w+)\)x(\d+)", part)
        if m:
            out += m.group(1) * int(m.group(2))
        else:
            out += re.sub(r"(\d+)(\w)", lambda k: k.group(2) * int(k.group(1)), part)
    return out or "f" * layers


def extra_number(row, key):
    m = re.search(key + r"=(\d+)", row["extra"] + ";" + row["ssm"])
    return int(m.group(1)) if m else 0


def model_facts(row):
    """Parameters by part, cache bytes by position, state and FLOPs, from one row of models.csv."""
    layers, embd = int(row["n_layer"]), int(row["n_embd"])
    vocab, heads, kv_heads = int(row["vocab_size"]), int(row["n_head"]), int(row["n_head_kv"])
    head = int(number(row["head_dim"]) or embd / heads)
    pattern = expand_pattern(row["layer_pattern"], layers)
    total, active = number(row["params_counted_b"]) * 1e9, number(row["params_active_b"]) * 1e9
    table = vocab * embd
    per_layer_table = extra_number(row, "hidden_size_per_layer_input") * layers * extra_number(row, "vocab_size_per_layer_input")
    tied = row["tie_word_embeddings"] != "false"
    used, experts = int(number(row["n_expert_used"])), int(number(row["n_expert"]))
    # expert blocks: gate, up and down (Nemotron-H has no gate)
    matrices = 2 if "e" in pattern else 3
    one_expert = matrices * embd * int(number(row["moe_ff"]))
    moe_layers = (pattern.count("e") if "e" in pattern else layers - int(number(row["first_dense_layers"]))) if experts else 0
    f = {"layers": layers, "moe_layers": moe_layers, "experts_used": used, "n_expert": experts, "table": table, "tied": tied,
         "per_layer_table": per_layer_table, "expert_all": moe_layers * experts * one_expert, "expert_used": moe_layers * used * one_expert}
    f["body"] = total - table * (1 if tied else 2) - per_layer_table
    f["body_active"] = active - table * (1 if tied else 2) - per_layer_table
    f["window"] = int(number(row["sliding_window"]))
    full_head = extra_number(row, "global_head_dim") or head
    full_kv = extra_number(row, "num_global_key_value_heads") or kv_heads
    full, windowed = pattern.count("f") + pattern.count("h"), pattern.count("s") + pattern.count("c")
    if row["kv_lora_rank"]:  # latent attention: one row per position, values are a part of the keys
        rank, rope = int(row["kv_lora_rank"]), int(row["qk_rope_head_dim"])
        f["kv"] = full * (rank + rope)
        f["attn_flops"] = full * 2 * heads * (rank + rope + rank)
    else:
        f["kv"] = full * 2 * full_kv * full_head
        f["attn_flops"] = full * 4 * heads * full_head
    # a usual layer is two blocks, mixer and feed-forward; layers of Nemotron-H are one
    f["blocks"] = layers if "e" in pattern else 2 * layers
    f["kv_window"] = windowed * 2 * kv_heads * head
    f["window_flops"] = windowed * 4 * heads * head
    state = 0
    if "l" in pattern:
        state = pattern.count("l") * extra_number(row, "linear_num_value_heads") * extra_number(row, "linear_key_head_dim") \
            * extra_number(row, "linear_value_head_dim")
    if "m" in pattern:
        state = pattern.count("m") * extra_number(row, "mamba_num_heads") * extra_number(row, "mamba_head_dim") \
            * extra_number(row, "ssm_state_size")
    f["state_bytes"] = 2 * 4 * state  # F32, read and written each step
    return f


def weight_bytes(f, quant, file_bytes, model_name):
    """(bytes read per token, bytes of one pass over all weights, mean bits of the body)."""
    if quant not in BPW:
        return None
    body_bits, out_bits, table_bits = BPW[quant]
    if f["tied"]:
        out_bits = table_bits = max(out_bits, table_bits)
    out, table = f["table"] * out_bits / 8, (0 if f["tied"] else f["table"] * table_bits / 8)
    per_layer = f["per_layer_table"] * table_bits / 8
    if quant == "MXFP4" or model_name == "gpt-oss-20b":  # whose experts are MXFP4 under every label
        experts, used = f["expert_all"] * 4.25 / 8, f["expert_used"] * 4.25 / 8
        rest = (f["body"] - f["expert_all"]) * (16 if quant == "F16" else 8.5) / 8
        return used + rest + out, experts + rest + out, 4.25
    if file_bytes:
        body = file_bytes - out - table - per_layer
    elif body_bits and not (f["expert_all"] and quant.startswith("UD")):
        body = f["body"] * body_bits / 8
    else:
        return None
    bits = body * 8 / f["body"]
    return body * f["body_active"] / f["body"] + out, body + out, bits


# What in the note or in the offload column keeps a row out of the fit.
HOLD = (
    (r"part on cpu|system ram|rest on cpu|exps=cpu|weights exceed|layers on gpu, rest|ngl=(0|28|32)\b", "weights in two memories"),
    (r"raspberry pi|risc-v host|riscv|pi cm5|host: pi 5", "bound by its host"),
    (r"power-limited|power limit|\d w$", "power limit"),
    (r"split-mode row|row split|tensor parallel", "split by rows"),
    (r"both cards|dual gpu", "cards in use not clear"),
    (r"micro-batch 1\b", "prompt taken token by token"),
    (r"worst \(full", "depth not stated"),
    (r"most likely cpu", "backend not sure"),
    (r"amdvlk", "driver discontinued in 2025"),
    (r"threads=[12]\b", "few threads"),
)


def hold_reason(row):
    note = (row["note"] + ";" + row["n_gpu_layers_or_offload_note"]).lower()
    if row["backend"] == "CPU":
        if "Apple" in row["hardware"] or "Jetson" in row["hardware"]:
            return "bandwidth of the whole chip"
        if " CPU" not in row["hardware"]:
            return "a graphics card listed as CPU"
        if row["source"].startswith("pestopoppa"):
            return "untuned server"
        note = re.sub(r"host: pi 5[^;]*", "", note)
    for pattern, reason in HOLD:
        if re.search(pattern, note):
            return reason
    return "several devices" if int(row["n_devices"]) > 1 else ""


def hold_superseded(rows):
    """Where builds of 2026 measured a machine, its older builds are held: they say what the engine was, not what it is."""
    first_of_2026 = 7600  # llama.cpp b7600 is of the last days of 2025
    new = {}
    for out, build in rows:
        if build >= first_of_2026 and not out["hold"]:
            new[(out["hardware"], out["backend"])] = new.get((out["hardware"], out["backend"]), 0) + 1
    for out, build in rows:
        if 0 < build < first_of_2026 and new.get((out["hardware"], out["backend"]), 0) >= 10:
            out["hold"] = out["hold"] or "older build"


def ubatch_of(row):
    m = re.fullmatch(r"\d*/(\d+)", row["batch_ubatch"])
    return int(m.group(1)) if m else 512


def reduce_row(row, model, hardware):
    f = model_facts(model)
    w = weight_bytes(f, row["quant"], number(row["model_bytes_if_given"]), model["name"])
    if w is None:
        return None
    backend = BACKENDS[row["backend"]]
    bandwidth, fp16, int8 = number(row["memory_bw_gbs_nominal"]), 0.0, 0.0
    if hardware:
        bandwidth = bandwidth or number(hardware["bandwidth_bytes_per_s"]) / 1e9
        fp16 = number(hardware["fp16_fp32acc_dense_tflops"]) or number(hardware["fp16_dense_tflops"])
        if hardware["vendor"] == "Apple" or hardware["family"] == "Pascal":  # no matrix units: the FP32 rate, as lib/hw/devices.def
            fp16 = fp16 or number(hardware["fp32_tflops"])
        int8 = number(hardware["int8_dense_tops"])
    if not bandwidth:
        return None
    m = re.search(r"kv ([a-z0-9_]+)", row["note"]) or re.search(r"([a-z0-9_]+) KV", row["note"])
    cache = CACHE_BYTES.get(m.group(1) if m else "f16", 2.0)
    hold = hold_reason(row)
    if hardware and w[1] > number(hardware["memory_bytes"]) * int(row["n_devices"]) > 0:
        hold = hold or "weights in two memories"
    decode = bool(row["tg_tps"])
    tokens = int(number(row["tg_tokens"] if decode else row["pp_tokens"]))
    if not decode and not tokens:
        return None
    out = {"id": row["id"], "hardware": row["hardware"], "n_devices": row["n_devices"], "backend": backend, "bandwidth_gb_s": f"{bandwidth:g}",
           "fp16_tflops": f"{fp16:g}", "int8_tops": f"{int8:g}", "model": row["model"], "quant": row["quant"], "weight_bytes_active": f"{w[0]:.0f}",
           "weight_bytes_total": f"{w[1]:.0f}", "kv_bytes_per_pos": f"{f['kv'] * cache:.0f}",
           "window_bytes_per_pos": f"{f['kv_window'] * cache:.0f}", "window": f["window"] if f["kv_window"] else 0,
           "state_bytes": f["state_bytes"], "flops_per_token": f"{2 * f['body_active']:.0f}", "attn_flops_per_pos": f["attn_flops"],
           "window_flops_per_pos": f["window_flops"], "layers": f["layers"], "blocks": f["blocks"], "moe_layers": f["moe_layers"], "experts_used": f["experts_used"],
           "n_expert": f["n_expert"], "weight_bits": f"{w[2]:.2f}", "ubatch": ubatch_of(row), "flash_attn": row["flash_attn"],
           "kind": "decode" if decode else "prefill", "tokens": tokens, "depth": int(number(row["depth"])),
           "tokens_per_s": row["tg_tps"] if decode else row["pp_tps"], "hold": hold, "source": row["source"]}
    return out


def main():
    folder = sys.argv[1]
    load = lambda name: list(csv.DictReader(open(f"{folder}/{name}", encoding="utf-8")))
    models = {}
    for m in load("models/models.csv"):
        if m["config"]:
            models.setdefault(m["name"], m)
    hardware = {h["id"]: h for h in load("hardware.csv")}
    writer = csv.DictWriter(sys.stdout, COLUMNS, lineterminator="\n")
    writer.writeheader()
    skipped, kept = {}, []
    for row in load("speed.csv"):
        why = None
        if row["engine"] not in ENGINES or row["backend"] not in BACKENDS:
            why = "engine or backend"
        elif row["model"] not in MODELS or MODELS[row["model"]] not in models:
            why = "model " + row["model"]
        elif row["hardware"] not in HARDWARE and not row["memory_bw_gbs_nominal"]:
            why = "hardware " + row["hardware"]
        if not why:
            h = hardware[HARDWARE[row["hardware"]]] if row["hardware"] in HARDWARE else None
            out = reduce_row(row, models[MODELS[row["model"]]], h)
            if out:
                build = re.match(r"b(\d+)", row["engine_version_or_date"])
                kept.append((out, int(build.group(1)) if build else 0))
                continue
            why = "quant or tokens " + row["quant"]
        skipped[why] = skipped.get(why, 0) + 1
    hold_superseded(kept)
    for out, _ in kept:
        if out["hold"] in ("", "several devices"):
            writer.writerow(out)
        else:
            why = "held: " + out["hold"]
            skipped[why] = skipped.get(why, 0) + 1
    for why, n in sorted(skipped.items(), key=lambda x: -x[1]):
        print(f"skipped {n:5d}  {why}", file=sys.stderr)


main()
