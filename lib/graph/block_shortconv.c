/* Short convolutions of LFM2. Order of operations: llama.cpp b10472 src/models/lfm2.cpp, build_shortconv_block. */
#include "build.h"

/* Behind what was kept; where tokens see those behind them too, the window is centred. */
static cfi_node *window_input(cfi_build *b, cfi_node *kept, cfi_node *x)
{
    cfi_net *n   = b->net;
    uint64_t pad = cfi_state_kept(b) / 2;
    cfi_node *left;

    if (cfi_build_fact(b, CFI_FACT_CAUSAL, 1) != 0)
        return cfi_concat(n, kept, x, 0);
    left = cfi_cont(n, cfi_view_3d(n, kept, pad, kept->ne[1], kept->ne[2], kept->nb[1], kept->nb[2]));
    return cfi_pad(n, cfi_concat(n, left, x, 0), pad, 0, 0, 0);
}

void cfi_step_shortconv(cfi_build *b, uint32_t arg)
{
    cfi_net  *n      = b->net;
    uint64_t  tokens = b->tokens / b->sequences;
    cfi_node *cache  = cfi_state_cache(b, false);
    cfi_node *x      = cfi_reshape_3d(n, b->x, b->x->ne[0], tokens, b->sequences);
    cfi_node *all    = cfi_block_times(b, CFI_W_SHORTCONV_IN_PROJ, x);
    uint64_t  width  = all->ne[0] / 3;
    cfi_node *gate   = cfi_view_3d(n, all, width, all->ne[1], all->ne[2], all->nb[1], all->nb[2]);
    cfi_node *after  = cfi_view_3d(n, all, width, all->ne[1], all->ne[2], all->nb[1], all->nb[2]);
    cfi_node *kept;

    (void)arg;
    x    = cfi_view_3d(n, all, width, all->ne[1], all->ne[2], all->nb[1], all->nb[2]);
    x    = cfi_transpose(n, cfi_mul(n, gate, x));
    kept = cfi_reshape_3d(n, cfi_state_load(b, cache), cfi_state_kept(b), b->model->info.embedding, b->sequences);
    x    = window_input(b, kept, x);
    cfi_state_store(b, cache, cfi_state_conv_last(b, x), cfi_build_changed(b, CFI_CHANGE_MAMBA_ROLLBACK));
    x    = cfi_mul(n, after, cfi_ssm_conv(n, x, cfi_weight_here(b, CFI_W_SHORTCONV_CONV)));
    x    = cfi_block_times(b, CFI_W_SHORTCONV_OUT_PROJ, x);
    b->x = cfi_reshape_2d(n, x, x->ne[0], b->tokens);
}
