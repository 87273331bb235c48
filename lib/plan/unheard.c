/* Settings of a request that change nothing: lib/engine/settings.def. */
#include <stdio.h>

#include "plan_internal.h"

static bool has_layer(const ctxfit_model *model, bool (*is)(const ctxfit_layer_info *layer))
{
    for (uint32_t i = 0; i < model->info.layers; i += model->layer_run[i])
        if (is(&model->layer[i]))
            return true;
    return false;
}

static bool keeps_state(const ctxfit_layer_info *layer) { return layer->state != CTXFIT_STATE_NONE; }

/* What is there of all that settings can work with. */
static uint32_t needs_met(const cfi_question *q, const cfi_run *run)
{
    const ctxfit_plan_options *o = &q->options;
    const bool no_ctx = o->ctx_tokens == 0, no_model_ctx = no_ctx && o->model_ctx_tokens == 0;
    const bool host = run->gpu_layers <= q->model->info.layers + q->model->info.nextn_layers || o->cpu_expert_layers != 0 ||
                      o->overrides[0] != '\0' || !run->kv_offload;
    const bool no_speeds = run->paged.tensor_ranks > 0 || run->grown_bits > 0 || run->exllama.k_bits > 0;
    const struct {
        bool     is;
        uint32_t need;
    } there[] = {
        {q->device_count > 0, CFI_NEEDS_GPU},
        {q->device_count > 1, CFI_NEEDS_GPUS},
        {host, CFI_NEEDS_HOST},
        {q->model->info.experts > 0 || q->device_count > 1, CFI_NEEDS_EXPERTS}, /* several GPUs lose their overlap in any case */
        {has_layer(q->model, cfi_engine_layer_windowed), CFI_NEEDS_WINDOWS},
        {has_layer(q->model, keeps_state), CFI_NEEDS_STATES},
        {no_ctx, CFI_NEEDS_NO_CTX},
        {no_model_ctx, CFI_NEEDS_NO_MODEL_CTX},
        {no_model_ctx && o->default_ctx_tokens == 0, CFI_NEEDS_NO_DEFAULT_CTX},
        {cfi_plan_hw_device(q, q->device_count)->memory_bytes > 0, CFI_NEEDS_HOST_STATED},
        {o->limit_tokens > 0, CFI_NEEDS_LIMIT},
        {!no_speeds, CFI_NEEDS_SPEEDS},
        {cfi_model_has_towers(q->model), CFI_NEEDS_TOWERS},
        {run->notes.ctx_tokens <= CFI_OLLAMA_VISION_CTX, CFI_NEEDS_SHORT_CTX},
    };
    uint32_t met = 0;

    for (size_t i = 0; i < CFI_COUNT(there); i++)
        met |= there[i].is ? there[i].need : 0;
    return met;
}

static void say(cfi_warning_list *list, const char *what, const char *why)
{
    char text[480];

    (void)snprintf(text, sizeof text, "without effect: %s (%s)", what, why);
    cfi_plan_warn(list, text);
}

/* Settings with that effect; of those that lack something, the ones for which `need` is the first. Too many for a warning take another. */
static void say_settings(cfi_warning_list *list, const cfi_question *q, uint32_t met, cfi_setting_effect effect, uint32_t need,
                         const char *why)
{
    char   names[320];
    size_t used = 0;

    for (uint32_t i = 0; i < cfi_setting_count(); i++) {
        const char *name;
        uint32_t    lacks;

        if (cfi_setting_effect_of(i, q->engine.id, &q->options, met, &name, &lacks) != effect ||
            (effect == CFI_SETTING_LACKS && (lacks & (~lacks + 1)) != need))
            continue;
        if (used + sizeof ", " + strlen(name) > sizeof names) {
            say(list, names, why);
            used = 0;
        }
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", used > 0 ? ", " : "", name);
    }
    if (used > 0)
        say(list, names, why);
}

/* Places of an array with one for each device that say something of devices which the machine does not have. */
static void say_beyond(cfi_warning_list *list, const cfi_question *q, const void *array, size_t each, const char *name)
{
    const unsigned char *bytes = array;

    for (size_t i = q->device_count * each; q->device_count > 0 && i < CTXFIT_MAX_SPLIT * each; i++) {
        if (bytes[i] != 0) {
            say(list, name, "the machine has fewer devices");
            return;
        }
    }
}

/* A pattern that is no tensor's first moves nothing. */
static void say_overrides(cfi_warning_list *list, const cfi_question *q)
{
    cfi_run       run = list->plan->answer.run;
    cfi_overrides overrides;
    const char   *at = q->options.overrides;
    bool          found[CFI_MAX_OVERRIDES] = {false};
    char          text[100];

    run.overrides = at;
    if (*at == '\0' || q->device_count == 0 || cfi_overrides_read(q->engine_device, &run, &overrides, NULL) != CTXFIT_OK)
        return;
    for (uint64_t i = 0; i < q->model->info.tensor_count; i++) {
        uint32_t which = cfi_pattern_set_search(&overrides.patterns, q->model->tensor[i].name);

        if (which != CFI_PATTERN_NONE)
            found[which] = true;
    }
    for (uint32_t i = 0; i < overrides.patterns.patterns; i++, at += *at != '\0') {
        size_t len = strcspn(at, ",;");

        (void)snprintf(text, sizeof text, "override '%.*s'", (int)cfi_min_u64(len, 80), at);
        if (!found[i])
            say(list, text, "no tensor is left that it finds");
        at += len;
    }
}

/* Of a draft's own options. */
static void say_drafts(cfi_warning_list *list, const cfi_question *q)
{
    for (uint32_t i = 0; q->beside != NULL && i < q->beside->count; i++) {
        const cfi_beside_item      *item = &q->beside->item[i];
        const ctxfit_draft_options *o = &item->draft_options;

        if (item->kind != CTXFIT_BESIDE_DRAFT)
            continue;
        if (q->engine.id == CFI_ENGINE_MLX && o->draft_tokens != 0)
            say(list, "draft_tokens of the draft (--num-draft-tokens)", "no size depends on it");
        if (o->ctx_tokens != 0 && q->engine.info.build != 0 && cfi_engine_changed(q->engine.info.build, CFI_CHANGE_DRAFT_UNSIZED))
            say(list, "ctx_tokens of the draft (-cd)", "llama.cpp has no such option from b9109 on");
        if (q->device_count == 0 && (o->gpu_layers != 0 || o->cpu_expert_layers != 0 || o->devices != 0 || o->overrides[0] != '\0'))
            say(list, "gpu_layers, cpu_expert_layers, devices and overrides of the draft", "the machine has no GPU");
        else if (o->cpu_expert_layers != 0 && item->draft->info.experts == 0)
            say(list, "cpu_expert_layers of the draft (-ncmoed)", "it has no experts");
    }
}

void cfi_plan_warn_of_settings(cfi_warning_list *list, const cfi_question *q)
{
    static const struct {
        cfi_setting_needs need;
        char              why[48];
    } reasons[] = {
        {CFI_NEEDS_GPU, "the machine has no GPU"},
        {CFI_NEEDS_GPUS, "the machine has one GPU"},
        {CFI_NEEDS_HOST, "nothing is computed on the host"},
        {CFI_NEEDS_EXPERTS, "the model has no experts"},
        {CFI_NEEDS_WINDOWS, "the model has no layers with a window"},
        {CFI_NEEDS_STATES, "the model keeps no recurrent states"},
        {CFI_NEEDS_NO_CTX, "the request states the context"},
        {CFI_NEEDS_NO_MODEL_CTX, "the context is stated before it is asked for"},
        {CFI_NEEDS_NO_DEFAULT_CTX, "the context does not follow from memory"},
        {CFI_NEEDS_HOST_STATED, "the host's memory is not stated"},
        {CFI_NEEDS_LIMIT, "there is no limit_tokens"},
        {CFI_NEEDS_SPEEDS, "plans of this engine have no speeds"},
        {CFI_NEEDS_TOWERS, "the model has no eyes or ears beside it"},
        {CFI_NEEDS_SHORT_CTX, "the context is not below its least"},
    };
    const ctxfit_plan_options *o = &q->options;
    const uint32_t             met = needs_met(q, &list->plan->answer.run);
    char                       foreign[64];

    (void)snprintf(foreign, sizeof foreign, "%s has no such setting", q->engine.info.name);
    say_settings(list, q, met, CFI_SETTING_FOREIGN, 0, foreign);
    say_settings(list, q, met, CFI_SETTING_SIZELESS, 0, "no size depends on it");
    for (size_t i = 0; i < CFI_COUNT(reasons); i++)
        say_settings(list, q, met, CFI_SETTING_LACKS, reasons[i].need, reasons[i].why);
    say_beyond(list, q, o->tensor_split, sizeof o->tensor_split[0], "tensor_split");
    say_beyond(list, q, o->device_reserve_bytes, sizeof o->device_reserve_bytes[0], "device_reserve_bytes");
    say_overrides(list, q);
    say_drafts(list, q);
}
