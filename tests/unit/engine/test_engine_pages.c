/* Paged caches against the numbers of vLLM's own tests: vLLM 0.33.0 tests/v1/core/test_kv_cache_utils.py,
 * tests/v1/core/test_kv_cache_planning.py. */
#include "test_support.h"

#include "engine_case.h"

#define GIB (UINT64_C(1) << 30)

/* new_kv_cache_spec(): 16 tokens, 2 heads of 64, F32 */
#define SMALL_PAGE (UINT64_C(16) * 2 * 64 * 4 * 2)

static cfi_page_spec full(uint32_t layers, uint64_t page)
{
    return (cfi_page_spec){CFI_PAGE_FULL, layers, 0, 16, 0, 0, false, page};
}

static cfi_page_spec sliding(uint32_t layers, uint64_t page, uint32_t window)
{
    return (cfi_page_spec){CFI_PAGE_SLIDING, layers, 0, 16, window, 0, false, page};
}

static cfi_page_spec state(uint32_t layers, uint64_t page, uint32_t pages)
{
    return (cfi_page_spec){CFI_PAGE_STATE, layers, 0, 16, 0, pages, false, page};
}

static cfi_page_plan planned_pages(const cfi_page_spec *specs, size_t count)
{
    cfi_page_plan plan = {0};

    for (size_t i = 0; i < count; i++)
        assert_int_not_equal(cfi_pages_add(&plan, &specs[i]), UINT32_MAX);
    assert_int_equal(cfi_pages_group(&plan, true, NULL), CTXFIT_OK);
    return plan;
}

static uint64_t block_bytes(const cfi_page_plan *plan)
{
    uint64_t bytes;

    assert_true(cfi_pages_block_bytes(plan, NULL, &bytes));
    return bytes;
}

/* test_get_max_concurrency_for_kv_cache_config: Qwen1.5-7B, 16,384 tokens, 1,024 in a batch */
static void a_request_takes_the_blocks_of_every_group(void **nothing)
{
    const uint64_t page = UINT64_C(16) * 32 * 128 * 2 * 2;
    cfi_page_plan  alone = planned_pages((cfi_page_spec[]){full(32, page)}, 1);
    cfi_page_plan  window = planned_pages((cfi_page_spec[]){sliding(32, page, 1024)}, 1);
    cfi_page_plan  both = planned_pages((cfi_page_spec[]){full(32, page), sliding(32, page, 1024)}, 2);

    (void)nothing;
    assert_int_equal(cfi_pages_request_blocks(&alone, 16384, 1024), 1024);
    assert_int_equal(cfi_pages_request_blocks(&window, 16384, 1024), 129);
    assert_int_equal(cfi_pages_request_blocks(&both, 16384, 1024), 1024 + 129);
    assert_int_equal(both.groups, 2);
    assert_int_equal(cfi_pages_tokens(&both, (1024 + 129) * 3, 16384, 1024, false), 3 * 16384);
}

/* test_estimate_max_model_len: 16,384 tokens need 8 GiB */
static void the_longest_request_is_found_by_halving(void **nothing)
{
    cfi_page_plan plan = planned_pages((cfi_page_spec[]){full(32, UINT64_C(16) * 32 * 128 * 2 * 2)}, 1);
    uint64_t      blocks = 8 * GIB / block_bytes(&plan);

    (void)nothing;
    assert_int_equal(cfi_pages_longest(&plan, blocks, 32768, 16385), 16384);
    assert_int_equal(cfi_pages_longest(&plan, blocks, 32768, 16383), 16383);
    assert_int_equal(cfi_pages_longest(&plan, 0, 32768, 16383), 0);
}

/* tests/v1/worker/test_gpu_model_runner.py, test_init_kv_cache_without_kv_sharing, test_init_kv_cache_with_kv_sharing_valid: 32 KiB */
static void layers_that_share_a_cache_leave_more_blocks(void **nothing)
{
    cfi_page_plan two = planned_pages((cfi_page_spec[]){full(2, 32768)}, 1), shared = planned_pages((cfi_page_spec[]){full(1, 32768)}, 1);

    (void)nothing;
    assert_int_equal(20 * GIB / block_bytes(&two), 327680);
    assert_int_equal(20 * GIB / block_bytes(&shared), 655360);
    assert_int_equal(cfi_pages_longest(&two, 5 * GIB / block_bytes(&two), 2048, 3000000), 1310720);
    assert_int_equal(cfi_pages_longest(&shared, 5 * GIB / block_bytes(&shared), 2048, 3000000), 2 * 1310720);
}

/* test_is_kv_cache_spec_uniform */
static void windows_of_one_length_are_one_group(void **nothing)
{
    cfi_page_plan same = planned_pages((cfi_page_spec[]){sliding(1, SMALL_PAGE, 1), sliding(1, SMALL_PAGE, 1)}, 2);
    cfi_page_plan other = planned_pages((cfi_page_spec[]){sliding(1, SMALL_PAGE, 1), sliding(1, SMALL_PAGE, 2)}, 2);

    (void)nothing;
    assert_int_equal(same.groups, 1);
    assert_int_equal(other.groups, 2);
}

/* test_get_kv_cache_config_one_worker */
static void blocks_are_as_large_as_a_group(void **nothing)
{
    cfi_page_plan same = planned_pages((cfi_page_spec[]){full(2, SMALL_PAGE)}, 1);
    cfi_page_plan hybrid = planned_pages((cfi_page_spec[]){full(1, SMALL_PAGE), sliding(1, SMALL_PAGE, 1)}, 2);
    cfi_page_plan many = planned_pages((cfi_page_spec[]){full(2, SMALL_PAGE), sliding(4, SMALL_PAGE, 1)}, 2);
    cfi_page_plan padded = planned_pages((cfi_page_spec[]){full(3, SMALL_PAGE), sliding(7, SMALL_PAGE, 1)}, 2);
    cfi_page_plan heads = planned_pages((cfi_page_spec[]){full(1, SMALL_PAGE), full(1, SMALL_PAGE / 2)}, 2);

    (void)nothing;
    assert_int_equal(SMALL_PAGE * 2 * 32 / block_bytes(&same), 32);
    assert_int_equal(hybrid.groups, 2);
    assert_int_equal(SMALL_PAGE * 32 / block_bytes(&hybrid), 32);
    assert_int_equal(many.groups, 3); /* (full.0, full.1), (sw.0, sw.2), (sw.1, sw.3) */
    assert_int_equal(block_bytes(&many), 2 * SMALL_PAGE);
    assert_int_equal(padded.groups, 4); /* 3 full, 7 sliding: (1, 4, 7), (2, 5), (3, 6) */
    assert_int_equal(block_bytes(&padded), 3 * SMALL_PAGE);
    assert_int_equal(heads.groups, 1); /* one type of different width */
    assert_int_equal(block_bytes(&heads), SMALL_PAGE + SMALL_PAGE / 2);
}

/* 12 sliding and 13 full layers (gpt-oss-20b with a drafter): 13 a group, as the comment in _get_kv_cache_groups_uniform_page_size says */
static void a_few_more_layers_of_one_kind_make_the_group_larger(void **nothing)
{
    cfi_page_plan plan = planned_pages((cfi_page_spec[]){sliding(12, SMALL_PAGE, 128), full(13, SMALL_PAGE)}, 2);

    (void)nothing;
    assert_int_equal(plan.groups, 2);
    assert_int_equal(plan.group_layers, 13);
    plan = planned_pages((cfi_page_spec[]){sliding(30, SMALL_PAGE, 128), full(20, SMALL_PAGE)}, 2);
    assert_int_equal(plan.group_layers, 20); /* 1.5 times as many are not "a few" */
    assert_int_equal(plan.groups, 3);
}

/* test_unify_kv_cache_spec_page_size..., test_unify_kv_cache_page_size_uses_padding_for_non_divisible_sizes */
static void pages_become_one_size(void **nothing)
{
    cfi_page_plan longer = planned_pages((cfi_page_spec[]){full(1, SMALL_PAGE), sliding(1, SMALL_PAGE * 2, 1024)}, 2);
    cfi_page_plan padded = planned_pages((cfi_page_spec[]){full(1, 12288), sliding(1, 8192, 1024)}, 2); /* 192 to 128 wide */
    cfi_page_plan states = planned_pages((cfi_page_spec[]){full(1, SMALL_PAGE * 2), state(1, SMALL_PAGE, 3)}, 2);
    cfi_page_plan refused = {0};
    cfi_page_spec latent = {CFI_PAGE_FULL, 1, 0, 16, 0, 0, true, 9216}, other = sliding(1, 16384, 1024);
    ctxfit_error  error;

    (void)nothing;
    assert_int_equal(longer.spec[0].block_tokens, 32);
    assert_int_equal(longer.spec[1].block_tokens, 16);
    assert_int_equal(padded.spec[1].block_tokens, 16);
    assert_int_equal(padded.spec[1].page_bytes, 12288);
    assert_int_equal(states.spec[1].page_bytes, SMALL_PAGE * 2);
    (void)cfi_pages_add(&refused, &latent);
    (void)cfi_pages_add(&refused, &other);
    assert_int_equal(cfi_pages_group(&refused, true, &error), CTXFIT_E_REFUSED); /* before 0.27 */
    memset(&refused, 0, sizeof refused);
    other.page_bytes = 12288;
    latent.latent = false;
    latent.page_bytes = 8192;
    (void)cfi_pages_add(&refused, &latent);
    (void)cfi_pages_add(&refused, &other);
    assert_int_equal(cfi_pages_group(&refused, false, &error), CTXFIT_E_REFUSED); /* before 0.24 */
}

/* test_mla_with_incompatible_swa_uses_one_full_allocation_group, test_mla_draft_prefers_standard_layout_when_pages_can_be_unified */
static void windows_beside_latent_attention_are_promoted_where_pages_do_not_fit(void **nothing)
{
    const cfi_page_spec latent = {CFI_PAGE_FULL, 1, 0, 64, 0, 0, true, UINT64_C(64) * 576 * 4}, draft = sliding(1, SMALL_PAGE, 32);
    const cfi_page_spec indexer = {CFI_PAGE_FULL, 1, 0, 64, 0, 0, true, UINT64_C(64) * 132};
    cfi_page_plan       plan = {0}, fits = planned_pages((cfi_page_spec[]){full(1, 36864), sliding(1, 36864, 32)}, 2);

    (void)nothing;
    plan.promotes = true;
    (void)cfi_pages_add(&plan, &latent);
    (void)cfi_pages_add(&plan, &indexer);
    (void)cfi_pages_add(&plan, &draft);
    assert_int_equal(cfi_pages_group(&plan, true, NULL), CTXFIT_OK);
    assert_int_equal(plan.groups, 1);
    assert_int_equal(plan.spec[2].block_tokens, 64);
    assert_int_equal(plan.spec[2].window, 0);
    assert_int_equal(block_bytes(&plan), 64 * 576 * 4 + 64 * 132 + 4 * SMALL_PAGE);
    assert_int_equal(cfi_pages_request_blocks(&plan, 6400, 1024), 100);
    assert_int_equal(fits.groups, 2);
}

/* test_unify_kv_cache_spec_page_size_mamba, its cases 1 to 4 */
static void pages_of_state_are_padded_and_keep_their_blocks(void **nothing)
{
    cfi_page_plan drafted = planned_pages((cfi_page_spec[]){state(1, SMALL_PAGE, 1), full(1, SMALL_PAGE), full(1, SMALL_PAGE * 2)}, 3);
    cfi_page_plan alone = planned_pages((cfi_page_spec[]){state(1, SMALL_PAGE, 1), full(1, SMALL_PAGE * 2)}, 2);
    cfi_page_plan odd = planned_pages((cfi_page_spec[]){state(1, 24576, 1), full(1, 32768)}, 2);
    cfi_page_plan attention = planned_pages((cfi_page_spec[]){{CFI_PAGE_FULL, 1, 0, 24, 0, 0, false, 24576}, full(1, 32768)}, 2);

    (void)nothing;
    assert_int_equal(drafted.spec[0].page_bytes, 32768);
    assert_int_equal(drafted.spec[0].block_tokens, 16);
    assert_int_equal(drafted.spec[1].block_tokens, 32);
    assert_int_equal(drafted.spec[2].block_tokens, 16);
    assert_int_equal(alone.spec[0].page_bytes, 32768);
    assert_int_equal(odd.spec[0].page_bytes, 32768);
    assert_int_equal(attention.spec[0].page_bytes, 32768);
    assert_int_equal(attention.spec[0].block_tokens, 24);
}

/* test_get_kv_cache_configs_multiple_workers: one layer on the first stage, two on the second, the same memory: ten blocks for both */
static void the_fullest_stage_decides_the_blocks(void **nothing)
{
    cfi_page_plan  plan = planned_pages((cfi_page_spec[]){full(3, SMALL_PAGE)}, 1);
    const uint32_t layers[2][CFI_MAX_PAGE_SPECS] = {{1}, {2}};
    uint64_t       blocks[2];

    (void)nothing;
    for (int i = 0; i < 2; i++) {
        uint64_t bytes;

        assert_true(cfi_pages_block_bytes(&plan, layers[i], &bytes));
        blocks[i] = SMALL_PAGE * 2 * 10 / bytes;
    }
    assert_int_equal(cfi_min_u64(blocks[0], blocks[1]), 10);
}

/* test_auto_fit_max_model_len_with_hybrid: the state takes 1 + 2 speculative blocks, the pool keeps one for itself */
static void state_takes_the_same_blocks_at_any_length(void **nothing)
{
    cfi_page_plan plan = planned_pages((cfi_page_spec[]){state(1, SMALL_PAGE, 3), full(1, SMALL_PAGE)}, 2);
    uint64_t      available = SMALL_PAGE * (1024 / 16 + 1 + 2 + 1);

    (void)nothing;
    assert_int_equal(cfi_pages_longest(&plan, available / block_bytes(&plan) - 1, 2048, 8192), 1024);
}

/* test_auto_fit_max_model_len_reserves_null_block, test_check_enough_kv_cache_memory_reserves_null_block */
static void the_null_block_is_not_counted_on(void **nothing)
{
    cfi_page_plan plan = planned_pages((cfi_page_spec[]){full(1, SMALL_PAGE)}, 1);

    (void)nothing;
    assert_int_equal(cfi_pages_longest(&plan, 64 - 1, 2048, 1024), 63 * 16);
    assert_true(cfi_pages_request_blocks(&plan, 512, 2048) > 32 - 1);
    assert_true(cfi_pages_request_blocks(&plan, 512, 2048) <= 33 - 1);
}

/* test_get_kv_cache_configs_pp_sharding: each stage needs the memory of its own layers */
static void stages_have_blocks_of_their_own_layers(void **nothing)
{
    cfi_page_plan  plan = planned_pages((cfi_page_spec[]){full(2, SMALL_PAGE)}, 1);
    const uint32_t one[CFI_MAX_PAGE_SPECS] = {1};
    uint64_t       bytes;

    (void)nothing;
    assert_true(cfi_pages_block_bytes(&plan, one, &bytes));
    assert_int_equal(bytes, SMALL_PAGE);
}

static void more_kinds_than_there_is_room_for_are_told(void **nothing)
{
    cfi_page_plan plan = {0};

    (void)nothing;
    for (uint32_t i = 0; i < CFI_MAX_PAGE_SPECS; i++) {
        cfi_page_spec spec = sliding(1, SMALL_PAGE, i + 1);

        assert_int_equal(cfi_pages_add(&plan, &spec), i);
        assert_int_equal(cfi_pages_add(&plan, &spec), i);
    }
    assert_int_equal(plan.spec[3].layers, 2);
    assert_int_equal(cfi_pages_add(&plan, &(cfi_page_spec){CFI_PAGE_FULL, 1, 0, 16, 0, 0, false, 1}), UINT32_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_takes_the_blocks_of_every_group),
        cmocka_unit_test(the_longest_request_is_found_by_halving),
        cmocka_unit_test(layers_that_share_a_cache_leave_more_blocks),
        cmocka_unit_test(windows_of_one_length_are_one_group),
        cmocka_unit_test(blocks_are_as_large_as_a_group),
        cmocka_unit_test(a_few_more_layers_of_one_kind_make_the_group_larger),
        cmocka_unit_test(pages_become_one_size),
        cmocka_unit_test(windows_beside_latent_attention_are_promoted_where_pages_do_not_fit),
        cmocka_unit_test(pages_of_state_are_padded_and_keep_their_blocks),
        cmocka_unit_test(the_fullest_stage_decides_the_blocks),
        cmocka_unit_test(state_takes_the_same_blocks_at_any_length),
        cmocka_unit_test(the_null_block_is_not_counted_on),
        cmocka_unit_test(stages_have_blocks_of_their_own_layers),
        cmocka_unit_test(more_kinds_than_there_is_room_for_are_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
