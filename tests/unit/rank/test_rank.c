/* Listings: every row is the plan that a caller would make, nothing that fits is missing, and the order is what the header says. */
#include "test_support.h"

#include "base/base_internal.h"
#include "ctxfit.h"

#define MOST_ROWS 1200

static ctxfit_rank_row rows[MOST_ROWS];

static void set_sizes(void)
{
    memset(rows, 0, sizeof rows);
    for (size_t i = 0; i < MOST_ROWS; i++)
        rows[i].struct_size = (uint32_t)sizeof rows[i];
}

static ctxfit_hw *machine(const char *spec)
{
    ctxfit_hw *hw = NULL;

    assert_int_equal(ctxfit_hw_parse(spec, NULL, &hw, NULL), CTXFIT_OK);
    return hw;
}

static ctxfit_plan_options context(uint64_t tokens)
{
    ctxfit_plan_options options = CTXFIT_PLAN_OPTIONS_INIT;

    options.ctx_tokens = tokens;
    return options;
}

/* CTXFIT_FIT_* of a plan of its own, 0 where the engine refuses. */
static uint32_t plan_row(const ctxfit_model *model, const ctxfit_hw *hw, const ctxfit_plan_options *options, ctxfit_rank_row *out)
{
    ctxfit_plan_options only = *options;
    ctxfit_plan_summary s = CTXFIT_PLAN_SUMMARY_INIT;
    ctxfit_estimate     e = CTXFIT_ESTIMATE_INIT;
    ctxfit_plan        *plan;

    only.flags |= CTXFIT_PLAN_F_NO_LIMITS;
    if (ctxfit_plan_make(model, hw, &only, NULL, &plan, NULL) != CTXFIT_OK)
        return 0;
    (void)ctxfit_plan_get_summary(plan, &s);
    out->total_bytes = s.total_bytes;
    out->margin_bytes = s.margin_bytes;
    (void)ctxfit_plan_get_decode_rate(plan, s.n_ctx_seq, &e);
    out->decode_full_tokens_per_s = e.value;
    ctxfit_plan_free(plan);
    return s.fit;
}

static void assert_row(const ctxfit_rank_row *row, const ctxfit_model *model, const ctxfit_hw *hw, const ctxfit_plan_options *options,
                       const char *what)
{
    ctxfit_plan_options with = *options;
    ctxfit_rank_row     own = CTXFIT_RANK_ROW_INIT;

    if (row->cpu_experts) {
        if (plan_row(model, hw, options, &own) != CTXFIT_FIT_NONE)
            fail_msg("%s fits without its experts on the host", what);
        with.cpu_expert_layers = CTXFIT_ALL_LAYERS;
    }
    if (plan_row(model, hw, &with, &own) != row->fit || own.total_bytes != row->total_bytes || own.margin_bytes != row->margin_bytes ||
        own.decode_full_tokens_per_s < row->decode_full_tokens_per_s || own.decode_full_tokens_per_s > row->decode_full_tokens_per_s)
        fail_msg("%s: the row is not its plan", what);
    assert_true(row->margin_bytes >= 0);
}

static const ctxfit_rank_row *row_of(uint32_t place, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (rows[i].place == place)
            return &rows[i];
    return NULL;
}

/* All models in one type, against a plan of each. */
static void models_in_one_type_are_those_that_fit(void **state)
{
    ctxfit_file_type    q4 = ctxfit_file_type_from_name("Q4_K_M");
    ctxfit_plan_options options = context(65536);
    ctxfit_hw          *hw = machine("rtx-4090 host:64GiB");
    size_t              count, left_out = 0;

    (void)state;
    set_sizes();
    assert_int_equal(ctxfit_rank_models(hw, q4, q4, &options, NULL, rows, MOST_ROWS, &count, NULL), CTXFIT_OK);
    assert_true(count > 50 && count < ctxfit_model_catalog_count());
    for (uint32_t i = 0; i < ctxfit_model_catalog_count(); i++) {
        const ctxfit_rank_row *row = row_of(i, count);
        ctxfit_model_info      info = CTXFIT_MODEL_INFO_INIT;
        ctxfit_rank_row        own = CTXFIT_RANK_ROW_INIT;
        ctxfit_model          *model;
        uint32_t               fit;

        if (ctxfit_model_from_catalog(ctxfit_model_catalog_id(i), q4, NULL, &model, NULL) != CTXFIT_OK) {
            assert_null(row);
            continue;
        }
        (void)ctxfit_model_get_info(model, &info);
        fit = plan_row(model, hw, &options, &own);
        if (info.trained_tokens != 0 && info.trained_tokens < 65536) {
            assert_null(row);
            left_out++;
        } else if (row != NULL) {
            assert_row(row, model, hw, &options, ctxfit_model_catalog_id(i));
            assert_int_equal(row->file_type, q4);
            assert_true(row->parameters == info.parameters && row->trained_tokens == info.trained_tokens);
        } else if (fit == CTXFIT_FIT_ALL || fit == CTXFIT_FIT_SPLIT) {
            fail_msg("%s fits and is not listed", ctxfit_model_catalog_id(i));
        }
        ctxfit_model_free(model);
    }
    assert_true(left_out > 10);
    ctxfit_hw_free(hw);
}

/* The best type of each is that of ctxfit_plan_best_file_type(), which tries them all. */
static void the_best_type_is_the_one_that_trying_all_finds(void **state)
{
    static const char specs[][40] = {"rtx-3060-12gb host:16GiB", "mac-studio-m2-ultra-64gb", "host:32GiB"};

    (void)state;
    for (size_t s = 0; s < CFI_COUNT(specs); s++) {
        ctxfit_plan_options options = context(8192);
        ctxfit_hw          *hw = machine(specs[s]);
        size_t              count, checked = 0;

        set_sizes();
        assert_int_equal(ctxfit_rank_models(hw, 0, 0, &options, NULL, rows, MOST_ROWS, &count, NULL), CTXFIT_OK);
        for (uint32_t i = (uint32_t)s; i < ctxfit_model_catalog_count(); i += 7) { /* a sample: trying all takes its time */
            const ctxfit_rank_row *row = row_of(i, count);
            ctxfit_model_info      info = CTXFIT_MODEL_INFO_INIT;
            ctxfit_file_type       best = 0;
            ctxfit_model          *model;

            assert_int_equal(ctxfit_model_from_catalog(ctxfit_model_catalog_id(i), 0, NULL, &model, NULL), CTXFIT_OK);
            (void)ctxfit_model_get_info(model, &info);
            assert_int_equal(ctxfit_plan_best_file_type(model, hw, &options, NULL, &best, NULL), CTXFIT_OK);
            if (info.trained_tokens != 0 && info.trained_tokens < 8192)
                assert_null(row);
            else if (best != 0 && (row == NULL || row->file_type != best))
                fail_msg("%s on %s: %s instead of %s", ctxfit_model_catalog_id(i), specs[s],
                         row != NULL ? ctxfit_file_type_name(row->file_type) : "nothing", ctxfit_file_type_name(best));
            else if (best == 0 && row != NULL)
                assert_true(row->cpu_experts);
            checked++;
            ctxfit_model_free(model);
        }
        assert_true(checked > 40);
        ctxfit_hw_free(hw);
    }
}

static void models_are_in_order(void **state)
{
    ctxfit_plan_options options = context(16384);
    ctxfit_file_type    least = ctxfit_file_type_from_name("Q4_0");
    ctxfit_hw          *hw = machine("rtx-4090 host:64GiB");
    ctxfit_rank_row     first[3];
    size_t              count, again, split = 0;

    (void)state;
    set_sizes();
    assert_int_equal(ctxfit_rank_models(hw, 0, least, &options, NULL, rows, MOST_ROWS, &count, NULL), CTXFIT_OK);
    for (size_t i = 1; i < count; i++) {
        const ctxfit_rank_row *a = &rows[i - 1], *b = &rows[i];

        assert_true(a->fit == b->fit ? a->parameters >= b->parameters : a->fit == CTXFIT_FIT_ALL);
        split += b->fit == CTXFIT_FIT_SPLIT;
        assert_true(b->fit != CTXFIT_FIT_SPLIT || b->cpu_experts); /* nothing else moves layers to the host here */
    }
    assert_true(split > 0);
    /* Room for the first three gives the first three. */
    for (size_t i = 0; i < 3; i++)
        first[i].struct_size = (uint32_t)sizeof first[i];
    assert_int_equal(ctxfit_rank_models(hw, 0, least, &options, NULL, first, 3, &again, NULL), CTXFIT_OK);
    assert_int_equal(again, count);
    assert_memory_equal(first, rows, sizeof first);
    ctxfit_hw_free(hw);
}

/* All machines, against a plan on each. */
static void machines_are_those_that_fit_by_price(void **state)
{
    ctxfit_plan_options options = context(32768);
    ctxfit_model       *model;
    size_t              count;

    (void)state;
    assert_int_equal(ctxfit_model_from_catalog("qwen3-coder:30b", ctxfit_file_type_from_name("Q4_K_M"), NULL, &model, NULL), CTXFIT_OK);
    set_sizes();
    assert_int_equal(ctxfit_rank_machines(model, NULL, &options, NULL, rows, MOST_ROWS, &count, NULL), CTXFIT_OK);
    assert_true(count > 50);
    for (uint32_t i = 0; i < ctxfit_hw_catalog_count(); i++) {
        const ctxfit_rank_row *row = row_of(i, count);
        ctxfit_hw_entry        entry = CTXFIT_HW_ENTRY_INIT;
        ctxfit_rank_row        own = CTXFIT_RANK_ROW_INIT;
        ctxfit_hw             *hw;

        (void)ctxfit_hw_catalog_get(i, &entry);
        if (!entry.is_machine) {
            assert_null(row);
            continue;
        }
        hw = machine(entry.id);
        if (row != NULL) {
            assert_row(row, model, hw, &options, entry.id);
            assert_int_equal(row->price_usd, entry.price_usd);
        } else if (plan_row(model, hw, &options, &own) != CTXFIT_FIT_NONE) {
            fail_msg("%s fits and is not listed", entry.id);
        }
        ctxfit_hw_free(hw);
    }
    for (size_t i = 1; i < count; i++)
        assert_true(rows[i].price_usd == 0 || (rows[i - 1].price_usd != 0 && rows[i - 1].price_usd <= rows[i].price_usd));
    ctxfit_model_free(model);
}

static void arguments_of_listings_are_checked(void **state)
{
    ctxfit_plan_options options = context(CTXFIT_CTX_LARGEST);
    ctxfit_file_type    q8 = ctxfit_file_type_from_name("Q8_0"), q4 = ctxfit_file_type_from_name("Q4_0");
    ctxfit_hw          *hw = machine("host:8GiB");
    ctxfit_hw_filter    filter = CTXFIT_HW_FILTER_INIT;
    ctxfit_model       *model;
    ctxfit_error        error;
    size_t              count = 9;

    (void)state;
    set_sizes();
    assert_int_equal(ctxfit_model_from_catalog("qwen3-0.6b", q8, NULL, &model, NULL), CTXFIT_OK);
    assert_int_equal(ctxfit_rank_models(NULL, 0, 0, NULL, NULL, rows, 1, &count, NULL), CTXFIT_E_INVALID_ARG);
    assert_int_equal(count, 0);
    assert_int_equal(ctxfit_rank_models(hw, 0, 0, NULL, NULL, rows, 1, NULL, NULL), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_rank_models(hw, 0, 0, NULL, NULL, NULL, 1, &count, NULL), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_rank_models(hw, q4, q8, NULL, NULL, rows, 1, &count, &error), CTXFIT_E_INVALID_ARG);
    assert_non_null(strstr(error.message, "least (Q8_0) is better than best (Q4_0)"));
    assert_int_equal(ctxfit_rank_models(hw, 9999, 0, NULL, NULL, rows, 1, &count, NULL), CTXFIT_E_NOT_FOUND);
    assert_int_equal(ctxfit_rank_models(hw, 0, 0, &options, NULL, rows, 1, &count, &error), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_rank_machines(NULL, NULL, NULL, NULL, rows, 1, &count, NULL), CTXFIT_E_INVALID_ARG);
    options = context(4096);
    (void)snprintf(options.engine, sizeof options.engine, "no-such-engine");
    assert_int_equal(ctxfit_rank_models(hw, 0, 0, &options, NULL, rows, 1, &count, &error), CTXFIT_E_NOT_FOUND);
    options.engine[0] = '\0';
    rows[0].struct_size = 8;
    assert_int_equal(ctxfit_rank_machines(model, NULL, &options, NULL, rows, 1, &count, NULL), CTXFIT_E_STRUCT_SIZE);
    (void)snprintf(filter.text, sizeof filter.text, "no such thing");
    assert_int_equal(ctxfit_rank_machines(model, &filter, &options, NULL, NULL, 0, &count, NULL), CTXFIT_E_NOT_FOUND);
    filter.text[0] = '\0';
    assert_int_equal(ctxfit_rank_machines(model, &filter, &options, NULL, NULL, 0, &count, NULL), CTXFIT_OK);
    assert_true(count > 400); /* parts too */
    ctxfit_model_free(model);
    ctxfit_hw_free(hw);
}

static void any_allocation_of_a_listing_may_fail(void **state)
{
    ctxfit_plan_options options = context(4096);
    ctxfit_hw          *hw = machine("host:2GiB");

    (void)state;
    set_sizes();
    for (size_t fail_at = 1; fail_at < 3000; fail_at = fail_at < 40 ? fail_at + 1 : fail_at * 5 / 4) {
        test_allocator   counter;
        ctxfit_allocator allocator = test_allocator_make(&counter, fail_at);
        size_t           count = 1;
        ctxfit_status    status = ctxfit_rank_models(hw, 0, 0, &options, &allocator, rows, MOST_ROWS, &count, NULL);

        assert_true(status == CTXFIT_OK || (status == CTXFIT_E_NO_MEMORY && count == 0));
        assert_true(status == CTXFIT_E_NO_MEMORY || fail_at > 300);
        assert_int_equal(counter.live_blocks, 0);
    }
    ctxfit_hw_free(hw);
}

/* Of EXL3 a listing has the bits that people publish, down to those of `least`. */
static bool is_listed(const ctxfit_hw *hw, const char *engine, uint64_t tokens, const char *id)
{
    ctxfit_plan_options o = context(tokens);
    size_t              count = 0;

    o.sequences = 2;
    memcpy(o.engine, engine, strlen(engine) + 1);
    set_sizes();
    assert_int_equal(ctxfit_rank_models(hw, 0, 0, &o, NULL, rows, MOST_ROWS, &count, NULL), CTXFIT_OK);
    for (size_t i = 0; i < count; i++)
        if (strcmp(ctxfit_model_catalog_id(rows[i].place), id) == 0)
            return true;
    return false;
}

/* Qwen3-8B is made for 40,960 tokens. llama.cpp divides a context, vLLM gives each request all of it. */
static void a_context_is_too_long_where_a_sequence_of_it_is(void **state)
{
    ctxfit_hw *hw = machine("h100");

    (void)state;
    assert_true(is_listed(hw, "llama.cpp", 65536, "qwen3-8b"));
    assert_false(is_listed(hw, "llama.cpp", 2 * 65536, "qwen3-8b"));
    assert_true(is_listed(hw, "vllm", 40960, "qwen3-8b"));
    assert_false(is_listed(hw, "vllm", 65536, "qwen3-8b"));
    ctxfit_hw_free(hw);
}

static void under_exllamav3_models_are_listed_in_its_own_types(void **state)
{
    ctxfit_hw          *hw = machine("rtx-4090 host:64GiB");
    ctxfit_plan_options o = context(16384);
    ctxfit_file_type    least = ctxfit_file_type_from_name("exl3-3.5bpw");
    size_t              count = 0, exl3 = 0;

    (void)state;
    memcpy(o.engine, "exllamav3", sizeof "exllamav3");
    set_sizes();
    assert_int_equal(ctxfit_rank_models(hw, 0, least, &o, NULL, rows, MOST_ROWS, &count, NULL), CTXFIT_OK);
    assert_true(count > 50);
    for (size_t i = 0; i < count; i++) {
        ctxfit_file_type_info info = CTXFIT_FILE_TYPE_INFO_INIT;
        bool                  is_exl3;

        assert_int_equal(ctxfit_file_type_get_info(rows[i].file_type, &info), CTXFIT_OK);
        is_exl3 = (info.flags & CTXFIT_FILE_TYPE_F_EXL3) != 0;
        assert_true(is_exl3 || rows[i].file_type == CTXFIT_FILE_TYPE_BF16);
        assert_true(!is_exl3 || rows[i].file_type >= least); /* of the same output matrix */
        exl3 += is_exl3;
    }
    assert_true(exl3 > 20 && exl3 < count);
    assert_int_equal(ctxfit_rank_models(hw, least, ctxfit_file_type_from_name("exl3-6bpw"), &o, NULL, rows, MOST_ROWS, &count, NULL),
                     CTXFIT_E_INVALID_ARG);
    ctxfit_hw_free(hw);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(models_in_one_type_are_those_that_fit),
        cmocka_unit_test(the_best_type_is_the_one_that_trying_all_finds),
        cmocka_unit_test(models_are_in_order),
        cmocka_unit_test(machines_are_those_that_fit_by_price),
        cmocka_unit_test(arguments_of_listings_are_checked),
        cmocka_unit_test(any_allocation_of_a_listing_may_fail),
        cmocka_unit_test(a_context_is_too_long_where_a_sequence_of_it_is),
        cmocka_unit_test(under_exllamav3_models_are_listed_in_its_own_types),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
