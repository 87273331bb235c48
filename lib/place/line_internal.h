/* Lines of llama.cpp's programs: their arguments. */
#ifndef CFI_LINE_INTERNAL_H
#define CFI_LINE_INTERNAL_H

#include "place_internal.h"

typedef enum cfi_line_what {
    CFI_LINE_NOTHING = 0,
    CFI_LINE_MODEL,
    CFI_LINE_REPOSITORY,
    CFI_LINE_CONTEXT,
    CFI_LINE_SEQUENCES,
    CFI_LINE_BATCH,
    CFI_LINE_UBATCH,
    CFI_LINE_KEY,
    CFI_LINE_VALUE,
    CFI_LINE_FLASH,
    CFI_LINE_GPU_LAYERS,
    CFI_LINE_SPLIT_MODE,
    CFI_LINE_TENSOR_SPLIT,
    CFI_LINE_CPU_MOE_LAYERS,
    CFI_LINE_CPU_MOE,
    CFI_LINE_OVERRIDES,
    CFI_LINE_UNIFIED,
    CFI_LINE_NOT_UNIFIED,
    CFI_LINE_SWA_FULL,
    CFI_LINE_KV_OFFLOAD,
    CFI_LINE_NO_KV_OFFLOAD,
    CFI_LINE_OP_OFFLOAD,
    CFI_LINE_NO_OP_OFFLOAD,
    CFI_LINE_MMAP,
    CFI_LINE_NO_MMAP,
    CFI_LINE_LOAD_MODE,
    CFI_LINE_REPACK,
    CFI_LINE_NO_REPACK,
    CFI_LINE_FIT_TARGET,
    CFI_LINE_FIT
} cfi_line_what;

#define CFI_LINE_MAYBE 2u /* words of a value that may be missing */

typedef struct cfi_line_argument {
    uint32_t effect; /* CTXFIT_ARGUMENT_* */
    uint32_t words;
    uint32_t what;   /* cfi_line_what */
} cfi_line_argument;

/* By its name of `len` bytes; effect UNKNOWN when llama.cpp has none such. */
cfi_line_argument cfi_line_find(const char *name, size_t len);
/* "did you mean ...?" or "" */
void              cfi_line_suggest(const char *name, char *out, size_t cap);

#endif
