/* From metadata to a descriptor's facts: layers and the whole model. */
#include "arch_internal.h"

ctxfit_model *cfi_model_new(const ctxfit_allocator *allocator)
{
    ctxfit_model *model = cfi_handle_new(sizeof *model, offsetof(ctxfit_model, arena), allocator);

    if (model == NULL)
        return NULL;
    model->info.struct_size = (uint32_t)sizeof model->info;
    model->arch = cfi_arch_generic();
    model->name = "";
    model->arch_name = "";
    for (size_t i = 0; i < CFI_FACT_COUNT; i++)
        model->fact[i] = CFI_FACT_UNSTATED;
    model->alignment = 32; /* GGUF's when it states none; ggml b10472 ggml/include/gguf.h (GGUF_DEFAULT_ALIGNMENT) */
    return model;
}

ctxfit_status cfi_model_new_layers(ctxfit_model *model, uint32_t trunk, uint32_t nextn, ctxfit_error *error)
{
    uint32_t count = trunk + nextn;

    model->layer = cfi_arena_array(&model->arena, count, sizeof *model->layer);
    model->layer_marks = cfi_arena_array(&model->arena, count, sizeof *model->layer_marks);
    if (model->layer == NULL || model->layer_marks == NULL)
        return cfi_fail(error, CTXFIT_E_NO_MEMORY, "model: out of memory for %u layers", (unsigned)count);
    for (uint32_t i = 0; i < count; i++) {
        model->layer[i].struct_size = (uint32_t)sizeof model->layer[i];
        if (i >= trunk)
            model->layer[i].flags = CTXFIT_LAYER_F_NEXTN;
    }
    model->info.layers = trunk;
    model->info.nextn_layers = nextn;
    return CTXFIT_OK;
}

/* ---- rope ---- */

static bool text_is(const char *text, size_t len, const char *wanted)
{
    return text != NULL && len == strlen(wanted) && memcmp(text, wanted, len) == 0;
}

static uint32_t rope_kind(const char *text, size_t len, double factor)
{
    if (text_is(text, len, "yarn"))
        return CTXFIT_ROPE_SCALING_YARN;
    if (text_is(text, len, "longrope"))
        return CTXFIT_ROPE_SCALING_LONGROPE;
    if (text_is(text, len, "llama3"))
        return CTXFIT_ROPE_SCALING_LLAMA3;
    if (text_is(text, len, "none"))
        return CTXFIT_ROPE_SCALING_NONE;
    /* linear is llama.cpp's default, without effect at factor 1; llama.cpp b10472 src/llama-model.cpp:1172 */
    return factor > 0 && factor != 1.0 ? CTXFIT_ROPE_SCALING_LINEAR : CTXFIT_ROPE_SCALING_NONE;
}

static void read_rope(cfi_meta *meta, ctxfit_model_info *info)
{
    double      factor = cfi_meta_f64(meta, "rope.scaling.factor", cfi_meta_f64(meta, "rope.scale_linear", 0));
    size_t      len;
    const char *text = cfi_meta_string(meta, "rope.scaling.type", &len);

    info->rope_scaling = rope_kind(text, len, factor);
    info->rope_factor = info->rope_scaling != CTXFIT_ROPE_SCALING_NONE ? factor : 0;
    info->rope_original_tokens = cfi_meta_u32(meta, "rope.scaling.original_context_length", 0);
}

/* ---- whole model ---- */

/* Of a file without general.name: its base name and size, as the converter makes names of files of them, or the architecture. */
static const char *other_name(ctxfit_model *model, cfi_meta *meta)
{
    size_t      base_len, size_len;
    const char *base = cfi_meta_string(meta, "general.basename", &base_len);
    const char *size = cfi_meta_string(meta, "general.size_label", &size_len);
    char       *name;

    if (base == NULL || base_len == 0)
        return model->arch_name;
    if (size == NULL || size_len == 0)
        return cfi_arena_copy(&model->arena, base, base_len);
    name = cfi_arena_alloc(&model->arena, base_len + size_len + 2);
    if (name == NULL)
        return NULL;
    memcpy(name, base, base_len);
    name[base_len] = '-';
    memcpy(name + base_len + 1, size, size_len);
    name[base_len + size_len + 1] = '\0';
    return name;
}

static ctxfit_status read_names(ctxfit_model *model, cfi_meta *meta)
{
    size_t      len;
    const char *name = cfi_meta_string(meta, "general.name", &len);

    model->arch_name = cfi_arena_copy(&model->arena, meta->arch, strlen(meta->arch));
    if (name == NULL || len == 0)
        model->name = other_name(model, meta);
    else
        model->name = cfi_arena_copy(&model->arena, name, len);
    if (model->arch_name == NULL || model->name == NULL)
        cfi_meta_fail(meta, CTXFIT_E_NO_MEMORY, "model: out of memory");
    return meta->status;
}

/* An unknown architecture may lack the keys that all known ones have: its blocks can still be counted. */
static uint32_t count_blocks(cfi_meta *meta)
{
    const cfi_gguf_tensor *tensors;
    size_t                 count;
    uint64_t               blocks = 0;

    tensors = cfi_gguf_tensors(meta->gguf, &count);
    for (size_t i = 0; i < count; i++) {
        uint64_t block;

        if (cfi_model_split_name(tensors[i].name, &block) != NULL)
            blocks = cfi_max_u64(blocks, block + 1);
    }
    return (uint32_t)cfi_min_u64(blocks, UINT32_MAX);
}

static uint32_t read_blocks(ctxfit_model *model, cfi_meta *meta)
{
    bool     guess = model->arch == cfi_arch_generic() && meta->gguf != NULL && !cfi_meta_has(meta, "block_count");
    uint32_t blocks = guess ? count_blocks(meta) : cfi_meta_need_u32(meta, "block_count");

    if (blocks == 0 || blocks > CFI_MAX_LAYERS)
        cfi_meta_fail(meta, CTXFIT_E_MALFORMED, "block_count: %u, expected 1 to %u", (unsigned)blocks, CFI_MAX_LAYERS);
    return blocks;
}

/* Blocks behind the trunk. The probe is of llama.cpp b10472 src/models/deepseek4.cpp:20. */
static uint32_t read_nextn(ctxfit_model *model, cfi_meta *meta, uint32_t blocks)
{
    uint32_t   nextn = (model->arch->flags & CFI_ARCH_NEXTN) != 0 ? cfi_meta_u32(meta, "nextn_predict_layers", 0) : 0;
    char       name[64];
    cfi_writer w;

    if (nextn >= blocks) {
        cfi_meta_fail(meta, CTXFIT_E_MALFORMED, "nextn_predict_layers: %u of %u blocks, expected fewer", (unsigned)nextn, (unsigned)blocks);
        return 0;
    }
    if (nextn > 0 && meta->gguf != NULL && (model->arch->flags & CFI_ARCH_NEXTN_PROBED) != 0) {
        cfi_writer_init(&w, name, sizeof name);
        cfi_write(&w, "blk.%u.nextn.eh_proj.weight", (unsigned)(blocks - nextn));
        (void)cfi_writer_finish(&w, NULL);
        if (cfi_gguf_find_tensor(meta->gguf, name) == NULL)
            return 0;
    }
    return nextn;
}

/* The blocks are passed `loops` times, each pass with its own cache, though the weights are there once; llama.cpp b10472
 * src/models/nanbeige.cpp:4. */
static ctxfit_status repeat_layers(ctxfit_model *model, cfi_meta *meta, uint32_t loops)
{
    uint32_t           once = model->info.layers;
    ctxfit_layer_info *first = model->layer;

    if (loops <= 1)
        return CTXFIT_OK;
    if (loops > CFI_MAX_LAYERS / once) {
        cfi_meta_fail(meta, CTXFIT_E_MALFORMED, "num_loops: %u passes of %u blocks, expected at most %u layers", (unsigned)loops,
                      (unsigned)once, CFI_MAX_LAYERS);
        return meta->status;
    }
    if (cfi_model_new_layers(model, once * loops, 0, meta->error) != CTXFIT_OK)
        return meta->status = CTXFIT_E_NO_MEMORY;
    for (uint32_t i = 0; i < once * loops; i++)
        model->layer[i] = first[i % once];
    return CTXFIT_OK;
}

static void read_whole(ctxfit_model *model, cfi_meta *meta)
{
    ctxfit_model_info *info = &model->info;

    info->trained_tokens = cfi_meta_u32(meta, "context_length", 0);
    if (info->trained_tokens == 0)
        info->flags |= CTXFIT_MODEL_F_CONTEXT_UNSTATED;
    info->vocabulary = (uint32_t)cfi_min_u64(cfi_meta_count(meta, "tokenizer.ggml.tokens"), UINT32_MAX);
    if (info->vocabulary == 0)
        info->vocabulary = cfi_meta_u32(meta, "vocab_size", 0);
    read_rope(meta, info);
}

static uint32_t read_embedding(ctxfit_model *model, cfi_meta *meta)
{
    const cfi_gguf_tensor *embedding = meta->gguf != NULL ? cfi_gguf_find_tensor(meta->gguf, "token_embd.weight") : NULL;
    bool                   guess = model->arch == cfi_arch_generic() && embedding != NULL && !cfi_meta_has(meta, "embedding_length");
    uint32_t               width;

    if (guess)
        return (uint32_t)cfi_min_u64(embedding->dims[0], UINT32_MAX);
    width = cfi_meta_need_u32(meta, "embedding_length");
    if (width == 0)
        cfi_meta_fail(meta, CTXFIT_E_MALFORMED, "embedding_length: 0, expected at least 1");
    return width;
}

/* llama.cpp b10472 src/llama-quant.cpp asks n_head(0) and n_head_kv(0), whatever the block is. */
static void read_stated_heads(ctxfit_model *model, cfi_meta *meta)
{
    (void)cfi_meta_layers_u32(meta, "attention.head_count", 1, 0, &model->stated_heads, sizeof model->stated_heads);
    (void)cfi_meta_layers_u32(meta, "attention.head_count_kv", 1, model->stated_heads, &model->stated_kv_heads,
                              sizeof model->stated_kv_heads);
}

ctxfit_status cfi_model_describe(ctxfit_model *model, struct cfi_meta *meta)
{
    const cfi_arch *arch = cfi_arch_find(meta->arch);
    cfi_layout      layout;
    uint32_t        blocks;
    uint32_t        nextn;

    if (read_names(model, meta) != CTXFIT_OK)
        return meta->status;
    model->arch = arch != NULL ? arch : cfi_arch_generic();
    if (arch == NULL)
        model->info.flags |= CTXFIT_MODEL_F_UNKNOWN_ARCH;
    blocks = read_blocks(model, meta);
    nextn = read_nextn(model, meta, blocks);
    model->info.embedding = read_embedding(model, meta);
    model->info.embedding_inputs = model->info.embedding;
    read_whole(model, meta);
    if (meta->status != CTXFIT_OK)
        return meta->status;
    meta->blocks = blocks;
    meta->trunk = blocks - nextn;
    if (cfi_model_new_layers(model, meta->trunk, nextn, meta->error) != CTXFIT_OK)
        return meta->status = CTXFIT_E_NO_MEMORY;
    layout = (cfi_layout){meta, model->arch, &model->info, model->layer, blocks, 0, 0};
    cfi_arch_lay_out(&layout);
    cfi_layout_feed_forward(&layout);
    read_stated_heads(model, meta);
    cfi_model_read_facts(model, meta);
    model->stated_key_size = layout.key_size;
    model->stated_value_size = layout.value_size;
    if (meta->status == CTXFIT_OK && (model->arch->flags & CFI_ARCH_LOOPED) != 0)
        (void)repeat_layers(model, meta, cfi_meta_u32(meta, "num_loops", 1));
    return meta->status;
}
