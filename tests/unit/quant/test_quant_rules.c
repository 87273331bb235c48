/* Rules of quantization that the files of tests/data/quant do not reach, by hand from llama.cpp b10472 src/llama-quant.cpp. */
#include "test_support.h"

#include "quant/quant_internal.h"

#define MAX_NAME 64
#define MAX_SMALL 128

typedef struct small_model {
    cfi_quant_facts  facts;
    cfi_quant_tensor tensor[MAX_SMALL];
    char             name[MAX_SMALL][MAX_NAME];
    size_t           count;
} small_model;

static void add(small_model *m, const char *name, uint64_t columns, uint64_t rows, uint64_t stack)
{
    cfi_quant_tensor *t = &m->tensor[m->count];

    assert_in_range(m->count, 0, MAX_SMALL - 1);
    snprintf(m->name[m->count], MAX_NAME, "%s", name);
    t->name    = m->name[m->count++];
    t->dims[0] = columns;
    t->dims[1] = rows;
    t->dims[2] = stack;
    t->dims[3] = 1;
    t->from    = CTXFIT_QUANT_F16;
}

/* A dense model with an output matrix; tensors of `name` in every block. */
static void start_blocks(small_model *m, const char *arch, uint32_t blocks, const char *name)
{
    char full[MAX_NAME];

    memset(m, 0, sizeof *m);
    m->facts.arch        = arch;
    m->facts.block_count = blocks;
    m->facts.heads       = 8;
    m->facts.kv_heads    = 8;
    add(m, "output.weight", 512, 1000, 1);
    for (uint32_t i = 0; i < blocks; i++) {
        snprintf(full, sizeof full, "blk.%u.%.40s", i, name);
        add(m, full, 512, 512, 1);
    }
}

static void apply(small_model *m, const char *type, cfi_quant_outcome *outcome)
{
    ctxfit_error error;

    if (cfi_quant_recipe_apply(ctxfit_file_type_from_name(type), &m->facts, m->tensor, m->count, NULL, outcome, &error) != CTXFIT_OK)
        fail_msg("%s", error.message);
}

/* Formats of the blocks as one text, runs counted: "2*Q5_K 6*Q4_K". */
static void assert_blocks(small_model *m, const char *type, const char *expected)
{
    char   text[256];
    size_t len = 0;

    apply(m, type, NULL);
    for (size_t i = 1, run = 1; i < m->count; i++, run++) {
        if (i + 1 < m->count && m->tensor[i + 1].to == m->tensor[i].to)
            continue;
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%zu*%s", len != 0 ? " " : "", run, ctxfit_quant_name(m->tensor[i].to));
        run = 0;
    }
    assert_string_equal(text, expected);
}

static void importance_matrix_changes_the_first_feed_forward_blocks(void **state)
{
    small_model m;

    (void)state;
    start_blocks(&m, "llama", 16, "ffn_down.weight");
    assert_blocks(&m, "Q4_0", "16*Q4_0");
    assert_blocks(&m, "IQ4_XS", "2*Q5_K 14*IQ4_XS");
    assert_blocks(&m, "IQ3_XXS", "2*Q4_K 14*Q3_K");
    m.facts.imatrix = true;
    assert_blocks(&m, "Q4_0", "2*Q4_1 14*Q4_0");
    assert_blocks(&m, "Q5_0", "2*Q5_1 14*Q5_0");
    assert_blocks(&m, "IQ4_XS", "16*IQ4_XS");
    assert_blocks(&m, "IQ3_XXS", "16*IQ3_XXS");
    start_blocks(&m, "llama", 16, "attn_v.weight");
    assert_blocks(&m, "IQ3_XXS", "16*IQ3_S");
    m.facts.imatrix = true;
    assert_blocks(&m, "IQ3_XXS", "16*IQ3_XXS");
}

static void falcon_has_rules_of_its_own(void **state)
{
    small_model m;

    (void)state;
    start_blocks(&m, "falcon", 16, "ffn_down.weight");
    assert_blocks(&m, "Q4_K_M", "1*Q6_K 1*Q5_K 2*Q4_K 1*Q5_K 2*Q4_K 1*Q5_K 2*Q4_K 1*Q5_K 2*Q4_K 3*Q5_K");
    assert_blocks(&m, "Q3_K_L", "16*Q4_K");
    assert_blocks(&m, "Q4_K_S", "16*Q4_K");
    assert_int_equal(m.tensor[0].to, CTXFIT_QUANT_Q8_0);
    start_blocks(&m, "falcon", 16, "attn_output.weight");
    assert_blocks(&m, "Q3_K_L", "16*Q4_K");
    assert_blocks(&m, "Q3_K_M", "16*Q3_K");
}

static void value_matrices_of_a_70b_get_more_bits(void **state)
{
    static const struct {
        const char *arch;
        uint32_t    blocks, heads, kv_heads;
        const char *expected;
    } cases[] = {
        {"llama", 80, 64, 8, "80*Q5_K"},  {"llama", 80, 64, 64, "80*Q3_K"}, {"llama", 79, 64, 8, "79*Q3_K"},
        {"qwen2", 80, 64, 64, "80*Q5_K"}, {"jais2", 68, 64, 64, "68*Q5_K"}, {"qwen3", 80, 64, 8, "80*Q3_K"},
    };
    small_model m;

    (void)state;
    for (size_t i = 0; i < CFI_COUNT(cases); i++) {
        start_blocks(&m, cases[i].arch, cases[i].blocks, "attn_v.weight");
        m.facts.heads    = cases[i].heads;
        m.facts.kv_heads = cases[i].kv_heads;
        assert_blocks(&m, "Q3_K_S", cases[i].expected);
    }
}

static void eight_experts_raise_attention(void **state)
{
    small_model m;

    (void)state;
    start_blocks(&m, "llama", 8, "attn_k.weight");
    m.facts.experts = 8;
    assert_blocks(&m, "Q4_K_M", "8*Q8_0");
    assert_blocks(&m, "IQ1_S", "8*Q4_K");
    start_blocks(&m, "llama", 8, "attn_output.weight");
    m.facts.experts = 8;
    assert_blocks(&m, "Q4_K_S", "8*Q5_K");
    assert_blocks(&m, "Q3_K_L", "8*Q3_K");
}

static void trained_in_formats_take_more_for_the_embedding(void **state)
{
    small_model m;

    (void)state;
    start_blocks(&m, "llama", 4, "attn_q.weight");
    m.count = 1;
    add(&m, "token_embd.weight", 512, 1000, 1);
    assert_blocks(&m, "TQ1_0", "1*Q4_K");
    assert_blocks(&m, "TQ2_0", "1*Q4_K");
    assert_blocks(&m, "Q2_0", "1*Q4_K");
    assert_blocks(&m, "Q1_0", "1*Q1_0");
    assert_blocks(&m, "IQ2_S", "1*IQ3_S");
    assert_blocks(&m, "IQ1_M", "1*Q2_K");
}

static void tied_embedding_is_treated_as_the_output(void **state)
{
    small_model m;

    (void)state;
    start_blocks(&m, "llama", 1, "attn_q.weight");
    m.count = 0;
    add(&m, "token_embd.weight", 512, 1000, 1);
    apply(&m, "Q4_K_M", NULL);
    assert_int_equal(m.tensor[0].to, CTXFIT_QUANT_Q6_K);
    add(&m, "output.weight", 512, 1000, 1);
    apply(&m, "Q4_K_M", NULL);
    assert_int_equal(m.tensor[0].to, CTXFIT_QUANT_Q4_K);
    assert_int_equal(m.tensor[1].to, CTXFIT_QUANT_Q6_K);
}

static void mxfp4_is_for_stacked_experts_only(void **state)
{
    small_model m;

    (void)state;
    start_blocks(&m, "qwen3moe", 1, "ffn_up_shexp.weight");
    m.facts.experts = 16;
    add(&m, "blk.0.ffn_up_exps.weight", 512, 512, 16);
    assert_blocks(&m, "MXFP4_MOE", "1*Q8_0 1*MXFP4");
}

static void tensors_that_are_no_matrices_of_weights_keep_their_format(void **state)
{
    static const char *const kept[] = {
        "blk.0.attn_norm.weight", "blk.0.ffn_gate_inp.weight", "blk.0.ssm_conv1d.weight", "blk.0.ssm_a",         "blk.0.attn_q.bias",
        "position_embd.weight",   "token_types.weight",        "v.position_embd.weight",  "blk.0.laurel_l.weight",
    };
    small_model m;

    (void)state;
    start_blocks(&m, "llama", 1, "attn_q.weight");
    for (size_t i = 0; i < CFI_COUNT(kept); i++)
        add(&m, kept[i], 512, 512, 1);
    add(&m, "blk.0.other.weight", 512, 1, 1);
    apply(&m, "Q4_0", NULL);
    assert_int_equal(m.tensor[1].to, CTXFIT_QUANT_Q4_0);
    for (size_t i = 2; i < m.count; i++)
        assert_int_equal(m.tensor[i].to, CTXFIT_QUANT_F16);
}

static void rows_that_do_not_suit_a_format_take_its_substitute(void **state)
{
    small_model       m;
    cfi_quant_outcome outcome;

    (void)state;
    start_blocks(&m, "llama", 1, "attn_q.weight");
    add(&m, "blk.0.a.weight", 96, 512, 1);
    add(&m, "blk.0.b.weight", 72, 512, 1);
    apply(&m, "Q4_K_M", &outcome);
    assert_int_equal(m.tensor[2].to, CTXFIT_QUANT_Q5_0);
    assert_int_equal(m.tensor[3].to, CTXFIT_QUANT_F16);
    assert_int_equal(outcome.fallbacks, 2);
    apply(&m, "Q8_0", &outcome); /* llama.cpp b11118 src/llama-quant.cpp (tensor_type_fallback) */
    assert_int_equal(m.tensor[2].to, CTXFIT_QUANT_Q8_0);
    assert_int_equal(m.tensor[3].to, CTXFIT_QUANT_F16);
    assert_int_equal(outcome.fallbacks, 1);
}

static void what_the_file_is_already_stays_as_it_is(void **state)
{
    small_model       m;
    cfi_quant_outcome outcome;

    (void)state;
    start_blocks(&m, "gpt-oss", 2, "ffn_up_exps.weight");
    m.facts.experts  = 32;
    m.tensor[1].from = CTXFIT_QUANT_MXFP4;
    assert_blocks(&m, "F16", "1*MXFP4 1*F16");
    assert_blocks(&m, "", "1*MXFP4 1*F16");
    apply(&m, "BF16", &outcome);
    assert_int_equal(m.tensor[1].to, CTXFIT_QUANT_BF16);
    assert_int_equal(outcome.requantized, 1);
    m.facts.source = CTXFIT_FILE_TYPE_Q4_K_M;
    assert_blocks(&m, "Q4_K_M", "1*MXFP4 1*F16");
    assert_blocks(&m, "F16", "2*F16");
}

static ctxfit_status apply_failing(small_model *m, const char *type, ctxfit_error *error)
{
    cfi_quant_outcome outcome = {9, 9, 9};
    ctxfit_status     status;

    memset(error, 0, sizeof *error);
    status = cfi_quant_recipe_apply(ctxfit_file_type_from_name(type), &m->facts, m->tensor, m->count, NULL, &outcome, error);
    assert_int_equal(error->status, status);
    assert_int_equal(outcome.fallbacks, 0);
    for (size_t i = 0; i < m->count && status != CTXFIT_E_INVALID_ARG; i++)
        assert_int_equal(m->tensor[i].to, m->tensor[i].from);
    return status;
}

static void refusals_name_the_tensor(void **state)
{
    small_model  m;
    ctxfit_error error;

    (void)state;
    start_blocks(&m, "llama", 1, "attn_q.weight");
    add(&m, "blk.0.narrow.weight", 40, 512, 1);
    assert_int_equal(apply_failing(&m, "Q1_0", &error), CTXFIT_E_REFUSED);
    assert_non_null(strstr(error.message, "blk.0.narrow.weight"));

    start_blocks(&m, "qwen3moe", 1, "attn_q.weight");
    m.facts.experts = 16;
    add(&m, "blk.1.ffn_down.weight", 512, 512, 1);
    assert_int_equal(apply_failing(&m, "Q4_K_M", &error), CTXFIT_E_REFUSED);
    assert_non_null(strstr(error.message, "blk.1.ffn_down.weight"));

    assert_int_equal(apply_failing(&m, "NVFP4", &error), CTXFIT_E_UNSUPPORTED);
    assert_int_equal(apply_failing(&m, "Q4_0_4_4", &error), CTXFIT_E_UNSUPPORTED);
    assert_int_equal(cfi_quant_recipe_apply(63, &m.facts, m.tensor, m.count, NULL, NULL, &error), CTXFIT_E_NOT_FOUND);
    m.tensor[1].name = NULL;
    assert_int_equal(apply_failing(&m, "Q4_0", &error), CTXFIT_E_INVALID_ARG);
}

static void no_tensors_are_no_error(void **state)
{
    small_model m;

    (void)state;
    start_blocks(&m, "llama", 1, "attn_q.weight");
    assert_int_equal(cfi_quant_recipe_apply(CTXFIT_FILE_TYPE_Q4_K_M, &m.facts, NULL, 0, NULL, NULL, NULL), CTXFIT_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(importance_matrix_changes_the_first_feed_forward_blocks),
        cmocka_unit_test(falcon_has_rules_of_its_own),
        cmocka_unit_test(value_matrices_of_a_70b_get_more_bits),
        cmocka_unit_test(eight_experts_raise_attention),
        cmocka_unit_test(trained_in_formats_take_more_for_the_embedding),
        cmocka_unit_test(tied_embedding_is_treated_as_the_output),
        cmocka_unit_test(mxfp4_is_for_stacked_experts_only),
        cmocka_unit_test(tensors_that_are_no_matrices_of_weights_keep_their_format),
        cmocka_unit_test(rows_that_do_not_suit_a_format_take_its_substitute),
        cmocka_unit_test(what_the_file_is_already_stays_as_it_is),
        cmocka_unit_test(refusals_name_the_tensor),
        cmocka_unit_test(no_tensors_are_no_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
