#include "plan_internal.h"

/* Index of cfi_tensor_sums. */
enum { DENSE = 0, EXPERTS = 1 };

typedef struct part_builder {
    const cfi_answer   *answer;
    const cfi_question *q;
    cfi_speed_part     *parts;
    uint8_t             visited[CFI_MAX_LAYERS / 8]; /* bit n: layer n, on a device, sends its hidden state to matrices on the host */
} part_builder;

static uint64_t hidden_bytes(const part_builder *b)
{
    return (uint64_t)b->q->model->info.embedding * sizeof(float);
}

/* A layer on a device some of whose matrices are on the host: there and back. */
static void add_host_visit(part_builder *b, const ctxfit_layer_info *layer, uint32_t home)
{
    size_t index = (size_t)(layer - b->q->model->layer);

    if ((b->visited[index / 8] >> index % 8 & 1) == 0)
        b->parts[home].link_bytes_per_token += 2 * hidden_bytes(b);
    b->visited[index / 8] = (uint8_t)(b->visited[index / 8] | 1u << index % 8);
}

/* The share of a layer's expert weights that one token reads. */
static uint64_t used_share(uint64_t n, const ctxfit_layer_info *layer)
{
    return layer->experts > 0 ? (uint64_t)((double)n * layer->experts_used / layer->experts) : n;
}

/* Weights of a layer of `home` that are kept in `place`. Decoding reads them where they are; of a prompt, what is on the host is copied to
 * the device of its layer where operations are offloaded. */
static void add_weights(part_builder *b, const ctxfit_layer_info *layer, uint32_t home, uint32_t place, int kind, uint64_t bytes,
                        uint64_t parameters)
{
    uint32_t        host = b->q->device_count;
    bool            copied = b->answer->run.op_offload && place == host && home != host;
    cfi_speed_part *reads = &b->parts[place], *computes = &b->parts[copied ? home : place];

    if (place == host && home != host && bytes > 0)
        add_host_visit(b, layer, home);
    reads->weight_bytes_active += kind == EXPERTS ? used_share(bytes, layer) : bytes;
    if (copied)
        computes->copied_bytes_per_pass += bytes;
    else
        computes->weight_bytes_pass += bytes;
    computes->flops_per_token += 2.0 * (double)(kind == EXPERTS ? used_share(parameters, layer) : parameters);
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
    const ctxfit_layer_info *layer = &b->q->model->layer[index];
    cfi_speed_part          *part = &b->parts[cfi_engine_layer_device(&b->answer->run, index)];

    if (layer->attention != CTXFIT_ATTENTION_NONE || layer->state != CTXFIT_STATE_NONE)
        part->blocks++;
    if (layer->feed_forward != CTXFIT_FF_NONE)
        part->blocks++;
    if (cfi_engine_layer_windowed(layer)) {
        part->window_attention_flops_per_position += attention_flops(layer);
        part->window_tokens = cfi_max_u64(part->window_tokens, layer->window_tokens);
    } else if (layer->attention != CTXFIT_ATTENTION_NONE) {
        part->attention_flops_per_position += attention_flops(layer);
    }
}

/* Without overrides a layer's tensors are in one place, its routed experts perhaps in another. */
static void add_layer_weights(part_builder *b, uint32_t index)
{
    const cfi_run           *run = &b->answer->run;
    const ctxfit_layer_info *layer = &b->q->model->layer[index];
    const cfi_tensor_sums   *sums = &b->q->model->layer_sums[index];
    uint32_t                 home = cfi_engine_layer_device(run, index);
    uint32_t                 experts = index < run->cpu_expert_layers ? b->q->device_count : home;

    add_weights(b, layer, home, home, DENSE, sums->bytes[DENSE], sums->parameters[DENSE]);
    add_weights(b, layer, home, experts, EXPERTS, sums->bytes[EXPERTS], sums->parameters[EXPERTS]);
}

static void add_output_bytes(part_builder *b, uint32_t place, uint64_t bytes)
{
    b->parts[place].weight_bytes_active += bytes;
    b->parts[place].weight_bytes_pass += bytes;
}

/* The token embedding as output matrix; NULL where there is another. */
static const cfi_tensor *tied_output(const ctxfit_model *model)
{
    return model->has_output ? NULL : model->token_embd;
}

static void add_all_weights(part_builder *b)
{
    const ctxfit_model *model = b->q->model;
    const cfi_tensor   *tied = tied_output(model);

    for (uint32_t i = 0; i < model->info.layers; i++)
        add_layer_weights(b, i);
    add_output_bytes(b, b->answer->run.output_device, model->output_sums.bytes[DENSE] + (tied != NULL ? tied->bytes : 0));
}

/* With overrides any tensor may be anywhere. */
static void add_placed_tensor(part_builder *b, const cfi_overrides *overrides, const cfi_run *run, const cfi_tensor *tensor)
{
    uint32_t home = run->output_device, index = tensor->layer > 0 ? (uint32_t)tensor->layer : 0;
    uint64_t parameters = tensor->dims[0] * tensor->dims[1] * tensor->dims[2] * tensor->dims[3]; /* fit: the model was summed up */

    if (tensor->role == CFI_ROLE_OUTPUT)
        add_output_bytes(b, cfi_overrides_device(overrides, run, tensor, home), tensor->bytes);
    if (tensor->role != CFI_ROLE_LAYER || index >= b->q->model->info.layers)
        return;
    home = cfi_engine_layer_device(run, index);
    add_weights(b, &b->q->model->layer[index], home, cfi_overrides_device(overrides, run, tensor, home),
                (tensor->flags & CFI_TENSOR_F_EXPERT) != 0 ? EXPERTS : DENSE, tensor->bytes, parameters);
}

static void add_placed_weights(part_builder *b)
{
    const ctxfit_model *model = b->q->model;
    const cfi_tensor   *tied = tied_output(model);
    cfi_run             run = b->answer->run;
    cfi_overrides       overrides;

    run.overrides = b->q->options.overrides;
    if (cfi_overrides_read(b->q->engine_device, &run, &overrides, NULL) != CTXFIT_OK)
        return; /* measuring has read them before */
    for (uint64_t i = 0; i < model->info.tensor_count; i++)
        add_placed_tensor(b, &overrides, &run, &model->tensor[i]);
    if (tied != NULL)
        add_output_bytes(b, cfi_overrides_device(&overrides, &run, tied, run.output_device), tied->bytes);
}

/* Hidden states into a device, and of the output what is sampled from. */
static void add_links(part_builder *b)
{
    const cfi_run *run = &b->answer->run;
    uint32_t       before = b->q->device_count; /* embeddings are looked up on the host */

    for (uint32_t i = 0; i < b->q->model->info.layers; i++) {
        uint32_t device = cfi_engine_layer_device(run, i);

        if (device != before)
            b->parts[device].link_bytes_per_token += hidden_bytes(b);
        before = device;
    }
    if (run->output_device != before)
        b->parts[run->output_device].link_bytes_per_token += hidden_bytes(b);
    if (run->output_device != b->q->device_count)
        b->parts[run->output_device].link_bytes_per_token += (uint64_t)b->q->model->info.vocabulary * sizeof(float);
}

static void add_caches(part_builder *b)
{
    const cfi_run *run = &b->answer->run;

    for (uint32_t i = 0; i < cfi_plan_device_count(b->q); i++) {
        const cfi_memory_device *m = &b->answer->memory.device[i];
        cfi_speed_part          *part = &b->parts[i];

        if (run->kv_cells > 0)
            part->kv_bytes_per_position = (m->kv + m->kv_other) / (run->kv_cells * run->streams);
        if (run->swa_cells > 0)
            part->window_bytes_per_position = m->kv_swa / (run->swa_cells * run->streams);
        part->state_bytes = 2 * (m->recurrent / run->n_seq); /* read and written */
    }
}

uint32_t cfi_plan_parts(const cfi_answer *answer, const cfi_question *q, cfi_speed_part parts[CFI_MAX_PLAN_DEVICES])
{
    part_builder b = {answer, q, parts, {0}};
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
    if (q->options.overrides[0] == '\0')
        add_all_weights(&b);
    else
        add_placed_weights(&b);
    add_caches(&b);
    add_links(&b);
    return count;
}
