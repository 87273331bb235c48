/* What an engine's graph of one micro-batch takes on every device: built, placed and allocated as the engine does. */
#ifndef CFI_GRAPH_INTERNAL_H
#define CFI_GRAPH_INTERNAL_H

#include "engine/engine_internal.h"

typedef struct cfi_graph_setup {
    const ctxfit_model      *model;
    const cfi_run           *run;
    const cfi_engine_device *devices;       /* run->device_count */
    const uint8_t           *tensor_device; /* where each tensor of the model is, run->device_count: the host; NULL: where its layer is.
                                               Not in `scratch`. */
    cfi_padding              padding[CFI_MAX_DEVICES + 1]; /* of each buffer */
    cfi_arena               *scratch;       /* for what is needed meanwhile; reset first */
} cfi_graph_setup;

/* Whether the architecture's graph is known in every detail. */
bool cfi_graph_known(const ctxfit_model *model);

/* Bytes of the compute buffer of each device, bytes[run->device_count] for the host.
 * OK; E_NOT_FOUND (no rules for the architecture); E_INCOMPLETE (the model lacks a tensor of its architecture); E_LIMIT; E_OVERFLOW;
 * E_NO_MEMORY. */
ctxfit_status cfi_graph_measure(const cfi_graph_setup *setup, uint64_t *bytes, ctxfit_error *error);

#endif
