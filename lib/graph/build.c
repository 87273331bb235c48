/* Weights, facts and inputs of a graph. */
#include "build.h"

/* ---- weights ---- */
/* `layer` asks for it: frequency factors have a copy in every memory that needs them. */
static uint8_t tensor_place(const cfi_build *b, const cfi_tensor *t, uint32_t layer)
{
    const cfi_run *run = b->run;
    uint32_t       all = b->model->info.layers + b->model->info.nextn_layers;
    uint32_t       own;

    if (t->role == CFI_ROLE_ROPE)
        return (uint8_t)cfi_engine_layer_device(run, layer < all ? layer : 0);
    if (b->setup->tensor_device != NULL)
        return b->setup->tensor_device[t - b->model->tensor];
    if (t->role == CFI_ROLE_INPUT)
        return (uint8_t)run->device_count;
    if (t->role == CFI_ROLE_OUTPUT)
        return (uint8_t)run->output_device;
    own = (uint32_t)t->layer - b->model->blocks_from;
    if ((t->flags & CFI_TENSOR_F_EXPERT) != 0 && own < run->cpu_expert_layers)
        return (uint8_t)run->device_count;
    return (uint8_t)cfi_engine_layer_device(run, own);
}

static cfi_node *weight_node(cfi_build *b, const cfi_tensor *t, uint8_t place)
{
    const cfi_adapted *adapted = b->run->adapted;
    cfi_node          *node = cfi_tensor_4d(b->net, t->quant, t->dims[0], t->dims[1], t->dims[2], t->dims[3]);

    node->flags |= CFI_NODE_EXTERNAL | CFI_NODE_WEIGHT;
    node->place = place;
    if (adapted != NULL)
        node->adapted = adapted->first[t - b->model->tensor];
    return node;
}

cfi_node *cfi_build_tensor(cfi_build *b, uint32_t layer, cfi_weight_stack stack, cfi_weight name, cfi_weight_part part)
{
    const cfi_tensor *t = cfi_model_weight(b->model, layer, stack, name, part);
    cfi_node        **made;
    uint8_t           place;

    if (t == NULL)
        return NULL;
    place = tensor_place(b, t, b->index);
    made  = &b->weights[t - b->model->tensor];
    if (*made == NULL || (*made)->place != place)
        *made = weight_node(b, t, place);
    return *made;
}

/* Models with an encoder have two stacks of layers. */
static cfi_weight_stack stack_here(const cfi_build *b)
{
    if (b->index >= b->model->info.layers || (b->flags & (CFI_PROGRAM_ENCODER | CFI_PROGRAM_DECODER)) == 0)
        return CFI_STACK_MAIN;
    return (b->flags & CFI_PROGRAM_DECODER) != 0 ? CFI_STACK_DECODER : CFI_STACK_ENCODER;
}

cfi_node *cfi_weight_here(cfi_build *b, cfi_weight name)
{
    return cfi_build_tensor(b, b->index, stack_here(b), name, CFI_PART_WEIGHT);
}

cfi_node *cfi_bias_here(cfi_build *b, cfi_weight name) { return cfi_build_tensor(b, b->index, stack_here(b), name, CFI_PART_BIAS); }

cfi_node *cfi_scale_here(cfi_build *b, cfi_weight name) { return cfi_build_tensor(b, b->index, stack_here(b), name, CFI_PART_SCALE); }

cfi_node *cfi_weight_global(cfi_build *b, cfi_weight name)
{
    return cfi_build_tensor(b, b->model->info.layers + b->model->info.nextn_layers, CFI_STACK_MAIN, name, CFI_PART_WEIGHT);
}

bool cfi_has_weight(cfi_build *b, cfi_weight name)
{
    return cfi_model_weight(b->model, b->index, stack_here(b), name, CFI_PART_WEIGHT) != NULL;
}

/* ---- facts ---- */
double cfi_build_fact(const cfi_build *b, cfi_fact fact, double otherwise)
{
    double value = b->model->fact[fact];

    return value == CFI_FACT_UNSTATED ? otherwise : value;
}

bool cfi_build_changed(const cfi_build *b, cfi_engine_change change) { return cfi_engine_changed(b->run->build, change); }

bool cfi_build_uncached(const cfi_build *b)
{
    return (b->model->arch->flags & CFI_ARCH_NO_CACHE) != 0 || (b->flags & (CFI_PROGRAM_UNCACHED | CFI_PROGRAM_ENCODER)) != 0;
}

/* ---- inputs ---- */
/* Positions per token: 4 where text, time, height and width have each their own (M-RoPE: llama.cpp b10472 src/llama-hparams.cpp,
 * n_pos_per_embd). */
static uint64_t positions_per_token(const cfi_build *b)
{
    if ((b->flags & CFI_PROGRAM_MROPE) != 0)
        return 4;
    return (b->flags & CFI_PROGRAM_MROPE_STATED) != 0 && cfi_build_fact(b, CFI_FACT_ROPE_SECTIONS, 0) != 0 ? 4 : 1;
}

cfi_node *cfi_input_positions(cfi_build *b)
{
    if (b->positions == NULL)
        b->positions = cfi_tensor_input(cfi_tensor_1d(b->net, CFI_QUANT_I32, b->tokens * positions_per_token(b)));
    return b->positions;
}

cfi_node *cfi_input_output_ids(cfi_build *b)
{
    if (b->output_ids == NULL)
        b->output_ids = cfi_tensor_input(cfi_tensor_1d(b->net, CFI_QUANT_I32, b->outputs));
    return b->output_ids;
}

/* Elements of a head as it is cached. */
static uint64_t cached_head(const ctxfit_layer_info *layer, bool values)
{
    if (layer->attention == CTXFIT_ATTENTION_LATENT)
        return values ? layer->kv_rank : layer->cache_k_elems;
    return values ? layer->value_size : layer->key_size;
}

/* The engine takes a cache of heads as wide as the indexer's for the indexer's (b10472 src/llama-kv-cache.cpp:326). */
static bool rotates_always(const ctxfit_model *m)
{
    for (uint32_t i = 0; i < m->info.layers; i++) {
        if (m->layer[i].indexer_size != 0 && m->layer[i].indexer_size == m->stated_key_size)
            return (m->arch->flags & CFI_ARCH_INDEXER_VALUES) == 0;
    }
    return false;
}

/* A quantized cache keeps K and V rotated by Hadamard matrices: K by the largest power of two that divides the head, V by 64
 * (llama.cpp b10472 src/llama-kv-cache.cpp:319, :1418). */
static cfi_node *hadamard(cfi_build *b, bool window, bool values)
{
    const ctxfit_model *m     = b->model;
    ctxfit_quant        type  = values ? b->run->type_v : b->run->type_k;
    uint64_t            first = cached_head(&m->layer[0], values);
    uint64_t            all   = 0;
    uint64_t            size  = 64;
    bool                state = false;

    if (!cfi_build_changed(b, CFI_CHANGE_CACHE_ROTATED))
        return NULL;
    if (m->layer[0].attention == CTXFIT_ATTENTION_NONE)
        first = values ? m->stated_value_size : m->stated_key_size;
    if ((cfi_quant_format_of(type)->block_elems <= 1 && (values || !rotates_always(m))) || first == 0 || first % 64 != 0)
        return NULL;
    for (uint32_t i = 0; i < m->info.layers; i++) {
        const ctxfit_layer_info *layer = &m->layer[i];
        uint64_t                 head  = cached_head(layer, values);

        state |= layer->state != CTXFIT_STATE_NONE;
        if (!cfi_engine_layer_caches(m, b->run, i) || cfi_engine_layer_windowed(layer) != window)
            continue;
        if (values && layer->cache_v_elems == 0)
            return NULL;
        if (all != 0 && all != head)
            return NULL; /* heads of several sizes */
        all = head;
    }
    if (all == 0 || (state && m->extent.window_layers > 0)) /* forgotten for both together: build_inp_mem_hybrid_iswa */
        return NULL;
    while (!values && all % (size * 2) == 0)
        size *= 2;
    return cfi_tensor_input(cfi_tensor_2d(b->net, CFI_QUANT_F32, size, size));
}

/* F16 for flash attention; before that was so from the start, it was made of an F32 input. */
static cfi_node *make_mask(cfi_build *b, uint64_t cells, uint64_t tokens, uint64_t streams)
{
    bool      half = b->run->flash && cfi_build_changed(b, CFI_CHANGE_MASK_HALF);
    cfi_node *mask = cfi_tensor_input(cfi_tensor_4d(b->net, half ? CFI_QUANT_F16 : CFI_QUANT_F32, cells, tokens, 1, streams));

    return b->run->flash && !half ? cfi_cast(b->net, mask, CFI_QUANT_F16) : mask;
}

cfi_cache_inputs *cfi_input_cache(cfi_build *b, bool window)
{
    cfi_cache_inputs *c       = window ? &b->window : &b->full;
    uint64_t          streams = b->run->streams > 1 ? b->sequences : 1; /* that the batch reads */

    if (c->made)
        return c;
    c->made       = true;
    if (cfi_build_uncached(b)) {
        c->cells = b->tokens;
        if (cfi_build_changed(b, CFI_CHANGE_UNCACHED_PADDED))
            c->cells = (b->tokens + CFI_CTX_STEP - 1) / CFI_CTX_STEP * CFI_CTX_STEP;
        c->mask = make_mask(b, c->cells, b->tokens, 1);
        return c;
    }
    c->cells      = window ? b->run->swa_cells : b->run->kv_cells;
    c->k_rows     = cfi_tensor_input(cfi_tensor_1d(b->net, CFI_QUANT_I64, b->tokens));
    c->v_rows     = cfi_tensor_input(cfi_tensor_1d(b->net, CFI_QUANT_I64, b->run->flash ? b->tokens : b->tokens * b->model->max_cache_v));
    c->mask       = make_mask(b, c->cells, b->tokens / streams, streams);
    c->k_rotation = hadamard(b, window, false);
    c->v_rotation = hadamard(b, window, true);
    return c;
}

static cfi_node *cache_of_cells(cfi_build *b, uint32_t layer, uint32_t which, ctxfit_quant type, uint64_t width, uint64_t cells,
                                uint64_t streams)
{
    cfi_node **made = &b->caches[(size_t)layer * CFI_CACHES_PER_LAYER + which];

    if (*made == NULL) {
        *made = cfi_tensor_4d(b->net, type, width, cells, streams, 1);
        (*made)->flags |= CFI_NODE_EXTERNAL;
        (*made)->place = (uint8_t)(b->run->kv_offload ? cfi_engine_layer_device(b->run, layer) : b->run->device_count);
    }
    return *made;
}

static cfi_node *cache_of(cfi_build *b, uint32_t layer, uint32_t which, ctxfit_quant type, uint64_t width)
{
    bool window = cfi_engine_layer_windowed(&b->model->layer[layer]);

    return cache_of_cells(b, layer, which, type, width, window ? b->run->swa_cells : b->run->kv_cells, b->run->streams);
}

cfi_node *cfi_layer_cache(cfi_build *b, uint32_t which, ctxfit_quant type, uint64_t width, uint64_t cells, uint64_t streams)
{
    return cache_of_cells(b, b->index, which, type, width, cells, streams);
}

cfi_node *cfi_cache_node(cfi_build *b, uint32_t layer, bool values)
{
    const ctxfit_layer_info *info = &b->model->layer[layer];

    if (values)
        return cache_of(b, layer, 1, b->run->type_v, b->run->flash ? info->cache_v_elems : b->model->max_cache_v);
    return cache_of(b, layer, 0, b->run->type_k, info->cache_k_elems);
}

cfi_node *cfi_indexer_cache_node(cfi_build *b, uint32_t layer)
{
    return cache_of(b, layer, 2, b->run->type_k, b->model->layer[layer].indexer_size);
}
