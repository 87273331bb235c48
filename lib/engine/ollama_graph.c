/* Ollama before 0.30: how large its estimate takes a graph to be. fs/ggml/ggml.go of 0.13.5, GraphSize; the formulas are the same since
 * 0.4.0. In double, which is exact for the sizes of models that exist. */
#include "engine_internal.h"

#define MIB 1048576.0
#define GRAPH_MOST 1e18 /* fits nowhere, and 64 bits */

typedef enum graph_kind {
    GRAPH_OTHER,
    GRAPH_LLAMA,
    GRAPH_GEMMA,
    GRAPH_COMMAND_R,
    GRAPH_QWEN2,
    GRAPH_PHI2,
    GRAPH_STABLELM,
    GRAPH_DEEPSEEK2,
    GRAPH_CHATGLM,
    GRAPH_GPT_OSS
} graph_kind;

static const struct {
    char    name[12];
    uint8_t kind;
} graph_kinds[] = {
    {"chatglm", GRAPH_CHATGLM},   {"command-r", GRAPH_COMMAND_R}, {"deepseek2", GRAPH_DEEPSEEK2}, {"gemma", GRAPH_GEMMA},
    {"gemma2", GRAPH_GEMMA},      {"gemma3", GRAPH_GEMMA},        {"gemma3n", GRAPH_GEMMA},       {"gpt-oss", GRAPH_GPT_OSS},
    {"gptoss", GRAPH_GPT_OSS},    {"llama", GRAPH_LLAMA},         {"llama4", GRAPH_LLAMA},        {"phi2", GRAPH_PHI2},
    {"qwen2", GRAPH_QWEN2},       {"stablelm", GRAPH_STABLELM},
};

/* By the names of the source: embedding, heads, heads of keys, size of a key, vocabulary, batch, context of all sequences. */
typedef struct graph_terms {
    double e, h, hkv, k, v, b, c;
    double experts; /* bytes of the first layer's ffn_gate_exps; 0: none */
    double ff;
    double qkv_bias;
} graph_terms;

static graph_kind graph_kind_of(const ctxfit_model *model)
{
    for (size_t i = 0; i < CFI_COUNT(graph_kinds); i++)
        if (strcmp(model->arch_name, graph_kinds[i].name) == 0)
            return (graph_kind)graph_kinds[i].kind;
    return GRAPH_OTHER;
}

static graph_terms terms_of(const ctxfit_model *model, uint64_t ctx, uint64_t batch)
{
    const ctxfit_layer_info *first = &model->layer[0];
    graph_terms              t = {0};

    t.e = model->info.embedding;
    t.h = model->info.heads;
    t.hkv = (double)cfi_max_u64(1, model->stated_kv_heads);
    t.k = model->stated_key_size;
    t.v = model->info.vocabulary;
    t.b = (double)batch;
    t.c = (double)ctx;
    t.ff = first->ff_width != 0 ? first->ff_width : first->expert_width;
    for (uint64_t i = 0; i < model->info.tensor_count; i++) {
        const cfi_tensor *tensor = &model->tensor[i];

        if (strcmp(tensor->name, "blk.0.ffn_gate_exps.weight") == 0)
            t.experts = (double)tensor->bytes;
        else if (strcmp(tensor->name, "blk.0.attn_qkv.bias") == 0)
            t.qkv_bias = (double)tensor->dims[0];
    }
    return t;
}

static double larger(double a, double b) { return a > b ? a : b; }

/* 4 b (n e + v): embeddings and logits of a batch */
static double logits_of(const graph_terms *t, double n) { return 4 * t->b * (n * t->e + t->v); }

static double output_copy(const graph_terms *t) { return t->e * t->v * 105 / 128; }

static double llama_partial(const graph_terms *t)
{
    const double attends = 4 * t->b * (1 + t->e + larger(t->c, t->e)) + t->e * t->e * 9 / 16 + 4 * t->c * (t->b * t->h + t->k * t->hkv);

    if (t->experts > 0)
        return larger(3 * t->experts + 4 * t->b * (2 * t->ff + t->hkv + t->e + t->c + t->k * t->hkv),
                      4 * (t->c * t->b * t->h + t->c * t->k * t->hkv + t->b * 1024 + t->k * t->hkv * t->b));
    return 4 * t->b * t->e + larger(attends, logits_of(t, 1) + output_copy(t));
}

/* `*partial` 0: as `kv`, the bytes of all caches, has it. */
static void formula_of(graph_kind kind, const graph_terms *t, double *full, double *partial)
{
    const double attended = t->c * (1 + t->h), keys = t->k * t->h, latent = t->k * t->hkv;

    switch (kind) {
    case GRAPH_LLAMA:
        *full = larger(4 * t->b * (1 + 4 * t->e + attended), logits_of(t, 1));
        *partial = llama_partial(t);
        return;
    case GRAPH_GEMMA:
        *full = larger(logits_of(t, 1), 4 * t->b * (2 + attended + 2 * t->e + 2 * keys));
        *partial = larger(logits_of(t, 1) + output_copy(t),
                          4 * t->b * (1 + 2 * t->e + 2 * keys + attended) + 32 * t->k * t->c + t->e * keys * 9 / 16);
        return;
    case GRAPH_COMMAND_R:
        *full = larger(logits_of(t, 1), 4 * t->b * (2 + 4 * t->e + attended));
        *partial = larger(logits_of(t, 1) + output_copy(t),
                          4 * t->b * (1 + 2 * t->e + attended) + 4 * t->e * t->c + t->e * t->e * 9 / 16);
        return;
    case GRAPH_QWEN2:
        *full = larger(logits_of(t, 1), 4 * t->b * (1 + 2 * t->e + attended));
        *partial = larger(logits_of(t, 1) + output_copy(t), 4 * (t->b * (1 + 2 * t->e + attended) + t->e * (1 + t->c)));
        return;
    case GRAPH_PHI2:
        *full = larger(logits_of(t, 1), 4 * t->b * (1 + 4 * t->e + attended));
        *partial = larger(logits_of(t, 2) + output_copy(t), 4 * t->b * (2 + 3 * t->e + attended));
        return;
    case GRAPH_STABLELM:
        *full = 4 * t->b * (attended + 3 * t->e + 2);
        *partial = larger(logits_of(t, 2), *full);
        return;
    case GRAPH_DEEPSEEK2:
        *full = larger(logits_of(t, 3), 4 * t->b * (2 + 3 * t->e + t->c * (1 + t->hkv) + 2 * latent));
        *partial = larger(logits_of(t, 3) + output_copy(t),
                          4 * t->b * (1 + 2 * t->e + 2 * latent + t->c * (1 + t->hkv)) + 4 * latent * t->c + t->e * latent * 9 / 16);
        return;
    case GRAPH_CHATGLM:
        *full = logits_of(t, 1);
        *partial = logits_of(t, 1) + output_copy(t);
        if (t->qkv_bias > 0) {
            *full = larger(*full, 4 * t->b * (2 + 2 * t->e + attended + keys + t->qkv_bias));
            *partial = larger(*partial, 4 * t->b * (1 + 2 * t->e + keys + attended) + 8 * t->k * t->c + 4 * t->qkv_bias);
        }
        return;
    default:
        *full = *partial = 0;
        return;
    }
}

/* gpt-oss: 0.11.0, 0.11.4, 0.11.5 and, with flash attention, 0.11.8 */
static void gpt_oss_graph(const cfi_ollama_load *load, double kv, double *full, double *partial)
{
    if (!cfi_ollama_changed(load->release, CFI_OLLAMA_FEWEST_GPUS)) {
        *full = 4 * kv;
        *partial = cfi_ollama_changed(load->release, CFI_OLLAMA_GPTOSS_BY_VRAM) ? *full : 2 * *full;
        return;
    }
    *partial = load->flash ? (4.0 * load->sequences + (double)(load->ctx_tokens >> 10) + 110) * MIB : 2 * kv;
}

void cfi_ollama_graph(const cfi_ollama_load *load, uint64_t kv_bytes, uint64_t *out_full, uint64_t *out_partial)
{
    const graph_kind  kind = graph_kind_of(load->model);
    const graph_terms t = terms_of(load->model, load->ctx_tokens, load->batch);
    const double      kv = (double)(uint64_t)(t.h / t.hkv) * (double)kv_bytes / 6; /* the ratio is a whole number there */
    double            full, partial;

    formula_of(kind, &t, &full, &partial);
    if (strcmp(load->model->arch_name, "gemma3n") == 0) {
        full *= 4;
        partial *= 4;
    }
    if (kind == GRAPH_GPT_OSS)
        gpt_oss_graph(load, kv, &full, &partial);
    partial = partial > 0 ? partial : kv;
    full = full > 0 ? full : partial;
    *out_full = full < GRAPH_MOST ? (uint64_t)full : (uint64_t)GRAPH_MOST;
    *out_partial = partial < GRAPH_MOST ? (uint64_t)partial : (uint64_t)GRAPH_MOST;
}
