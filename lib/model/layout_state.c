/* Layers with a state of constant size. Sizes: llama.cpp b10472 src/llama-hparams.cpp:183 (n_embd_r, n_embd_s); which layers:
 * src/models/<name>.cpp and the filters of src/llama-model.cpp:2240 (create_memory). */
#include "arch_internal.h"

/* The keys that selective state spaces and linear attention share. */
typedef struct state_keys {
    uint32_t kind; /* CTXFIT_STATE_* */
    uint32_t conv_kernel;
    uint32_t inner;
    uint32_t size;
    uint32_t heads;
    uint32_t groups;
} state_keys;

static state_keys read_state_keys(cfi_layout *l, uint32_t kind)
{
    state_keys keys = {0};

    keys.kind = kind;
    keys.conv_kernel = cfi_meta_need_u32(l->meta, "ssm.conv_kernel");
    keys.inner = cfi_meta_need_u32(l->meta, "ssm.inner_size");
    keys.size = cfi_meta_need_u32(l->meta, "ssm.state_size");
    keys.heads = cfi_meta_need_u32(l->meta, "ssm.time_step_rank");
    if (kind != CTXFIT_STATE_MAMBA)
        keys.groups = cfi_meta_need_u32(l->meta, "ssm.group_count");
    return keys;
}

/* A layer with a state has no attention, but in Falcon-H1. */
static void clear_attention(ctxfit_layer_info *layer)
{
    layer->attention = CTXFIT_ATTENTION_NONE;
    layer->heads = 0;
    layer->kv_heads = 0;
    layer->key_size = 0;
    layer->value_size = 0;
    layer->rope_size = 0;
}

static uint32_t before_last(uint32_t kernel)
{
    return kernel > 0 ? kernel - 1 : 0;
}

static void set_state(cfi_layout *l, ctxfit_layer_info *layer, const state_keys *keys)
{
    uint64_t channels = (uint64_t)keys->inner + 2 * (uint64_t)cfi_layout_product(l, keys->groups, keys->size, "state of a layer");

    layer->state = keys->kind;
    layer->conv_kernel = keys->conv_kernel;
    layer->state_size = keys->size;
    layer->state_inner = keys->inner;
    layer->state_heads = keys->heads;
    layer->state_groups = keys->groups;
    layer->conv_state_elems = cfi_layout_product(l, before_last(keys->conv_kernel), channels, "convolution state of a layer");
    layer->recurrent_elems = cfi_layout_product(l, keys->size, keys->inner, "state of a layer");
}

static void set_states(cfi_layout *l, uint32_t kind)
{
    state_keys keys = read_state_keys(l, kind);

    for (uint32_t i = 0; i < l->info->layers; i++) {
        if (!cfi_layout_is_state(&l->layer[i]))
            continue;
        clear_attention(&l->layer[i]);
        set_state(l, &l->layer[i], &keys);
    }
}

static void all_states(cfi_layout *l, uint32_t kind)
{
    cfi_layout_heads(l); /* what they would be is still held against cache types */
    for (uint32_t i = 0; i < l->count; i++)
        clear_attention(&l->layer[i]);
    set_states(l, kind);
}

static void hybrid(cfi_layout *l, uint32_t kind)
{
    cfi_layout_heads(l);
    set_states(l, kind);
    cfi_layout_windows(l);
    cfi_layout_caches(l, l->count);
}

void cfi_layout_mamba(cfi_layout *l)
{
    all_states(l, CTXFIT_STATE_MAMBA);
}

void cfi_layout_mamba2(cfi_layout *l)
{
    all_states(l, CTXFIT_STATE_MAMBA2);
}

/* Layers without KV heads are recurrent. */
void cfi_layout_jamba(cfi_layout *l)
{
    hybrid(l, CTXFIT_STATE_MAMBA);
}

void cfi_layout_hybrid_mamba2(cfi_layout *l)
{
    hybrid(l, CTXFIT_STATE_MAMBA2);
}

/* Every layer has both. */
void cfi_layout_falcon_h1(cfi_layout *l)
{
    state_keys keys = read_state_keys(l, CTXFIT_STATE_MAMBA2);

    cfi_layout_heads(l);
    cfi_layout_caches(l, l->count);
    for (uint32_t i = 0; i < l->info->layers; i++)
        set_state(l, &l->layer[i], &keys);
}

/* A layer is one thing: a feed-forward part where it has a width, otherwise attention or, without KV heads, a state. */
void cfi_layout_nemotron_h(cfi_layout *l)
{
    state_keys keys = read_state_keys(l, CTXFIT_STATE_MAMBA2);

    cfi_layout_heads(l);
    (void)cfi_meta_layers_u32(l->meta, "feed_forward_length", l->count, 0, &l->layer[0].ff_width, sizeof(ctxfit_layer_info));
    for (uint32_t i = 0; i < l->count; i++) {
        ctxfit_layer_info *layer = &l->layer[i];
        bool               state = cfi_layout_is_state(layer) && layer->ff_width == 0;

        if (state || layer->ff_width > 0)
            clear_attention(layer);
        if (state)
            set_state(l, layer, &keys);
    }
    cfi_layout_caches(l, l->count);
}

/* Of every `full_attention_interval` layers the last one attends, if there is no list; NextN blocks attend. */
void cfi_layout_delta_net(cfi_layout *l)
{
    state_keys keys = read_state_keys(l, CTXFIT_STATE_DELTA_NET);
    uint32_t   interval = cfi_meta_u32(l->meta, "full_attention_interval", 4);
    bool       listed = cfi_meta_layers_u32(l->meta, "attention.recurrent_layers", l->count, 0, &l->layer[0].state,
                                            sizeof(ctxfit_layer_info));

    cfi_layout_heads(l);
    if (interval == 0) {
        cfi_meta_fail(l->meta, CTXFIT_E_MALFORMED, "full_attention_interval: 0, expected at least 1");
        return;
    }
    for (uint32_t i = 0; i < l->info->layers; i++) {
        ctxfit_layer_info *layer = &l->layer[i];
        bool               state = listed ? layer->state != 0 : (i + 1) % interval != 0;

        layer->state = CTXFIT_STATE_NONE;
        if (!state)
            continue;
        clear_attention(layer);
        set_state(l, layer, &keys);
    }
    for (uint32_t i = l->info->layers; i < l->count; i++)
        l->layer[i].state = CTXFIT_STATE_NONE;
    cfi_layout_caches(l, l->count);
}

/* One token's worth of shifted inputs, and a square state for each head. */
void cfi_layout_rwkv(cfi_layout *l)
{
    uint32_t embedding = l->info->embedding;
    uint32_t head_size = cfi_meta_need_u32(l->meta, "wkv.head_size");
    uint32_t shifts = cfi_meta_u32(l->meta, "token_shift_count", 2); /* llama.cpp b10472 src/llama-hparams.h (token_shift_count) */

    for (uint32_t i = 0; i < l->count; i++) {
        ctxfit_layer_info *layer = &l->layer[i];

        layer->state = CTXFIT_STATE_RWKV;
        layer->conv_kernel = shifts;
        layer->state_size = head_size;
        layer->state_inner = embedding;
        layer->state_heads = head_size > 0 ? embedding / head_size : 0;
        layer->conv_state_elems = cfi_layout_product(l, shifts, embedding, "token shift of a layer");
        layer->recurrent_elems = cfi_layout_product(l, embedding, head_size, "state of a layer");
    }
}

/* LFM2: layers without KV heads are short convolutions. */
void cfi_layout_short_conv(cfi_layout *l)
{
    uint32_t kernel = cfi_meta_need_u32(l->meta, "shortconv.l_cache");

    cfi_layout_heads(l);
    for (uint32_t i = 0; i < l->count; i++) {
        ctxfit_layer_info *layer = &l->layer[i];

        if (!cfi_layout_is_state(layer))
            continue;
        clear_attention(layer);
        layer->state = CTXFIT_STATE_SHORT_CONV;
        layer->conv_kernel = kernel;
        layer->state_inner = l->info->embedding;
        layer->conv_state_elems = cfi_layout_product(l, l->info->embedding, before_last(kernel), "convolution state of a layer");
    }
    cfi_layout_windows(l);
    cfi_layout_caches(l, l->count);
}

/* Kimi Linear: latent attention, and Kimi delta attention where there are no KV heads. Three convolutions (Q, K, V) of all heads; a
 * kernel of 4 where none is stated. */
void cfi_layout_kda(cfi_layout *l)
{
    uint32_t kernel = cfi_meta_need_u32(l->meta, "ssm.conv_kernel");
    uint32_t size = cfi_meta_need_u32(l->meta, "kda.head_dim");
    uint32_t heads;

    cfi_layout_latent(l);
    heads = l->layer[0].heads; /* of the first layer for all, as n_head() there */
    for (uint32_t i = 0; i < l->info->layers; i++) {
        ctxfit_layer_info *layer = &l->layer[i];
        uint32_t           inner = cfi_layout_product(l, heads, size, "heads of a layer");

        if (!cfi_layout_is_state(layer))
            continue;
        clear_attention(layer);
        layer->state = CTXFIT_STATE_KDA;
        layer->conv_kernel = kernel > 0 ? kernel : 4;
        layer->state_size = size;
        layer->state_inner = inner;
        layer->state_heads = heads;
        layer->conv_state_elems = cfi_layout_product(l, 3 * (uint64_t)before_last(layer->conv_kernel), inner, "convolutions of a layer");
        layer->recurrent_elems = cfi_layout_product(l, size, inner, "state of a layer");
    }
}
