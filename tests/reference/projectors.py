#!/usr/bin/env python3
"""Makes projectors of every known kind with shapes drawn at random, and holds what the library says of them against the real llama.cpp.

  projectors.py PROBE SIZES [--kinds qwen3vl,...] [--seeds 3] [--first 0]   prints differences; exit code 1 where there are any
  projectors.py PROBE --write tests/data/projectors/rows.txt                measures the rows that the tests hold

SIZES is projector_sizes, which the tests build. PROBE takes the same words and answers in the same lines from a real libmtmd: of `load`,
`img` and `ov` what ggml_gallocr_reserve_n_size() says of each graph that ggml_gallocr_reserve_n() is called with (mtmd_init_from_file with a warm-up,
clip_image_batch_encode without one), of `pre` what mtmd_debug_preprocess_image() logs and clip_n_output_tokens() returns. `cuda` and `rpc`
may be stand-ins for devices: alignment and sizes of tensors, and which attention has a kernel. Files are headers with a hole behind: no
weight is read. Standard library only."""

import argparse
import os
import pathlib
import random
import re
import struct
import subprocess
import tempfile

R = random.Random()
F32, F16 = "f32", "f16"
TYPES = {F32: (0, 4), F16: (1, 2)}
EARS = "ultravox qwen2a voxtral musicflamingo glma meralion qwen3a gemma4a gemma4ua dots3note_a lfm2a granite_speech".split()


def text(s):
    return struct.pack("<Q", len(s)) + s.encode()


class Projector:
    """Keys and tensors; dimensions in ggml's order."""

    def __init__(self, kind, ears=False):
        self.keys = [
            ("general.architecture", "clip"),
            ("general.type", "mmproj"),
            ("clip.projector_type", kind),
            (f"clip.has_{'audio' if ears else 'vision'}_encoder", True),
        ]
        self.tensors = []

    def u(self, key, value):
        self.keys.append((key, value))

    arr = u

    def encoder(self, sense, embd, heads, ff, layers, proj):
        for key, value in zip(
            "embedding_length attention.head_count feed_forward_length block_count projection_dim".split(), (embd, heads, ff, layers, proj)
        ):
            self.u(f"clip.{sense}.{key}", value)
        self.u(f"clip.{sense}.attention.layer_norm_epsilon", 1e-6)

    def vision(self, embd, heads, ff, layers, proj, image, patch, act):
        self.encoder("vision", embd, heads, ff, layers, proj)
        self.u("clip.vision.image_size", image)
        self.u("clip.vision.patch_size", patch)
        self.arr("clip.vision.image_mean", [0.5, 0.5, 0.5])
        self.arr("clip.vision.image_std", [0.5, 0.5, 0.5])
        if act:
            self.u("clip.use_" + act, True)

    def audio(self, embd, heads, ff, layers, proj, mel):
        self.encoder("audio", embd, heads, ff, layers, proj)
        self.u("clip.audio.num_mel_bins", mel)

    def T(self, name, *ne, type=None):
        plain = len(ne) < 2 or not name.endswith("weight") or "norm" in name or "position" in name
        self.tensors.append((name, ne, type or (F32 if plain else F16)))

    def lin(self, name, i, o, bias=True):
        self.T(name + ".weight", i, o)
        if bias:
            self.T(name + ".bias", o)

    def lin2(self, name, side, i, o, bias=True):
        self.T(name + ".weight", side, side, i, o)
        if bias:
            self.T(name + ".bias", o)

    def norm(self, name, n, bias=True):
        self.T(name + ".weight", n)
        if bias:
            self.T(name + ".bias", n)

    def blocks(self, embd, ff, layers, prefix="v", qkv=False, bias=True, gate=False, norm_bias=True, kv=None, kb=True, ls=False, qkn=None):
        kv = kv or embd
        for i in range(layers):
            p = f"{prefix}.blk.{i}."
            self.norm(p + "ln1", embd, norm_bias)
            self.norm(p + "ln2", embd, norm_bias)
            if qkv:
                self.lin(p + "attn_qkv", embd, embd + 2 * kv, bias)
            else:
                self.lin(p + "attn_q", embd, embd, bias)
                self.lin(p + "attn_k", embd, kv, bias and kb)
                self.lin(p + "attn_v", embd, kv, bias)
            self.lin(p + "attn_out", embd, embd, bias)
            if qkn:
                self.norm(p + "attn_q_norm", qkn, False)
                self.norm(p + "attn_k_norm", qkn, False)
            self.lin(p + "ffn_up", embd, ff, bias)
            if gate:
                self.lin(p + "ffn_gate", embd, ff, bias)
            self.lin(p + "ffn_down", ff, embd, bias)
            if ls:
                self.T(p + "ls1.weight", embd)
                self.T(p + "ls2.weight", embd)

    def save(self, path):
        def scalar(value):
            if isinstance(value, bool):
                return 7, struct.pack("<B", value)
            if isinstance(value, str):
                return 8, text(value)
            return (6, struct.pack("<f", value)) if isinstance(value, float) else (4 if value >= 0 else 5, struct.pack("<i", value))

        out = struct.pack("<4sIQQ", b"GGUF", 3, len(self.tensors), len(self.keys))
        for key, value in self.keys:
            if isinstance(value, list):
                kind = 6 if isinstance(value[0], float) else 5
                data = struct.pack("<IIQ", 9, kind, len(value)) + b"".join(struct.pack("<f" if kind == 6 else "<i", v) for v in value)
            else:
                kind, data = scalar(value)
                kind = 5 if key == "clip.minicpmv_version" else kind
                data = struct.pack("<I", kind) + data
            out += text(key) + data
        end = 0
        for name, ne, kind in self.tensors:
            out += (
                text(name)
                + struct.pack("<I", len(ne))
                + b"".join(struct.pack("<Q", n) for n in ne)
                + struct.pack("<IQ", TYPES[kind][0], end)
            )
            size = TYPES[kind][1]
            for n in ne:
                size *= n
            end += (size + 31) // 32 * 32
        pathlib.Path(path).write_bytes(out)
        os.truncate(path, (len(out) + 31) // 32 * 32 + end)


def pick(*a):
    return R.choice(a)


def dims():
    head = pick(2, 3, 4, 6)
    hd = pick(16, 24, 32, 40, 64, 72, 80, 88, 96, 128)
    return head * hd, head, hd


def vis(p, patch, act=None, embd=None, head=None, image=None, L=None, ff=None, proj=None):
    if embd is None:
        embd, head, _ = dims()
    L = L or pick(2, 3, 4)
    ff = ff or embd * pick(1, 2, 3, 4) + pick(0, 16, 32)
    proj = proj or pick(64, 96, 160, 256, 2560)
    p.vision(embd, head, ff, L, proj, image, patch, act or pick("gelu", "silu", None))
    return embd, head, ff, L, proj


def gemma3():
    p = Projector("gemma3")
    patch = pick(14, 16)
    s = pick(2, 4)
    side = s * pick(2, 3, 4)
    image = side * patch
    e, h, ff, L, pr = vis(p, patch, image=image)
    p.u("clip.vision.projector.scale_factor", s)
    p.T("v.patch_embd.weight", patch, patch, 3, e)
    p.T("v.patch_embd.bias", e)
    p.T("v.position_embd.weight", e, side * side)
    p.norm("v.post_ln", e)
    p.blocks(e, ff, L)
    p.T("mm.input_projection.weight", pr, e)
    p.T("mm.soft_emb_norm.weight", e)
    return p


def siglip_base(p, image, patch, post=True, **k):
    e, h, ff, L, pr = vis(p, patch, image=image, **k)
    side = image // patch
    p.T("v.patch_embd.weight", patch, patch, 3, e)
    p.T("v.patch_embd.bias", e)
    p.T("v.position_embd.weight", e, side * side)
    if post:
        p.norm("v.post_ln", e)
    p.blocks(e, ff, L)
    return e, h, ff, L, pr


def idefics3():
    p = Projector("idefics3")
    s = pick(2, 3, 4)
    patch = pick(14, 16)
    image = s * patch * pick(4, 5, 6)
    e, h, ff, L, pr = siglip_base(p, image, patch)
    p.u("clip.vision.projector.scale_factor", s)
    if pick(0, 1):
        p.u("clip.vision.preproc_image_size", image * pick(3, 4))
    p.T("mm.model.fc.weight", e * s * s, pr)
    return p


def lfm2():
    p = Projector("lfm2")
    s = 2
    patch = 16
    image = patch * pick(8, 16)
    e, h, ff, L, pr = siglip_base(p, image, patch)
    p.u("clip.vision.projector.scale_factor", s)
    if pick(0, 1):
        p.norm("mm.input_norm", e * 4)
    p.lin("mm.1", e * 4, pr)
    p.lin("mm.2", pr, pr)
    return p


def janus():
    p = Projector("janus_pro")
    patch = pick(14, 16)
    image = patch * pick(6, 9, 24)
    e, h, ff, L, pr = siglip_base(p, image, patch)
    p.lin("mm.0", e, pr)
    p.lin("mm.1", pr, pr)
    return p


def phi4():
    p = Projector("phi4")
    patch = pick(14, 16)
    image = patch * pick(6, 9, 24)
    e, h, ff, L, pr = siglip_base(p, image, patch)
    p.u("clip.vision.image_min_pixels", patch * patch * 64)
    p.u("clip.vision.image_max_pixels", patch * patch * 900)
    p.lin("mm.0", e, pr)
    p.lin("mm.2", pr, pr)
    return p


def pixtral(kind="pixtral"):
    p = Projector(kind)
    patch = pick(14, 16)
    m = pick(1, 2)
    image = patch * 60
    e, h, ff, L, pr = vis(p, patch, image=image, act="silu")
    p.T("v.patch_embd.weight", patch, patch, 3, e)
    p.norm("v.pre_ln", e, False)
    p.blocks(e, ff, L, bias=False, gate=True, norm_bias=False)
    b = pick(True, False)
    if m == 2:
        p.u("clip.vision.spatial_merge_size", 2)
        p.T("mm.input_norm.weight", e)
        p.T("mm.patch_merger.weight", e * 4, e)
    p.lin("mm.1", e, pr, b)
    p.lin("mm.2", pr, pr, b)
    if kind == "pixtral":
        p.T("v.token_embd.img_break", pr)
    return p


def lightonocr():
    return pixtral("lightonocr")


def qwen2vl():
    p = Projector("qwen2vl_merger")
    patch = 14
    image = 560
    e, h, ff, L, pr = vis(p, patch, image=image)
    p.T("v.patch_embd.weight", patch, patch, 3, e)
    p.T("v.patch_embd.weight.1", patch, patch, 3, e)
    p.norm("v.post_ln", e)
    p.blocks(e, ff, L)
    p.lin("mm.0", e * 4, e * 4)
    p.lin("mm.2", e * 4, pr)
    return p


def qwen25vl():
    p = Projector("qwen2.5vl_merger")
    patch = 14
    image = 560
    e, h, ff, L, pr = vis(p, patch, image=image, act="silu", L=pick(3, 4, 5))
    p.u("clip.vision.n_wa_pattern", pick(2, 3))
    p.T("v.patch_embd.weight", patch, patch, 3, e)
    p.T("v.patch_embd.weight.1", patch, patch, 3, e)
    p.norm("v.post_ln", e, False)
    p.blocks(e, ff, L, gate=True, norm_bias=False)
    p.lin("mm.0", e * 4, e * 4)
    p.lin("mm.2", e * 4, pr)
    return p


def exaone():
    p = Projector("exaone4_5")
    patch = 14
    image = 560
    head = pick(4, 6)
    hd = pick(16, 32, 64)
    kv = 2
    e = head * hd
    e, h, ff, L, pr = vis(p, patch, image=image, act="silu", L=pick(3, 4), embd=e, head=head)
    if pick(0, 1):
        p.u("clip.vision.n_wa_pattern", 2)
    p.u("clip.vision.attention.head_count_kv", kv)
    p.u("clip.vision.image_min_pixels", 3136)
    p.u("clip.vision.image_max_pixels", 12845056 // 8)
    p.T("v.patch_embd.weight", patch, patch, 3, e)
    p.T("v.patch_embd.weight.1", patch, patch, 3, e)
    p.norm("v.post_ln", e, False)
    p.blocks(e, ff, L, qkv=True, gate=True, norm_bias=False, kv=kv * hd)
    p.lin("mm.0", e * 4, e * 4)
    p.lin("mm.2", e * 4, pr)
    return p


def qwen3vl():
    p = Projector("qwen3vl_merger")
    patch = 16
    side = pick(24, 48)
    image = 768
    e, h, ff, L, pr = vis(p, patch, image=image, act="gelu", L=pick(3, 4, 5))
    p.T("v.patch_embd.weight", patch, patch, 3, e)
    p.T("v.patch_embd.weight.1", patch, patch, 3, e)
    p.T("v.patch_embd.bias", e)
    p.T("v.position_embd.weight", e, side * side)
    p.norm("v.post_ln", e)
    p.blocks(e, ff, L, qkv=True)
    for i in R.sample(range(L), pick(0, 1, 2)):
        p.norm(f"v.deepstack.{i}.norm", e * 4)
        p.lin(f"v.deepstack.{i}.fc1", e * 4, e * 4)
        p.lin(f"v.deepstack.{i}.fc2", e * 4, pr)
    p.lin("mm.0", e * 4, e * 4)
    p.lin("mm.2", e * 4, pr)
    return p


def glm4v():
    p = Projector("glm4v")
    patch = 14
    side = pick(24, 46)
    image = 336
    e, h, ff, L, pr = vis(p, patch, image=image, act="silu")
    p.T("v.patch_embd.weight", patch, patch, 3, e)
    p.T("v.patch_embd.weight.1", patch, patch, 3, e)
    p.T("v.patch_embd.bias", e)
    if pick(0, 1):
        p.T("v.position_embd.weight", e, side * side)
    p.norm("v.norm_embd", e, False)
    p.norm("v.post_ln", e, False)
    p.blocks(e, ff, L, qkv=True, bias=False, gate=True, norm_bias=False)
    o = pick(128, 256)
    p.T("mm.patch_merger.weight", 2, 2, e, o)
    p.T("mm.patch_merger.bias", o)
    p.lin("mm.model.fc", o, o, False)
    p.norm("mm.post_norm", o)
    p.lin("mm.up", o, o * 3, False)
    p.lin("mm.gate", o, o * 3, False)
    p.lin("mm.down", o * 3, pr, False)
    return p


def internvl():
    p = Projector("internvl")
    patch = 14
    s = 2
    side = s * pick(4, 8, 16)
    image = side * patch
    e, h, ff, L, pr = vis(p, patch, image=image, act="gelu")
    p.u("clip.vision.projector.scale_factor", s)
    p.T("v.class_embd", e)
    p.T("v.patch_embd.weight", patch, patch, 3, e)
    p.T("v.patch_embd.bias", e)
    p.T("v.position_embd.weight", e, side * side + 1)
    qk = pick(0, 1)
    p.blocks(e, ff, L, qkv=pick(True, False) if not qk else False, ls=True, qkn=e if qk else None)
    if pick(0, 1):
        p.u("clip.vision.preproc_max_tiles", 6)
        p.u("clip.vision.preproc_min_tiles", 1)
    p.norm("mm.model.mlp.0", e * 4)
    p.lin("mm.model.mlp.1", e * 4, pr)
    p.lin("mm.model.mlp.3", pr, pr)
    return p


def nemotron():
    p = Projector("nemotron_v2_vl")
    patch = 16
    s = 2
    side = s * pick(4, 8, 16)
    image = side * patch
    e, h, ff, L, pr = vis(p, patch, image=image, act="gelu")
    p.u("clip.vision.projector.scale_factor", s)
    p.T("v.class_embd", e, pick(4, 10))
    p.T("v.patch_embd.weight", patch, patch, 3, e)
    p.T("v.position_embd.weight", e, side * side)
    p.blocks(e, ff, L, qkv=True)
    p.T("mm.model.mlp.0.weight", e * 4, type=F32)
    p.lin("mm.model.mlp.1", e * 4, pr, False)
    p.lin("mm.model.mlp.3", pr, pr, False)
    return p


def llama4():
    p = Projector("llama4")
    patch = 14
    s = 2
    side = s * pick(4, 6, 12)
    image = side * patch
    e, h, ff, L, pr = vis(p, patch, image=image, act="gelu")
    p.u("clip.vision.projector.scale_factor", s)
    p.T("v.class_embd", e)
    p.T("v.patch_embd.weight", patch * patch * 3, e)
    p.T("v.position_embd.weight", e, side * side + 1)
    p.norm("v.pre_ln", e)
    p.norm("v.post_ln", e)
    p.blocks(e, ff, L)
    m = pick(128, 192)
    p.T("mm.model.mlp.1.weight", e * 4, m)
    p.T("mm.model.mlp.2.weight", m, m)
    p.T("mm.model.fc.weight", m, pr)
    return p


def kimivl():
    p = Projector("kimivl")
    patch = 14
    image = patch * 64
    side = pick(16, 64)
    e, h, ff, L, pr = vis(p, patch, image=image)
    p.u("clip.vision.projector.scale_factor", 2)
    p.T("v.patch_embd.weight", patch, patch, 3, e)
    p.T("v.patch_embd.bias", e)
    p.T("v.position_embd.weight", e, side * side)
    p.norm("v.post_ln", e)
    p.blocks(e, ff, L)
    p.norm("mm.input_norm", e)
    p.lin("mm.1", e * 4, e * 4)
    p.lin("mm.2", e * 4, pr)
    return p


def kimik25():
    p = Projector("kimik25")
    patch = 14
    image = patch * 64
    e, h, ff, L, pr = vis(p, patch, image=image)
    p.u("clip.vision.projector.scale_factor", 2)
    if pick(0, 1):
        p.u("clip.vision.image_min_pixels", 784)
        p.u("clip.vision.image_max_pixels", 784 * 400)
    p.T("v.patch_embd.weight", patch, patch, 3, e)
    p.T("v.patch_embd.bias", e)
    p.T("v.position_embd.weight", e, 64, 64, type=F32)
    p.norm("v.post_ln", e)
    p.blocks(e, ff, L, qkv=True)
    p.norm("mm.input_norm", e)
    p.lin("mm.1", e * 4, e * 4)
    p.lin("mm.2", e * 4, pr)
    return p


def paddleocr():
    p = Projector("paddleocr")
    patch = 14
    image = 378
    side = 27
    e, h, ff, L, pr = vis(p, patch, image=image)
    p.u("clip.vision.image_min_pixels", 147384)
    p.u("clip.vision.image_max_pixels", 1605632)
    p.T("v.patch_embd.weight", patch, patch, 3, e)
    p.T("v.patch_embd.bias", e)
    p.T("v.position_embd.weight", e, side * side)
    p.norm("v.post_ln", e)
    p.blocks(e, ff, L)
    p.norm("mm.input_norm", e)
    p.lin("mm.1", e * 4, e * 4)
    p.lin("mm.2", e * 4, pr)
    return p


def dotsocr():
    p = Projector("dots_ocr")
    patch = 14
    image = 0
    e, h, ff, L, pr = vis(p, patch, image=image, act="silu")
    p.u("clip.vision.projector.scale_factor", 2)
    p.u("clip.vision.image_min_pixels", 3136)
    p.u("clip.vision.image_max_pixels", 1128960)
    p.T("v.patch_embd.weight", patch, patch, 3, e)
    p.T("v.patch_embd.bias", e)
    p.norm("v.pre_ln", e, False)
    p.norm("mm.post_norm", e, False)
    p.blocks(e, ff, L, qkv=True, bias=False, gate=True, norm_bias=False)
    p.norm("mm.input_norm", e)
    p.lin("mm.0", e * 4, e * 4)
    p.lin("mm.2", e * 4, pr)
    return p


def hunyuan():
    p = Projector("hunyuanvl")
    patch = 16
    image = patch * 20
    e, h, ff, L, pr = vis(p, patch, image=image, act="gelu")
    if pick(0, 1):
        p.u("clip.vision.image_min_pixels", 512 * 512)
        p.u("clip.vision.image_max_pixels", 1024 * 1024)
    p.T("v.patch_embd.weight", patch, patch, 3, e)
    p.T("v.patch_embd.bias", e)
    p.T("v.position_embd.weight", e, 400)
    p.blocks(e, ff, L)
    a = pick(64, 128)
    o = a * 2
    p.T("mm.pre_norm.weight", e)
    p.T("mm.post_norm.weight", pr)
    p.T("mm.0.weight", 2, 2, e, a)
    p.T("mm.0.bias", a)
    p.T("mm.2.weight", 1, 1, a, o)
    p.T("mm.2.bias", o)
    p.T("v.image_newline", o)
    p.lin("mm.model.fc", o, pr)
    p.T("mm.image_begin", pr)
    p.T("mm.image_end", pr)
    return p


def gemma4v():
    p = Projector("gemma4v")
    patch = 16
    image = 224
    e, h, ff, L, pr = vis(p, patch, image=image, act="gelu")
    p.u("clip.vision.projector.scale_factor", 3)
    p.T("v.patch_embd.weight", patch, patch, 3, e)
    p.T("v.position_embd.weight", e, 200, 2, type=F32)
    p.blocks(e, ff, L, bias=False, gate=True, norm_bias=False, qkn=e // h)
    for i in range(L):
        p.T(f"v.blk.{i}.attn_post_norm.weight", e)
        p.T(f"v.blk.{i}.ffn_post_norm.weight", e)
    if pick(0, 1):
        p.T("v.std_bias", e)
        p.T("v.std_scale", e)
    p.T("mm.input_projection.weight", e, pr)
    return p


def llava(kind="mlp"):
    p = Projector(kind)
    patch = 14
    side = 24 if kind.startswith("ldp") else pick(8, 16, 24)
    image = side * patch
    e, h, ff, L, pr = vis(p, patch, image=image)
    c = pick(0, 1)
    if c:
        p.T("v.class_embd", e)
        p.norm("v.pre_ln", e)
    p.T("v.patch_embd.weight", patch, patch, 3, e)
    p.T("v.position_embd.weight", e, side * side + c)
    p.norm("v.post_ln", e)
    p.blocks(e, ff, L)
    feat = 1
    if pick(0, 0, 1) and not kind.startswith("ldp"):
        p.arr(
            "clip.vision.image_grid_pinpoints",
            [image, image * 2, image * 2, image, image * 2, image * 2, image * 3, image, image, image * 3],
        )
    if kind == "mlp" and pick(0, 1, 1):
        fl = sorted(R.sample(range(L), pick(1, 2)))
        p.arr("clip.vision.feature_layer", fl)
        feat = len(fl)
    if kind == "mlp":
        if pick(0, 0, 1):
            p.lin("mm.0", e * feat, pr)
            p.T("mm.1.weight", pr, type=F32)
            p.T("mm.1.bias", pr)
            p.lin("mm.3", pr, pr)
            p.T("mm.4.weight", pr, type=F32)
            p.T("mm.4.bias", pr)
        else:
            p.lin("mm.0", e * feat, pr)
            p.lin("mm.2", pr, pr)
    elif kind == "ldp":
        p.lin("mm.model.mlp.1", e, pr)
        p.lin("mm.model.mlp.3", pr, pr)
        for b in (1, 2):
            q = f"mm.model.mb_block.{b}.block."
            p.T(q + "0.0.weight", 3, 3, 1, pr)
            p.T(q + "0.1.weight", pr)
            p.T(q + "0.1.bias", pr)
            p.lin(q + "1.fc1", pr, pr // 4)
            p.lin(q + "1.fc2", pr // 4, pr)
            p.T(q + "2.0.weight", pr, pr)
            p.T(q + "2.1.weight", pr)
            p.T(q + "2.1.bias", pr)
    elif kind == "ldpv2":
        p.lin("mm.model.mlp.0", e, pr)
        p.lin("mm.model.mlp.2", pr, pr)
        p.T("mm.model.peg.0.weight", 3, 3, 1, pr)
        p.T("mm.model.peg.0.bias", pr)
    return p


def ldp():
    return llava("ldp")


def ldpv2():
    return llava("ldpv2")


def glm_edge():
    p = Projector("adapter")
    patch = 14
    side = pick(8, 16, 48)
    image = side * patch
    e, h, ff, L, pr = vis(p, patch, image=image)
    p.T("v.patch_embd.weight", patch, patch, 3, e)
    p.T("v.patch_embd.bias", e)
    p.T("v.position_embd.weight", e, side * side)
    p.blocks(e, ff, L)
    o = pick(128, 160)
    p.T("adapter.conv.weight", 2, 2, e, o)
    p.T("adapter.conv.bias", o)
    p.T("adapter.linear.linear.weight", o, pr)
    p.T("adapter.linear.norm1.weight", pr)
    p.T("adapter.linear.norm1.bias", pr)
    p.T("adapter.linear.dense_h_to_4h.weight", pr, pr * 2)
    p.T("adapter.linear.gate.weight", pr, pr * 2)
    p.T("adapter.linear.dense_4h_to_h.weight", pr * 2, pr)
    p.T("adapter.boi", pr)
    p.T("adapter.eoi", pr)
    return p


def cogvlm():
    p = Projector("cogvlm")
    patch = 14
    side = pick(8, 16)
    image = side * patch
    e, h, ff, L, pr = vis(p, patch, image=image)
    p.T("v.class_embd", e)
    p.T("v.patch_embd.weight", patch, patch, 3, e)
    p.T("v.patch_embd.bias", e)
    p.T("v.position_embd.weight", e, side * side + 1)
    p.blocks(e, ff, L, qkv=True)
    p.T("mm.model.fc.weight", e, pr)
    p.norm("mm.post_fc_norm", pr)
    p.T("mm.up.weight", pr, pr * 2)
    p.T("mm.gate.weight", pr, pr * 2)
    p.T("mm.down.weight", pr * 2, pr)
    p.T("v.boi", pr)
    p.T("v.eoi", pr)
    return p


def minicpmv():
    p = Projector("resampler")
    patch = 14
    image = 448
    e, h, ff, L, pr = vis(p, patch, image=image)
    pr = pick(256, 384, 640)
    v = pick(2, 3, 4, 5, 6)
    p.u("clip.minicpmv_version", v)
    if pick(0, 1):
        p.u("clip.minicpmv_query_num", pick(32, 64, 96))
    q = {2: 96}.get(v, 64)
    # query rows must agree
    kv = [x for x in p.keys if x[0] == "clip.minicpmv_query_num"]
    if kv:
        q = kv[0][1]
    p.T("v.patch_embd.weight", patch, patch, 3, e)
    p.T("v.patch_embd.bias", e)
    p.T("v.position_embd.weight", e, 4900)
    p.norm("v.post_ln", e)
    p.blocks(e, ff, L)
    p.T("resampler.pos_embed_k", pr, 4900, type=F32)
    p.T("resampler.query", pr, q, type=F32)
    p.T("resampler.proj.weight", pr, pr)
    p.T("resampler.kv.weight", e, pr)
    for n in "qkv":
        p.lin(f"resampler.attn.{n}", pr, pr)
    p.lin("resampler.attn.out", pr, pr)
    for n in ("q", "kv", "post"):
        p.T(f"resampler.ln_{n}.weight", pr, type=F32)
        p.T(f"resampler.ln_{n}.bias", pr)
    return p


def whisper(kind):
    p = Projector(kind, True)
    e, h, hd = dims()
    ff = e * pick(2, 4)
    L = pick(2, 3)
    pr = pick(128, 256)
    mel = pick(80, 128)
    st = pick(2, 4, 8)
    p.audio(e, h, ff, L, pr, mel)
    p.u("clip.audio.projector.stack_factor", st)
    p.T("a.conv1d.1.weight", 3, mel, e)
    p.T("a.conv1d.1.bias", 1, e)
    p.T("a.conv1d.2.weight", 3, e, e)
    p.T("a.conv1d.2.bias", 1, e)
    p.T("a.position_embd.weight", e, 1500)
    p.norm("a.post_ln", e)
    p.blocks(e, ff, L, prefix="a", kb=False)
    if kind == "ultravox":
        p.T("mm.a.norm_pre.weight", e * st)
        p.T("mm.a.mlp.1.weight", e * st, pr)
        p.T("mm.a.norm_mid.weight", pr // 2)
        p.T("mm.a.mlp.2.weight", pr // 2, pr)
    elif kind == "qwen2a":
        p.lin("mm.a.fc", e, pr)
    elif kind == "voxtral":
        p.T("mm.a.mlp.1.weight", e * st, pr)
        p.T("mm.a.mlp.2.weight", pr, pr)
    elif kind == "musicflamingo":
        p.lin("mm.a.mlp.1", e, pr)
        p.lin("mm.a.mlp.2", pr, pr)
    elif kind == "glma":
        p.norm("mm.a.norm_pre", e)
        p.lin("mm.a.mlp.1", e * st, pr)
        p.lin("mm.a.mlp.2", pr, pr)
        p.T("v.boi", pr)
        p.T("v.eoi", pr)
    elif kind == "meralion":
        p.norm("mm.a.norm_pre", e * st)
        m = pick(96, 160)
        p.lin("mm.a.mlp.0", e * st, m)
        p.lin("mm.a.mlp.1", m, m)
        p.lin("mm.a.mlp.2", m, m)
        p.lin("mm.a.mlp.3", m, pr)
    return p


def ultravox():
    return whisper("ultravox")


def qwen2a():
    return whisper("qwen2a")


def voxtral():
    return whisper("voxtral")


def musicflamingo():
    return whisper("musicflamingo")


def glma():
    return whisper("glma")


def meralion():
    return whisper("meralion")


def qwen3a():
    p = Projector("qwen3a", True)
    e, h, hd = dims()
    ff = e * pick(2, 4)
    L = pick(2, 3)
    pr = pick(128, 256)
    c = pick(48, 96)
    p.audio(e, h, ff, L, pr, 128)
    for i, (a, b) in enumerate(((1, c), (c, c), (c, c))):
        p.T(f"a.conv2d.{i+1}.weight", 3, 3, a, b)
        p.T(f"a.conv2d.{i+1}.bias", b)
    p.lin("a.conv_out", c * 16, e, False)
    p.T("a.position_embd.weight", e, 1500)
    p.norm("a.post_ln", e)
    p.blocks(e, ff, L, prefix="a", kb=True)
    p.lin("mm.a.mlp.1", e, e)
    p.lin("mm.a.mlp.2", e, pr)
    return p


def gemma4a():
    p = Projector("gemma4a", True)
    h = pick(2, 4)
    e = 128 * pick(1, 2, 3)
    ff, L, pr = e * pick(2, 4), pick(2, 3), pick(128, 256)
    p.audio(e, h, ff, L, pr, 128)
    c = pick(32, 64)
    for i, (a, o) in enumerate(((1, c), (c, c // 2))):
        p.T(f"a.conv1d.{i}.weight", 3, 3, a, o)
        p.T(f"a.conv1d.{i}.norm.weight", o)
    p.lin("a.input_projection", c // 2 * 32, e, False)
    for i in range(L):
        b = f"a.blk.{i}."
        for name in ("attn_q", "attn_k", "attn_v", "attn_out", "attn_k_rel"):
            p.lin(b + name, e, e, False)
        p.T(b + "per_dim_scale.weight", e // h)
        for name in ("ffn_norm", "ffn_post_norm", "ffn_norm_1", "ffn_post_norm_1", "attn_pre_norm", "attn_post_norm", "ln2", "conv_norm", "norm_conv"):
            p.T(b + name + ".weight", e)
        for name in ("ffn_up", "ffn_up_1"):
            p.lin(b + name, e, ff, False)
        for name in ("ffn_down", "ffn_down_1"):
            p.lin(b + name, ff, e, False)
        p.lin(b + "conv_pw1", e, 2 * e, False)
        p.T(b + "conv_dw.weight", 5, e, type=F32)
        p.lin(b + "conv_pw2", e, e, False)
    p.lin("a.pre_encode.out", e, pr, pick(True, False))
    p.lin("mm.a.input_projection", pr, pick(128, 320), False)
    return p


def gemma4uv():
    p = Projector("gemma4uv")
    patch = 16
    e = 64 * pick(2, 3, 5)
    p.vision(e, 0, 0, 0, 256, 224, patch, None)
    p.u("clip.vision.projector.scale_factor", 3)
    wide = (3 * patch) ** 2 * 3
    p.norm("v.patch_norm.1", wide)
    p.T("v.patch_embd.weight", wide, e)
    p.T("v.patch_embd.bias", e)
    p.norm("v.patch_norm.2", e)
    p.T("v.position_embd.weight", e, 200, 2, type=F32)
    p.norm("v.patch_norm.3", e)
    p.T("mm.input_projection.weight", e, pick(128, 320))
    return p


def gemma4ua():
    p = Projector("gemma4ua", True)
    e = 640
    p.audio(e, 0, 0, 0, 256, 128)
    p.T("mm.a.input_projection.weight", e, pick(128, 320))
    return p


def gemma3nv():
    p = Projector("gemma3nv")
    c = [32, 64, 96, 128]
    e = pick(96, 160)
    p.vision(e, 8, 128, 4, 256, pick(256, 512), 1, None)
    p.T("v.conv_stem.conv.weight", 3, 3, 3, 32)
    p.T("v.conv_stem.conv.bias", 1, 1, 32, type=F32)
    p.T("v.conv_stem.bn.weight", 32)
    before = 32
    for stage in range(4):
        for i in range(pick(1, 2)):
            b = f"v.blk.{stage}.{i}."
            if stage == 0:
                p.T(b + "conv_exp.weight", 3, 3, before, before * 4)
                p.T(b + "bn1.weight", before * 4)
                p.T(b + "conv_pwl.weight", 1, 1, before * 4, c[0])
                p.T(b + "bn2.weight", c[0])
            else:
                if pick(True, False):
                    p.T(b + "dw_start.conv.weight", 5, 5, 1, before)
                    p.T(b + "dw_start.bn.weight", before)
                p.T(b + "pw_exp.conv.weight", 1, 1, before, before * 4)
                p.T(b + "pw_exp.bn.weight", before * 4)
                p.T(b + "dw_mid.conv.weight", 5, 5, 1, before * 4)
                p.T(b + "dw_mid.bn.weight", before * 4)
                p.T(b + "pw_proj.conv.weight", 1, 1, before * 4, c[stage])
                p.T(b + "pw_proj.bn.weight", c[stage])
                p.T(b + "layer_scale.gamma", 1, 1, c[stage])
            before = c[stage]
        if stage >= 2:
            b = f"v.blk.{stage}.{i + 1}."
            d, heads = 32, pick(4, 8)
            p.T(b + "norm.weight", before)
            p.T(b + "attn.query.proj.weight", 1, 1, before, d * heads)
            for name in ("key", "value"):
                if stage == 2:
                    p.T(b + f"attn.{name}.down_conv.weight", 3, 3, 1, before)
                    p.T(b + f"attn.{name}.norm.weight", before)
                p.T(b + f"attn.{name}.proj.weight", 1, 1, before, d)
            p.T(b + "attn.output.proj.weight", 1, 1, d * heads, before)
            p.T(b + "layer_scale.gamma", 1, 1, before)
    p.T("v.msfa.ffn.pw_exp.conv.weight", 1, 1, c[2] + c[3], 2 * e)
    p.T("v.msfa.ffn.pw_exp.bn.weight", 2 * e)
    p.T("v.msfa.ffn.pw_proj.conv.weight", 1, 1, 2 * e, e)
    p.T("v.msfa.ffn.pw_proj.bn.weight", e)
    p.T("v.msfa.norm.weight", e)
    p.T("mm.input_projection.weight", e, 256)
    p.T("mm.soft_emb_norm.weight", e)
    return p


def step3vl():
    p = Projector("step3vl")
    patch, s = 14, 4
    image = patch * s * pick(4, 6, 13)
    e, h, ff, L, pr = siglip_base(p, image, patch, post=pick(True, False))
    if pick(0, 1):
        p.norm("v.pre_ln", e)
    if pick(0, 1):
        p.u("clip.vision.preproc_image_size", image * pick(3, 4))
    a, o = pick(32, 64), pick(96, 128)
    b = pick(True, False)
    p.lin2("mm.0", 3, e, a, b)
    p.lin2("mm.1", 3, a, o, b)
    p.lin("mm.model.fc", o, pr, False)
    return p


def minimax_m3():
    p = Projector("minimax_m3")
    patch = 14
    e, h, ff, L, pr = vis(p, patch, image=672, act="gelu")
    p.T("v.patch_embd.weight", patch, patch, 3, e)
    p.T("v.patch_embd.weight.1", patch, patch, 3, e)
    p.norm("v.pre_ln", e)
    p.blocks(e, ff, L)
    m = pick(96, 160)
    p.lin("mm.1", e, pr)
    p.lin("mm.2", pr, m)
    p.lin("mm.merger.fc1", m * 4, pr)
    p.lin("mm.merger.fc2", pr, pr)
    return p


def youtuvl():
    p = Projector("youtuvl")
    patch = 16
    e, h, ff, L, pr = vis(p, patch, image=256, act="gelu", L=pick(3, 4, 5))
    p.u("clip.vision.window_size", patch * 8)
    p.arr("clip.vision.wa_layer_indexes", sorted(R.sample(range(L), pick(1, 2))))
    p.T("v.patch_embd.weight", 3 * patch * patch, e)
    p.T("v.patch_embd.bias", e)
    if pick(0, 1):
        p.norm("v.post_ln", e)
    p.blocks(e, ff, L)
    p.T("mm.input_norm.weight", e)
    p.lin("mm.0", e * 4, e * 4)
    p.lin("mm.2", e * 4, pr)
    return p


def mimovl():
    p = Projector("mimovl")
    patch = 16
    heads, kv, hd = pick(4, 8), 2, pick(16, 32, 64)
    e = pick(96, 160, 256)
    e, h, ff, L, pr = vis(p, patch, image=560, act="silu", L=pick(3, 4, 5), embd=e, head=heads)
    p.u("clip.vision.attention.head_count_kv", kv)
    p.u("clip.vision.window_size", pick(32, 64))
    modes = [-1, 0, 1] + [pick(-1, 0, 1) for _ in range(L - 3)]  # without one of them it lacks an input
    R.shuffle(modes)
    p.arr("clip.vision.wa_pattern_mode", modes)
    p.u("clip.vision.image_min_pixels", 8192)
    p.u("clip.vision.image_max_pixels", 2000000)
    p.T("v.patch_embd.weight", patch, patch, 3, e)
    p.T("v.patch_embd.weight.1", patch, patch, 3, e)
    p.norm("v.post_ln", e)
    for i in range(L):
        b = f"v.blk.{i}."
        p.T(b + "ln1.weight", e)
        p.T(b + "ln2.weight", e)
        p.lin(b + "attn_qkv", e, hd * (heads + 2 * kv))
        p.lin(b + "attn_out", hd * heads, e)
        p.lin(b + "ffn_up", e, ff)
        p.lin(b + "ffn_gate", e, ff)
        p.lin(b + "ffn_down", ff, e)
        p.T(b + "attn_sinks", heads)
    p.lin("mm.0", e * 4, e * 4, False)
    p.lin("mm.2", e * 4, pr, False)
    return p


def muse_glimmer():
    p = Projector("muse-glimmer")
    patch = 14
    side = pick(16, 32)
    e, h, ff, L, pr = vis(p, patch, image=side * patch, act="gelu", L=pick(4, 5, 6))
    p.T("v.patch_embd.weight", patch, patch, 3, e)
    p.T("v.position_embd.weight", e, side * side)
    p.norm("v.pre_ln", e)
    p.norm("v.post_ln", e)
    p.blocks(e, ff, L)
    m = pick(96, 160)
    p.lin("mm.0", e * 4, m, False)
    p.lin("mm.1", m, m, False)
    p.lin("mm.2", m, pr, False)
    return p


def deepseek4v():
    p = Projector("deepseek4v")
    patch, s = 14, pick(2, 3)
    e, h, ff, L, pr = vis(p, patch, image=patch * 24, act="silu")
    p.u("clip.vision.projector.scale_factor", s)
    p.u("clip.vision.image_min_pixels", pick(3136, 100000))
    p.T("v.patch_embd.weight", patch, patch, 3, e)
    p.norm("v.post_ln", e, False)
    p.blocks(e, ff, L, bias=pick(True, False), gate=True, norm_bias=False)
    p.lin("mm.1", e * s * s, pr)
    p.lin("mm.2", pr, pr)
    for name in ("v.image_newline", "v.token_embd.img_start", "v.token_embd.img_end", "v.token_embd.img_pad"):
        p.T(name, pr)
    return p


def dots3note_a():
    p = Projector("dots3note_a", True)
    e, h, hd = dims()
    c, mel, pr = pick(48, 96), 128, pick(128, 256)
    ff, L = e * pick(2, 4), pick(2, 3)
    p.audio(e, h, ff, L, pr, mel)
    p.u("clip.use_silu", True)
    for i, (a, b) in enumerate(((1, c), (c, c), (c, c))):
        p.T(f"a.conv2d.{i+1}.weight", 3, 3, a, b)
        p.T(f"a.conv2d.{i+1}.bias", b)
    p.lin("a.conv_out", c * ((mel + 7) // 8), e, False)
    p.norm("a.post_ln", e, False)
    p.blocks(e, ff, L, prefix="a", gate=True, norm_bias=False, bias=pick(True, False))
    p.norm("mm.a.norm_pre", e)
    p.lin("mm.a.mlp.1", e, pr)
    p.lin("mm.a.mlp.3", pr, pr)
    return p


def minicpmv4_6():
    p = Projector("minicpmv4_6")
    patch, s = 14, pick(2, 4)
    e, h, ff, L, pr = vis(p, patch, image=pick(224, 448), act="gelu", L=pick(3, 4))
    if s == 2 or pick(0, 1):
        p.u("clip.vision.projector.scale_factor", s)
    p.T("v.patch_embd.weight", patch, patch, 3, e)
    p.T("v.patch_embd.bias", e)
    p.T("v.position_embd.weight", e, 4900)
    p.norm("v.post_ln", e)
    p.blocks(e, ff, L)
    if s == 4:
        p.arr("clip.vision.wa_layer_indexes", [pick(0, 1)])
        p.norm("v.vit_merger.ln1", e)
        for n in ("attn_q", "attn_k", "attn_v", "attn_out"):
            p.lin("v.vit_merger." + n, e, e)
        p.norm("v.vit_merger.ds_ln", e * 4)
        m = pick(96, 160)
        p.lin("v.vit_merger.ds_ffn_up", e * 4, m)
        p.lin("v.vit_merger.ds_ffn_down", m, e)
    p.norm("mm.input_norm", e * 4)
    p.lin("mm.up", e * 4, e * 4)
    p.lin("mm.down", e * 4, pr)
    return p


def lfm2a():
    p = Projector("lfm2a", True)
    h = pick(2, 4, 8)
    e = 128 * pick(1, 2, 3)
    ff, L, pr, c, mel = e * pick(2, 4), pick(2, 3), pick(128, 256), pick(32, 64), 128
    p.audio(e, h, ff, L, pr, mel)
    for i, side, a, o in ((0, 3, 1, c), (2, 3, 1, c), (3, 1, c, c), (5, 3, 1, c), (6, 1, c, c)):
        p.T(f"a.conv1d.{i}.weight", side, side, a, o, type=F32 if a == 1 else F16)
        p.T(f"a.conv1d.{i}.bias", 1, 1, o)
    p.lin("a.pre_encode.out", c * 16, e)
    p.T("a.position_embd.weight", 512, 1500)
    p.blocks(e, ff, L, prefix="a")
    for i in range(L):
        b = f"a.blk.{i}."
        for n in ("ffn_norm", "ffn_norm_1", "norm_conv"):
            p.norm(b + n, e)
        p.lin(b + "ffn_up_1", e, ff)
        p.lin(b + "ffn_down_1", ff, e)
        p.T(b + "pos_bias_u", e // h, h)
        p.T(b + "pos_bias_v", e // h, h)
        p.lin(b + "linear_pos", 512, e, False)
        p.norm(b + "conv_norm", e)
        p.T(b + "conv_dw.weight", 9, e, type=F32)
        p.T(b + "conv_dw.bias", e)
        p.lin(b + "conv_pw1", e, 2 * e)
        p.lin(b + "conv_pw2", e, e)
    p.norm("mm.a.mlp.0", e)
    p.lin("mm.a.mlp.1", e, pr)
    p.lin("mm.a.mlp.3", pr, pr)
    return p


def deepseekocr(second=False):
    p = Projector("deepseekocr2" if second else "deepseekocr")
    h, hd = 4, pick(16, 32, 64)
    e, h, ff, L, pr = vis(p, 14, image=224, act=None, embd=h * hd, head=h)
    sh, shd = pick(2, 4), pick(16, 32)
    se, sL, window = sh * shd, pick(3, 4), pick(7, 14)
    p.u("clip.vision.sam.block_count", sL)
    p.u("clip.vision.sam.head_count", sh)
    p.u("clip.vision.sam.embedding_length", se)
    p.u("clip.vision.window_size", window)
    if second:
        p.u("clip.vision.attention.head_count_kv", 2)
    p.T("v.sam.pos_embd.weight", se, 64, 64, type=F32)
    p.lin2("v.sam.patch_embd", 16, 3, se)
    for i in range(sL):
        b = f"v.sam.blk.{i}."
        side = 2 * (64 if i == 2 else window) - 1
        p.norm(b + "pre_ln", se)
        p.norm(b + "post_ln", se)
        p.lin(b + "attn.qkv", se, 3 * se)
        p.lin(b + "attn.out", se, se)
        p.T(b + "attn.pos_h.weight", shd, side, type=F32)
        p.T(b + "attn.pos_w.weight", shd, side, type=F32)
        p.lin(b + "mlp.lin1", se, 2 * se)
        p.lin(b + "mlp.lin2", 2 * se, se)
    n = pick(16, 32)
    p.lin2("v.sam.neck.0", 1, se, n, False)
    p.norm("v.sam.neck.1", n)
    p.lin2("v.sam.neck.2", 3, n, n, False)
    p.norm("v.sam.neck.3", n)
    p.lin2("v.sam.net_2", 3, n, 2 * n, False)
    p.lin2("v.sam.net_3", 3, 2 * n, e, False)
    p.T("v.view_seperator", pr)
    if second:
        p.T("v.resample_query_768.weight", e, 144)
        p.T("v.resample_query_1024.weight", e, 256)
        p.norm("v.post_ln", e, False)
        p.blocks(e, ff, L, gate=True, norm_bias=False, kv=2 * hd)
    else:
        p.T("v.image_newline", pr)
        p.T("v.class_embd", e)
        p.T("v.position_embd.weight", e, pick(100, 256) + 1, type=F32)
        p.norm("v.pre_ln", e)
        p.blocks(e, ff, L, qkv=True)
    p.lin("mm.model.fc", e if second else 2 * e, pr)
    return p


def deepseekocr2():
    return deepseekocr(True)


def dots3note_v():
    p = Projector("dots3note_v")
    patch = 14
    e, h, ff, L, pr = vis(p, patch, image=0, act="silu")
    p.u("clip.vision.spatial_merge_size", 2)
    p.u("clip.vision.image_min_pixels", 3136)
    p.u("clip.vision.image_max_pixels", 1128960)
    p.u("clip.vision.expert_used_count", pick(1, 2, 3))
    p.T("v.patch_embd.weight", patch, patch, 3, e)
    p.T("v.patch_embd.bias", e)
    p.norm("v.pre_ln", e, False)
    p.norm("mm.post_norm", e, False)
    p.blocks(e, ff, L, qkv=True, bias=False, gate=True, norm_bias=False)
    for i in R.sample(range(L), pick(1, L)):
        b, n = f"v.blk.{i}.ffn_", pick(4, 8)
        p.tensors = [t for t in p.tensors if not t[0].startswith(b)]
        p.T(b + "gate_inp.weight", e, n, type=F32)
        p.T(b + "gate_exps.weight", e, ff, n)
        p.T(b + "up_exps.weight", e, ff, n)
        p.T(b + "down_exps.weight", ff, e, n)
        if pick(0, 1):
            p.T(f"v.blk.{i}.exp_probs_b.weight", n)
    p.norm("mm.input_norm", e)
    p.lin("mm.0", e * 4, e * 4)
    p.lin("mm.2", e * 4, pr)
    return p


def yasa2():
    p = Projector("yasa2")
    c = pick(16, 24, 32)
    p.vision(c * 4, 0, c * 16, 0, pick(96, 160), pick(256, 320, 512), 4, None)
    p.T("v.patch_embd.weight", 4, 4, 3, c)
    p.T("v.patch_embd.bias", c)
    p.norm("v.patch_ln", c)
    for s in range(3):
        if s > 0:
            p.norm(f"v.stage.{s}.down.ln", c)
            p.lin2(f"v.stage.{s}.down.conv", 2, c, c * 2)
            c *= 2
        for i in range(pick(1, 2)):
            b = f"v.stage.{s}.blk.{i}."
            p.lin2(b + "dw", 7, 1, c)
            p.norm(b + "ln", c)
            p.lin(b + "pw1", c, c * 4)
            p.norm(b + "grn", c * 4)
            p.lin(b + "pw2", c * 4, c)
    if pick(0, 1):
        p.T("v.vision_pos_embed", c, (dict(p.keys)["clip.vision.image_size"] // 16) ** 2)
    p.lin("mm.0", c, 96)
    p.lin("mm.2", 96, 160)
    return p


def granite_speech():
    p = Projector("granite_speech", True)
    h = pick(2, 4, 8)
    e = 128 * pick(1, 2)
    ff, L, pr, mel, ctc = e * pick(2, 4), pick(2, 4), pick(128, 256), 160, pick(64, 96)
    p.audio(e, h, ff, L, pr, mel)
    kernel, chunk, window, rate = pick(7, 15), pick(100, 200), 15, pick(3, 5)
    p.u("clip.audio.chunk_size", chunk)
    p.u("clip.audio.conv_kernel_size", kernel)
    p.u("clip.audio.max_pos_emb", 512)
    p.u("clip.audio.projector.window_size", window)
    p.u("clip.audio.projector.downsample_rate", rate)
    p.u("clip.audio.projector.head_count", pick(2, 4))
    feat = sorted(R.sample(range(L), pick(0, 1, 2)))
    if feat:
        p.arr("clip.audio.feature_layer", feat)
    p.lin("a.input_projection", mel, e)
    p.lin("a.enc_ctc_out", e, ctc)
    p.lin("a.enc_ctc_out_mid", ctc, e)
    inner = e
    for i in range(L):
        b = f"a.blk.{i}."
        for n in ("ln1", "ln2", "ffn_norm", "ffn_norm_1", "norm_conv"):
            p.norm(b + n, e)
        for n in ("attn_q", "attn_k", "attn_v"):
            p.lin(b + n, e, e, False)
        p.lin(b + "attn_out", e, e)
        p.T(b + "attn_rel_pos_emb", e // h, 1025)
        for n in ("", "_1"):
            p.lin(b + "ffn_up" + n, e, ff)
            p.lin(b + "ffn_down" + n, ff, e)
        p.norm(b + "conv_norm", 2 * inner)
        p.T(b + "conv_dw.weight", kernel, 2 * inner, type=F32)
        p.lin(b + "conv_pw1", e, 4 * inner)
        p.lin(b + "conv_pw2", 2 * inner, e)
    p.T("a.proj_query", e, window // rate)
    p.norm("a.proj_norm", e)
    p.lin("a.proj_linear", e, pr)
    for i in range(2):
        b = f"a.proj_blk.{i}."
        for n in ("self_attn_", "cross_attn_"):
            for x in "qkv":
                p.lin(b + n + x, e if x == "q" or n[0] == "s" else e * (len(feat) + 1), e)
            p.lin(b + n + "out", e, e)
            p.norm(b + n + "norm", e)
        p.lin(b + "ffn_up", e, ff)
        p.lin(b + "ffn_down", ff, e)
        p.norm(b + "ffn_norm", e)
    return p


KINDS = dict(
    gemma3=gemma3,
    idefics3=idefics3,
    lfm2=lfm2,
    janus_pro=janus,
    phi4=phi4,
    pixtral=pixtral,
    lightonocr=lightonocr,
    qwen2vl=qwen2vl,
    qwen25vl=qwen25vl,
    exaone4_5=exaone,
    qwen3vl=qwen3vl,
    glm4v=glm4v,
    internvl=internvl,
    nemotron_v2_vl=nemotron,
    llama4=llama4,
    kimivl=kimivl,
    kimik25=kimik25,
    paddleocr=paddleocr,
    dots_ocr=dotsocr,
    hunyuanvl=hunyuan,
    gemma4v=gemma4v,
    llava=llava,
    ldp=ldp,
    ldpv2=ldpv2,
    glm_edge=glm_edge,
    cogvlm=cogvlm,
    minicpmv=minicpmv,
    ultravox=ultravox,
    qwen2a=qwen2a,
    voxtral=voxtral,
    musicflamingo=musicflamingo,
    glma=glma,
    meralion=meralion,
    qwen3a=qwen3a,
    gemma4a=gemma4a,
    gemma4uv=gemma4uv,
    gemma4ua=gemma4ua,
    gemma3nv=gemma3nv,
    step3vl=step3vl,
    minimax_m3=minimax_m3,
    youtuvl=youtuvl,
    mimovl=mimovl,
    muse_glimmer=muse_glimmer,
    deepseek4v=deepseek4v,
    dots3note_a=dots3note_a,
    minicpmv4_6=minicpmv4_6,
    lfm2a=lfm2a,
    deepseekocr=deepseekocr,
    deepseekocr2=deepseekocr2,
    dots3note_v=dots3note_v,
    yasa2=yasa2,
    granite_speech=granite_speech,
)
CONFIGS = ("dev=none", "dev=cuda", "dev=none fa=off", "dev=rpc fa=on")


def make(name, seed):
    R.seed(f"{name}{seed}")
    return KINDS[name]()


def run(tool, path, *words):
    done = subprocess.run([tool, str(path), *words], capture_output=True, text=True, errors="replace", timeout=600, check=False)
    rows = {}
    for line in done.stdout.splitlines():
        kind, request, *rest = line.split()
        rows.setdefault((kind, request), []).append(rest)
    return rows, done.stderr


def measured(rows):
    """Of each request what it takes at most: what was tried and left stays reserved."""
    out = {}
    for (kind, request), answers in rows.items():
        if kind == "P":
            out[kind, request] = answers[0]
        if kind == "G":
            most = {}
            for words in answers:
                for key, value in (w.split("=") for w in words if "=" in w):
                    most[key] = max(most.get(key, 0), int(value))
            out[kind, request] = most
    return out


def requests(name, seed, path, probe):
    """What is asked of a file: the start, images, and the pictures that they become."""
    rng = random.Random(f"{name}{seed}requests")
    if name in EARS:
        return (
            [("dev=none", ["load"])] + [(c, ["load"]) for c in CONFIGS[1:]] + ([("dev=none", ["aud=701x160"])] if name == "granite_speech" else [("dev=none", ["aud=700x128"])] if name in ("qwen3a", "gemma4a", "dots3note_a", "lfm2a") else [])
        )
    limits = ["", f" min={rng.randint(5, 60)} max={rng.randint(100, 900)}"][rng.random() < 0.5]
    images = [
        f"pre={rng.choice([1, 2, 3, 5, 8]) * rng.randint(40, 400)}x{rng.choice([1, 2, 3, 5]) * rng.randint(40, 400)}" for _ in range(4)
    ]
    pictures = set()
    for answer in measured(run(probe, path, "dev=none", *limits.split(), *images)[0]).values():
        pictures |= {"img=" + m for m in re.findall(r"(\d+x\d+)\*", " ".join(answer))}
    asked = [(c, ["load"]) for c in CONFIGS] + [("dev=none" + limits, images), ("dev=cuda", sorted(pictures)[:3])]
    if name in ("internvl", "gemma4v", "deepseekocr", "deepseekocr2") and pictures:
        asked.append(("dev=none", [sorted(pictures)[0] + "x3"]))
    if name.startswith("deepseekocr"):
        asked += [("dev=none", ["ov=1024x1024", "ov=1024x1024x2"]), ("dev=cuda", ["ov=1024x1024"])]
    return asked


def compare(args):
    bad = count = 0
    for name in args.kinds.split(",") if args.kinds else KINDS:
        for seed in range(args.first, args.first + args.seeds):
            with tempfile.TemporaryDirectory() as folder:
                path = pathlib.Path(folder) / "projector.gguf"
                make(name, seed).save(path)
                for config, asked in requests(name, seed, path, args.probe):
                    real, why = run(args.probe, path, *config.split(), *asked)
                    own, _ = run(args.sizes, path, *config.split(), *asked)
                    real, own = measured(real), measured(own)
                    for request in real.keys() | own.keys() | ({("?", str(asked))} if not real else set()):
                        count += 1
                        if real.get(request) != own.get(request) or request not in real:
                            bad += 1
                            print(
                                f"{name} {seed} {config} {request}: llama.cpp {real.get(request) or why[-200:]}, ctxfit {own.get(request)}"
                            )
    print(f"{count} answers, {bad} different")
    return bad


def describe(projector):
    """The file as text: tensors that every block has once."""
    seen = []
    blocks = next((value for key, value in projector.keys if key.endswith(".block_count")), 0)
    for key, value in projector.keys:
        if isinstance(value, float) or (isinstance(value, list) and isinstance(value[0], float)):
            continue  # no size follows from it
        value = ",".join(map(str, value)) if isinstance(value, list) else int(value) if isinstance(value, bool) else value
        seen.append(f"k {key} {value}")
    lines = [f"t {name} {kind} {','.join(map(str, ne))}" for name, ne, kind in projector.tensors]
    starred = [re.sub(r"^t ([av])[.]blk[.][0-9]+(?=[.][a-z])", r"t \1.blk.*", line) for line in lines]
    for line, star in zip(lines, starred):
        line = star if starred.count(star) == blocks else line
        if line not in seen:
            seen.append(line)
    return seen


def write(args):
    lines = []
    for name in KINDS:
        for seed in range(2 if name in ("pixtral", "qwen25vl", "qwen3vl", "internvl", "llava", "lfm2") else 1):
            projector = make(name, seed)
            with tempfile.TemporaryDirectory() as folder:
                path = pathlib.Path(folder) / "projector.gguf"
                projector.save(path)
                lines += [f"= {name}.{seed}", *describe(projector)]
                for config, asked in requests(name, seed, path, args.probe):
                    for (kind, request), answer in measured(run(args.probe, path, *config.split(), *asked)[0]).items():
                        if kind == "G":
                            answer = [f"{key}={value}" for key, value in answer.items()]
                        lines.append(f"{'r' if kind == 'G' else 'p'} {config} {request} {' '.join(answer)}")
    pathlib.Path(args.write).write_text("\n".join(lines) + "\n")
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("probe")
    parser.add_argument("sizes", nargs="?")
    parser.add_argument("--kinds")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--write")
    args = parser.parse_args()
    raise SystemExit(write(args) if args.write else min(1, compare(args)))


if __name__ == "__main__":
    main()
