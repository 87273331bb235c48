/* Pools by window against the unit tests of TensorRT-LLM: cpp/tests/unit_tests/batch_manager/kvCacheManagerTest.cpp
 * (BlockManagerTestWindowSizeToShare, and the example in kvCacheManager.h), tests/unittest/_torch/executor/test_resource_manager.py
 * (test_adjust_window_sizes_for_vswa). */
#include "engine/engine_internal.h"
#include "test_support.h"

static cfi_windows three(uint64_t a, uint64_t b, uint64_t c, uint64_t bytes_a, uint64_t bytes_b, uint64_t bytes_c)
{
    cfi_windows w = {3, 32, c, CFI_SHARES_BY_WINDOW, {{a, bytes_a}, {b, bytes_b}, {c, bytes_c}}};

    return w;
}

static void shares_go_by_tokens_and_bytes_of_a_window(void **state)
{
    /* bytes of a token alike: 1024, 4096 and 8192 of 13312 */
    cfi_windows w = three(1024, 4096, 8192, 1, 1, 1);
    uint64_t    blocks[CFI_MAX_PAGE_SPECS];

    (void)state;
    assert_true(cfi_windows_divide(&w, 13312 * 320, blocks));
    assert_int_equal(blocks[0], 10240);
    assert_int_equal(blocks[1], 40960);
    assert_int_equal(blocks[2], 81920);
    /* layers 1, 3 and 2: shares of 0.0345, 0.4138 and 0.5517 */
    w = three(1024, 4096, 8192, 1, 3, 2);
    assert_true(cfi_windows_divide(&w, UINT64_C(32) * 1000000, blocks));
    assert_in_range(blocks[0], 34450, 34550);
    assert_in_range(blocks[1] * 3, 413750, 413850);
    assert_in_range(blocks[2] * 2, 551650, 551750);
    w.shares = CFI_SHARES_EQUAL;
    assert_true(cfi_windows_divide(&w, UINT64_C(32) * 900, blocks));
    assert_int_equal(blocks[0], 300);
    assert_int_equal(blocks[1], 100);
    assert_int_equal(blocks[2], 150);
}

/* 8 bytes of a token and layer; layers 4, 3 and 2. */
static void windows_shrink_to_what_the_memory_holds(void **state)
{
    static const struct {
        uint64_t bytes, windows[3];
    } cases[] = {
        {8 * (100 * 9 + 30 * 5) + 4, {100, 130, 130}},
        {8 * (100 * 9 + 100 * 5 + 817 * 2) + 4, {100, 200, 1017}},
        {8 * (100 * 4 + 200 * 3 + 7000 * 2) + 9402, {100, 200, 7000}},
        {8 * (51 * 9) + 1, {51, 51, 51}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cfi_windows w = three(100, 200, 7000, 8 * 4, 8 * 3, 8 * 2);

        assert_int_equal(cfi_windows_adjust(&w, cases[i].bytes), cases[i].windows[2]);
        for (uint32_t k = 0; k < 3; k++)
            assert_int_equal(w.pool[k].window, cases[i].windows[k]);
    }
}

static void the_fewest_bytes_hold_the_requests(void **state)
{
    cfi_windows w = three(100, 200, 7000, 8 * 4, 8 * 3, 8 * 2);
    uint64_t    bytes, blocks[CFI_MAX_PAGE_SPECS];

    (void)state;
    assert_int_equal(cfi_windows_blocks(&w, 0), 4 + 1); /* 100 tokens, and one block where the request is longer */
    assert_int_equal(cfi_windows_blocks(&w, 2), 219);
    for (uint32_t shares = CFI_SHARES_EQUAL; shares <= CFI_SHARES_BY_WINDOW; shares++) {
        w.shares = (cfi_shares)shares;
        for (uint64_t sequences = 1; sequences <= 3; sequences++) {
            bool held = true;

            assert_true(cfi_windows_bytes(&w, sequences, &bytes));
            assert_true(cfi_windows_divide(&w, bytes, blocks));
            for (uint32_t i = 0; i < 3; i++)
                assert_true(blocks[i] >= sequences * cfi_windows_blocks(&w, i));
            assert_true(bytes > 8 * (100 * 4 + 200 * 3 + 7000 * 2)); /* nothing shrinks */
            assert_true(cfi_windows_divide(&w, bytes - 1, blocks));
            for (uint32_t i = 0; i < 3; i++)
                held = held && blocks[i] >= sequences * cfi_windows_blocks(&w, i);
            assert_true(!held || bytes - 1 == 8 * (100 * 4 + 200 * 3 + 7000 * 2));
        }
    }
    w.pool[2].token_bytes = UINT64_MAX / 4;
    assert_false(cfi_windows_bytes(&w, 1, &bytes));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_go_by_tokens_and_bytes_of_a_window),
        cmocka_unit_test(windows_shrink_to_what_the_memory_holds),
        cmocka_unit_test(the_fewest_bytes_hold_the_requests),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
