/* Feed-forward parts: dense, and routed experts. Order of operations: llama.cpp b10472 src/llama-graph.cpp:1668, :1914. */
#include "build.h"

/* src/llama-graph.cpp:1749, :2143: gate and value are limited on their own. */
static cfi_node *limited(cfi_build *b, cfi_node *gate, cfi_node *up)
{
    if ((b->flags & CFI_PROGRAM_LIMITS_FIRST) != 0) {
        if (cfi_build_changed(b, CFI_CHANGE_LIMITS_IN_ONE))
            return cfi_glu_split(b->net, gate, up);
        gate = cfi_clamp(b->net, b->run->build, gate);
        return cfi_glu_split(b->net, gate, cfi_clamp(b->net, b->run->build, up));
    }
    gate = cfi_clamp(b->net, b->run->build, cfi_op_same(b->net, CFI_OP_UNARY, gate));
    return cfi_mul(b->net, gate, cfi_clamp(b->net, b->run->build, up));
}

static bool has_limit(const cfi_build *b, uint32_t act, uint8_t mark)
{
    return (b->flags & CFI_PROGRAM_LIMITS) != 0 && act == CFI_ACT_SILU && (b->model->layer_marks[b->index] & mark) != 0;
}

static cfi_node *activate(cfi_build *b, cfi_node *gate, cfi_node *up, uint32_t act)
{
    cfi_net *n = b->net;

    switch (act) {
    case CFI_ACT_SWIGLU:
    case CFI_ACT_GEGLU: return cfi_glu(n, gate);
    case CFI_ACT_RELU_SQR: return cfi_op_same(n, CFI_OP_SQR, cfi_op_same(n, CFI_OP_UNARY, gate));
    default: break;
    }
    if (up != NULL)
        return cfi_glu_split(n, gate, up);
    gate = cfi_op_same(n, CFI_OP_UNARY, gate);
    return act == CFI_ACT_GELU && cfi_scale_here(b, CFI_W_FFN_ACT) != NULL
               ? cfi_op_pair(n, CFI_OP_DIV, gate, cfi_scale_here(b, CFI_W_FFN_ACT))
               : gate;
}

static cfi_node *ff_scale(cfi_build *b, cfi_weight name)
{
    uint32_t flag = name == CFI_W_FFN_DOWN ? CFI_PROGRAM_FF_SCALED | CFI_PROGRAM_DOWN_SCALED : CFI_PROGRAM_FF_SCALED;

    return (b->flags & flag) != 0 ? cfi_scale_here(b, name) : NULL;
}

static cfi_node *scaled(cfi_build *b, cfi_node *x, cfi_weight name)
{
    cfi_node *bias  = (b->flags & CFI_PROGRAM_FF_UNBIASED) == 0 ? cfi_bias_here(b, name) : NULL;
    cfi_node *scale = ff_scale(b, name);

    if (bias != NULL)
        x = cfi_add(b->net, x, bias);
    return scale != NULL ? cfi_mul(b->net, x, scale) : x;
}

cfi_node *cfi_block_ffn(cfi_build *b, cfi_node *x, cfi_weight up, cfi_weight gate, cfi_weight down, uint32_t act, bool parallel)
{
    cfi_node *w_up  = cfi_weight_here(b, up);
    cfi_node *w_gate = cfi_weight_here(b, gate);
    cfi_node *inner = w_up != NULL ? scaled(b, cfi_block_product(b, w_up, x), up) : x;

    if (w_gate != NULL)
        x = scaled(b, cfi_block_product(b, w_gate, parallel ? x : inner), gate);
    else
        x = inner;
    if (w_gate != NULL && parallel && has_limit(b, act, CFI_LAYER_CLAMPS_DENSE))
        x = limited(b, x, inner);
    else
        x = activate(b, x, w_gate != NULL && parallel ? inner : NULL, act);
    if (cfi_has_weight(b, down))
        x = scaled(b, cfi_block_times(b, down, x), down);
    return x;
}

/* What the last matrix takes is half of what the first one makes (jina-bert-v2.cpp:45). */
static bool makes_gate(cfi_build *b)
{
    const cfi_node *up   = cfi_weight_here(b, CFI_W_FFN_UP);
    const cfi_node *down = cfi_weight_here(b, CFI_W_FFN_DOWN);

    return !cfi_has_weight(b, CFI_W_FFN_GATE) && up != NULL && down != NULL && up->ne[1] != down->ne[0];
}

void cfi_step_ffn(cfi_build *b, uint32_t arg)
{
    if (arg == CFI_ACT_GELU_OR_GLU)
        arg = makes_gate(b) ? CFI_ACT_GEGLU : CFI_ACT_GELU;
    b->x = cfi_block_ffn(b, b->x, CFI_W_FFN_UP, CFI_W_FFN_GATE, CFI_W_FFN_DOWN, arg, true);
}

void cfi_step_ffn_inner(cfi_build *b, uint32_t arg)
{
    b->x = cfi_block_ffn(b, b->x, CFI_W_FFN_UP, CFI_W_FFN_GATE, CFI_W_COUNT, arg, true);
}

void cfi_step_ffn_shared(cfi_build *b, uint32_t arg)
{
    b->x = cfi_block_ffn(b, b->x, CFI_W_FFN_UP_SHEXP, CFI_W_FFN_GATE_SHEXP, CFI_W_FFN_DOWN_SHEXP, arg, true);
}

/* ---- experts ---- */
cfi_experts cfi_experts_usual(const cfi_build *b, uint32_t act, uint32_t gating, uint32_t norm)
{
    double scale = norm >= CFI_NORM_STATED ? cfi_build_fact(b, CFI_FACT_EXPERT_WEIGHTS_SCALE, 0) : 0;

    if (norm == CFI_NORM_STATED)
        norm = cfi_build_fact(b, CFI_FACT_EXPERT_WEIGHTS_NORM, 0) != 0;
    if (gating >= CFI_GATING_STATED) {
        uint32_t stated = (uint32_t)cfi_build_fact(b, CFI_FACT_EXPERT_GATING, 0);

        gating = stated != CFI_GATING_NONE ? stated : gating == CFI_GATING_STATED_SIGMOID ? CFI_GATING_SIGMOID : CFI_GATING_SOFTMAX;
    }

    return (cfi_experts){.gate_inp   = CFI_W_FFN_GATE_INP,
                         .up         = CFI_W_FFN_UP_EXPS,
                         .gate       = CFI_W_FFN_GATE_EXPS,
                         .down       = CFI_W_FFN_DOWN_EXPS,
                         .gate_up    = CFI_W_FFN_GATE_UP_EXPS,
                         .probs_bias = CFI_W_EXP_PROBS_B,
                         .count      = b->layer->experts,
                         .used       = b->layer->experts_used,
                         .act        = act,
                         .gating     = gating,
                         .norm       = norm == CFI_NORMED,
                         .scale      = scale != 0 && scale != 1};
}

static cfi_node *expert_probs(cfi_build *b, cfi_node *logits, uint32_t gating)
{
    cfi_net *n = b->net;

    switch (gating) {
    case CFI_GATING_SOFTMAX: return cfi_soft_max(n, logits, NULL, NULL);
    case CFI_GATING_SIGMOID: return cfi_op_same(n, CFI_OP_UNARY, logits);
    case CFI_GATING_SQRT_SOFTPLUS: return cfi_op_same(n, CFI_OP_SQRT, cfi_op_same(n, CFI_OP_UNARY, logits));
    default: return logits;
    }
}

/* Only experts of the best groups may be chosen (DeepSeek-V3). */
static cfi_node *best_groups(cfi_build *b, cfi_node *probs, uint64_t experts)
{
    cfi_net  *n      = b->net;
    uint64_t  groups = (uint64_t)cfi_build_fact(b, CFI_FACT_EXPERT_GROUPS, 0);
    uint64_t  used   = (uint64_t)cfi_build_fact(b, CFI_FACT_EXPERT_GROUPS_USED, 0);
    uint64_t  tokens = probs->ne[1];
    cfi_node *grouped;
    cfi_node *scores;
    cfi_node *chosen;

    if (groups <= 1 || experts % groups != 0)
        return probs;
    grouped = cfi_reshape_3d(n, probs, experts / groups, groups, tokens);
    scores  = cfi_argsort_top_k(n, grouped, 2);
    scores  = cfi_get_rows(n, cfi_reshape_4d(n, grouped, 1, grouped->ne[0], grouped->ne[1], grouped->ne[2]), scores);
    scores  = cfi_sum_rows(n, cfi_reshape_3d(n, scores, scores->ne[1], scores->ne[2], scores->ne[3]));
    scores  = cfi_reshape_2d(n, scores, scores->ne[1], scores->ne[2]);
    chosen  = cfi_argsort_top_k(n, scores, used);
    scores  = cfi_get_rows(n, grouped, chosen);
    scores  = cfi_set_rows(n, cfi_op_same(n, CFI_OP_FILL, grouped), scores, chosen);
    return cfi_reshape_2d(n, scores, experts, tokens);
}

static cfi_node *expert_matrix(cfi_build *b, cfi_node *x, cfi_node *ids, cfi_weight name, cfi_weight scaled_by)
{
    cfi_net  *n     = b->net;
    cfi_node *w     = cfi_weight_here(b, name);
    cfi_node *scale = ff_scale(b, scaled_by);
    cfi_node *bias  = cfi_bias_here(b, name);
    cfi_node *in    = x;

    x = cfi_mul_mat_id(n, w, in, ids);
    if (scale != NULL) {
        cfi_node *s = cfi_reshape_3d(n, scale, 1, scale->ne[0], 1);

        s = cfi_repeat_4d(n, s, 1, scale->ne[0], in->ne[2], 1);
        x = cfi_mul(n, x, cfi_get_rows(n, s, ids));
    }
    x = cfi_block_adapted(b, x, w, in, ids);
    return bias != NULL ? cfi_add_id(n, x, bias, ids) : x;
}

static cfi_node *run_experts(cfi_build *b, cfi_node *x, cfi_node *ids, const cfi_experts *e)
{
    cfi_net  *n  = b->net;
    cfi_node *up = NULL;

    if (cfi_has_weight(b, e->gate_up)) {
        cfi_node *both = expert_matrix(b, x, ids, e->gate_up, e->up);

        x  = cfi_view_3d(n, both, both->ne[0] / 2, both->ne[1], both->ne[2], both->nb[1], both->nb[2]);
        up = cfi_view_3d(n, both, both->ne[0] / 2, both->ne[1], both->ne[2], both->nb[1], both->nb[2]);
    } else {
        cfi_node *in = x;

        up = expert_matrix(b, in, ids, e->up, e->up);
        x  = cfi_has_weight(b, e->gate) ? expert_matrix(b, in, ids, e->gate, e->gate) : up;
    }
    if (cfi_has_weight(b, e->gate) && has_limit(b, e->act, CFI_LAYER_CLAMPS_EXPERTS))
        x = limited(b, x, up);
    else
        x = activate(b, x, x != up ? up : NULL, e->act);
    return expert_matrix(b, x, ids, e->down, e->down);
}

/* One view for each chosen expert, then one sum after another. */
static cfi_node *sum_experts(cfi_build *b, cfi_node *all, uint32_t used)
{
    cfi_net  *n   = b->net;
    cfi_node *sum = NULL;
    cfi_node **part = cfi_arena_array(&n->arena, used + 1u, sizeof(cfi_node *));

    if (part == NULL) {
        n->no_memory = true;
        return all;
    }
    for (uint32_t i = 0; i < used; i++) {
        part[i] = cfi_view_2d(n, all, all->ne[0], all->ne[2], all->nb[2]);
        cfi_net_expand(n, part[i]);
    }
    sum = part[0];
    for (uint32_t i = 1; i < used; i++) {
        sum = cfi_add(n, sum, part[i]);
        cfi_net_expand(n, sum);
    }
    return used == 1 ? cfi_cont(n, sum) : sum;
}

cfi_node *cfi_block_experts(cfi_build *b, cfi_node *x, const cfi_experts *e)
{
    cfi_net  *n      = b->net;
    uint64_t  tokens = x->ne[1];
    uint64_t  width  = x->ne[0];
    cfi_node *logits = e->logits != NULL ? e->logits : cfi_block_times(b, e->gate_inp, x);
    cfi_node *bias   = cfi_bias_here(b, e->gate_inp);
    cfi_node *probs;
    cfi_node *choice;
    cfi_node *ids;
    cfi_node *weights;

    if (bias != NULL)
        logits = cfi_add(n, logits, bias);
    probs  = expert_probs(b, logits, e->gating);
    choice = probs;
    bias   = cfi_bias_here(b, e->probs_bias);
    if (bias == NULL)
        bias = cfi_weight_here(b, e->probs_bias);
    if (bias != NULL)
        choice = cfi_add(n, probs, bias);
    if ((b->flags & CFI_PROGRAM_WEIGHS_FIRST) != 0)
        choice = logits;
    if (e->by_sigmoid)
        choice = cfi_op_same(n, CFI_OP_UNARY, logits);
    choice = best_groups(b, choice, e->count);
    ids    = e->selected != NULL ? e->selected : cfi_argsort_top_k(n, choice, e->used);
    if (e->shared_by > 0) {
        ids = cfi_op_same(n, CFI_OP_SCALE, cfi_cast(n, ids, CFI_QUANT_F32));
        ids = cfi_cast(n, ids, CFI_QUANT_I32);
    }
    weights = cfi_get_rows(n, cfi_reshape_3d(n, probs, 1, probs->ne[0], tokens), ids);
    if (e->gating == CFI_GATING_SOFTMAX_WEIGHT) {
        weights = cfi_soft_max(n, cfi_reshape_2d(n, weights, e->used, tokens), NULL, NULL);
        weights = cfi_reshape_3d(n, weights, 1, e->used, tokens);
    }
    if (e->norm) {
        weights = cfi_reshape_2d(n, weights, e->used, tokens);
        weights = cfi_op_pair(n, CFI_OP_DIV, weights, cfi_clamp(n, b->run->build, cfi_sum_rows(n, weights)));
        weights = cfi_reshape_3d(n, weights, 1, e->used, tokens);
    }
    if (e->scale)
        weights = cfi_op_same(n, CFI_OP_SCALE, weights);
    cfi_net_expand(n, weights);
    x = cfi_reshape_3d(n, x, width, 1, tokens);
    if ((b->flags & CFI_PROGRAM_WEIGHS_FIRST) != 0)
        x = run_experts(b, cfi_mul(n, cfi_repeat_4d(n, x, width, e->used, tokens, 1), weights), ids, e);
    else
        x = cfi_mul(n, run_experts(b, x, ids, e), weights);
    cfi_net_expand(n, x);
    return sum_experts(b, x, e->used);
}

/* Routed experts in a narrower space beside shared ones in the whole (src/models/nemotron-h.cpp, build_ffn_layer). */
void cfi_step_moe_latent(cfi_build *b, uint32_t arg)
{
    cfi_net    *n = b->net;
    cfi_experts e = cfi_experts_usual(b, CFI_ACT_RELU_SQR, CFI_GATING_SIGMOID, CFI_NORM_STATED);
    cfi_node   *x = b->x;

    (void)arg;
    e.logits = cfi_block_times(b, e.gate_inp, x);
    if (cfi_has_weight(b, CFI_W_FFN_LATENT_DOWN))
        x = cfi_mul_mat(n, cfi_weight_here(b, CFI_W_FFN_LATENT_DOWN), x);
    x = cfi_block_experts(b, x, &e);
    if (cfi_has_weight(b, CFI_W_FFN_LATENT_UP))
        x = cfi_mul_mat(n, cfi_weight_here(b, CFI_W_FFN_LATENT_UP), x);
    b->x = cfi_add(n, x, cfi_block_ffn(b, b->x, CFI_W_FFN_UP_SHEXP, CFI_W_FFN_GATE_SHEXP, CFI_W_FFN_DOWN_SHEXP, CFI_ACT_RELU_SQR, true));
}

/* Argument: activation, gating << 3, norm << 6. */
void cfi_step_moe(cfi_build *b, uint32_t arg)
{
    cfi_experts e = cfi_experts_usual(b, arg & 7, arg >> 3 & 7, arg >> 6);

    b->x = cfi_block_experts(b, b->x, &e);
}

/* The same by logits that were computed before, in slot 0. */
void cfi_step_moe_given(cfi_build *b, uint32_t arg)
{
    cfi_experts e = cfi_experts_usual(b, arg & 7, arg >> 3 & 7, arg >> 6);

    e.logits = b->slot[0];
    b->x     = cfi_block_experts(b, b->x, &e);
}

void cfi_step_moe_logits(cfi_build *b, uint32_t arg)
{
    b->slot[arg % CFI_BUILD_SLOTS] = cfi_block_times(b, CFI_W_FFN_GATE_INP, b->x);
}

/* Experts, and behind them a smaller set of experts, each for a group of the first (grovemoe.cpp:127). */
void cfi_step_moe_grove(cfi_build *b, uint32_t arg)
{
    cfi_experts e     = cfi_experts_usual(b, CFI_ACT_SILU, CFI_GATING_SOFTMAX, CFI_NORMED);
    uint32_t    group = (uint32_t)cfi_build_fact(b, CFI_FACT_GROUP_EXPERTS, 0);
    cfi_node   *more;

    (void)arg;
    e.logits     = cfi_block_times(b, CFI_W_FFN_GATE_INP, b->x);
    e.by_sigmoid = true;
    b->x         = cfi_block_experts(b, b->x, &e);
    if (group == 0 || e.count / group == 0) {
        b->x = cfi_missing(b->net);
        return;
    }
    e.shared_by = group > 1 ? group : 0;
    e.count /= group;
    e.used = e.used > e.count ? e.count : e.used;
    e.up   = CFI_W_FFN_UP_CHEXPS;
    e.gate = CFI_W_FFN_GATE_CHEXPS;
    e.down = CFI_W_FFN_DOWN_CHEXPS;
    more   = cfi_block_experts(b, b->x, &e);
    b->x   = cfi_add(b->net, b->x, cfi_op_same(b->net, CFI_OP_SCALE, more));
}

/* Shared experts, weighed by a gate of their own (qwen2moe.cpp:148). */
void cfi_step_ffn_shared_gated(cfi_build *b, uint32_t arg)
{
    cfi_net  *n    = b->net;
    cfi_node *gate = cfi_block_times(b, CFI_W_FFN_GATE_INP_SHEXP, b->x);

    gate = cfi_op_pair(n, CFI_OP_DIV, cfi_op_same(n, CFI_OP_UNARY, gate), gate);
    cfi_step_ffn_shared(b, arg);
    b->x = cfi_mul(n, b->x, gate);
}
