/* What a graph depends on beside its layers. */
#include "compute_internal.h"

#define UNKNOWN_KEPT 5u /* as much as any known architecture keeps */

typedef struct compute_arch {
    char    name[16];
    uint8_t kept;
    uint8_t flags; /* CFI_BOUND_* */
} compute_arch;

static const compute_arch compute_archs[] = {
#define CFI_COMPUTE_ARCH(name, kept, flags, source) {name, kept, flags},
#include "compute_archs.def"
#undef CFI_COMPUTE_ARCH
};

static const compute_arch *find_arch(const char *name)
{
    size_t low = 0;
    size_t high = CFI_COUNT(compute_archs);

    while (low < high) {
        size_t middle = (low + high) / 2;
        int    order = strcmp(name, compute_archs[middle].name);

        if (order == 0)
            return &compute_archs[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

void cfi_bound_init(cfi_bound *graph, const ctxfit_model *model, const cfi_run *run)
{
    const compute_arch *arch = find_arch(model->arch->name);

    memset(graph, 0, sizeof *graph);
    graph->model = model;
    graph->run = run;
    graph->tokens = run->graph_tokens;
    graph->outputs = run->outputs_graph;
    graph->mixed = cfi_engine_changed(run->build, CFI_CHANGE_MIXED_BATCH);
    graph->kept = 2; /* the hidden state, and the hole of the one that came in */
    if (model->info.flags & (CTXFIT_MODEL_F_HYBRID | CTXFIT_MODEL_F_RECURRENT))
        graph->kept++;
    if (arch != NULL) {
        graph->kept += arch->kept;
        graph->flags = arch->flags;
    }
    if (model->arch->flags & CFI_ARCH_NO_CACHE)
        graph->flags |= CFI_BOUND_ENCODER;
    if (model->info.embedding_inputs > model->info.embedding) /* deepstack: features of the image are added to the first layers */
        graph->kept += 4;
    if (model->info.flags & CTXFIT_MODEL_F_UNKNOWN_ARCH) {
        graph->kept += UNKNOWN_KEPT;
        graph->flags |= CFI_BOUND_UNKNOWN | CFI_BOUND_PARALLEL | CFI_BOUND_GATED_QUERY;
    }
}

void cfi_bound_enter(cfi_bound *graph, uint32_t backend, bool host)
{
    const cfi_padding padding = cfi_memory_padding(backend);

    graph->backend = backend;
    graph->host = host;
    graph->cuda = padding == CFI_PADDING_CUDA;
    graph->alignment = cfi_memory_alignment(padding);
    graph->crossing = 0;
    graph->overflow = false;
    graph->hidden = cfi_bound_tokens(graph, graph->model->info.embedding);
}
