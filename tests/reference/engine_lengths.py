#!/usr/bin/env python3
"""Writes tests/data/engines/lengths.csv: what vLLM and SGLang make of the lengths and windows of published config.json files.

    engine_lengths.py CONFIGS VLLM_0_29 VLLM_0_33 SGLANG > tests/data/engines/lengths.csv

CONFIGS: the folder that tests/data/models/configs.tar.xz unpacks to. The others: source trees of the releases (vLLM) and the folder
`sglang` of the package (0.5.23). Needs transformers 5.16 or newer, whose classes read the files; files whose class it does not have are
left out. Of the engines only the functions that answer are run: nothing of them is imported."""
import ast
import glob
import json
import os
import sys
import types


def functions(path, names):
    """The source of functions of a file, also of methods, as functions that can be called."""
    tree = ast.parse(open(path, encoding="utf-8").read())
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.Assign)):
            name = node.name if isinstance(node, ast.FunctionDef) else getattr(node.targets[0], "id", None)
            if name in names and name not in found:
                if isinstance(node, ast.FunctionDef):
                    node.decorator_list = []
                    node.returns = None
                    for a in node.args.args + node.args.kwonlyargs:
                        a.annotation = None
                found[name] = node
    return [found[n] for n in names if n in found]


class Quiet:
    def __getattr__(self, name):
        return lambda *a, **k: None


def load(space, path, names):
    exec(compile(ast.Module(functions(path, names), []), path, "exec"), space)


def vllm_space(root, helpers):
    space = {"logger": Quiet(), "envs": types.SimpleNamespace(VLLM_ALLOW_LONG_MAX_MODEL_LEN=False), "Iterator": list, "Any": object,
             "current_platform": types.SimpleNamespace(check_max_model_len=lambda n: n), "PreTrainedConfig": object}
    load(space, helpers + "/vllm/transformers_utils/config.py", ["is_rope_parameters_nested", "iter_rope_parameters"])
    from transformers import configuration_utils
    space["ALLOWED_LAYER_TYPES"] = getattr(configuration_utils, "ALLOWED_LAYER_TYPES", None) or configuration_utils.ALLOWED_ATTENTION_LAYER_TYPES
    load(space, helpers + "/vllm/transformers_utils/model_arch_config_convertor.py", ["derive_max_model_len_and_key"])
    load(space, root + "/vllm/config/model.py", ["_get_and_verify_max_len"])
    return space


def vllm(space, config, asked):
    derived = space["derive_max_model_len_and_key"](types.SimpleNamespace(hf_text_config=config))
    return space["_get_and_verify_max_len"](config, types.SimpleNamespace(derived_max_model_len_and_key=derived), None, asked, False, None)


def vllm_most(space, config):
    """The longest that it does not refuse; 0: none is refused."""
    low, high = 0, 1 << 40
    while high - low > 1:
        middle = (low + high) // 2
        try:
            vllm(space, config, middle)
            low = middle
        except ValueError:
            high = middle
    return 0 if low == (1 << 40) - 1 else low


def window(config):
    """vllm/engine/arg_utils.py of 0.33.0, create_engine_config(): CacheConfig.sliding_window."""
    kinds = getattr(config, "layer_types", None)
    if kinds is None or all(kind == "sliding_attention" for kind in kinds):
        return getattr(config, "sliding_window", None) or 0
    return 0


def read(path):
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING
    raw = json.load(open(path, encoding="utf-8"))
    kind = raw.get("model_type")
    if kind not in CONFIG_MAPPING:
        return None
    whole = CONFIG_MAPPING[kind].from_dict(raw)
    text = whole.get_text_config()
    nested = {"text_config", "llm_config", "language_config", "thinker_config"} & set(raw)
    return text if text is whole or nested else None  # else its keys were brought to one level when the file was collected


def main():
    configs, old, new, sglang = sys.argv[1:]
    spaces = [vllm_space(old, new), vllm_space(new, new)]
    sg = {"lru_cache_frozenset": None}
    load(sg, glob.glob(sglang + "/srt/utils/hf_transformers/common.py")[0], ["CONTEXT_LENGTH_KEYS", "get_context_length"])
    print("file,vllm_0_29,vllm_0_29_most,vllm,vllm_most,sglang,vllm_window")
    for path in sorted(glob.glob(configs + "/*.json")):
        try:
            config = read(path)
        except Exception as error:  # the class does not take the file
            print(path, error, file=sys.stderr)
            continue
        if config is None:
            continue
        row = [os.path.basename(path)]
        for space in spaces:
            row += [vllm(space, config, None), vllm_most(space, config)]
        print(",".join(map(str, row + [sg["get_context_length"](config), window(config)])))


if __name__ == "__main__":
    main()
