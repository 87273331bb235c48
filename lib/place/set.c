/* Several models on one machine: each is placed on what those before it left. */
#include <stddef.h>

#include "place_internal.h"

#define SET_MOST 64u

struct ctxfit_place_set {
    cfi_arena      arena;
    uint32_t       verdict;
    uint32_t       count;
    ctxfit_place **place;
    ctxfit_hw     *rest;
};

/* 0 would mean that nothing is known. */
static uint64_t set_less(uint64_t from, uint64_t used)
{
    return from > used ? from - used : 1;
}

/* What a device has free before anything runs. */
static uint64_t set_free(const ctxfit_device *device)
{
    if (device->free_bytes != 0)
        return device->free_bytes;
    return device->memory_bytes > device->reserve_bytes ? device->memory_bytes - device->reserve_bytes : device->memory_bytes;
}

/* A machine less what a plan takes of it; `q` says which of the plan's devices is which. Unified memory gives for its host, too. */
static ctxfit_status set_take(const ctxfit_hw *hw, const cfi_question *q, const ctxfit_plan *plan, const ctxfit_allocator *allocator,
                           ctxfit_hw **out, ctxfit_error *error)
{
    ctxfit_device        devices[CTXFIT_HW_MAX_DEVICES];
    uint32_t             count;
    const ctxfit_device *all = cfi_hw_devices(hw, &count);
    const uint32_t       host = count - 1;
    bool                 unified = cfi_hw_host_is_unified(hw);

    memcpy(devices, all, count * sizeof *devices);
    for (uint32_t d = 0; d <= q->device_count; d++) {
        uint64_t       used = plan->device[d].total_bytes;
        ctxfit_device *device = &devices[q->hw_device[d]];

        if (q->hw_device[d] == host && unified)
            continue;
        if (device->kind == CTXFIT_DEVICE_UNIFIED) {
            device->budget_bytes = set_less(device->budget_bytes, used);
            if (device->node == 0 && unified && !cfi_add_u64(used, plan->device[q->device_count].total_bytes, &used))
                used = UINT64_MAX;
        }
        if (device->memory_bytes != 0)
            device->free_bytes = set_less(set_free(device), used);
    }
    return ctxfit_hw_from_devices(devices, unified ? count - 1 : count, allocator, out, error);
}

/* The element of a caller's array of structs. */
static const void *set_element(const void *first, uint32_t stride, uint32_t index)
{
    return first != NULL ? (const char *)first + (size_t)stride * index : NULL;
}

typedef struct set_members {
    const ctxfit_model *const *models;
    const ctxfit_plan_options *options;
    const ctxfit_goal         *goals;
    const ctxfit_beside *const *beside; /* NULL: nothing */
    uint32_t                   options_stride;
    uint32_t                   goals_stride;
} set_members;

static ctxfit_status set_solve_one(const set_members *m, uint32_t index, const ctxfit_hw *hw, const ctxfit_allocator *allocator,
                                   ctxfit_place **out, ctxfit_error *error)
{
    ctxfit_error  found;
    ctxfit_status status = ctxfit_place_solve_beside(m->models[index], hw, set_element(m->options, m->options_stride, index),
                                                     set_element(m->goals, m->goals_stride, index),
                                                     m->beside != NULL ? m->beside[index] : NULL, allocator, out, &found);

    if (status != CTXFIT_OK && error != NULL) {
        *error = found;
        error->detail = index;
    }
    return status;
}

/* What is left once a placement that fits runs. */
static ctxfit_status set_take_placed(ctxfit_place_set *set, const set_members *m, uint32_t index, ctxfit_error *error)
{
    const ctxfit_place *place = set->place[index];
    ctxfit_allocator    allocator = set->arena.allocator;
    ctxfit_hw          *rest;
    cfi_question        q;
    ctxfit_status       status;

    if (place->summary.found == 0)
        return CTXFIT_OK;
    q.options = place->options;
    status = cfi_plan_question(&q, m->models[index], set->rest, error);
    if (status == CTXFIT_OK)
        status = set_take(set->rest, &q, place->plan, &allocator, &rest, error);
    if (status != CTXFIT_OK)
        return status;
    ctxfit_hw_free(set->rest);
    set->rest = rest;
    return CTXFIT_OK;
}

/* Whether every model that found no room would find it alone. */
static ctxfit_status set_alone(ctxfit_place_set *set, const set_members *m, const ctxfit_hw *hw, ctxfit_error *error)
{
    ctxfit_allocator allocator = set->arena.allocator;

    for (uint32_t i = 0; i < set->count; i++) {
        ctxfit_place *alone;
        ctxfit_status status;

        if (set->place[i]->summary.found != 0)
            continue;
        set->verdict = set->verdict == CTXFIT_SET_TOGETHER ? CTXFIT_SET_SWAP : set->verdict;
        status = set_solve_one(m, i, hw, &allocator, &alone, error);
        if (status != CTXFIT_OK)
            return status;
        if (alone->summary.found == 0)
            set->verdict = CTXFIT_SET_NONE;
        ctxfit_place_free(alone);
    }
    return CTXFIT_OK;
}

static ctxfit_status set_fill(ctxfit_place_set *set, const set_members *m, const ctxfit_hw *hw, uint32_t count, ctxfit_error *error)
{
    ctxfit_allocator     allocator = set->arena.allocator;
    uint32_t             devices;
    const ctxfit_device *all = cfi_hw_devices(hw, &devices);
    bool                 unified = cfi_hw_host_is_unified(hw);
    ctxfit_status        status = ctxfit_hw_from_devices(all, unified ? devices - 1 : devices, &allocator, &set->rest, error);

    set->verdict = CTXFIT_SET_TOGETHER;
    set->place = cfi_arena_array(&set->arena, count, sizeof(ctxfit_place *));
    if (set->place == NULL)
        return cfi_fail(error, CTXFIT_E_NO_MEMORY, "out of memory for a set of placements");
    for (; set->count < count && status == CTXFIT_OK; set->count += status == CTXFIT_OK ? 1 : 0) {
        status = set_solve_one(m, set->count, set->rest, &allocator, &set->place[set->count], error);
        if (status == CTXFIT_OK) {
            status = set_take_placed(set, m, set->count, error);
            if (status != CTXFIT_OK)
                ctxfit_place_free(set->place[set->count]);
        }
    }
    return status == CTXFIT_OK ? set_alone(set, m, hw, error) : status;
}

ctxfit_status ctxfit_place_solve_set(const ctxfit_model *const *models, uint32_t count, const ctxfit_hw *hw,
                                     const ctxfit_plan_options *options, const ctxfit_goal *goals, const ctxfit_allocator *allocator,
                                     ctxfit_place_set **out, ctxfit_error *error)
{
    return ctxfit_place_solve_set_beside(models, count, hw, options, goals, NULL, allocator, out, error);
}

ctxfit_status ctxfit_place_solve_set_beside(const ctxfit_model *const *models, uint32_t count, const ctxfit_hw *hw,
                                            const ctxfit_plan_options *options, const ctxfit_goal *goals,
                                            const ctxfit_beside *const *beside, const ctxfit_allocator *allocator, ctxfit_place_set **out,
                                            ctxfit_error *error)
{
    set_members       m = {models, options, goals, beside, 0, 0};
    ctxfit_place_set *set;
    ctxfit_status     status = CTXFIT_OK;

    if (out == NULL)
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "out is NULL");
    *out = NULL;
    if (models == NULL || hw == NULL || count == 0 || count > SET_MOST || !cfi_allocator_valid(allocator))
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "expected 1 to %u models, a machine, and an allocator with both functions", SET_MOST);
    if (options != NULL)
        status = cfi_struct_size(options, CFI_V1_PLAN_OPTIONS, &m.options_stride);
    if (status == CTXFIT_OK && goals != NULL)
        status = cfi_struct_size(goals, CFI_V1_GOAL, &m.goals_stride);
    if (status != CTXFIT_OK)
        return cfi_fail(error, status, "options or goals: %s", ctxfit_status_message(status));
    set = cfi_handle_new(sizeof *set, offsetof(ctxfit_place_set, arena), allocator);
    if (set == NULL)
        return cfi_fail(error, CTXFIT_E_NO_MEMORY, "out of memory for a set of placements");
    status = set_fill(set, &m, hw, count, error);
    if (status != CTXFIT_OK) {
        ctxfit_place_set_free(set);
        return status;
    }
    *out = set;
    return CTXFIT_OK;
}

void ctxfit_place_set_free(ctxfit_place_set *set)
{
    if (set == NULL)
        return;
    for (uint32_t i = 0; i < set->count; i++)
        ctxfit_place_free(set->place[i]);
    ctxfit_hw_free(set->rest);
    cfi_handle_free(set, offsetof(ctxfit_place_set, arena));
}

uint32_t ctxfit_place_set_verdict(const ctxfit_place_set *set)
{
    return set != NULL ? set->verdict : 0;
}

const ctxfit_place *ctxfit_place_set_at(const ctxfit_place_set *set, uint32_t index)
{
    return set != NULL && index < set->count ? set->place[index] : NULL;
}

const ctxfit_hw *ctxfit_place_set_rest(const ctxfit_place_set *set)
{
    return set != NULL ? set->rest : NULL;
}
