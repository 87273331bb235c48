/* Bytes of what runs beside a model, by device. llama.cpp b10472: a draft is loaded as any model with the options of the one that it drafts
 * for, but devices, layers, experts and cache types of its own, and one row of logits a sequence (common_base_params_to_speculative,
 * common/speculative.cpp:2274); tensors of an adapter lie where those of the model lie (src/llama-adapter.cpp:332); a projector is on the
 * first GPU that is no other machine's (tools/mtmd/clip.cpp). */
#include "plan_internal.h"

/* What an entry takes: parts as those of a model, devices as in the question, the host last. */
typedef struct beside_size {
    cfi_memory memory;
    uint64_t   n_ctx_seq;
} beside_size;

static void size_clear(const cfi_question *q, beside_size *out)
{
    memset(out->memory.device, 0, cfi_plan_device_count(q) * sizeof out->memory.device[0]);
    out->memory.device_count = q->device_count;
    out->memory.compute_exact = true;
    out->n_ctx_seq = 0;
}

/* ---- drafts ---- */

/* common_params_speculative_draft::n_max, common/common.h:327 */
#define DRAFT_TOKENS 3u

uint32_t cfi_beside_draft_tokens(const cfi_beside_item *item)
{
    if (item->kind != CTXFIT_BESIDE_DRAFT && item->kind != CTXFIT_BESIDE_NEXTN)
        return 0;
    return item->draft_options.draft_tokens != 0 ? item->draft_options.draft_tokens : DRAFT_TOKENS;
}

static void draft_question(const cfi_question *q, const cfi_beside_item *item, cfi_question *out)
{
    const ctxfit_draft_options *d = &item->draft_options;

    *out = *q;
    out->model = item->draft;
    out->beside = NULL;
    out->adapted = NULL;
    out->speculation = (cfi_engine_speculation){0, false, NULL};
    out->only_devices = d->devices;
    out->fit_gpu_layers = 0;
    out->fit_cpu_expert_layers = 0;
    if (q->engine.id != CFI_ENGINE_MLX) { /* which caches both alike */
        out->options.kv_key = d->kv_key;
        out->options.kv_value = d->kv_value;
    }
    out->options.gpu_layers = d->gpu_layers;
    out->options.cpu_expert_layers = d->cpu_expert_layers;
    out->options.outputs_max = 0;
    memcpy(out->options.overrides, d->overrides, sizeof out->options.overrides);
}

/* That of the model; before, what was asked for, so that without a request it was the draft's own trained length; before that, one of its
 * own could be set. */
static uint64_t draft_ctx(const cfi_beside_item *item, uint64_t ctx_tokens, const cfi_run *run)
{
    if (item->draft_options.ctx_tokens != 0 && !cfi_engine_changed(run->build, CFI_CHANGE_DRAFT_UNSIZED))
        return item->draft_options.ctx_tokens;
    return cfi_engine_changed(run->build, CFI_CHANGE_DRAFT_FOLLOWS) ? run->n_ctx : ctx_tokens;
}

static ctxfit_status size_draft(const cfi_question *q, const cfi_beside_item *item, uint64_t ctx_tokens, uint32_t sequences,
                                cfi_compute_as as, const cfi_run *run, beside_size *out, ctxfit_error *error)
{
    cfi_question  draft;
    cfi_answer    answer;
    ctxfit_error  found;
    ctxfit_status status;

    if (q->speculation.draft != NULL) {
        out->n_ctx_seq = run->n_ctx_seq;
        return cfi_memory_add_draft(item->draft, run, &out->memory, error);
    }
    draft_question(q, item, &draft);
    status = cfi_plan_answer_alone(&draft, draft_ctx(item, ctx_tokens, run), sequences, as == CFI_AS_FUSED ? CFI_AS_GRAPH : as, &answer,
                                   &found);
    if (status != CTXFIT_OK)
        return cfi_fail(error, status, "draft: %s", found.message);
    out->memory = answer.memory;
    out->n_ctx_seq = answer.run.n_ctx_seq;
    return CTXFIT_OK;
}

/* ---- adapters ---- */

static cfi_padding padding_of(const cfi_question *q, uint32_t device)
{
    return device < q->device_count ? cfi_memory_padding(q->engine_device[device].backend) : CFI_PADDING_32;
}

/* Where a tensor of the model is. */
static uint32_t tensor_device(const cfi_question *q, const cfi_run *run, const cfi_overrides *overrides, const cfi_tensor *tensor)
{
    uint32_t device = q->device_count;

    if (tensor->role == CFI_ROLE_OUTPUT) {
        device = run->output_device;
    } else if (tensor->role == CFI_ROLE_LAYER) {
        uint32_t layer = tensor->layer > 0 ? (uint32_t)tensor->layer : 0;

        if ((tensor->flags & CFI_TENSOR_F_EXPERT) == 0 || layer >= run->cpu_expert_layers)
            device = cfi_engine_layer_device(run, layer);
    }
    return overrides != NULL ? cfi_overrides_device(overrides, run, tensor, device) : device;
}

/* Most that a pass holds beside the product that an adapter adds to: its narrow product and its wide one. A token passes several
 * experts. */
static bool pair_held(const cfi_question *q, const cfi_run *run, const cfi_tensor *tensor, const cfi_beside_pair *pair, uint64_t *out)
{
    uint64_t copies = 1, rows = tensor->role == CFI_ROLE_OUTPUT ? run->outputs_graph : run->graph_tokens;

    if ((tensor->flags & CFI_TENSOR_F_EXPERT) != 0)
        copies = q->model->layer[tensor->layer].experts_used;
    return cfi_add_u64(pair->a[1], pair->b[1], out) && cfi_mul_u64(*out, sizeof(float), out) && cfi_mul_u64(*out, rows, out) &&
           cfi_mul_u64(*out, copies, out);
}

/* Where the graph of the model was measured, it is with what adapters add. */
static bool add_pair(const cfi_question *q, const cfi_answer *model, uint32_t device, const cfi_tensor *tensor,
                     const cfi_beside_pair *pair, cfi_memory_device *out)
{
    uint64_t held;

    if (!cfi_add_u64(out->weights, pair->padded[padding_of(q, device)], &out->weights))
        return false;
    if (model->memory.compute_exact)
        return true;
    if (!pair_held(q, &model->run, tensor, pair, &held))
        return false;
    out->compute = cfi_max_u64(out->compute, held);
    return true;
}

static ctxfit_status size_adapter(const cfi_question *q, uint32_t index, const cfi_answer *model, beside_size *out, ctxfit_error *error)
{
    const cfi_run         *run = &model->run;
    const cfi_beside_item *item = &q->beside->item[index];
    cfi_run                with_text = *run;
    cfi_overrides          overrides;
    bool                   overridden = q->options.overrides[0] != '\0';
    ctxfit_status          status = CTXFIT_OK;

    with_text.overrides = q->options.overrides;
    if (overridden)
        status = cfi_overrides_read(q->engine_device, &with_text, &overrides, error);
    if (status != CTXFIT_OK)
        return status;
    out->memory.compute_exact = model->memory.compute_exact;
    for (uint32_t i = 0; i < item->pair_count; i++) {
        const cfi_tensor *tensor = q->beside_tensor[index][i];
        uint32_t          device = tensor_device(q, run, overridden ? &overrides : NULL, tensor);

        if (!add_pair(q, model, device, tensor, &item->pair[i], &out->memory.device[device]))
            return cfi_fail(error, CTXFIT_E_OVERFLOW, "adapter: more than 64 bits");
    }
    return CTXFIT_OK;
}

/* ---- projectors ---- */

static void size_projector(const cfi_question *q, beside_size *out)
{
    const uint32_t     inexact = CTXFIT_ENCODER_F_BOUND | CTXFIT_ENCODER_F_UNSIZED | CTXFIT_ENCODER_F_UNCHECKED;
    cfi_memory_device *device = &out->memory.device[q->projector_device], *host = &out->memory.device[q->device_count];

    host->weights = q->projector.host_weight_bytes;
    host->compute = host->compute_low = q->projector.host_compute_bytes;
    if (device != host) {
        device->weights = q->projector.weight_bytes;
        device->compute = device->compute_low = q->projector.compute_bytes;
    }
    out->memory.compute_exact = (q->projector.flags & inexact) == 0;
    if (!out->memory.compute_exact) {
        device->compute_low = 0;
        host->compute_low = 0;
    }
}

/* ---- all ---- */

static ctxfit_status size_of(const cfi_question *q, uint32_t index, uint64_t ctx_tokens, uint32_t sequences, cfi_compute_as as,
                             const cfi_answer *model, beside_size *out, ctxfit_error *error)
{
    const cfi_beside_item *item = &q->beside->item[index];
    const cfi_run         *run = &model->run;

    size_clear(q, out);
    if (item->kind == CTXFIT_BESIDE_DRAFT)
        return size_draft(q, item, ctx_tokens, sequences, as, run, out, error);
    if (item->kind == CTXFIT_BESIDE_NEXTN) {
        out->n_ctx_seq = run->n_ctx_seq;
        return cfi_beside_size_nextn(q, item, sequences, run, &out->memory, error);
    }
    if (item->kind == CTXFIT_BESIDE_ADAPTER)
        return size_adapter(q, index, model, out, error);
    size_projector(q, out);
    return CTXFIT_OK;
}

ctxfit_status cfi_plan_add_beside(const cfi_question *q, uint64_t ctx_tokens, uint32_t sequences, cfi_compute_as as, cfi_answer *out,
                                  ctxfit_error *error)
{
    beside_size   size;
    ctxfit_status status = CTXFIT_OK;

    for (uint32_t i = 0; i < q->beside->count && status == CTXFIT_OK; i++) {
        status = size_of(q, i, ctx_tokens, sequences, as, out, &size, error);
        for (uint32_t d = 0; status == CTXFIT_OK && d <= q->device_count; d++) {
            cfi_memory_device *from = &size.memory.device[d], *to = &out->memory.device[d];
            uint64_t           total = cfi_memory_device_total(from), low;

            from->compute = from->compute_low;
            low = cfi_memory_device_total(from);
            if (!cfi_add_u64(to->beside, total, &to->beside) || !cfi_add_u64(to->beside_low, low, &to->beside_low))
                status = cfi_fail(error, CTXFIT_E_OVERFLOW, "what runs beside the model: more than 64 bits");
        }
    }
    return status;
}

/* ---- the entries of a plan ---- */

const char *cfi_beside_item_name(const ctxfit_model *model, const cfi_beside_item *item)
{
    const ctxfit_model *drafter = item->kind == CTXFIT_BESIDE_NEXTN ? model : item->draft;

    if (item->name[0] != '\0')
        return item->name;
    if (item->kind == CTXFIT_BESIDE_PROJECTOR)
        return item->projector.info.name;
    if (drafter == NULL)
        return item->companion.name;
    return drafter->name[0] != '\0' ? drafter->name : drafter->arch_name;
}

static void fill_entry(const cfi_question *q, const cfi_beside_item *item, const beside_size *size, uint32_t device,
                       ctxfit_plan_beside *out)
{
    const cfi_memory_device *m = &size->memory.device[device];
    const char              *name = cfi_beside_item_name(q->model, item);

    out->struct_size = (uint32_t)sizeof *out;
    out->kind = item->kind;
    out->device = device;
    out->compute_exact = size->memory.compute_exact;
    out->layers = m->layers;
    if (item->kind == CTXFIT_BESIDE_DRAFT || item->kind == CTXFIT_BESIDE_NEXTN)
        out->draft_tokens = q->speculation.draft_tokens;
    out->n_ctx_seq = size->n_ctx_seq;
    out->weights_bytes = m->weights;
    out->kv_bytes = m->kv + m->kv_swa + m->kv_other; /* within the total, which fits */
    out->recurrent_bytes = m->recurrent;
    out->compute_bytes = m->compute;
    out->compute_low_bytes = m->compute_low;
    out->output_bytes = m->output;
    out->total_bytes = cfi_memory_device_total(m);
    for (size_t i = 0; i + 1 < sizeof out->name && name[i] != '\0'; i++)
        out->name[i] = name[i];
    cfi_make_printable(out->name);
}

static void add_entry(const ctxfit_plan_beside *part, ctxfit_plan_beside *sum)
{
    sum->layers += part->layers;
    sum->weights_bytes += part->weights_bytes;
    sum->kv_bytes += part->kv_bytes;
    sum->recurrent_bytes += part->recurrent_bytes;
    sum->compute_bytes += part->compute_bytes;
    sum->compute_low_bytes += part->compute_low_bytes;
    sum->output_bytes += part->output_bytes;
    sum->total_bytes += part->total_bytes;
}

ctxfit_status cfi_plan_list_beside(ctxfit_plan *plan, const cfi_question *q, uint64_t ctx_tokens, uint32_t sequences,
                                   ctxfit_error *error)
{
    uint32_t      count = q->beside != NULL ? q->beside->count : 0, stride = cfi_plan_device_count(q) + 1;
    cfi_compute_as as = (q->options.flags & CTXFIT_PLAN_F_BOUND) != 0 ? CFI_AS_BOUND : CFI_AS_GRAPH;
    beside_size   size;
    ctxfit_status status = CTXFIT_OK;

    if (count == 0)
        return CTXFIT_OK;
    plan->beside = cfi_arena_array(&plan->arena, (size_t)count * stride, sizeof *plan->beside);
    if (plan->beside == NULL)
        return cfi_fail(error, CTXFIT_E_NO_MEMORY, "out of memory for a plan");
    for (uint32_t i = 0; i < count && status == CTXFIT_OK; i++) {
        ctxfit_plan_beside *entry = &plan->beside[(size_t)i * stride], *sum = &entry[stride - 1];

        status = size_of(q, i, ctx_tokens, sequences, as, &plan->answer, &size, error);
        for (uint32_t d = 0; status == CTXFIT_OK && d + 1 < stride; d++) {
            fill_entry(q, &q->beside->item[i], &size, d, &entry[d]);
            if (d == 0)
                *sum = entry[0];
            else
                add_entry(&entry[d], sum);
        }
        sum->device = UINT32_MAX;
    }
    plan->summary.beside_count = count;
    return status;
}

ctxfit_status ctxfit_plan_get_beside(const ctxfit_plan *plan, uint32_t index, uint32_t device, ctxfit_plan_beside *out)
{
    uint32_t stride;

    if (plan == NULL || out == NULL)
        return cfi_copy_none(out, CFI_V1_PLAN_BESIDE, CTXFIT_E_INVALID_ARG);
    stride = plan->summary.device_count + 1;
    if (index >= plan->summary.beside_count || (device != UINT32_MAX && device >= plan->summary.device_count))
        return cfi_copy_none(out, CFI_V1_PLAN_BESIDE, CTXFIT_E_NOT_FOUND);
    device = device == UINT32_MAX ? stride - 1 : device;
    return cfi_copy_out(out, &plan->beside[(size_t)index * stride + device], sizeof *plan->beside, CFI_V1_PLAN_BESIDE);
}
