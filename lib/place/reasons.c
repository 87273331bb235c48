/* Why a placement was chosen, in words. */
#include <inttypes.h>
#include <stdio.h>

#include "place_internal.h"

#define REASONS_GIB ((double)(UINT64_C(1) << 30))

typedef struct reason_list {
    ctxfit_place     *place;
    const cfi_wish   *wish;
    const cfi_choice *choice;
    bool              out_of_memory;
} reason_list;

static void reasons_add(reason_list *list, const char *fmt, ...) CFI_PRINTF(2, 3);

static void reasons_add(reason_list *list, const char *fmt, ...)
{
    char        text[384];
    va_list     args;
    const char *copy;

    if (list->place->summary.reason_count == CFI_MAX_REASONS)
        return;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    copy = cfi_arena_copy(&list->place->arena, text, strlen(text));
    if (copy == NULL)
        list->out_of_memory = true;
    else
        list->place->reason[list->place->summary.reason_count++] = copy;
}

static ctxfit_plan_device reasons_device(const reason_list *list, uint32_t index)
{
    ctxfit_plan_device d = CTXFIT_PLAN_DEVICE_INIT;

    (void)ctxfit_plan_get_device(list->place->plan, index, &d);
    return d;
}

/* "host 12, CUDA0 20, CUDA1 17": layers, the output layer being one. */
static void reasons_layers(reason_list *list)
{
    const cfi_run *run = &list->choice->placed.answer.run;
    uint32_t       all = 0;
    char           text[320];
    cfi_writer     w;
    size_t         len;

    cfi_writer_init(&w, text, sizeof text);
    for (uint32_t d = 0; d <= run->device_count; d++) {
        uint32_t           place = d == 0 ? run->device_count : d - 1;
        uint32_t           count = d == 0 ? run->first_layer[0] : run->first_layer[d] - run->first_layer[d - 1];
        ctxfit_plan_device device = reasons_device(list, place);

        if (count == 0)
            continue;
        cfi_write(&w, "%s%s %" PRIu32, w.len > 0 ? ", " : "", device.name, count);
        all += count;
    }
    (void)cfi_writer_finish(&w, &len);
    reasons_add(list, "layers, the output layer counted: %s of %" PRIu32, text, all);
}

static void reasons_moved(reason_list *list)
{
    const ctxfit_place_summary *s = &list->place->summary;
    const ctxfit_model         *model = list->choice->model != NULL ? list->choice->model : list->wish->model;

    if (s->host_expert_layers == 0)
        return;
    reasons_add(list, "%s of %" PRIu32 " layers are on the host, for want of room: it holds %.1f GiB of weights, devices %.1f GiB",
                model->info.experts > 0 ? "experts" : "feed-forward matrices", s->host_expert_layers,
                (double)s->host_weights_bytes / REASONS_GIB, (double)s->device_weights_bytes / REASONS_GIB);
}

/* The step behind the chosen context, and what it lacks. */
static void reasons_context(reason_list *list)
{
    const cfi_run    *run = &list->choice->placed.answer.run;
    const cfi_placed *placed = &list->choice->placed;
    uint64_t            trained = list->wish->model->info.trained_tokens;
    const ctxfit_model *model = list->choice->model != NULL ? list->choice->model : list->wish->model;
    cfi_question      q;
    cfi_answer        answer;

    if (list->wish->goal.objective != CTXFIT_OBJECTIVE_LARGEST_CONTEXT || !placed->found)
        return;
    if (trained != 0 && run->n_ctx_seq >= trained) {
        reasons_add(list, "the context is all that the model is made for, %" PRIu64 " tokens", trained);
        return;
    }
    q.options = placed->options;
    if (cfi_plan_question(&q, model, list->wish->hw, NULL) != CTXFIT_OK ||
        cfi_plan_meet_beside(&q, list->wish->beside, &list->place->arena, NULL) != CTXFIT_OK ||
        cfi_plan_answer(&q, cfi_plan_whole_ctx(&q, run->n_ctx_seq + CFI_CTX_STEP, run->n_seq), run->n_seq, &answer, NULL) != CTXFIT_OK)
        return;
    for (uint32_t d = 0; d <= q.device_count; d++) {
        int64_t            slack = cfi_plan_slack(&q, &answer.memory, d);
        ctxfit_plan_device device = reasons_device(list, d);

        if (slack < 0) {
            reasons_add(list, "the next step of the context, %" PRIu64 " tokens, lacks %" PRId64 " bytes on %s as placed",
                        run->n_ctx_seq + CFI_CTX_STEP, -slack, device.name);
            return;
        }
    }
}

static void reasons_choices(reason_list *list)
{
    const ctxfit_place_summary *s = &list->place->summary;
    uint32_t                    open = list->wish->goal.open;

    if ((open & CTXFIT_OPEN_FILE_TYPE) != 0)
        reasons_add(list, "file type %s, the best down to %s that serves the objective", ctxfit_file_type_name(s->file_type),
                    ctxfit_file_type_name(list->wish->goal.worst_file_type));
    if ((open & CTXFIT_OPEN_CACHE_TYPE) != 0)
        reasons_add(list, "cache type %s, the best down to %s that serves the objective", ctxfit_quant_name(s->kv_key),
                    ctxfit_quant_name(list->wish->goal.worst_cache_type));
    if ((open & CTXFIT_OPEN_UBATCH) != 0)
        reasons_add(list, "micro-batches of %" PRIu32 " tokens, the largest that serve the objective", s->ubatch_tokens);
}

/* Why devices together are less than one of their size: what stands on each of them, and what no piece fills. */
static void reasons_several(reason_list *list)
{
    const cfi_memory *memory = &list->choice->placed.answer.memory;
    uint64_t          capacity = 0, kept = 0, compute = 0, largest = 0, left = 0;
    uint32_t          used = 0;

    for (uint32_t d = 0; d < memory->device_count; d++) {
        ctxfit_plan_device device = reasons_device(list, d);

        if (device.weights_bytes == 0)
            continue;
        used++;
        capacity += device.capacity_bytes;
        kept += device.capacity_bytes > device.usable_bytes ? device.capacity_bytes - device.usable_bytes : 0;
        compute += device.compute_bytes;
        largest = cfi_max_u64(largest, device.compute_bytes);
        left += device.free_bytes > 0 ? (uint64_t)device.free_bytes : 0;
    }
    if (used < 2)
        return;
    reasons_add(list,
                "%" PRIu32 " devices are not one of %.0f GiB: %.1f GiB are kept free on them, compute buffers stand on each (%.1f GiB, the "
                "largest %.1f), %.1f GiB are left over; they work one after the other, so their bandwidths do not add up",
                used, (double)capacity / REASONS_GIB, (double)kept / REASONS_GIB, (double)compute / REASONS_GIB,
                (double)largest / REASONS_GIB, (double)left / REASONS_GIB);
}

/* Linked machines against the first one alone. */
static void reasons_nodes(reason_list *list)
{
    const ctxfit_place_summary *s = &list->place->summary;

    if (s->nodes < 2 && s->alone_found != 0)
        reasons_add(list, "linked machines are left out: the first alone, with its host, is as fast");
    if (s->nodes < 2)
        return;
    reasons_add(list,
                "%" PRIu32 " linked machines hold layers; a token takes %" PRIu64 " bytes over the link, and its delay each time, which is "
                "not in the rate",
                s->nodes, s->link_bytes_per_token);
    if (s->alone_found == 0)
        reasons_add(list, "the first machine alone, with its host, cannot run it");
    else
        reasons_add(list,
                    "the first machine alone, with its host, would have %" PRIu64 " tokens of context at %.3g tokens/s, against %" PRIu64
                    " at %.3g%s",
                    s->alone_ctx_seq_tokens, s->alone_decode_tokens_per_s, s->ctx_seq_tokens, s->decode_tokens_per_s,
                    s->alone_decode_tokens_per_s >= s->decode_tokens_per_s && s->alone_ctx_seq_tokens >= s->ctx_seq_tokens
                        ? ": linking them is not worth it"
                        : "");
}

/* Where a token's time goes. */
static void reasons_parts(reason_list *list)
{
    const cfi_memory *memory = &list->choice->placed.answer.memory;
    uint64_t          depth = list->wish->goal.depth_tokens;
    char              text[320];
    cfi_writer        w;
    size_t            len;

    if (list->choice->placed.seconds <= 0)
        return;
    if (depth == 0)
        depth = list->place->summary.ctx_seq_tokens;
    cfi_writer_init(&w, text, sizeof text);
    for (uint32_t d = 0; d <= memory->device_count; d++) {
        ctxfit_plan_part   part = CTXFIT_PLAN_PART_INIT;
        ctxfit_plan_device device = reasons_device(list, d);

        if (ctxfit_plan_get_part(list->place->plan, d, depth, &part) == CTXFIT_OK && part.seconds > 0)
            cfi_write(&w, "%s%s %.1f ms", w.len > 0 ? ", " : "", device.name, part.seconds * 1e3);
    }
    (void)cfi_writer_finish(&w, &len);
    reasons_add(list, "a token with %" PRIu64 " in the context takes %.1f ms: %s", depth, list->choice->placed.seconds * 1e3, text);
}

static void reasons_short(reason_list *list)
{
    const ctxfit_place_summary *s = &list->place->summary;
    ctxfit_plan_device          device = reasons_device(list, s->short_device);

    if (s->short_device != UINT32_MAX)
        reasons_add(list, "%s lacks %" PRIu64 " bytes (%.2f GiB): %" PRIu64 " are usable", device.name, s->short_bytes,
                    (double)s->short_bytes / REASONS_GIB, device.usable_bytes);
    else if (s->decode_tokens_per_s <= 0)
        reasons_add(list, "it fits with parts on the host, but at a rate that is not known: the machine does not state a memory bandwidth "
                          "(host:64GiB(bw=80GB/s))");
    else
        reasons_add(list, "it fits, but decodes at %.3g tokens/s where at least %.3g are asked for", s->decode_tokens_per_s,
                    list->wish->goal.least_decode_tokens_per_s);
}

ctxfit_status cfi_place_reasons(ctxfit_place *place, const cfi_wish *wish, const cfi_choice *choice, ctxfit_error *error)
{
    reason_list list = {place, wish, choice, false};

    place->reason = cfi_arena_array(&place->arena, CFI_MAX_REASONS, sizeof *place->reason);
    if (place->reason == NULL)
        return cfi_fail(error, CTXFIT_E_NO_MEMORY, "out of memory for the reasons of a placement");
    if (!place->summary.found)
        reasons_short(&list);
    if (choice->placed.answer.run.device_count > 0) {
        reasons_layers(&list);
        reasons_moved(&list);
        reasons_several(&list);
        reasons_nodes(&list);
    }
    reasons_parts(&list);
    reasons_context(&list);
    if (place->summary.found && wish->goal.least_decode_tokens_per_s > 0 && choice->placed.seconds <= 0)
        reasons_add(&list, "the decode rate is unknown, for want of a memory bandwidth: it was not held against %.3g tokens/s",
                    wish->goal.least_decode_tokens_per_s);
    reasons_choices(&list);
    return list.out_of_memory ? cfi_fail(error, CTXFIT_E_NO_MEMORY, "out of memory for the reasons of a placement") : CTXFIT_OK;
}
