/* The handle: a choice with its plan, and what can be asked of it. */
#include <stddef.h>

#include "place_internal.h"

/* The options say everything that was resolved. */
static void place_complete_options(ctxfit_place *place, const cfi_placed *placed, const ctxfit_model *model)
{
    ctxfit_plan_options *o = &place->options;
    const cfi_run       *run = &placed->answer.run;

    *o = placed->options;
    o->struct_size = (uint32_t)sizeof *o;
    if (o->ctx_tokens == 0) {
        o->ctx_tokens = cfi_place_default_ctx(o, model);
        o->model_ctx_tokens = 0;
    }
    o->sequences = run->n_seq;
    o->kv_key = run->type_k;
    o->kv_value = run->type_v;
    if (o->gpu_layers == 0)
        o->gpu_layers = run->gpu_layers == 0 ? CTXFIT_GPU_LAYERS_NONE : run->gpu_layers;
}

static uint32_t place_limit_kind(const ctxfit_plan_device *device)
{
    if (device->kind == CTXFIT_DEVICE_HOST)
        return CTXFIT_LIMIT_HOST;
    return device->kind == CTXFIT_DEVICE_UNIFIED ? CTXFIT_LIMIT_GPU_BUDGET : CTXFIT_LIMIT_DEVICE;
}

static void place_fill_summary(ctxfit_place *place, const cfi_wish *wish, const cfi_choice *choice)
{
    ctxfit_place_summary *s = &place->summary;
    const cfi_placed     *placed = &choice->placed;
    const cfi_memory     *memory = &placed->answer.memory;

    s->struct_size = (uint32_t)sizeof *s;
    s->found = placed->found ? 1 : 0;
    s->objective = wish->goal.objective;
    s->evaluations = choice->evaluations;
    s->ctx_seq_tokens = placed->answer.run.n_ctx_seq;
    s->sequences = placed->answer.run.n_seq;
    s->ubatch_tokens = placed->answer.run.n_ubatch;
    s->file_type = choice->file_type;
    s->kv_key = placed->answer.run.type_k;
    s->kv_value = placed->answer.run.type_v;
    s->host_layers = placed->host_layers;
    s->host_expert_layers = placed->moved_layers;
    s->decode_tokens_per_s = placed->seconds > 0 ? 1 / placed->seconds : 0;
    s->device_share = placed->device_share;
    for (uint32_t d = 0; d < memory->device_count; d++)
        s->device_weights_bytes += memory->device[d].weights; /* the plan's sums did not overflow */
    s->host_weights_bytes = memory->device[memory->device_count].weights;
    s->short_device = UINT32_MAX;
    if (!placed->found && placed->margin < 0) {
        ctxfit_plan_device device = CTXFIT_PLAN_DEVICE_INIT;

        s->short_device = placed->short_device;
        s->short_bytes = (uint64_t) - (placed->margin + 1) + 1;
        (void)ctxfit_plan_get_device(place->plan, placed->short_device, &device);
        s->short_kind = place_limit_kind(&device);
    }
}

static ctxfit_status place_fill_changes(ctxfit_place *place, const cfi_wish *wish, const cfi_choice *choice, ctxfit_error *error)
{
    if (place->summary.found || (wish->goal.flags & CTXFIT_GOAL_F_NO_CHANGES) != 0)
        return CTXFIT_OK;
    place->change = cfi_arena_array(&place->arena, CFI_MAX_CHANGES, sizeof *place->change);
    if (place->change == NULL)
        return cfi_fail(error, CTXFIT_E_NO_MEMORY, "out of memory for the changes of a placement");
    return cfi_changes_find(wish, choice, place->change, &place->summary.change_count, &place->summary.evaluations, error);
}

static ctxfit_status place_fill(ctxfit_place *place, const cfi_wish *wish, const cfi_choice *choice, ctxfit_error *error)
{
    const ctxfit_model *model = choice->model != NULL ? choice->model : wish->model;
    ctxfit_status       status;

    place_complete_options(place, &choice->placed, model);
    status = ctxfit_plan_make_beside(model, wish->hw, &place->options, wish->beside, &wish->allocator, &place->plan, error);
    if (status != CTXFIT_OK)
        return status;
    place_fill_summary(place, wish, choice);
    status = cfi_nodes_compare(place, wish, choice, error);
    if (status != CTXFIT_OK)
        return status;
    status = cfi_place_reasons(place, wish, choice, error);
    return status == CTXFIT_OK ? place_fill_changes(place, wish, choice, error) : status;
}

static ctxfit_status place_read_wish(cfi_wish *wish, const ctxfit_plan_options *options, const ctxfit_goal *goal, ctxfit_error *error)
{
    ctxfit_status status = cfi_copy_in(&wish->options, sizeof wish->options, CFI_V1_PLAN_OPTIONS, options);

    if (status != CTXFIT_OK)
        return cfi_fail(error, status, "options: %s", ctxfit_status_message(status));
    status = cfi_copy_in(&wish->goal, sizeof wish->goal, CFI_V1_GOAL, goal);
    if (status != CTXFIT_OK)
        return cfi_fail(error, status, "goal: %s", ctxfit_status_message(status));
    wish->options.struct_size = (uint32_t)sizeof wish->options;
    return cfi_wish_check(wish, error);
}

ctxfit_status ctxfit_place_solve(const ctxfit_model *model, const ctxfit_hw *hw, const ctxfit_plan_options *options,
                                 const ctxfit_goal *goal, const ctxfit_allocator *allocator, ctxfit_place **out, ctxfit_error *error)
{
    return ctxfit_place_solve_beside(model, hw, options, goal, NULL, allocator, out, error);
}

ctxfit_status ctxfit_place_solve_beside(const ctxfit_model *model, const ctxfit_hw *hw, const ctxfit_plan_options *options,
                                        const ctxfit_goal *goal, const ctxfit_beside *beside, const ctxfit_allocator *allocator,
                                        ctxfit_place **out, ctxfit_error *error)
{
    cfi_wish      wish = {.model = model, .hw = hw, .beside = beside};
    cfi_choice    choice;
    ctxfit_place *place;
    ctxfit_status status;

    if (out == NULL)
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "out is NULL");
    *out = NULL;
    if (model == NULL || hw == NULL || !cfi_allocator_valid(allocator))
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "model, hw or a function of the allocator is NULL");
    wish.allocator = cfi_allocator_or_default(allocator);
    status = place_read_wish(&wish, options, goal, error);
    if (status == CTXFIT_OK)
        status = cfi_wish_solve(&wish, &choice, error);
    if (status != CTXFIT_OK)
        return status;
    place = cfi_handle_new(sizeof *place, offsetof(ctxfit_place, arena), allocator);
    if (place == NULL)
        status = cfi_fail(error, CTXFIT_E_NO_MEMORY, "out of memory for a placement");
    else
        status = place_fill(place, &wish, &choice, error);
    cfi_choice_free(&choice);
    if (status != CTXFIT_OK) {
        ctxfit_place_free(place);
        return status;
    }
    *out = place;
    return CTXFIT_OK;
}

void ctxfit_place_free(ctxfit_place *place)
{
    if (place == NULL)
        return;
    ctxfit_plan_free(place->plan);
    cfi_handle_free(place, offsetof(ctxfit_place, arena));
}

ctxfit_status ctxfit_place_get_summary(const ctxfit_place *place, ctxfit_place_summary *out)
{
    if (place == NULL || out == NULL)
        return cfi_copy_none(out, CFI_V1_PLACE_SUMMARY, CTXFIT_E_INVALID_ARG);
    return cfi_copy_out(out, &place->summary, sizeof place->summary, CFI_V1_PLACE_SUMMARY);
}

ctxfit_status ctxfit_place_get_options(const ctxfit_place *place, ctxfit_plan_options *out)
{
    if (place == NULL || out == NULL)
        return cfi_copy_none(out, CFI_V1_PLAN_OPTIONS, CTXFIT_E_INVALID_ARG);
    return cfi_copy_out(out, &place->options, sizeof place->options, CFI_V1_PLAN_OPTIONS);
}

const ctxfit_plan *ctxfit_place_plan(const ctxfit_place *place)
{
    return place != NULL ? place->plan : NULL;
}

const char *ctxfit_place_reason(const ctxfit_place *place, uint32_t index)
{
    return place != NULL && index < place->summary.reason_count ? place->reason[index] : NULL;
}

ctxfit_status ctxfit_place_get_change(const ctxfit_place *place, uint32_t index, ctxfit_change *out)
{
    if (place == NULL || out == NULL)
        return cfi_copy_none(out, CFI_V1_CHANGE, CTXFIT_E_INVALID_ARG);
    if (index >= place->summary.change_count)
        return cfi_copy_none(out, CFI_V1_CHANGE, CTXFIT_E_NOT_FOUND);
    return cfi_copy_out(out, &place->change[index], sizeof *place->change, CFI_V1_CHANGE);
}

const char *ctxfit_change_name(uint32_t kind)
{
    switch (kind) {
    case CTXFIT_CHANGE_CACHE_TYPE: return "cache_type";
    case CTXFIT_CHANGE_CONTEXT:    return "context";
    case CTXFIT_CHANGE_SEQUENCES:  return "sequences";
    case CTXFIT_CHANGE_FILE_TYPE:  return "file_type";
    case CTXFIT_CHANGE_PLACEMENT:  return "placement";
    case CTXFIT_CHANGE_DEVICE:     return "device";
    case CTXFIT_CHANGE_HOST:       return "host_memory";
    }
    return "unknown";
}
