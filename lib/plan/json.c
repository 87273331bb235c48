#include <math.h>

#include "json_writer.h"
#include "plan_internal.h"

static const char *fit_name(uint32_t fit)
{
    switch (fit) {
    case CTXFIT_FIT_ALL:   return "all";
    case CTXFIT_FIT_SPLIT: return "split";
    case CTXFIT_FIT_NONE:  return "none";
    }
    return "unknown";
}

static const char *kind_name(uint32_t kind)
{
    switch (kind) {
    case CTXFIT_DEVICE_HOST:    return "host";
    case CTXFIT_DEVICE_GPU:     return "gpu";
    case CTXFIT_DEVICE_UNIFIED: return "unified";
    }
    return "unknown";
}

/* What the weights are, where they are those of a quantized checkpoint. */
static void write_quantization(cfi_json *j, const ctxfit_plan *plan)
{
    const ctxfit_checkpoint_info *c = &plan->stored;

    if (c->quant == CTXFIT_CHECKPOINT_QUANT_NONE)
        return;
    cfi_json_begin(j, "quantization", '{');
    cfi_json_string(j, "method", c->quant_method);
    cfi_json_u64(j, "bits", c->quant_bits > 0 ? c->quant_bits : UINT64_MAX);
    cfi_json_u64(j, "group", c->quant_group);
    cfi_json_u64(j, "tensor_bytes", plan->stored_bytes);
    cfi_json_bool(j, "measured", (c->flags & CTXFIT_CHECKPOINT_F_MEASURED) != 0);
    cfi_json_end(j, '}');
}

static void write_model(cfi_json *j, const ctxfit_plan *plan)
{
    const ctxfit_model_info *m = &plan->model;
    char                     file_type[32];

    (void)ctxfit_file_type_write_name(m->file_type, file_type, sizeof file_type, NULL);
    cfi_json_begin(j, "model", '{');
    cfi_json_string(j, "name", plan->model_name);
    cfi_json_string(j, "architecture", plan->model_arch);
    if (m->file_type != 0 && plan->stored.quant == CTXFIT_CHECKPOINT_QUANT_NONE)
        cfi_json_string(j, "file_type", file_type);
    else
        cfi_json_u64(j, "file_type", UINT64_MAX); /* null: not stated, or that of a checkpoint's plain form */
    cfi_json_u64(j, "layers", m->layers);
    cfi_json_u64(j, "trained_tokens", m->trained_tokens);
    cfi_json_u64(j, "parameters", m->parameters);
    cfi_json_u64(j, "parameters_active", m->parameters_active);
    cfi_json_u64(j, "tensor_bytes", m->tensor_bytes);
    cfi_json_u64(j, "data_bytes", m->data_bytes);
    write_quantization(j, plan);
    cfi_json_end(j, '}');
}

static void write_resolved(cfi_json *j, const ctxfit_plan *plan)
{
    const ctxfit_plan_summary *s = &plan->summary;
    const cfi_run             *run = &plan->answer.run;

    cfi_json_begin(j, "engine", '{');
    cfi_json_string(j, "name", s->engine.name);
    cfi_json_string(j, "version", s->engine.version);
    cfi_json_u64(j, "build", s->engine.build);
    cfi_json_bool(j, "known", s->engine.known != 0);
    cfi_json_end(j, '}');
    cfi_json_begin(j, "resolved", '{');
    cfi_json_u64(j, "n_ctx", s->n_ctx);
    cfi_json_u64(j, "n_ctx_seq", s->n_ctx_seq);
    cfi_json_u64(j, "n_seq", s->n_seq);
    cfi_json_u64(j, "n_batch", s->n_batch);
    cfi_json_u64(j, "n_ubatch", s->n_ubatch);
    cfi_json_bool(j, "flash_attn", s->flash_attention != 0);
    cfi_json_bool(j, "kv_unified", s->kv_unified != 0);
    cfi_json_string(j, "type_k", ctxfit_quant_name(run->type_k));
    cfi_json_string(j, "type_v", ctxfit_quant_name(run->type_v));
    cfi_json_u64(j, "kv_cells", s->kv_cells);
    cfi_json_u64(j, "swa_cells", s->swa_cells);
    cfi_json_u64(j, "gpu_layers", s->gpu_layers);
    cfi_json_string(j, "output_device", plan->device[s->output_device].name);
    cfi_json_bool(j, "pipeline", s->pipeline != 0);
    cfi_json_end(j, '}');
}

static const char *ctx_source_name(uint32_t source)
{
    switch (source) {
    case CTXFIT_CTX_FROM_REQUEST: return "request";
    case CTXFIT_CTX_FROM_FILE:    return "file";
    case CTXFIT_CTX_FROM_SERVER:  return "server";
    case CTXFIT_CTX_FROM_MEMORY:  return "memory";
    case CTXFIT_CTX_FROM_MODEL:   return "model";
    }
    return "unknown";
}

/* What an engine with rules of its own goes by; llama.cpp is told everything. */
static void write_decisions(cfi_json *j, const ctxfit_plan *plan)
{
    ctxfit_plan_engine e = CTXFIT_PLAN_ENGINE_INIT;

    if (plan->answer.run.id == CFI_ENGINE_LLAMACPP)
        return;
    (void)ctxfit_plan_get_engine(plan, &e);
    cfi_json_begin(j, "decisions", '{');
    cfi_json_string(j, "ctx_source", ctx_source_name(e.ctx_source));
    cfi_json_u64(j, "ctx_tokens", e.ctx_tokens);
    if (e.default_memory_bytes > 0)
        cfi_json_u64(j, "default_memory_bytes", e.default_memory_bytes);
    if (e.predicted_bytes > 0) {
        cfi_json_u64(j, "predicted_bytes", e.predicted_bytes);
        cfi_json_u64(j, "available_bytes", e.available_bytes);
        cfi_json_bool(j, "serial", e.serial != 0);
    }
    if (e.tensor_ranks > 0) {
        cfi_json_u64(j, "tensor_parallel", e.tensor_ranks);
        cfi_json_u64(j, "pipeline_parallel", e.stages);
    }
    if (e.block_tokens > 0) {
        cfi_json_u64(j, "groups", e.groups);
        cfi_json_u64(j, "block_tokens", e.block_tokens);
        cfi_json_u64(j, "block_bytes", e.block_bytes);
        cfi_json_u64(j, "pool_bytes", e.pool_bytes);
        cfi_json_u64(j, "pool_blocks", e.pool_blocks);
        cfi_json_u64(j, "pool_most_blocks", e.pool_most_blocks);
        cfi_json_u64(j, "pool_tokens", e.pool_tokens);
        cfi_json_u64(j, "pool_most_tokens", e.pool_most_tokens);
        cfi_json_u64(j, "request_blocks", e.request_blocks);
        cfi_json_u64(j, "longest_tokens", e.longest_tokens);
        cfi_json_number(j, "concurrency", e.concurrency);
        if (e.state_slots > 0)
            cfi_json_u64(j, "state_slots", e.state_slots);
    }
    cfi_json_end(j, '}');
}

static void write_device(cfi_json *j, const ctxfit_plan_device *d)
{
    cfi_json_begin(j, NULL, '{');
    cfi_json_string(j, "name", d->name);
    cfi_json_string(j, "id", d->id);
    cfi_json_string(j, "kind", kind_name(d->kind));
    cfi_json_u64(j, "capacity_bytes", d->usable_bytes == CFI_NO_LIMIT ? UINT64_MAX : d->capacity_bytes);
    cfi_json_u64(j, "usable_bytes", d->usable_bytes);
    cfi_json_u64(j, "weights_bytes", d->weights_bytes);
    cfi_json_u64(j, "kv_bytes", d->kv_bytes);
    cfi_json_u64(j, "kv_swa_bytes", d->kv_swa_bytes);
    cfi_json_u64(j, "recurrent_bytes", d->recurrent_bytes);
    cfi_json_u64(j, "kv_other_bytes", d->kv_other_bytes);
    cfi_json_u64(j, "compute_bytes", d->compute_bytes);
    cfi_json_u64(j, "compute_low_bytes", d->compute_low_bytes);
    cfi_json_u64(j, "output_bytes", d->output_bytes);
    if (d->tower_bytes > 0)
        cfi_json_u64(j, "tower_bytes", d->tower_bytes);
    if (d->beside_bytes > 0)
        cfi_json_u64(j, "beside_bytes", d->beside_bytes);
    cfi_json_u64(j, "total_bytes", d->total_bytes);
    cfi_json_i64(j, "free_bytes", d->free_bytes);
    cfi_json_u64(j, "layers", d->layers);
    cfi_json_end(j, '}');
}

static void write_beside_parts(cfi_json *j, const ctxfit_plan_beside *b)
{
    const bool draft = b->kind == CTXFIT_BESIDE_DRAFT || b->kind == CTXFIT_BESIDE_NEXTN;

    if (draft)
        cfi_json_u64(j, "layers", b->layers);
    cfi_json_u64(j, "weights_bytes", b->weights_bytes);
    if (draft) {
        cfi_json_u64(j, "kv_bytes", b->kv_bytes);
        cfi_json_u64(j, "recurrent_bytes", b->recurrent_bytes);
    }
    cfi_json_u64(j, "compute_bytes", b->compute_bytes);
    cfi_json_u64(j, "compute_low_bytes", b->compute_low_bytes);
    if (draft)
        cfi_json_u64(j, "output_bytes", b->output_bytes);
    cfi_json_u64(j, "total_bytes", b->total_bytes);
}

/* What runs beside the model; plans without it have no such key. */
static void write_beside(cfi_json *j, const ctxfit_plan *plan)
{
    const uint32_t devices = plan->summary.device_count;

    if (plan->summary.beside_count == 0)
        return;
    cfi_json_begin(j, "beside", '[');
    for (uint32_t i = 0; i < plan->summary.beside_count; i++) {
        const ctxfit_plan_beside *entry = &plan->beside[(size_t)i * (devices + 1)], *sum = &entry[devices];

        cfi_json_begin(j, NULL, '{');
        cfi_json_string(j, "kind", ctxfit_beside_name(sum->kind));
        cfi_json_string(j, "name", sum->name);
        if (sum->n_ctx_seq > 0)
            cfi_json_u64(j, "n_ctx_seq", sum->n_ctx_seq);
        cfi_json_bool(j, "compute_exact", sum->compute_exact != 0);
        write_beside_parts(j, sum);
        cfi_json_begin(j, "devices", '[');
        for (uint32_t d = 0; d < devices; d++) {
            if (entry[d].total_bytes == 0)
                continue;
            cfi_json_begin(j, NULL, '{');
            cfi_json_string(j, "name", plan->device[d].name);
            write_beside_parts(j, &entry[d]);
            cfi_json_end(j, '}');
        }
        cfi_json_end(j, ']');
        cfi_json_end(j, '}');
    }
    cfi_json_end(j, ']');
}

static void write_constraint(cfi_json *j, const ctxfit_plan *plan, const ctxfit_constraint *c)
{
    cfi_json_begin(j, NULL, '{');
    cfi_json_string(j, "kind", ctxfit_limit_name(c->kind));
    if (c->device != UINT32_MAX)
        cfi_json_string(j, "device", plan->device[c->device].name);
    cfi_json_u64(j, "limit_tokens", c->limit_tokens);
    if (c->device != UINT32_MAX)
        cfi_json_u64(j, "fits_tokens", c->fits_tokens);
    cfi_json_i64(j, "slack_bytes", c->slack_bytes);
    cfi_json_bool(j, "binding", c->binding != 0);
    cfi_json_string(j, "source", c->source);
    cfi_json_end(j, '}');
}

static void write_estimate(cfi_json *j, const char *name, const ctxfit_estimate *e)
{
    cfi_json_begin(j, name, '{');
    cfi_json_number(j, "value", e->basis != CTXFIT_BASIS_UNKNOWN ? e->value : NAN);
    cfi_json_number(j, "low", e->basis != CTXFIT_BASIS_UNKNOWN ? e->low : NAN);
    cfi_json_number(j, "high", e->basis != CTXFIT_BASIS_UNKNOWN ? e->high : NAN);
    cfi_json_string(j, "basis",
                    e->basis == CTXFIT_BASIS_MEASURED     ? "measured"
                    : e->basis == CTXFIT_BASIS_CALIBRATED ? "calibrated"
                                                          : "unknown");
    cfi_json_end(j, '}');
}

static void write_speed(cfi_json *j, const ctxfit_plan *plan)
{
    ctxfit_estimate empty = CTXFIT_ESTIMATE_INIT, full = CTXFIT_ESTIMATE_INIT, prompt = CTXFIT_ESTIMATE_INIT;

    (void)ctxfit_plan_get_decode_rate(plan, 0, &empty);
    (void)ctxfit_plan_get_decode_rate(plan, plan->summary.n_ctx_seq, &full);
    (void)ctxfit_plan_get_prompt_time(plan, plan->summary.n_ctx_seq, 0, &prompt);
    cfi_json_begin(j, "speed", '{');
    write_estimate(j, "decode_tokens_per_s", &empty);
    write_estimate(j, "decode_full_context_tokens_per_s", &full);
    write_estimate(j, "prompt_full_context_s", &prompt);
    cfi_json_end(j, '}');
}

void cfi_plan_write(cfi_json *j, const char *name, const ctxfit_plan *plan, const char *id)
{
    const ctxfit_plan_summary *s = &plan->summary;

    cfi_json_begin(j, name, '{');
    cfi_json_string(j, "schema", "ctxfit.plan/1");
    if (id != NULL)
        cfi_json_string(j, "id", id);
    write_model(j, plan);
    write_resolved(j, plan);
    write_decisions(j, plan);
    cfi_json_begin(j, "devices", '[');
    for (uint32_t i = 0; i < s->device_count; i++)
        write_device(j, &plan->device[i]);
    cfi_json_end(j, ']');
    write_beside(j, plan);
    cfi_json_string(j, "fit", fit_name(s->fit));
    cfi_json_i64(j, "margin_bytes", s->margin_bytes);
    cfi_json_bool(j, "compute_exact", s->compute_exact != 0);
    cfi_json_u64(j, "total_bytes", s->total_bytes);
    cfi_json_u64(j, "max_ctx_seq", plan->limits_known ? s->max_ctx_seq_tokens : UINT64_MAX);
    cfi_json_u64(j, "max_sequences", plan->limits_known ? s->max_sequences : UINT64_MAX);
    cfi_json_begin(j, "constraints", '[');
    for (uint32_t i = 0; i < s->constraint_count; i++)
        write_constraint(j, plan, &plan->constraint[i]);
    cfi_json_end(j, ']');
    write_speed(j, plan);
    cfi_json_begin(j, "warnings", '[');
    for (uint32_t i = 0; i < s->warning_count; i++)
        cfi_json_string(j, NULL, plan->warning[i]);
    cfi_json_end(j, ']');
    cfi_json_end(j, '}');
}

ctxfit_status ctxfit_plan_write_json(const ctxfit_plan *plan, const char *id, char *buf, size_t cap, size_t *out_len)
{
    cfi_json j = {{NULL, 0, 0}, false};

    if (out_len != NULL)
        *out_len = 0;
    if (buf != NULL && cap > 0)
        buf[0] = '\0';
    if (plan == NULL || (buf == NULL && cap > 0))
        return CTXFIT_E_INVALID_ARG;
    cfi_writer_init(&j.text, buf, cap);
    cfi_plan_write(&j, NULL, plan, id);
    return cfi_writer_finish(&j.text, out_len);
}
