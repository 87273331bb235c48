/* Sizes of tensors in the graph, and what the architecture makes of it. */
#include "compute_internal.h"

typedef struct compute_arch {
    const char *name;
    uint32_t    kept;
    uint32_t    flags;
} compute_arch;

static const compute_arch compute_archs[] = {
#define CFI_COMPUTE_ARCH(name, kept, flags, source) {name, kept, flags},
#include "compute_archs.def"
#undef CFI_COMPUTE_ARCH
};

uint64_t cfi_graph_add(cfi_graph *graph, uint64_t a, uint64_t b)
{
    uint64_t sum = 0;

    graph->overflow = !cfi_add_u64(a, b, &sum) || graph->overflow;
    return sum;
}

uint64_t cfi_graph_mul(cfi_graph *graph, uint64_t a, uint64_t b)
{
    uint64_t product = 0;

    graph->overflow = !cfi_mul_u64(a, b, &product) || graph->overflow;
    return product;
}

uint64_t cfi_graph_sum(cfi_graph *graph, const uint64_t *part, size_t count)
{
    uint64_t total = 0;

    for (size_t i = 0; i < count; i++)
        total = cfi_graph_add(graph, total, part[i]);
    return total;
}

uint64_t cfi_graph_bytes(cfi_graph *graph, uint64_t elems, uint64_t rows, uint64_t size)
{
    uint64_t bytes = cfi_graph_mul(graph, cfi_graph_mul(graph, elems, rows), size);

    graph->overflow = !cfi_align_u64(bytes, graph->alignment, &bytes) || graph->overflow;
    return bytes;
}

uint64_t cfi_graph_tokens(cfi_graph *graph, uint64_t elems)
{
    return cfi_graph_bytes(graph, elems, graph->tokens, sizeof(float));
}

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

void cfi_graph_init(cfi_graph *graph, const ctxfit_model *model, const cfi_run *run, uint32_t backend)
{
    const cfi_padding   padding = cfi_memory_padding(backend);
    const compute_arch *arch = find_arch(model->arch->name);

    memset(graph, 0, sizeof *graph);
    graph->model = model;
    graph->run = run;
    graph->tokens = run->graph_tokens;
    graph->outputs = run->outputs_graph;
    graph->alignment = cfi_memory_alignment(padding);
    graph->cuda = padding == CFI_PADDING_CUDA;
    graph->mixed = cfi_engine_changed(run->build, CFI_CHANGE_MIXED_BATCH);
    graph->kept = 2; /* the hidden state, and the hole of the one that came in */
    if (model->info.flags & (CTXFIT_MODEL_F_HYBRID | CTXFIT_MODEL_F_RECURRENT))
        graph->kept++;
    if (arch != NULL) {
        graph->kept += arch->kept;
        graph->flags = arch->flags;
    }
    graph->hidden = cfi_graph_tokens(graph, model->info.embedding);
}
