#include <math.h>

#include "place_internal.h"
#include "plan/json_writer.h"

static const char *objective_name(uint32_t objective)
{
    static const char *const names[] = {"default", "largest_context", "fastest_decode", "best_quality", "most_sequences"};

    return objective < CFI_COUNT(names) ? names[objective] : "unknown";
}

static void write_options(cfi_json *j, const ctxfit_place *place)
{
    const ctxfit_plan_options *o = &place->options;
    uint32_t                   named = 0;

    cfi_json_begin(j, "options", '{');
    cfi_json_u64(j, "n_ctx", o->ctx_tokens);
    cfi_json_u64(j, "n_seq", o->sequences);
    cfi_json_u64(j, "n_ubatch", place->summary.ubatch_tokens);
    cfi_json_string(j, "type_k", ctxfit_quant_name(o->kv_key));
    cfi_json_string(j, "type_v", ctxfit_quant_name(o->kv_value));
    cfi_json_u64(j, "ngl", o->gpu_layers == CTXFIT_GPU_LAYERS_NONE ? 0 : o->gpu_layers);
    for (uint32_t i = 0; i < CTXFIT_MAX_SPLIT; i++)
        named = o->tensor_split[i] > 0 ? i + 1 : named;
    cfi_json_begin(j, "tensor_split", '[');
    for (uint32_t i = 0; i < named; i++)
        cfi_json_number(j, NULL, o->tensor_split[i]);
    cfi_json_end(j, ']');
    cfi_json_u64(j, "n_cpu_moe", o->cpu_expert_layers);
    cfi_json_string(j, "overrides", o->overrides);
    cfi_json_end(j, '}');
}

static void write_shortfall(cfi_json *j, const ctxfit_place *place)
{
    const ctxfit_place_summary *s = &place->summary;
    ctxfit_plan_device          device = CTXFIT_PLAN_DEVICE_INIT;

    if (s->found || s->short_device == UINT32_MAX)
        return;
    (void)ctxfit_plan_get_device(place->plan, s->short_device, &device);
    cfi_json_begin(j, "shortfall", '{');
    cfi_json_string(j, "kind", ctxfit_limit_name(s->short_kind));
    cfi_json_string(j, "device", device.name);
    cfi_json_u64(j, "bytes", s->short_bytes);
    cfi_json_end(j, '}');
}

static void write_change(cfi_json *j, const ctxfit_change *change)
{
    cfi_json_begin(j, NULL, '{');
    cfi_json_string(j, "kind", ctxfit_change_name(change->kind));
    if (change->kind == CTXFIT_CHANGE_CACHE_TYPE)
        cfi_json_string(j, "value", ctxfit_quant_name((ctxfit_quant)change->value));
    else if (change->kind == CTXFIT_CHANGE_FILE_TYPE)
        cfi_json_string(j, "value", ctxfit_file_type_name((ctxfit_file_type)change->value));
    else
        cfi_json_u64(j, "value", change->value);
    cfi_json_string(j, "text", change->text);
    cfi_json_end(j, '}');
}

static void write_place(cfi_json *j, const ctxfit_place *place, const char *id)
{
    const ctxfit_place_summary *s = &place->summary;

    cfi_json_begin(j, NULL, '{');
    cfi_json_string(j, "schema", "ctxfit.place/1");
    if (id != NULL)
        cfi_json_string(j, "id", id);
    cfi_json_bool(j, "found", s->found != 0);
    cfi_json_string(j, "objective", objective_name(s->objective));
    cfi_json_u64(j, "ctx_seq", s->ctx_seq_tokens);
    cfi_json_u64(j, "sequences", s->sequences);
    if (s->file_type != 0)
        cfi_json_string(j, "file_type", ctxfit_file_type_name(s->file_type));
    cfi_json_u64(j, "host_layers", s->host_layers);
    cfi_json_u64(j, "host_expert_layers", s->host_expert_layers);
    cfi_json_u64(j, "device_weights_bytes", s->device_weights_bytes);
    cfi_json_u64(j, "host_weights_bytes", s->host_weights_bytes);
    cfi_json_number(j, "device_share", s->device_share);
    cfi_json_number(j, "decode_tokens_per_s", s->decode_tokens_per_s > 0 ? s->decode_tokens_per_s : HUGE_VAL);
    cfi_json_u64(j, "evaluations", s->evaluations);
    write_options(j, place);
    write_shortfall(j, place);
    cfi_json_begin(j, "reasons", '[');
    for (uint32_t i = 0; i < s->reason_count; i++)
        cfi_json_string(j, NULL, place->reason[i]);
    cfi_json_end(j, ']');
    cfi_json_begin(j, "changes", '[');
    for (uint32_t i = 0; i < s->change_count; i++)
        write_change(j, &place->change[i]);
    cfi_json_end(j, ']');
    cfi_plan_write(j, "plan", place->plan, NULL);
    cfi_json_end(j, '}');
}

ctxfit_status ctxfit_place_write_json(const ctxfit_place *place, const char *id, char *buf, size_t cap, size_t *out_len)
{
    cfi_json j = {{NULL, 0, 0}, false};

    if (out_len != NULL)
        *out_len = 0;
    if (buf != NULL && cap > 0)
        buf[0] = '\0';
    if (place == NULL || (buf == NULL && cap > 0))
        return CTXFIT_E_INVALID_ARG;
    cfi_writer_init(&j.text, buf, cap);
    write_place(&j, place, id);
    return cfi_writer_finish(&j.text, out_len);
}
