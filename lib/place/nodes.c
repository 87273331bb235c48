/* Linked machines: what crosses the link, and what the first machine would do alone. */
#include "place_internal.h"

/* The devices of node 0 and the host. */
static ctxfit_status nodes_first(const ctxfit_hw *hw, const ctxfit_allocator *allocator, ctxfit_hw **out, ctxfit_error *error)
{
    ctxfit_device        devices[CTXFIT_HW_MAX_DEVICES];
    uint32_t             count, kept = 0;
    const ctxfit_device *all = cfi_hw_devices(hw, &count);

    for (uint32_t i = 0; i < count; i++) {
        bool host = all[i].kind == CTXFIT_DEVICE_HOST;

        if (all[i].backend == CTXFIT_BACKEND_RPC || all[i].node != 0 || (host && cfi_hw_host_is_unified(hw)))
            continue;
        if (!host || all[i].memory_bytes != 0)
            devices[kept++] = all[i];
    }
    *out = NULL;
    return kept > 0 ? ctxfit_hw_from_devices(devices, kept, allocator, out, error) : CTXFIT_OK;
}

static bool nodes_is_remote(const cfi_question *q, uint32_t device)
{
    return device < q->device_count && q->engine_device[device].backend == CTXFIT_BACKEND_RPC;
}

/* Machines that hold layers, and bytes that go from one to another for a decoded token: hidden states, and logits of another's output. */
static void nodes_count(ctxfit_place *place, const cfi_question *q, const cfi_run *run)
{
    uint64_t hidden = (uint64_t)q->model->info.embedding * sizeof(float), seen = 1;
    uint32_t before = q->device_count;

    for (uint32_t i = 0; i <= run->first_layer[run->device_count] - 1; i++) {
        uint32_t device = cfi_engine_layer_device(run, i);

        if (device != before && (nodes_is_remote(q, device) || nodes_is_remote(q, before)))
            place->summary.link_bytes_per_token += hidden;
        if (nodes_is_remote(q, device) && (seen >> (device + 1) & 1) == 0) {
            seen |= UINT64_C(1) << (device + 1);
            place->summary.nodes++;
        }
        before = device;
    }
    if (nodes_is_remote(q, run->output_device))
        place->summary.link_bytes_per_token += (uint64_t)q->model->info.vocabulary * sizeof(float);
}

/* The same wish on the first machine alone; a context that the answer chose is asked for again. */
static ctxfit_status nodes_alone(ctxfit_place *place, const cfi_wish *wish, ctxfit_error *error)
{
    cfi_wish      alone = *wish;
    cfi_choice    choice;
    ctxfit_hw    *hw;
    ctxfit_status status = nodes_first(wish->hw, &wish->allocator, &hw, error);

    if (status != CTXFIT_OK || hw == NULL)
        return status;
    alone.hw = hw;
    memset(alone.options.tensor_split, 0, sizeof alone.options.tensor_split);
    if (alone.goal.objective == CTXFIT_OBJECTIVE_LARGEST_CONTEXT && alone.goal.least_decode_tokens_per_s <= 0)
        alone.goal.least_decode_tokens_per_s = CFI_ANY_RATE; /* offload is what linking machines is weighed against */
    status = cfi_wish_solve(&alone, &choice, error);
    ctxfit_hw_free(hw);
    if (status == CTXFIT_E_REFUSED || status == CTXFIT_E_OVERFLOW)
        return CTXFIT_OK;
    if (status == CTXFIT_E_INVALID_ARG && wish->beside != NULL) /* a device that only all machines together have */
        return CTXFIT_OK;
    if (status != CTXFIT_OK)
        return status;
    place->summary.evaluations += choice.evaluations;
    if (choice.placed.found) {
        place->summary.alone_found = 1;
        place->summary.alone_ctx_seq_tokens = choice.placed.answer.run.n_ctx_seq;
        place->summary.alone_decode_tokens_per_s = choice.placed.seconds > 0 ? 1 / choice.placed.seconds : 0;
    }
    cfi_choice_free(&choice);
    return CTXFIT_OK;
}

ctxfit_status cfi_nodes_compare(ctxfit_place *place, const cfi_wish *wish, const cfi_choice *choice, ctxfit_error *error)
{
    const ctxfit_model *model = choice->model != NULL ? choice->model : wish->model;
    bool                linked = false;
    cfi_question        q;
    ctxfit_status       status;

    place->summary.nodes = 1;
    q.options = choice->placed.options;
    status = cfi_plan_question(&q, model, wish->hw, error);
    if (status != CTXFIT_OK)
        return status;
    for (uint32_t d = 0; d < q.device_count; d++)
        linked = linked || nodes_is_remote(&q, d);
    if (!linked || choice->placed.answer.run.device_count == 0)
        return CTXFIT_OK;
    nodes_count(place, &q, &choice->placed.answer.run);
    return nodes_alone(place, wish, error);
}
