#!/usr/bin/env python3
"""Makes pairs of a config.json and the header of its GGUF: llama.cpp's own converter writes the header, transformers says what tensors a
checkpoint of that configuration has. No weights are needed: the model lies on torch's meta device, and only names, shapes and keys are kept.

    make_pairs.py --converter DIR --out FILE [--draw N] [--jobs N] [FOLDER...]

DIR holds convert_hf_to_gguf.py, conversion/ and gguf-py/ (the sources of llama.cpp). FOLDER holds files *.json. --draw N makes N more
configurations for every class that both know: the class's defaults, with sizes and switches drawn at random. torch and transformers of
PYTHONPATH are used; a class that transformers has no model for is left out and said on stderr.

FILE becomes text, in the records of prepare_archs.py, and for drawn configurations (what FOLDER holds lies there):

    model NAME
    config {...}              on one line
    note TEXT                 why there is no header

Needs: torch, transformers, numpy, sentencepiece. Version of both sources: the first line of FILE.
"""
import argparse
import io
import json
import logging
import multiprocessing
import os
import re
import sys
import tarfile
import tempfile
import warnings
import zlib
from pathlib import Path

NUMBERS = {4: "u32", 5: "i32", 6: "f32", 7: "bool", 8: "str", 10: "u64", 11: "i64"}
# Kinds of values of which only some decide sizes: names, links and sampling are left out.
SKIPPED = re.compile(r"general\.(?!architecture$|alignment$|file_type$)|tokenizer\.(?!ggml\.tokens$)")

# A dense layer that transformers 5 names like one with experts when it goes back to the names of the checkpoint (Kimi-Linear).
DENSE = re.compile(r"\.block_sparse_moe\.(gate|up|down)_proj\.weight$")
# What copies of config.json lost, or renamed, and the converter insists on; none of it decides a size. By class.
LOST = {
    "Cohere2ForCausalLM": {"rotary_pct": 1.0},
    "FalconForCausalLM": {"layer_norm_epsilon": 1e-5},
    "FalconH1ForCausalLM": {"embedding_multiplier": 1.0, "ssm_multipliers": [1.0] * 5, "mlp_multipliers": [1.0, 1.0], "key_multiplier": 1.0,
                            "lm_head_multiplier": 1.0, "attention_in_multiplier": 1.0, "attention_out_multiplier": 1.0,
                            "ssm_in_multiplier": 1.0, "ssm_out_multiplier": 1.0},
    "GPTNeoXForCausalLM": {"rotary_pct": 0.25},
    "Qwen3VLForConditionalGeneration": {"rope_scaling": {"mrope_section": [24, 20, 20], "rope_type": "default"}},
    "Qwen3VLMoeForConditionalGeneration": {"rope_scaling": {"mrope_section": [24, 20, 20], "rope_type": "default"}},
}
# Their checkpoints have blocks for next tokens that neither the configuration states nor a model of transformers has.
NO_PAIR = ("mimo_v2_flash", "mimo_v2")
RENAMED = {"MptForCausalLM": "MPTForCausalLM", "MiniMaxM3ForCausalLM": "MiniMaxM3SparseForCausalLM",
           "Step3p7FlashForCausalLM": "Step3p7ForConditionalGeneration"}
DROPPED = ("quantization_config", "auto_map")  # weights are plain (but for MXFP4), and no code of a repository is run

logging.disable(logging.WARNING)
warnings.filterwarnings("ignore")


# ---- what tensors a checkpoint has ----

def model_class(config, name):
    import transformers

    cls = getattr(transformers, name, None)
    if cls is None:
        for auto in ("AutoModelForCausalLM", "AutoModelForImageTextToText", "AutoModelForSeq2SeqLM", "AutoModelForMaskedLM", "AutoModel"):
            mapping = getattr(transformers, auto)._model_mapping
            if type(config) in mapping:
                return mapping[type(config)]
        raise LookupError("transformers has no class %s" % name)
    return cls


def saved_tensors(model):
    """Names and shapes as save_pretrained would write them: tied copies once, buffers that are not persistent not at all."""
    state = dict(model.state_dict())
    tied = model._tied_weights_keys or []
    if getattr(model.config.get_text_config(), "tie_word_embeddings", False):
        for name in list(state):
            if name.endswith("lm_head.weight") or any(re.search(pattern, name) for pattern in (tied.keys() if isinstance(tied, dict) else tied)):
                del state[name]
    if any("language_model." in name for name in state):  # the decoder of a model with eyes or ears
        state = {n: t for n, t in state.items() if "language_model." in n or n.startswith("lm_head")}
    try:  # transformers 5 holds experts in one tensor where the checkpoint has many
        from transformers.core_model_loading import revert_weight_conversion
        state = revert_weight_conversion(model, state)
        if model.config.model_type.startswith("qwen3_vl_moe"):  # the checkpoint has them the other way round
            state = {n: t.transpose(1, 2) if n.endswith(("experts.gate_up_proj", "experts.down_proj")) else t for n, t in state.items()}
        return {n.replace(".block_sparse_moe.%s_proj" % m[1], ".mlp.%s_proj" % m[1]) if (m := DENSE.search(n)) else n: t for n, t in state.items()}
    except ImportError:
        pass
    mapping = {v: k for k, v in (getattr(model, "_checkpoint_conversion_mapping", None) or {}).items()}
    renamed = {}
    for name, tensor in state.items():
        for ours, theirs in mapping.items():
            name = re.sub("^" + re.sub(r"\(.*\)", "", ours.lstrip("^")), theirs.lstrip("^").split("(")[0], name)
        renamed[name] = tensor
    return renamed


def next_token_blocks(config, state):
    """Blocks behind the trunk are in the checkpoint and not in transformers' models: the last block again, and what joins it to the trunk."""
    text = config.get_text_config()
    trunk = getattr(text, "num_hidden_layers", 0)
    count = getattr(text, "num_nextn_predict_layers", 0) or 0
    mtp = getattr(text, "mtp_num_hidden_layers", None)
    if mtp is None and text.model_type in ("qwen3_next", "qwen3_5_text", "qwen3_5_moe_text"):
        mtp = 1
    prefix = next((m[1] for m in (re.match(r"(.*layers)\.%d\." % (trunk - 1), n) for n in state) if m), None)
    if prefix is None or not (count or mtp):
        return {}
    width, vocabulary = text.hidden_size, text.vocab_size
    import torch
    new = lambda *shape: torch.empty(shape, device="meta", dtype=torch.bfloat16)
    attending = max((i for i in range(trunk) if any(n.startswith("%s.%d.self_attn." % (prefix, i)) for n in state)), default=trunk - 1)
    last = {n[len(prefix) + len(".%d." % attending):]: t for n, t in state.items() if n.startswith("%s.%d." % (prefix, attending))}
    more = {}
    if mtp:
        for i in range(mtp):
            more.update({"mtp.layers.%d.%s" % (i, n): t for n, t in last.items()})
        more.update({"mtp.fc.weight": new(width, 2 * width), "mtp.norm.weight": new(width), "mtp.pre_fc_norm_embedding.weight": new(width),
                     "mtp.pre_fc_norm_hidden.weight": new(width)})
        return more
    for i in range(count):
        block = "%s.%d." % (prefix, trunk + i)
        more.update({block + n: t for n, t in last.items()})
        more.update({block + "eh_proj.weight": new(width, 2 * width), block + "enorm.weight": new(width), block + "hnorm.weight": new(width),
                     block + "shared_head.norm.weight": new(width), block + "shared_head.head.weight": new(vocabulary, width),
                     block + "embed_tokens.weight": new(vocabulary, width)})
    return more


def is_mxfp4(stated):
    return (stated.get("quantization_config") or {}).get("quant_method") == "mxfp4"


def pack_mxfp4(state):
    """Experts as gpt-oss publishes them: 32 values in 16 bytes, and a byte of scale."""
    import torch

    for name, tensor in state.items():
        if not name.endswith(("experts.gate_up_proj", "experts.down_proj")):
            yield name, tensor
            continue
        experts, inner, outer = tensor.shape
        yield name + "_blocks", torch.empty((experts, outer, inner // 32, 16), dtype=torch.uint8, device="meta")
        yield name + "_scales", torch.empty((experts, outer, inner // 32), dtype=torch.uint8, device="meta")


def meta_model(config, name):
    import torch

    with torch.device("meta"):
        return model_class(config, name)._from_config(config)


def checkpoint(folder, stated):
    """Names and tensors; None where transformers knows no such model. Of a model with eyes or ears all parts, or the decoder alone where its
    class does not build them."""
    from transformers import AutoConfig

    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
    except (ValueError, KeyError, AttributeError, OSError) as error:
        return trace(error)
    if getattr(config, "quantization_config", None) is not None:
        del config.quantization_config
    tied = stated.get("tie_word_embeddings")
    for part in (config, config.get_text_config()):
        if tied is not None:
            part.tie_word_embeddings = tied
        try:
            state = saved_tensors(meta_model(part, (stated.get("architectures") or [""])[0] if part is config else ""))
            state.update(next_token_blocks(config, state))
            return dict(pack_mxfp4(state)) if is_mxfp4(stated) else state
        except (LookupError, ImportError) as error:
            trace(error)
    return None


def trace(error):
    if os.environ.get("PAIRS_TRACE"):
        print("%s: %s" % (type(error).__name__, str(error)[:300]), file=sys.stderr)


# ---- the converter ----

def lazy(base, name, tensor):
    """Values are asked for where the converter looks whether two are the same: each has its own."""
    import torch

    meta = torch.empty(tuple(tensor.shape), dtype=tensor.dtype, device="meta")
    value = zlib.crc32(name.encode()) % 251 + 1
    return base.LazyTorchTensor(meta=meta, args=(), func=lambda: torch.full(tuple(tensor.shape), value, dtype=tensor.dtype))


def write_tokenizer(folder, stated):
    """As many tokens as the embedding has rows."""
    text = next((stated[k] for k in ("text_config", "llm_config") if isinstance(stated.get(k), dict)), stated)
    count = int(text.get("vocab_size") or stated.get("vocab_size") or 262208)
    Path(folder, "tokenizer.json").write_text(json.dumps({"model": {"vocab": {}}, "added_tokens": [0] * count}), encoding="utf-8")


def run_converter(folder, stated, state, read):
    """-> the writer that holds the header. `read`: the class's reading of the file, or the file itself, as the converter has it where
    transformers does not know the model."""
    import conversion
    from conversion import base
    import gguf

    def index(self, remote_hf_model_id=None):
        found = {}
        for name, tensor in state.items():
            item = type(self).filter_tensors((name, lambda n=name, t=tensor: lazy(base, n, t)))
            if item:
                found[item[0]] = item[1]
        return found

    base.ModelBase.index_tensors = index
    base.AutoConfig = read
    hparams = base.ModelBase.load_hparams(folder, False)
    name = base.get_model_architecture(hparams, base.ModelType.TEXT)
    dtype = stated.get("torch_dtype") or stated.get("dtype") or stated.get("text_config", {}).get("torch_dtype")
    kind = {"float16": gguf.LlamaFileType.MOSTLY_F16, "float32": gguf.LlamaFileType.ALL_F32}.get(dtype, gguf.LlamaFileType.MOSTLY_BF16)
    model = conversion.get_model_class(name)(folder, kind, folder / "out.gguf", eager=False)
    model = getattr(model, "impl", model)
    model.set_vocab = lambda: model.gguf_writer.add_token_list(["t"] * int(model.hparams.get("vocab_size") or model.hparams.get("padded_vocab_size") or 0))
    if state:
        model.prepare_tensors()
    model.prepare_metadata(vocab_only=False)
    return model.gguf_writer


class PlainFile:
    @staticmethod
    def from_pretrained(folder, **_):
        raise OSError("the file itself is read")


def convert(folder, stated):
    """With tensors where transformers has the model and the converter maps them, else keys alone."""
    from transformers import AutoConfig

    write_tokenizer(folder, stated)
    first = None
    for state in (checkpoint(folder, stated), None):
        for read in (AutoConfig, PlainFile):
            try:
                return run_converter(folder, stated, state or {}, read)
            except NotImplementedError:
                raise
            except Exception as error:
                trace(error)
                first = first or error
    raise first


# ---- records ----

def show(value):
    return repr(float(value)) if isinstance(value, float) else str(int(value)) if isinstance(value, (bool, int)) else str(value)


def record_of(name, arch, entry):
    kind = int(entry.type)
    short = name[len(arch) + 1:] if name.startswith(arch + ".") else name
    if name == "tokenizer.ggml.tokens":
        return "key %s tokens %d" % (name, len(entry.value))
    if kind == 9:
        values = list(entry.value)
        whole = all(isinstance(v, (bool, int)) for v in values)
        if not whole or not values:
            return None
        return "key %s %s[] %s" % (short, "bool" if isinstance(values[0], bool) else "i32", ",".join(show(v) for v in values))
    if kind in NUMBERS and entry.value is not None and not (kind == 8 and ("\n" in entry.value or not entry.value)):
        return "key %s %s %s" % (short, NUMBERS[kind], show(entry.value))
    return None


def records(writer):
    arch = writer.kv_data[0]["general.architecture"].value
    lines = []
    for name, entry in writer.kv_data[0].items():
        line = None if SKIPPED.match(name) else record_of(name, arch, entry)
        if line is not None:
            lines.append(line)
    for name, info in writer.tensors[0].items():
        lines.append("tensor %s %d %s" % (name, int(info.dtype), ",".join(str(n) for n in reversed([int(n) for n in info.shape]))))
    return lines


def make(job):
    name, text, drawn = job
    lines = ["model " + name]
    if drawn:
        lines.append("config " + json.dumps(text, sort_keys=True))
    with tempfile.TemporaryDirectory() as folder:
        plain = {k: v for k, v in text.items() if k not in DROPPED}
        if is_mxfp4(text):
            plain["quantization_config"] = text["quantization_config"]
        plain["architectures"] = [RENAMED.get(n, n) for n in plain.get("architectures") or []]
        for key, value in LOST.get(plain["architectures"][0] if plain["architectures"] else "", {}).items():
            part = plain["text_config"] if key == "rope_scaling" and "text_config" in plain else plain
            if part.get(key) is None:
                part[key] = value
        Path(folder, "config.json").write_text(json.dumps(plain), encoding="utf-8")
        try:
            if text.get("model_type") in NO_PAIR:
                raise LookupError("tensors of the checkpoint are not known")
            lines += records(convert(Path(folder), plain))
        except BaseException as error: # the converter raises what it likes
            if os.environ.get("PAIRS_TRACE"):
                import traceback
                traceback.print_exc()
            lines.append("note %s: %s" % (type(error).__name__, " ".join(str(error).split())[:200]))
    return lines


# ---- configurations ----

def from_folders(folders):
    for folder in folders:
        for file in sorted(Path(folder).glob("*.json")):
            yield file.stem, json.loads(file.read_text(encoding="utf-8")), False


def from_classes(count):
    import conversion
    import transformers
    import draw_configs

    for name, config_class in draw_configs.all_classes(transformers, conversion.TEXT_MODEL_MAP):
        for seed in range(count):
            drawn = draw_configs.draw(config_class, name, seed)
            if drawn is None:
                print("no configuration of %s is accepted" % name, file=sys.stderr)
                break
            yield "%s.%s.%d" % (name, transformers.__version__.split(".")[0], seed), drawn, True


def tensors_about(stated):
    """So that models of tens of thousands of tensors come last."""
    text = {**stated, **next((v for k, v in stated.items() if k in ("text_config", "llm_config") and isinstance(v, dict)), {})}
    number = lambda *names: next((text[n] for n in names if isinstance(text.get(n), int)), 1)
    return number("num_hidden_layers", "n_layer") * number("num_experts", "num_local_experts", "n_routed_experts")


def whole_pairs(path):
    found = set()
    with open(path, encoding="utf-8") as file:
        for line in file:
            kind, _, rest = line.rstrip("\n").partition(" ")
            if kind == "model":
                name = rest
            elif kind == "tensor":
                found.add(name)
    return found


def pack(files, path):
    """Of every name the first pair that has tensors, else the first that has keys, into a .tar.xz."""
    best = {}
    versions = []
    for file in files:
        for block in Path(file).read_text(encoding="utf-8").split("\nmodel "):
            lines = block.rstrip("\n").split("\n")
            if lines[0].startswith("#"):
                versions.append(lines[0])
                continue
            rank = 2 if lines[-1].startswith("tensor") else 0 if lines[-1].startswith("note") else 1
            if rank > best.get(lines[0], (0, None))[0]:
                best[lines[0]] = rank, lines
    text = "\n".join(dict.fromkeys(versions)) + "\n" + "".join("model " + "\n".join(lines) + "\n" for _, (_, lines) in sorted(best.items()))
    with tarfile.open(path, "w:xz", preset=9) as tar:
        info = tarfile.TarInfo("pairs/pairs.txt")
        info.size = len(text.encode())
        tar.addfile(info, io.BytesIO(text.encode()))
    print("%d pairs, %d with tensors" % (len(best), sum(rank == 2 for rank, _ in best.values())))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--converter")
    parser.add_argument("--out", required=True)
    parser.add_argument("--pack", action="store_true", help="FOLDERs are files of this program, --out is pairs.tar.xz")
    parser.add_argument("--version", default="llama.cpp", help="of the converter: it is written into FILE")
    parser.add_argument("--draw", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", default="", help="a pattern of names")
    parser.add_argument("--besides", help="a file of this program: its pairs that have tensors are not made again")
    parser.add_argument("folders", nargs="*")
    args = parser.parse_args()
    if args.pack:
        return pack(args.folders, args.out)
    sys.path.insert(0, args.converter)
    os.environ["HF_HUB_OFFLINE"] = "1"
    import conversion
    import torch
    import transformers
    conversion.load_all_models()
    done = whole_pairs(args.besides) if args.besides else set()
    jobs = [job for job in [*from_folders(args.folders), *from_classes(args.draw)] if re.search(args.only, job[0]) and job[0] not in done]
    jobs.sort(key=lambda job: tensors_about(job[1]))
    torch.set_num_threads(1)
    with open(args.out, "w", encoding="utf-8") as out, multiprocessing.get_context("fork").Pool(args.jobs, maxtasksperchild=1) as pool:
        print("# transformers %s, converter of %s" % (transformers.__version__, args.version), file=out)
        print("#", file=out)
        for lines in pool.imap(make, jobs):
            print("\n".join(lines), file=out, flush=True)
            if lines[-1].startswith("note"):
                print(lines[0], lines[-1], file=sys.stderr)
    return None


if __name__ == "__main__":
    main()
