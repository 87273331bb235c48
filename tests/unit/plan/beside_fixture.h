/* What the tests of parts beside a model share: lists of them, their plans, adapters of rank 16 beside the queries of Qwen3 14B, which is
 * 5120 wide and has 40 layers. */
#ifndef BESIDE_FIXTURE_H
#define BESIDE_FIXTURE_H

#include "plan_fixture.h"

#include "gguf_writer.h"

static inline ctxfit_beside *besides(void)
{
    ctxfit_beside *beside;

    assert_int_equal(ctxfit_beside_new(NULL, &beside, NULL), CTXFIT_OK);
    return beside;
}

static inline ctxfit_plan *planned_beside(const ctxfit_model *model, const ctxfit_hw *hw, const ctxfit_plan_options *options,
                                   const ctxfit_beside *beside)
{
    ctxfit_plan *plan;
    ctxfit_error error;

    if (ctxfit_plan_make_beside(model, hw, options, beside, NULL, &plan, &error) != CTXFIT_OK)
        fail_msg("%s", error.message);
    return plan;
}

static inline ctxfit_plan_beside entry_of(const ctxfit_plan *plan, uint32_t index, uint32_t device)
{
    ctxfit_plan_beside b = CTXFIT_PLAN_BESIDE_INIT;

    assert_int_equal(ctxfit_plan_get_beside(plan, index, device, &b), CTXFIT_OK);
    return b;
}

static inline ctxfit_status refused(const ctxfit_model *model, const char *spec, const ctxfit_plan_options *options,
                                    const ctxfit_beside *beside, ctxfit_error *error)
{
    ctxfit_hw    *hw = machine(spec);
    ctxfit_plan  *plan = NULL;
    ctxfit_status status = ctxfit_plan_make_beside(model, hw, options, beside, NULL, &plan, error);

    assert_null(plan);
    ctxfit_hw_free(hw);
    return status;
}

#define WIDTH 5120u
#define RANK  16u

static inline void adapter_begin(gguf_writer *w, const char *arch)
{
    gw_begin(w, 3, false);
    gw_key_text(w, "general.architecture", arch);
    gw_key_text(w, "general.type", "adapter");
    gw_key_text(w, "adapter.type", "lora");
}

static inline void adapter_half(gguf_writer *w, const char *name, uint64_t rows, uint64_t columns)
{
    const uint64_t dims[2] = {rows, columns};

    gw_tensor(w, name, 0, 2, dims, rows * columns * 4);
}

static inline void adapter_layer(gguf_writer *w, unsigned layer)
{
    char name[64];

    (void)snprintf(name, sizeof name, "blk.%u.attn_q.weight.lora_a", layer);
    adapter_half(w, name, WIDTH, RANK);
    (void)snprintf(name, sizeof name, "blk.%u.attn_q.weight.lora_b", layer);
    adapter_half(w, name, RANK, WIDTH);
}

static inline ctxfit_status add_adapter(ctxfit_beside *beside, gguf_writer *w, ctxfit_error *error)
{
    ctxfit_gguf  *gguf = NULL;
    ctxfit_status status;

    gw_end(w);
    assert_int_equal(ctxfit_gguf_parse(w->data, w->size, NULL, NULL, &gguf, error), CTXFIT_OK);
    status = ctxfit_beside_add_adapter(beside, gguf, error);
    ctxfit_gguf_free(gguf);
    gw_free(w);
    return status;
}

#endif
