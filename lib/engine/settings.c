/* Which settings of a request an engine hears: settings.def. */
#include <float.h>
#include <stddef.h>

#include "engine_internal.h"

#define MOST_DRAFT_TOKENS 64u
#define MOST_BLOCK_TOKENS 65536u
#define MOST_BATCH_SEQUENCES (UINT32_MAX / 2)
#define ANY UINT32_MAX /* value */

/* Columns of the table. */
enum { H, S, Z, T, R };

typedef struct setting_row {
    uint16_t offset;
    uint16_t size;
    uint32_t value;
    uint16_t needs;
    uint8_t  effect[CFI_ENGINE_COUNT];
    char     name[48];
} setting_row;

static const setting_row setting_rows[] = {
#define CFI_SETTING(member, value, name, needs, ...)                                                                              \
    {offsetof(ctxfit_plan_options, member), sizeof((ctxfit_plan_options *)NULL)->member, value, CFI_NEEDS_##needs, {__VA_ARGS__}, name},
#include "settings.def"
#undef CFI_SETTING
};

uint32_t cfi_setting_count(void) { return (uint32_t)CFI_COUNT(setting_rows); }

static uint32_t value_at(const ctxfit_plan_options *options, size_t offset)
{
    uint32_t value;

    memcpy(&value, (const char *)options + offset, sizeof value);
    return value;
}

/* A value that says what holds without it. */
static bool says_nothing(const ctxfit_plan_options *options, size_t offset)
{
    switch (offset) {
    case offsetof(ctxfit_plan_options, ubatch_tokens): return options->ubatch_tokens == options->batch_tokens;
    case offsetof(ctxfit_plan_options, tensor_parallel): return options->tensor_parallel == 1;
    case offsetof(ctxfit_plan_options, pipeline_parallel): return options->pipeline_parallel == 1;
    }
    return false;
}

static bool is_given(const setting_row *row, const ctxfit_plan_options *options)
{
    const unsigned char *bytes = (const unsigned char *)options + row->offset;

    if (row->offset == offsetof(ctxfit_plan_options, flags))
        return (options->flags & row->value) != 0;
    if (row->value != ANY)
        return value_at(options, row->offset) == row->value;
    for (size_t i = 0; i < row->size; i++)
        if (bytes[i] != 0)
            return true;
    return false;
}

cfi_setting_effect cfi_setting_effect_of(uint32_t index, cfi_engine_id id, const ctxfit_plan_options *options, uint32_t there,
                                         const char **out_name, uint32_t *out_lacks)
{
    const setting_row *row = &setting_rows[index];

    *out_name = row->name;
    *out_lacks = row->needs & ~there;
    if (!is_given(row, options))
        return CFI_SETTING_WORKS;
    if (row->effect[id] == T)
        return says_nothing(options, row->offset) ? CFI_SETTING_WORKS : CFI_SETTING_FOREIGN;
    if (row->effect[id] == Z)
        return CFI_SETTING_SIZELESS;
    return row->effect[id] == H && *out_lacks != 0 ? CFI_SETTING_LACKS : CFI_SETTING_WORKS;
}

static ctxfit_status check_choices(const ctxfit_plan_options *options, ctxfit_error *error)
{
    const struct {
        uint32_t    choice;
        const char *name;
    } choices[] = {
        {options->flash_attention, "flash_attention"},
        {options->kv_unified, "kv_unified"},
        {options->swa_full, "swa_full"},
        {options->kv_offload, "kv_offload"},
        {options->op_offload, "op_offload"},
        {options->mmap, "mmap"},
        {options->repack, "repack"},
    };

    for (size_t i = 0; i < CFI_COUNT(choices); i++)
        if (choices[i].choice > CTXFIT_CHOICE_OFF)
            return cfi_fail(error, CTXFIT_E_INVALID_ARG, "%s: %lu is no choice, expected default (0), on (1) or off (2)", choices[i].name,
                            (unsigned long)choices[i].choice);
    return CTXFIT_OK;
}

static ctxfit_status check_numbers(const ctxfit_plan_options *options, ctxfit_error *error)
{
    const struct {
        uint32_t    number;
        uint32_t    most;
        const char *name;
    } numbers[] = {
        {options->draft_tokens, MOST_DRAFT_TOKENS, "draft_tokens"},
        {options->block_tokens, MOST_BLOCK_TOKENS, "block_tokens"},
        {options->batch_sequences, MOST_BATCH_SEQUENCES, "batch_sequences"},
    };

    for (size_t i = 0; i < CFI_COUNT(numbers); i++)
        if (numbers[i].number > numbers[i].most)
            return cfi_fail(error, CTXFIT_E_INVALID_ARG, "%s: %lu, expected at most %lu", numbers[i].name,
                            (unsigned long)numbers[i].number, (unsigned long)numbers[i].most);
    for (size_t i = 0; i < CTXFIT_MAX_SPLIT; i++) /* proportions are summed up in single precision */
        if (!(options->tensor_split[i] >= 0.0 && options->tensor_split[i] <= (double)FLT_MAX / CFI_MAX_DEVICES))
            return cfi_fail(error, CTXFIT_E_INVALID_ARG, "tensor_split[%u]: expected a proportion, 0 or more and below 5e36",
                            (unsigned)i);
    if (options->split_mode > CTXFIT_SPLIT_ROW)
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "split_mode %u: expected CTXFIT_SPLIT_*", (unsigned)options->split_mode);
    return CTXFIT_OK;
}

ctxfit_status cfi_settings_check(const ctxfit_plan_options *options, const cfi_run *run, ctxfit_error *error)
{
    ctxfit_status status = check_choices(options, error);

    if (status == CTXFIT_OK)
        status = check_numbers(options, error);
    if (status == CTXFIT_OK && (options->flags & CTXFIT_PLAN_F_PREFIX_CACHE) != 0 && (options->flags & CTXFIT_PLAN_F_NO_PREFIX_CACHE) != 0)
        status = cfi_fail(error, CTXFIT_E_INVALID_ARG, "flags: the cache of prefixes cannot be both on and off");
    for (size_t i = 0; i < CFI_COUNT(setting_rows) && status == CTXFIT_OK; i++) {
        const setting_row *row = &setting_rows[i];

        if (row->effect[run->id] == R && is_given(row, options) && !says_nothing(options, row->offset))
            status = cfi_fail(error, CTXFIT_E_REFUSED, "%s has no setting for %s", run->engine.name, row->name);
    }
    return status;
}
