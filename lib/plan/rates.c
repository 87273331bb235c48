#include "plan_internal.h"

static ctxfit_estimate estimate(uint32_t basis, double value, double low, double high)
{
    ctxfit_estimate e = {(uint32_t)sizeof e, basis, value, low, high};

    return e;
}

/* A line through two points of a decode time, from the half to the whole of the context: there every window is full. */
static void sample_decode(ctxfit_plan *plan, const cfi_speed_input *input)
{
    uint64_t           whole = cfi_max_u64(plan->summary.n_ctx_seq, 2), half = whole / 2;
    cfi_speed_estimate near, far;
    double             rate[CFI_COST_COUNT][2];

    cfi_speed_decode(input, half, &near);
    cfi_speed_decode(input, whole, &far);
    plan->decode_known = near.tokens_per_s > 0 && far.tokens_per_s > 0;
    plan->decode_measured = input->measured.decode_tokens_per_s > 0;
    if (!plan->decode_known)
        return;
    /* The shortest time is the highest rate. */
    rate[CFI_COST_EXPECTED][0] = near.tokens_per_s;
    rate[CFI_COST_EXPECTED][1] = far.tokens_per_s;
    rate[CFI_COST_LOW][0] = near.high;
    rate[CFI_COST_LOW][1] = far.high;
    rate[CFI_COST_HIGH][0] = near.low;
    rate[CFI_COST_HIGH][1] = far.low;
    for (int i = 0; i < CFI_COST_COUNT; i++) {
        double slope = (1 / rate[i][1] - 1 / rate[i][0]) / (double)(whole - half);

        plan->cost[i].decode_linear = slope;
        plan->cost[i].decode_fixed = 1 / rate[i][0] - slope * (double)half;
    }
}

/* A parabola through three prompt times: one micro-batch, half the context, the whole. */
static void fit_prompt(cfi_plan_cost *cost, const double n[3], const double t[3])
{
    double d01 = (t[1] - t[0]) / (n[1] - n[0]), d12 = (t[2] - t[1]) / (n[2] - n[1]);

    cost->quadratic = (d12 - d01) / (n[2] - n[0]);
    if (cost->quadratic < 0)
        cost->quadratic = 0;
    cost->linear = d12 - cost->quadratic * (n[1] + n[2]);
    cost->fixed = t[2] - n[2] * (cost->linear + n[2] * cost->quadratic);
    if (cost->fixed < 0 || cost->linear < 0) { /* nothing but the whole context is then met */
        cost->fixed = 0;
        cost->linear = t[2] / n[2] - n[2] * cost->quadratic;
    }
    if (cost->linear < 0) {
        cost->linear = t[2] / n[2];
        cost->quadratic = 0;
    }
}

static void sample_prompt(ctxfit_plan *plan, const cfi_speed_input *input)
{
    uint64_t           ubatch = plan->summary.n_ubatch, whole = cfi_max_u64(plan->summary.n_ctx_seq, 4 * ubatch);
    uint64_t           n[3] = {ubatch, whole / 2, whole};
    double             at[3], t[CFI_COST_COUNT][3];
    cfi_speed_duration d;

    plan->prompt_known = true;
    plan->prompt_measured = input->measured.prefill_tokens_per_s > 0;
    for (int i = 0; i < 3; i++) {
        cfi_speed_prompt_seconds(input, n[i], 0, &d);
        at[i] = (double)n[i];
        t[CFI_COST_EXPECTED][i] = d.seconds;
        t[CFI_COST_LOW][i] = d.low;
        t[CFI_COST_HIGH][i] = d.high;
        plan->prompt_known = plan->prompt_known && d.seconds > 0;
    }
    for (int i = 0; i < CFI_COST_COUNT && plan->prompt_known; i++)
        fit_prompt(&plan->cost[i], at, t[i]);
}

ctxfit_status cfi_plan_rates(ctxfit_plan *plan, const cfi_question *q, ctxfit_error *error)
{
    cfi_speed_input input = {0};

    plan->part = cfi_arena_array(&plan->arena, cfi_plan_device_count(q), sizeof *plan->part);
    if (plan->part == NULL)
        return cfi_fail(error, CTXFIT_E_NO_MEMORY, "out of memory for the rates of a plan");
    if (plan->answer.run.paged.tensor_ranks > 0 || plan->answer.run.grown_bits > 0 || plan->answer.run.exllama.k_bits > 0)
        return CTXFIT_OK; /* the constants are llama.cpp's */
    input.parts = plan->part;
    input.count = cfi_plan_parts(&plan->answer, q, plan->part);
    input.experts = q->model->info.experts;
    input.ubatch_tokens = plan->summary.n_ubatch;
    input.pipelined = plan->answer.run.pipeline;
    input.measured.decode_tokens_per_s = q->options.measured_decode_tokens_per_s;
    input.measured.prefill_tokens_per_s = q->options.measured_prefill_tokens_per_s;
    sample_decode(plan, &input);
    sample_prompt(plan, &input);
    return CTXFIT_OK;
}

ctxfit_status ctxfit_plan_get_part(const ctxfit_plan *plan, uint32_t device, uint64_t depth_tokens, ctxfit_plan_part *out)
{
    ctxfit_plan_part      made = CTXFIT_PLAN_PART_INIT;
    const cfi_speed_part *part;
    cfi_speed_input       input = {0};
    cfi_speed_estimate    alone;

    if (plan == NULL || out == NULL)
        return cfi_copy_none(out, CFI_V1_PLAN_PART, CTXFIT_E_INVALID_ARG);
    if (device >= plan->summary.device_count)
        return cfi_copy_none(out, CFI_V1_PLAN_PART, CTXFIT_E_NOT_FOUND);
    part = &plan->part[device];
    input.parts = part;
    input.count = 1;
    input.experts = plan->model.experts;
    cfi_speed_decode(&input, depth_tokens, &alone);
    made.blocks = part->blocks;
    made.weight_bytes = part->weight_bytes_active;
    made.cache_bytes = part->kv_bytes_per_position * cfi_min_u64(depth_tokens, plan->summary.n_ctx_seq) +
                       part->window_bytes_per_position * cfi_min_u64(depth_tokens, part->window_tokens);
    made.state_bytes = part->state_bytes;
    made.link_bytes = part->link_bytes_per_token;
    made.copied_bytes_per_pass = part->copied_bytes_per_pass;
    made.seconds = alone.tokens_per_s > 0 ? 1 / alone.tokens_per_s : 0;
    made.link_seconds = part->link_bytes_per_s > 0 ? (double)part->link_bytes_per_token / part->link_bytes_per_s : 0;
    return cfi_copy_out(out, &made, sizeof made, CFI_V1_PLAN_PART);
}

ctxfit_status ctxfit_plan_get_decode_rate(const ctxfit_plan *plan, uint64_t depth_tokens, ctxfit_estimate *out)
{
    ctxfit_estimate e = estimate(CTXFIT_BASIS_UNKNOWN, 0, 0, 0);

    if (plan == NULL || out == NULL)
        return cfi_copy_none(out, CFI_V1_ESTIMATE, CTXFIT_E_INVALID_ARG);
    if (plan->decode_known)
        e = estimate(plan->decode_measured ? CTXFIT_BASIS_MEASURED : CTXFIT_BASIS_CALIBRATED,
                     1 / cfi_plan_token_seconds(plan, CFI_COST_EXPECTED, (double)depth_tokens),
                     1 / cfi_plan_token_seconds(plan, CFI_COST_HIGH, (double)depth_tokens),
                     1 / cfi_plan_token_seconds(plan, CFI_COST_LOW, (double)depth_tokens));
    return cfi_copy_out(out, &e, sizeof e, CFI_V1_ESTIMATE);
}

ctxfit_status ctxfit_plan_get_prompt_time(const ctxfit_plan *plan, uint64_t prompt_tokens, uint64_t cached_tokens, ctxfit_estimate *out)
{
    ctxfit_estimate e = estimate(CTXFIT_BASIS_UNKNOWN, 0, 0, 0);

    if (plan == NULL || out == NULL || cached_tokens > prompt_tokens)
        return cfi_copy_none(out, CFI_V1_ESTIMATE, CTXFIT_E_INVALID_ARG);
    if (plan->prompt_known)
        e = estimate(plan->prompt_measured ? CTXFIT_BASIS_MEASURED : CTXFIT_BASIS_CALIBRATED,
                     cfi_plan_prompt_seconds(plan, CFI_COST_EXPECTED, (double)prompt_tokens, (double)cached_tokens),
                     cfi_plan_prompt_seconds(plan, CFI_COST_LOW, (double)prompt_tokens, (double)cached_tokens),
                     cfi_plan_prompt_seconds(plan, CFI_COST_HIGH, (double)prompt_tokens, (double)cached_tokens));
    return cfi_copy_out(out, &e, sizeof e, CFI_V1_ESTIMATE);
}
