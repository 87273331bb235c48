#include "plan_internal.h"

/* Index of cfi_tensor_sums. */
enum { DENSE = 0, EXPERTS = 1 };

typedef struct part_builder {
    const ctxfit_plan  *plan;
    const cfi_question *q;
    cfi_speed_part     *parts;
} part_builder;

/* The share of a layer's expert weights that one token reads. */
static uint64_t used_share(uint64_t n, const ctxfit_layer_info *layer)
{
    return layer->experts > 0 ? (uint64_t)((double)n * layer->experts_used / layer->experts) : n;
}

static bool is_moved_to_host(const cfi_run *run, uint32_t layer)
{
    return layer < run->cpu_expert_layers;
}

static void add_weights(cfi_speed_part *part, const ctxfit_layer_info *layer, const cfi_tensor_sums *sums, int kind)
{
    uint64_t active = kind == EXPERTS ? used_share(sums->bytes[kind], layer) : sums->bytes[kind];

    part->weight_bytes_active += active;
    part->weight_bytes_pass += sums->bytes[kind];
}

static void add_flops(cfi_speed_part *part, const ctxfit_layer_info *layer, const cfi_tensor_sums *sums, int kind)
{
    uint64_t parameters = kind == EXPERTS ? used_share(sums->parameters[kind], layer) : sums->parameters[kind];

    part->flops_per_token += 2.0 * (double)parameters;
}

/* Experts on the host: decoding reads them there; a prompt copies them to the device of their layer where operations are offloaded. */
static void add_host_experts(part_builder *b, cfi_speed_part *device, const ctxfit_layer_info *layer, const cfi_tensor_sums *sums)
{
    cfi_speed_part *host = &b->parts[b->q->device_count];
    bool            copied = b->plan->answer.run.op_offload && device != host;

    host->weight_bytes_active += used_share(sums->bytes[EXPERTS], layer);
    if (copied) {
        device->copied_bytes_per_pass += sums->bytes[EXPERTS];
        add_flops(device, layer, sums, EXPERTS);
    } else {
        host->weight_bytes_pass += sums->bytes[EXPERTS];
        add_flops(host, layer, sums, EXPERTS);
    }
}

/* Two products per head and position: query with key, weight with value; two operations each. In the latent form, which llama.cpp
 * computes, keys and values are as wide as what is cached. */
static double attention_flops(const ctxfit_layer_info *layer)
{
    double width = layer->attention == CTXFIT_ATTENTION_LATENT ? 2.0 * layer->kv_rank + layer->rope_size
                                                               : (double)layer->key_size + layer->value_size;

    return 2.0 * layer->heads * width;
}

static void add_layer(part_builder *b, uint32_t index)
{
    const ctxfit_model      *model = b->q->model;
    const cfi_run           *run = &b->plan->answer.run;
    const ctxfit_layer_info *layer = &model->layer[index];
    const cfi_tensor_sums   *sums = &model->layer_sums[index];
    cfi_speed_part          *part = &b->parts[cfi_engine_layer_device(run, index)];
    bool                     windowed = layer->attention == CTXFIT_ATTENTION_SLIDING || layer->attention == CTXFIT_ATTENTION_CHUNKED;

    add_weights(part, layer, sums, DENSE);
    add_flops(part, layer, sums, DENSE);
    if (is_moved_to_host(run, index)) {
        add_host_experts(b, part, layer, sums);
    } else {
        add_weights(part, layer, sums, EXPERTS);
        add_flops(part, layer, sums, EXPERTS);
    }
    if (layer->attention != CTXFIT_ATTENTION_NONE || layer->state != CTXFIT_STATE_NONE)
        part->blocks++;
    if (layer->feed_forward != CTXFIT_FF_NONE)
        part->blocks++;
    if (windowed) {
        part->window_attention_flops_per_position += attention_flops(layer);
        part->window_tokens = cfi_max_u64(part->window_tokens, layer->window_tokens);
    } else if (layer->attention != CTXFIT_ATTENTION_NONE) {
        part->attention_flops_per_position += attention_flops(layer);
    }
}

static void add_output(part_builder *b)
{
    const ctxfit_model *model = b->q->model;
    const cfi_run      *run = &b->plan->answer.run;
    cfi_speed_part     *part = &b->parts[run->output_device];
    uint64_t            bytes = model->output_sums.bytes[DENSE];

    if (!model->has_output && model->token_embd != NULL)
        bytes += model->token_embd->bytes;
    part->weight_bytes_active += bytes;
    part->weight_bytes_pass += bytes;
}

static void add_caches(part_builder *b)
{
    const cfi_run *run = &b->plan->answer.run;

    for (uint32_t i = 0; i < cfi_plan_device_count(b->q); i++) {
        const cfi_memory_device *m = &b->plan->answer.memory.device[i];
        cfi_speed_part          *part = &b->parts[i];

        if (run->kv_cells > 0)
            part->kv_bytes_per_position = (m->kv + m->kv_other) / (run->kv_cells * run->streams);
        if (run->swa_cells > 0)
            part->window_bytes_per_position = m->kv_swa / (run->swa_cells * run->streams);
        part->state_bytes = 2 * (m->recurrent / run->n_seq); /* read and written */
    }
}

uint32_t cfi_plan_parts(const ctxfit_plan *plan, const cfi_question *q, cfi_speed_part parts[CFI_MAX_PLAN_DEVICES])
{
    part_builder b = {plan, q, parts};
    uint32_t     count = cfi_plan_device_count(q);

    memset(parts, 0, count * sizeof *parts);
    for (uint32_t i = 0; i < count; i++) {
        const ctxfit_device *hw = cfi_plan_hw_device(q, i);

        parts[i].backend = i == q->device_count ? CTXFIT_BACKEND_CPU : hw->backend;
        parts[i].bandwidth_bytes_per_s = (double)hw->bandwidth_bytes_per_s;
        parts[i].fp16_flops_per_s = hw->fp16_flops_per_s;
        parts[i].int8_ops_per_s = hw->int8_ops_per_s;
        parts[i].link_bytes_per_s = (double)hw->link_bytes_per_s;
    }
    for (uint32_t i = 0; i < q->model->info.layers; i++)
        add_layer(&b, i);
    add_output(&b);
    add_caches(&b);
    return count;
}
