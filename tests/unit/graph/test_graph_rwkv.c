/* RWKV has no rows in the reference data: small models of its four architectures, written here, against what llama.cpp allocates for
 * the same files. Measured 2026-11 with b10472 (d32676d, built here) and Debian's 0.7.0, a stand-in for CUDA devices. */
#include "test_support.h"

#include "gguf_writer.h"
#include "memory/memory_internal.h"

enum { WIDTH = 256, LAYERS = 3, HEAD = 64, INNER = 384, VOCAB = 128, MIX = 32, DECAY = 64, RESIDUAL = 16, GATE = 48, KV_HEADS = 2 };

enum { SIX = 1, SEVEN = 2, ALONE = 4, WITHIN = 8, ALL = 15 }; /* RWKV 6 or 7, with a channel mix or in a transformer */

/* Of each block. A dimension of 0 ends the list. */
static const struct {
    const char *name;
    unsigned    of;
    unsigned    dims[4];
} tensors[] = {
    {"attn_norm.weight", ALL, {WIDTH}},
    {"attn_norm.bias", ALONE, {WIDTH}},
    {"attn_norm_2.weight", ALONE, {WIDTH}},
    {"attn_norm_2.bias", ALONE, {WIDTH}},
    {"time_mix_w1.weight", SIX, {WIDTH, MIX * 5}},
    {"time_mix_w2.weight", SIX, {MIX, WIDTH, 5}},
    {"time_mix_lerp_x.weight", SIX, {WIDTH, 1, 1}},
    {"time_mix_lerp_fused.weight", SIX, {WIDTH, 1, 1, 5}},
    {"time_mix_first.weight", SIX | ALONE, {HEAD, WIDTH / HEAD}},
    {"time_mix_decay.weight", SIX, {WIDTH}},
    {"time_mix_decay_w1.weight", SIX, {WIDTH, DECAY}},
    {"time_mix_decay_w2.weight", SIX, {DECAY, WIDTH}},
    {"time_mix_key.weight", SIX | WITHIN, {WIDTH, KV_HEADS * HEAD}},
    {"time_mix_value.weight", SIX | WITHIN, {WIDTH, KV_HEADS * HEAD}},
    {"time_mix_key.bias", SIX | WITHIN, {KV_HEADS * HEAD}},
    {"time_mix_value.bias", SIX | WITHIN, {KV_HEADS * HEAD}},
    {"time_mix_receptance.bias", SIX | WITHIN, {WIDTH}},
    {"time_mix_key.weight", SIX | ALONE, {WIDTH, WIDTH}},
    {"time_mix_value.weight", SIX | ALONE, {WIDTH, WIDTH}},
    {"time_mix_gate.weight", SIX, {WIDTH, WIDTH}},
    {"time_mix_w0.weight", SEVEN, {WIDTH}},
    {"time_mix_w1.weight", SEVEN, {WIDTH, DECAY}},
    {"time_mix_w2.weight", SEVEN, {DECAY, WIDTH}},
    {"time_mix_a0.weight", SEVEN, {WIDTH}},
    {"time_mix_a1.weight", SEVEN, {WIDTH, MIX}},
    {"time_mix_a2.weight", SEVEN, {MIX, WIDTH}},
    {"time_mix_v0.weight", SEVEN, {WIDTH}},
    {"time_mix_v1.weight", SEVEN, {WIDTH, RESIDUAL}},
    {"time_mix_v2.weight", SEVEN, {RESIDUAL, WIDTH}},
    {"time_mix_g1.weight", SEVEN, {WIDTH, GATE}},
    {"time_mix_g2.weight", SEVEN, {GATE, WIDTH}},
    {"time_mix_lerp_fused.weight", SEVEN, {WIDTH, 1, 1, 6}},
    {"time_mix_k_k.weight", SEVEN, {WIDTH}},
    {"time_mix_k_a.weight", SEVEN, {WIDTH}},
    {"time_mix_r_k.weight", SEVEN, {WIDTH}},
    {"time_mix_key.weight", SEVEN, {WIDTH, WIDTH}},
    {"time_mix_value.weight", SEVEN, {WIDTH, WIDTH}},
    {"time_mix_receptance.weight", ALL, {WIDTH, WIDTH}},
    {"time_mix_ln.weight", SIX | ALONE, {WIDTH}},
    {"time_mix_ln.bias", SIX | ALONE, {WIDTH}},
    {"time_mix_ln.weight", SEVEN, {WIDTH}},
    {"time_mix_ln.bias", SEVEN, {WIDTH}},
    {"time_mix_output.weight", ALL, {WIDTH, WIDTH}},
    {"ffn_norm.weight", WITHIN, {WIDTH}},
    {"ffn_gate.weight", WITHIN, {WIDTH, INNER}},
    {"ffn_down.weight", WITHIN, {INNER, WIDTH}},
    {"ffn_up.weight", WITHIN, {WIDTH, INNER}},
    {"channel_mix_lerp_k.weight", ALONE, {WIDTH, 1, 1}},
    {"channel_mix_lerp_r.weight", SIX | ALONE, {WIDTH, 1, 1}},
    {"channel_mix_receptance.weight", SIX | ALONE, {WIDTH, WIDTH}},
    {"channel_mix_key.weight", ALONE, {WIDTH, INNER}},
    {"channel_mix_value.weight", ALONE, {INNER, WIDTH}},
};

static void tensor(gguf_writer *w, const char *name, const unsigned *dims)
{
    uint64_t wide[4] = {0};
    uint64_t bytes   = 4;
    uint32_t count   = 0;

    while (count < 4 && dims[count] != 0) {
        wide[count] = dims[count];
        bytes *= dims[count++];
    }
    gw_tensor(w, name, 0, count, wide, bytes);
}

static void key(gguf_writer *w, const char *arch, const char *name, uint32_t value)
{
    char full[96];

    snprintf(full, sizeof full, "%s.%s", arch, name);
    gw_key_u32(w, full, value);
}

static unsigned kind_of_arch(const char *arch)
{
    return (strstr(arch, "rwkv6") != NULL ? SIX : SEVEN) | (strcmp(arch, "rwkv6") == 0 || strcmp(arch, "rwkv7") == 0 ? ALONE : WITHIN);
}

static void write_blocks(gguf_writer *w, unsigned kind, const char *without)
{
    char name[64];

    for (unsigned layer = 0; layer < LAYERS; layer++) {
        for (size_t i = 0; i < CFI_COUNT(tensors); i++) {
            bool every = tensors[i].of == ALL || tensors[i].of == SIX || tensors[i].of == SEVEN || tensors[i].of == ALONE ||
                         tensors[i].of == WITHIN;

            if (every ? (tensors[i].of & kind) == 0 : (tensors[i].of & kind) != tensors[i].of)
                continue;
            if (without != NULL && strcmp(without, tensors[i].name) == 0)
                continue;
            snprintf(name, sizeof name, "blk.%u.%s", layer, tensors[i].name);
            tensor(w, name, tensors[i].dims);
        }
    }
}

static ctxfit_model *make_model(const char *arch, const char *without)
{
    static const unsigned width[4] = {WIDTH};
    static const unsigned table[4] = {WIDTH, VOCAB};
    unsigned      kind  = kind_of_arch(arch);
    ctxfit_gguf  *gguf  = NULL;
    ctxfit_model *model = NULL;
    gguf_writer   w;

    gw_begin(&w, 3, false);
    gw_key_text(&w, "general.architecture", arch);
    key(&w, arch, "context_length", 65536);
    key(&w, arch, "embedding_length", WIDTH);
    key(&w, arch, "block_count", LAYERS);
    key(&w, arch, "feed_forward_length", INNER);
    key(&w, arch, "attention.head_count", 0);
    key(&w, arch, "wkv.head_size", HEAD);
    key(&w, arch, "token_shift_count", (kind & ALONE) != 0 ? 2 : 1);
    if (strcmp(arch, "rwkv6") == 0)
        key(&w, arch, "rescale_every_n_layers", 2);
    gw_key_array(&w, "tokenizer.ggml.tokens", CTXFIT_GGUF_STRING, VOCAB);
    for (unsigned i = 0; i < VOCAB; i++)
        gw_text(&w, "t", 1);
    tensor(&w, "token_embd.weight", table);
    if ((kind & ALONE) != 0) {
        tensor(&w, "token_embd_norm.weight", width);
        tensor(&w, "token_embd_norm.bias", width);
        tensor(&w, "output_norm.bias", width);
    }
    tensor(&w, "output_norm.weight", width);
    tensor(&w, "output.weight", table);
    write_blocks(&w, kind, without);
    gw_end(&w);
    assert_int_equal(ctxfit_gguf_parse(w.data, w.size, NULL, NULL, &gguf, NULL), CTXFIT_OK);
    gw_free(&w);
    assert_int_equal(ctxfit_model_from_gguf(gguf, NULL, &model, NULL), CTXFIT_OK);
    ctxfit_gguf_free(gguf);
    return model;
}

/* `outputs` 0: of every token. Bytes of each device, then of the host. */
static const struct {
    const char *arch;
    const char *engine;
    uint32_t    devices;
    uint32_t    sequences;
    uint32_t    outputs;
    uint64_t    bytes[3];
} measured[] = {
    {"arwkv7",     "llama.cpp@b10472", 0, 1, 0, {9768992}},
    {"arwkv7",     "llama.cpp@b10472", 0, 4, 0, {10367008}},
    {"arwkv7",     "llama.cpp@b10472", 1, 1, 0, {9244800, 1052704}},
    {"arwkv7",     "llama.cpp@b10472", 2, 2, 2, {13505024, 14552064, 1056928}},
    {"arwkv7",     "llama.cpp@0.7.0",  0, 1, 0, {10561568}},
    {"arwkv7",     "llama.cpp@0.7.0",  0, 4, 0, {11020320}},
    {"arwkv7",     "llama.cpp@0.7.0",  1, 1, 0, {10034304, 2107424}},
    {"arwkv7",     "llama.cpp@0.7.0",  2, 2, 2, {18240000, 14552064, 5275904}},
    {"rwkv6",      "llama.cpp@b10472", 0, 1, 0, {7475232}},
    {"rwkv6",      "llama.cpp@b10472", 0, 4, 0, {7876640}},
    {"rwkv6",      "llama.cpp@b10472", 1, 1, 0, {6951040, 1052704}},
    {"rwkv6",      "llama.cpp@b10472", 2, 2, 2, {11276800, 12661760, 1056928}},
    {"rwkv6",      "llama.cpp@0.7.0",  0, 1, 0, {8267808}},
    {"rwkv6",      "llama.cpp@0.7.0",  0, 4, 0, {8464416}},
    {"rwkv6",      "llama.cpp@0.7.0",  1, 1, 0, {7739520, 2107424}},
    {"rwkv6",      "llama.cpp@0.7.0",  2, 2, 2, {16011776, 12661760, 5275904}},
    {"rwkv6qwen2", "llama.cpp@b10472", 0, 1, 0, {7278624}},
    {"rwkv6qwen2", "llama.cpp@b10472", 0, 4, 0, {7942176}},
    {"rwkv6qwen2", "llama.cpp@b10472", 1, 1, 0, {6753408, 1052704}},
    {"rwkv6qwen2", "llama.cpp@b10472", 2, 2, 2, {8980992, 8457216, 1056928}},
    {"rwkv6qwen2", "llama.cpp@0.7.0",  0, 1, 0, {8267808}},
    {"rwkv6qwen2", "llama.cpp@0.7.0",  0, 4, 0, {8464416}},
    {"rwkv6qwen2", "llama.cpp@0.7.0",  1, 1, 0, {7739520, 2107424}},
    {"rwkv6qwen2", "llama.cpp@0.7.0",  2, 2, 2, {13715968, 8457216, 5275904}},
    {"rwkv7",      "llama.cpp@b10472", 0, 1, 0, {10227744}},
    {"rwkv7",      "llama.cpp@b10472", 0, 4, 0, {10629152}},
    {"rwkv7",      "llama.cpp@b10472", 1, 1, 0, {9703552, 1052704}},
    {"rwkv7",      "llama.cpp@b10472", 2, 2, 2, {14029312, 16659456, 1056928}},
    {"rwkv7",      "llama.cpp@0.7.0",  0, 1, 0, {10561568}},
    {"rwkv7",      "llama.cpp@0.7.0",  0, 4, 0, {10758176}},
    {"rwkv7",      "llama.cpp@0.7.0",  1, 1, 0, {10033280, 2107424}},
    {"rwkv7",      "llama.cpp@0.7.0",  2, 2, 2, {18764288, 16659456, 5275904}},
};

static cfi_memory measure(const ctxfit_model *model, const char *engine, uint32_t devices, uint32_t sequences, uint32_t outputs)
{
    static const cfi_engine_device gpus[2] = {{CTXFIT_BACKEND_CUDA, UINT64_C(24) << 30}, {CTXFIT_BACKEND_CUDA, UINT64_C(24) << 30}};
    ctxfit_plan_options            options = CTXFIT_PLAN_OPTIONS_INIT;
    cfi_memory                     memory;
    cfi_run                        run;

    snprintf(options.engine, sizeof options.engine, "%s", engine);
    options.ctx_tokens  = 4096;
    options.sequences   = sequences;
    options.kv_unified  = CTXFIT_CHOICE_OFF;
    options.outputs_max = outputs != 0 ? outputs : UINT32_MAX;
    assert_int_equal(cfi_engine_resolve(model, &options, gpus, devices, &run, NULL), CTXFIT_OK);
    assert_int_equal(cfi_memory_measure(model, gpus, &run, &memory, NULL), CTXFIT_OK);
    return memory;
}

static void rwkv_takes_what_llama_cpp_allocates(void **state)
{
    (void)state;
    for (size_t i = 0; i < CFI_COUNT(measured); i++) {
        ctxfit_model *model  = make_model(measured[i].arch, NULL);
        cfi_memory    memory = measure(model, measured[i].engine, measured[i].devices, measured[i].sequences, measured[i].outputs);

        assert_true(memory.compute_exact);
        for (uint32_t d = 0; d <= measured[i].devices; d++)
            assert_int_equal(memory.device[d].compute, measured[i].bytes[d]);
        ctxfit_model_free(model);
    }
}

static void a_model_that_lacks_a_tensor_falls_back_to_the_bound(void **state)
{
    static const char *const needed[][2] = {
        {"rwkv6", "time_mix_w1.weight"},      {"rwkv6", "time_mix_ln.bias"},       {"rwkv6", "time_mix_lerp_fused.weight"},
        {"rwkv7", "time_mix_lerp_fused.weight"}, {"rwkv7", "time_mix_r_k.weight"}, {"arwkv7", "time_mix_a0.weight"},
        {"rwkv6qwen2", "time_mix_decay.weight"}, {"rwkv7", "channel_mix_key.weight"}};

    (void)state;
    for (size_t i = 0; i < CFI_COUNT(needed); i++) {
        ctxfit_model *model  = make_model(needed[i][0], needed[i][1]);
        cfi_memory    memory = measure(model, "llama.cpp@0.7.0", 1, 1, 0);

        assert_false(memory.compute_exact);
        ctxfit_model_free(model);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rwkv_takes_what_llama_cpp_allocates),
        cmocka_unit_test(a_model_that_lacks_a_tensor_falls_back_to_the_bound),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
