/* Drafting: what it changes in a run of the model that is drafted for. */
#include "engine_internal.h"

typedef struct speculation_row {
    uint8_t  ability;
    char     arch[19];
    uint32_t build;
} speculation_row;

static const speculation_row speculation_rows[] = {
#define CFI_SPECULATION(ability, arch, build) {CFI_##ability, arch, build},
#include "speculation.def"
#undef CFI_SPECULATION
};

uint32_t cfi_engine_able_from(const ctxfit_model *model, cfi_ability ability)
{
    for (size_t i = 0; i < CFI_COUNT(speculation_rows); i++) {
        if (speculation_rows[i].ability == ability && strcmp(speculation_rows[i].arch, model->arch_name) == 0)
            return speculation_rows[i].build;
    }
    return UINT32_MAX;
}

/* llama-server asks for the rows that are verified (b10472 tools/server/server-context.cpp:42), and for states to go back to where the
 * drafter is tied to the model's own hidden states (need_n_rs_seq, common/common.h:386). */
void cfi_engine_resolve_speculation(const ctxfit_model *model, const cfi_engine_speculation *speculation, cfi_run *run)
{
    if (speculation == NULL)
        return;
    run->draft_tokens = speculation->draft_tokens;
    if (speculation->rolls_back && run->build >= cfi_engine_able_from(model, CFI_ROLLS_BACK))
        run->rollback = speculation->draft_tokens;
}
