/* Any text is refused or is a pattern that answers soon, and beside itself in a set it still answers the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "memory/memory_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
    if (!condition)
        abort();
}

static const char *const names[] = {"token_embd.weight", "blk.0.attn_q.weight", "blk.11.ffn_gate_up_exps.bias", "output_norm.weight", ""};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static cfi_pattern_set alone;
    static cfi_pattern_set twice;
    ctxfit_error           error;
    char                  *text = calloc(1, size + 1);
    bool                   same;

    require(text != NULL);
    memcpy(text, data, size);
    size = strlen(text);
    cfi_pattern_set_init(&alone, text);
    cfi_pattern_set_init(&twice, text);
    if (cfi_pattern_set_add(&alone, text, size, &error) != CTXFIT_OK) {
        require(error.message[0] != '\0');
    } else {
        same = cfi_pattern_set_add(&twice, text, size, NULL) == CTXFIT_OK && cfi_pattern_set_add(&twice, text, size, NULL) == CTXFIT_OK;
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
            uint32_t found = cfi_pattern_set_search(&alone, names[i]);

            require(found == 0 || found == CFI_PATTERN_NONE);
            require(!same || cfi_pattern_set_search(&twice, names[i]) == found);
        }
    }
    free(text);
    return 0;
}
